//! `WSClean`'s text read back.

use std::path::Path;

use super::ListError;
use super::listing::{At, Entry, Spectrum};
use super::places::{read_dec, read_ra};
use crate::algorithms::Scale;
use crate::images::{CleanBeam, UNIT_CELL};
use crate::io::FitsSource;
use crate::pipeline::ops::ListedShape;

/// The columns of a text without a line that tells them.
const USUAL: &str = "Name, Type, Ra, Dec, I, SpectralIndex, LogarithmicSI, ReferenceFrequency, MajorAxis, MinorAxis, \
                     Orientation";
/// Full widths that are the same within this share are those of a round shape.
const ROUND: f64 = 1e-6;

/// The columns, in lower case, with their defaults.
struct Format(Vec<(String, Option<String>)>);

impl Format {
    /// Reads `Name, Type, ReferenceFrequency='1e9'`.
    fn read(text: &str) -> Self {
        let column = |column: String| match column.split_once('=') {
            Some((name, default)) => {
                let default = default.trim().trim_matches(['\'', '"']).to_owned();
                (name.trim().to_ascii_lowercase(), Some(default).filter(|text| !text.is_empty()))
            }
            None => (column.trim().to_ascii_lowercase(), None),
        };
        Self(split(text).into_iter().map(column).collect())
    }

    /// The cell of a column; its default where it is empty.
    fn get<'a>(&'a self, cells: &'a [String], name: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(own, _)| own == name)?;
        let cell = cells.get(at).map(|cell| cell.trim()).filter(|cell| !cell.is_empty());
        cell.or(self.0[at].1.as_deref())
    }
}

/// Splits at commas outside brackets and quotes.
fn split(line: &str) -> Vec<String> {
    let (mut cells, mut depth, mut is_quoted) = (vec![String::new()], 0_i32, false);
    for letter in line.chars() {
        match letter {
            '[' => depth += 1,
            ']' => depth -= 1,
            '\'' | '"' => is_quoted = !is_quoted,
            _ => {}
        }
        match cells.last_mut() {
            Some(last) if letter != ',' || depth > 0 || is_quoted => last.push(letter),
            _ => cells.push(String::new()),
        }
    }
    cells
}

/// The components of a text.
pub(super) fn entries(path: &Path, text: &str, image: &FitsSource) -> Result<Vec<Entry>, ListError> {
    let mut format = Format::read(USUAL);
    let mut all = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(columns) = format_of(line) {
            format = Format::read(columns);
        } else if !line.is_empty() && !line.starts_with('#') {
            let cells = split(line);
            // a line without a type is the head of a patch of sources
            if format.get(&cells, "type").is_some() {
                let reader = Reader { path, number, format: &format, cells: &cells, image };
                all.push(reader.entry()?);
            }
        }
    }
    Ok(all)
}

/// The columns, if the line tells them: `Format = ...`, or `# (...) = format`.
fn format_of(line: &str) -> Option<&str> {
    let lower = line.to_ascii_lowercase();
    if lower.starts_with("format") {
        return line.split_once('=').map(|(_, columns)| columns);
    }
    let inside = lower.ends_with("format").then(|| line.split_once('(')?.1.rsplit_once(')').map(|(inside, _)| inside));
    inside.flatten()
}

/// A line that is read.
struct Reader<'a> {
    path: &'a Path,
    number: usize,
    format: &'a Format,
    cells: &'a [String],
    image: &'a FitsSource,
}

impl Reader<'_> {
    fn entry(&self) -> Result<Entry, ListError> {
        let ra = self.read("Ra", "a right ascension as 08:28:05.152", read_ra)?;
        let dec = self.read("Dec", "a declination as 39.35.08.511", read_dec)?;
        let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
        let flux = self.read("I", "a flux in Jy", number)?;
        let maybe = |name: &str| self.get(name).map(|_| self.read(name, "a number", number)).transpose();
        let terms = match self.get("SpectralIndex") {
            Some(_) => self.read("SpectralIndex", "numbers in brackets", list)?,
            None => Vec::new(),
        };
        let is_logarithmic = self.get("LogarithmicSI").is_none_or(|text| text.eq_ignore_ascii_case("true"));
        let reference = maybe("ReferenceFrequency")?;
        let plane = self.get("Name").and_then(plane_of).filter(|_| self.image.planes() > 1);
        Ok(Entry {
            place: format!("line {}", self.number),
            plane,
            at: At::Sky(ra, dec),
            shape: self.shape(&maybe)?,
            flux: Spectrum { flux, reference, terms, is_logarithmic },
        })
    }

    /// A point, or a Gaussian of given axes.
    fn shape(&self, maybe: &dyn Fn(&str) -> Result<Option<f64>, ListError>) -> Result<ListedShape, ListError> {
        let axes = [maybe("MajorAxis")?, maybe("MinorAxis")?, maybe("Orientation")?].map(|axis| axis.unwrap_or(0.0));
        let kind = self.get("Type").unwrap_or_default().to_ascii_uppercase();
        match kind.as_str() {
            "POINT" => Ok(ListedShape::Scale(Scale::POINT)),
            "GAUSSIAN" if axes[0] == 0.0 => Ok(ListedShape::Scale(Scale::POINT)),
            "GAUSSIAN" => {
                let [major, minor, angle] = axes;
                let cell = self.image.geometry().cell.unwrap_or(UNIT_CELL);
                let beam = CleanBeam::new(major / 3600.0, minor / 3600.0, angle)
                    .and_then(|beam| beam.shape_in_pixels(cell))
                    .map_err(|error| self.wrong("MajorAxis, MinorAxis", error.to_string(), "an ellipse"))?;
                let (wide, narrow) = beam.widths();
                let is_round = (wide - narrow).abs() < ROUND * wide;
                // the product of both keeps more digits than either
                let round = || ListedShape::Scale(Scale::gaussian((wide * narrow).sqrt()));
                Ok(if is_round { round() } else { ListedShape::Ellipse(beam) })
            }
            _ => Err(self.wrong("Type", format!("'{kind}'"), "POINT or GAUSSIAN")),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.format.get(self.cells, &name.to_ascii_lowercase())
    }

    fn read<T>(&self, name: &str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, ListError> {
        let text = self.get(name).unwrap_or_default();
        read(text).ok_or_else(|| self.wrong(name, format!("'{text}'"), expected))
    }

    fn wrong(&self, column: &str, found: String, expected: &str) -> ListError {
        let place = format!("line {}, {column}", self.number);
        ListError::Content { path: self.path.to_owned(), place, found, expected: expected.to_owned() }
    }
}

/// Numbers in brackets; those of a power law that is flat are none.
fn list(text: &str) -> Option<Vec<f64>> {
    let inside = text.trim().trim_start_matches('[').trim_end_matches(']');
    if inside.trim().is_empty() {
        return Some(Vec::new());
    }
    inside.split(',').map(|term| term.trim().parse().ok()).collect()
}

/// The plane that a name begins with: `p3s0c12`.
fn plane_of(name: &str) -> Option<usize> {
    let rest = name.strip_prefix('p')?;
    rest.split_once('s')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_outside_brackets_and_quotes() {
        assert_eq!(split("a,[1,2],'b,c',"), ["a", "[1,2]", "'b,c'", ""]);
        assert_eq!(list("[]"), Some(vec![]));
        assert_eq!(list("[-0.7, 0.1]"), Some(vec![-0.7, 0.1]));
        assert_eq!((plane_of("p3s0c1"), plane_of("s0c1"), plane_of("pulsar")), (Some(3), None, None));
    }

    #[test]
    fn formats_have_defaults_and_two_ways_to_be_told() {
        let format = Format::read(format_of("Format = Name, Type, ReferenceFrequency='1.5e8', I").unwrap());
        let cells = split("s0c1, POINT,, 3");
        assert_eq!(format.get(&cells, "referencefrequency"), Some("1.5e8"));
        assert_eq!(format.get(&cells, "i"), Some("3"));
        assert_eq!(format.get(&cells, "dec"), None);
        assert_eq!(format_of("# (Name, Type, Ra) = format"), Some("Name, Type, Ra"));
        assert_eq!(format_of("s0c0,POINT"), None);
    }
}
