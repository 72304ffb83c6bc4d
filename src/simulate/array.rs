//! Arrays: where the antennas stand.
//!
//! Positions are kept as (east, north, up) about the middle of the array, which is what lets the same array be set
//! up at another latitude. Files give them as geocentric ITRF coordinates, or as east, north, up.

use std::f64::consts::TAU;
use std::path::Path;

use super::error::SimulateError;

/// The arrays that are compiled in: name and antenna positions. The files name their source.
pub const ARRAYS: &[(&str, &str)] = &[
    ("meerkat", include_str!("../../data/layouts/meerkat.txt")),
    ("vla-a", include_str!("../../data/layouts/vla-a.txt")),
    ("vla-b", include_str!("../../data/layouts/vla-b.txt")),
    ("vla-c", include_str!("../../data/layouts/vla-c.txt")),
    ("vla-d", include_str!("../../data/layouts/vla-d.txt")),
    ("ska-mid", include_str!("../../data/layouts/ska-mid.txt")),
];

/// Antennas about the middle of their array.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    name: String,
    latitude: f64,
    antennas: Vec<[f64; 3]>,
}

impl Array {
    /// One of [`ARRAYS`].
    ///
    /// # Errors
    /// [`SimulateError::UnknownArray`], which lists the arrays there are.
    pub fn named(name: &str) -> Result<Self, SimulateError> {
        match ARRAYS.iter().find(|(known, _)| *known == name) {
            Some((known, text)) => Self::parse(known, text),
            None => Err(SimulateError::UnknownArray {
                name: name.to_owned(),
                known: ARRAYS.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Reads a layout file; the array is named after it. The format is that of [`Array::parse`].
    ///
    /// # Errors
    /// If the file cannot be read, or [`Array::parse`] cannot use it.
    pub fn read(path: &Path) -> Result<Self, SimulateError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SimulateError::LayoutRead { path: path.to_owned(), source })?;
        let mut array = Self::parse(&path.display().to_string(), &text)?;
        array.name = path.file_stem().map_or_else(|| array.name.clone(), |stem| stem.to_string_lossy().into_owned());
        Ok(array)
    }

    /// Reads antenna positions: per line three coordinates \[m\], what follows them is ignored; `#` starts a comment.
    ///
    /// Comments may hold two settings: `# frame: itrf` (the default: geocentric X Y Z) or `# frame: enu` (east, north,
    /// up), and with `enu` also `# latitude: DEGREES`.
    ///
    /// # Errors
    /// [`SimulateError::Layout`] with the line at fault.
    pub fn parse(origin: &str, text: &str) -> Result<Self, SimulateError> {
        let wrong = |line: usize, found: &str, expected: &'static str| SimulateError::Layout {
            origin: origin.to_owned(),
            line,
            found: found.to_owned(),
            expected,
        };
        let mut positions = Vec::new();
        let mut is_local = false;
        let mut latitude = None;
        for (index, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
            let comment = line.strip_prefix('#').map(str::trim);
            if let Some(frame) = comment.and_then(|comment| comment.strip_prefix("frame:")) {
                is_local = match frame.trim() {
                    "itrf" => false,
                    "enu" => true,
                    other => return Err(wrong(index, other, "'itrf' or 'enu'")),
                };
            } else if let Some(value) = comment.and_then(|comment| comment.strip_prefix("latitude:")) {
                latitude = Some(value.trim().parse::<f64>().ok().filter(|degrees| degrees.abs() <= 90.0));
                latitude.flatten().ok_or_else(|| wrong(index, value.trim(), "a latitude in degrees, -90 to 90"))?;
            } else if comment.is_none() && !line.is_empty() {
                positions.push(coordinates(line).ok_or_else(|| wrong(index, line, "three coordinates in metres"))?);
            }
        }
        if positions.len() < 2 {
            return Err(wrong(0, &format!("{} antennas", positions.len()), "at least 2 antennas"));
        }
        if centred(&positions).iter().flatten().all(|offset| offset.abs() < 1e-3) {
            return Err(wrong(0, "every antenna at one place", "antennas apart from each other"));
        }
        match (is_local, latitude.flatten()) {
            (false, _) => geocentric(origin, &positions),
            (true, Some(degrees)) => Ok(Self::new(origin, degrees.to_radians(), centred(&positions))),
            (true, None) => Err(wrong(0, "no latitude", "a line '# latitude: DEGREES' with '# frame: enu'")),
        }
    }

    fn new(name: &str, latitude: f64, antennas: Vec<[f64; 3]>) -> Self {
        Self { name: name.to_owned(), latitude, antennas }
    }

    /// The same array set up at another latitude \[deg\].
    pub fn at_latitude(mut self, degrees: f64) -> Self {
        self.latitude = degrees.to_radians();
        self
    }

    /// Name of the array.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Geodetic latitude \[rad\].
    pub fn latitude(&self) -> f64 {
        self.latitude
    }

    /// Number of antennas.
    pub fn antennas(&self) -> usize {
        self.antennas.len()
    }

    /// Length of the longest baseline \[m\].
    pub fn longest_baseline(&self) -> f64 {
        let pairs = self.antennas.iter().enumerate().flat_map(|(i, a)| self.antennas[..i].iter().map(move |b| (a, b)));
        pairs.map(|(a, b)| (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()).fold(0.0, f64::max)
    }

    /// Positions in the local equatorial frame \[m\]: towards hour angle 0 on the equator, towards the east, towards
    /// the north pole (Thompson, Moran & Swenson 2017, eq. 4.4).
    pub fn equatorial(&self) -> Vec<[f64; 3]> {
        let (sin, cos) = self.latitude.sin_cos();
        self.antennas.iter().map(|[e, n, u]| [cos * u - sin * n, *e, cos * n + sin * u]).collect()
    }
}

fn coordinates(line: &str) -> Option<[f64; 3]> {
    let mut fields = line.split_whitespace().map(|field| field.parse::<f64>().ok().filter(|value| value.is_finite()));
    Some([fields.next()??, fields.next()??, fields.next()??])
}

fn mean(positions: &[[f64; 3]]) -> [f64; 3] {
    [0, 1, 2].map(|k| positions.iter().map(|position| position[k]).sum::<f64>() / positions.len() as f64)
}

fn centred(positions: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let middle = mean(positions);
    positions.iter().map(|position| [0, 1, 2].map(|k| position[k] - middle[k])).collect()
}

/// Semi-major axis \[m\] and squared eccentricity of the WGS 84 ellipsoid.
const EARTH: (f64, f64) = (6_378_137.0, 6.694_379_990_14e-3);

/// Turns geocentric positions into east, north, up about their mean.
fn geocentric(origin: &str, positions: &[[f64; 3]]) -> Result<Array, SimulateError> {
    let [x, y, z] = mean(positions);
    let axis = x.hypot(y);
    if axis.hypot(z) < 0.9 * EARTH.0 {
        return Err(SimulateError::Layout {
            origin: origin.to_owned(),
            line: 0,
            found: format!("a mean radius of {:.0} m", axis.hypot(z)),
            expected: "geocentric coordinates (6.37e6 m), or '# frame: enu' and '# latitude: DEGREES'",
        });
    }
    let longitude = y.atan2(x).rem_euclid(TAU);
    let latitude = geodetic_latitude(axis, z);
    let ((sin_lon, cos_lon), (sin_lat, cos_lat)) = (longitude.sin_cos(), latitude.sin_cos());
    let antennas = centred(positions)
        .iter()
        .map(|[x, y, z]| {
            let meridian = cos_lon * x + sin_lon * y;
            [cos_lon * y - sin_lon * x, cos_lat * z - sin_lat * meridian, cos_lat * meridian + sin_lat * z]
        })
        .collect();
    Ok(Array::new(origin, latitude, antennas))
}

/// Geodetic latitude of a point `axis` from the Earth's axis and `z` above the equator, by fixed-point iteration:
/// each round gains a factor of about 1/e^2 = 150, and the eight of them reach rounding.
fn geodetic_latitude(axis: f64, z: f64) -> f64 {
    let (a, e2) = EARTH;
    (0..8).fold(z.atan2(axis * (1.0 - e2)), |latitude, _| {
        let sin = latitude.sin();
        (z + e2 * a / (1.0 - e2 * sin * sin).sqrt() * sin).atan2(axis)
    })
}
