//! Skies of points, a beam with sidelobes in closed form, and exact sums over both.

use ndarray::{Array2, Zip};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use rustfft::num_complex::Complex64;
use rustfft::{FftDirection, FftPlanner};

/// A source at `(y, x)` pixels with a flux \[Jy\].
pub(crate) type Point = (f64, f64, f64);

/// The beam at a lag in pixels: an elliptic main lobe and sidelobes of up to 12 %, peak 1.
///
/// A sum of Gaussians times cosines: its transform is a sum of Gaussians, positive everywhere, as that of an array.
pub(crate) fn beam(dy: f64, dx: f64) -> f64 {
    let lobe = (-(dy * dy / 4.5 + dx * dx / 3.0 + dy * dx / 9.0)).exp();
    let far = (-(dy * dy + dx * dx) / 800.0).exp() * (1.1 * dy + 0.4 * dx).cos() * (0.9 * dx - 0.3 * dy).cos();
    0.88 * lobe + 0.12 * far
}

/// The beam on `shape` pixels, its peak at `centre` `(y, x)`.
pub(crate) fn psf(shape: (usize, usize), centre: (usize, usize)) -> Array2<f64> {
    Array2::from_shape_fn(shape, |(y, x)| beam(y as f64 - centre.0 as f64, x as f64 - centre.1 as f64))
}

/// The usual PSF of an image: twice its size, its peak in the middle.
pub(crate) fn wide_psf((ny, nx): (usize, usize)) -> Array2<f64> {
    psf((2 * ny, 2 * nx), (ny, nx))
}

/// Points seen through the beam, on every pixel of `shape`.
pub(crate) fn dirty(shape: (usize, usize), points: &[Point]) -> Array2<f64> {
    let at = |y: usize, x: usize| points.iter().map(|(py, px, flux)| flux * beam(y as f64 - py, x as f64 - px)).sum();
    Array2::from_shape_fn(shape, |(y, x)| at(y, x))
}

/// Independent Gaussian noise.
pub(crate) fn noise(shape: (usize, usize), sigma: f64, seed: u64) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let normal = Normal::new(0.0, sigma).unwrap();
    Array2::from_shape_simple_fn(shape, || normal.sample(&mut random))
}

/// Where the highest value is, the first among equals.
pub(crate) fn highest(plane: &Array2<f64>) -> (usize, usize) {
    let mut best = ((0, 0), f64::NEG_INFINITY);
    for (at, value) in plane.indexed_iter() {
        if *value > best.1 {
            best = (at, *value);
        }
    }
    best.0
}

/// The PSF as the program takes it: divided by its peak in 32 bits, and where that peak is.
pub(crate) fn normalised(psf: &Array2<f64>) -> (Array2<f64>, (usize, usize), f64) {
    let centre = highest(psf);
    let peak = psf[centre];
    (psf.mapv(|value| value / peak), centre, peak)
}

/// `sum of model(y', x') * kernel(y - y' + cy, x - x' + cx)` over the pixels of the model, term by term.
pub(crate) fn convolve(model: &Array2<f64>, kernel: &Array2<f64>, centre: (usize, usize)) -> Array2<f64> {
    let mut sum = Array2::zeros(model.dim());
    for ((my, mx), flux) in model.indexed_iter().filter(|(_, flux)| **flux != 0.0 && flux.is_finite()) {
        Zip::indexed(&mut sum).for_each(|(y, x), value: &mut f64| {
            let at = ((y + centre.0).wrapping_sub(my), (x + centre.1).wrapping_sub(mx));
            *value += flux * kernel.get(at).copied().unwrap_or(0.0);
        });
    }
    sum
}

/// The same by a transform in 64 bits, for large images.
pub(crate) fn convolve_fast(model: &Array2<f64>, kernel: &Array2<f64>, centre: (usize, usize)) -> Array2<f64> {
    let size = |axis: usize| smooth(model.shape()[axis] + kernel.shape()[axis]);
    let shape = (size(0), size(1));
    let mut image = Array2::<Complex64>::zeros(shape);
    for (at, value) in model.indexed_iter().filter(|(_, value)| value.is_finite()) {
        image[at].re = *value;
    }
    let mut response = Array2::<Complex64>::zeros(shape);
    for ((y, x), value) in kernel.indexed_iter() {
        response[((y + shape.0 - centre.0) % shape.0, (x + shape.1 - centre.1) % shape.1)].re = *value;
    }
    let image = transform(&transform(&image, FftDirection::Forward), FftDirection::Forward);
    let response = transform(&transform(&response, FftDirection::Forward), FftDirection::Forward);
    let product = transform(&transform(&(image * response), FftDirection::Inverse), FftDirection::Inverse);
    let scale = 1.0 / (shape.0 * shape.1) as f64;
    Array2::from_shape_fn(model.dim(), |at| product[at].re * scale)
}

/// Transforms the rows, and transposes.
pub(crate) fn transform(plane: &Array2<Complex64>, direction: FftDirection) -> Array2<Complex64> {
    let mut rows = plane.clone();
    let fft = FftPlanner::new().plan_fft(rows.ncols(), direction);
    fft.process(rows.as_slice_mut().expect("a copy is stored in row order"));
    Array2::from_shape_vec((rows.ncols(), rows.nrows()), rows.t().iter().copied().collect()).unwrap()
}

/// The next number without prime factors above 5.
fn smooth(n: usize) -> usize {
    let is_smooth = |n: &usize| [2, 3, 5].iter().fold(*n, |n, p| strip(n, *p)) == 1;
    (n..=n.next_power_of_two()).find(is_smooth).expect("a power of two is smooth")
}

fn strip(mut n: usize, p: usize) -> usize {
    while n.is_multiple_of(p) {
        n /= p;
    }
    n
}

/// Highest absolute value; NaN is left out.
pub(crate) fn max_abs(plane: &Array2<f64>) -> f64 {
    plane.iter().filter(|value| value.is_finite()).fold(0.0, |max: f64, value| max.max(value.abs()))
}

/// Root of the mean square; NaN is left out.
pub(crate) fn rms(plane: &Array2<f64>) -> f64 {
    let finite: Vec<f64> = plane.iter().copied().filter(|value| value.is_finite()).collect();
    (finite.iter().map(|value| value * value).sum::<f64>() / finite.len() as f64).sqrt()
}

/// Sum of the finite values.
pub(crate) fn total(plane: &Array2<f64>) -> f64 {
    plane.iter().filter(|value| value.is_finite()).sum()
}
