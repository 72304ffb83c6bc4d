//! A restored image out of a given model and a given residual: `model * beam + residual`, plane by plane.
//!
//! The beam is the one that was given by hand, else the one fitted to a PSF that was given, else the one that the
//! residual's header tells. With the beam of the run that left model and residual, the pixels are those of its image.

mod plan;
mod run;

use thiserror::Error;

pub use plan::{ModelFile, RestorePlan, Restoring};
pub use run::{Restored as RestoredProducts, RestoredPlane, restore};

/// Why an image cannot be restored.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// No beam.
    #[error("no beam to restore {file} with\n  {hdu}: neither BMAJ nor a table BEAMS, expected one of them")]
    NoBeam {
        /// The residual.
        file: String,
        /// Its HDU.
        hdu: String,
    },
    /// The header of the residual has the beam that it is to be convolved to, which a run that was given it writes there.
    #[error(
        "cannot convolve {file} to the beam asked for\n  {hdu}, BMAJ and BMIN: that beam already, which need not be the residual's own"
    )]
    SameBeam {
        /// The residual.
        file: String,
        /// Its HDU.
        hdu: String,
    },
}

impl RestoreError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::NoBeam { .. } => {
                "give the beam by hand (--beam-shape 8asec,6asec,30deg), or the PSF to fit it to (--psf)"
            }
            Self::SameBeam { .. } => "give the PSF, whose beam the residual has (--psf)",
        };
        hint.to_owned()
    }
}
