//! Asp-CLEAN: what it owes beyond the contract of every algorithm.

use deconv::algorithms::PARAMS;
use ndarray::Array2;

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (96, 108);
const NOISE: f64 = 2e-4;

/// Two Gaussians of 1 and 0.4 Jy and a point.
fn truth() -> Array2<f64> {
    let gaussian = |centre: (f64, f64), sigma: f64| {
        let square = |y: usize, x: usize| (y as f64 - centre.0).powi(2) + (x as f64 - centre.1).powi(2);
        let plane = Array2::from_shape_fn(SHAPE, |(y, x)| (-0.5 * square(y, x) / (sigma * sigma)).exp());
        &plane / plane.sum()
    };
    let mut sky = gaussian((50.0, 48.0), 6.0) + gaussian((30.0, 84.0), 3.0) * 0.4;
    sky[(76, 30)] += 0.05;
    sky
}

fn folder() -> Folder {
    let (folder, psf) = (Folder::new(), sky::wide_psf(SHAPE));
    folder.pair(&(sky::convolve_fast(&truth(), &psf, SHAPE) + sky::noise(SHAPE, NOISE, 5)), &psf);
    folder
}

fn run(folder: &Folder, name: &str, words: &str) -> Products {
    folder.run(name, &format!("--overwrite --plots none --algorithm asp {words}"))
}

fn pixels(products: &Products) -> [Vec<u64>; 3] {
    [products.model(), products.residual(), products.restored()]
        .map(|image| image.pixels.into_iter().map(f64::to_bits).collect())
}

#[test]
fn gaussians_are_found_with_their_flux_and_nearer_to_the_truth_than_points() {
    let folder = folder();
    let asp = run(&folder, "asp", "");
    let clean = folder.run("clean", "--plots none --algorithm clean");
    let flux = sky::total(&asp.model().plane(0));
    assert!((flux / 1.45 - 1.0).abs() < 0.03, "{flux}");
    let misfit = |products: &Products| sky::rms(&(products.model().plane(0) - truth()));
    assert!(misfit(&asp) < 0.5 * misfit(&clean), "{} and {}", misfit(&asp), misfit(&clean));
    let rms = sky::rms(&asp.residual().plane(0));
    assert!(rms < 1.1 * NOISE, "{rms}");
}

#[test]
fn every_flag_of_asp_changes_a_product() {
    let folder = folder();
    let values = [("asp-gain", ["0.3", "0.6"]), ("asp-largest-scale", ["0", "8"])];
    for param in PARAMS.iter().filter(|param| param.table == "asp") {
        let (_, [one, other]) = values.iter().find(|(flag, _)| *flag == param.flag).expect("it is covered");
        let of = |value: &str| pixels(&run(&folder, "out", &format!("--{} {value}", param.flag)));
        assert!(of(one) != of(other), "--{} {one} and {other} give the same", param.flag);
    }
}

#[test]
fn without_widths_it_finds_the_points_of_clean() {
    let folder = folder();
    let words = "--auto-mask 0 --auto-threshold 5";
    let asp = run(&folder, "asp", &format!("--asp-largest-scale 0 {words}"));
    let clean = folder.run("clean", &format!("--plots none --algorithm clean {words}"));
    let misfit = sky::max_abs(&(asp.restored().plane(0) - clean.restored().plane(0)));
    assert!(misfit < 5.0 * NOISE, "{misfit}");
}

#[test]
fn bytes_are_the_same_for_any_schedule() {
    let folder = folder();
    let one = pixels(&run(&folder, "one", "--threads 1"));
    for words in ["--threads 2 --chunk 16", "--threads 8 --chunk 7", "--threads 2 --memory 80MiB"] {
        assert!(pixels(&run(&folder, "other", words)) == one, "{words}");
    }
}

#[test]
fn lists_tell_gaussians_and_give_the_model_back() {
    let folder = folder();
    let products = run(&folder, "out", "--save-components csv,wsclean");
    let highest = sky::max_abs(&products.model().plane(0));
    for list in ["out-components.csv", "out-sources.txt"] {
        let text = std::fs::read_to_string(folder.path(list)).unwrap();
        assert!(text.to_lowercase().contains("gaussian"), "{list}");
        let words =
            format!("restore --components {list} --residual out-residual.fits --psf psf.fits -o back --overwrite");
        let ran = folder.deconv(&words);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let misfit = sky::max_abs(&(folder.products("back").model().plane(0) - products.model().plane(0)));
        assert!(misfit < 2e-6 * highest, "{list}: {misfit} of {highest}");
    }
}

#[test]
fn what_it_does_not_know_is_refused_before_any_work() {
    let folder = folder();
    folder.save("noise.fits", &Image::new(&Array2::from_elem(SHAPE, NOISE)));
    for (words, needle) in [
        ("--psf psf.fits --tile 2x2", "--tile"),
        ("--psf psf.fits --local-rms", "--local-rms"),
        ("--psf psf.fits --local-rms-image noise.fits", "--local-rms-image"),
        ("--psf-grid psf.fits", "--psf-grid"),
        ("--psf psf.fits --multiscale-scales 0,8", "--multiscale-scales"),
    ] {
        let before = folder.listing();
        let ran = folder.deconv(&format!("--dirty dirty.fits -o out --algorithm asp {words}"));
        assert!(ran.code.is_some_and(|code| code == 1 || code == 2), "{words}: {:?}\n{}", ran.code, ran.err);
        assert!(ran.err.contains(needle) && ran.err.contains("asp"), "{words}\n{}", ran.err);
        assert!(folder.listing() == before, "{words}");
    }
}
