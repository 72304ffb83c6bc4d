//! Sparse deconvolution: the least of what the sky is taken to have little of, as far as the data allow.
//!
//! The objective is that of ALGORITHMS 7.1 for noise that passed through the PSF,
//! ```text
//! J(x) = ½ xᵀHx − dᵀx + Σ_j Σ_p φ_j(c_j(p))
//! ```
//! with `φ_j` of slope `κ σ_j w_j(p)`, `σ_j` the noise of `B_j (d − Hx)` ([`noise`]). A [`Dictionary`] says what the parts `c_j` are:
//! - synthesis: `x = Σ_j B_j c_j`, `B_j` convolving with a Gaussian of unit sum (the first is a point). Coefficients have either
//!   sign: points between pixels need negative neighbours, and a residual of either sign is noise;
//! - analysis: `c_j = A_j x`, the pixels, not negative, and their differences or starlet bands. `φ` of the pixels pins the zero spacing,
//!   which the others do not see (7.3).
//!
//! A PSF that ends somewhere has negative transfer values, and where its sidelobes fill the image others that are far too high: no image
//! holds a wave that such a mode is right for. So the inner problem takes for `H` what an image of its size sees of it, the transfer function
//! `H_t` of the PSF times the overlap of the image with itself: the mean of `H` over the modes that the image does not tell apart (a
//! circular boundary has `H` itself). Where the PSF is not even `H` has phases, and `Hx − d` is no gradient: the likelihood's is the exact residual
//! turned by the phase ([`turn`]), and its curvature is `|H|` ([`surrogate`]). So the inner problem takes `H₊ = |H_t|`, 0 where `Re H_t` is
//! negative (mirrored where the plane repeats), and the data `D = T(d − Hx) + H₊x`. At a fixed point `H₊` is gone: what the thresholds are held against
//! is the exact residual, turned.
//!
//! The inner problem is solved by Douglas-Rachford splitting, which is ALGORITHMS 7.2 with one image per part for state: with
//! `z = prox(v)`, thresholds `τ_j = κ σ_j w_j / ρ`, and `y = 2z − v`,
//! ```text
//! v_j += α (z_j − v_j + step_j)
//! step_j = Pᵀ F⁻¹ B_j G,           G = (D − H₊ Σ_i B_i F P y_i) / (ρ + H₊ Σ_i B_i²)          synthesis
//! step_j = Pᵀ F⁻¹ (A_j X) − y_j,   X = (D + ρ Σ_i A_i* F P y_i) / (H₊ + ρ Σ_i |A_i|²)        analysis
//! ```
//! per Fourier mode, `P` padding by zeros; the sky is `z` of the pixels in the latter. The kernels are single-threaded and know neither
//! tasks nor chunks: a [`Frame`] works on columns of spectra, [`Shrinkage`] on rows of pixels.
//!
//! # Source
//! Boyd et al. (2011), Found. Trends Mach. Learn. 3, 1; Eckstein & Bertsekas (1992), Math. Program. 55, 293 (relaxation); re-weighting
//! after Candès, Wakin & Boyd (2008), J. Fourier Anal. Appl. 14, 877, and Carrillo, `McEwen` & Wiaux (2012).

mod atoms;
mod bands;
mod dictionary;
mod level;
mod mixed;
mod params;
mod shrink;
mod surrogate;

pub use atoms::{Atoms, Splitting};
pub use bands::Bands;
pub use dictionary::{Dictionary, Frame};
pub use level::{noise, powers, whiten};
pub(super) use params::CONVEX;
pub use params::{ConvexParams, Kappa, Prior};
pub use shrink::{Penalty, Rule, Shrinkage, weight};
pub use surrogate::{surrogate, turn};

#[cfg(test)]
mod tests;
