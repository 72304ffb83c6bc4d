//! No estimate exceeds the ceiling.

use ndarray::Array2;
use rustfft::num_complex::Complex;

use super::super::{Ceiling, Filter, LambdaRule, choose};
use super::*;
use crate::images::{BeamShape, Psf, UNIT_CELL, fit_beam};

/// The clean beam of a transfer function, by the fit that a run uses.
fn clean_beam(h: &Spectrum) -> BeamShape {
    let (ny, nx) = h.dim();
    let psf = inverse(h);
    let centred =
        Array2::from_shape_fn((ny, nx), |(y, x)| psf[((y + ny - ny / 2) % ny, (x + nx - nx / 2) % nx)] as f32);
    fit_beam(&Psf::new(centred).unwrap(), UNIT_CELL).unwrap().shape
}

/// The clean beam's transfer function on the full plane.
fn beam_transfer(beam: BeamShape, shape: (usize, usize)) -> Spectrum {
    Array2::from_shape_fn(shape, |(ky, kx)| {
        Complex::new(beam.transfer(lag(ky, shape.0) / shape.0 as f64, lag(kx, shape.1) / shape.1 as f64), 0.0)
    })
}

fn sky(shape: (usize, usize)) -> Array2<f64> {
    let mut sky = blob(shape, 5.0) * 0.02;
    for i in 0..20 {
        sky[((i * 37 + 3) % shape.0, (i * 61 + 5) % shape.1)] += 0.1 + f64::from(i as u32) * 0.05;
    }
    sky
}

#[test]
fn filter_comes_near_the_ceiling_of_the_true_sky_and_never_above() {
    for (shape, seed) in [((128, 128), 2), ((101, 96), 3)] {
        let (problem, h) = (circular(shape, NoiseModel::Psf, Regularisation::Laplacian), holes(shape, 0.4, seed));
        let (truth, sigma) = (sky(shape), 1e-3);
        let x = forward(&truth);
        let noise = forward(&white(shape, 40 + seed)) * h.map(|h| Complex::new(sigma * h.re.sqrt(), 0.0));
        let y = &x * &h + noise;
        let (usable, table) = tabulated(&problem, &y, &h);
        let beam = clean_beam(&h);
        let mut ceiling = Ceiling::of_sky(&problem, &usable, beam, truth.sum());
        (0..problem.plane().columns()).for_each(|kx| ceiling.add_sky_column(kx, &column(&h, kx), &column(&x, kx)));
        let (bound, b) = (ceiling.report().decibels, beam_transfer(beam, shape));
        let at = |lambda: f64| {
            let estimate = estimated(&Filter::new(&problem, &usable, lambda), &y, &h);
            snr(&inverse(&(&x * &b)), &inverse(&(estimate * &b)))
        };
        for power in -8..4 {
            let found = at(10.0_f64.powi(power));
            assert!(found <= bound + 1e-4, "{shape:?}, lambda 1e{power}: {found} dB above the ceiling of {bound} dB");
        }
        let chosen = at(choose(&table, LambdaRule::MlSigma, Some(sigma)).unwrap().lambda);
        assert!(chosen > bound - 0.5, "{shape:?}: {chosen} dB far below the ceiling of {bound} dB");
    }
}

#[test]
fn point_source_through_holes_has_a_finite_ceiling_and_the_sentence_says_what_follows() {
    let shape = (96, 96);
    let (problem, h) = (circular(shape, NoiseModel::Psf, Regularisation::Laplacian), holes(shape, 0.3, 2));
    let (usable, table) = tabulated(&problem, &h, &h);
    let beam = clean_beam(&h);
    let b = beam_transfer(beam, shape);
    let parts = [0..20, 20..problem.plane().columns()].map(|columns| {
        let mut part = Ceiling::of_point(&problem, &usable, beam);
        columns.for_each(|kx| part.add_column(kx, &column(&h, kx)));
        part
    });
    let mut ceiling = parts[1].clone();
    ceiling.merge(&parts[0]);
    let report = ceiling.report();
    let power =
        |seen: bool| b.iter().zip(&h).filter(|(_, h)| (h.re > 0.0) == seen).map(|(b, _)| b.norm_sqr()).sum::<f64>();
    let expected = 10.0 * ((power(true) + power(false)) / power(false)).log10();
    assert!((report.decibels - expected).abs() < 1e-6, "{} for {expected}", report.decibels);
    assert!((report.usable_fraction - table.usable_fraction()).abs() < 1e-12 && !report.is_flux_measured);
    let sentence = report.to_string();
    assert!(sentence.contains("use a CLEAN") && sentence.contains("total flux is not measured"), "{sentence}");
}

#[test]
fn filled_psf_has_no_ceiling_worth_mentioning() {
    let shape = (48, 50);
    let (problem, h) = (circular(shape, NoiseModel::White, Regularisation::Laplacian), forward(&blob(shape, 1.5)));
    let (usable, _) = tabulated(&problem, &h, &h);
    let mut ceiling = Ceiling::of_point(&problem, &usable, clean_beam(&h));
    (0..problem.plane().columns()).for_each(|kx| ceiling.add_column(kx, &column(&h, kx)));
    let report = ceiling.report();
    assert!(report.decibels > 40.0 && report.is_flux_measured, "{report:?}");
    assert!(!report.to_string().contains("CLEAN"), "{report}");
}
