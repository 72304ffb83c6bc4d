//! The search for λ against a plain one.

use ndarray::Array2;

use super::super::LambdaRule;
use super::super::choose::Criterion;
use super::super::table::Modes;
use super::choosing::{direct_modes, observed};
use super::*;

const RULES: [LambdaRule; 5] =
    [LambdaRule::Ml, LambdaRule::MlSigma, LambdaRule::Gcv, LambdaRule::Sure, LambdaRule::Discrepancy];

const VARIANCE: f64 = 1e-2;

/// A criterion as the table of the module has it, over modes one by one.
fn plain(modes: &Modes, rule: LambdaRule, lambda: f64) -> f64 {
    let count: f64 = modes.counts.iter().map(|(_, w)| w).sum();
    let b = |t: f64| 1.0 / (1.0 + t / lambda);
    let power = |n: i32| modes.powers.iter().map(|(t, p)| p * b(*t).powi(n)).sum::<f64>();
    let freedom: f64 = modes.counts.iter().map(|(t, w)| w * b(*t)).sum();
    let logs: f64 = modes.counts.iter().map(|(t, w)| w * b(*t).ln()).sum::<f64>() / count;
    match rule {
        LambdaRule::Given(_) | LambdaRule::Ml => (power(1) / count).ln() - logs,
        LambdaRule::MlSigma => power(1) / (VARIANCE * count) - logs,
        LambdaRule::Gcv => power(2) / count / (freedom / count).powi(2),
        LambdaRule::Sure => (power(2) / VARIANCE + 2.0 * (count - freedom)) / count - 1.0,
        LambdaRule::Discrepancy => (power(2) / (VARIANCE * freedom)).ln().abs(),
    }
}

/// `log10 λ` of the least over 41 points in 20 decades about the mean of `log t`, then by golden section; and the value there.
fn plain_search(modes: &Modes, rule: LambdaRule) -> (f64, f64) {
    let count: f64 = modes.counts.iter().map(|(_, w)| w).sum();
    let scale = modes.counts.iter().map(|(t, w)| w * t.log10()).sum::<f64>() / count;
    let value = |u: f64| plain(modes, rule, 10.0_f64.powf(scale + u));
    let grid: Vec<f64> = (0..41).map(|i| -12.0 + 0.5 * f64::from(i)).collect();
    let best = grid.iter().copied().min_by(|a, b| value(*a).total_cmp(&value(*b))).unwrap();
    let (mut low, mut high) = ((best - 0.5).max(-12.0), (best + 0.5).min(8.0));
    let ratio = 0.5 * (5.0_f64.sqrt() - 1.0);
    while high - low > 1e-4 {
        let (left, right) = (high - ratio * (high - low), low + ratio * (high - low));
        if value(left) <= value(right) { high = right } else { low = left }
    }
    let found = f64::midpoint(low, high);
    (scale + found, value(found))
}

#[test]
fn search_finds_what_a_plain_one_over_all_modes_finds() {
    let drawn = |problem: &Problem, h: &Spectrum, gamma: f64, seed| {
        let (ly, lx) = h.dim();
        let mut spectrum = forward(&white((ly, lx), seed));
        for ((ky, kx), value) in spectrum.indexed_iter_mut() {
            *value *= (gamma * problem.penalty(ky, kx.min(lx - kx))).powf(-0.5);
        }
        observed(problem, h, &inverse(&spectrum), 0.1, seed + 1)
    };
    let shape = (54, 48);
    let mut compared = 0;
    for (noise, regularisation) in [
        (NoiseModel::White, Regularisation::Laplacian),
        (NoiseModel::White, Regularisation::Identity),
        (NoiseModel::Psf, Regularisation::Gradient),
        (NoiseModel::Psf, Regularisation::Matern { nu: 1.5, length: 5.0 }),
    ] {
        let problem = circular(shape, noise, regularisation);
        let h = if noise == NoiseModel::White { forward(&blob(shape, 1.2)) } else { holes(shape, 0.4, 5) };
        let points = Array2::from_shape_fn(shape, |(y, x)| if (7 * y + 3 * x) % 97 == 0 { 40.0 } else { 0.0 });
        let flat = Array2::zeros(shape);
        let data = [
            ("matched", drawn(&problem, &h, 3.0, 11)),
            ("strong prior", drawn(&problem, &h, 3e3, 13)),
            ("points", observed(&problem, &h, &points, 0.1, 15)),
            ("noise alone", observed(&problem, &h, &flat, 0.1, 17)),
            ("less than the noise", observed(&problem, &h, &flat, 0.02, 19)),
        ];
        for (name, y) in data {
            let (usable, table) = tabulated(&problem, &y, &h);
            let direct = direct_modes(&problem, &usable, &y, &h);
            for rule in RULES {
                let (expected, least) = plain_search(&direct, rule);
                let found = Criterion::new(table.modes(), rule, Some(VARIANCE)).unwrap().minimise().0.log10();
                let value = plain(&direct, rule, 10.0_f64.powf(found));
                // where λ is determined by more than rounding the place, else what it makes of the criterion
                let beside = [-0.01, 0.01].map(|u| plain(&direct, rule, 10.0_f64.powf(expected + u)) - least);
                let told = format!("{noise:?} {regularisation:?} {name} {rule:?}: {found}, plain {expected}");
                let is_near = (found - expected).abs() < 1e-3;
                if beside.iter().all(|above| *above > 1e-6 * least.abs().max(1.0)) {
                    assert!(is_near, "{told}");
                    compared += 1;
                } else {
                    assert!(is_near || value - least < 1e-6 * least.abs().max(1.0), "{told}: {value} and {least}");
                }
            }
        }
    }
    assert!(compared > 40, "{compared} of 100 have a minimum");
}

#[test]
fn merged_modes_keep_the_criteria() {
    let problem = circular((60, 64), NoiseModel::White, Regularisation::Laplacian);
    let h = forward(&blob((60, 64), 1.2));
    let y = observed(&problem, &h, &blob((60, 64), 2.0), 0.1, 6);
    let (_, table) = tabulated(&problem, &y, &h);
    let all = table.all_modes();
    for (parts, tolerance) in [(3, 1e-7), (2, 1e-5)] {
        let merged = all.merged(parts);
        let kept = (merged.counts.len() as f64 / all.counts.len() as f64, merged.counts.len());
        assert!(kept.0 < 0.9, "{kept:?}");
        for rule in RULES {
            let criterion = |modes: &Modes| Criterion::new(modes.clone(), rule, Some(VARIANCE)).unwrap();
            let (exact, found) = (criterion(&all), criterion(&merged));
            for decade in -8..8 {
                let lambda = 10.0_f64.powi(decade);
                let (exact, found) = (exact.value(lambda), found.value(lambda));
                assert!(
                    (exact - found).abs() <= tolerance * exact.abs().max(1.0),
                    "{rule:?} 1e{decade}: {found} for {exact}"
                );
            }
        }
    }
}
