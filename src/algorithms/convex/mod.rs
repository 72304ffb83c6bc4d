//! Sparse deconvolution: the sky is a sum of atoms, points and Gaussians of several widths, as few as the data allow.
//!
//! With `x = Σ_j B_j c_j`, `B_j` convolving with a Gaussian of unit sum (the first is a point), the objective is that of
//! ALGORITHMS 7.1 for noise that passed through the PSF,
//! ```text
//! J(c) = ½ xᵀHx − dᵀx + Σ_j Σ_p κ σ_j w_j(p) |c_j(p)|
//! ```
//! with `σ_j` the robust noise of `B_j (d − Hx)`. Coefficients have either sign: points between pixels need negative neighbours, and
//! a residual of either sign is noise. A PSF that ends somewhere has negative transfer values; the inner problem takes
//! `H₊ = max(Re H, 0)` for `H`, and the data `D = d − Hx + H₊x` that make the exact residual its gradient. At a fixed point
//! `H₊` is gone: the residual that the thresholds are held against is the exact one.
//!
//! The inner problem is solved by Douglas-Rachford splitting, which is ALGORITHMS 7.2 with one image per width for state: with
//! `z = soft(v, τ)`, `τ_j = κ σ_j w_j / ρ`, and `y = 2z − v`,
//! ```text
//! v_j += α (z_j − v_j + Pᵀ F⁻¹ B_j G),   G = (D − H₊ Σ_i B_i F P y_i) / (ρ + H₊ Σ_i B_i²)
//! ```
//! per Fourier mode (Sherman-Morrison over the widths), `P` padding by zeros. The kernels are single-threaded and know neither tasks
//! nor chunks: [`Atoms`] works on columns of spectra, [`Shrinkage`] on rows of pixels.
//!
//! # Source
//! Boyd et al. (2011), Found. Trends Mach. Learn. 3, 1; Eckstein & Bertsekas (1992), Math. Program. 55, 293 (relaxation); re-weighting
//! after Candès, Wakin & Boyd (2008), J. Fourier Anal. Appl. 14, 877, and Carrillo, `McEwen` & Wiaux (2012).

mod atoms;
mod params;
mod shrink;

pub use atoms::{Atoms, Splitting};
pub(super) use params::CONVEX;
pub use params::ConvexParams;
pub use shrink::{Shrinkage, weight};

#[cfg(test)]
mod tests;
