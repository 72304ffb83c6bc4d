//! Images and what is known of them: geometry, PSF, clean beam, mask, robust noise.

mod beam;
mod geometry;
mod image;
mod mask;
mod noise;
mod psf;
mod sky;

pub use beam::CleanBeam;
pub use geometry::{Cell, Geometry};
pub use image::Image;
pub use sky::{Frame, Sky, SkyKeys};
