//! Why there is no plan, and what to do about it.

use thiserror::Error;

use super::{GivenError, GridError};
use crate::images::BeamError;
use crate::io::{FitsError, RegionError};
use crate::pipeline::components::ListError;
use crate::pipeline::config::Bytes;
use crate::pipeline::ops::BEAM_HINT;
use crate::pipeline::restore::RestoreError;

/// Why there is no plan.
#[derive(Debug, Error)]
pub enum PlanError {
    /// A file.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// Two files that do not go together.
    #[error("cannot use {file} as the {role} of {dirty}\n  {hdu}, {key}: {found}, but the dirty image has {expected}")]
    Mismatch {
        /// PSF or mask.
        role: &'static str,
        /// The file.
        file: String,
        /// The dirty image.
        dirty: String,
        /// Its HDU.
        hdu: String,
        /// The key.
        key: &'static str,
        /// What the file says.
        found: String,
        /// What the dirty image says.
        expected: String,
        /// What to do.
        hint: &'static str,
    },
    /// A model that does not go with the dirty image.
    #[error(transparent)]
    Given(#[from] GivenError),
    /// A beam that none can be.
    #[error(transparent)]
    Beam(#[from] BeamError),
    /// An image that cannot be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A file of regions.
    #[error(transparent)]
    Regions(#[from] RegionError),
    /// A part of the mask that has no place on the dirty image.
    #[error("cannot use {file} as the mask of {dirty}\n  {}{reason}", if *.line > 0 { format!("line {line}: ") } else { String::new() })]
    Misplaced {
        /// The file.
        file: String,
        /// Its line, from 1; 0 for an image.
        line: usize,
        /// The dirty image.
        dirty: String,
        /// What stands between them.
        reason: String,
    },
    /// PSFs of several directions.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// A list of components.
    #[error(transparent)]
    List(#[from] ListError),
    /// Not enough memory.
    #[error(
        "not enough memory for this plan\n  it needs {needed} for one plane of {ny} x {nx}, and may take {allowed}"
    )]
    Memory {
        /// Forecast of the peak.
        needed: Bytes,
        /// The cap.
        allowed: Bytes,
        /// Rows of a plane.
        ny: usize,
        /// Columns of a plane.
        nx: usize,
        /// What would take less.
        less: Vec<&'static str>,
    },
}

impl PlanError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Fits(error) => error.hint(),
            Self::Grid(error) => error.hint(),
            Self::Mismatch { hint, .. } => Some((*hint).to_owned()),
            Self::Given(error) => Some(error.hint().to_owned()),
            Self::List(error) => Some(error.hint()),
            Self::Beam(_) => Some(BEAM_HINT.to_owned()),
            Self::Restore(error) => Some(error.hint()),
            Self::Regions(error) => error.hint(),
            Self::Misplaced { .. } => {
                Some("give the mask in the image's own frame, in pixels, or as an image on its grid".to_owned())
            }
            Self::Memory { less, .. } => {
                let ways = [&["raise --memory"], &less[..]].concat().join(", ");
                Some(format!("{ways}, or deconvolve a region of the image: 'dirty.fits[x0:x1,y0:y1]'"))
            }
        }
    }
}
