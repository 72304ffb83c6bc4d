//! Regions of DS9: <http://ds9.si.edu/doc/ref/region.html>.

use super::angle::{Axis, degrees, length};
use super::{Fault, Regions};
use crate::images::Celestial;
use crate::images::region::{Length, Outline, Point, Region};

/// What coordinates without a unit are.
#[derive(Debug, Clone, PartialEq)]
enum System {
    /// Pixels from 1.
    Image,
    /// Degrees.
    Sky(Celestial),
}

impl System {
    /// The system of this name; `None` for a word that names none.
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            // without LTM and LTV keys the physical coordinates are those of the image
            "image" | "physical" => Self::Image,
            "fk5" | "j2000" | "icrs" => Self::Sky(Celestial::Equatorial),
            "galactic" => Self::Sky(Celestial::Galactic),
            "fk4" | "b1950" => Self::Sky(Celestial::Named("FK4".to_owned())),
            "ecliptic" => Self::Sky(Celestial::Named("ecliptic".to_owned())),
            _ => return None,
        })
    }
}

/// Shapes that enclose nothing.
const EMPTY: [&str; 9] = ["point", "line", "vector", "text", "ruler", "compass", "projection", "segment", "composite"];

pub(super) fn parse(text: &str) -> Result<Regions, Fault> {
    let mut found = Regions::default();
    let mut excluded = Vec::new();
    // DS9 takes coordinates for physical ones where a file does not say what they are
    let mut system = System::Image;
    for (number, line) in (1..).zip(text.lines()) {
        for command in line.split(['#']).next().unwrap_or_default().split(';') {
            let command = command.trim().trim_end_matches("||").trim();
            let word: String = command.chars().take_while(char::is_ascii_alphanumeric).collect();
            let word = word.to_ascii_lowercase();
            if command.is_empty() || word == "global" {
                continue;
            }
            if let Some(named) = System::named(&command.to_ascii_lowercase()) {
                system = named;
                continue;
            }
            let is_excluded = command.starts_with('-');
            let command = command.trim_start_matches(['+', '-']).trim_start();
            let (name, arguments) = split(command);
            if command.contains('(') != command.ends_with(')') {
                let expected = format!("{name}(...) with both of its brackets");
                return Err(Fault::new(number, expected, format!("'{command}'")));
            }
            if EMPTY.contains(&name.as_str()) {
                found.notes.push(format!("line {number}: a {name} encloses no pixel and is left out"));
                continue;
            }
            let outline = shape(&name, &arguments, &system)
                .map_err(|expected| Fault::new(number, expected, format!("'{command}'")))?;
            let frame = match &system {
                System::Sky(frame) => frame.clone(),
                System::Image => Celestial::Equatorial,
            };
            let region = Region { outline, frame, is_excluded, line: number };
            if is_excluded { excluded.push(region) } else { found.regions.push(region) }
        }
    }
    // what is excluded is taken out of all others, wherever it stands
    found.regions.extend(excluded);
    Ok(found)
}

/// The shape's name in lower case, and its arguments.
fn split(command: &str) -> (String, Vec<&str>) {
    let end = command.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(command.len());
    let arguments = command[end..].trim().trim_start_matches('(').trim_end_matches(')');
    let arguments = arguments.split([',', ' ', '\t']).map(str::trim).filter(|argument| !argument.is_empty());
    (command[..end].to_ascii_lowercase(), arguments.collect())
}

/// What a shape encloses.
///
/// # Errors
/// What was expected.
fn shape(name: &str, arguments: &[&str], system: &System) -> Result<Outline, String> {
    let usual = |what: &str| Err(format!("{name}({what})"));
    match name {
        "circle" => match arguments {
            [x, y, radius] => {
                let (centre, radius) = (point((x, y), system)?, size(radius, system)?);
                Ok(Outline::Ellipse { centre, half: [radius; 2], hole: None, angle: 0.0 })
            }
            _ => usual("x,y,radius"),
        },
        "annulus" => match arguments {
            [x, y, inner, .., outer] => {
                let (centre, inner, outer) = (point((x, y), system)?, size(inner, system)?, size(outer, system)?);
                Ok(Outline::Ellipse { centre, half: [outer; 2], hole: Some([inner; 2]), angle: 0.0 })
            }
            _ => usual("x,y,inner radius,outer radius"),
        },
        "ellipse" => {
            let Some((centre, sizes, angle)) = turned(arguments, system)? else {
                return usual("x,y,radius,radius,angle");
            };
            let half = sizes[sizes.len() - 1];
            let hole = (sizes.len() > 1).then(|| sizes[0]);
            Ok(Outline::Ellipse { centre, half, hole, angle })
        }
        "box" | "rotbox" => {
            let Some((centre, sizes, angle)) = turned(arguments, system)? else {
                return usual("x,y,width,height,angle");
            };
            let halves = |sides: [Length; 2]| sides.map(halved);
            let half = halves(sizes[sizes.len() - 1]);
            let hole = (sizes.len() > 1).then(|| halves(sizes[0]));
            Ok(Outline::Rectangle { centre, half, hole, angle })
        }
        "polygon" if arguments.len() >= 6 && arguments.len().is_multiple_of(2) => {
            let corners = arguments.chunks_exact(2).map(|pair| point((pair[0], pair[1]), system));
            Ok(Outline::Polygon(corners.collect::<Result<_, _>>()?))
        }
        "polygon" => usual("x1,y1,x2,y2,x3,y3,..."),
        _ => Err("circle, ellipse, box, polygon, annulus, or a system such as fk5, icrs, galactic, image".to_owned()),
    }
}

fn halved(length: Length) -> Length {
    match length {
        Length::Pixels(value) => Length::Pixels(value / 2.0),
        Length::Degrees(value) => Length::Degrees(value / 2.0),
    }
}

/// Centre, pairs of sizes from the innermost to the outermost, and angle.
type Turned = (Point, Vec<[Length; 2]>, f64);

/// Reads `x,y,size,size[,size,size..][,angle]`; `None` for another number of arguments.
fn turned(arguments: &[&str], system: &System) -> Result<Option<Turned>, String> {
    let [x, y, rest @ ..] = arguments else { return Ok(None) };
    let (sizes, angle) = if rest.len() % 2 == 1 {
        let text = rest[rest.len() - 1];
        let angle = degrees(text, Axis::Degrees).ok_or_else(|| format!("an angle in degrees for '{text}'"))?;
        (&rest[..rest.len() - 1], angle)
    } else {
        (rest, 0.0)
    };
    if sizes.is_empty() {
        return Ok(None);
    }
    let pair = |pair: &[&str]| Ok([size(pair[0], system)?, size(pair[1], system)?]);
    let sizes = sizes.chunks_exact(2).map(pair).collect::<Result<_, String>>()?;
    Ok(Some((point((x, y), system)?, sizes, angle)))
}

fn point((x, y): (&str, &str), system: &System) -> Result<Point, String> {
    let wrong = || format!("a place in the system of the region for '{x},{y}'");
    match system {
        System::Image => {
            let pixel = |text: &str| text.trim_end_matches(['i', 'p']).parse::<f64>().ok().filter(|at| at.is_finite());
            let (x, y) = pixel(x).zip(pixel(y)).ok_or_else(wrong)?;
            Ok(Point::Pixel(x - 1.0, y - 1.0))
        }
        System::Sky(frame) => {
            let axis = if *frame == Celestial::Galactic { Axis::Degrees } else { Axis::RightAscension };
            let lon = degrees(x, axis);
            let (lon, lat) = lon.zip(degrees(y, Axis::Degrees)).ok_or_else(wrong)?;
            Ok(Point::Sky(lon, lat))
        }
    }
}

/// A length; without a unit it is in that of the system.
fn size(text: &str, system: &System) -> Result<Length, String> {
    let wrong = || format!("a length of 0 or more for '{text}'");
    let plain = text.parse::<f64>().ok();
    match (plain, system) {
        (Some(value), _) if !value.is_finite() || value < 0.0 => Err(wrong()),
        (Some(value), System::Image) => Ok(Length::Pixels(value)),
        (Some(value), System::Sky(_)) => Ok(Length::Degrees(value)),
        (None, _) => length(text).ok_or_else(wrong),
    }
}
