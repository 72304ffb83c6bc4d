//! What Wiener-Hunt tells beside its estimate: the posterior of lambda, uncertainty, criteria.

use std::fs;

use ndarray::Array2;
use rustfft::num_complex::Complex;
use serde_json::Value;

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;
use crate::wiener::{apply, penalty, psf, size_of, transfer};

const SHAPE: (usize, usize) = (64, 48);

fn folder() -> Folder {
    let folder = Folder::new();
    let dirty = sky::dirty(SHAPE, &[(20.0, 15.0, 1.0), (43.0, 30.0, 0.4)]) + sky::noise(SHAPE, 2e-2, 1);
    folder.pair(&dirty, &sky::wide_psf(SHAPE));
    folder
}

fn told(products: &Products) -> Value {
    products.summary()["planes"][0]["wiener"].clone()
}

/// The text of a table without its heading, cell by cell.
fn table(folder: &Folder, name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(folder.path(name)).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn chains_give_the_same_bytes_for_any_threads_and_chunks() {
    let folder = folder();
    let words = "--algorithm wiener --noise-model white --reg gradient --hyper gibbs --uncertainty sd --plots hyper,uncertainty";
    let mut seen = Vec::new();
    for (index, cut) in
        ["--threads 1 --chunk full", "--threads 2 --chunk 7", "--threads 8 --chunk 20", "--scheduler processes"]
            .iter()
            .enumerate()
    {
        let products = folder.run(&format!("out{index}"), &format!("{words} {cut}"));
        let tables =
            ["hyper", "uncertainty"].map(|name| fs::read(folder.path(&format!("out{index}-{name}.csv"))).unwrap());
        seen.push((products.model().pixels, tables, told(&products)));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    let chains = &seen[0].2["hyper"]["chains"];
    assert_eq!(chains["converged"], true, "{chains}");
    let other = folder.run("other", &format!("{words} --seed 1"));
    assert_ne!(told(&other)["posterior"], seen[0].2["posterior"]);
}

#[test]
fn marginal_posterior_and_chains_agree_and_give_nearly_the_model_of_the_point() {
    let folder = folder();
    let words = "--algorithm wiener --noise-model white --reg gradient --boundary circular --plots none --hyper";
    let [point, marginal, gibbs] = ["point", "marginal", "gibbs"].map(|how| folder.run(how, &format!("{words} {how}")));
    let log = |products: &Products| told(products)["posterior"]["log_lambda"].clone();
    let number = |value: &Value| value.as_f64().unwrap();
    let (exact, found) = (log(&marginal), log(&gibbs));
    assert!((number(&exact["mean"]) - number(&found["mean"])).abs() < 0.4 * number(&exact["sd"]), "{exact} {found}");
    assert_eq!(told(&point)["hyper"], Value::Null);
    assert_eq!(told(&marginal)["hyper"]["method"], "marginal");
    let largest = point.model().pixels.iter().copied().fold(0.0, f64::max);
    for other in [marginal, gibbs] {
        let pixels = other.model().pixels;
        let off = point.model().pixels.iter().zip(&pixels).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off > 0.0 && off < 0.05 * largest, "{off} of {largest}");
    }
}

#[test]
fn chain_that_does_not_converge_says_so_and_leaves_the_marginal_posterior() {
    let folder = folder();
    let words = "--algorithm wiener --noise-model white --reg gradient --plots none";
    let short = folder
        .deconv(&format!("--dirty dirty.fits --psf psf.fits -o short {words} --hyper gibbs --gibbs-iterations 12"));
    assert_eq!(short.code, Some(0), "{}", short.err);
    assert!(short.err.contains("did not converge in 12 iterations"), "{}", short.err);
    let (short, marginal) = (folder.products("short"), folder.run("marginal", &format!("{words} --hyper marginal")));
    assert_eq!(told(&short)["hyper"]["method"], "marginal");
    assert_eq!(told(&short)["hyper"]["chains"]["converged"], false);
    assert_eq!(told(&short)["posterior"], told(&marginal)["posterior"]);
    assert!(short.model().pixels == marginal.model().pixels);
}

#[test]
fn lambda_plot_has_every_criterion_and_marks_the_choice_of_the_run() {
    let folder = folder();
    let products = folder.run("out", "--algorithm wiener --noise-model white --lambda gcv --plots lambda");
    assert!(fs::metadata(folder.path("out-lambda.png")).unwrap().len() > 1000);
    let rows = table(&folder, "out-lambda.csv");
    let chosen = |rule: &str| {
        let row = rows.iter().find(|row| row.last().unwrap() == rule).unwrap();
        row[1].parse::<f64>().unwrap()
    };
    let lambda = told(&products)["lambda"].as_f64().unwrap();
    assert!((chosen("gcv") / lambda - 1.0).abs() < 0.01, "{} for {lambda}", chosen("gcv"));
    for rule in ["ml", "ml-sigma", "sure", "discrepancy"] {
        assert!(chosen(rule) > 0.0, "{rule}");
    }
    let criteria = rows.iter().filter(|row| row.last().unwrap().is_empty());
    assert!(criteria.clone().count() > 20);
    assert!(criteria.flat_map(|row| &row[1..9]).all(|cell| cell.parse::<f64>().is_ok_and(f64::is_finite)));
}

#[test]
fn level_image_of_no_noise_is_filtered_by_the_lambda_that_is_given() {
    let folder = Folder::new();
    folder.pair(&Array2::ones((32, 32)), &sky::wide_psf((32, 32)));
    let run = folder.run("out", "--algorithm wiener --lambda 0.3 --overwrite");
    assert!(run.model().pixels.iter().any(|value| *value != 0.0));
    assert!(!folder.path("out-lambda.png").exists(), "no criterion without a noise");
}

#[test]
fn lambda_that_is_given_is_marked_among_the_criteria_and_its_model_is_the_same_without_them() {
    let folder = folder();
    for boundary in ["circular", "linear"] {
        let words =
            format!("--algorithm wiener --noise-model white --boundary {boundary} --lambda 0.3 --overwrite --plots");
        let [plain, drawn] = ["none", "lambda"].map(|plots| folder.run(plots, &format!("{words} {plots}")));
        assert!(plain.model().pixels == drawn.model().pixels, "{boundary}");
        assert_eq!(told(&plain), told(&drawn));
        assert!(!folder.path("none-lambda.png").exists() && folder.path("lambda-lambda.png").exists());
        let rows = table(&folder, "lambda-lambda.csv");
        let lambdas: Vec<f64> = rows.iter().map(|row| row[1].parse().unwrap()).collect();
        assert!(lambdas.len() > 20 && lambdas.iter().any(|lambda| *lambda < 0.3) && lambdas.iter().any(|l| *l > 0.3));
        let told = folder.deconv("wiener --curve");
        assert!(told.code == Some(2) && told.err.contains("--plots lambda"), "{}", told.err);
    }
}

#[test]
fn flags_that_need_others_are_refused_without_them() {
    let folder = folder();
    for (words, expected) in [
        ("--gibbs-iterations 100", "--gibbs-iterations has no effect without --hyper gibbs"),
        ("--uncertainty-samples 9", "--uncertainty-samples has no effect without --uncertainty map"),
        ("--seed 4", "--seed has no effect without"),
        ("--matern-length 4", "--matern-length has no effect without --reg matern"),
        ("--hyper gibbs --lambda gcv", "wiener.hyper = gibbs needs a likelihood of lambda"),
        ("--hyper marginal --lambda 0.1", "expected wiener.lambda = ml, ml-sigma or auto, found given"),
    ] {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o out --algorithm wiener {words}"));
        assert!(ran.code != Some(0) && ran.err.contains(expected), "{words}: {}", ran.err);
    }
}

#[test]
fn standard_deviation_grows_with_the_noise_and_its_spectrum_adds_up() {
    let folder = folder();
    let sd = |name: &str, sigma: &str| {
        let words = format!("--algorithm wiener --boundary circular --lambda 0.1 --sigma {sigma} --uncertainty sd");
        let uncertainty = told(&folder.run(name, &format!("{words} --plots uncertainty")))["uncertainty"].clone();
        uncertainty["sd_all"].as_f64().unwrap()
    };
    let (low, high) = (sd("low", "1mJy"), sd("high", "3mJy"));
    assert!((high / low - 3.0).abs() < 1e-6, "lambda and the noise are given: {low}, {high}");
    let cell = |row: &[String], index: usize| row[index].parse::<f64>().unwrap_or(0.0);
    let rows = table(&folder, "low-uncertainty.csv");
    let power = |row: &Vec<String>| {
        let (modes, measured) = (cell(row, 2), cell(row, 3));
        measured * cell(row, 4).powi(2) + (modes - measured) * cell(row, 5).powi(2)
    };
    let (sum, modes) = (rows.iter().map(power).sum::<f64>(), rows.iter().map(|row| cell(row, 2)).sum::<f64>());
    assert_eq!(modes as usize, SHAPE.0 * SHAPE.1);
    assert!(((sum / modes).sqrt() / low - 1.0).abs() < 1e-6);
}

/// The inverse of a symmetric, positive definite matrix (Gauss and Jordan, without pivots).
fn inverse(mut matrix: Array2<f64>) -> Array2<f64> {
    let n = matrix.nrows();
    let mut result = Array2::eye(n);
    for pivot in 0..n {
        let scale = 1.0 / matrix[(pivot, pivot)];
        matrix.row_mut(pivot).mapv_inplace(|value| value * scale);
        result.row_mut(pivot).mapv_inplace(|value| value * scale);
        let (of_matrix, of_result) = (matrix.row(pivot).to_owned(), result.row(pivot).to_owned());
        for row in (0..n).filter(|row| *row != pivot) {
            let factor = matrix[(row, pivot)];
            matrix.row_mut(row).scaled_add(-factor, &of_matrix);
            result.row_mut(row).scaled_add(-factor, &of_result);
        }
    }
    result
}

#[test]
fn map_of_the_standard_deviation_is_that_of_the_dense_posterior_at_edges_and_blanks() {
    const LAMBDA: f64 = 0.05;
    const SIGMA: f64 = 0.02;
    let (shape, psf) = ((16, 14), psf((32, 28), 0.7));
    let mut dirty = sky::noise(shape, 1.0, 3);
    dirty[(8, 7)] = f64::NAN;
    let folder = Folder::new();
    folder.pair(&dirty, &psf.mapv(f64::from));
    let words = "--algorithm wiener --noise-model white --lambda 0.05 --sigma 20mJy --plots none --uncertainty map";
    let products = folder.run("out", &format!("{words} --uncertainty-samples 400"));
    let found = Image::read(&products.file("sd.fits"));
    assert_eq!(found.text("BUNIT").as_deref(), Some("Jy/pixel"));
    let size = size_of(shape, &psf, false);
    let h = transfer(&psf, shape, size);
    let seen: Vec<(usize, usize)> =
        dirty.indexed_iter().filter(|(_, value)| value.is_finite()).map(|(at, _)| at).collect();
    let column = |at: &(usize, usize)| {
        let mut unit = Array2::zeros(shape);
        unit[*at] = 1.0;
        let mut image = apply(&unit, size, |ky, kx| h[(ky, kx)]);
        // blank pixels are not observed
        image[(8, 7)] = 0.0;
        let prior = apply(&unit, size, |ky, kx| Complex::from(LAMBDA * penalty((ky, kx), size)));
        let image = apply(&image, size, |ky, kx| h[(ky, kx)].conj()) + prior;
        seen.iter().map(|at| image[*at]).collect::<Vec<f64>>()
    };
    let columns: Vec<f64> = seen.iter().flat_map(column).collect();
    let exact = inverse(Array2::from_shape_vec((seen.len(), seen.len()), columns).unwrap());
    let pixels = found.plane(0);
    let ratios: Vec<f64> =
        seen.iter().enumerate().map(|(i, at)| pixels[*at] / (SIGMA * exact[(i, i)].sqrt())).collect();
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    // 400 samples scatter by 1/sqrt(800) = 3.5 % in each pixel
    assert!((mean - 1.0).abs() < 0.02, "{mean}");
    let worst = ratios.iter().map(|ratio| (ratio - 1.0).abs()).fold(0.0, f64::max);
    assert!(worst < 5.0 / 800.0_f64.sqrt(), "{worst}");
    assert!(pixels[(8, 7)].is_nan(), "blank as in the dirty image");
    let sd = |at: (usize, usize)| {
        let i = seen.iter().position(|seen| *seen == at).unwrap();
        exact[(i, i)].sqrt()
    };
    assert!((sd((0, 0)) / sd((4, 4)) - 1.0).abs() > 0.01, "the corner is another case: {} {}", sd((0, 0)), sd((4, 4)));
}

#[test]
fn map_with_the_circular_boundary_is_one_number_and_samples_do_not_depend_on_the_cut() {
    let folder = folder();
    let words = "--algorithm wiener --noise-model white --reg gradient --plots none --uncertainty map";
    let circular = folder.run("circular", &format!("{words} --boundary circular"));
    let sd = told(&circular)["uncertainty"]["sd"].as_f64().unwrap();
    let map = Image::read(&circular.file("sd.fits"));
    assert!(map.pixels.iter().all(|pixel| (pixel / sd - 1.0).abs() < 1e-6));
    let refused = folder.deconv(&format!(
        "--dirty dirty.fits --psf psf.fits -o no {words} --boundary circular --uncertainty-samples 4"
    ));
    assert!(refused.err.contains("--uncertainty-samples has no effect with --boundary circular"), "{}", refused.err);
    let sampled = |name: &str, cut: &str| {
        let products = folder.run(name, &format!("{words} --uncertainty-samples 5 {cut}"));
        fs::read(products.file("sd.fits")).unwrap()[5760..].to_vec()
    };
    let one = sampled("one", "--threads 1 --chunk full");
    let pixels = |bytes: &[u8]| bytes[bytes.len() - 2880 * 5..].to_vec();
    assert!(pixels(&one) == pixels(&sampled("two", "--threads 2 --chunk 9")));
    assert!(pixels(&one) != pixels(&sampled("other", "--seed 5")));
    let linear = Image::read(&folder.products("one").file("sd.fits"));
    let mean = linear.pixels.iter().sum::<f64>() / linear.pixels.len() as f64;
    assert!((mean / sd - 1.0).abs() < 0.3, "{mean} for {sd} without edges");
}

#[test]
fn effective_resolution_is_the_closed_form_of_an_identity_psf_and_the_beam_of_a_wide_one() {
    let mut psf = Array2::zeros(SHAPE);
    psf[(32, 24)] = 1.0;
    let folder = Folder::new();
    folder.pair(&sky::noise(SHAPE, 1.0, 2), &psf);
    let words = "--algorithm wiener --noise-model white --plots none --effective-resolution";
    let products = folder.run("identity", &format!("{words} --boundary circular --reg identity --lambda 0.25"));
    let response = Image::read(&products.file("resolution.fits")).plane(0);
    for ((y, x), value) in response.indexed_iter() {
        let expected = if (y, x) == (32, 24) { 0.8 } else { 0.0 };
        assert!((value - expected).abs() < 1e-6, "({y}, {x}): {value}");
    }
    for boundary in ["linear", "circular"] {
        let field = self::folder();
        let with = |name: &str, lambda: f64| {
            let products = field.run(name, &format!("{words} --boundary {boundary} --lambda {lambda}"));
            let told = told(&products)["resolution"].clone();
            let header = Image::read(&products.file("resolution.fits")).number("BMAJ");
            assert!((header.unwrap() / told["beam"]["bmaj"].as_f64().unwrap() - 1.0).abs() < 1e-6, "{told}");
            told
        };
        let (sharp, smooth) = (with("sharp", 0.01), with("smooth", 10.0));
        let major = |told: &Value| told["pixels"][0].as_f64().unwrap();
        assert!(major(&sharp) < major(&smooth), "{boundary}: {sharp} {smooth}");
        assert!(sharp["peak"].as_f64().unwrap() > smooth["peak"].as_f64().unwrap());
    }
}
