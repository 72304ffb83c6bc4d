//! The convex solver through the whole application.

use std::process::{Command, Stdio};
use std::time::Duration;

use deconv::algorithms::StopReason;
use deconv::graph::Cancel;
use ndarray::Array2;

use crate::fields::{Field, Result};
use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

pub(crate) const SHAPE: (usize, usize) = (96, 110);
/// Rounding of the transforms in 32 bits, in units of the dirty peak.
const ROUNDING: f64 = 2e-6;
const NOISE: f64 = 2e-3;

/// Points on and between pixels.
const POINTS: [sky::Point; 4] = [(20.0, 30.0, 1.0), (70.4, 32.7, 0.5), (51.5, 80.25, 0.8), (80.0, 90.0, 0.1)];

/// Noise of the spectrum of the PSF: white noise seen through its beam.
fn seen_noise(shape: (usize, usize), sigma: f64) -> Array2<f64> {
    let seen = sky::convolve_fast(&sky::noise(shape, 1.0, 11), &sky::wide_psf(shape), shape);
    let rms = sky::rms(&seen);
    seen * (sigma / rms)
}

fn narrow(image: &Array2<f64>) -> Array2<f32> {
    image.mapv(|value| value as f32)
}

/// A Gaussian of unit sum and this standard deviation \[pixels\] at `(y, x)`.
fn blob((ny, nx): (usize, usize), (y, x): (f64, f64), sigma: f64) -> Array2<f64> {
    let image = Array2::from_shape_fn((ny, nx), |(row, column)| {
        (-((row as f64 - y).powi(2) + (column as f64 - x).powi(2)) / (2.0 * sigma * sigma)).exp()
    });
    let sum = image.sum();
    image / sum
}

/// Points and a blob of 3 Jy, and their dirty image with noise.
fn mixed() -> (Array2<f64>, Array2<f64>) {
    let mut truth = blob(SHAPE, (45.0, 50.0), 6.0) * 3.0;
    for (y, x, flux) in POINTS {
        truth[(y as usize, x as usize)] += flux;
    }
    let dirty = sky::convolve_fast(&truth, &sky::wide_psf(SHAPE), SHAPE) + seen_noise(SHAPE, NOISE);
    (truth, dirty)
}

pub(crate) fn folder() -> Folder {
    let folder = Folder::new();
    folder.pair(&mixed().1, &sky::wide_psf(SHAPE));
    folder
}

fn field() -> Field {
    Field::new(&[narrow(&mixed().1)], &narrow(&sky::wide_psf(SHAPE)))
}

fn config(convex: &str, rest: &str) -> String {
    format!("algorithm = 'convex'\n[convex]\n{convex}\n{rest}\n")
}

fn misfit(result: &Result, dirty: &Array2<f64>, psf: &Array2<f64>) -> f64 {
    let model = result.model[0].mapv(f64::from);
    let centre = (psf.nrows() / 2, psf.ncols() / 2);
    let expected = narrow(dirty).mapv(f64::from) - sky::convolve_fast(&model, psf, centre);
    sky::max_abs(&(expected - result.residual[0].mapv(f64::from)))
}

#[test]
fn optimum_holds_its_conditions_against_the_exact_residual() {
    let (_, dirty) = mixed();
    // a PSF of the image's size ends with a step: its transfer function is negative in places
    for (psf, is_cut) in [(sky::wide_psf(SHAPE), false), (sky::psf(SHAPE, (SHAPE.0 / 2, SHAPE.1 / 2)), true)] {
        let field = Field::new(&[narrow(&dirty)], &narrow(&psf));
        let result = field.run(&config("iterations = 600\nreweights = 0", "[multiscale]\nscales = '0'"));
        assert!(misfit(&result, &dirty, &psf) < ROUNDING);
        let plane = &result.outcome.planes[0];
        assert!(matches!(plane.stop, StopReason::Settled { .. }), "{:?}", plane.stop);
        let threshold = 4.0 * plane.convex.as_ref().expect("a record of the solver").noise[0];
        // a change of 3e-4 in an iteration leaves a few pixels that are not there yet
        let (mut late, mut worst) = (0, 0.0_f64);
        for (x, r) in result.model[0].iter().zip(&result.residual[0]) {
            let r = f64::from(*r) / threshold;
            let error = if *x == 0.0 { r.abs() - 1.0 } else { (r - f64::from(x.signum())).abs() };
            worst = worst.max(error);
            late += u32::from(error > 0.05);
        }
        let gap = plane.convex.as_ref().expect("a record of the solver").gap;
        assert!(worst < 0.3 && late <= 30, "{late} pixels are off by 5 % of the threshold, the worst by {worst:.3}");
        // of a PSF that was cut some modes are left out, which the gap does not tell of
        let left_out = if is_cut { 0.2 } else { 0.0 };
        assert!(worst < gap + left_out + 0.03 && gap < 0.1, "told is a gap of {gap:.3}, the worst is {worst:.3}");
    }
}

#[test]
fn fluxes_fitted_on_the_support_have_lost_what_thresholds_took() {
    let psf = sky::wide_psf(SHAPE);
    let mut truth = Array2::zeros(SHAPE);
    truth[(40, 50)] = 1.0;
    let dirty = sky::convolve_fast(&truth, &psf, SHAPE) + seen_noise(SHAPE, NOISE);
    let field = Field::new(&[narrow(&dirty)], &narrow(&psf));
    let flux = |debias: bool| {
        let words = format!("kappa = 12\nreweights = 0\niterations = 400\ndebias = {debias}");
        let result = field.run(&config(&words, "[multiscale]\nscales = '0'"));
        assert!(misfit(&result, &dirty, &psf) < ROUNDING);
        assert_eq!(result.outcome.planes[0].convex.as_ref().map(|convex| convex.debiased), Some(debias));
        f64::from(result.model[0].sum())
    };
    let (biased, fitted) = (1.0 - flux(false), 1.0 - flux(true));
    assert!(biased > 8.0 * NOISE && biased < 16.0 * NOISE, "by its threshold: {biased:e}");
    assert!(fitted.abs() < 3.0 * NOISE, "{fitted:e}");
}

#[test]
fn any_number_of_threads_and_any_chunk_give_the_same_bytes() {
    let field = field();
    let run = |prior: &str, threads: usize, chunk: &str| {
        let compute = format!("[compute]\nthreads = {threads}\nchunk = {chunk}");
        let result = field.run(&config(&format!("prior = '{prior}'\niterations = 17\nreweights = 1"), &compute));
        let change = result.outcome.planes[0].convex.as_ref().map(|convex| convex.change.to_bits());
        (result.model, result.residual, result.restored, change)
    };
    for prior in ["atoms", "huber", "tv", "starlet", "mixed"] {
        let whole = run(prior, 1, "'auto'");
        for (threads, chunk) in [(2, "'auto'"), (8, "7"), (1, "16"), (2, "33")] {
            assert!(run(prior, threads, chunk) == whole, "{prior}, {threads} threads, chunk {chunk}");
        }
    }
}

#[test]
fn other_priors_leave_no_negative_pixel_and_come_nearer_to_the_truth_than_the_dirty_image() {
    let (truth, dirty) = mixed();
    for prior in ["huber", "tv", "starlet"] {
        let result = field().run(&config(&format!("prior = '{prior}'"), ""));
        assert!(misfit(&result, &dirty, &sky::wide_psf(SHAPE)) < ROUNDING, "{prior}");
        let model = result.model[0].mapv(f64::from);
        assert!(model.iter().all(|value| *value >= 0.0) && model.iter().any(|value| *value == 0.0), "{prior}");
        let flux = sky::total(&model) / sky::total(&truth);
        // points between pixels, with neighbours that may not be negative: the pedestal that 12.4b tells of
        assert!((flux - 1.0).abs() < 0.15, "{prior}: flux {flux:.3} of the truth");
        let left = sky::rms(&result.residual[0].mapv(f64::from));
        assert!(left < 3.0 * NOISE && left > 0.5 * NOISE, "{prior}: residual of {left:e}");
    }
}

#[test]
fn points_on_a_smooth_map_are_found_with_their_flux() {
    let (truth, dirty) = mixed();
    let psf = sky::wide_psf(SHAPE);
    let seen = |image: &Array2<f64>| sky::convolve_fast(image, &blob((41, 41), (20.0, 20.0), 1.5), SHAPE);
    for (positive, most) in [(false, 0.02), (true, 0.07)] {
        let result = field().run(&config(&format!("prior = 'mixed'\npositive = {positive}"), ""));
        assert!(misfit(&result, &dirty, &psf) < ROUNDING, "{positive}");
        let model = result.model[0].mapv(f64::from);
        // the map is transformed once more: its zeros are rounded
        assert_eq!(model.iter().any(|value| *value < -ROUNDING), !positive);
        let error = sky::rms(&seen(&(&model - &truth))) / sky::rms(&seen(&truth));
        let flux = sky::total(&model) / sky::total(&truth);
        assert!(error < 0.03 && (flux - 1.0).abs() < most, "positive {positive}: error {error:.4}, flux {flux:.4}");
        let left = sky::rms(&result.residual[0].mapv(f64::from));
        // what is smooth of the noise goes into the map, which costs a quarter of what points do
        assert!(left < 1.2 * NOISE && left > 0.4 * NOISE, "residual of {left:e}");
    }
}

#[test]
fn model_that_is_given_stays_and_its_residual_is_solved() {
    let (truth, dirty) = mixed();
    let folder = folder();
    let bright = folder.run("bright", "--algorithm clean --auto-threshold 30");
    let given = bright.model().plane(0);
    assert!(given.iter().any(|value| *value != 0.0));
    let nothing = folder.run("nothing", "--algorithm convex --kappa 1e6 --continue bright-model.fits");
    assert_eq!(nothing.model().plane(0), given, "nothing is added");
    let left = &nothing.residual().plane(0) - &bright.residual().plane(0);
    assert!(sky::max_abs(&left) < 2.0 * ROUNDING, "{:e}", sky::max_abs(&left));
    for prior in ["atoms", "tv"] {
        let words = format!("--algorithm convex --prior {prior} --continue bright-model.fits --overwrite");
        let hybrid = folder.run("hybrid", &words);
        let (model, residual) = (hybrid.model().plane(0), hybrid.residual().plane(0));
        let expected = &dirty - &sky::convolve_fast(&model, &sky::wide_psf(SHAPE), SHAPE);
        assert!(
            sky::max_abs(&(expected - &residual)) < 2.0 * ROUNDING,
            "{prior}: the residual is that of the whole model"
        );
        assert!(sky::rms(&residual) < 1.5 * NOISE, "{prior}: {:e}", sky::rms(&residual));
        let flux = |model: &Array2<f64>| (sky::total(model) / sky::total(&truth) - 1.0).abs();
        assert!(flux(&model) < 0.06 && flux(&model) < flux(&given), "{prior}: {:.3} off", flux(&model));
    }
}

#[test]
fn circular_boundary_keeps_what_wraps_around() {
    let (_, dirty) = mixed();
    let folder = folder();
    let products = folder.run("out", "--algorithm convex --boundary circular --iterations 20");
    let (model, residual) = (products.model().plane(0), products.residual().plane(0));
    let wide = sky::wide_psf(SHAPE);
    let (cy, cx) = SHAPE;
    let wrapped = Array2::from_shape_fn(SHAPE, |(y, x)| {
        let sources = model.indexed_iter().filter(|(_, flux)| **flux != 0.0);
        sources
            .map(|((v, u), flux)| {
                let lags = |to: usize, from: usize, n: usize, c: usize| {
                    let lag = (to + n - from) % n;
                    [c + lag, c + lag - n]
                };
                let rows = lags(y, v, SHAPE.0, cy);
                let columns = lags(x, u, SHAPE.1, cx);
                let all = rows.iter().flat_map(|row| columns.iter().map(move |column| (*row, *column)));
                flux * all.filter_map(|at| wide.get(at)).sum::<f64>()
            })
            .sum::<f64>()
    });
    let misfit = sky::max_abs(&(narrow(&dirty).mapv(f64::from) - wrapped - residual));
    assert!(misfit < 4.0 * ROUNDING, "{misfit:e}");
}

#[test]
fn thresholds_above_the_peak_leave_the_dirty_image() {
    let (_, dirty) = mixed();
    let result = field().run(&config("kappa = 1e5", ""));
    assert!(result.model[0].iter().all(|value| *value == 0.0));
    assert_eq!(result.residual[0], narrow(&dirty));
    let StopReason::Settled { iterations, .. } = result.outcome.planes[0].stop else {
        panic!("{:?}", result.outcome.planes[0].stop)
    };
    assert!(iterations <= 100, "nothing is left to do: {iterations}");
}

#[test]
fn points_between_pixels_and_a_blob_come_nearer_to_the_truth_than_by_clean() {
    let (truth, dirty) = mixed();
    let folder = folder();
    // at a round beam as wide as that of the PSF
    let beam = blob(SHAPE, (48.0, 55.0), 1.4);
    let beam = &beam / beam[(48, 55)];
    let at_beam = |image: &Array2<f64>| sky::convolve_fast(image, &beam, (48, 55));
    let truth_seen = at_beam(&truth);
    let error = |products: &Products| sky::rms(&(at_beam(&products.model().plane(0)) - &truth_seen)) / NOISE;
    let convex = folder.run("convex", "--algorithm convex");
    let (ours, clean) = (error(&convex), error(&folder.run("clean", "--algorithm clean")));
    assert!(ours < 0.8 * clean, "{ours:.2} noise, clean {clean:.2}");
    let flux = sky::total(&convex.model().plane(0)) / sky::total(&truth);
    assert!((flux - 1.0).abs() < 0.03, "flux {flux:.4} of the truth");
    let residual = convex.residual().plane(0);
    assert!(sky::rms(&residual) < 1.2 * NOISE && sky::rms(&residual) > 0.5 * NOISE, "{:e}", sky::rms(&residual));
    assert!(sky::max_abs(&residual) < 0.02 * sky::max_abs(&dirty));
}

#[test]
fn blanks_hold_no_model_and_take_none_of_their_neighbours() {
    let (_, mut dirty) = mixed();
    dirty.slice_mut(ndarray::s![40..44, 60..110]).fill(f64::NAN);
    let folder = Folder::new();
    folder.pair(&dirty, &sky::wide_psf(SHAPE));
    let products = folder.run("out", "--algorithm convex --iterations 60");
    let (model, residual) = (products.model().plane(0), products.residual().plane(0));
    for ((y, x), value) in dirty.indexed_iter() {
        let written = (model[(y, x)], residual[(y, x)]);
        assert_eq!(value.is_nan(), written.0.is_nan() && written.1.is_nan(), "({y}, {x}): {written:?}");
    }
    let left = residual.iter().filter(|value| value.is_finite()).fold(0.0_f64, |most, value| most.max(value.abs()));
    assert!(left < 0.1, "{left}");
}

#[test]
fn every_flag_changes_a_product() {
    let folder = folder();
    let pixels = |words: &str| {
        let products = folder.run("out", &format!("--overwrite --algorithm convex --iterations 50 {words}"));
        (products.model().pixels, products.restored().pixels)
    };
    let usual = pixels("");
    for words in [
        "--kappa 5",
        "--prior huber",
        "--prior tv",
        "--prior starlet",
        "--boundary circular",
        "--iterations 45",
        "--reweights 0",
        "--positive",
        "--multiscale-scales 0,9",
        "--multiscale-max-scales 1",
    ] {
        let words = if words.starts_with("--iterations") { "--reweights 2 --kappa 4 --iterations 45" } else { words };
        let other = if words.contains("--iterations") {
            let products = folder.run("out", &format!("--overwrite --algorithm convex {words}"));
            (products.model().pixels, products.restored().pixels)
        } else {
            pixels(words)
        };
        assert!(other != usual, "{words} changes nothing");
    }
}

/// A PSF with a ring of negative sidelobes as deep as its peak: its transfer function is far from positive.
fn ringed() -> Folder {
    let folder = Folder::new();
    let dirty = sky::dirty(SHAPE, &[(30.0, 30.0, 1.0)]) + sky::noise(SHAPE, 1e-2, 3);
    let psf = Array2::from_shape_fn((192, 220), |(y, x)| {
        let r = (y as f64 - 96.0).hypot(x as f64 - 110.0);
        (-r * r / 2.0).exp() - 0.9 * (-(r - 6.0).powi(2)).exp() + 0.9 * (-(r - 11.0).powi(2)).exp()
    });
    folder.pair(&dirty, &psf);
    folder
}

#[test]
fn psf_that_is_none_makes_no_model_worse_than_nothing() {
    let folder = ringed();
    let dirty = Image::read(&folder.path("dirty.fits")).plane(0);
    let kernel = Image::read(&folder.path("psf.fits")).plane(0);
    for kappa in [0.0, 0.5, 4.0] {
        let words = format!("--dirty dirty.fits --psf psf.fits -o out --overwrite --algorithm convex --kappa {kappa}");
        let ran = folder.deconv(&words);
        assert!(ran.err.contains("taken back"), "kappa {kappa}: a problem that diverges\n{}", ran.err);
        let products = folder.products("out");
        let (model, residual) = (products.model().plane(0), products.residual().plane(0));
        let seen = sky::convolve_fast(&model, &kernel, (96, 110));
        let scale = sky::max_abs(&seen).max(1.0);
        let misfit = sky::max_abs(&(&dirty - &seen - &residual));
        assert!(misfit < 2.0 * ROUNDING * scale, "kappa {kappa}: {misfit:e} of {scale}");
        assert!(sky::rms(&residual) <= 1.1 * sky::rms(&dirty), "kappa {kappa}: {:?}", products.reasons());
    }
}

#[test]
fn run_that_was_killed_goes_on_where_it_was() {
    let folder = folder();
    let words = "--dirty dirty.fits --psf psf.fits --algorithm convex --plots none --threads 1";
    let expected = folder.run("whole", "--algorithm convex --plots none").model();
    let mut child = Command::new(env!("CARGO_BIN_EXE_deconv"))
        .args(format!("{words} -o out --checkpoint").split(' '))
        .current_dir(folder.root())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let results = folder.path("out.resume");
    while std::fs::read_dir(&results).map_or(0, Iterator::count) < 60 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    let is_done = child.wait().unwrap().success();
    assert!(!is_done, "60 results stand there long before the end");
    let ran = folder.deconv(&format!("{words} -o out --checkpoint"));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let products = folder.products("out");
    assert_eq!(products.model().pixels, expected.pixels);
    assert!(products.summary()["kept"]["taken"].as_u64().unwrap() > 20, "{}", products.summary()["kept"]);
}

#[test]
fn positive_sky_holds_no_negative_flux_and_as_much_in_all() {
    let (truth, _) = mixed();
    let folder = folder();
    let products = folder.run("out", "--algorithm convex --positive");
    let model = products.model().plane(0);
    let lowest = model.iter().copied().fold(0.0, f64::min);
    // rounding of the transforms round wide Gaussians
    assert!(lowest > -ROUNDING * sky::max_abs(&model), "{lowest:e}");
    assert!((sky::total(&model) / sky::total(&truth) - 1.0).abs() < 0.05, "{}", sky::total(&model));
}

#[test]
fn request_to_end_leaves_products_that_go_together() {
    let (_, dirty) = mixed();
    let cancel = Cancel::default();
    cancel.request();
    let result = field().run_until(&config("", ""), &cancel);
    assert_eq!(result.outcome.planes[0].stop, StopReason::Interrupted);
    assert!(misfit(&result, &dirty, &sky::wide_psf(SHAPE)) < ROUNDING);
}

#[test]
fn limit_of_iterations_is_told_by_its_name_and_what_it_cannot_do_is_refused() {
    let folder = folder();
    let products = folder.run("out", "--algorithm convex --iterations 7");
    assert_eq!(products.reasons(), ["unsettled"]);
    let plane = &products.summary()["planes"][0];
    assert_eq!(plane["convex"]["iterations"], 7);
    assert!(plane["message"].as_str().unwrap().contains("7 iterations"), "{}", plane["message"]);
    let refused = |words: &str, code: i32, needles: &[&str]| {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o no --algorithm convex {words}"));
        assert_eq!(ran.code, Some(code), "{words}\n{}", ran.err);
        assert!(needles.iter().all(|needle| ran.err.contains(needle)), "{words}\n{}", ran.err);
        assert!(!folder.path("no-model.fits").exists());
    };
    for (words, needle) in [
        ("--gain 0.1", "--gain has no effect"),
        ("--tile 2x2", "--tile has no effect"),
        ("--local-rms", "--local-rms has no effect"),
        ("--mask dirty.fits", "--mask has no effect"),
        ("--multiscale-gain 0.3", "--multiscale-gain has no effect"),
        ("--multiscale-scale-bias 0.3", "--multiscale-scale-bias has no effect"),
        ("--multiscale-trim 0", "--multiscale-trim has no effect"),
        ("--lambda 1", "--lambda has no effect"),
        ("--kappa -1", "kappa"),
        ("--iterations 0", "iterations"),
    ] {
        refused(words, 2, &[needle]);
    }
    refused("--continue dirty.fits", 1, &["dirty.fits", "Jy/pixel"]);
}
