//! Multiscale CLEAN in tiles: wide sources that lie across the seams, and several PSFs.

use ndarray::Array2;

use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (128, 144);
const NOISE: f64 = 2e-4;

/// A disc of 1 Jy where the corners of 2 x 2 and 4 x 4 tiles would be, one of 0.3 Jy across a seam, and points.
fn truth() -> Array2<f64> {
    let disc = |centre: (f64, f64), radius: f64| {
        let inside = |y: usize, x: usize| (y as f64 - centre.0).hypot(x as f64 - centre.1) <= radius;
        let disc = Array2::from_shape_fn(SHAPE, |(y, x)| f64::from(u8::from(inside(y, x))));
        &disc / disc.sum()
    };
    let mut sky = disc((64.0, 72.0), 14.0) + disc((32.0, 110.0), 7.0) * 0.3;
    sky[(100, 30)] += 0.05;
    sky[(60, 36)] += 0.02;
    sky
}

fn folder() -> Folder {
    let (folder, psf) = (Folder::new(), sky::wide_psf(SHAPE));
    folder.pair(&(sky::convolve_fast(&truth(), &psf, SHAPE) + sky::noise(SHAPE, NOISE, 3)), &psf);
    folder
}

fn run(folder: &Folder, words: &str) -> Products {
    folder.run("out", &format!("--overwrite --plots none --algorithm multiscale {words}"))
}

#[test]
fn wide_sources_across_seams_are_those_of_one_piece() {
    let folder = folder();
    for scales in ["0,8,16,32", "auto"] {
        let of = |tile: &str| {
            let products = run(&folder, &format!("--multiscale-scales {scales} --tile {tile}"));
            let rms = sky::rms(&products.residual().plane(0));
            (sky::total(&products.model().plane(0)), rms, products.restored().plane(0), products.reasons())
        };
        let (flux, rms, restored, _) = of("off");
        assert!((flux - 1.37).abs() < 0.01, "{scales}: {flux}");
        for tile in ["2x2", "4x4", "48"] {
            let tiled = of(tile);
            assert!((tiled.0 / flux - 1.0).abs() < 0.01, "{scales} {tile}: {} and {flux} Jy", tiled.0);
            assert!((tiled.1 / rms - 1.0).abs() < 0.02, "{scales} {tile}: residual rms {} and {rms}", tiled.1);
            let most = sky::max_abs(&(&tiled.2 - &restored));
            assert!(most < 4.0 * NOISE, "{scales} {tile}: restored images differ by {most:e}");
        }
    }
}

#[test]
fn bytes_of_tiles_are_the_same_for_any_schedule() {
    let folder = folder();
    let of = |words: &str| {
        let products = run(&folder, &format!("--tile 3x2 {words}"));
        [products.model(), products.residual(), products.restored()].map(|image| image.pixels)
    };
    let expected = of("--threads 1 --chunk full");
    for words in ["--threads 2 --chunk 19", "--threads 8 --chunk 40 --memory 44MiB", "--scheduler processes"] {
        assert!(of(words) == expected, "{words}");
    }
}

#[test]
fn points_alone_in_tiles_are_those_of_clean() {
    let folder = folder();
    let words = "--overwrite --plots none --tile 2x2 --algorithm";
    let clean = folder.run("clean", &format!("{words} clean"));
    let multiscale = folder.run("multiscale", &format!("{words} multiscale --multiscale-scales 0 --multiscale-trim 0"));
    assert!(clean.model().pixels == multiscale.model().pixels);
    assert_eq!(clean.reasons(), multiscale.reasons());
}

#[test]
fn limit_of_components_holds_over_all_tiles_together() {
    let folder = folder();
    for niter in [1, 7, 60] {
        let products = run(&folder, &format!("--tile 2x2 --niter {niter}"));
        let plane = &products.summary()["planes"][0];
        assert_eq!((plane["iterations"].as_u64(), products.reasons()[0].as_str()), (Some(niter), "iterations"));
        assert_eq!((plane["tiles"]["across"].as_u64(), plane["tiles"]["down"].as_u64()), (Some(2), Some(2)));
    }
}
