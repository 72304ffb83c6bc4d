//! Survey, table and the choice of λ.

use ndarray::Array2;
use rustfft::num_complex::Complex;

use super::super::choose::Criterion;
use super::super::table::{Modes, mode_terms};
use super::super::{ChooseError, Filter, LambdaRule, Note, choose};
use super::*;

const RULES: [LambdaRule; 5] =
    [LambdaRule::Ml, LambdaRule::MlSigma, LambdaRule::Gcv, LambdaRule::Sure, LambdaRule::Discrepancy];

/// Every mode of the full plane by itself, from the single-precision spectra that the table sees.
pub(super) fn direct_modes(problem: &Problem, usable: &Usable, y: &Spectrum, h: &Spectrum) -> Modes {
    let (ly, lx) = y.dim();
    let half = |s: &Spectrum| (0..problem.plane().columns()).map(|kx| column(s, kx)).collect::<Vec<_>>();
    let (y, h) = (from_columns(&half(y), lx), from_columns(&half(h), lx));
    let mut modes = Modes::default();
    for (ky, kx) in (0..ly).flat_map(|ky| (0..lx).map(move |kx| (ky, kx))) {
        let at = mirrored(kx, lx).map_or((ky, kx), |mirror| ((ly - ky) % ly, mirror));
        if let Some((t, p)) = mode_terms(problem, usable, at, (y[(ky, kx)], h[(ky, kx)])) {
            modes.counts.push((t, 1.0));
            modes.powers.push((t, p));
        }
    }
    modes
}

/// A dirty image of a Gaussian and noise that passed through `h` as `problem` says, as a spectrum.
pub(super) fn observed(problem: &Problem, h: &Spectrum, sky: &Array2<f64>, sigma: f64, seed: u64) -> Spectrum {
    let noise = forward(&white(sky.dim(), seed));
    forward(sky) * h + noise * h.map(|&h| Complex::new(sigma * problem.noise_power(h).sqrt(), 0.0))
}

#[test]
fn half_plane_weights_make_parseval_hold() {
    for shape in [(8, 6), (7, 5), (6, 9), (1, 1), (5, 1), (4, 2)] {
        let (image, plane) = (white(shape, 3), Plane::circular(shape.0, shape.1));
        let spectrum = forward(&image);
        let power = |kx| spectrum.column(kx).iter().map(Complex::norm_sqr).sum::<f64>() * plane.weight(kx) as f64;
        let half: f64 = (0..plane.columns()).map(power).sum();
        let direct: f64 = image.iter().map(|v| v * v).sum();
        assert!((half / (direct * plane.modes() as f64) - 1.0).abs() < 1e-12, "{shape:?}");
    }
}

#[test]
fn table_gives_the_criteria_and_minima_of_the_sums_over_all_modes() {
    for (shape, noise, regularisation) in [
        ((48, 64), NoiseModel::White, Regularisation::Laplacian),
        ((31, 37), NoiseModel::White, Regularisation::Gradient),
        ((45, 50), NoiseModel::Psf, Regularisation::Laplacian),
        ((64, 47), NoiseModel::Psf, Regularisation::Identity),
    ] {
        let problem = circular(shape, noise, regularisation);
        let h = if noise == NoiseModel::White { forward(&blob(shape, 1.2)) } else { holes(shape, 0.4, 5) };
        let y = observed(&problem, &h, &(blob(shape, 2.0) + 0.3 * white(shape, 9)), 0.1, 6);
        let (usable, table) = tabulated(&problem, &y, &h);
        for rule in RULES {
            let known = Some(1e-2);
            let binned = Criterion::new(table.modes(), rule, known).unwrap();
            let direct = Criterion::new(direct_modes(&problem, &usable, &y, &h), rule, known).unwrap();
            let (lambda, curve) = direct.minimise();
            for (lambda, _) in curve {
                let value = direct.value(lambda);
                let error = binned.value(lambda) - value;
                // a logarithm of order 1 passes 0
                let least = if rule == LambdaRule::Discrepancy { 1.0 } else { 1e-2 };
                assert!(
                    error.abs() <= 1e-6 * value.abs().max(least),
                    "{shape:?} {rule:?} {lambda:e}: {error:e} of {value}"
                );
            }
            let distance = (binned.minimise().0 / lambda).log10();
            let is_determined = direct.is_determined(lambda, 1.0);
            // An identity prior with the noise left free cannot be told from no prior at all.
            assert!(is_determined || regularisation == Regularisation::Identity, "{shape:?} {rule:?}");
            assert!(!is_determined || distance.abs() < 1e-3, "{shape:?} {rule:?}: {distance}");
        }
    }
}

#[test]
fn any_grouping_and_order_of_columns_gives_the_same_bytes() {
    let shape = (30, 41);
    let problem = circular(shape, NoiseModel::Psf, Regularisation::Laplacian);
    let h = holes(shape, 0.5, 1);
    let y = observed(&problem, &h, &blob(shape, 2.0), 1e-3, 2);
    let (usable, whole) = tabulated(&problem, &y, &h);
    for group in [1, 2, 5, 20] {
        let columns: Vec<usize> = (0..problem.plane().columns()).rev().collect();
        let (mut survey, mut table) = (Survey::new(&problem), SpectrumTable::new(&problem, &usable));
        for part in columns.chunks(group) {
            let (mut part_survey, mut part_table) = (Survey::new(&problem), SpectrumTable::new(&problem, &usable));
            for &kx in part {
                part_survey.add_data(&column(&y, kx));
                part_survey.add_transfer(kx, &column(&h, kx));
                part_table.add_column(kx, &column(&y, kx), &column(&h, kx));
            }
            survey.merge(&part_survey);
            table.merge(&part_table);
        }
        assert_eq!(survey.finish(TauRule::Auto).unwrap(), usable);
        assert_eq!(table.modes(), whole.modes());
    }
}

/// Draws the sky from the prior and checks that λ, γn and the error of the estimate come back (ALGORITHMS 12.2).
fn recovers(problem: &Problem, h: &Spectrum, (gamma_n, gamma_x): (f64, f64), seed: u64) {
    let shape = h.dim();
    let prior = Array2::from_shape_fn(shape, |(ky, kx)| {
        let kx = mirrored(kx, shape.1).unwrap_or(kx);
        Complex::new(1.0 / (gamma_x * problem.penalty(ky, kx)).sqrt(), 0.0)
    });
    let sky = inverse(&(forward(&white(shape, seed)) * prior));
    let y = observed(problem, h, &sky, 1.0 / f64::sqrt(gamma_n), seed + 1);
    let (usable, table) = tabulated(problem, &y, h);
    let error = |lambda: f64| {
        let filter = Filter::new(problem, &usable, lambda);
        let estimate = estimated(&filter, &y, h);
        let difference = &sky - &inverse(&estimate);
        difference.iter().map(|d| d * d).sum::<f64>()
    };
    let known = (usable.noise_mean / gamma_n).sqrt();
    for (rule, sigma) in [(LambdaRule::Ml, None), (LambdaRule::MlSigma, Some(known))] {
        let choice = choose(&table, rule, sigma).unwrap();
        let (truth, sd) = (gamma_x / gamma_n, choice.log_lambda_sd.unwrap());
        let off = (choice.lambda / truth).log10();
        assert!(off.abs() < 3.0 * sd && sd < 0.1, "{rule:?}: log lambda off by {off}, sd {sd}");
        // γx is known far better than γn, so an error of λ is one of σ²: half of it in log σ.
        let sigma_off = (choice.sigma / known).log10();
        assert!(sigma_off.abs() < 3.0 * (0.5 * sd + 0.005), "{rule:?}: sigma {} for {known}", choice.sigma);
        assert!(error(choice.lambda) < 1.001 * error(truth), "{rule:?}");
    }
}

#[test]
fn likelihood_recovers_lambda_on_a_sky_drawn_from_the_prior() {
    let shape = (256, 256);
    let plane = Plane::circular(shape.0, shape.1);
    let optical = Problem::new(plane, NoiseModel::White, Regularisation::Laplacian, 1e-4);
    recovers(&optical, &forward(&blob(shape, 4.0)), (0.5, 2.0), 11);
    let radio = Problem::new(plane, NoiseModel::Psf, Regularisation::Laplacian, 1e-4);
    recovers(&radio, &holes(shape, 0.6, 8), (50.0, 2.0), 13);
}

#[test]
fn sure_is_the_error_predicted_and_discrepancy_leaves_the_noise_in_the_residual() {
    let shape = (128, 128);
    let problem = circular(shape, NoiseModel::White, Regularisation::Laplacian);
    let (h, sky, sigma) = (forward(&blob(shape, 1.5)), blob(shape, 4.0) * 50.0, 0.05);
    let observed = observed(&problem, &h, &sky, sigma, 21);
    let (usable, table) = tabulated(&problem, &observed, &h);
    let misfit = |lambda: f64, of: &Spectrum| {
        let estimate = estimated(&Filter::new(&problem, &usable, lambda), &observed, &h);
        inverse(&(of - &(&estimate * &h))).iter().map(|d| d * d).sum::<f64>() / (shape.0 * shape.1) as f64
    };
    let clean = forward(&sky) * &h;
    let sure = choose(&table, LambdaRule::Sure, Some(sigma)).unwrap().lambda;
    let best = misfit(sure, &clean);
    for factor in [0.1, 0.5, 2.0, 10.0] {
        assert!(best < 1.03 * misfit(factor * sure, &clean), "{factor}: {best}");
    }
    let loud = choose(&table, LambdaRule::Discrepancy, Some(sigma)).unwrap().lambda;
    assert!(loud > sure, "discrepancy is the smoother: {loud} and {sure}");
    let criterion = Criterion::new(table.modes(), LambdaRule::Discrepancy, Some(sigma * sigma)).unwrap();
    // what is not usable stays in the residual as it is
    let used = 1.0 - (criterion.count() - criterion.freedom(loud)) / (shape.0 * shape.1) as f64;
    let power = misfit(loud, &observed) / (sigma * sigma);
    assert!((power / used - 1.0).abs() < 0.02 && power < 0.95, "{power} of the noise's power for {used}");
}

#[test]
fn a_criterion_that_falls_to_the_edge_is_told() {
    let shape = (32, 32);
    let problem = circular(shape, NoiseModel::Psf, Regularisation::Laplacian);
    let h = holes(shape, 0.5, 3);
    let noise = observed(&problem, &h, &Array2::zeros(shape), 1.0, 4);
    let (usable, table) = tabulated(&problem, &noise, &h);
    // ten times the noise that there is: the residual is never as loud
    let choice = choose(&table, LambdaRule::Discrepancy, Some(10.0 * usable.noise_mean.sqrt())).unwrap();
    assert!(choice.notes.contains(&Note::AtEdge { lambda: choice.lambda }), "{:?}", choice.notes);
    assert_eq!(choice.posterior, None);
}

#[test]
fn laplacian_scaled_by_an_eighth_needs_lambda_64_times_larger() {
    let shape = (40, 40);
    let problem = circular(shape, NoiseModel::White, Regularisation::Laplacian);
    let h = forward(&blob(shape, 1.0));
    let (_, table) = tabulated(&problem, &observed(&problem, &h, &blob(shape, 2.0), 0.01, 4), &h);
    for rule in [LambdaRule::Ml, LambdaRule::Gcv] {
        let scaled = |(t, w): &(f64, f64)| (64.0 * t, *w);
        let modes = table.modes();
        let other = Modes {
            counts: modes.counts.iter().map(scaled).collect(),
            powers: modes.powers.iter().map(scaled).collect(),
        };
        let [plain, eighth] = [modes, other].map(|m| Criterion::new(m, rule, None).unwrap().minimise().0);
        assert!((eighth / plain / 64.0 - 1.0).abs() < 1e-9, "{rule:?}");
    }
}

#[test]
fn points_under_a_laplacian_prior_turn_into_noise_and_the_note_says_so() {
    let shape = (128, 128);
    let problem = circular(shape, NoiseModel::Psf, Regularisation::Laplacian);
    let h = holes(shape, 0.5, 3);
    let mut sky = Array2::zeros(shape);
    for i in 0..30 {
        sky[((i * 37) % 128, (i * 61 + 5) % 128)] = 1.0 + f64::from(i as u32);
    }
    let (usable, table) = tabulated(&problem, &observed(&problem, &h, &sky, 1e-3, 4), &h);
    let sigma = 1e-3 * usable.noise_mean.sqrt();
    let free = choose(&table, LambdaRule::Ml, Some(sigma)).unwrap();
    assert!(free.notes.iter().any(|n| matches!(n, Note::SigmaDisagrees { .. })), "{:?}", free.notes);
    let known = choose(&table, LambdaRule::MlSigma, Some(sigma)).unwrap();
    assert!(known.lambda < 1e-3 * free.lambda && known.notes.is_empty(), "{} {}", known.lambda, free.lambda);
    assert!(choose(&table, LambdaRule::Ml, None).unwrap().notes.contains(&Note::SigmaFree));
}

#[test]
fn threshold_of_usable_modes_is_five_times_the_leakage_in_the_corner() {
    let shape = (64, 64);
    let problem = circular(shape, NoiseModel::Psf, Regularisation::Laplacian);
    let exact = holes(shape, 0.5, 3);
    let max = exact.iter().map(|z| z.re).fold(0.0, f64::max);
    for (leakage, expected) in [(0.0, 1e-6), (2e-5, 1e-4), (1e-2, 1e-3)] {
        let h = exact.map(|z| if z.re == 0.0 { Complex::new(leakage * max, 0.0) } else { *z });
        let (usable, table) = tabulated(&problem, &h, &h);
        assert!((usable.tau / expected - 1.0).abs() < 0.01, "{} for {expected}", usable.tau);
        let sampled = exact.iter().filter(|z| z.re > 0.0).count() as f64 / exact.len() as f64;
        let counted = if leakage > 1e-3 { 1.0 } else { sampled };
        assert!((table.usable_fraction() - counted).abs() < 1e-12);
    }
}

#[test]
fn missing_noise_blank_data_and_impossible_values_are_errors() {
    let shape = (16, 16);
    let problem = circular(shape, NoiseModel::Psf, Regularisation::Laplacian);
    let h = holes(shape, 0.5, 3);
    let (_, blank) = tabulated(&problem, &forward(&Array2::zeros(shape)), &h);
    assert_eq!(choose(&blank, LambdaRule::Gcv, Some(1.0)), Err(ChooseError::NoPower));
    assert_eq!(choose(&blank, LambdaRule::MlSigma, None), Err(ChooseError::SigmaMissing));
    assert_eq!(choose(&blank, LambdaRule::MlSigma, Some(0.0)), Err(ChooseError::Sigma { sigma: 0.0 }));
    assert_eq!(choose(&blank, LambdaRule::Given(-1.0), None), Err(ChooseError::Lambda { lambda: -1.0 }));
    let blank = choose(&blank, LambdaRule::MlSigma, Some(1.0)).unwrap();
    assert_eq!(blank.notes, [Note::AtEdge { lambda: blank.lambda }]);
    assert!(Survey::new(&problem).finish(TauRule::Auto).is_err());
    let (_, table) = tabulated(&problem, &h, &h);
    let given = choose(&table, LambdaRule::Given(0.5), Some(2.0)).unwrap();
    assert_eq!((given.lambda, given.gamma_x), (0.5, 0.5 * given.gamma_n));
}
