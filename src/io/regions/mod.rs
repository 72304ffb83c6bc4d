//! Files of regions: those of DS9, those of CASA, and catalogues with radii.

mod angle;
mod catalogue;
mod crtf;
mod ds9;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::images::region::Region;

/// What a file of regions holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Regions {
    /// The regions, in the order in which they act.
    pub regions: Vec<Region>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// Kinds of files that tell of places on an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionFormat {
    /// DS9 (`.reg`).
    Ds9,
    /// CASA's region text format (`.crtf`).
    Crtf,
    /// A table with commas and a line of names (`.csv`).
    Catalogue,
}

/// Why a file of regions cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A line that cannot be understood.
    #[error("cannot understand {}\n  line {line}: expected {expected}, found {found}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What would have been right.
        expected: String,
        /// What stands there.
        found: String,
    },
}

impl RegionError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Read { .. } => "check the name and the permissions",
            Self::Line { .. } => {
                "docs/masks.md tells what each format may hold; mend the line, or give the mask as FITS"
            }
        };
        Some(hint.to_owned())
    }
}

/// A line that cannot be understood, without its file.
struct Fault {
    line: usize,
    expected: String,
    found: String,
}

impl Fault {
    fn new(line: usize, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { line, expected: expected.into(), found: found.into() }
    }
}

impl RegionFormat {
    /// The format of a file, by its first bytes or else its name; `None` for one that is not of regions.
    pub fn of(path: &Path) -> Option<Self> {
        let mut start = Vec::new();
        fs::File::open(path).ok()?.take(512).read_to_end(&mut start).ok()?;
        let start = String::from_utf8_lossy(&start);
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        let is = |wanted: &str| ending.as_deref() == Some(wanted);
        if start.starts_with("#CRTF") || is("crtf") {
            Some(Self::Crtf)
        } else if start.starts_with("# Region file format: DS9") || is("reg") {
            Some(Self::Ds9)
        } else if is("csv") {
            Some(Self::Catalogue)
        } else {
            None
        }
    }

    /// Reads a file of this format.
    ///
    /// # Errors
    /// [`RegionError`], with the line.
    pub fn read(self, path: &Path) -> Result<Regions, RegionError> {
        let text = fs::read_to_string(path).map_err(|source| RegionError::Read { path: path.to_owned(), source })?;
        let read = match self {
            Self::Ds9 => ds9::parse(&text),
            Self::Crtf => crtf::parse(&text),
            Self::Catalogue => catalogue::parse(&text),
        };
        read.map_err(|Fault { line, expected, found }| RegionError::Line {
            path: path.to_owned(),
            line,
            expected,
            found,
        })
    }
}

#[cfg(test)]
mod tests;
