//! Length and smoothness of the Matérn prior, found on skies that were drawn from one.

use super::super::{LambdaRule, MaternAsk, MaternFit, StepTable, choose};
use super::posterior::sky_and_data;
use super::*;

const SHAPE: (usize, usize) = (160, 144);

/// The prior that skies are drawn from.
const TRUTH: (f64, f64) = (6.0, 1.0);

/// Means over eight skies are off by less than this share of the truth: length, smoothness.
const MEANS: (f64, f64) = (0.15, 0.2);

fn problem(noise: NoiseModel, (length, nu): (f64, f64)) -> Problem {
    circular(SHAPE, noise, Regularisation::Matern { nu, length })
}

/// Noise and transfer function, without and with holes in the uv plane, and the precisions of noise and prior.
fn cases() -> [(NoiseModel, Spectrum, (f64, f64)); 2] {
    [
        (NoiseModel::White, forward(&(blob(SHAPE, 1.0) / 6.3)), (400.0, 1.0)),
        (NoiseModel::Psf, holes(SHAPE, 0.6, 8), (100.0, 1.0)),
    ]
}

fn binned(problem: &Problem, (y, h): (&Spectrum, &Spectrum), columns: impl Iterator<Item = usize>) -> StepTable {
    let (usable, _) = tabulated(problem, y, h);
    let mut table = StepTable::new(problem, &usable);
    columns.for_each(|kx| table.add_column(kx, &column(y, kx), &column(h, kx)));
    table
}

fn ask(rule: LambdaRule, sigma: Option<f64>) -> MaternAsk {
    MaternAsk { length: None, nu: None, rule, sigma }
}

#[test]
fn length_and_smoothness_of_a_field_are_found_with_and_without_holes_and_noise_known_or_not() {
    for (noise, h, precisions) in cases() {
        let problem = problem(noise, TRUTH);
        for rule in [LambdaRule::MlSigma, LambdaRule::Ml] {
            let fits: Vec<MaternFit> = (0..8)
                .map(|seed| {
                    let (_, y) = sky_and_data(&problem, &h, precisions, (100 + seed, 200 + seed));
                    let (usable, _) = tabulated(&problem, &y, &h);
                    let sigma = (rule == LambdaRule::MlSigma).then(|| (usable.noise_mean / precisions.0).sqrt());
                    binned(&problem, (&y, &h), 0..problem.plane().columns()).fit(&ask(rule, sigma)).unwrap()
                })
                .collect();
            let mean = |of: fn(&MaternFit) -> f64| fits.iter().map(of).sum::<f64>() / fits.len() as f64;
            let off = [mean(|fit| fit.length) / TRUTH.0 - 1.0, mean(|fit| fit.nu) / TRUTH.1 - 1.0];
            assert!(off[0].abs() < MEANS.0 && off[1].abs() < MEANS.1, "{noise:?}, {rule:?}: off by {off:?}, {fits:?}");
            assert!(fits.iter().all(|fit| fit.note().is_none()), "{fits:?}");
        }
    }
}

#[test]
fn plateau_of_a_smooth_prior_is_found_though_its_penalty_grows_by_ten_orders() {
    let (length, nu) = (20.0, 2.5);
    let (noise, h, precisions) = cases()[0].clone();
    let problem = problem(noise, (length, nu));
    assert_eq!(problem.penalty(0, 0).to_bits(), 1.0_f64.to_bits(), "no floor stands on the plateau");
    assert!(problem.penalty(SHAPE.0 / 2, SHAPE.1 / 2) > 1e9);
    let fits: Vec<MaternFit> = (0..4)
        .map(|seed| {
            let (_, y) = sky_and_data(&problem, &h, precisions, (100 + seed, 200 + seed));
            let table = binned(&problem, (&y, &h), 0..problem.plane().columns());
            table.fit(&ask(LambdaRule::Ml, None)).unwrap()
        })
        .collect();
    let mean = |of: fn(&MaternFit) -> f64| fits.iter().map(of).sum::<f64>() / fits.len() as f64;
    let off = [mean(|fit| fit.length) / length - 1.0, mean(|fit| fit.nu) / nu - 1.0];
    assert!(off[0].abs() < MEANS.0 && off[1].abs() < MEANS.1, "off by {off:?}, {fits:?}");
}

#[test]
fn likelihood_of_what_is_found_is_above_that_of_other_priors_on_the_whole_table_of_modes() {
    for (noise, h, precisions) in cases() {
        let (_, y) = sky_and_data(&problem(noise, TRUTH), &h, precisions, (5, 6));
        let sigma = {
            let (usable, _) = tabulated(&problem(noise, TRUTH), &y, &h);
            Some((usable.noise_mean / precisions.0).sqrt())
        };
        let table = binned(&problem(noise, (30.0, 3.0)), (&y, &h), 0..problem(noise, TRUTH).plane().columns());
        let found = table.fit(&ask(LambdaRule::MlSigma, sigma)).unwrap();
        let likelihood = |prior: (f64, f64)| {
            let (_, table) = tabulated(&problem(noise, prior), &y, &h);
            let curve = choose(&table, LambdaRule::MlSigma, sigma).unwrap().curve;
            curve.iter().map(|(_, value)| *value).fold(f64::MAX, f64::min)
        };
        let (least, modes) = (likelihood((found.length, found.nu)), (SHAPE.0 * SHAPE.1) as f64);
        for (length, nu) in [(0.8, 1.0), (1.25, 1.0), (1.0, 0.8), (1.0, 1.25), (0.8, 1.25), (1.25, 0.8)] {
            let other = likelihood((length * found.length, nu * found.nu));
            // to a thousandth of the log-likelihood's unit
            assert!(other > least - 2e-3 / modes, "{noise:?}: {found:?} times ({length}, {nu}): {other} < {least}");
        }
        // what is given stays
        let given = MaternAsk { length: Some(9.0), ..ask(LambdaRule::MlSigma, sigma) };
        assert_eq!(table.fit(&given).unwrap().length.to_bits(), 9.0_f64.to_bits());
    }
}

#[test]
fn bins_are_the_same_in_any_order() {
    let (noise, h, precisions) = cases()[1].clone();
    let (_, y) = sky_and_data(&problem(noise, TRUTH), &h, precisions, (5, 6));
    let columns = SHAPE.1 / 2 + 1;
    let whole = binned(&problem(noise, TRUTH), (&y, &h), 0..columns);
    let mut parts = binned(&problem(noise, TRUTH), (&y, &h), (20..columns).rev());
    parts.merge(&binned(&problem(noise, TRUTH), (&y, &h), 0..20));
    assert!(whole == parts);
    let asked = ask(LambdaRule::Ml, None);
    assert_eq!(whole.fit(&asked), parts.fit(&asked));
}

#[test]
fn sky_that_has_no_length_ends_at_the_edge_and_says_so() {
    let (noise, h, precisions) = cases()[0].clone();
    let identity = circular(SHAPE, noise, Regularisation::Identity);
    let (_, y) = sky_and_data(&identity, &h, precisions, (5, 6));
    let table = binned(&problem(noise, TRUTH), (&y, &h), 0..problem(noise, TRUTH).plane().columns());
    let fit = table.fit(&MaternAsk { nu: Some(1.0), ..ask(LambdaRule::Ml, None) }).unwrap();
    assert!(fit.at_edge[0] && fit.length < 0.6, "{fit:?}");
    let note = fit.note().unwrap();
    assert!(note.contains("length") && note.contains("edge of the range searched"), "{note}");
}
