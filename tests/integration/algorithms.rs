//! What every algorithm of the registry owes, what each flag changes, and that every rule can end a run.

use deconv::algorithms::{ALGORITHMS, Kind, PARAMS, Param, ParamKind};
use ndarray::{Array2, s};

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (64, 72);
/// Rounding of the transforms in 32 bits, in units of the dirty peak.
const ROUNDING: f64 = 2e-6;
/// Takes all thresholds away.
const BARE: &str = "--auto-mask 0 --auto-threshold 0";

fn folder(points: &[sky::Point], noise: f64) -> Folder {
    let folder = Folder::new();
    folder.pair(&(sky::dirty(SHAPE, points) + sky::noise(SHAPE, noise, 7)), &sky::wide_psf(SHAPE));
    folder
}

fn cleans() -> impl Iterator<Item = &'static str> {
    ALGORITHMS.iter().filter(|algorithm| matches!(algorithm.kind, Kind::Clean(_))).map(|algorithm| algorithm.name)
}

/// Sum over the pixels within `half` of `(y, x)`.
fn flux_near(plane: &Array2<f64>, (y, x): (usize, usize), half: usize) -> f64 {
    plane.slice(s![y - half..=y + half, x - half..=x + half]).sum()
}

#[test]
fn every_algorithm_keeps_its_books_on_the_same_sky() {
    let points = [(20.0, 30.0, 1.0), (44.0, 22.0, 0.4), (31.5, 50.25, 0.6)];
    let folder = folder(&points, 2e-3);
    let dirty = Image::read(&folder.path("dirty.fits")).plane(0);
    let kernel = Image::read(&folder.path("psf.fits")).plane(0);
    // richardson-lucy refuses this PSF, whose sidelobes are negative; its own tests are in lucy.rs
    for algorithm in ALGORITHMS.iter().filter(|algorithm| algorithm.name != "richardson-lucy") {
        let name = algorithm.name;
        // sidelobes fill this sky, so its robust noise is no noise: a linear method is told
        let told = if name == "wiener" { "--sigma 2mJy" } else { "" };
        let products = folder.run(name, &format!("--algorithm {name} {told}"));
        let (model, residual) = (products.model().plane(0), products.residual().plane(0));
        let misfit = sky::max_abs(&(&dirty - &sky::convolve_fast(&model, &kernel, SHAPE) - &residual));
        assert!(misfit < ROUNDING, "{name}: residual is not dirty - psf * model, {misfit:e}");
        let summary = products.summary();
        let plane = &summary["planes"][0];
        assert_eq!(summary["algorithm"], name);
        assert!(
            !plane["stop"]["reason"].as_str().unwrap().is_empty() && !plane["message"].as_str().unwrap().is_empty()
        );
        let told = |key: &str| plane["residual"][key].as_f64().unwrap();
        assert!((told("rms") / sky::rms(&residual) - 1.0).abs() < 1e-4, "{name}: rms");
        assert!((told("max") - residual.iter().copied().fold(f64::MIN, f64::max)).abs() < 1e-7, "{name}: max");
        assert!((plane["flux_jy"].as_f64().unwrap() - sky::total(&model)).abs() < 1e-5, "{name}: flux");
        let nonzero = model.iter().filter(|value| **value != 0.0).count();
        assert_eq!(plane["components"].as_u64(), Some(nonzero as u64), "{name}: components");
        let left = sky::rms(&residual) / sky::rms(&dirty);
        let most = if matches!(algorithm.kind, Kind::Clean(_)) { 0.5 } else { 1.0 };
        assert!(left < most, "{name}: it leaves {left} of what it was given");
    }
}

#[test]
fn point_on_a_pixel_is_found_there_to_one_percent() {
    let folder = folder(&[(25.0, 41.0, 2.5)], 1e-3);
    for name in cleans() {
        let model = folder.run(name, &format!("--algorithm {name}")).model().plane(0);
        assert_eq!(sky::highest(&model), (25, 41), "{name}");
        assert!((model[(25, 41)] / 2.5 - 1.0).abs() < 0.01, "{name}: {}", model[(25, 41)]);
    }
}

#[test]
fn point_between_pixels_keeps_its_flux_and_place() {
    let folder = folder(&[(25.4, 40.7, 2.0)], 1e-3);
    for name in cleans() {
        let model = folder.run(name, &format!("--algorithm {name}")).model().plane(0);
        let flux = flux_near(&model, (25, 41), 4);
        let mean = |weight: fn((usize, usize)) -> usize| {
            model.indexed_iter().map(|(at, value)| weight(at) as f64 * value).sum::<f64>() / model.sum()
        };
        assert!((flux / 2.0 - 1.0).abs() < 0.02, "{name}: {flux}");
        assert!((mean(|at| at.0) - 25.4).abs() < 0.1 && (mean(|at| at.1) - 40.7).abs() < 0.1, "{name}");
    }
}

#[test]
fn two_points_inside_one_beam_are_told_apart() {
    let folder = folder(&[(30.0, 30.0, 1.0), (30.0, 33.0, 0.6)], 1e-4);
    for name in cleans() {
        let products = folder.run(name, &format!("--algorithm {name}"));
        let (model, residual) = (products.model().plane(0), products.residual().plane(0));
        assert!((flux_near(&model, (30, 31), 4) / 1.6 - 1.0).abs() < 0.01, "{name}: {}", sky::total(&model));
        let (first, second) = (flux_near(&model, (30, 30), 1), flux_near(&model, (30, 33), 1));
        assert!((first - 1.0).abs() < 0.1 && (second - 0.6).abs() < 0.1, "{name}: {first} {second}");
        assert!(sky::max_abs(&residual) < 1e-3, "{name}: {}", sky::max_abs(&residual));
    }
}

#[test]
fn negative_source_is_cleaned_too() {
    let folder = folder(&[(25.0, 41.0, -1.0), (40.0, 20.0, 0.5)], 1e-3);
    for name in cleans() {
        let products = folder.run(name, &format!("--algorithm {name}"));
        let model = products.model().plane(0);
        assert!((model[(25, 41)] + 1.0).abs() < 0.01 && (model[(40, 20)] - 0.5).abs() < 0.01, "{name}");
        let negative = products.summary()["planes"][0]["negative_flux_jy"].as_f64().unwrap();
        assert!((negative + 1.0).abs() < 0.02, "{name}: {negative}");
    }
}

#[test]
fn residual_peak_of_hogbom_falls_as_a_power() {
    let folder = folder(&[(25.0, 41.0, 1.0)], 0.0);
    for (gain, n) in [(0.1_f64, 1), (0.1, 10), (0.1, 40), (0.25, 7), (0.5, 5), (1.0, 1)] {
        let words = format!("--overwrite --algorithm hogbom {BARE} --gain {gain} --niter {n}");
        let products = folder.run("out", &words);
        let expected = (1.0 - gain).powi(n);
        assert!((sky::max_abs(&products.residual().plane(0)) - expected).abs() < 5e-6, "gain {gain}, {n} components");
        let model = products.model().plane(0);
        assert!((model[(25, 41)] - (1.0 - expected)).abs() < 5e-6 && (model.sum() - model[(25, 41)]).abs() < 1e-12);
    }
}

#[test]
fn components_stop_at_niter_exactly() {
    let folder = folder(&[(25.0, 41.0, 1.0), (40.0, 20.0, 0.8)], 1e-3);
    for name in cleans() {
        for niter in [0, 1, 17, 300] {
            let words = format!("--overwrite --algorithm {name} {BARE} --niter {niter}");
            let plane = folder.run("out", &words).summary()["planes"][0].clone();
            assert_eq!((&plane["stop"]["reason"], plane["iterations"].as_u64()), (&"iterations".into(), Some(niter)));
        }
    }
}

/// What makes an algorithm of the CLEAN family take points alone.
fn points_of(name: &str) -> &'static str {
    match name {
        "multiscale" => "--multiscale-scales 0",
        "asp" => "--asp-largest-scale 0",
        _ => "",
    }
}

#[test]
fn lists_take_the_components_that_hogbom_takes() {
    let points = [(20.0, 30.0, 1.0), (44.0, 22.0, 0.9), (31.0, 50.0, 0.7), (50.0, 60.0, 0.65)];
    let folder = folder(&points, 1e-3);
    let models = |n: usize| {
        cleans()
            .map(|name| {
                folder.run(name, &format!("--overwrite --algorithm {name} {BARE} --niter {n} {}", points_of(name)))
            })
            .map(|products| products.model().plane(0))
            .collect::<Vec<_>>()
    };
    for n in [1, 5, 20, 40] {
        let models = models(n);
        for (model, name) in models.iter().zip(cleans()) {
            let difference = sky::max_abs(&(model - models.last().unwrap()));
            // Clark leaves out what lies beyond its patch: 10 % of the PSF may be missing from each component
            let allowed = if name == "clark" { 0.1 } else { 1e-5 };
            assert!(difference < allowed, "{name} after {n} components: {difference:e}");
        }
    }
}

#[test]
fn list_without_exact_residuals_between_takes_hogboms_components() {
    let points = [(20.0, 30.0, 1.0), (44.0, 22.0, 0.9), (31.0, 50.0, 0.7), (50.0, 60.0, 0.65), (12.0, 15.0, 0.2)];
    let folder = folder(&points, 1e-3);
    let run = |name: &str, more: &str| {
        let words = format!("--overwrite --algorithm {name} {BARE} --threshold 0 --niter 300 {more}");
        let products = folder.run(name, &words);
        assert_eq!(products.summary()["planes"][0]["iterations"].as_u64(), Some(300));
        products.model().plane(0)
    };
    let (list, hogbom) = (run("clean", "--mgain 1"), run("hogbom", ""));
    assert!(list.iter().zip(&hogbom).all(|(a, b)| (*a == 0.0) == (*b == 0.0)), "the same pixels");
    assert!(sky::max_abs(&(&list - &hogbom)) < 1e-5, "{:e}", sky::max_abs(&(&list - &hogbom)));
    assert!(hogbom.iter().filter(|value| **value != 0.0).count() > 5);
}

#[test]
fn model_is_linear_in_the_flux_scale() {
    let points = [(20.0, 30.0, 1.0), (44.0, 22.0, 0.4)];
    let dirty = sky::dirty(SHAPE, &points) + sky::noise(SHAPE, 2e-3, 7);
    for algorithm in ALGORITHMS.iter().filter(|algorithm| algorithm.name != "richardson-lucy") {
        let folder = Folder::new();
        let model = |scale: f64| {
            folder.pair(&(&dirty * scale), &sky::wide_psf(SHAPE));
            folder.run("out", &format!("--overwrite --algorithm {}", algorithm.name)).model().plane(0) / scale
        };
        // a power of two changes no mantissa, so nothing at all may change
        assert!(model(1.0) == model(1024.0) && model(1.0) == model(0.001_953_125), "{}", algorithm.name);
    }
}

/// What a flag changes: the flag, words that both runs share, and the values of the two runs.
const CHANGES: &[(&str, &str, [&str; 2])] = &[
    ("gain", "--niter 20", ["0.1", "0.2"]),
    ("mgain", "--niter 2000 --nmiter 1", ["0.8", "0.3"]),
    ("niter", "", ["5", "6"]),
    ("nmiter", "", ["1", "2"]),
    ("threshold", "--auto-mask 0 --auto-threshold 0", ["50mJy", "100mJy"]),
    ("auto-threshold", "--auto-mask 0", ["3", "20"]),
    ("auto-mask", "--auto-threshold 3", ["0", "5"]),
    ("abs-auto-mask", "--auto-mask 0 --auto-threshold 1", ["30mJy", "200mJy"]),
    ("mask-dilate", "--auto-mask 20 --auto-threshold 1", ["0", "6"]),
    ("clean-border", "", ["0", "40"]),
    ("mask", "", ["all.fits", "half.fits"]),
    ("continue", "--niter 1", ["dark.fits", "source.fits"]),
    ("window", "--auto-mask 0 --auto-threshold 3", ["full", "inner-quarter"]),
    ("tile", "", ["off", "2x2"]),
    ("local-rms-window", "--local-rms --auto-mask 0 --auto-threshold 2", ["2", "20"]),
    ("local-rms-method", "--local-rms --local-rms-window 8 --auto-mask 0 --auto-threshold 2", ["rms", "rms-with-min"]),
    ("local-rms-strength", "--local-rms --local-rms-window 3 --auto-mask 0 --auto-threshold 2", ["1", "0.3"]),
    ("local-rms-image", "--auto-mask 0 --auto-threshold 2", ["one.fits", "other.fits"]),
    ("psf-scale", "", ["pair", "psf-only"]),
    ("beam-shape", "", ["fit", "6asec,5asec,40deg"]),
];

#[test]
fn every_flag_of_clean_changes_a_product() {
    let folder = folder(&[(20.3, 30.0, 1.0), (44.0, 22.0, 0.4), (31.5, 50.25, 0.6)], 5e-3);
    folder.save("psf.fits", &Image::new(&(sky::wide_psf(SHAPE) * 0.5)));
    folder.save("all.fits", &Image::new(&Array2::ones(SHAPE)));
    for (name, noise) in [("one.fits", 4e-3), ("other.fits", 8e-2)] {
        let map = Array2::from_shape_fn(SHAPE, |(y, _)| if y < 25 { noise } else { 4e-3 });
        folder.save(name, &Image::new(&map));
    }
    folder.save("half.fits", &Image::new(&Array2::from_shape_fn(SHAPE, |(y, _)| f64::from(u8::from(y > 25)))));
    for (name, flux) in [("dark.fits", 0.0), ("source.fits", 0.5)] {
        let model = Array2::from_shape_fn(SHAPE, |at| if at == (12, 14) { flux } else { 0.0 });
        folder.save(name, &Image::new(&model).with("BUNIT", "'JY/PIXEL'"));
    }
    let covered = |flag: &str| CHANGES.iter().any(|(name, ..)| *name == flag);
    // switches have tests of their own in signs.rs, and --continue in given.rs
    let elsewhere = |param: &Param| param.kind == ParamKind::Switch || param.flag == "continue";
    for param in PARAMS.iter().filter(|param| param.table == "clean" && !elsewhere(param)) {
        assert!(covered(param.flag), "--{} has no line in the table of what it changes", param.flag);
    }
    let pixels = |products: &Products| (products.model().pixels, products.restored().pixels);
    for (flag, words, [one, other]) in CHANGES {
        let algorithm = if *flag == "tile" { "clean" } else { "multiscale" };
        let run =
            |value: &str| folder.run("out", &format!("--overwrite --algorithm {algorithm} {words} --{flag} {value}"));
        assert!(pixels(&run(one)) != pixels(&run(other)), "--{flag} {one} and {other} give the same");
    }
}

#[test]
fn border_and_mask_hold_in_every_algorithm() {
    let folder = folder(&[(3.0, 4.0, 1.0), (30.0, 36.0, 0.5)], 1e-3);
    for name in cleans() {
        // of wide components the centres are inside, and their wings reach beyond
        let points = if name == "multiscale" { points_of(name) } else { "" };
        let words = format!("--algorithm {name} --clean-border 10 --niter 500 {points}");
        let model = folder.run(name, &words).model().plane(0);
        assert!(model[(30, 36)] > 0.1, "{name}");
        for ((y, x), value) in model.indexed_iter().filter(|(_, value)| **value != 0.0) {
            assert!((6..58).contains(&y) && (7..65).contains(&x), "{name}: {value} at ({y}, {x})");
        }
    }
}

fn reason(folder: &Folder, words: &str) -> String {
    folder.run("out", &format!("--overwrite {words}")).reasons().remove(0)
}

#[test]
fn every_ordinary_rule_ends_a_run_by_its_name() {
    let folder = folder(&[(20.0, 30.0, 1.0), (44.0, 22.0, 0.4)], 2e-3);
    folder.save("none.fits", &Image::new(&Array2::zeros(SHAPE)));
    for name in cleans() {
        for (words, expected) in [
            ("--auto-mask 0 --auto-threshold 4", "threshold"),
            ("--auto-mask 0 --auto-threshold 0 --threshold 20mJy", "threshold"),
            ("--niter 12", "iterations"),
            ("--niter 0", "iterations"),
            ("--mask none.fits", "nothing-allowed"),
        ] {
            assert_eq!(reason(&folder, &format!("--algorithm {name} {words}")), expected, "{name} {words}");
        }
    }
    // Hogbom's loop needs one cycle, whatever its depth
    for name in ["clean", "clark"] {
        let words = format!("--algorithm {name} --auto-mask 0 --auto-threshold 0 --nmiter 2 --mgain 0.3");
        assert_eq!(reason(&folder, &words), "major-cycles");
    }
}

#[test]
fn threshold_is_kept_by_the_exact_residual() {
    let folder = folder(&[(20.0, 30.0, 1.0), (44.0, 22.0, 0.4)], 2e-3);
    for name in cleans() {
        let words = format!("--overwrite --algorithm {name} --auto-mask 0 --auto-threshold 0 --threshold 30mJy");
        let products = folder.run("out", &words);
        let peak = sky::max_abs(&products.residual().plane(0));
        assert!(peak <= 1.1 * 0.03 && peak > 0.015, "{name}: {peak}");
    }
}

#[test]
fn psf_that_does_not_reach_ends_the_run_at_its_floor() {
    let shape = (96, 96);
    let points = [(10.0, 10.0, 3.0), (85.0, 80.0, 2.0), (50.0, 50.0, 1.0)];
    let folder = Folder::new();
    folder.pair(&(sky::dirty(shape, &points) + sky::noise(shape, 1e-5, 1)), &sky::psf((48, 48), (24, 24)));
    let products = folder.run("out", "");
    assert_eq!(products.reasons(), ["psf-floor"], "{}", products.summary()["planes"][0]["message"]);
    let ideal = Folder::new();
    ideal.pair(&(sky::dirty(shape, &points) + sky::noise(shape, 1e-5, 1)), &sky::wide_psf(shape));
    assert_ne!(ideal.run("out", "").reasons(), ["psf-floor"]);
}

/// A PSF with a ring of negative sidelobes as deep as its peak: components make more than they take.
fn misfit_folder() -> Folder {
    let folder = Folder::new();
    let dirty = sky::dirty(SHAPE, &[(30.0, 30.0, 1.0)]) + sky::noise(SHAPE, 1e-2, 3);
    let psf = Array2::from_shape_fn((128, 144), |(y, x)| {
        let r = (y as f64 - 64.0).hypot(x as f64 - 72.0);
        (-r * r / 2.0).exp() - 0.9 * (-(r - 6.0).powi(2)).exp() + 0.9 * (-(r - 11.0).powi(2)).exp()
    });
    folder.pair(&dirty, &psf);
    folder
}

#[test]
fn psf_that_does_not_fit_ends_as_diverged_and_keeps_the_best_state() {
    let folder = misfit_folder();
    let dirty = Image::read(&folder.path("dirty.fits")).plane(0);
    for name in cleans() {
        let less = if name == "hogbom" { "" } else { "--mgain 0.1" };
        for words in ["", "--auto-mask 0 --auto-threshold 0", "--gain 1 --auto-mask 0", less] {
            let words = format!("--overwrite --niter 20000 --algorithm {name} {words}");
            let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o out {words}"));
            assert_eq!(ran.code, Some(4), "{words}\n{}", ran.err);
            let products = folder.products("out");
            assert_eq!(products.reasons(), ["diverged"], "{words}");
            let peak = sky::max_abs(&products.residual().plane(0));
            assert!(peak <= 1.1 * sky::max_abs(&dirty), "{words}: peak {peak}");
            for image in [products.model(), products.residual(), products.restored()] {
                assert!(image.pixels.iter().all(|value| value.is_finite()), "{words}");
            }
        }
    }
}

#[test]
fn run_that_ends_at_niter_has_something_to_show_and_else_it_diverged() {
    let folder = misfit_folder();
    for niter in [10, 20, 30, 40, 60, 100] {
        let words = format!("--overwrite --algorithm hogbom --niter {niter} {BARE}");
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o out {words}"));
        let products = folder.products("out");
        let reason = products.reasons().remove(0);
        assert_eq!(ran.code, Some(if reason == "diverged" { 4 } else { 0 }), "{niter}: {reason}\n{}", ran.err);
        let (model, residual) = (products.model().plane(0), products.residual().plane(0));
        assert!(["iterations", "diverged"].contains(&reason.as_str()), "{niter}: {reason}");
        assert!(sky::max_abs(&residual) <= 1.15, "{niter}: {reason}, {}", sky::max_abs(&residual));
        assert!(reason == "diverged" || sky::max_abs(&model) > 0.0, "{niter}: {reason} with nothing");
    }
}

#[test]
fn stalled_and_exhausted_runs_say_so() {
    // white noise, which no PSF makes: inside the mask deeper cycles soon gain nothing, or only harm
    let folder = folder(&[(20.0, 30.0, 1.0), (44.0, 22.0, 0.4), (31.5, 50.25, 0.6)], 2e-3);
    let words = ["", "--gain 1", "--gain 0.5", "--mgain 0.1 --nmiter 1000", "--mgain 0.99"];
    let reasons: Vec<String> =
        words.iter().map(|words| reason(&folder, &format!("--algorithm clean {words}"))).collect();
    for expected in ["stalled", "mask-exhausted"] {
        assert!(reasons.iter().any(|reason| reason == expected), "{expected} is not in {reasons:?}");
    }
}
