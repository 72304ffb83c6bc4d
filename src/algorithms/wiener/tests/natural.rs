//! Noise that a PSF with natural weights tells of: the stated intervals.

use super::super::{
    Hyper, Inference, LambdaRule, Natural, NaturalColumn, NaturalSums, NoiseFile, NoiseSpectra, Spread, infer,
    match_column,
};
use super::*;

const SIZE: usize = 128;

/// Transfer functions of an observation with weights `C^power` and with natural ones, and the spectrum of the noise; each of mean 1.
fn weighted(power: f64) -> [Spectrum; 3] {
    let natural = holes((SIZE, SIZE), 0.6, 8);
    let unit = |spectrum: Spectrum| {
        let mean = spectrum.iter().map(|z| z.re).sum::<f64>() / spectrum.len() as f64;
        spectrum / Complex::from(mean)
    };
    let of = |value: fn(f64, f64) -> f64| {
        unit(natural.mapv(|c| Complex::from(if c.re > 0.0 { value(c.re, power) } else { 0.0 })))
    };
    [of(f64::powf), natural.clone(), of(|c, power| c.powf(2.0 * power - 1.0))]
}

/// What natural weights would have made of a transfer function, and of the spectra of dirty images.
fn natural_weights([h, natural, _]: &[Spectrum; 3]) -> (Spectrum, impl Fn(&Spectrum) -> Spectrum) {
    let largest = h.iter().map(|z| z.re).fold(0.0, f64::max);
    let told = Natural {
        file: NoiseFile::NaturalPsf,
        floor: 1e-6 * largest,
        seen: (largest, 1e-6 * largest),
        natural_floor: 1e-6,
    };
    let columns: Vec<_> = (0..=SIZE / 2).map(|kx| (column(h, kx), column(natural, kx))).collect();
    let both = |at: usize| NoiseSpectra { h: &columns[at].0[..], noise: &columns[at].1[..], seen: &columns[at].0[..] };
    let weight = |kx: usize| Plane::circular(SIZE, SIZE).weight(kx);
    let sums = (0..columns.len()).fold(NaturalSums::default(), |sums, kx| sums.plus(told.sums(weight(kx), both(kx))));
    let made = |kx: usize| {
        let mut g = vec![Complex::default(); SIZE];
        told.column(NaturalColumn::Transfer { scale: sums.scale() }, both(kx), &mut g);
        g
    };
    let g: Vec<_> = (0..columns.len()).map(made).collect();
    let transfer = from_columns(&g, SIZE);
    let matched = move |y: &Spectrum| {
        let of = |(kx, g): (usize, &Vec<Complex<f32>>)| {
            let mut y = column(y, kx);
            match_column(&mut y, &columns[kx].0, g);
            y
        };
        from_columns(&g.iter().enumerate().map(of).collect::<Vec<_>>(), SIZE)
    };
    (transfer, matched)
}

#[test]
fn interval_stated_with_the_noise_of_natural_weights_covers_the_truth_in_68_percent_of_the_modes() {
    let problem = circular((SIZE, SIZE), NoiseModel::Psf, Regularisation::Gradient);
    let (sigma, pixels) = (0.5, (SIZE * SIZE) as f64);
    let prior = Array2::from_shape_fn((SIZE, SIZE), |(ky, kx)| {
        Complex::from(problem.penalty(ky, mirrored(kx, SIZE).unwrap_or(kx)).powf(-0.5))
    });
    for power in [0.0, 0.5] {
        let spectra = weighted(power);
        let (g, matched) = natural_weights(&spectra);
        let [h, _, noise] = &spectra;
        let truth = forward(&white((SIZE, SIZE), 77)) * &prior;
        let (mut inside, mut seen, mut squares, mut stated) = (0, 0, 0.0, 0.0);
        for seed in 0..50 {
            let drawn =
                forward(&(white((SIZE, SIZE), 500 + seed) * sigma)) * noise.mapv(|s| Complex::from(s.re.sqrt()));
            let y = matched(&(h * &truth + drawn));
            let (usable, table) = tabulated(&problem, &y, &g);
            let ask = Inference { rule: LambdaRule::MlSigma, sigma: Some(sigma), hyper: Hyper::Marginal, curves: None };
            let choice = infer(&table, &ask).unwrap();
            let filter = Filter::new(&problem, &usable, choice.lambda).averaged(&choice.nodes);
            let spread = Spread::new(&problem, &usable, &choice.nodes);
            let estimate = estimated(&filter, &y, &g);
            // each mode and its mirror image once
            for ((ky, kx), &g) in g.indexed_iter().filter(|((_, kx), _)| *kx > 0 && 2 * kx < SIZE) {
                if problem.is_usable(g, usable.floor) {
                    let error = (truth[(ky, kx)] - estimate[(ky, kx)]) / pixels.sqrt();
                    let variance = spread.variance((ky, kx), g);
                    let sd = (0.5 * variance).sqrt();
                    inside += [error.re, error.im].iter().filter(|part| part.abs() < sd).count();
                    (seen, squares, stated) = (seen + 2, squares + error.norm_sqr(), stated + variance);
                }
            }
        }
        let share = inside as f64 / f64::from(seen);
        assert!(seen > 50 * 1000 && (share - 0.6827).abs() < 0.05, "weights C^{power}: {share} of {seen}");
        assert!((squares / stated - 1.0).abs() < 0.1, "weights C^{power}: {}", squares / stated);
    }
}
