//! Richardson-Lucy: a plain loop in double precision, flux and sign, the same bytes, and what it is refused for.

use ndarray::{Array2, Zip};

use crate::support::fits::Image;
use crate::support::program::Folder;
use crate::support::sky;

const SHAPE: (usize, usize) = (40, 36);

/// A Gaussian PSF, larger than the image and off its middle by nothing.
fn star() -> Array2<f64> {
    Array2::from_shape_fn((80, 72), |(y, x)| {
        let (dy, dx) = (y as f64 - 40.0, x as f64 - 36.0);
        (-(dy * dy + 0.7 * dx * dx + 0.3 * dy * dx) / 5.0).exp()
    })
}

/// A sky of points and a slope, seen through the star.
fn observed() -> Array2<f64> {
    let mut truth = Array2::from_shape_fn(SHAPE, |(y, _)| 0.01 * y as f64);
    for (at, flux) in [((12, 10), 5.0), ((13, 14), 3.0), ((30, 25), 8.0)] {
        truth[at] += flux;
    }
    sky::convolve(&truth, &star(), (40, 36))
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.pair(&observed(), &star());
    folder
}

#[test]
fn richardson_lucy_is_the_plain_loop_keeps_the_sign_and_the_flux_of_the_data() {
    let (dirty, star) = (observed(), star());
    let mirrored = star.clone();
    let folder = folder();
    let products = folder.run("out", "--algorithm richardson-lucy --rl-iterations 12");
    assert_eq!(products.reasons(), ["multiplied"]);
    let ones = Array2::<f64>::ones(SHAPE);
    // the star is its own mirror image about its centre
    let sensitivity = sky::convolve(&ones, &mirrored, (40, 36));
    let mut plain = ones;
    for _ in 0..12 {
        let mut ratio = sky::convolve(&plain, &star, (40, 36));
        Zip::from(&mut ratio).and(&dirty).for_each(|seen, data| *seen = data / *seen);
        let back = sky::convolve(&ratio, &mirrored, (40, 36));
        Zip::from(&mut plain).and(&back).and(&sensitivity).for_each(|x, back, seen| *x *= back / seen);
    }
    let model = products.model().plane(0);
    let off = sky::max_abs(&(&model - &plain)) / sky::max_abs(&plain);
    assert!(off < 1e-4, "{off}");
    assert!(model.iter().all(|pixel| *pixel >= 0.0));
    let seen = (&model * &sensitivity).sum();
    assert!((seen / dirty.sum() - 1.0).abs() < 1e-4, "{seen} for {}", dirty.sum());
}

#[test]
fn more_iterations_come_nearer_and_cuts_change_no_byte() {
    let folder = folder();
    let run = |name: &str, words: &str| folder.run(name, &format!("--algorithm richardson-lucy --plots none {words}"));
    let left = |iterations: u32| {
        sky::rms(&run(&format!("n{iterations}"), &format!("--rl-iterations {iterations}")).residual().plane(0))
    };
    assert!(left(40) < 0.5 * left(5), "{} {}", left(40), left(5));
    let one = run("one", "--threads 1 --chunk full").model().pixels;
    assert!(one == run("two", "--threads 2 --chunk 7").model().pixels);
}

#[test]
fn blank_pixels_hold_no_model_and_psfs_of_interferometers_are_refused_with_the_reason() {
    let folder = folder();
    let mut dirty = observed();
    dirty[(20, 20)] = f64::NAN;
    folder.save("blank.fits", &Image::new(&dirty));
    let products = folder.run_pair(("blank.fits", "psf.fits"), "blank", "--algorithm richardson-lucy");
    let model = products.model().plane(0);
    assert!(model[(20, 20)].is_nan() && model.iter().filter(|pixel| pixel.is_nan()).count() == 1);
    folder.save("radio.fits", &Image::new(&sky::wide_psf(SHAPE)));
    let ran = folder.deconv("--dirty dirty.fits --psf radio.fits -o no --algorithm richardson-lucy");
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    for words in
        ["richardson-lucy cannot work with radio.fits", "its lowest sidelobe is -0.", "hint: for an interferometer"]
    {
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    }
    assert!(!folder.path("no-model.fits").exists());
}
