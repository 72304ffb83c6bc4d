//! What operations can meet, and what to do about it.

use thiserror::Error;

use crate::algorithms::wiener::{ChooseError, NoSignal};
use crate::images::{BeamError, PsfError};
use crate::io::FitsError;

/// What an operation can meet.
#[derive(Debug, Error)]
pub enum OpError {
    /// A file.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// A PSF that is none.
    #[error("cannot use {file} as a PSF\n  {hdu}, plane {plane}: {source}")]
    Psf {
        /// The file.
        file: String,
        /// Its HDU.
        hdu: String,
        /// The plane, counted from 0.
        plane: usize,
        /// What is wrong with it.
        source: PsfError,
    },
    /// A beam that cannot be fitted.
    #[error(transparent)]
    Beam(#[from] BeamError),
    /// A value that stands in a scratch file.
    #[error("cannot read a scratch file: {0}")]
    Scratch(#[from] std::io::Error),
    /// A PSF without a usable mode.
    #[error(transparent)]
    NoSignal(#[from] NoSignal),
    /// A weight of the prior that cannot be chosen.
    #[error(transparent)]
    Lambda(#[from] ChooseError),
}

/// What to do where no beam can be fitted.
pub(crate) const BEAM_HINT: &str = "give the beam by hand: --beam-shape 8asec,6asec,30deg";

/// What to do where files for values cannot be written or read.
pub(crate) const SCRATCH_HINT: &str = "choose another folder with --scratch";

impl OpError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Fits(error) => return error.hint(),
            Self::Psf { .. } => "give the PSF of the same imaging run; its peak must be positive and unique",
            Self::Lambda(_) => {
                "choose lambda by hand or by another rule, as in --lambda gcv, or give the noise with --sigma"
            }
            Self::NoSignal(_) => "check the PSF: its spectrum is empty",
            Self::Beam(_) => BEAM_HINT,
            Self::Scratch(_) => SCRATCH_HINT,
        };
        Some(hint.to_owned())
    }
}
