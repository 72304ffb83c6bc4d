//! The last steps of multiscale CLEAN: no flux where there is none, and what is a source stays one.

use ndarray::Array2;

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (160, 150);
const NOISE: f64 = 1e-4;
/// Full width of the beam at half maximum along its longer axis, about \[pixels\].
const BEAM: f64 = 3.6;

/// Bright sources between pixels.
const BETWEEN: [(f64, f64, f64); 4] = [(40.5, 50.5, 1.0), (110.3, 40.4, 0.7), (90.6, 110.5, 0.4), (130.5, 120.1, 0.9)];

fn folder_of(seen: &Array2<f64>, (noise, seed): (f64, u64)) -> Folder {
    let folder = Folder::new();
    folder.pair(&(seen + &sky::noise(SHAPE, noise, seed)), &sky::wide_psf(SHAPE));
    folder
}

/// Absolute flux of a model farther than so many pixels from all sources.
fn far_flux(model: &Array2<f64>, sources: &[(f64, f64, f64)], far: f64) -> f64 {
    let is_far = |y: usize, x: usize| sources.iter().all(|(sy, sx, _)| (y as f64 - sy).hypot(x as f64 - sx) > far);
    model.indexed_iter().filter(|((y, x), _)| is_far(*y, *x)).map(|(_, flux)| flux.abs()).sum()
}

/// Largest difference between the residual and that of the model.
fn inexactness(folder: &Folder, products: &Products) -> f64 {
    let dirty = Image::read(&folder.path("dirty.fits")).plane(0);
    let (model, residual) = (products.model().plane(0), products.residual().plane(0));
    sky::max_abs(&(&dirty - &sky::convolve_fast(&model, &sky::wide_psf(SHAPE), SHAPE) - &residual))
}

#[test]
fn sources_between_pixels_leave_no_flux_beyond_a_beam() {
    let folder = folder_of(&sky::dirty(SHAPE, &BETWEEN), (1e-3, 3));
    let of = |name: &str, words: &str| folder.run(name, words);
    let (tidy, plain) = (of("tidy", ""), of("plain", "--multiscale-trim 0"));
    let total: f64 = BETWEEN.iter().map(|source| source.2).sum();
    let far = |products: &Products| far_flux(&products.model().plane(0), &BETWEEN, BEAM + 1.0) / total;
    assert!(far(&tidy) < 0.005, "{:e}", far(&tidy));
    assert!(far(&plain) > 0.05, "without the last steps there is none to take away: {:e}", far(&plain));
    let rms = |products: &Products| sky::rms(&products.residual().plane(0));
    assert!(rms(&tidy) < 1.05 * rms(&plain), "{:e}, {:e}", rms(&tidy), rms(&plain));
    let inexact = inexactness(&folder, &tidy);
    assert!(inexact < 2e-6, "{inexact:e}");
}

#[test]
fn a_faint_source_beside_a_bright_one_stays() {
    // at 1.1 beams, with a fiftieth of its flux: on the bright one's side, and no error of its points
    let mut model = Array2::zeros(SHAPE);
    (model[(80, 70)], model[(80, 74)], model[(40, 100)]) = (1.0, 0.02, 0.5);
    let folder = folder_of(&sky::convolve_fast(&model, &sky::wide_psf(SHAPE), SHAPE), (NOISE, 4));
    let found = folder.run("out", "").model().plane(0);
    let near: f64 = (79..82).flat_map(|y| (73..76).map(move |x| (y, x))).map(|at| found[at]).sum();
    assert!((near - 0.02).abs() < 0.002, "{near}");
}

#[test]
fn nothing_is_kept_below_the_noise_and_a_negative_source_is_kept_as_a_positive_one() {
    let blob = Array2::from_shape_fn(SHAPE, |(y, x)| {
        (-((y as f64 - 80.0).powi(2) + (x as f64 - 75.0).powi(2)) / (2.0 * 9.0 * 9.0)).exp()
    });
    for sign in [1.0, -1.0] {
        let mut model = &blob * (sign / blob.sum());
        model[(30, 30)] = 0.2 * sign;
        let seen = sky::convolve_fast(&model, &sky::wide_psf(SHAPE), SHAPE);
        let folder = folder_of(&seen, (NOISE, 5));
        let of = |name: &str, words: &str| folder.run(name, words).model().plane(0);
        let (tidy, plain) = (of("tidy", ""), of("plain", "--multiscale-trim 0"));
        let count = |model: &Array2<f64>| model.iter().filter(|flux| **flux != 0.0).count();
        assert!(count(&tidy) < count(&plain), "{} pixels of {}", count(&tidy), count(&plain));
        let off = |model: &Array2<f64>| far_flux(model, &[(80.0, 75.0, 1.0), (30.0, 30.0, 0.2)], 40.0);
        assert!(off(&tidy) <= off(&plain) && off(&tidy) < 1e-3, "{:e}, {:e}", off(&tidy), off(&plain));
        let flux = sky::total(&tidy) / sky::total(&model);
        assert!((0.98..1.02).contains(&flux), "{sign}: {flux}");
    }
}

#[test]
fn what_is_asked_besides_changes_no_model() {
    let folder = folder_of(&sky::dirty(SHAPE, &BETWEEN), (NOISE, 6));
    let of = |name: &str, words: &str| folder.run(name, words).model().pixels;
    let alone = of("alone", "");
    assert!(of("listed", "--save-components csv") == alone);
    assert!(of("cut", "--chunk 23 --threads 3") == alone);
}
