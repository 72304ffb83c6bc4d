//! Test skies seen by real arrays.
//!
//! The instrument is simulated on the uv plane of a field padded to twice its size: Earth rotation carries the baselines
//! of an [`Array`] over the cells ([`Observation`], [`UvPlane`]), the cells are weighted, and their transform is the
//! PSF. The spectrum of the sky times those weights, plus the noise of the visibilities seen through the same
//! weights, is the dirty image ([`Instrument`]).
//!
//! The `w` term is left out, unless it is asked for ([`WideField`]). That is what makes the pair exact: with a PSF of twice the image's size,
//! `dirty = truth (*) psf + noise` holds to rounding as a linear convolution, over every lag there is in the image. A PSF
//! of the image's own size is the middle of it, as an imager would write it; the dirty image still holds the far
//! sidelobes. With a PSF of one period ([`PsfSize::Period`]) the plane is that of the field itself, and the convolution wraps around. Sources between pixels enter through their exact phase ramps ([`spread`]), so they do not obey the
//! equation with an image of pixels, just as on the real sky.
//!
//! Everything random comes from one seed, is drawn in a fixed order, and nothing depends on threads. Bytes are the same
//! for every run on one machine; the transforms use the widest vector instructions there are, so another kind of
//! processor may round differently.

mod array;
mod beam;
mod error;
mod observation;
mod observe;
mod plan;
mod products;
mod sky;
pub mod spread;
mod uvplane;
mod wide;

pub use array::{ARRAYS, Array};
pub use beam::MainLobe;
pub use error::SimulateError;
pub use observation::{Observation, Projected, wavenumber};
pub use observe::{Instrument, Window};
pub use plan::{Plan, PsfSize, Recipe, Wide, forecast_bytes};
pub use products::{Output, PlaneReport, Report};
pub use sky::{GaussianSource, PointSource, Sky, SkyRecipe, centred};
pub use uvplane::{BAND, CellWeight, Grid, Tally, UvPlane, Weighting};
pub use wide::{WideField, directions};

#[cfg(test)]
mod tests;
