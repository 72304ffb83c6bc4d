//! CASA's region text format: <https://casadocs.readthedocs.io> (Region File Format).

use super::angle::{Axis, degrees, length};
use super::{Fault, Regions};
use crate::images::Celestial;
use crate::images::region::{Length, Outline, Point, Region};

/// Shapes that enclose nothing.
const EMPTY: [&str; 5] = ["line", "polyline", "vector", "text", "symbol"];

pub(super) fn parse(text: &str) -> Result<Regions, Fault> {
    let mut found = Regions::default();
    // CASA asks for the frame in each line; without one its examples mean J2000
    let mut global = Celestial::Equatorial;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fault = |expected: &str| Fault::new(number, expected, format!("'{line}'"));
        if let Some(parameters) = line.strip_prefix("global") {
            global = frame(parameters).unwrap_or(global);
            continue;
        }
        let is_excluded = line.starts_with('-');
        let rest = line.trim_start_matches(['+', '-']).trim_start();
        if rest.starts_with("ann ") {
            continue;
        }
        let open = rest.find('[').ok_or_else(|| fault("a shape with its coordinates in brackets"))?;
        let close = closing(&rest[open..]).ok_or_else(|| fault("as many closing as opening brackets"))? + open;
        let (name, inside, parameters) = (rest[..open].trim(), &rest[open + 1..close], &rest[close + 1..]);
        if EMPTY.contains(&name) {
            found.notes.push(format!("line {number}: a {name} encloses no pixel and is left out"));
            continue;
        }
        if ["range", "corr"].iter().any(|key| value_of(parameters, key).is_some()) {
            found.notes.push(format!("line {number}: range and corr are not read; the region holds in every plane"));
        }
        let frame = frame(parameters).unwrap_or_else(|| global.clone());
        let arguments: Vec<&str> =
            inside.split(['[', ']', ',']).map(str::trim).filter(|argument| !argument.is_empty()).collect();
        let outline =
            shape(name, &arguments, &frame).map_err(|expected| Fault::new(number, expected, format!("'{line}'")))?;
        found.regions.push(Region { outline, frame, is_excluded, line: number });
    }
    Ok(found)
}

/// Where the bracket closes with which the text begins.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.char_indices().find_map(|(at, letter)| {
        match letter {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

/// The value of `key=value` among parameters.
fn value_of<'a>(parameters: &'a str, key: &str) -> Option<&'a str> {
    let all = parameters.split([',', ' ']).map(str::trim);
    all.filter_map(|pair| pair.split_once('=')).find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
}

fn frame(parameters: &str) -> Option<Celestial> {
    Some(match value_of(parameters, "coord")?.to_ascii_uppercase().as_str() {
        "J2000" | "ICRS" | "FK5" => Celestial::Equatorial,
        "GALACTIC" => Celestial::Galactic,
        "B1950" | "FK4" => Celestial::Named("FK4".to_owned()),
        other => Celestial::Named(other.to_owned()),
    })
}

/// What a shape encloses.
///
/// # Errors
/// What was expected.
fn shape(name: &str, arguments: &[&str], frame: &Celestial) -> Result<Outline, String> {
    let place = |x: &str, y: &str| point((x, y), frame);
    match (name, arguments) {
        ("circle", [x, y, radius]) => {
            Ok(Outline::Ellipse { centre: place(x, y)?, half: [size(radius)?; 2], hole: None, angle: 0.0 })
        }
        ("annulus", [x, y, inner, outer]) => {
            let (hole, half) = ([size(inner)?; 2], [size(outer)?; 2]);
            Ok(Outline::Ellipse { centre: place(x, y)?, half, hole: Some(hole), angle: 0.0 })
        }
        // semi-axes, and the position angle of the first from north through east: a quarter of a turn from ours
        ("ellipse", [x, y, major, minor, angle]) => {
            let (half, angle) = ([size(major)?, size(minor)?], turn(angle)? + 90.0);
            Ok(Outline::Ellipse { centre: place(x, y)?, half, hole: None, angle })
        }
        ("box", [x, y, x2, y2]) => Ok(Outline::Corners([place(x, y)?, place(x2, y2)?])),
        ("centerbox", [x, y, width, height]) => rectangle(place(x, y)?, (width, height), 0.0),
        ("rotbox", [x, y, width, height, angle]) => rectangle(place(x, y)?, (width, height), turn(angle)?),
        ("poly", corners) if corners.len() >= 6 && corners.len().is_multiple_of(2) => {
            let corners = corners.chunks_exact(2).map(|pair| place(pair[0], pair[1]));
            Ok(Outline::Polygon(corners.collect::<Result<_, _>>()?))
        }
        _ => Err("circle[[x,y],r], annulus[[x,y],[r1,r2]], ellipse[[x,y],[bmaj,bmin],pa], box[[x1,y1],[x2,y2]], \
                  centerbox[[x,y],[dx,dy]], rotbox[[x,y],[dx,dy],angle] or poly[[x1,y1],[x2,y2],[x3,y3],..]"
            .to_owned()),
    }
}

fn rectangle(centre: Point, sides: (&str, &str), angle: f64) -> Result<Outline, String> {
    let half = [size(sides.0)?, size(sides.1)?].map(|side| match side {
        Length::Pixels(value) => Length::Pixels(value / 2.0),
        Length::Degrees(value) => Length::Degrees(value / 2.0),
    });
    Ok(Outline::Rectangle { centre, half, hole: None, angle })
}

/// Pixels are counted from 0.
fn point((x, y): (&str, &str), frame: &Celestial) -> Result<Point, String> {
    let pixel = |text: &str| text.strip_suffix("pix")?.trim().parse::<f64>().ok().filter(|at| at.is_finite());
    if let (Some(x), Some(y)) = (pixel(x), pixel(y)) {
        return Ok(Point::Pixel(x, y));
    }
    let axis = if *frame == Celestial::Galactic { Axis::Degrees } else { Axis::RightAscension };
    let has_unit = |text: &str| text.parse::<f64>().is_err();
    let place = degrees(x, axis).zip(degrees(y, Axis::Degrees)).filter(|_| has_unit(x) && has_unit(y));
    place.map(|(lon, lat)| Point::Sky(lon, lat)).ok_or_else(|| format!("coordinates with their units for '{x}, {y}'"))
}

fn size(text: &str) -> Result<Length, String> {
    length(text).ok_or_else(|| format!("a length with its unit for '{text}'"))
}

fn turn(text: &str) -> Result<f64, String> {
    degrees(text, Axis::Degrees).ok_or_else(|| format!("an angle such as 30deg for '{text}'"))
}
