//! The estimate: one multiplication per mode, or the operators of the linear boundary.

use rustfft::num_complex::Complex;

use super::model::Problem;
use super::survey::Usable;
use super::{Node, NoiseModel};

/// The preconditioner takes `|H|` for no less than this fraction of its maximum.
///
/// Support in the image couples a hole narrower than 1/width to its sampled neighbours, so `PᵀF⁻¹GFP` has no eigenvalue as
/// small as `λQ` there, and dividing by `G` itself stalls: on a VLA-B image of 512² (double-size PSF) the residual was
/// still 0.999 of the start after 40 iterations; 1e-4 of it took 56, 42 and 49 with floors of 1e-3, 1e-2 and 1e-1.
const PRECONDITIONER_FLOOR: f64 = 1e-2;

/// Modes whose gains are computed together.
const RUN: usize = 128;

/// The Wiener–Hunt filter for one λ; each function changes column `kx` (a slice of `ly` modes) in place.
///
/// **Circular boundary**: [`filter_column`](Self::filter_column) between one FFT and its inverse is the whole estimate.
///
/// **Linear boundary** (ALGORITHMS 6.5), with `P` the padding by zeros to the size of the spectrum, `F` its DFT and
/// `G` a real diagonal:
/// ```text
/// A x = r        A = Pᵀ F⁻¹ G F P        r = Pᵀ F⁻¹ rhs(F P d)        preconditioner  Pᵀ F⁻¹ C⁻¹ F P
/// G = max(Re H, 0) + λ Q    rhs = Y on the usable modes, 0 elsewhere
/// C is G with Re H raised to at least 0.01 max|H|
/// ```
/// for the noise of the PSF where `H` is not negative; in all other cases the equation is [`Equation::Weighted`](super::Equation).
/// `A` and the preconditioner are symmetric and, for λ > 0, positive definite, so conjugate gradients apply.
///
/// Measured with double-size PSFs of real layouts, `ml-sigma` at 3 (last: 10) times the thermal noise, as
/// signal-to-noise ratio at the clean beam's resolution, dirty image and estimate: points by `MeerKAT` 9.5 and 17.9 dB
/// (30 iterations), M31 by the VLA 5.6 and 7.7 dB (16), points by VLA-B 6.4 and 10.8 dB (18).
#[derive(Debug, Clone)]
pub struct Filter {
    pub(super) problem: Problem,
    pub(super) floor: f64,
    /// Largest `|H|`.
    pub(super) highest: f64,
    /// Least `|H|` of the preconditioner.
    pub(super) raised: f64,
    pub(super) lambda: f64,
    /// Other λ, and the share of each, that the estimate is averaged over; empty where there is but one.
    pub(super) nodes: Vec<(f64, f64)>,
}

impl Filter {
    /// The filter of `problem` on the `usable` modes, `lambda` being the weight of the prior.
    pub fn new(problem: &Problem, usable: &Usable, lambda: f64) -> Self {
        Self {
            problem: problem.clone(),
            floor: usable.floor,
            highest: usable.max_transfer,
            raised: PRECONDITIONER_FLOOR * usable.max_transfer,
            lambda,
            nodes: Vec::new(),
        }
    }

    /// Averages the estimate over several λ that stand for its posterior.
    pub fn averaged(self, nodes: &[Node]) -> Self {
        let several = nodes.iter().filter(|_| nodes.len() > 1);
        Self { nodes: several.map(|node| (node.lambda / self.lambda, node.weight)).collect(), ..self }
    }

    /// `X̂ = conj(H) Y / (|H|² + λ S Q)` on the usable modes, 0 elsewhere; for real `H > 0` and the noise of the PSF this
    /// is `Y / (H + λ Q)`.
    ///
    /// `y` may be scaled at will (it is linear); `h` is the plain DFT of the peak-1 PSF.
    pub fn filter_column(&self, kx: usize, y: &mut [Complex<f32>], h: &[Complex<f32>]) {
        let floor = self.floor as f32;
        match self.problem.noise() {
            _ if !self.nodes.is_empty() => self.scale_by_average(kx, y, h),
            NoiseModel::Psf => self
                .scaled_by(kx, (y, h), |h, prior| if h.re > floor { 1.0 / (h.norm_sqr() + prior * h.re) } else { 0.0 }),
            NoiseModel::White => self.scaled_by(kx, (y, h), |h, prior| {
                let power = h.norm_sqr();
                if power > floor * floor { 1.0 / (power + prior) } else { 0.0 }
            }),
        }
        y.iter_mut().zip(h).for_each(|(y, h)| *y *= h.conj());
    }

    /// Multiplies each mode by the average of `1/(|H|² + λ S Q)` over the nodes; a prior that comes in is that of the one λ.
    fn scale_by_average(&self, kx: usize, y: &mut [Complex<f32>], h: &[Complex<f32>]) {
        let nodes: Vec<(f32, f32)> = self.nodes.iter().map(|(ratio, weight)| (*ratio as f32, *weight as f32)).collect();
        let floor = self.floor as f32;
        self.scaled_by(kx, (y, h), |h, prior| {
            let (is_usable, noise) = match self.problem.noise() {
                NoiseModel::Psf => (h.re > floor, h.re),
                NoiseModel::White => (h.norm_sqr() > floor * floor, 1.0),
            };
            let gain = |(ratio, weight): &(f32, f32)| weight / (h.norm_sqr() + ratio * prior * noise);
            if is_usable { nodes.iter().map(gain).sum() } else { 0.0 }
        });
    }

    /// Right-hand side of the linear boundary: `Y` on the usable modes, 0 elsewhere.
    pub fn rhs_column(&self, y: &mut [Complex<f32>], h: &[Complex<f32>]) {
        self.measured_column(y, h);
    }

    /// Multiplies by `G`: the matrix of the linear boundary.
    pub fn normal_column(&self, kx: usize, x: &mut [Complex<f32>], h: &[Complex<f32>]) {
        self.scaled_by(kx, (x, h), |h, prior| h.re.max(0.0) + prior);
    }

    /// `G` of a mode.
    pub(super) fn matrix(&self, (ky, kx): (usize, usize), h: Complex<f64>) -> f64 {
        h.re.max(0.0) + self.lambda * self.problem.penalty(ky, kx)
    }

    /// Divides by `C`: the preconditioner of the linear boundary.
    pub fn precondition_column(&self, kx: usize, x: &mut [Complex<f32>], h: &[Complex<f32>]) {
        let raised = self.raised as f32;
        self.scaled_by(kx, (x, h), |h, prior| 1.0 / (h.re.max(raised) + prior));
    }

    /// Adds `λ Q X` to a column.
    pub(super) fn add_prior(&self, kx: usize, y: &mut [Complex<f32>], x: &[Complex<f32>]) {
        let mut gains = [0.0_f32; RUN];
        for (index, (y, x)) in y.chunks_mut(RUN).zip(x.chunks(RUN)).enumerate() {
            let gains = &mut gains[..x.len()];
            self.problem.penalties(kx, index * RUN, self.lambda, gains);
            y.iter_mut().zip(x).zip(&*gains).for_each(|((y, x), gain)| *y += x * gain);
        }
    }

    /// Multiplies each mode of a column by `gain(h, λ Q)`.
    ///
    /// `Q` is computed in double precision, the rest in single, in runs short enough for the stack: the loops then need no
    /// shuffles beside the arithmetic (half the time of a loop over modes in double precision).
    #[inline]
    pub(super) fn scaled_by(
        &self,
        kx: usize,
        (values, h): (&mut [Complex<f32>], &[Complex<f32>]),
        gain: impl Fn(Complex<f32>, f32) -> f32,
    ) {
        let mut gains = [0.0_f32; RUN];
        for (index, (values, h)) in values.chunks_mut(RUN).zip(h.chunks(RUN)).enumerate() {
            let gains = &mut gains[..h.len()];
            self.problem.penalties(kx, index * RUN, self.lambda, gains);
            gains.iter_mut().zip(h).for_each(|(weight, h)| *weight = gain(*h, *weight));
            values.iter_mut().zip(&*gains).for_each(|(value, gain)| *value *= *gain);
        }
    }
}
