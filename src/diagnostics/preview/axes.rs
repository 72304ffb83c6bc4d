//! What to write along the edges of an image.

use crate::images::{Frame, Sky};

use super::super::ticks::{Angle, degrees, degrees_step, hours, hours_step, linear, multiples, round_step};

/// A field smaller than this \[deg\] is labelled by offsets: absolute labels would share all but their last digits.
const SMALLEST_ABSOLUTE_FIELD: f64 = 10.0 / 3600.0;
/// Points along an edge at which coordinates are computed; ticks are found between them linearly.
const SAMPLES: usize = 512;

/// Ticks along one edge: places from 0 (left, bottom) to 1, and texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edge {
    pub(crate) ticks: Vec<(f64, String)>,
    pub(crate) name: String,
}

/// The two labelled edges.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axes {
    pub(crate) bottom: Edge,
    pub(crate) left: Edge,
}

/// Axes of an image of shape `(ny, nx)`: coordinates where the field is large enough and they are known,
/// else offsets from the pixel `(ny/2, nx/2)`, else pixels counted from 0.
pub(crate) fn image_axes(sky: Option<&Sky>, shape: (usize, usize)) -> Axes {
    let Some(sky) = sky else {
        return pixel_axes(shape);
    };
    let (lx, ly) = sky.pixel_lengths();
    let field = (lx * shape.1 as f64).max(ly * shape.0 as f64);
    let absolute = if field >= SMALLEST_ABSOLUTE_FIELD { absolute_axes(sky, shape) } else { None };
    absolute.unwrap_or_else(|| offset_axes(Some(sky), shape))
}

/// Offsets from the pixel `(ny/2, nx/2)`, in the unit that suits them; in pixels without a sky.
pub(crate) fn offset_axes(sky: Option<&Sky>, shape: (usize, usize)) -> Axes {
    let (ny, nx) = (shape.0 as f64, shape.1 as f64);
    let Some(sky) = sky else {
        let edge = |n: f64| offset_edge(n, (n / 2.0).floor(), 1.0, "offset [pixels]".into());
        return Axes { bottom: edge(nx), left: edge(ny) };
    };
    let (lx, ly) = sky.pixel_lengths();
    let (unit, size) = angle_unit((lx * nx).max(ly * ny) / 2.0);
    let (along_x, along_y) = (sky.offsets((1.0, 0.0), (0.0, 0.0)), sky.offsets((0.0, 1.0), (0.0, 0.0)));
    let is_turned = along_x.1.abs() > 1e-3 * lx || along_y.0.abs() > 1e-3 * ly;
    let names = if is_turned { ["along x", "along y"] } else { ["east", "north"] };
    let [bottom, left] = names.map(|name| format!("offset {name} [{unit}]"));
    let (sign_x, sign_y) = if is_turned { (1.0, 1.0) } else { (along_x.0.signum(), along_y.1.signum()) };
    Axes {
        bottom: offset_edge(nx, (nx / 2.0).floor(), sign_x * lx / size, bottom),
        left: offset_edge(ny, (ny / 2.0).floor(), sign_y * ly / size, left),
    }
}

/// The largest unit of which the angle \[deg\] has at least one, and its size \[deg\].
fn angle_unit(angle: f64) -> (&'static str, f64) {
    let units = [("deg", 1.0), ("arcmin", 1.0 / 60.0), ("arcsec", 1.0 / 3600.0), ("mas", 1.0 / 3.6e6)];
    units.into_iter().find(|(_, size)| angle >= *size).unwrap_or(("µas", 1.0 / 3.6e9))
}

fn pixel_axes((ny, nx): (usize, usize)) -> Axes {
    let edge = |n: usize, name: &str| offset_edge(n as f64, 0.0, 1.0, name.into());
    Axes { bottom: edge(nx, "x [pixels]"), left: edge(ny, "y [pixels]") }
}

/// An edge of `n` pixels on which pixel `zero` has the value 0 and every pixel adds `step`.
fn offset_edge(n: f64, zero: f64, step: f64, name: String) -> Edge {
    let ends = [(-0.5 - zero) * step, (n - 0.5 - zero) * step];
    let (low, high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
    let ticks = linear(low, high, 6.0).into_iter();
    Edge { ticks: ticks.map(|tick| ((tick.value - ends[0]) / (ends[1] - ends[0]), tick.label)).collect(), name }
}

/// How a coordinate is written.
type Write = fn(f64, Angle) -> String;

/// Longitudes along the bottom and latitudes along the left edge; none where they do not run one way there
/// (a pole in the field, an image turned by 90 degrees), or where an edge gets fewer than two ticks.
fn absolute_axes(sky: &Sky, (ny, nx): (usize, usize)) -> Option<Axes> {
    let place = |step: usize, n: usize| step as f64 / SAMPLES as f64 * n as f64 - 0.5;
    let bottom = (0..=SAMPLES).map(|step| sky.lonlat(place(step, nx), -0.5)).collect::<Option<Vec<_>>>()?;
    let left = (0..=SAMPLES).map(|step| sky.lonlat(-0.5, place(step, ny))).collect::<Option<Vec<_>>>()?;
    let mut longitudes: Vec<f64> = bottom.iter().map(|place| place.0).collect();
    for step in 1..longitudes.len() {
        let jump = longitudes[step] - longitudes[step - 1];
        longitudes[step] -= 360.0 * (jump / 360.0).round();
    }
    let latitudes: Vec<f64> = left.iter().map(|place| place.1).collect();
    // The latitude along the bottom may change by less than the longitude does, or the edge says little.
    let width = (longitudes[SAMPLES] - longitudes[0]).abs() * bottom[SAMPLES / 2].1.to_radians().cos();
    let height = (latitudes[SAMPLES] - latitudes[0]).abs();
    let (lx, ly) = sky.pixel_lengths();
    if width < 0.7 * lx * nx as f64 || height < 0.7 * ly * ny as f64 {
        return None;
    }
    let (names, write): ([&str; 2], Write) = match sky.frame() {
        Frame::Equatorial => (["right ascension", "declination"], hours),
        Frame::Galactic => (["galactic longitude", "galactic latitude"], longitude),
        Frame::Other => (["longitude", "latitude"], longitude),
    };
    let length = (longitudes[SAMPLES] - longitudes[0]).abs();
    let step = if sky.frame() == Frame::Equatorial { hours_step(length, 4.0) } else { degrees_step(length, 4.0) };
    let size = if sky.frame() == Frame::Equatorial { step.seconds * 15.0 } else { step.seconds } / 3600.0;
    let bottom = crossings(&longitudes, size, |value| write(value, step))?;
    let step = degrees_step(height, 6.0);
    let left = crossings(&latitudes, step.seconds / 3600.0, |value| degrees(value, step))?;
    let [lon, lat] = names.map(String::from);
    Some(Axes { bottom: Edge { ticks: bottom, name: lon }, left: Edge { ticks: left, name: lat } })
}

/// A longitude in degrees from 0 to 360, without a sign.
fn longitude(value: f64, step: Angle) -> String {
    degrees(value.rem_euclid(360.0), step).trim_start_matches('+').into()
}

/// Where evenly spaced samples that run one way reach the multiples of a step; none for fewer than two, or others.
fn crossings(samples: &[f64], step: f64, write: impl Fn(f64) -> String) -> Option<Vec<(f64, String)>> {
    let direction = (samples[samples.len() - 1] - samples[0]).signum();
    if samples.windows(2).any(|pair| (pair[1] - pair[0]) * direction <= 0.0) {
        return None;
    }
    let (first, last) = (samples[0], samples[samples.len() - 1]);
    let wanted = multiples(first.min(last), first.max(last), step);
    let found = wanted.into_iter().map(|value| {
        let after = samples.partition_point(|sample| (value - sample) * direction > 0.0).clamp(1, samples.len() - 1);
        let part = (value - samples[after - 1]) / (samples[after] - samples[after - 1]);
        (((after - 1) as f64 + part) / (samples.len() - 1) as f64, write(value))
    });
    let found: Vec<_> = found.collect();
    (found.len() > 1).then_some(found)
}

/// Coordinates of the pixel `(ny/2, nx/2)`, to a tenth of a pixel or a micro-arcsecond of the numbers' own precision.
pub(crate) fn centre(sky: &Sky, (ny, nx): (usize, usize)) -> Option<[String; 2]> {
    let (lon, lat) = sky.lonlat((nx / 2) as f64, (ny / 2) as f64)?;
    let cell = sky.pixel_lengths().0.min(sky.pixel_lengths().1) * 3600.0;
    // Absolute f64 degrees hold no more than a tenth of a micro-arcsecond.
    let step = Angle { seconds: round_step(cell.clamp(1e-6, 1.0), 1.0).min(1.0) };
    let text = match sky.frame() {
        Frame::Equatorial => hours(lon, Angle { seconds: (step.seconds / 10.0).max(1e-7) }),
        Frame::Galactic | Frame::Other => longitude(lon, step),
    };
    Some([text, degrees(lat, step)])
}
