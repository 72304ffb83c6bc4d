//! Images and what is known of them: geometry, PSF, clean beam, mask, robust noise.

mod beam;
mod beam_change;
mod celestial;
mod geometry;
mod image;
mod mask;
mod noise;
mod psf;
mod psf_grid;
pub mod region;
mod sky;

pub use beam::{BeamError, BeamFit, BeamShape, CleanBeam, UNIT_CELL, fit_beam};
pub use beam_change::{BeamChange, NARROW, POOR_AREA, POOR_MISFIT};
pub use celestial::Celestial;
pub use geometry::{Cell, Geometry};
pub use image::Image;
pub use mask::{Mask, MaskError};
pub use noise::{MAD_TO_SIGMA, median, sample_step, sigma_mad};
pub use psf::{CoreFacts, PartAsks, Psf, PsfBlanks, PsfCore, PsfError, PsfPart, PsfPeak, PsfSurvey, Region};
pub use psf_grid::{PsfGrid, PsfGridError, Weighting};
pub use sky::{Frame, Sky, SkyKeys};
