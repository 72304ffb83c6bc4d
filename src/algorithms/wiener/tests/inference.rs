//! The posterior of λ by sampling, and the uncertainty of the estimate.

use ndarray::Array2;
use rustfft::num_complex::Complex;

use super::super::{Hyper, Inference, LambdaRule, Note, Spread, infer};
use super::posterior::{cases, drawn, sky_and_data};
use super::*;

fn ask(hyper: Hyper) -> Inference {
    Inference { rule: LambdaRule::Ml, sigma: None, hyper, curves: None }
}

/// As the program asks by default: with the noise of the PSF the level is known, with white noise it is found.
fn usual(problem: &Problem, usable: &Usable, precisions: (f64, f64)) -> Inference {
    let sigma = (usable.noise_mean / precisions.0).sqrt();
    match problem.noise() {
        NoiseModel::Psf => Inference { rule: LambdaRule::MlSigma, sigma: Some(sigma), ..ask(Hyper::Marginal) },
        NoiseModel::White => ask(Hyper::Marginal),
    }
}

const CHAINS: Hyper = Hyper::Gibbs { iterations: 4000, seed: 3 };

#[test]
fn gibbs_sampler_draws_from_the_marginal_posterior_with_and_without_holes() {
    for (problem, h, precisions) in cases(256) {
        let (usable, table) = tabulated(&problem, &drawn(&problem, &h, precisions, 31), &h);
        let sigma = Some((usable.noise_mean / precisions.0).sqrt());
        let known = Inference { rule: LambdaRule::MlSigma, sigma, ..ask(Hyper::Marginal) };
        for asked in [ask(Hyper::Marginal), known] {
            let marginal = infer(&table, &asked).unwrap();
            let gibbs = infer(&table, &Inference { hyper: CHAINS, ..asked }).unwrap();
            let chains = gibbs.chains.as_ref().unwrap();
            assert!(chains.is_converged, "{:?} {:?}", chains.gamma_prior, chains.gamma_noise);
            let (exact, found) = (marginal.posterior.unwrap(), gibbs.posterior.unwrap());
            // a hundred independent draws at least: a mean to a tenth of sd, an sd to 7 %; four times that
            let noise = chains.gamma_noise.map(|_| (exact.gamma_noise, found.gamma_noise));
            let pairs = [(exact.log_lambda, found.log_lambda), (exact.gamma_prior, found.gamma_prior)];
            for (exact, found) in pairs.into_iter().chain(noise) {
                assert!((found.mean - exact.mean).abs() < 0.4 * exact.sd, "{found:?} for {exact:?}");
                assert!((found.sd / exact.sd - 1.0).abs() < 0.3, "{found:?} for {exact:?}");
            }
        }
    }
}

#[test]
fn chains_of_the_table_are_those_of_a_sky_drawn_mode_by_mode() {
    // one iteration from the same precisions, often: mean and variance of what the precisions are drawn from
    let (problem, h, precisions) = cases(32)[1].clone();
    let y = drawn(&problem, &h, precisions, 9);
    let (usable, table) = tabulated(&problem, &y, &h);
    let (gamma_n, gamma_x) = precisions;
    let (shape, pixels) = (h.dim(), h.len() as f64);
    let (mut misfits, mut roughnesses) = (Vec::new(), Vec::new());
    for seed in 0..400 {
        let noise = forward(&white(shape, 1000 + seed)).map(|z| z / pixels.sqrt());
        let (mut misfit, mut roughness) = (0.0, 0.0);
        for ((ky, kx), h) in h.indexed_iter().filter(|(_, h)| problem.is_usable(**h, usable.floor)) {
            let (q, s) = (problem.penalty(ky, mirrored(kx, shape.1).unwrap_or(kx)), problem.noise_power(*h));
            let p = gamma_n * h.norm_sqr() / s + gamma_x * q;
            let data = y[(ky, kx)] / pixels.sqrt();
            let x = h.conj() * data * gamma_n / (s * p) + noise[(ky, kx)] / p.sqrt();
            misfit += (data - h * x).norm_sqr() / s;
            roughness += q * x.norm_sqr();
        }
        misfits.push(misfit);
        roughnesses.push(roughness);
    }
    let sums = table_sums(&table, precisions, 400);
    for (plain, ours) in [(misfits, &sums.0), (roughnesses, &sums.1)] {
        let moments = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt())
        };
        let ((mean, sd), (our_mean, our_sd)) = (moments(&plain), moments(ours));
        // 400 draws each: the difference of means has a standard deviation of sd / 14, that of sds of 5 %
        assert!((mean - our_mean).abs() < 0.3 * sd, "{our_mean} for {mean} +- {sd}");
        assert!((our_sd / sd - 1.0).abs() < 0.2, "{our_sd} for {sd}");
    }
}

#[test]
fn chains_that_do_not_converge_within_their_limit_say_so_and_leave_the_marginal_posterior() {
    let (problem, h, precisions) = cases(64)[0].clone();
    let (_, table) = tabulated(&problem, &drawn(&problem, &h, precisions, 5), &h);
    let short = infer(&table, &ask(Hyper::Gibbs { iterations: 40, seed: 0 })).unwrap();
    assert!(matches!(short.notes[..], [Note::Unconverged { iterations: 40, .. }]), "{:?}", short.notes);
    assert!(short.notes[0].to_string().contains("did not converge in 40 iterations"));
    let marginal = infer(&table, &ask(Hyper::Marginal)).unwrap();
    assert_eq!((short.posterior, short.nodes), (marginal.posterior, marginal.nodes));
}

#[test]
fn averages_over_the_nodes_are_those_over_the_posterior() {
    let (problem, h, precisions) = cases(64)[0].clone();
    let (_, table) = tabulated(&problem, &drawn(&problem, &h, precisions, 7), &h);
    let choice = infer(&table, &ask(Hyper::Marginal)).unwrap();
    let density = &choice.posterior.as_ref().unwrap().density;
    let total: f64 = density.iter().map(|(_, weight)| weight).sum();
    for t in [0.1, 1.0, 10.0] {
        let gain = |lambda: f64| t / (t + lambda);
        let exact = density.iter().map(|(lambda, weight)| weight * gain(*lambda)).sum::<f64>() / total;
        let nodes: f64 = choice.nodes.iter().map(|node| node.weight * gain(node.lambda)).sum();
        assert!((nodes - exact).abs() < 1e-4, "{t}: {nodes} for {exact}");
    }
}

#[test]
fn stated_interval_covers_the_truth_in_68_percent_of_the_sampled_modes_over_50_noise_realisations() {
    for (problem, h, precisions) in cases(128) {
        let (mut inside, mut seen, mut squares, mut stated) = (0, 0, 0.0, 0.0);
        for seed in 0..50 {
            // one sky, drawn from the prior, under fifty draws of the noise
            let (sky, y) = sky_and_data(&problem, &h, precisions, (77, 500 + seed));
            let (usable, table) = tabulated(&problem, &y, &h);
            let choice = infer(&table, &usual(&problem, &usable, precisions)).unwrap();
            let filter = Filter::new(&problem, &usable, choice.lambda).averaged(&choice.nodes);
            let spread = Spread::new(&problem, &usable, &choice.nodes);
            let (truth, estimate) = (forward(&sky), estimated(&filter, &y, &h));
            let pixels = h.len() as f64;
            for ((ky, kx), &h) in h.indexed_iter().filter(|((_, kx), _)| mirrored(*kx, h.ncols()).is_none()) {
                if !problem.is_usable(h, usable.floor) {
                    continue;
                }
                let error = (truth[(ky, kx)] - estimate[(ky, kx)]) / pixels.sqrt();
                let is_real = ky % 64 == 0 && kx % 64 == 0;
                let variance = spread.variance((ky, kx), h);
                let sd = if is_real { variance.sqrt() } else { (0.5 * variance).sqrt() };
                let parts = if is_real { vec![error.re] } else { vec![error.re, error.im] };
                seen += parts.len();
                inside += parts.iter().filter(|part| part.abs() < sd).count();
                squares += error.norm_sqr();
                stated += variance;
            }
        }
        let share = inside as f64 / seen as f64;
        assert!((share - 0.6827).abs() < 0.05, "{share} of {seen}");
        assert!((squares / stated - 1.0).abs() < 0.1, "{}", squares / stated);
    }
}

#[test]
fn stated_standard_deviation_is_the_error_on_matched_data() {
    for (problem, h, precisions) in cases(256) {
        let (sky, y) = sky_and_data(&problem, &h, precisions, (12, 13));
        let (usable, table) = tabulated(&problem, &y, &h);
        let choice = infer(&table, &ask(Hyper::Marginal)).unwrap();
        let filter = Filter::new(&problem, &usable, choice.lambda).averaged(&choice.nodes);
        let error = inverse(&(forward(&sky) - estimated(&filter, &y, &h)));
        let rms = (error.iter().map(|e| e * e).sum::<f64>() / h.len() as f64).sqrt();
        let mut spread = Spread::new(&problem, &usable, &choice.nodes);
        (0..problem.plane().columns()).for_each(|kx| spread.add_column(kx, &column(&h, kx), Some(&column(&y, kx))));
        let report = spread.report();
        // few modes at low frequencies hold much of the error where there are holes
        assert!((report.sd_all / rms - 1.0).abs() < 0.1, "{report:?} for {rms}");
        assert!(report.sd <= report.sd_all && report.sd_hyper < 0.2 * report.sd);
        let parts = report.sd.hypot(report.sd_unmeasured);
        assert!((parts / report.sd_all - 1.0).abs() < 1e-12);
        let modes: u64 = report.spectrum.iter().map(|point| point.modes).sum();
        assert_eq!(modes as usize, h.len());
    }
}

#[test]
fn spread_is_the_same_in_any_order_and_holds_the_closed_form_of_an_identity_psf() {
    let problem = circular((32, 24), NoiseModel::White, Regularisation::Identity);
    let h = Spectrum::from_elem((32, 24), Complex::new(1.0, 0.0));
    let (usable, table) = tabulated(&problem, &forward(&white((32, 24), 4)), &h);
    let choice = super::super::choose(&table, LambdaRule::Given(0.5), Some(2.0)).unwrap();
    let sum = |order: &mut dyn Iterator<Item = usize>| {
        let mut all = Spread::new(&problem, &usable, &choice.nodes);
        for kx in order {
            let mut part = Spread::new(&problem, &usable, &choice.nodes);
            part.add_column(kx, &column(&h, kx), None);
            all.merge(&part);
        }
        all
    };
    let (up, down) = (sum(&mut (0..13)), sum(&mut (0..13).rev()));
    assert_eq!(up, down);
    // 1 / (γn (1 + λ)) with γn of the given λ and power
    let expected = (1.0 / (choice.gamma_n * 1.5)).sqrt();
    assert!((up.report().sd / expected - 1.0).abs() < 1e-6, "{:?} for {expected}", up.report().sd);
    assert!(up.report().sd_unmeasured == 0.0);
}

/// The sums that `count` iterations of the sampler see, all from the same precisions.
fn table_sums(table: &SpectrumTable, precisions: (f64, f64), count: usize) -> (Vec<f64>, Vec<f64>) {
    let bins = table.coarse_bins();
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let draws = (0..count).map(|_| super::super::gibbs::sums(&bins, precisions, &mut rng));
    draws.map(|sums| (sums.misfit, sums.roughness)).unzip()
}

#[test]
fn criteria_in_one_picture_are_those_of_the_rules() {
    let (problem, h, precisions) = cases(64)[0].clone();
    let y: Array2<Complex<f64>> = drawn(&problem, &h, precisions, 3);
    let (usable, table) = tabulated(&problem, &y, &h);
    let sigma = (usable.noise_mean / precisions.0).sqrt();
    let asked = Inference { curves: Some(sigma), ..ask(Hyper::Point) };
    let curves = infer(&table, &asked).unwrap().curves.unwrap();
    for (rule, (name, lambda)) in super::super::CRITERIA.into_iter().zip(&curves.choices) {
        assert_eq!(rule.name(), name);
        let exact = super::super::choose(&table, rule, Some(sigma)).unwrap().lambda;
        assert!((lambda / exact).log10().abs() < 0.01, "{name}: {lambda} for {exact}");
        let first = curves.points[0].lambda;
        assert!(first < *lambda && *lambda < curves.points[curves.points.len() - 1].lambda);
    }
    assert!(
        curves.points.windows(2).all(|pair| pair[0].misfit <= pair[1].misfit && pair[0].roughness >= pair[1].roughness)
    );
}
