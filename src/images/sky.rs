//! Where a pixel is on the sky.
//!
//! The linear part of the WCS (CRPIX and the CD matrix) is done here, in f64 and relative to any pixel one likes, so that
//! offsets inside a field of a few micro-arcseconds lose no digits to absolute coordinates; the spherical
//! projection is that of the CDS `wcs` crate. Coordinates stay in the frame of the header
//! (nothing is turned to ICRS).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wcs::{ImgXY, LonLat, WCS, WCSParams};

/// What the two axes of the sky are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// Right ascension and declination.
    Equatorial,
    /// Galactic longitude and latitude.
    Galactic,
    /// Another pair, told by its letters in CTYPE (ELON, HLON, SLON, ...).
    Other,
}

/// The WCS keys of the two celestial axes, in degrees, with scale and rotation folded into one matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SkyKeys {
    /// CTYPE1 and CTYPE2.
    pub ctype: [String; 2],
    /// CRPIX1 and CRPIX2, counted from 1 as in FITS; 0 where the header has none.
    pub crpix: [f64; 2],
    /// CRVAL1 and CRVAL2 \[deg\]; none where the header lacks either: then only offsets are known.
    pub crval: Option<[f64; 2]>,
    /// `[[CD1_1, CD1_2], [CD2_1, CD2_2]]` \[deg/pixel\].
    pub cd: [[f64; 2]; 2],
    /// LONPOLE, LATPOLE and the projection's PV keys, where given.
    pub extra: BTreeMap<String, f64>,
}

/// Celestial coordinates of an image, built from its header.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "SkyKeys", into = "SkyKeys")]
pub struct Sky {
    keys: SkyKeys,
    /// From the projection plane in degrees to the sphere; none where only offsets are known.
    sphere: Option<Arc<WCS>>,
}

impl Sky {
    /// Reads the cards of a header, given as `(key, value)` with or without the quotes of FITS strings;
    /// other keys are passed over. None where axes 1 and 2 are not a longitude and a latitude.
    pub fn from_cards<K: AsRef<str>, V: AsRef<str>>(cards: impl IntoIterator<Item = (K, V)>) -> Option<Self> {
        let cards = Cards::new(cards);
        let ctype = [cards.text("CTYPE1")?, cards.text("CTYPE2")?];
        let names = ctype.each_ref().map(|name| name.split('-').next().unwrap_or_default());
        let is_sky = names == ["RA", "DEC"] || (names[0].ends_with("LON") && names[1].ends_with("LAT"));
        if !is_sky {
            return None;
        }
        let unit = [cards.degrees(1)?, cards.degrees(2)?];
        let mut cd = cards.matrix();
        for (row, unit) in cd.iter_mut().zip(unit) {
            row[0] *= unit;
            row[1] *= unit;
        }
        let crval = match (cards.number("CRVAL1"), cards.number("CRVAL2")) {
            (Some(lon), Some(lat)) => Some([lon * unit[0], lat * unit[1]]),
            _ => None,
        };
        let crpix = [cards.number("CRPIX1").unwrap_or(0.0), cards.number("CRPIX2").unwrap_or(0.0)];
        let extra = cards.extra();
        Some(Self::from(SkyKeys { ctype, crpix, crval, cd, extra }))
    }

    /// The keys it was built from.
    pub fn keys(&self) -> &SkyKeys {
        &self.keys
    }

    /// What the axes are called.
    pub fn frame(&self) -> Frame {
        match self.keys.ctype[0].split('-').next() {
            Some("RA") => Frame::Equatorial,
            Some("GLON") => Frame::Galactic,
            _ => Frame::Other,
        }
    }

    /// Whether [`Self::lonlat`] and [`Self::pixel`] can answer: the header has CRVAL and a known projection.
    pub fn is_absolute(&self) -> bool {
        self.sphere.is_some()
    }

    /// Longitude `[0, 360)` and latitude \[deg\] of a point, in pixels counted from 0;
    /// none outside the projection, or where only offsets are known.
    pub fn lonlat(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let [x0, y0] = self.keys.crpix;
        let (u, v) = self.offsets((x, y), (x0 - 1.0, y0 - 1.0));
        let place = self.sphere.as_ref()?.unproj(&ImgXY::new(u, v))?;
        let (lon, lat) = (place.lon().to_degrees().rem_euclid(360.0), place.lat().to_degrees());
        (lon.is_finite() && lat.is_finite()).then_some((lon, lat))
    }

    /// The point, in pixels `(x, y)` counted from 0, at a longitude and latitude \[deg\].
    pub fn pixel(&self, lon: f64, lat: f64) -> Option<(f64, f64)> {
        let place = LonLat::new(lon.to_radians(), lat.to_radians());
        let plane = self.sphere.as_ref()?.proj(&place)?;
        let (dx, dy) = self.step_of(plane.x(), plane.y())?;
        let [x0, y0] = self.keys.crpix;
        let (x, y) = (x0 - 1.0 + dx, y0 - 1.0 + dy);
        (x.is_finite() && y.is_finite()).then_some((x, y))
    }

    /// Offset `(east, north)` \[deg\] of a point from another in the projection plane, both in pixels `(x, y)`;
    /// exact to rounding however small the cell, as no absolute coordinate enters.
    pub fn offsets(&self, point: (f64, f64), from: (f64, f64)) -> (f64, f64) {
        let (dx, dy) = (point.0 - from.0, point.1 - from.1);
        let [[a, b], [c, d]] = self.keys.cd;
        (a * dx + b * dy, c * dx + d * dy)
    }

    /// Inverse of [`Self::offsets`]: the step in pixels `(dx, dy)` that goes `east` and `north` \[deg\];
    /// none for a matrix that has no inverse.
    pub fn step_of(&self, east: f64, north: f64) -> Option<(f64, f64)> {
        let [[a, b], [c, d]] = self.keys.cd;
        let determinant = a * d - b * c;
        let step = ((d * east - b * north) / determinant, (a * north - c * east) / determinant);
        (determinant != 0.0 && step.0.is_finite() && step.1.is_finite()).then_some(step)
    }

    /// Lengths \[deg\] on the sky of one pixel along x and along y.
    pub fn pixel_lengths(&self) -> (f64, f64) {
        let [[a, b], [c, d]] = self.keys.cd;
        (a.hypot(c), b.hypot(d))
    }
}

impl From<SkyKeys> for Sky {
    fn from(keys: SkyKeys) -> Self {
        let sphere = sphere_of(&keys).map(Arc::new);
        Self { keys, sphere }
    }
}

impl From<Sky> for SkyKeys {
    fn from(sky: Sky) -> Self {
        sky.keys
    }
}

/// The projection alone: pixels of the crate are degrees in the projection plane.
fn sphere_of(keys: &SkyKeys) -> Option<WCS> {
    let [lon, lat] = keys.crval?;
    let code = keys.ctype[0].get(5..8).filter(|_| keys.ctype[0].len() == 8)?;
    // The crate takes SIN for the plain one: with PV2_1 or PV2_2 it would be silently wrong.
    let is_slant = |name: &str| keys.extra.get(name).is_some_and(|value| *value != 0.0);
    if code == "SIN" && (is_slant("PV2_1") || is_slant("PV2_2")) {
        return None;
    }
    let mut cards = serde_json::Map::new();
    for (axis, name) in ["RA--", "DEC-"].iter().enumerate() {
        cards.insert(format!("CTYPE{}", axis + 1), format!("{name}-{code}").into());
    }
    cards.insert("NAXIS".into(), 2.into());
    for key in ["NAXIS1", "NAXIS2"] {
        cards.insert(key.into(), 1.into());
    }
    let fixed = [("CRPIX1", 0.0), ("CRPIX2", 0.0), ("CDELT1", 1.0), ("CDELT2", 1.0), ("CRVAL1", lon), ("CRVAL2", lat)];
    let extra = keys.extra.iter().map(|(key, value)| (key.as_str(), *value));
    for (key, value) in fixed.into_iter().chain(extra) {
        cards.insert(key.into(), serde_json::Number::from_f64(value)?.into());
    }
    let params: WCSParams = serde_json::from_value(cards.into()).ok()?;
    WCS::new(&params).ok()
}

/// The cards that matter, by key.
struct Cards(BTreeMap<String, String>);

impl Cards {
    fn new<K: AsRef<str>, V: AsRef<str>>(cards: impl IntoIterator<Item = (K, V)>) -> Self {
        let wanted = ["CTYPE", "CUNIT", "CRPIX", "CRVAL", "CDELT", "CROTA", "CD", "PC", "PV", "LONPOLE", "LATPOLE"];
        let kept = cards.into_iter().filter(|(key, _)| wanted.iter().any(|start| key.as_ref().starts_with(start)));
        Self(kept.map(|(key, value)| (key.as_ref().trim().to_owned(), value.as_ref().trim().to_owned())).collect())
    }

    fn text(&self, key: &str) -> Option<String> {
        self.0.get(key).map(|value| value.trim_matches('\'').trim().to_owned())
    }

    /// FITS numbers may have the exponent of Fortran (`1.0D-4`).
    fn number(&self, key: &str) -> Option<f64> {
        self.text(key)?.replace(['D', 'd'], "E").parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// Degrees in the unit of an axis; none for a unit that is no angle.
    fn degrees(&self, axis: usize) -> Option<f64> {
        match self.text(&format!("CUNIT{axis}")).unwrap_or_default().as_str() {
            "" | "deg" | "degree" | "degrees" | "DEG" | "DEGREES" => Some(1.0),
            "arcmin" => Some(1.0 / 60.0),
            "arcsec" => Some(1.0 / 3600.0),
            "mas" => Some(1.0 / 3.6e6),
            "rad" => Some(1.0f64.to_degrees()),
            _ => None,
        }
    }

    /// The CD matrix, from CD, else PC and CDELT, else CROTA2 and CDELT.
    ///
    /// # Source
    /// Calabretta & Greisen 2002, A&A 395, 1077, section 6 (CROTA2: equation 189).
    fn matrix(&self) -> [[f64; 2]; 2] {
        let named = |name: &str, row: usize, column: usize| self.number(&format!("{name}{}_{}", row + 1, column + 1));
        let is_given = |name: &str| (0..4).any(|place| named(name, place / 2, place % 2).is_some());
        if is_given("CD") {
            return [0, 1].map(|row| [0, 1].map(|column| named("CD", row, column).unwrap_or(0.0)));
        }
        let cdelt = [self.number("CDELT1").unwrap_or(1.0), self.number("CDELT2").unwrap_or(1.0)];
        if is_given("PC") {
            let unity = |row, column| if row == column { 1.0 } else { 0.0 };
            return [0, 1].map(|row| {
                [0, 1].map(|column| cdelt[row] * named("PC", row, column).unwrap_or_else(|| unity(row, column)))
            });
        }
        let (sin, cos) = self.number("CROTA2").unwrap_or(0.0).to_radians().sin_cos();
        [[cdelt[0] * cos, -cdelt[1] * sin], [cdelt[0] * sin, cdelt[1] * cos]]
    }

    fn extra(&self) -> BTreeMap<String, f64> {
        let keys = self.0.keys().filter(|key| key.starts_with("PV") || key.ends_with("POLE"));
        keys.filter_map(|key| Some((key.clone(), self.number(key)?))).collect()
    }
}

#[cfg(test)]
mod tests;
