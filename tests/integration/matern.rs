//! Length and smoothness of the Matérn prior, found by the program.

use ndarray::Array2;
use serde_json::Value;

use crate::support::program::{Folder, Products};
use crate::support::sky;
use crate::wiener_noise::{coloured, folder, number, observe};

const SHAPE: (usize, usize) = (120, 108);
const SIGMA: f64 = 0.1;
const AUTO: &str = "--algorithm wiener --reg matern --matern-length auto --matern-nu auto --plots none";

/// A sky of length 5 pixels and smoothness 1.
fn drawn(seed: u64) -> Array2<f64> {
    let step = |k: usize, n: usize| 2.0 - 2.0 * (std::f64::consts::TAU * k as f64 / n as f64).cos();
    let penalty = |ky, kx| (1.0 + 0.5 * 25.0 * (step(ky, SHAPE.0) + step(kx, SHAPE.1))).powi(2);
    coloured(&sky::noise(SHAPE, 1.0, seed), |ky, kx| 1.0 / f64::sqrt(penalty(ky, kx)))
}

/// Its dirty image with uniform weights, a third of the uv cells empty.
fn observed() -> Folder {
    folder(&observe(0.0, SHAPE), (&drawn(3), SIGMA, 4)).0
}

fn found(products: &Products) -> (Value, Vec<f64>) {
    (products.summary()["planes"][0]["wiener"]["matern"].clone(), products.model().pixels)
}

#[test]
fn prior_of_the_greatest_likelihood_is_told_and_used_the_same_for_any_threads_and_chunks() {
    let folder = observed();
    let noise = "--noise-model file --noise-psf natural.fits";
    for boundary in ["circular", "linear"] {
        let words = format!("{AUTO} {noise} --boundary {boundary} --sigma {SIGMA}Jy --overwrite");
        let one = found(&folder.run("out", &format!("{words} --threads 1 --chunk full")));
        let [length, nu] = ["length_pixels", "nu"].map(|key| number(&one.0[key]));
        assert!((0.6..1.6).contains(&(length / 5.0)) && (0.5..2.0).contains(&nu), "{boundary}: {length} and {nu}");
        for cut in ["--threads 2 --chunk 9", "--scheduler processes --threads 2 --chunk 40"] {
            assert!(found(&folder.run("out", &format!("{words} {cut}"))) == one, "{boundary}: {cut}");
        }
        // to the digits of the flags, which are all
        let given = format!("{words} --matern-length {length} --matern-nu {nu}")
            .replace(AUTO, "--algorithm wiener --reg matern --plots none");
        let (told, pixels) = found(&folder.run("out", &given));
        assert!(told.is_null() && pixels == one.1, "{boundary}");
    }
}

#[test]
fn one_number_may_be_given_and_both_stand_in_the_picture() {
    let folder = observed();
    let words = format!("{} --noise-model white --boundary circular --lambda ml", AUTO.replace("none", "lambda"));
    let free = found(&folder.run("free", &words)).0;
    let half = found(&folder.run("half", &words.replace("--matern-nu auto", "--matern-nu 2.5"))).0;
    assert!(
        number(&half["nu"]).to_bits() == 2.5_f64.to_bits() && half["length_pixels"] != free["length_pixels"],
        "{half}"
    );
    assert!(folder.path("free-lambda.png").exists());
}

#[test]
fn what_has_no_likelihood_or_no_such_prior_is_refused() {
    let folder = observed();
    let cases = [
        ("--reg matern --matern-length auto --lambda gcv", "wiener.matern_length = auto needs a likelihood"),
        ("--reg matern --matern-nu auto --lambda 0.1", "expected wiener.lambda = ml, ml-sigma or auto, found given"),
        ("--matern-nu auto", "has no effect without"),
        ("--reg matern --matern-nu 0", "expected auto or a number from 0.1 to 10"),
    ];
    for (words, expected) in cases {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o bad --algorithm wiener {words}"));
        assert!(ran.code == Some(2) && ran.err.contains(expected), "{words}: {:?} {}", ran.code, ran.err);
    }
}
