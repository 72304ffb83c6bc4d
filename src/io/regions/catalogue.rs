//! Catalogues: tables with commas, a line of names, and a circle in each further line.

use super::angle::{Axis, degrees, length, unit_named};
use super::{Fault, Regions};
use crate::images::Celestial;
use crate::images::region::{Length, Outline, Point, Region};

/// A column: where it stands, and the unit that its name tells.
type Column<'a> = (usize, Option<&'a str>);

/// What the columns mean.
struct Columns<'a> {
    x: Column<'a>,
    y: Column<'a>,
    radius: Column<'a>,
    /// None for pixels.
    frame: Option<Celestial>,
}

/// `radius_arcsec`, `radius[arcsec]` or `radius (arcsec)` as name and unit.
fn name_and_unit(column: &str) -> (&str, Option<&str>) {
    let column = column.trim();
    let unit = |text: &'_ str| text == "pix" || text == "pixels" || unit_named(text).is_some();
    if let Some((name, rest)) = column.split_once(['[', '(']) {
        return (name.trim(), Some(rest.trim_end_matches([']', ')']).trim()));
    }
    match column.rsplit_once('_') {
        Some((name, last)) if unit(last) => (name, Some(last)),
        _ => (column, None),
    }
}

impl<'a> Columns<'a> {
    /// Finds the columns by the line of names.
    fn find(names: &'a [String]) -> Option<Self> {
        let find = |wanted: &[&str]| {
            let column = |(at, column): (usize, &'a String)| {
                let (name, unit) = name_and_unit(column);
                wanted.contains(&name).then_some((at, unit))
            };
            names.iter().enumerate().find_map(column)
        };
        let radius = find(&["radius", "rad", "r"])?;
        let pair = |x: &[&str], y: &[&str], frame| {
            let (x, y) = (find(x)?, find(y)?);
            Some(Self { x, y, radius, frame })
        };
        pair(&["ra", "raj2000", "right_ascension"], &["dec", "dej2000", "declination"], Some(Celestial::Equatorial))
            .or_else(|| pair(&["glon", "l"], &["glat", "b"], Some(Celestial::Galactic)))
            .or_else(|| pair(&["x"], &["y"], None))
    }
}

pub(super) fn parse(text: &str) -> Result<Regions, Fault> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(text.as_bytes());
    let broken = |error: &csv::Error| {
        let line = error.position().map_or(1, |position| position.line() as usize);
        Fault::new(line, "a table with commas, a line of names first", error.to_string())
    };
    let names = reader.headers().map_err(|error| broken(&error))?;
    let names: Vec<String> = names.iter().map(str::to_ascii_lowercase).collect();
    let columns = Columns::find(&names).ok_or_else(|| {
        let expected = "columns ra, dec, radius (or glon, glat, radius, or x, y, radius), units as in radius_arcsec";
        Fault::new(1, expected, names.join(", "))
    })?;
    let mut found = Regions::default();
    for record in reader.records() {
        let record = record.map_err(|error| broken(&error))?;
        let line = record.position().map_or(0, |position| position.line() as usize);
        let fault = |expected: String| Fault::new(line, expected, record.iter().collect::<Vec<_>>().join(", "));
        let cell = |column: Column<'_>| record.get(column.0).unwrap_or_default();
        let centre = centre(&columns, (cell(columns.x), cell(columns.y))).map_err(fault)?;
        let half = [radius(cell(columns.radius), columns.radius.1).map_err(fault)?; 2];
        let outline = Outline::Ellipse { centre, half, hole: None, angle: 0.0 };
        let frame = columns.frame.clone().unwrap_or(Celestial::Equatorial);
        found.regions.push(Region { outline, frame, is_excluded: false, line });
    }
    Ok(found)
}

/// A place; pixels are counted from 0, and numbers without a unit are degrees.
fn centre(columns: &Columns<'_>, (x, y): (&str, &str)) -> Result<Point, String> {
    let wrong = || format!("a place for '{x}, {y}'");
    let angle = |text: &str, unit: Option<&str>, axis| match (text.parse::<f64>(), unit) {
        (Ok(value), Some("hours" | "hourangle")) => Some(15.0 * value),
        (Ok(value), Some(unit)) => unit_named(unit).map(|degrees| value * degrees),
        _ => degrees(text, axis),
    };
    let place = match &columns.frame {
        None => x.parse().ok().zip(y.parse().ok()).map(|(x, y)| Point::Pixel(x, y)),
        Some(frame) => {
            let axis = if *frame == Celestial::Galactic { Axis::Degrees } else { Axis::RightAscension };
            let lon = angle(x, columns.x.1, axis);
            lon.zip(angle(y, columns.y.1, Axis::Degrees)).map(|(lon, lat)| Point::Sky(lon, lat))
        }
    };
    let is_finite = |point: &Point| match point {
        Point::Pixel(x, y) | Point::Sky(x, y) => x.is_finite() && y.is_finite(),
    };
    place.filter(is_finite).ok_or_else(wrong)
}

/// A radius, whose unit stands in the name of its column or beside it.
fn radius(text: &str, unit: Option<&str>) -> Result<Length, String> {
    let number = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
    let read = match (number, unit) {
        (Some(value), Some("pix" | "pixel" | "pixels")) => Some(Length::Pixels(value)),
        (Some(value), Some(unit)) => unit_named(unit).map(|degrees| Length::Degrees(value * degrees)),
        _ => length(text),
    };
    read.ok_or_else(|| {
        format!("a radius with its unit for '{text}', as in 8asec or in a column radius_arcsec or radius_pix")
    })
}
