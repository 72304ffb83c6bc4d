//! Noise that differs from place to place: the search goes as deep as it is quiet there.

use std::fs;

use ndarray::Array2;

use crate::support::fits::Image;
use crate::support::program::Folder;
use crate::support::sky;

const SHAPE: (usize, usize) = (96, 120);
const FAINT: (usize, usize) = (30, 25);

/// A faint source on the left, where it is quiet, and noise ten times as high on the right.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.pair(&dirty_image(), &sky::wide_psf(SHAPE));
    folder
}

fn dirty_image() -> Array2<f64> {
    let noise = sky::noise(SHAPE, 2e-3, 5);
    let noise = Array2::from_shape_fn(SHAPE, |at| noise[at] * if at.1 < 60 { 1.0 } else { 10.0 });
    let faint = sky::dirty(SHAPE, &[(FAINT.0 as f64, FAINT.1 as f64, 0.024), (70.0, 35.0, 0.5)]);
    faint + noise
}

#[test]
fn quiet_places_are_cleaned_deeper_and_loud_ones_less() {
    let folder = folder();
    for algorithm in ["clean", "clark", "multiscale"] {
        let scales = if algorithm == "multiscale" { "--multiscale-scales 0" } else { "" };
        let words = format!("--plots none --algorithm {algorithm} {scales} --auto-mask 0 --auto-threshold 6");
        let model = |name: &str, more: &str| folder.run(name, &format!("--overwrite {words} {more}")).model().plane(0);
        let found =
            |model: &Array2<f64>| model.indexed_iter().filter(|((_, x), value)| *x >= 60 && **value != 0.0).count();
        let one = model("one", "");
        let local = model("local", "--local-rms --local-rms-window 12");
        // one noise for all is that of neither half
        assert!(found(&one) > 5 && one[FAINT] == 0.0, "{algorithm}: {} on the right", found(&one));
        assert!(found(&local) == 0 && local[FAINT] > 0.0, "{algorithm}: {} and {}", found(&local), local[FAINT]);
    }
}

#[test]
fn map_of_the_noise_weighs_as_the_noise_itself_does() {
    let folder = folder();
    let map = Array2::from_shape_fn(SHAPE, |(y, x)| match x {
        119 if y < 4 => f64::NAN,
        x => 2e-3 * if x < 60 { 1.0 } else { 10.0 },
    });
    let words = "--overwrite --plots none --auto-mask 0 --auto-threshold 6";
    let model = |map: &Array2<f64>, more: &str| {
        folder.save("map.fits", &Image::new(map));
        folder.run("out", &format!("{words} --local-rms-image map.fits {more}")).model().plane(0)
    };
    for algorithm in ["clean", "clark", "multiscale --multiscale-scales 0", "clean --tile 2x2"] {
        let weighed = model(&map, &format!("--algorithm {algorithm}"));
        let right = weighed.indexed_iter().filter(|((_, x), value)| *x >= 60 && **value != 0.0).count();
        assert!(right == 0 && weighed[FAINT] > 0.0, "{algorithm}: {right} on the right, {}", weighed[FAINT]);
    }
    // an even map weighs nothing, and tells the sigma; it goes with the dirty image where that is divided by the PSF's peak
    let bare = "--overwrite --plots none --auto-mask 0 --algorithm clean --auto-threshold 0 --threshold 120mJy";
    let plain = folder.run("plain", bare).model().plane(0);
    assert_eq!(model(&Array2::from_elem(SHAPE, 2e-2), "--algorithm clean"), plain);
    folder.pair(&(dirty_image() * 2.0), &(sky::wide_psf(SHAPE) * 2.0));
    assert_eq!(model(&Array2::from_elem(SHAPE, 4e-2), "--algorithm clean"), plain);
    folder.pair(&dirty_image(), &sky::wide_psf(SHAPE));
    let expected = model(&map, "--threads 1 --chunk full");
    assert_eq!(model(&map, "--threads 3 --chunk 13"), expected);
    folder.save("small.fits", &Image::new(&Array2::ones((40, 40))));
    let fails = |words: &str, needles: &[&str]| {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o x {words}"));
        assert!(ran.code != Some(0) && needles.iter().all(|needle| ran.err.contains(needle)), "{}", ran.err);
    };
    fails("--local-rms-image small.fits", &["small.fits", "map of the noise", "NAXIS1: 40, expected 120"]);
    fails("--local-rms-image map.fits --local-rms-window 9", &["--local-rms-window has no effect with"]);
    fails("--local-rms-image map.fits --algorithm hogbom", &["--local-rms-image has no effect"]);
}

#[test]
fn weights_change_no_component_and_no_cut_changes_them() {
    let folder = folder();
    let words = "--overwrite --plots none --local-rms --local-rms-method rms-with-min --local-rms-window 4";
    let one = folder.run("one", &format!("{words} --threads 1 --chunk full"));
    let other = folder.run("other", &format!("{words} --threads 2 --chunk 13"));
    assert!(one.model().pixels == other.model().pixels && one.residual().pixels == other.residual().pixels);
    // the residual of a source that is cleaned to the end is noise: its value was not weighed
    assert!(one.residual().plane(0)[(70, 35)].abs() < 0.02 && one.model().plane(0)[(70, 35)] > 0.3);
}

#[test]
fn what_tells_more_of_it_is_refused_without_it() {
    let folder = folder();
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o x --local-rms-window 9");
    assert!(ran.code != Some(0) && ran.err.contains("--local-rms-window has no effect"), "{}", ran.err);
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o x --algorithm hogbom --local-rms");
    assert!(ran.code != Some(0) && ran.err.contains("--local-rms has no effect"), "{}", ran.err);
}

#[test]
fn map_of_the_noise_is_looked_over_and_then_read_once() {
    let folder = folder();
    folder.save("map.fits", &Image::new(&Array2::from_elem(SHAPE, 1.4e-2)));
    let words = "--plots none --algorithm clean --auto-mask 0 --auto-threshold 6 --threads 1 --chunk 32";
    let map = "--local-rms-image map.fits";
    let products = folder.run("out", &format!("{words} {map} --profile prof"));
    let cycles = products.summary()["planes"][0]["cycles"].as_u64().unwrap();
    let trace = fs::read_to_string(folder.path("prof/tasks.jsonl")).unwrap();
    let tasks = |name: &str| trace.lines().filter(|line| line.contains(name)).count();
    assert!(cycles > 1 && tasks("read-rms") == 3, "{cycles} cycles, {} reads of three slabs", tasks("read-rms"));
    assert_eq!((tasks("survey-noise"), tasks("local-sums"), tasks("local-rms")), (3, 3, 1));
}

#[test]
fn map_of_the_noise_is_in_the_forecast_of_memory() {
    let (folder, shape) = (Folder::new(), (512, 512));
    folder.pair(&sky::dirty(shape, &[(100.0, 200.0, 1.0)]), &sky::wide_psf(shape));
    folder.save("map.fits", &Image::new(&Array2::from_elem(shape, 2e-3)));
    let forecast = |more: &str| -> f64 {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits --algorithm clean --dry-run {more}"));
        let line = ran.out.lines().find(|line| line.starts_with("memory")).expect("the forecast is told").to_owned();
        line.split_whitespace().nth(1).unwrap().trim_end_matches("MiB").parse().expect("a number of MiB")
    };
    let (with, without) = (forecast("--local-rms-image map.fits"), forecast(""));
    // four bytes for each pixel are held, and many more while they are made
    assert!(with > without + 1.0, "{with} MiB with a map of a MiB, {without} without");
}

#[test]
fn map_that_tells_no_noise_is_refused_before_any_work_and_gaps_are_told() {
    let folder = folder();
    let before = folder.listing().len();
    for (value, told) in [(0.0, "11520 are 0"), (f64::NAN, "11520 are blank"), (-2e-3, "11520 are below 0")] {
        folder.save("map.fits", &Image::new(&Array2::from_elem(SHAPE, value)));
        let words = "--plots none -v --local-rms-image map.fits";
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o x {words}"));
        assert_eq!(ran.code, Some(1), "{value}: {}", ran.err);
        let needles = ["map.fits", "map of the noise", "none of 11520 pixels", told, "hint: ", "--local-rms"];
        assert!(needles.iter().all(|needle| ran.err.contains(needle)), "{value}: {}", ran.err);
        assert!(!ran.err.contains("components"), "work was done: {}", ran.err);
        assert_eq!(folder.listing().len(), before + 1, "nothing but the map was added");
    }
    // a cube whose map tells nothing of its second plane is refused as a whole
    folder.save("cube.fits", &Image::cube(&[dirty_image(), dirty_image()], &[("FREQ", 2)]));
    let good = Array2::from_elem(SHAPE, 2e-3);
    folder.save("map.fits", &Image::cube(&[good.clone(), Array2::zeros(SHAPE)], &[("FREQ", 2)]));
    let ran = folder.deconv("--dirty cube.fits --psf psf.fits -o x --plots none --local-rms-image map.fits");
    assert!(ran.code == Some(1) && ran.err.contains("in plane 1 is above 0"), "{}", ran.err);
    // gaps are told, and are as loud as the loudest place
    let gappy = Array2::from_shape_fn(SHAPE, |(y, x)| match (y, x) {
        (20..45, 10..40) => 0.0,
        (_, 0..60) => 2e-3,
        _ => 2e-2,
    });
    folder.save("map.fits", &Image::new(&gappy));
    let words = "--plots none --algorithm clean --auto-mask 0 --auto-threshold 6 --local-rms-image map.fits";
    let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o gaps {words}"));
    assert!(
        ran.code == Some(0) && ran.err.contains("tells no noise for 750 of 11520 pixels (750 are 0)"),
        "{}",
        ran.err
    );
    let model = folder.products("gaps").model().plane(0);
    assert!(model[FAINT] == 0.0 && model[(70, 35)] > 0.3, "{} {}", model[FAINT], model[(70, 35)]);
}
