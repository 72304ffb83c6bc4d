//! The posterior of λ and of the precisions.

use ndarray::Array2;
use rustfft::num_complex::Complex;

use super::super::choose::Criterion;
use super::super::{LambdaRule, choose};
use super::choosing::{direct_modes, observed};
use super::*;

/// A sky drawn from the prior, as it is observed.
pub(super) fn drawn(problem: &Problem, h: &Spectrum, precisions: (f64, f64), seed: u64) -> Spectrum {
    sky_and_data(problem, h, precisions, (seed, seed + 1)).1
}

/// The same with the sky; the seeds are those of sky and noise.
pub(super) fn sky_and_data(
    problem: &Problem,
    h: &Spectrum,
    (gamma_n, gamma_x): (f64, f64),
    seeds: (u64, u64),
) -> (Array2<f64>, Spectrum) {
    let shape = h.dim();
    let prior = Array2::from_shape_fn(shape, |(ky, kx)| {
        let kx = mirrored(kx, shape.1).unwrap_or(kx);
        Complex::new(1.0 / (gamma_x * problem.penalty(ky, kx)).sqrt(), 0.0)
    });
    let sky = inverse(&(forward(&white(shape, seeds.0)) * prior));
    let data = observed(problem, h, &sky, 1.0 / f64::sqrt(gamma_n), seeds.1);
    (sky, data)
}

/// Problems with their transfer function and precisions of noise and prior (ALGORITHMS 12.2).
pub(super) fn cases(size: usize) -> [(Problem, Spectrum, (f64, f64)); 2] {
    let plane = Plane::circular(size, size);
    let problem = |noise| Problem::new(plane, noise, Regularisation::Laplacian, 1e-4);
    [
        (problem(NoiseModel::White), forward(&blob((size, size), 4.0)), (0.5, 2.0)),
        (problem(NoiseModel::Psf), holes((size, size), 0.6, 8), (50.0, 2.0)),
    ]
}

#[test]
fn posterior_is_that_of_a_plain_integral_over_all_modes() {
    for (problem, h, (gamma_n, gamma_x)) in cases(256) {
        let y = drawn(&problem, &h, (gamma_n, gamma_x), 31);
        let (usable, table) = tabulated(&problem, &y, &h);
        let found = choose(&table, LambdaRule::Ml, None).unwrap().posterior.unwrap();
        let direct = Criterion::new(direct_modes(&problem, &usable, &y, &h), LambdaRule::Ml, None).unwrap();
        // four decades about the truth, four hundred points each
        let (centre, least) = (gamma_x / gamma_n, direct.value(direct.minimise().0));
        let grid = (-800..=800).map(|i| f64::from(i) / 400.0);
        let (mut total, mut first, mut second, mut noise) = (0.0, 0.0, 0.0, 0.0);
        for u in grid {
            let lambda = centre * 10.0_f64.powf(u);
            let weight = (-0.5 * direct.count() * (direct.value(lambda) - least)).exp();
            let at = lambda.log10();
            (total, first, second) = (total + weight, first + weight * at, second + weight * at * at);
            noise += weight / direct.variance(lambda);
        }
        let mean = first / total;
        let sd = (second / total - mean * mean).sqrt();
        assert!((found.log_lambda.mean - mean).abs() < 1e-3 * sd, "{} for {mean}", found.log_lambda.mean);
        assert!((found.log_lambda.sd / sd - 1.0).abs() < 1e-3, "{} for {sd}", found.log_lambda.sd);
        let off = found.gamma_noise.mean - noise / total;
        assert!(off.abs() < 1e-2 * found.gamma_noise.sd, "{:?} for {}", found.gamma_noise, noise / total);
        let step = |pair: &[(f64, f64)]| (pair[1].0 / pair[0].0).log10() * pair[0].1;
        let integral: f64 = found.density.windows(2).map(step).sum();
        assert!((integral - 1.0).abs() < 1e-3, "{integral}");
    }
}

#[test]
fn truth_is_within_three_standard_deviations_and_in_the_stated_interval_as_often_as_stated() {
    for (problem, h, (gamma_n, gamma_x)) in cases(256) {
        let (mut inside, draws) = (0, 60);
        for seed in 0..draws {
            let y = drawn(&problem, &h, (gamma_n, gamma_x), 100 + 2 * seed);
            let (_, table) = tabulated(&problem, &y, &h);
            let found = choose(&table, LambdaRule::Ml, None).unwrap().posterior.unwrap();
            let truth = gamma_x / gamma_n;
            let off = (truth.log10() - found.log_lambda.mean) / found.log_lambda.sd;
            assert!(off.abs() < 4.0, "{off} standard deviations of log lambda");
            for (measured, truth) in [(found.gamma_noise, gamma_n), (found.gamma_prior, gamma_x)] {
                let off = (measured.mean - truth) / measured.sd;
                assert!(off.abs() < 4.0, "{measured:?} for {truth}");
            }
            inside += u32::from((found.lambda_68[0]..found.lambda_68[1]).contains(&truth));
        }
        // 68 % of 60 is 41, give or take 3.6
        assert!((30..=52).contains(&inside), "{inside} of {draws}");
    }
}

#[test]
fn noise_that_is_given_has_no_spread() {
    let (problem, h, (gamma_n, gamma_x)) = cases(64)[1].clone();
    let (usable, table) = tabulated(&problem, &drawn(&problem, &h, (gamma_n, gamma_x), 5), &h);
    let sigma = (usable.noise_mean / gamma_n).sqrt();
    let found = choose(&table, LambdaRule::MlSigma, Some(sigma)).unwrap().posterior.unwrap();
    assert!((found.gamma_noise.mean / gamma_n - 1.0).abs() < 1e-9 && found.gamma_noise.sd < 1e-6 * gamma_n);
    assert!((found.gamma_prior.mean - gamma_x).abs() < 4.0 * found.gamma_prior.sd, "{:?}", found.gamma_prior);
    assert!(choose(&table, LambdaRule::Gcv, None).unwrap().posterior.is_none(), "no likelihood");
}
