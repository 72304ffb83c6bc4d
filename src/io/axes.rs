//! The axes of an image: the two of the sky, those that count planes, and a region of them.

use std::ops::Range;

use super::card::{Card, Value};
use super::error::{FitsError, Place};
use super::header::Header;
use super::spec::Span;
use crate::images::{Cell, Geometry};

/// Speed of light \[m/s\], exact by definition of the metre.
const LIGHT: f64 = 299_792_458.0;

/// What an axis beyond the first two counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AxisKind {
    /// Polarisations.
    Stokes,
    /// Frequencies, velocities or wavelengths.
    Spectral,
    /// Something else, which then has length 1, or no name.
    Other,
}

impl AxisKind {
    /// Reads CTYPE (FITS standard 4.0, tables 25 and 29; VELO and FELO are the AIPS forms).
    fn from_ctype(ctype: &str) -> Self {
        const SPECTRAL: [&str; 13] =
            ["FREQ", "VRAD", "VOPT", "VELO", "FELO", "WAVE", "AWAV", "WAVN", "ENER", "ZOPT", "BETA", "CHAN", "SPEC"];
        let ctype = ctype.to_ascii_uppercase();
        match ctype.as_str() {
            stokes if stokes.starts_with("STOKES") => Self::Stokes,
            other if SPECTRAL.iter().any(|name| other.starts_with(name)) => Self::Spectral,
            _ => Self::Other,
        }
    }
}

/// An axis beyond the first two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaneAxis {
    /// CTYPE, empty if the header has none.
    pub ctype: String,
    /// What the axis counts.
    pub kind: AxisKind,
    /// Number of pixels.
    pub len: usize,
}

/// What one plane of an image is.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaneLabel {
    /// Position in the file, axis 3 fastest.
    pub index: usize,
    /// `I`, `Q`, `RR`, `XX`, ..., where there is a STOKES axis.
    pub stokes: Option<String>,
    /// Frequency \[Hz\], where there is a FREQ axis (or VRAD with a RESTFRQ).
    pub freq_hz: Option<f64>,
}

/// The axes of an image, from its header.
#[derive(Debug, Clone)]
pub(super) struct Axes {
    pub(super) geometry: Geometry,
    pub(super) beyond: Vec<PlaneAxis>,
    pub(super) labels: Vec<PlaneLabel>,
}

impl Axes {
    /// # Errors
    /// [`FitsError::Axes`] unless there are 2 to 4 axes, the sky first, then STOKES, FREQ, or axes of one
    /// pixel or without a name; [`FitsError::Key`] for coordinates that are not numbers.
    pub(super) fn from_header(header: &Header, place: &Place) -> Result<Self, FitsError> {
        let naxis = header.count("NAXIS", place)?;
        if !(2..=4).contains(&naxis) {
            return Err(place.wrong(FitsError::Axes, "NAXIS", "2 to 4 axes", naxis.to_string()));
        }
        let lens = lens(header, place)?;
        for (i, &len) in lens.iter().enumerate() {
            if len == 0 {
                return Err(place.wrong(FitsError::Axes, &format!("NAXIS{}", i + 1), "at least 1 pixel", "0"));
            }
        }
        for key in ["CTYPE1", "CTYPE2"] {
            let ctype = header.get_str(key).unwrap_or_default();
            if AxisKind::from_ctype(&ctype) != AxisKind::Other {
                return Err(place.wrong(FitsError::Axes, key, "a sky axis, as in RA---SIN", ctype));
            }
        }
        let beyond = (3..=lens.len()).map(|n| plane_axis(n, lens[n - 1], header, place)).collect::<Result<_, _>>()?;
        let geometry = Geometry { ny: lens[1], nx: lens[0], cell: cell(header, place)? };
        let mut axes = Self { geometry, beyond, labels: Vec::new() };
        axes.labels = axes.label_planes(header, place)?;
        Ok(axes)
    }

    /// Number of planes.
    pub(super) fn planes(&self) -> usize {
        self.beyond.iter().map(|axis| axis.len).product()
    }

    /// Pixel of each axis beyond the second that `plane` is at, from 0.
    pub(super) fn position(&self, plane: usize) -> Vec<usize> {
        let mut rest = plane;
        let next = |axis: &PlaneAxis| {
            let at = rest % axis.len;
            rest /= axis.len;
            at
        };
        self.beyond.iter().map(next).collect()
    }

    /// Which of the axes beyond the second, from 0, is the first of this kind.
    pub(super) fn find(&self, kind: AxisKind) -> Option<usize> {
        self.beyond.iter().position(|axis| axis.kind == kind)
    }

    /// Checks that there is such a plane, with such rows.
    ///
    /// # Errors
    /// [`FitsError::Shape`].
    pub(super) fn check(&self, plane: usize, rows: &Range<usize>, place: &Place) -> Result<(), FitsError> {
        place.check_region((self.planes(), self.geometry.ny), plane, rows)
    }

    fn label_planes(&self, header: &Header, place: &Place) -> Result<Vec<PlaneLabel>, FitsError> {
        let coordinate = |kind| self.find(kind).map(|i| Linear::from_header(header, i + 3, place)).transpose();
        let stokes = coordinate(AxisKind::Stokes)?;
        let spectral = coordinate(AxisKind::Spectral)?;
        let label = |plane| {
            let position = self.position(plane);
            let at = |kind| self.find(kind).map(|i| position[i]);
            let code = stokes.as_ref().zip(at(AxisKind::Stokes)).map(|(axis, i)| axis.at(i));
            let world = spectral.as_ref().zip(at(AxisKind::Spectral)).map(|(axis, i)| axis.at(i));
            PlaneLabel {
                index: plane,
                stokes: code.and_then(stokes_name),
                freq_hz: world.and_then(|world| self.frequency(world, header)),
            }
        };
        Ok((0..self.planes()).map(label).collect())
    }

    /// Frequency \[Hz\] of a coordinate of the spectral axis, where that is a linear function of it.
    fn frequency(&self, world: f64, header: &Header) -> Option<f64> {
        let axis = self.find(AxisKind::Spectral)?;
        let ctype = self.beyond[axis].ctype.to_ascii_uppercase();
        let unit = header.get_str(&format!("CUNIT{}", axis + 3)).unwrap_or_default();
        if ctype.starts_with("FREQ") {
            let factor = match unit.to_ascii_lowercase().as_str() {
                "" | "hz" => 1.0,
                "khz" => 1e3,
                "mhz" => 1e6,
                "ghz" => 1e9,
                _ => return None,
            };
            return Some(world * factor);
        }
        let rest = header.get_f64("RESTFRQ").or_else(|| header.get_f64("RESTFREQ"))?;
        let factor = match unit.as_str() {
            "" | "m/s" | "m s-1" => 1.0,
            "km/s" | "km s-1" => 1e3,
            _ => return None,
        };
        ctype.starts_with("VRAD").then(|| rest * (1.0 - world * factor / LIGHT))
    }
}

/// A linear axis: `world = crval + (pixel - crpix) * step`, with the pixel from 1.
struct Linear {
    crval: f64,
    crpix: f64,
    step: f64,
}

impl Linear {
    fn from_header(header: &Header, n: usize, place: &Place) -> Result<Self, FitsError> {
        let cd = header.number(&format!("CD{n}_{n}"), 1.0, place)?;
        Ok(Self {
            crval: header.number(&format!("CRVAL{n}"), 0.0, place)?,
            crpix: header.number(&format!("CRPIX{n}"), 0.0, place)?,
            step: header.number(&format!("CDELT{n}"), cd, place)?,
        })
    }

    /// The coordinate of pixel `i`, from 0.
    fn at(&self, i: usize) -> f64 {
        self.crval + (i as f64 + 1.0 - self.crpix) * self.step
    }
}

/// Name of a polarisation code (FITS standard 4.0, table 29).
fn stokes_name(code: f64) -> Option<String> {
    let name = match code.round() as i64 {
        1 => "I",
        2 => "Q",
        3 => "U",
        4 => "V",
        -1 => "RR",
        -2 => "LL",
        -3 => "RL",
        -4 => "LR",
        -5 => "XX",
        -6 => "YY",
        -7 => "XY",
        -8 => "YX",
        _ => return None,
    };
    Some(name.to_owned())
}

/// NAXIS1, NAXIS2, ...
fn lens(header: &Header, place: &Place) -> Result<Vec<usize>, FitsError> {
    let naxis = header.count("NAXIS", place)?;
    (1..=naxis).map(|n| Ok(header.count(&format!("NAXIS{n}"), place)? as usize)).collect()
}

fn plane_axis(n: usize, len: usize, header: &Header, place: &Place) -> Result<PlaneAxis, FitsError> {
    let ctype = header.get_str(&format!("CTYPE{n}")).unwrap_or_default();
    let kind = AxisKind::from_ctype(&ctype);
    // one without a name counts planes that are told by their order alone
    if kind == AxisKind::Other && len > 1 && !ctype.trim().is_empty() {
        let found = format!("'{ctype}' of {len} pixels");
        let expected = "STOKES or FREQ, or an axis of 1 pixel";
        return Err(place.wrong(FitsError::Axes, &format!("CTYPE{n}"), expected, found));
    }
    Ok(PlaneAxis { ctype, kind, len })
}

/// The cell, from the columns of the matrix that takes pixels to degrees: CD, or CDELT times PC. Its sign
/// is that of the diagonal, its size the length of the column, so a rotation does not change it. `None` if
/// the header does not tell.
fn cell(header: &Header, place: &Place) -> Result<Option<Cell>, FitsError> {
    let mut steps = [0.0; 2];
    let has_cd = (1..=2).all(|n| (1..=2).any(|m| header.get(&format!("CD{m}_{n}")).is_some()));
    for (n, step) in (1..=2).zip(&mut steps) {
        let mut column = [0.0; 2];
        for (m, term) in (1..=2).zip(&mut column) {
            let unity = f64::from(u8::from(m == n));
            let Some(unit) = degrees(&header.get_str(&format!("CUNIT{m}")).unwrap_or_default()) else {
                return Ok(None);
            };
            *term = unit
                * if has_cd {
                    header.number(&format!("CD{m}_{n}"), 0.0, place)?
                } else {
                    header.number(&format!("CDELT{m}"), 0.0, place)?
                        * header.number(&format!("PC{m}_{n}"), unity, place)?
                };
        }
        let diagonal = if n == 1 { column[0] } else { column[1] };
        *step = column[0].hypot(column[1]) * if diagonal < 0.0 { -1.0 } else { 1.0 };
    }
    let known = steps.iter().all(|step| step.is_finite() && *step != 0.0);
    Ok(known.then_some(Cell { dx: steps[0], dy: steps[1] }))
}

/// Degrees in an angular unit; no unit means degrees.
pub(super) fn degrees(unit: &str) -> Option<f64> {
    Some(match unit.trim().to_ascii_lowercase().as_str() {
        "" | "deg" | "degree" | "degrees" => 1.0,
        "arcmin" => 1.0 / 60.0,
        "arcsec" => 1.0 / 3600.0,
        "mas" => 1.0 / 3.6e6,
        "uas" => 1.0 / 3.6e9,
        "rad" => 180.0 / std::f64::consts::PI,
        _ => return None,
    })
}

/// A region cut out of an image: the sizes of all its axes, and the first pixel taken of each, from 0.
#[derive(Debug, Clone)]
pub(super) struct Window {
    pub(super) full: Vec<usize>,
    pub(super) first: Vec<usize>,
}

impl Window {
    /// The whole image, or the `region` of it; `header` becomes that of the region: `NAXISn` are its sizes,
    /// `CRPIXn` (of every alternate WCS too) are shifted, so that each pixel keeps its coordinates.
    ///
    /// # Errors
    /// [`FitsError::Region`] if the region leaves the image or has more axes than it.
    pub(super) fn cut(header: &mut Header, region: Option<&[Span]>, place: &Place) -> Result<Self, FitsError> {
        let full = lens(header, place)?;
        let mut first = vec![0; full.len()];
        for (i, span) in region.unwrap_or_default().iter().enumerate() {
            let Some((from, to)) = *span else { continue };
            let key = format!("NAXIS{}", i + 1);
            let len = full.get(i).copied().unwrap_or(0);
            if to > len {
                let found = format!("{from}:{to}");
                return Err(place.wrong(FitsError::Region, &key, format!("pixels 1:{len} or a part"), found));
            }
            first[i] = from - 1;
            header.set(Card::new(&key, (to + 1 - from) as i64, ""));
            shift_reference_pixels(header, i + 1, from - 1);
        }
        Ok(Self { full, first })
    }
}

fn shift_reference_pixels(header: &mut Header, axis: usize, shift: usize) {
    let key = format!("CRPIX{axis}");
    let has_wcs = ["CTYPE", "CRVAL", "CDELT"].iter().any(|stem| header.get(&format!("{stem}{axis}")).is_some());
    if has_wcs && header.get(&key).is_none() {
        header.push(Card::new(&key, 0.0, "")); // the value it has when absent
    }
    let is_reference = |card: &Card| {
        let version = card.key().strip_prefix(&key);
        version.is_some_and(|v| v.is_empty() || (v.len() == 1 && v.as_bytes()[0].is_ascii_uppercase()))
    };
    let moved: Vec<Card> =
        header.cards().filter(|card| is_reference(card)).filter_map(|card| moved(card, shift)).collect();
    for card in moved {
        header.set(card);
    }
}

fn moved(card: &Card, shift: usize) -> Option<Card> {
    let pixel = match card.value()? {
        Value::Integer(pixel) => pixel as f64,
        Value::Real(pixel) => pixel,
        Value::Logical(_) | Value::Text(_) => return None,
    };
    Some(Card::new(card.key(), pixel - shift as f64, ""))
}
