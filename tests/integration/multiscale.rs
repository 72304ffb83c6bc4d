//! Multiscale CLEAN: what it owes beyond the contract of every algorithm.

use deconv::algorithms::{PARAMS, Scale, ScaleShape};
use ndarray::{Array2, s};

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (120, 132);

/// A model seen through the beam of the test skies, with noise.
fn folder_of(model: &Array2<f64>, noise: f64) -> Folder {
    let folder = Folder::new();
    let psf = sky::wide_psf(SHAPE);
    folder.pair(&(sky::convolve_fast(model, &psf, SHAPE) + sky::noise(SHAPE, noise, 5)), &psf);
    folder
}

/// A disc of 1 Jy and two points.
fn disc_and_points() -> Array2<f64> {
    let mut model = disc((62.0, 60.0), 15.0);
    model[(20, 100)] += 0.05;
    model[(64, 50)] += 0.02;
    model
}

/// A uniform disc of 1 Jy.
fn disc(centre: (f64, f64), radius: f64) -> Array2<f64> {
    let inside = |y: usize, x: usize| (y as f64 - centre.0).hypot(x as f64 - centre.1) <= radius;
    let disc = Array2::from_shape_fn(SHAPE, |(y, x)| f64::from(u8::from(inside(y, x))));
    &disc / disc.sum()
}

/// A component of 1 Jy at `(y, x)`.
fn blob(scale: &Scale, (y, x): (usize, usize)) -> Array2<f64> {
    let (kernel, reach) = (scale.kernel().mapv(f64::from), scale.reach());
    let mut model = Array2::zeros(SHAPE);
    model.slice_mut(s![y - reach..=y + reach, x - reach..=x + reach]).assign(&kernel);
    model
}

fn pixels(products: &Products) -> [Vec<u64>; 3] {
    [products.model(), products.residual(), products.restored()]
        .map(|image| image.pixels.into_iter().map(f64::to_bits).collect())
}

#[test]
fn the_scale_of_points_alone_gives_the_bytes_of_clean() {
    let points = [(20.0, 30.0, 1.0), (84.0, 22.0, 0.4), (31.5, 110.25, 0.6)];
    for psf in [sky::wide_psf(SHAPE), sky::psf((70, 80), (35, 40))] {
        let folder = Folder::new();
        folder.pair(&(sky::dirty(SHAPE, &points) + sky::noise(SHAPE, 2e-3, 7)), &psf);
        let clean = folder.run("clean", "--algorithm clean");
        let multiscale = folder.run("multiscale", "--algorithm multiscale --multiscale-scales 0 --multiscale-trim 0");
        assert!(pixels(&clean) == pixels(&multiscale));
        assert_eq!(clean.reasons(), multiscale.reasons());
    }
}

#[test]
fn a_blob_of_a_scale_is_found_with_its_flux_and_place() {
    for (name, shape) in [("tapered-quadratic", ScaleShape::TaperedQuadratic), ("gaussian", ScaleShape::Gaussian)] {
        let scale = Scale::new(14.0, shape, 0.6, 3.0);
        let folder = folder_of(&blob(&scale, (70, 50)), 0.0);
        let words = "--auto-mask 0 --auto-threshold 0 --threshold 2uJy --multiscale-scales 14";
        let products = folder.run(name, &format!("--algorithm multiscale --multiscale-shape {name} {words}"));
        let model = products.model().plane(0);
        assert_eq!(sky::highest(&model), (70, 50), "{name}");
        assert!((sky::total(&model) - 1.0).abs() < 1e-3, "{name}: {}", sky::total(&model));
        let misfit = sky::max_abs(&(model - blob(&scale, (70, 50))));
        assert!(misfit < 1e-3 * f64::from(scale.kernel()[(scale.reach(), scale.reach())]), "{name}: {misfit:e}");
    }
}

#[test]
fn a_disc_keeps_its_flux_in_far_fewer_components_than_points_take() {
    let folder = folder_of(&disc((62.0, 60.0), 15.0), 2e-4);
    let run = |name: &str, words: &str| folder.run("out", &format!("--overwrite --algorithm {name} {words}"));
    let flux = sky::total(&run("multiscale", "").model().plane(0));
    assert!((flux - 1.0).abs() < 0.01, "{flux}");
    // down to where all stand out of the noise: deeper down, points fit that
    let taken = |name: &str| {
        let products = run(name, "--auto-mask 0 --auto-threshold 5");
        products.summary()["planes"][0]["iterations"].as_u64().unwrap()
    };
    let (scales, points) = (taken("multiscale"), taken("clean"));
    assert!(scales < points / 2, "{scales} components, points: {points}");
}

#[test]
fn residual_is_exact_at_the_end() {
    let folder = folder_of(&disc_and_points(), 2e-4);
    let products = folder.run("out", "--algorithm multiscale");
    let (dirty, psf) = (Image::read(&folder.path("dirty.fits")).plane(0), sky::wide_psf(SHAPE));
    let (model, residual) = (products.model().plane(0), products.residual().plane(0));
    let misfit = sky::max_abs(&(&dirty - &sky::convolve_fast(&model, &psf, SHAPE) - &residual));
    assert!(misfit < 2e-6 * sky::max_abs(&dirty).max(1.0), "{misfit:e}");
}

#[test]
fn every_flag_of_multiscale_changes_a_product() {
    const CHANGES: &[(&str, [&str; 2])] = &[
        ("multiscale-scales", ["0,10,20", "0,12"]),
        ("multiscale-max-scales", ["2", "3"]),
        ("multiscale-scale-bias", ["0.6", "0.5"]),
        ("multiscale-gain", ["0.2", "0.5"]),
        ("multiscale-shape", ["tapered-quadratic", "gaussian"]),
        ("multiscale-trim", ["1", "0"]),
    ];
    let folder = folder_of(&disc_and_points(), 1e-3);
    for param in PARAMS.iter().filter(|param| param.table == "multiscale") {
        assert!(CHANGES.iter().any(|(flag, _)| *flag == param.flag), "--{} has no line", param.flag);
    }
    for (flag, values) in CHANGES {
        // so few cycles that points alone are not done; but the model is trimmed when the cycles have come to their end
        let few = if *flag == "multiscale-trim" { "" } else { "--nmiter 2" };
        let words = format!("--overwrite --algorithm multiscale {few} --{flag}");
        let run = |value: &str| folder.run("out", &format!("{words} {value}"));
        let [one, other] = values.map(|value| pixels(&run(value)));
        assert!(one != other, "--{flag}: {values:?} give the same");
    }
}

#[test]
fn flags_of_scales_are_refused_where_components_are_points() {
    let folder = folder_of(&disc_and_points(), 1e-3);
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits --algorithm clean --multiscale-scales 0,8");
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("--multiscale-scales has no effect with --algorithm clean"), "{}", ran.err);
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits --auto-mask 0 --multiscale-trim 2");
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("--multiscale-trim has no effect without --auto-mask"), "{}", ran.err);
    for wrong in ["0,x", "-4", ""] {
        let words = format!("--dirty dirty.fits --psf psf.fits --algorithm multiscale --multiscale-scales={wrong}");
        assert_ne!(folder.deconv(&words).code, Some(0), "{wrong}");
    }
}

#[test]
fn centres_keep_half_a_width_off_the_sides() {
    let folder = folder_of(&disc((8.0, 9.0), 8.0), 1e-4);
    let words = "--algorithm multiscale --multiscale-scales 30 --multiscale-shape tapered-quadratic --gain 1 --niter 1";
    let model = folder.run("out", words).model().plane(0);
    let scale = Scale::new(30.0, ScaleShape::TaperedQuadratic, 0.5, 3.0);
    // centres of this width stand at every second pixel
    let (kernel, flux) = (blob(&scale, (16, 16)), sky::total(&model));
    assert!(flux > 0.0 && sky::max_abs(&(model - kernel * flux)) < 1e-6 * flux, "one whole kernel in the corner");
}
