//! Wiener–Hunt deconvolution: the numbers of one pass, as functions of spectra.
//!
//! With circulant boundaries the regularised least-squares estimate is a filter in Fourier space (Hunt 1973; Orieux,
//! Giovannelli & Rodet 2010). Nothing here runs an FFT or a task: a spectrum arrives as columns of the half plane,
//! column `kx` in `0..=lx/2` being a slice of `ly` values, `ky = 0..ly`, so that any chunking can call these functions.
//!
//! Spectra are plain (unnormalised) forward DFTs: `h` of the peak-1 PSF with its peak at pixel (0, 0), `y` of the
//! dirty image. The steps of a run:
//!
//! 1. [`Survey`]: largest `|H|`, usable modes, scale of the noise (one pass over `h` and `y`);
//! 2. [`SpectrumTable`]: what every rule for λ needs of the spectra (second pass);
//! 3. [`choose`]: λ by a rule, from the table alone;
//! 4. [`Filter`]: the estimate itself, in place, or the operators of the conjugate-gradient solver of the linear boundary;
//! 5. [`Ceiling`]: what no stationary filter can exceed, to be printed beside the result.
//!
//! Surveys, tables and ceilings add up in integers: the same bytes come out for any chunks and any order of merging.
//!
//! **What it cannot do.** Modes are independent a posteriori, so a mode without a datum is 0 in the estimate whatever
//! the prior and λ: no tuning fills the uv plane, restores the zero-spacing flux or removes the sidelobes of holes.

mod ceiling;
mod chains;
mod choose;
mod curves;
mod draw;
mod exact;
mod filter;
mod gibbs;
mod infer;
mod marginal;
mod matern;
mod model;
mod natural;
mod note;
mod params;
mod spread;
mod survey;
mod table;
mod weighted;

pub use ceiling::{Ceiling, CeilingReport};
pub use chains::Convergence;
pub use choose::{Choice, ChooseError, LambdaRule, Node, choose, gcv};
pub use curves::{CRITERIA, CurvePoint, Curves};
pub use draw::Draw;
pub use filter::Filter;
pub use gibbs::Chains;
pub use infer::{Hyper, Inference, infer};
pub use marginal::{Measured, Posterior};
pub use matern::{MaternAsk, MaternFit, StepTable};
pub use model::{DEFAULT_FLOOR, NoiseModel, Plane, Problem, Regularisation};
pub use natural::{Natural, NaturalColumn, NaturalSums, NoiseFile, NoiseSpectra, match_column, spectrum_at};
pub use note::Note;
pub(super) use params::WIENER;
pub use params::{Boundary, HyperChoice, LambdaChoice, NoiseChoice, RegChoice, SigmaChoice, Uncertainty, WienerParams};
pub use spread::{Spread, SpreadPoint, SpreadReport};
pub use survey::{NoSignal, Survey, TauRule, Usable};
pub use table::SpectrumTable;
pub use weighted::{Equation, taper};

#[cfg(test)]
mod tests;
