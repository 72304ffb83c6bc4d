//! Faulty inputs and settings: each ends as `docs/faults.md` says, never with a wrong image that is called good.

use std::fs;

use ndarray::{Array2, s};
use serde_json::json;

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (64, 80);
const NOISE: f64 = 1e-3;

fn points() -> [sky::Point; 4] {
    [(30.0, 40.0, 1.0), (14.0, 22.0, 0.5), (50.0, 60.0, 0.25), (33.0, 15.0, 0.1)]
}

fn dirty() -> Array2<f64> {
    sky::dirty(SHAPE, &points()) + sky::noise(SHAPE, NOISE, 4)
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.pair(&dirty(), &sky::wide_psf(SHAPE));
    folder
}

/// Runs a pair to an exit code, and returns the products and what stood on stderr.
fn run(folder: &Folder, words: &str, code: i32) -> (Products, String) {
    let ran = folder.deconv(&format!("-o out --overwrite --plots none {words}"));
    assert_eq!(ran.code, Some(code), "{words}\n{}", ran.err);
    (folder.products("out"), ran.err)
}

/// The notes of the first plane in one text.
fn notes(products: &Products) -> String {
    products.summary()["planes"][0]["notes"].to_string()
}

/// Whatever went wrong, the residual is no worse than the dirty image, and nothing is infinite.
fn assert_sane(products: &Products, dirty: &Array2<f64>, what: &str) {
    let residual = products.residual().plane(0);
    assert!(sky::rms(&residual) <= 1.000_01 * sky::rms(dirty), "{what}: {} {}", sky::rms(&residual), sky::rms(dirty));
    let peaks = (sky::max_abs(&residual), sky::max_abs(dirty));
    assert!(peaks.0 <= 1.000_01 * peaks.1, "{what}: peaks of {peaks:?}");
    for image in [products.model(), products.residual(), products.restored()] {
        assert!(!image.pixels.iter().any(|value| value.is_infinite()), "{what}");
    }
}

#[test]
fn borders_of_nan_take_no_part_and_come_back_blank() {
    let folder = folder();
    let mut framed = dirty();
    for border in [s![..5, ..], s![59.., ..], s![.., ..7], s![.., 71..]] {
        framed.slice_mut(border).fill(f64::NAN);
    }
    folder.save("framed.fits", &Image::new(&framed));
    for algorithm in ["clean", "multiscale"] {
        let words = format!("--dirty framed.fits --psf psf.fits --algorithm {algorithm}");
        let (products, _) = run(&folder, &words, 0);
        assert!(["threshold", "mask-exhausted", "stalled"].contains(&products.reasons()[0].as_str()), "{algorithm}");
        let inside = s![5..59, 7..71];
        let restored = products.restored().plane(0);
        assert!(restored.indexed_iter().all(|(at, value)| value.is_nan() == framed[at].is_nan()), "{algorithm}");
        let residual = products.residual().plane(0).slice(inside).to_owned();
        assert!(sky::max_abs(&residual) < 6.0 * NOISE, "{algorithm}: {}", sky::max_abs(&residual));
        assert!((sky::total(&products.model().plane(0)) - 1.85).abs() < 0.05, "{algorithm}");
    }
}

#[test]
fn blank_channel_is_passed_through_and_the_others_are_cleaned() {
    let folder = folder();
    let blank = Array2::from_elem(SHAPE, f64::NAN);
    folder.save("cube.fits", &Image::cube(&[dirty(), blank, dirty()], &[("FREQ", 3)]));
    let (products, _) = run(&folder, "--dirty cube.fits --psf psf.fits", 0);
    let reasons = products.reasons();
    assert_eq!(reasons[1], "blank");
    assert!(reasons[0] == reasons[2] && reasons[0] != "blank", "{reasons:?}");
    let restored = products.restored();
    assert!(restored.plane(1).iter().all(|value| value.is_nan()));
    assert_eq!(restored.plane(0), restored.plane(2));
    assert!((sky::total(&products.model().plane(0)) - 1.85).abs() < 0.05);
}

#[test]
fn psf_scaled_alone_is_told_with_both_readings_and_either_is_exact() {
    let folder = folder();
    folder.save("scaled.fits", &Image::new(&(sky::wide_psf(SHAPE) * 1.3)));
    let (right, _) = run(&folder, "--dirty dirty.fits --psf psf.fits", 0);
    let (flux, peak) = (sky::total(&right.model().plane(0)), sky::max_abs(&right.restored().plane(0)));

    let (pair, err) = run(&folder, "--dirty dirty.fits --psf scaled.fits", 0);
    for needle in ["peak is 1.3", "dirty image and PSF were divided", "--psf-scale psf-only is right"] {
        assert!(err.contains(needle) && notes(&pair).contains(needle), "'{needle}' is not in\n{err}");
    }
    assert!((sky::total(&pair.model().plane(0)) * 1.3 / flux - 1.0).abs() < 1e-3);
    assert_sane(&pair, &(dirty() / 1.3), "pair");
    let ran = folder.deconv("metrics --image out-image.fits");
    assert!(ran.out.contains("FLAG psf-peak"), "{}", ran.out);

    let (only, err) = run(&folder, "--dirty dirty.fits --psf scaled.fits --psf-scale psf-only", 0);
    assert!(err.contains("the PSF was divided by it"), "{err}");
    assert!((sky::total(&only.model().plane(0)) / flux - 1.0).abs() < 1e-3);
    assert!((sky::max_abs(&only.restored().plane(0)) / peak - 1.0).abs() < 1e-3);
}

#[test]
fn psf_of_half_the_size_stops_at_its_floor_and_says_what_is_missing() {
    let shape = (96, 96);
    let points = [(10.0, 10.0, 3.0), (85.0, 80.0, 2.0), (50.0, 50.0, 1.0)];
    let folder = Folder::new();
    let dirty = sky::dirty(shape, &points) + sky::noise(shape, 1e-5, 1);
    folder.pair(&dirty, &sky::psf((48, 48), (24, 24)));
    for algorithm in ["clean", "multiscale"] {
        let (products, err) = run(&folder, &format!("--dirty dirty.fits --psf psf.fits --algorithm {algorithm}"), 0);
        assert_eq!(products.reasons(), ["psf-floor"], "{algorithm}");
        assert!(err.contains("the PSF does not reach every pixel"), "{algorithm}: {err}");
        assert!(products.summary()["planes"][0]["missing_sidelobes"].as_f64().unwrap() > 1e-4, "{algorithm}");
        assert_sane(&products, &dirty, algorithm);
        let ran = folder.deconv("metrics --image out-image.fits");
        assert!(ran.out.contains("FLAG sidelobes-beyond-psf"), "{algorithm}: {}", ran.out);
    }
}

#[test]
fn mask_that_selects_nothing_leaves_the_dirty_image_and_says_so() {
    let folder = folder();
    folder.save("mask.fits", &Image::new(&Array2::zeros(SHAPE)));
    for algorithm in ["clean", "multiscale", "hogbom"] {
        let words = format!("--dirty dirty.fits --psf psf.fits --mask mask.fits --algorithm {algorithm}");
        let (products, err) = run(&folder, &words, 0);
        assert_eq!(products.reasons(), ["nothing-allowed"], "{algorithm}");
        assert!(err.contains("leave no pixel to clean"), "{algorithm}: {err}");
        assert!(products.model().pixels.iter().all(|value| *value == 0.0), "{algorithm}");
        assert_eq!(products.restored().pixels, products.residual().pixels, "{algorithm}");
    }
}

#[test]
fn threshold_below_the_noise_is_told() {
    let folder = folder();
    let deep = "--auto-mask 0 --auto-threshold 0 --threshold 1uJy --niter 5000";
    for algorithm in ["clean", "hogbom"] {
        let words = format!("--dirty dirty.fits --psf psf.fits {deep} --algorithm {algorithm}");
        let (products, err) = run(&folder, &words, 0);
        assert_ne!(products.reasons(), ["threshold"], "{algorithm}");
        assert!(
            err.contains("is below the noise") && notes(&products).contains("below the noise"),
            "{algorithm}: {err}"
        );
        assert_sane(&products, &dirty(), algorithm);
    }
    // the default algorithm: a threshold that is reached, when the residual is quieter than the noise, and one inside an auto-mask
    for words in ["--auto-mask 0 --threshold 100uJy", "--threshold 1uJy --niter 20000"] {
        let words = format!("--dirty dirty.fits --psf psf.fits --auto-threshold 0 {words}");
        let (products, err) = run(&folder, &words, 0);
        assert!(notes(&products).contains("below the noise"), "{words}: {err}");
    }
    // beside the automatic threshold, the higher of the two counts
    let (products, err) = run(&folder, "--dirty dirty.fits --psf psf.fits --threshold 1uJy", 0);
    assert!(!err.contains("below the noise") && !notes(&products).contains("below the noise"), "{err}");
}

#[test]
fn model_of_another_shape_to_go_on_from_is_refused_before_any_work() {
    let folder = folder();
    let small = Image::new(&Array2::zeros((40, 40))).with("BUNIT", "'JY/PIXEL'");
    folder.save("model.fits", &small);
    let before = folder.listing();
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits --continue model.fits -o out --plots none");
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    for needle in ["model.fits", "NAXIS1: 40, expected 80", "hint: "] {
        assert!(ran.err.contains(needle), "'{needle}' is not in\n{}", ran.err);
    }
    assert_eq!(folder.listing(), before);
}

/// A PSF with a ring of negative sidelobes as deep as its peak: components make more than they take.
fn foreign_psf() -> Array2<f64> {
    Array2::from_shape_fn((128, 160), |(y, x)| {
        let r = (y as f64 - 64.0).hypot(x as f64 - 80.0);
        (-r * r / 2.0).exp() - 0.9 * (-(r - 6.0).powi(2)).exp() + 0.9 * (-(r - 11.0).powi(2)).exp()
    })
}

#[test]
fn psf_of_another_image_ends_as_diverged_after_one_more_try_with_code_4() {
    let folder = folder();
    folder.save("foreign.fits", &Image::new(&foreign_psf()));
    for algorithm in ["clean", "multiscale", "hogbom"] {
        let words = format!("--dirty dirty.fits --psf foreign.fits --algorithm {algorithm} --niter 20000");
        let (products, err) = run(&folder, &words, 4);
        assert_eq!(products.reasons(), ["diverged"], "{algorithm}");
        assert!(err.contains("diverged: 1 of 1 planes") && err.contains("hint: "), "{algorithm}: {err}");
        assert_sane(&products, &dirty(), algorithm);
        let retry = products.summary()["planes"][0]["retry"].clone();
        if !retry.is_null() {
            assert!((retry["gain"].as_f64().unwrap() - 0.025).abs() < 1e-6 && retry["after"]["reason"] == "diverged");
            assert!(notes(&products).contains("cleaned once more"), "{algorithm}");
        }
        // the best state: exact, and where it says it is
        let (kernel, centre, _) = sky::normalised(&foreign_psf().mapv(|value| f64::from(value as f32)));
        let expected = dirty() - sky::convolve(&products.model().plane(0), &kernel, centre);
        let misfit = sky::max_abs(&(expected - products.residual().plane(0)));
        assert!(misfit < 1e-5, "{algorithm}: {misfit}");
    }
}

/// A PSF whose sidelobes fill the image.
fn rippled_psf() -> Array2<f64> {
    let mut psf = sky::wide_psf(SHAPE);
    for ((y, x), value) in psf.indexed_iter_mut() {
        let ripples = ((y as f64 - SHAPE.0 as f64) / 2.7).cos() * ((x as f64 - SHAPE.1 as f64) / 2.0).cos();
        *value = 0.7 * *value + 0.27 * ripples;
    }
    psf[SHAPE] = 1.0;
    psf
}

#[test]
fn state_that_is_worse_than_none_is_not_kept() {
    let folder = folder();
    folder.save("ripples.fits", &Image::new(&rippled_psf()));
    for algorithm in ["clean", "multiscale", "multiscale --multiscale-scales 0,8", "asp", "clark", "hogbom"] {
        let words = format!("--dirty dirty.fits --psf ripples.fits --algorithm {algorithm} --niter 100000");
        let (products, err) = run(&folder, &words, 4);
        assert_sane(&products, &dirty(), algorithm);
        let plane = products.summary()["planes"][0].clone();
        assert_eq!((&plane["stop"]["reason"], &plane["stop"]["kept"]), (&json!("diverged"), &json!("empty")), "{err}");
        assert!(products.model().pixels.iter().all(|value| *value == 0.0), "{algorithm}");
        assert!(plane["message"].as_str().unwrap().contains("the model is empty"), "{plane:#}");
    }
}

#[test]
fn model_given_is_kept_where_no_state_is_better() {
    let folder = folder();
    folder.save("ripples.fits", &Image::new(&rippled_psf()));
    let begin = Array2::from_shape_fn(SHAPE, |at| if at == (30, 40) { 0.01 } else { 0.0 });
    folder.save("begin.fits", &Image::new(&begin).with("BUNIT", "'JY/PIXEL'"));
    for algorithm in ["clean", "multiscale"] {
        let words = format!("--dirty dirty.fits --psf ripples.fits --continue begin.fits --algorithm {algorithm}");
        let (products, err) = run(&folder, &words, 4);
        assert_eq!(products.summary()["planes"][0]["stop"]["kept"], "given", "{err}");
        assert!(sky::max_abs(&(products.model().plane(0) - &begin)) < 1e-8, "{err}");
    }
}

#[test]
fn only_the_plane_that_diverged_is_cleaned_once_more() {
    let folder = folder();
    folder.save("cube.fits", &Image::cube(&[dirty(), dirty()], &[("FREQ", 2)]));
    folder.save("psfs.fits", &Image::cube(&[sky::wide_psf(SHAPE), foreign_psf()], &[("FREQ", 2)]));
    let (products, err) = run(&folder, "--dirty cube.fits --psf psfs.fits --niter 20000", 4);
    let reasons = products.reasons();
    assert!(reasons[0] != "diverged" && reasons[1] == "diverged", "{reasons:?}");
    let summary = products.summary();
    assert!(summary["planes"][0]["retry"].is_null() && !summary["planes"][1]["retry"].is_null(), "{err}");
    assert!(err.contains("diverged: 1 of 2 planes"), "{err}");
    let alone = products.restored().plane(0);
    let (single, _) = run(&folder, "--dirty dirty.fits --psf psf.fits --niter 20000", 0);
    assert_eq!(single.restored().plane(0), alone, "the good plane is that of a run of its own");
}

/// The image of a PSF whose middle pixel is at column `x` of the middle row.
fn at(psf: &Array2<f64>, x: usize) -> Image {
    let place = |reference: f64, size: usize, at: usize| format!("{}", reference + (size / 2) as f64 - at as f64);
    Image::new(psf).with("CRPIX1", &place(9.0, psf.dim().1, x)).with("CRPIX2", &place(11.0, psf.dim().0, SHAPE.0 / 2))
}

/// A field in two tiles, with a PSF for either, the second of which is that of another image; the sources that the first sees.
fn two_tiles(folder: &Folder, second: &Array2<f64>) -> f64 {
    let west = [(30.0, 20.0, 1.0), (14.0, 10.0, 0.5), (50.0, 26.0, 0.25)];
    let points = [&west[..], &[(28.0, 62.0, 0.9)]].concat();
    folder.save("dirty.fits", &Image::new(&(sky::dirty(SHAPE, &points) + sky::noise(SHAPE, NOISE, 4))));
    folder.save("p0.fits", &at(&sky::wide_psf(SHAPE), 20));
    folder.save("p1.fits", &at(second, 60));
    west.iter().map(|point| point.2).sum()
}

const TWO_TILES: &str = "--dirty dirty.fits --psf-grid p0.fits,p1.fits --psf-weighting nearest --tile 2x1 --algorithm";

#[test]
fn only_the_tile_that_diverged_is_cleaned_again_and_then_left() {
    let folder = folder();
    let flux = two_tiles(&folder, &foreign_psf());
    for algorithm in ["clean", "clark", "multiscale --multiscale-scales 0"] {
        check_tiles(&folder, flux, algorithm);
    }
}

fn check_tiles(folder: &Folder, flux: f64, algorithm: &str) {
    let words = format!("{TWO_TILES} {algorithm}");
    let (products, err) = run(folder, &words, 4);
    assert_eq!(products.reasons(), ["tiles-diverged"], "{err}");
    assert!(err.contains("diverged: 1 of 1 planes"), "{err}");
    let summary = products.summary();
    let plane = &summary["planes"][0];
    assert_eq!((&plane["tiles"]["cleaned_again"], &plane["tiles"]["diverged"]), (&json!([1]), &json!([1])), "{err}");
    assert!(notes(&products).contains("tiles [1] diverged, and were cleaned on with smaller steps"), "{err}");
    let model = products.model().plane(0);
    let west = model.slice(s![.., ..36]).sum();
    assert!((west / flux - 1.0).abs() < 0.02, "the other tile has all of its flux: {west} of {flux}\n{err}");
    for threads in ["1", "3 --chunk 9"] {
        let (again, _) = run(folder, &format!("{words} --threads {threads}"), 4);
        assert_eq!(again.restored().pixels, products.restored().pixels, "{threads}");
    }
}

#[test]
fn batch_with_a_pair_that_diverged_is_complete_and_ends_with_code_4() {
    let folder = folder();
    fs::create_dir(folder.path("a")).unwrap();
    fs::create_dir(folder.path("b")).unwrap();
    for name in ["a", "b"] {
        fs::copy(folder.path("dirty.fits"), folder.path(&format!("{name}/dirty.fits"))).unwrap();
    }
    fs::copy(folder.path("psf.fits"), folder.path("a/psf.fits")).unwrap();
    folder.save("b/psf.fits", &Image::new(&foreign_psf()));
    let ran = folder.deconv("--dirty */dirty.fits --psf */psf.fits -o out --plots none --niter 20000");
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    assert!(ran.err.contains("diverged: 1 of 2 pairs"), "{}", ran.err);
    for name in ["a", "b"] {
        assert!(folder.path(&format!("out/{name}/dirty-image.fits")).is_file(), "{name}");
    }
}
