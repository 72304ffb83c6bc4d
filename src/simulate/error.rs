//! What can be wrong with a simulation before or while it runs.

use std::path::PathBuf;

use thiserror::Error;

use crate::io::FitsError;

/// Why a simulation was refused or failed. `Display` tells what
/// happened and where; [`SimulateError::hint`] what to do.
#[derive(Debug, Error)]
pub enum SimulateError {
    /// `--array` names no array we know.
    #[error("unknown array '{name}'\n  --array: expected one of {known}")]
    UnknownArray {
        /// What was asked for.
        name: String,
        /// The arrays there are.
        known: String,
    },

    /// The layout file cannot be read.
    #[error("cannot read the antenna positions\n  {}", path.display())]
    LayoutRead {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },

    /// A line of the layout file makes no sense.
    #[error("cannot use the antenna positions of {origin}\n  line {line}: '{found}', expected {expected}")]
    Layout {
        /// File or array name.
        origin: String,
        /// Line number, from 1 (0: the file as a whole).
        line: usize,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: &'static str,
    },

    /// A value outside its range.
    #[error("{flag} {found} is out of range\n  expected {expected}")]
    Value {
        /// The flag.
        flag: &'static str,
        /// Its value.
        found: String,
        /// Its range.
        expected: &'static str,
    },

    /// The field is below the horizon during the whole observation.
    #[error(
        "the field never rises\n  declination {declination_deg} deg from latitude {latitude_deg:.2} deg, hour angle {from_h} to {to_h} h: \
         highest elevation {highest_deg:.1} deg"
    )]
    NeverUp {
        /// Declination of the field \[deg\].
        declination_deg: f64,
        /// Latitude of the array \[deg\].
        latitude_deg: f64,
        /// Start of the observation \[h\].
        from_h: f64,
        /// End of the observation \[h\].
        to_h: f64,
        /// Highest elevation reached \[deg\].
        highest_deg: f64,
    },

    /// No visibility fell on the uv plane.
    #[error(
        "no visibility falls on the uv plane\n  {visibilities} visibilities, {outside} beyond the grid (cell of {cell_arcsec} arcsec), \
         {origin} in the cell of the zero spacing"
    )]
    NoCoverage {
        /// How many visibilities were observed.
        visibilities: u64,
        /// How many lie beyond the grid.
        outside: u64,
        /// How many lie in the origin cell.
        origin: u64,
        /// The cell \[arcsec\].
        cell_arcsec: f64,
    },

    /// A flag that changes nothing in this run.
    #[error("{flag} has no effect\n  it needs {needs}")]
    Useless {
        /// The flag.
        flag: &'static str,
        /// What it goes with.
        needs: &'static str,
    },

    /// An image could not be read or written.
    #[error(transparent)]
    Fits(#[from] FitsError),

    /// The catalogue or the record could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },

    /// The sky does not fit in memory.
    #[error("a field of {size} x {size} pixels needs {needed_gb:.1} GB of memory\n  available: {available_gb:.1} GB")]
    Memory {
        /// Pixels along a side.
        size: usize,
        /// What it needs \[10^9 bytes\].
        needed_gb: f64,
        /// What there is \[10^9 bytes\].
        available_gb: f64,
        /// The largest size that fits.
        largest: usize,
    },
}

impl SimulateError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownArray { .. } => {
                Some("for another array give its antenna positions with --layout FILE".to_owned())
            }
            Self::LayoutRead { .. } | Self::Layout { .. } => {
                Some("--layout takes one line 'X Y Z' per antenna, in metres; data/layouts/ has examples".to_owned())
            }
            Self::Value { .. } => None,
            Self::Useless { .. } => Some("leave it out".to_owned()),
            Self::Fits(error) => error.hint(),
            Self::Write { .. } => {
                Some("check the folder's permissions and the room on the disk, or choose another -o PREFIX".to_owned())
            }
            Self::NeverUp { .. } => {
                Some("choose a --declination nearer to the latitude, or an --hour-angle range round 0".to_owned())
            }
            Self::NoCoverage { .. } => Some("leave --cell out, or choose about a quarter of the beam".to_owned()),
            Self::Memory { largest, .. } => {
                Some(format!("--size {largest} is the largest that fits, or raise --memory"))
            }
        }
    }
}
