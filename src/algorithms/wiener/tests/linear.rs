//! The linear boundary: a plain conjugate-gradient solver, in f64, around the column functions' arithmetic.

use ndarray::{Array2, s};
use rustfft::num_complex::Complex;

use super::super::Filter;
use super::*;

/// What the preconditioner divides a mode by.
type Divisor = fn(&Filter, (usize, usize), Complex<f64>) -> f64;

/// An image of shape `n` seen through the padded transfer function `h`, and the noise model's filter.
struct Setting {
    n: (usize, usize),
    h: Spectrum,
    filter: Filter,
}

impl Setting {
    fn new(n: (usize, usize), h: Spectrum, noise: NoiseModel, lambda: f64) -> Self {
        let plane = Plane { ly: h.nrows(), lx: h.ncols(), data_pixels: n.0 * n.1 };
        let problem = Problem::new(plane, noise, Regularisation::Laplacian, super::super::DEFAULT_FLOOR);
        let (usable, _) = tabulated(&problem, &h, &h);
        Self { n, filter: Filter::new(&problem, &usable, lambda), h }
    }

    /// `Pᵀ F⁻¹ (mode function) F P` of an image.
    fn apply(
        &self,
        image: &Array2<f64>,
        mode: impl Fn(&Filter, (usize, usize), Complex<f64>, Complex<f64>) -> Complex<f64>,
    ) -> Array2<f64> {
        let mut padded = Array2::zeros(self.h.dim());
        padded.slice_mut(s![..self.n.0, ..self.n.1]).assign(image);
        let lx = self.h.ncols();
        let mut spectrum = forward(&padded);
        for ((ky, kx), x) in spectrum.indexed_iter_mut() {
            *x = mode(&self.filter, (ky, mirrored(kx, lx).unwrap_or(kx)), *x, self.h[(ky, kx)]);
        }
        inverse(&spectrum).slice(s![..self.n.0, ..self.n.1]).to_owned()
    }

    fn normal(&self, x: &Array2<f64>) -> Array2<f64> {
        self.apply(x, |filter, at, x, h| x * filter.normal(at, h))
    }

    fn rhs(&self, d: &Array2<f64>) -> Array2<f64> {
        self.apply(d, |filter, _, y, h| filter.rhs(y, h))
    }

    /// Solves `A x = r` by preconditioned conjugate gradients; the estimate and the number of iterations.
    fn solve_linear_reference(&self, d: &Array2<f64>, tolerance: f64) -> (Array2<f64>, usize) {
        self.conjugate_gradients(d, tolerance, Filter::conditioned)
    }

    fn conjugate_gradients(&self, d: &Array2<f64>, tolerance: f64, divisor: Divisor) -> (Array2<f64>, usize) {
        let dot = |a: &Array2<f64>, b: &Array2<f64>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let divide = |r: &Array2<f64>| self.apply(r, |filter, at, x, h| x / divisor(filter, at, h));
        let mut residual = self.rhs(d);
        let stop = tolerance * dot(&residual, &residual).sqrt();
        let mut x = Array2::zeros(self.n);
        let mut z = divide(&residual);
        let (mut direction, mut rho) = (z.clone(), dot(&residual, &z));
        for iteration in 1..=500 {
            let image = self.normal(&direction);
            let step = rho / dot(&direction, &image);
            x.scaled_add(step, &direction);
            residual.scaled_add(-step, &image);
            if dot(&residual, &residual).sqrt() <= stop {
                return (x, iteration);
            }
            z = divide(&residual);
            let next = dot(&residual, &z);
            direction = z + direction * (next / rho);
            rho = next;
        }
        (x, usize::MAX)
    }
}

/// The dirty image of `sky`: linear convolution with the PSF of transfer function `h`.
fn dirty(setting: &Setting, sky: &Array2<f64>) -> Array2<f64> {
    setting.apply(sky, |_, _, x, h| x * h)
}

#[test]
fn conjugate_gradients_solve_the_dense_system() {
    for noise in [NoiseModel::Psf, NoiseModel::White] {
        let setting = Setting::new((4, 5), forward(&blob((9, 10), 1.0)), noise, 0.05);
        let unknowns = 20;
        let unit = |i: usize| Array2::from_shape_fn((4, 5), |(y, x)| if 5 * y + x == i { 1.0 } else { 0.0 });
        let rows: Vec<Vec<f64>> = (0..unknowns).map(|i| setting.normal(&unit(i)).iter().copied().collect()).collect();
        for (i, j) in (0..unknowns).flat_map(|i| (0..i).map(move |j| (i, j))) {
            assert!((rows[i][j] - rows[j][i]).abs() < 1e-12, "the matrix is symmetric");
        }
        let d = white((4, 5), 1);
        let (x, iterations) = setting.solve_linear_reference(&d, 1e-12);
        let expected = gauss(rows, setting.rhs(&d).iter().copied().collect());
        assert!(iterations <= 3 * unknowns);
        assert!(
            x.iter()
                .zip(&expected)
                .all(|(a, b)| (a - b).abs() < 1e-8 * expected.iter().fold(1.0, |m: f64, v| m.max(v.abs())))
        );
    }
}

/// Solves a dense system by elimination with pivoting.
fn gauss(mut rows: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for i in 0..n {
        let pivot = (i..n).max_by(|&a, &b| rows[a][i].abs().total_cmp(&rows[b][i].abs())).unwrap();
        rows.swap(i, pivot);
        right.swap(i, pivot);
        for j in i + 1..n {
            let factor = rows[j][i] / rows[i][i];
            let above = rows[i].clone();
            rows[j].iter_mut().zip(above).for_each(|(v, a)| *v -= factor * a);
            right[j] -= factor * right[i];
        }
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| rows[i][j] * right[j]).sum();
        right[i] = (right[i] - known) / rows[i][i];
    }
    right
}

#[test]
fn source_near_the_edge_is_better_found_by_the_linear_boundary_than_by_the_filter() {
    let n = (48, 48);
    let mut sky = Array2::zeros(n);
    sky.slice_mut(s![20..26, 1..5]).fill(1.0);
    sky.slice_mut(s![30..36, 28..35]).fill(0.5);
    let h = forward(&blob(n, 2.0));
    for (noise, lambda, gain) in [(NoiseModel::White, 10.0, 0.3), (NoiseModel::Psf, 0.1, 10.0)] {
        let setting = Setting::new(n, forward(&blob((96, 96), 2.0)), noise, lambda);
        let d = dirty(&setting, &sky) + 1e-3 * white(n, 5);
        let (linear, iterations) = setting.solve_linear_reference(&d, 1e-4);
        let problem = circular(n, noise, Regularisation::Laplacian);
        let filter = Filter::new(&problem, &tabulated(&problem, &h, &h).0, lambda);
        let wrapped = inverse(&estimated(&filter, &forward(&d), &h));
        let (linear, wrapped) = (snr(&sky, &linear), snr(&sky, &wrapped));
        assert!(iterations <= 60, "{iterations} iterations");
        assert!(linear > wrapped + gain, "{noise:?}: linear {linear}, circular {wrapped}");
    }
}

#[test]
fn negative_modes_of_a_cropped_psf_do_not_stop_the_solver() {
    let (n, l) = ((40, 40), (64, 64));
    let psf = inverse(&holes((80, 80), 0.7, 4));
    let kept = |at: usize, size: usize| if 2 * at > size { at + 80 - size } else { at };
    let crop = Array2::from_shape_fn(l, |(y, x)| {
        if lag(y, 64).abs().max(lag(x, 64).abs()) < 20.0 { psf[(kept(y, 64), kept(x, 64))] } else { 0.0 }
    });
    let setting = Setting::new(n, forward(&crop), NoiseModel::Psf, 1e-4);
    assert!(setting.h.iter().any(|h| h.re < -0.01 * setting.h[(5, 5)].norm()));
    let mut sky = Array2::zeros(n);
    sky[(12, 30)] = 1.0;
    let d = dirty(&setting, &sky) + 1e-3 * white(n, 7);
    let (x, iterations) = setting.solve_linear_reference(&d, 1e-4);
    let (_, unraised) = setting.conjugate_gradients(&d, 1e-4, Filter::normal);
    let peak = x.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    assert!(iterations <= 60 && unraised > iterations, "{iterations} iterations, {unraised} without the raised H");
    assert_eq!(peak, (12, 30));
}

#[test]
fn columns_in_single_precision_follow_the_arithmetic_of_the_modes() {
    let h = forward(&(blob((14, 12), 1.0) + 0.02 * white((14, 12), 3)));
    let y = forward(&white((14, 12), 4));
    for noise in [NoiseModel::Psf, NoiseModel::White] {
        let setting = Setting::new((9, 8), h.clone(), noise, 0.1);
        let filter = &setting.filter;
        for kx in 0..7 {
            let [mut rhs, mut normal, mut divided] = [column(&y, kx), column(&y, kx), column(&y, kx)];
            let narrow = column(&h, kx);
            filter.rhs_column(&mut rhs, &narrow);
            filter.normal_column(kx, &mut normal, &narrow);
            filter.precondition_column(kx, &mut divided, &narrow);
            for ky in 0..14 {
                let (y, h) = (y[(ky, kx)], h[(ky, kx)]);
                let gain = filter.normal((ky, kx), h);
                for (found, expected) in [
                    (rhs[ky], filter.rhs(y, h)),
                    (normal[ky], y * gain),
                    (divided[ky], y / filter.conditioned((ky, kx), h)),
                ] {
                    let error = (super::super::model::widen(found) - expected).norm();
                    assert!(error <= 2e-6 * expected.norm().max(y.norm()), "{noise:?} ({ky}, {kx}): {error:e}");
                }
            }
        }
    }
}
