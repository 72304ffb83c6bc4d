//! A plain full-plane reference in f64, and the tests that use it.

mod ceilings;
mod choosing;
mod filtering;
mod inference;
mod linear;
mod matern;
mod natural;
mod posterior;
mod searching;

use ndarray::Array2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use super::{Filter, NoiseModel, Plane, Problem, Regularisation, SpectrumTable, Survey, TauRule, Usable};

type Spectrum = Array2<Complex<f64>>;

/// Plain forward DFT of a real image, the full plane.
fn forward(image: &Array2<f64>) -> Spectrum {
    transform(image.map(|&v| Complex::new(v, 0.0)), false)
}

/// Inverse DFT (divided by the number of pixels); the real part.
fn inverse(spectrum: &Spectrum) -> Array2<f64> {
    let modes = spectrum.len() as f64;
    transform(spectrum.clone(), true).map(|z| z.re / modes)
}

fn transform(mut plane: Spectrum, is_inverse: bool) -> Spectrum {
    let mut planner = FftPlanner::new();
    for axis in [1, 0] {
        let length = plane.len_of(ndarray::Axis(axis));
        let fft = if is_inverse { planner.plan_fft_inverse(length) } else { planner.plan_fft_forward(length) };
        for mut lane in plane.lanes_mut(ndarray::Axis(axis)) {
            let mut copy = lane.to_vec();
            fft.process(&mut copy);
            lane.assign(&ndarray::Array1::from(copy));
        }
    }
    plane
}

/// Column `kx` of a full plane, in single precision.
fn column(spectrum: &Spectrum, kx: usize) -> Vec<Complex<f32>> {
    spectrum.column(kx).iter().map(|z| Complex::new(z.re as f32, z.im as f32)).collect()
}

/// The column of the half plane that mirrors column `kx`, if `kx` is in the other half.
fn mirrored(kx: usize, lx: usize) -> Option<usize> {
    (2 * kx > lx).then(|| lx - kx)
}

/// The full plane of a real image from the columns of its half plane.
fn from_columns(columns: &[Vec<Complex<f32>>], lx: usize) -> Spectrum {
    let ly = columns[0].len();
    Array2::from_shape_fn((ly, lx), |(ky, kx)| match mirrored(kx, lx) {
        None => super::model::widen(columns[kx][ky]),
        Some(mirror) => super::model::widen(columns[mirror][(ly - ky) % ly]).conj(),
    })
}

/// The filter applied to every mode of the full plane.
fn estimated(filter: &Filter, y: &Spectrum, h: &Spectrum) -> Spectrum {
    let lx = y.ncols();
    Array2::from_shape_fn(y.dim(), |(ky, kx)| {
        filter.estimate((ky, mirrored(kx, lx).unwrap_or(kx)), (y[(ky, kx)], h[(ky, kx)]))
    })
}

/// White noise of rms 1, shape `(ny, nx)`.
fn white(shape: (usize, usize), seed: u64) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn(shape, || StandardNormal.sample(&mut rng))
}

/// Lag of pixel `at` from pixel 0 on a ring of `n`.
fn lag(at: usize, n: usize) -> f64 {
    if 2 * at > n { at as f64 - n as f64 } else { at as f64 }
}

/// A Gaussian of given standard deviation, peak 1 at pixel (0, 0) of a torus.
fn blob(shape: (usize, usize), sigma: f64) -> Array2<f64> {
    Array2::from_shape_fn(shape, |(y, x)| {
        let (dy, dx) = (lag(y, shape.0), lag(x, shape.1));
        (-(dy * dy + dx * dx) / (2.0 * sigma * sigma)).exp()
    })
}

/// Transfer function of an array with holes: of the modes within a third of a cycle per pixel about `fraction` are
/// sampled (never the zero spacing), with a taper; peak-1 PSF.
fn holes(shape: (usize, usize), fraction: f64, seed: u64) -> Spectrum {
    let draw = white(shape, seed);
    let mut h = Array2::from_shape_fn(shape, |(ky, kx)| {
        let mirror = ((shape.0 - ky) % shape.0, (shape.1 - kx) % shape.1);
        let radius = f64::hypot(lag(ky, shape.0) / shape.0 as f64, lag(kx, shape.1) / shape.1 as f64);
        // The sum with its mirror image is Hermitian, and normal with variance 2.
        let uniform = 0.5 * (1.0 + ((draw[(ky, kx)] + draw[mirror]) / 2.0_f64.sqrt()).tanh());
        let is_sampled = radius > 0.0 && radius < 0.33 && uniform < fraction;
        Complex::new(if is_sampled { (-20.0 * radius * radius).exp() } else { 0.0 }, 0.0)
    });
    let mean = h.iter().map(|z| z.re).sum::<f64>() / h.len() as f64;
    h.mapv_inplace(|z| z / mean);
    h
}

/// Survey and table of full planes `y`, `h`.
fn tabulated(problem: &Problem, y: &Spectrum, h: &Spectrum) -> (Usable, SpectrumTable) {
    let columns = 0..problem.plane().columns();
    let mut survey = Survey::new(problem);
    columns.clone().for_each(|kx| {
        survey.add_data(&column(y, kx));
        survey.add_transfer(kx, &column(h, kx));
    });
    let usable = survey.finish(TauRule::Auto).unwrap();
    let mut table = SpectrumTable::new(problem, &usable);
    columns.for_each(|kx| table.add_column(kx, &column(y, kx), &column(h, kx)));
    (usable, table)
}

/// Signal-to-noise ratio of an estimate \[dB\].
fn snr(truth: &Array2<f64>, estimate: &Array2<f64>) -> f64 {
    let signal: f64 = truth.iter().map(|v| v * v).sum();
    let error: f64 = truth.iter().zip(estimate).map(|(t, e)| (t - e).powi(2)).sum();
    10.0 * (signal / error).log10()
}

/// A problem on a circular plane with the usual floor.
fn circular(shape: (usize, usize), noise: NoiseModel, regularisation: Regularisation) -> Problem {
    Problem::new(Plane::circular(shape.0, shape.1), noise, regularisation, super::model::DEFAULT_FLOOR)
}

/// The arithmetic of the columns, mode by mode in double precision.
impl Filter {
    /// [`filter_column`](Self::filter_column) for one mode.
    pub(super) fn estimate(&self, at: (usize, usize), (y, h): (Complex<f64>, Complex<f64>)) -> Complex<f64> {
        if !self.problem.is_usable(h, self.floor) {
            return Complex::ZERO;
        }
        let prior = self.lambda * self.problem.noise_power(h) * self.problem.penalty(at.0, at.1);
        let one = [(1.0, 1.0)];
        let nodes = if self.nodes.is_empty() { &one[..] } else { &self.nodes };
        h.conj() * y * nodes.iter().map(|(ratio, weight)| weight / (h.norm_sqr() + ratio * prior)).sum::<f64>()
    }

    /// `G` of one mode.
    pub(super) fn normal(&self, at: (usize, usize), h: Complex<f64>) -> f64 {
        self.diagonal(at, h, 0.0)
    }

    /// `C` of one mode.
    pub(super) fn conditioned(&self, at: (usize, usize), h: Complex<f64>) -> f64 {
        self.diagonal(at, h, self.raised)
    }

    fn diagonal(&self, (ky, kx): (usize, usize), h: Complex<f64>, least: f64) -> f64 {
        h.re.max(least) + self.lambda * self.problem.penalty(ky, kx)
    }

    /// `K` of one mode.
    pub(super) fn weighing(&self, h: Complex<f64>) -> f64 {
        if self.problem.noise() == NoiseModel::Psf { 1.0 / h.re.max(self.raised) } else { 1.0 }
    }

    /// `C` of one mode, of the weighted equation.
    pub(super) fn conditioned_weighted(&self, (ky, kx): (usize, usize), h: Complex<f64>) -> f64 {
        let data = h.norm_sqr() * self.weighing(h);
        data.max(self.least_weighted()) + self.lambda * self.problem.penalty(ky, kx)
    }
}
