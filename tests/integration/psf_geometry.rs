//! PSFs of every size, place and peak: the written residual is the dirty image less the PSF times the written model.

use ndarray::Array2;

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (45, 64);
/// Rounding of transforms and sums in 32 bits, in units of the dirty peak: `eps * log2(N) * a few`.
const ROUNDING: f64 = 2e-6;
const ALGORITHMS: [&str; 3] = ["clean", "clark", "hogbom"];

fn points() -> [sky::Point; 3] {
    [(12.0, 20.0, 1.0), (30.0, 50.0, 0.6), (14.0, 24.0, 0.3)]
}

/// The PSF's peak by which the program divides, in 32 bits as it reads it.
fn peak_of(psf: &Array2<f64>) -> f64 {
    f64::from(psf[sky::highest(psf)] as f32)
}

/// Largest difference between the written residual and `dirty / divisor - psf / peak * model`, in units of the dirty peak.
fn misfit(products: &Products, dirty: &Array2<f64>, psf: &Array2<f64>, divisor: f64) -> f64 {
    let kernel = psf.mapv(|value| f64::from(value as f32) / peak_of(psf));
    let dirty = dirty.mapv(|value| f64::from(value as f32) / divisor);
    let model = products.model().plane(0);
    assert!(sky::max_abs(&model) > 0.0, "there is a model");
    let expected = &dirty - &sky::convolve(&model, &kernel, sky::highest(psf));
    sky::max_abs(&(expected - products.residual().plane(0))) / sky::max_abs(&dirty)
}

fn check(psf: &Array2<f64>, what: &str) {
    let folder = Folder::new();
    let dirty = sky::dirty(SHAPE, &points()) + sky::noise(SHAPE, 1e-3, 2);
    folder.pair(&dirty, psf);
    for algorithm in ALGORITHMS {
        let products = folder.run(algorithm, &format!("--algorithm {algorithm} --niter 300"));
        let misfit = misfit(&products, &dirty, psf, peak_of(psf));
        assert!(misfit < ROUNDING, "{what}, {algorithm}: {misfit:e}");
    }
}

#[test]
fn residual_is_exact_with_a_psf_smaller_than_the_image() {
    check(&sky::psf((21, 31), (10, 15)), "smaller, odd");
    check(&sky::psf((16, 32), (8, 16)), "smaller, even");
    check(&sky::psf((90, 20), (45, 10)), "taller but narrower");
}

#[test]
fn residual_is_exact_with_a_psf_of_the_images_own_size() {
    check(&sky::psf(SHAPE, (22, 32)), "equal");
}

#[test]
fn residual_is_exact_with_a_psf_larger_than_twice_the_image() {
    check(&sky::wide_psf(SHAPE), "twice");
    check(&sky::psf((150, 211), (75, 105)), "larger than it needs to be");
}

#[test]
fn residual_is_exact_with_a_psf_whose_peak_is_off_the_centre() {
    check(&sky::psf((90, 128), (40, 71)), "a little off");
    check(&sky::psf((60, 80), (5, 70)), "near a corner");
    check(&sky::psf((45, 64), (0, 0)), "on the corner");
    check(&sky::psf((45, 64), (44, 63)), "on the far corner");
}

#[test]
fn residual_is_exact_with_a_psf_that_is_not_even() {
    let mut psf = sky::wide_psf(SHAPE);
    for ((y, x), value) in psf.indexed_iter_mut() {
        *value += 0.02 * ((x as f64 - 64.0) / 9.0).sin() * (-((y as f64 - 45.0) / 9.0).powi(2)).exp();
    }
    psf[(45, 64)] = 1.0;
    check(&psf, "not even");
}

#[test]
fn residual_is_exact_where_the_psf_has_blanks() {
    let mut psf = sky::wide_psf(SHAPE);
    let folder = Folder::new();
    let dirty = sky::dirty(SHAPE, &points());
    let holes = [(3, 4), (44, 61), (89, 127)];
    for at in holes {
        psf[at] = f64::NAN;
    }
    folder.pair(&dirty, &psf);
    for at in holes {
        psf[at] = 0.0;
    }
    let misfit = misfit(&folder.run("out", "--niter 200"), &dirty, &psf, 1.0);
    assert!(misfit < ROUNDING, "{misfit:e}");
}

#[test]
fn peak_divides_dirty_and_psf_as_a_pair() {
    let (peak, folder) = (1.4e-4, Folder::new());
    let (dirty, psf) = (sky::dirty(SHAPE, &points()).mapv(|value| peak * value), sky::wide_psf(SHAPE) * peak);
    folder.pair(&dirty, &psf);
    let products = folder.run("out", "--niter 300");
    let found = misfit(&products, &dirty, &psf, peak_of(&psf));
    assert!(found < ROUNDING, "{found:e}");
    assert!((sky::total(&products.model().plane(0)) - 1.9).abs() < 0.02);
    assert!((products.summary()["planes"][0]["psf_peak"].as_f64().unwrap() / peak - 1.0).abs() < 1e-6);
}

#[test]
fn peak_divides_the_psf_alone_where_that_is_asked_for() {
    let (peak, folder) = (3.0, Folder::new());
    let (dirty, psf) = (sky::dirty(SHAPE, &points()), sky::wide_psf(SHAPE) * peak);
    folder.pair(&dirty, &psf);
    let products = folder.run("out", "--niter 300 --psf-scale psf-only");
    let found = misfit(&products, &dirty, &psf, 1.0);
    assert!(found < ROUNDING, "{found:e}");
    assert!((sky::total(&products.model().plane(0)) - 1.9).abs() < 0.02);
}

#[test]
fn pair_scaled_together_gives_the_same_model() {
    let folder = Folder::new();
    let (dirty, psf) = (sky::dirty(SHAPE, &points()) + sky::noise(SHAPE, 1e-3, 3), sky::wide_psf(SHAPE));
    folder.pair(&dirty, &psf);
    let plain = folder.run("plain", "--niter 200").model();
    // a power of two changes no mantissa
    folder.pair(&(&dirty * 0.0625), &(&psf * 0.0625));
    assert_eq!(folder.run("scaled", "--niter 200").model().pixels, plain.pixels);
}

#[test]
fn psf_of_one_pixel_gives_back_the_dirty_image_or_says_why_not() {
    let folder = Folder::new();
    let dirty = sky::dirty(SHAPE, &points());
    folder.pair(&dirty, &Array2::ones((1, 1)));
    let words = "--dirty dirty.fits --psf psf.fits -o out --auto-threshold 0 --threshold 0.1";
    let ran = folder.deconv(words);
    if ran.code == Some(0) {
        let products = folder.products("out");
        let sum = products.model().plane(0) + products.residual().plane(0);
        assert!(sky::max_abs(&(sum - dirty)) < ROUNDING);
    } else {
        assert_eq!(ran.code, Some(1));
        assert!(ran.err.contains("beam") && ran.err.contains("hint") && !ran.err.contains("panicked"), "{}", ran.err);
    }
    let products = folder.run("given", "--auto-threshold 0 --threshold 0.1 --beam-shape 3asec");
    let sum = products.model().plane(0) + products.residual().plane(0);
    assert!(sky::max_abs(&(sum - sky::dirty(SHAPE, &points()))) < ROUNDING);
}

#[test]
fn run_says_when_the_psf_does_not_reach_every_pixel() {
    let folder = Folder::new();
    let dirty = sky::dirty(SHAPE, &points()) + sky::noise(SHAPE, 1e-4, 4);
    let noted = |psf: &Array2<f64>, name: &str| {
        folder.pair(&dirty, psf);
        let summary = folder.run(name, "").summary();
        let plane = &summary["planes"][0];
        (plane["missing_sidelobes"].as_f64().unwrap(), plane["notes"].to_string())
    };
    let (missing, notes) = noted(&sky::psf(SHAPE, (22, 32)), "same");
    assert!(missing > 1e-4 && notes.contains("does not reach"), "{missing} {notes}");
    let (missing, notes) = noted(&sky::wide_psf(SHAPE), "wide");
    assert!(missing == 0.0 && !notes.contains("does not reach"), "{missing} {notes}");
}

#[test]
fn model_of_a_psf_far_off_centre_stands_where_the_sources_are() {
    let folder = Folder::new();
    folder.pair(&sky::dirty(SHAPE, &[(12.0, 20.0, 1.0)]), &sky::psf((90, 128), (30, 90)));
    let model = folder.run("out", "").model();
    assert_eq!(sky::highest(&model.plane(0)), (12, 20));
    assert!((model.plane(0)[(12, 20)] - 1.0).abs() < 0.01, "{}", model.plane(0)[(12, 20)]);
    assert_eq!(Image::read(&folder.path("out-image.fits")).axes, [64, 45]);
}
