//! The convex solver on the simulated pairs whose truth is known, with PSFs of double size and all defaults.

use crate::case::{Case, file, points};
use crate::support::fits::Image;
use crate::support::sky;

/// Case, noise \[Jy/beam\] (the README there), and the errors of restored image and model that must not be exceeded, in units of
/// it. Of the points the true sky itself leaves 2.62 in the restored image.
const BOUNDS: [(&str, f64, f64, f64); 3] = [
    ("points-meerkat", 2.19e-4, 2.64, 0.45),
    ("offgrid-vla", 7.49e-5, 1.8, 0.8),
    ("extended-m31-vla", 7.44e-5, 4.2, 0.8),
];

/// Share by which the model's flux may be off.
const FLUX: f64 = 0.05;

fn check(name: &str) {
    let (_, noise, restored, modelled) = *BOUNDS.iter().find(|(case, ..)| *case == name).unwrap();
    let case = Case::of(name, "psf2x.fits.gz", "--algorithm convex");
    case.assert_ended_by_itself();
    case.assert_exact(5e-6);
    let truth = Image::read(&file(&format!("{name}/truth.fits.gz"))).plane(0);
    let (beam, model) = (case.beam(0), case.products.model().plane(0));
    let drawn = || points(name);
    let seen = if name.starts_with("offgrid") { beam.draw(truth.dim(), &drawn()) } else { beam.blur(&truth) };
    let flux = if name.starts_with("offgrid") { drawn().iter().map(|p| p.flux).sum() } else { sky::total(&truth) };
    let error = case.error(0, &seen, noise);
    let difference = beam.blur(&model) - &seen;
    let mean = difference.sum() / difference.len() as f64;
    let of_model = sky::rms(&(difference - mean)) / noise;
    let found = sky::total(&model);
    case.report(&format!("restored {error:.3}, model {of_model:.3} noise, {found:.3} of {flux:.3} Jy"));
    assert!(error <= restored, "{name}: restored image off by {error:.3} noise, at most {restored}");
    assert!(of_model <= modelled, "{name}: model off by {of_model:.3} noise, at most {modelled}");
    assert!((found / flux - 1.0).abs() < FLUX, "{name}: {found:.3} Jy of {flux:.3}");
}

#[test]
fn points_of_meerkat_are_within_the_bound() {
    check("points-meerkat");
}

#[test]
fn points_between_pixels_of_the_vla_are_within_the_bound() {
    check("offgrid-vla");
}

#[test]
fn extended_emission_of_m31_is_within_the_bound() {
    check("extended-m31-vla");
}
