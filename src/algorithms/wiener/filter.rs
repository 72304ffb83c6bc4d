//! The estimate: one multiplication per mode, or the operators of the linear boundary.

use rustfft::num_complex::Complex;

use super::NoiseModel;
use super::model::{Problem, widen};
use super::survey::Usable;

/// The Wiener–Hunt filter for one λ; each function changes column `kx` (a slice of `ly` modes) in place.
///
/// **Circular boundary**: [`filter_column`](Self::filter_column) between one FFT and its inverse is the whole estimate.
///
/// **Linear boundary** (ALGORITHMS 6.5), with `P` the padding by zeros to the size of the spectrum, `F` its DFT and
/// `G = `[`gain`](Self::normal_column), a real diagonal:
/// ```text
/// A x = r        A = Pᵀ F⁻¹ G F P        r = Pᵀ F⁻¹ rhs(F P d)        preconditioner  Pᵀ F⁻¹ G⁻¹ F P
/// psf noise:    G = max(Re H, 0) + λ Q    rhs = Y on the usable modes, 0 elsewhere
/// white noise:  G = |H|² + λ Q            rhs = conj(H) Y on the usable modes, 0 elsewhere
/// ```
/// Both matrices are symmetric and, for λ > 0, positive definite, so conjugate gradients apply. For white noise `A` takes
/// what the model sheds outside the image for observed to be zero: it suits fields that are empty near the edge.
#[derive(Debug, Clone)]
pub struct Filter {
    problem: Problem,
    floor: f64,
    lambda: f64,
}

impl Filter {
    /// The filter of `problem` on the `usable` modes, `lambda` being the weight of the prior.
    pub fn new(problem: &Problem, usable: &Usable, lambda: f64) -> Self {
        Self { problem: problem.clone(), floor: usable.floor, lambda }
    }

    /// `X̂ = conj(H) Y / (|H|² + λ S Q)` on the usable modes, 0 elsewhere; for real `H > 0` and the noise of the PSF this
    /// is `Y / (H + λ Q)`.
    ///
    /// `y` may be scaled at will (it is linear); `h` is the plain DFT of the peak-1 PSF.
    pub fn filter_column(&self, kx: usize, y: &mut [Complex<f32>], h: &[Complex<f32>]) {
        for (ky, (y, &h)) in y.iter_mut().zip(h).enumerate() {
            *y = narrow(self.estimate((ky, kx), (widen(*y), widen(h))));
        }
    }

    /// Right-hand side of the linear boundary: `Y` (noise of the PSF) or `conj(H) Y` (white) on the usable modes, 0 elsewhere.
    pub fn rhs_column(&self, y: &mut [Complex<f32>], h: &[Complex<f32>]) {
        for (y, &h) in y.iter_mut().zip(h) {
            *y = narrow(self.rhs(widen(*y), widen(h)));
        }
    }

    /// Multiplies by `G`: the matrix of the linear boundary.
    pub fn normal_column(&self, kx: usize, x: &mut [Complex<f32>], h: &[Complex<f32>]) {
        for (ky, (x, &h)) in x.iter_mut().zip(h).enumerate() {
            *x *= self.normal((ky, kx), widen(h)) as f32;
        }
    }

    /// Divides by `G`: the preconditioner of the linear boundary. Modes where `G` is 0 (only with λ = 0) become 0.
    pub fn precondition_column(&self, kx: usize, x: &mut [Complex<f32>], h: &[Complex<f32>]) {
        for (ky, (x, &h)) in x.iter_mut().zip(h).enumerate() {
            let gain = self.normal((ky, kx), widen(h));
            *x *= if gain > 0.0 { (1.0 / gain) as f32 } else { 0.0 };
        }
    }

    /// [`filter_column`](Self::filter_column) for one mode.
    pub(super) fn estimate(&self, at: (usize, usize), (y, h): (Complex<f64>, Complex<f64>)) -> Complex<f64> {
        if !self.problem.is_usable(h, self.floor) {
            return Complex::ZERO;
        }
        let prior = self.lambda * self.problem.noise_power(h) * self.problem.penalty(at.0, at.1);
        h.conj() * y / (h.norm_sqr() + prior)
    }

    /// [`rhs_column`](Self::rhs_column) for one mode.
    pub(super) fn rhs(&self, y: Complex<f64>, h: Complex<f64>) -> Complex<f64> {
        match self.problem.noise() {
            _ if !self.problem.is_usable(h, self.floor) => Complex::ZERO,
            NoiseModel::Psf => y,
            NoiseModel::White => h.conj() * y,
        }
    }

    /// `G` of one mode.
    pub(super) fn normal(&self, (ky, kx): (usize, usize), h: Complex<f64>) -> f64 {
        let data = match self.problem.noise() {
            NoiseModel::Psf => h.re.max(0.0),
            NoiseModel::White => h.norm_sqr(),
        };
        data + self.lambda * self.problem.penalty(ky, kx)
    }
}

fn narrow(z: Complex<f64>) -> Complex<f32> {
    Complex::new(z.re as f32, z.im as f32)
}
