//! The same bytes for any number of threads and any chunk size.

use std::fs;

use ndarray::Array2;

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (150, 173);

fn plane(seed: u64) -> Array2<f64> {
    let points: Vec<sky::Point> = (0..12_u8)
        .map(f64::from)
        .map(|k| (12.0 + (k * 37.3) % 125.0, 15.0 + (k * 53.7) % 140.0, 1.0 / (k + 1.0)))
        .collect();
    let mut plane = sky::dirty(SHAPE, &points) + sky::noise(SHAPE, 2e-3, seed);
    plane[(3, 7)] = f64::NAN;
    plane
}

/// Data and header of a product; of the HISTORY what tells the command, chunks, threads and the date is left out.
fn essence(products: &Products, suffix: &str) -> (Vec<u64>, Vec<String>) {
    let image = Image::read(&products.file(suffix));
    let ways = ["compute.", "--chunk", "--threads", "DATE"];
    let cards = image.cards.into_iter().filter(|card| !ways.iter().any(|way| card.contains(way))).collect();
    (image.pixels.into_iter().map(f64::to_bits).collect(), cards)
}

fn outcome(products: &Products) -> Vec<serde_json::Value> {
    let planes = products.summary()["planes"].as_array().unwrap().clone();
    let timeless = |mut plane: serde_json::Value| {
        plane.as_object_mut().unwrap().remove("wall_s");
        plane
    };
    planes.into_iter().map(timeless).collect()
}

fn check(folder: &Folder, words: &str) {
    let all = |threads: &str, chunk: &str| {
        let products = folder.run("out", &format!("{words} --overwrite --threads {threads} --chunk {chunk}"));
        let files = ["model.fits", "residual.fits", "image.fits"].map(|suffix| essence(&products, suffix));
        (files, outcome(&products))
    };
    let expected = all("1", "auto");
    assert!(expected.0[0].0.iter().any(|bits| *bits << 1 != 0), "{words}: there is a model");
    for (threads, chunk) in [("2", "auto"), ("8", "auto"), ("1", "50"), ("8", "50"), ("2", "128"), ("3", "7")] {
        let found = all(threads, chunk);
        for (k, (found, expected)) in found.0.iter().zip(&expected.0).enumerate() {
            assert!(found.0 == expected.0, "{words}: pixels of product {k}, {threads} threads, chunk {chunk}");
            assert_eq!(found.1, expected.1, "{words}: header of product {k}, {threads} threads, chunk {chunk}");
        }
        assert_eq!(found.1, expected.1, "{words}: summary, {threads} threads, chunk {chunk}");
    }
}

#[test]
fn bytes_are_the_same_for_any_threads_and_chunks() {
    let folder = Folder::new();
    folder.pair(&plane(1), &sky::wide_psf(SHAPE));
    let scales = "--algorithm multiscale --multiscale-scales 0,10,21 --niter 2000";
    let tiles = ["--algorithm clean --tile 3x2", "--algorithm clark --tile 64"];
    for words in ["--algorithm clean", "--algorithm clark --niter 2000", "--algorithm hogbom --niter 300", scales]
        .into_iter()
        .chain(tiles)
    {
        check(&folder, words);
    }
}

#[test]
fn bytes_of_a_cube_are_the_same_however_its_planes_are_batched() {
    let folder = Folder::new();
    folder.save("dirty.fits", &Image::cube(&[plane(1), plane(2), plane(3)], &[("FREQ", 3)]));
    folder.save("psf.fits", &Image::new(&sky::wide_psf(SHAPE)));
    check(&folder, "--niter 2000");
}

#[test]
fn repeated_run_writes_the_same_files_but_for_times() {
    let folder = Folder::new();
    folder.pair(&plane(1), &sky::psf((101, 90), (50, 45)));
    let files = |products: &Products| {
        ["model.fits", "residual.fits", "image.fits"].map(|suffix| fs::read(products.file(suffix)).unwrap())
    };
    let first = files(&folder.run("out", "--niter 500 --overwrite"));
    assert!(first == files(&folder.run("out", "--niter 500 --overwrite")));
}
