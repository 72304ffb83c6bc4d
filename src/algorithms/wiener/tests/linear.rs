//! The linear boundary: a plain conjugate-gradient solver, in f64, around the column functions' arithmetic.

use ndarray::{Array2, s};
use rustfft::num_complex::Complex;

use super::super::{Equation, Filter, taper};
use super::*;

/// An image of shape `n` seen through the padded transfer function `h`, and the noise model's filter.
struct Setting {
    n: (usize, usize),
    h: Spectrum,
    filter: Filter,
    equation: Equation,
}

impl Setting {
    fn new(n: (usize, usize), h: Spectrum, noise: NoiseModel, lambda: f64) -> Self {
        let plane = Plane { ly: h.nrows(), lx: h.ncols(), data_pixels: n.0 * n.1 };
        let problem = Problem::new(plane, noise, Regularisation::Laplacian, super::super::DEFAULT_FLOOR);
        let (usable, _) = tabulated(&problem, &h, &h);
        let equation = Equation::of(noise, &usable);
        Self { n, filter: Filter::new(&problem, &usable, lambda), h, equation }
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
        if self.equation == Equation::Normal {
            return self.apply(x, |filter, at, x, h| x * filter.normal(at, h));
        }
        let seen = self.apply(x, |_, _, x, h| x * h);
        let prior = self.apply(x, |filter, (ky, kx), x, _| x * filter.lambda * filter.problem.penalty(ky, kx));
        self.correlate_weighed(&seen) + prior
    }

    fn correlate_weighed(&self, seen: &Array2<f64>) -> Array2<f64> {
        let weighed = self.apply(seen, |filter, _, y, h| y * filter.weighing(h));
        self.apply(&weighed, |_, _, y, h| y * h.conj())
    }

    /// The preconditioner.
    fn divide(&self, r: &Array2<f64>) -> Array2<f64> {
        let weights = Array2::from_shape_fn(self.n, |(y, x)| {
            self.filter.taper().map_or(1.0, |how| taper(y, self.n.0, how) * taper(x, self.n.1, how))
        });
        let divided = self.apply(&(r * &weights), |filter, at, x, h| match self.equation {
            Equation::Normal => x / filter.conditioned(at, h),
            Equation::Weighted | Equation::Natural => x / filter.conditioned_weighted(at, h),
        });
        divided * weights
    }

    fn rhs(&self, d: &Array2<f64>) -> Array2<f64> {
        match self.equation {
            Equation::Normal => self
                .apply(d, |filter, _, y, h| if filter.problem.is_usable(h, filter.floor) { y } else { Complex::ZERO }),
            Equation::Weighted | Equation::Natural => self.correlate_weighed(d),
        }
    }

    /// Solves `A x = r` by preconditioned conjugate gradients; the estimate and the number of iterations.
    fn solve_linear_reference(&self, d: &Array2<f64>, tolerance: f64) -> (Array2<f64>, usize) {
        self.conjugate_gradients(d, tolerance, |r| self.divide(r))
    }

    fn conjugate_gradients(
        &self,
        d: &Array2<f64>,
        tolerance: f64,
        divide: impl Fn(&Array2<f64>) -> Array2<f64>,
    ) -> (Array2<f64>, usize) {
        let dot = |a: &Array2<f64>, b: &Array2<f64>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut residual = self.rhs(d);
        let mut x = Array2::zeros(self.n);
        let mut z = divide(&residual);
        let (mut direction, mut rho) = (z.clone(), dot(&residual, &z));
        let stop = tolerance * tolerance * rho;
        for iteration in 1..=500 {
            let image = self.normal(&direction);
            let step = rho / dot(&direction, &image);
            x.scaled_add(step, &direction);
            residual.scaled_add(-step, &image);
            z = divide(&residual);
            let next = dot(&residual, &z);
            if next <= stop {
                return (x, iteration);
            }
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
fn negative_modes_of_a_cropped_psf_are_of_the_sky_and_not_taken_for_zero() {
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
    let peak = x.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    assert!(setting.equation == Equation::Weighted && iterations <= 200, "{iterations} iterations");
    assert_eq!(peak, (12, 30));
    let (clipped, _) = Setting { equation: Equation::Normal, ..setting }.solve_linear_reference(&d, 1e-4);
    let (exact, clipped) = (snr(&sky, &x), snr(&sky, &clipped));
    assert!(exact > clipped + 3.0, "{exact} dB, {clipped} dB with negative values taken for 0");
}

#[test]
fn prior_that_outweighs_the_data_is_solved_by_a_tapered_preconditioner() {
    let n = (64, 56);
    for (noise, lambda) in [(NoiseModel::White, 3e5), (NoiseModel::Psf, 3e3)] {
        let setting = Setting::new(n, forward(&blob((128, 112), 2.0)), noise, lambda);
        let d = dirty(&setting, &white(n, 3)) + 1e-3 * white(n, 5);
        let (x, iterations) = setting.solve_linear_reference(&d, 2e-4);
        let plain = |r: &Array2<f64>| {
            setting.apply(r, |filter, at, x, h| match setting.equation {
                Equation::Normal => x / filter.conditioned(at, h),
                Equation::Weighted | Equation::Natural => x / filter.conditioned_weighted(at, h),
            })
        };
        let (same, untapered) = setting.conjugate_gradients(&d, 2e-4, plain);
        let share = iterations as f64 / untapered as f64;
        assert!(share < 0.75, "{noise:?}: {iterations} iterations, {untapered} without the taper");
        let error = x.iter().zip(&same).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(error < 0.05 * same.iter().fold(0.0, |most: f64, v| most.max(v.abs())), "{noise:?}: {error:e}");
    }
    let weak = Setting::new(n, forward(&blob((128, 112), 2.0)), NoiseModel::Psf, 0.1);
    assert!(weak.filter.taper().is_none(), "nothing is tapered where the data outweigh the prior");
}

#[test]
fn columns_in_single_precision_follow_the_arithmetic_of_the_modes() {
    let h = forward(&(blob((14, 12), 1.0) + 0.02 * white((14, 12), 3)));
    let y = forward(&white((14, 12), 4));
    for noise in [NoiseModel::Psf, NoiseModel::White] {
        let setting = Setting::new((9, 8), h.clone(), noise, 0.1);
        let filter = &setting.filter;
        for kx in 0..7 {
            let [mut rhs, mut normal, mut divided, mut convolved] = std::array::from_fn(|_| column(&y, kx));
            let [mut weighed, mut correlated, mut conditioned] = std::array::from_fn(|_| column(&y, kx));
            let narrow = column(&h, kx);
            filter.rhs_column(&mut rhs, &narrow);
            filter.normal_column(kx, &mut normal, &narrow);
            filter.precondition_column(kx, &mut divided, &narrow);
            Filter::convolve_column(&mut convolved, &narrow);
            filter.weigh_column(&mut weighed, &narrow);
            filter.correlate_column(kx, (&mut correlated, &narrow), &narrow);
            filter.precondition_weighted_column(kx, &mut conditioned, &narrow);
            for ky in 0..14 {
                let (y, h) = (y[(ky, kx)], h[(ky, kx)]);
                let prior = filter.lambda * filter.problem.penalty(ky, kx);
                for (found, expected) in [
                    (rhs[ky], if filter.problem.is_usable(h, filter.floor) { y } else { Complex::ZERO }),
                    (normal[ky], y * filter.normal((ky, kx), h)),
                    (divided[ky], y / filter.conditioned((ky, kx), h)),
                    (convolved[ky], y * h),
                    (weighed[ky], y * filter.weighing(h)),
                    (correlated[ky], h.conj() * y + prior * h),
                    (conditioned[ky], y / filter.conditioned_weighted((ky, kx), h)),
                ] {
                    let error = (super::super::model::widen(found) - expected).norm();
                    assert!(error <= 2e-6 * expected.norm().max(y.norm()), "{noise:?} ({ky}, {kx}): {error:e}");
                }
            }
        }
    }
}
