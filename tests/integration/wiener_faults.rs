//! Wiener-Hunt on what it cannot do well: it says so, and falls back as docs/wiener.md tells.

use ndarray::{Array2, s};

use crate::support::fits::Image;
use crate::support::program::{Folder, Ran};
use crate::support::sky;

const SHAPE: (usize, usize) = (48, 40);

fn folder() -> Folder {
    let folder = Folder::new();
    let dirty = sky::dirty(SHAPE, &[(20.0, 15.0, 1.0), (33.0, 30.0, 0.4)]) + sky::noise(SHAPE, 1e-2, 1);
    folder.pair(&dirty, &sky::wide_psf(SHAPE));
    folder
}

fn wiener(folder: &Folder, words: &str) -> Ran {
    folder.deconv(&format!(
        "--dirty dirty.fits --psf psf.fits -o out --overwrite --plots none --algorithm wiener {words}"
    ))
}

fn done(folder: &Folder, words: &str) -> String {
    let ran = wiener(folder, words);
    assert_eq!(ran.code, Some(0), "{words}: {}", ran.err);
    ran.err
}

#[test]
fn psf_without_zero_spacing_leaves_the_mean_at_zero_and_says_that_the_flux_is_not_measured() {
    let folder = folder();
    let mut psf = sky::psf(SHAPE, (24, 20));
    let mean = psf.sum() / psf.len() as f64;
    psf.mapv_inplace(|value| (value - mean) / (1.0 - mean));
    folder.save("psf.fits", &Image::new(&psf));
    for noise in ["psf", "white"] {
        let told = done(&folder, &format!("--boundary circular --lambda 0.1 --noise-model {noise}"));
        assert!(told.contains("the total flux is not measured"), "{told}");
        let model = folder.products("out").model();
        assert!(model.pixels.iter().all(|pixel| pixel.is_finite()));
        let (flux, sum) = (model.pixels.iter().sum::<f64>(), model.pixels.iter().map(|p| p.abs()).sum::<f64>());
        assert!(flux.abs() < 1e-4 * sum, "{noise}: {flux} of {sum}");
    }
}

#[test]
fn blank_planes_are_passed_through_and_an_image_of_blanks_is_an_error() {
    let folder = folder();
    let dirty = sky::dirty(SHAPE, &[(20.0, 15.0, 1.0)]) + sky::noise(SHAPE, 1e-2, 1);
    let blank = Array2::from_elem(SHAPE, f64::NAN);
    folder.save("dirty.fits", &Image::cube(&[dirty, blank.clone()], &[("FREQ", 2)]));
    for words in ["--uncertainty map --uncertainty-samples 3", "--boundary circular --uncertainty map --hyper marginal"]
    {
        done(&folder, &format!("--noise-model white {words}"));
        let products = folder.products("out");
        assert_eq!(products.reasons(), ["solved", "blank"], "{words}");
        let sd = Image::read(&products.file("sd.fits"));
        assert!(
            sd.plane(0).iter().all(|pixel| *pixel > 0.0) && sd.plane(1).iter().all(|pixel| pixel.is_nan()),
            "{words}"
        );
    }
    folder.save("dirty.fits", &Image::new(&blank));
    let told = done(&folder, "--boundary circular");
    assert!(told.contains("nothing to deconvolve in dirty.fits: in HDU 1 every pixel is blank"), "{told}");
}

#[test]
fn solver_that_is_stuck_says_so_and_is_helped_by_what_it_says() {
    let folder = folder();
    // the difference of two Gaussians, with H = 0 at zero spacing, where its own noise weighs most
    let shape = (2 * SHAPE.0, 2 * SHAPE.1);
    let gaussian = |width: f64| {
        let values = Array2::from_shape_fn(shape, |(y, x)| {
            let (dy, dx) = (y as f64 - SHAPE.0 as f64, x as f64 - SHAPE.1 as f64);
            (-0.5 * (dy * dy + dx * dx) / (width * width)).exp()
        });
        &values / values.sum()
    };
    let psf = gaussian(1.5) - gaussian(4.0);
    let psf = &psf / psf[(SHAPE.0, SHAPE.1)];
    let of = |at: (usize, usize)| psf.slice(s![SHAPE.0 - at.0..2 * SHAPE.0 - at.0, SHAPE.1 - at.1..2 * SHAPE.1 - at.1]);
    let dirty = &of((20, 15)) + &(0.4 * &of((33, 30))) + sky::noise(SHAPE, 1e-2, 1);
    folder.pair(&dirty, &psf);
    let told = done(&folder, "");
    assert!(told.contains("and more would not; kept the best estimate (a greater --lambda"), "{told}");
    let summary = folder.products("out").summary();
    let stop = &summary["planes"][0]["stop"];
    assert!(stop["is_stuck"] == true && stop["iterations"].as_u64() < Some(200), "{stop}");
    done(&folder, "--lambda 1");
    assert_eq!(folder.products("out").reasons(), ["solved"]);
}

#[test]
fn lambda_that_is_not_above_zero_is_refused_with_the_one_limit_that_there_is() {
    let folder = folder();
    for lambda in ["0", "-1"] {
        let ran = wiener(&folder, &format!("--lambda {lambda}"));
        assert!(ran.code == Some(2) && ran.err.contains("a number above 0"), "{lambda}: {}", ran.err);
        assert!(!folder.path("out-model.fits").exists());
    }
}

#[test]
fn image_without_noise_is_refused_in_the_words_of_the_user_where_the_rule_needs_one() {
    let folder = folder();
    let mut dirty = Array2::zeros(SHAPE);
    dirty[(20, 15)] = 1.0;
    folder.save("dirty.fits", &Image::new(&dirty));
    for boundary in ["linear", "circular"] {
        let ran = wiener(&folder, &format!("--boundary {boundary}"));
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        for word in ["the noise of dirty.fits is 0", "HDU 1", "--lambda ml-sigma expects one above 0", "--sigma 1mJy"] {
            assert!(ran.err.contains(word), "{word}: {}", ran.err);
        }
        assert!(!ran.err.contains("in task"), "{}", ran.err);
        done(&folder, &format!("--boundary {boundary} --sigma 1mJy"));
    }
    let ran = wiener(&folder, "--sigma 0Jy");
    assert!(ran.code == Some(2) && ran.err.contains("wiener.sigma = 0 is no noise"), "{:?} {}", ran.code, ran.err);
}

#[test]
fn pixels_of_either_psf_that_are_not_finite_are_told_with_their_number_and_the_first() {
    let folder = folder();
    let mut psf = sky::wide_psf(SHAPE);
    folder.save("natural.fits", &Image::new(&psf));
    (psf[(3, 70)], psf[(90, 1)]) = (f64::INFINITY, f64::NAN);
    folder.save("holes.fits", &Image::new(&psf));
    let natural = "--noise-model file --noise-psf natural.fits";
    assert!(!done(&folder, natural).contains("finite"));
    let told = "holes.fits, HDU 1, plane 0: 2 pixels are not finite and counted as 0, the first at (y 3, x 70)";
    let err = done(&folder, "--noise-model file --noise-psf holes.fits");
    assert_eq!(err.matches(told).count(), 1, "{err}");
    for algorithm in ["multiscale", "convex --iterations 5", "wiener"] {
        let words =
            format!("--dirty dirty.fits --psf holes.fits -o out --overwrite --plots none --algorithm {algorithm}");
        let ran = folder.deconv(&words);
        assert!(ran.code == Some(0) && ran.err.contains(told), "{algorithm}: {}", ran.err);
    }
}

#[test]
fn negative_transfer_function_is_told_and_taken_for_zero_by_the_circular_filter_alone() {
    let folder = folder();
    let mut psf = sky::psf((96, 80), (48, 40));
    // cut off sharply, beside a sidelobe of its own
    psf.slice_mut(s![..40, ..]).fill(0.0);
    psf.slice_mut(s![57.., ..]).fill(0.0);
    psf[(48, 46)] -= 0.4;
    psf[(48, 34)] -= 0.4;
    folder.save("psf.fits", &Image::new(&psf));
    for (boundary, is_told) in [("linear", false), ("circular", true)] {
        let told = done(&folder, &format!("--boundary {boundary} --lambda 0.1"));
        assert_eq!(told.contains("transfer function is negative in places, down to 0."), is_told, "{told}");
        assert!(folder.products("out").model().pixels.iter().all(|pixel| pixel.is_finite()));
    }
    let told = done(&folder, "--boundary circular --lambda 0.1 --noise-model white");
    assert!(!told.contains("negative in places"), "|H| counts there: {told}");
}

#[test]
fn search_that_ends_at_its_edge_says_so_and_takes_the_lambda_there() {
    let folder = folder();
    let mut psf = Array2::zeros(SHAPE);
    psf[(24, 20)] = 1.0;
    folder.pair(&sky::noise(SHAPE, 1.0, 8), &psf);
    // a white sky seen by a PSF of one pixel: the identity prior cannot tell it from white noise
    let told = done(&folder, "--boundary circular --noise-model white --reg gradient --lambda ml-sigma --sigma 2Jy");
    assert!(told.contains("lambda is at the edge of the range searched"), "{told}");
    let hyper = "--boundary circular --noise-model white --reg gradient --lambda ml-sigma --sigma 2Jy --hyper marginal";
    let told = done(&folder, hyper);
    assert!(told.contains("it has no posterior, and is taken as known"), "{told}");
}

#[test]
fn prior_so_strong_that_the_residual_rises_at_first_is_solved_all_the_same() {
    // more than fifty iterations pass before |r| is below its begin: the first of a strong prior are spent at the edges
    let folder = Folder::new();
    let shape = (128, 120);
    let dirty = sky::dirty(shape, &[(60.0, 55.0, 1.0), (80.0, 30.0, 0.4)]) + sky::noise(shape, 1e-2, 1);
    folder.pair(&dirty, &sky::wide_psf(shape));
    done(&folder, "--lambda 1e6");
    let products = folder.products("out");
    let flux: f64 = products.model().pixels.iter().sum();
    assert!(flux.abs() > 0.1, "{flux} {:?}", products.reasons());
}
