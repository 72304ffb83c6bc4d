//! The filter against formulas written out on the full plane.

use std::f64::consts::PI;

use ndarray::Array2;
use rustfft::num_complex::Complex;

use super::super::Filter;
use super::*;

/// `Q` written out for any mode of the full plane.
fn plain_penalty(regularisation: Regularisation, (ky, kx): (usize, usize), (ly, lx): (usize, usize)) -> f64 {
    let cosine = |k: usize, length: usize| (2.0 * PI * k as f64 / length as f64).cos();
    let step = 4.0 - 2.0 * cosine(kx, lx) - 2.0 * cosine(ky, ly);
    match regularisation {
        Regularisation::Laplacian => step * step,
        Regularisation::Gradient => step,
        Regularisation::Identity => 1.0,
        Regularisation::Matern { nu, length } => (1.0 + step / (2.0 * nu / (length * length))).powf(nu + 1.0),
    }
}

fn all_modes(problem: &Problem) -> Usable {
    let ones = Array2::from_elem((problem.plane().ly, problem.plane().lx), Complex::new(1.0, 0.0));
    tabulated(problem, &ones, &ones).0
}

#[test]
fn half_plane_and_full_plane_agree_for_odd_even_and_prime_sizes() {
    for shape in [(8, 8), (9, 12), (12, 9), (13, 17), (1, 7), (6, 1)] {
        let matern = Regularisation::Matern { nu: 1.5, length: 3.0 };
        for regularisation in [Regularisation::Laplacian, Regularisation::Gradient, Regularisation::Identity, matern] {
            let floor = 1e-3;
            let problem = Problem::new(Plane::circular(shape.0, shape.1), NoiseModel::White, regularisation, floor);
            let modes = || (0..shape.0).flat_map(|ky| (0..shape.1).map(move |kx| (ky, kx)));
            // the Matern prior keeps the mean by itself
            let raised = if regularisation == matern { 0.0 } else { floor };
            let max = modes().map(|at| plain_penalty(regularisation, at, shape)).fold(0.0, f64::max);
            // A PSF that is not even: its transfer function is complex.
            let (y, h) = (forward(&white(shape, 1)), forward(&(blob(shape, 0.8) + 0.05 * white(shape, 2))));
            let full = Array2::from_shape_fn(shape, |at| {
                let q = plain_penalty(regularisation, at, shape) + raised * max;
                h[at].conj() * y[at] / (h[at].norm_sqr() + 0.3 * q)
            });
            let filter = Filter::new(&problem, &Usable { floor: 0.0, ..all_modes(&problem) }, 0.3);
            let half = Array2::from_shape_fn(shape, |(ky, kx)| match mirrored(kx, shape.1) {
                None => filter.estimate((ky, kx), (y[(ky, kx)], h[(ky, kx)])),
                Some(mirror) => {
                    let at = ((shape.0 - ky) % shape.0, mirror);
                    filter.estimate(at, (y[at], h[at])).conj()
                }
            });
            let error = (inverse(&full) - inverse(&half)).iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            assert!(error < 1e-10, "{shape:?} {regularisation:?}: {error:e}");
        }
    }
}

#[test]
fn identity_psf_leaves_the_prior_alone() {
    let shape = (12, 15);
    let h = Array2::from_elem(shape, Complex::new(1.0, 0.0));
    let y = forward(&white(shape, 9));
    for noise in [NoiseModel::White, NoiseModel::Psf] {
        let problem = circular(shape, noise, Regularisation::Laplacian);
        let filter = Filter::new(&problem, &all_modes(&problem), 0.7);
        for kx in 0..problem.plane().columns() {
            let mut filtered = column(&y, kx);
            filter.filter_column(kx, &mut filtered, &column(&h, kx));
            for (ky, found) in filtered.iter().enumerate() {
                let q = plain_penalty(Regularisation::Laplacian, (ky, kx), shape);
                let error = (super::super::model::widen(*found) - y[(ky, kx)] / (1.0 + 0.7 * q)).norm();
                assert!(error < 1e-5, "({ky}, {kx}): {error:e}");
            }
        }
    }
}

#[test]
fn noise_of_the_psf_divides_by_h_plus_lambda_q_and_leaves_holes_empty() {
    let shape = (32, 27);
    let problem = circular(shape, NoiseModel::Psf, Regularisation::Gradient);
    let (h, y) = (holes(shape, 0.5, 1), forward(&white(shape, 2)));
    let (usable, _) = tabulated(&problem, &y, &h);
    let filter = Filter::new(&problem, &usable, 0.02);
    let mut empty = 0;
    for (ky, kx) in (0..shape.0).flat_map(|ky| (0..problem.plane().columns()).map(move |kx| (ky, kx))) {
        let (found, h) = (filter.estimate((ky, kx), (y[(ky, kx)], h[(ky, kx)])), h[(ky, kx)].re);
        let expected = if h > 0.0 { y[(ky, kx)] / (h + 0.02 * problem.penalty(ky, kx)) } else { Complex::ZERO };
        assert!((found - expected).norm() <= 1e-12 * expected.norm());
        empty += usize::from(h <= 0.0);
    }
    assert!(empty > 100);
}

#[test]
fn mean_that_is_neither_measured_nor_penalised_is_zero_and_not_nan() {
    let shape = (16, 16);
    let problem = Problem::new(Plane::circular(16, 16), NoiseModel::White, Regularisation::Laplacian, 0.0);
    assert!(problem.penalty(0, 0).abs() < f64::EPSILON);
    let mut h = forward(&blob(shape, 1.0));
    h[(0, 0)] = Complex::ZERO;
    let y = forward(&(white(shape, 1) + 3.0));
    let (usable, _) = tabulated(&problem, &y, &h);
    for lambda in [0.0, 1e-3] {
        let filter = Filter::new(&problem, &usable, lambda);
        let mut filtered = column(&y, 0);
        filter.filter_column(0, &mut filtered, &column(&h, 0));
        assert_eq!(filtered[0], Complex::ZERO);
        assert!(filtered.iter().all(|z| z.re.is_finite() && z.im.is_finite()));
    }
}

#[test]
fn penalty_is_floored_at_a_fraction_of_its_maximum() {
    for (regularisation, max) in
        [(Regularisation::Laplacian, 64.0), (Regularisation::Gradient, 8.0), (Regularisation::Identity, 1.0)]
    {
        let problem = circular((10, 8), NoiseModel::White, regularisation);
        assert!((problem.penalty(5, 4) / max - 1.0).abs() < 1e-7);
        let bare = plain_penalty(regularisation, (0, 0), (10, 8));
        assert!((problem.penalty(0, 0) - bare - 1e-8 * max).abs() < 1e-12);
    }
}
