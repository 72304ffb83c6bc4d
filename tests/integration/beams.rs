//! The clean beam: fitted, round or given, and the residual beside it.

use ndarray::Array2;

use crate::cli_errors::{fails, refused};
use crate::support::fits::Image;
use crate::support::program::Folder;
use crate::support::sky;

const SHAPE: (usize, usize) = (72, 80);
const ASEC: f64 = 1.0 / 3600.0;

/// A PSF that is a Gaussian of 5 by 3.5 pixels at 30 degrees with weak sidelobes far out, and a field of points.
fn folder() -> Folder {
    let psf = elliptical((2 * SHAPE.0, 2 * SHAPE.1));
    let mut model = Array2::zeros(SHAPE);
    for (y, x, flux) in [(20, 15, 1.0), (44, 50, 0.4), (55, 22, 0.2)] {
        model[(y, x)] = flux;
    }
    let folder = Folder::new();
    folder.pair(&(sky::convolve_fast(&model, &psf, SHAPE) + sky::noise(SHAPE, 2e-3, 3)), &psf);
    folder
}

fn elliptical((ny, nx): (usize, usize)) -> Array2<f64> {
    gaussian((ny, nx), (5.0, 3.5, 30.0)) + far((ny, nx))
}

fn gaussian((ny, nx): (usize, usize), (major, minor, pa): (f64, f64, f64)) -> Array2<f64> {
    let pa = pa.to_radians();
    Array2::from_shape_fn((ny, nx), |(y, x)| {
        let (dy, dx) = (y as f64 - (ny / 2) as f64, x as f64 - (nx / 2) as f64);
        let (u, v) = (-dx * pa.sin() + dy * pa.cos(), -dx * pa.cos() - dy * pa.sin());
        (-4.0 * 2.0_f64.ln() * ((u / major).powi(2) + (v / minor).powi(2))).exp()
    })
}

fn far((ny, nx): (usize, usize)) -> Array2<f64> {
    Array2::from_shape_fn((ny, nx), |(y, x)| {
        let radius = (y as f64 - (ny / 2) as f64).hypot(x as f64 - (nx / 2) as f64);
        if radius > 14.0 { 0.02 * (0.9 * radius).cos() * (-radius / 60.0).exp() } else { 0.0 }
    })
}

fn beam_of(image: &Image) -> [f64; 3] {
    ["BMAJ", "BMIN", "BPA"].map(|key| image.number(key).unwrap_or_else(|| panic!("no {key}")))
}

#[test]
fn round_beams_are_the_fits_major_axis_or_the_size_that_was_given() {
    let folder = folder();
    let fitted = folder.run("fitted", "--plots none");
    let [major, minor, angle] = beam_of(&fitted.restored());
    assert!((major / ASEC - 5.0).abs() < 1e-2 && (minor / ASEC - 3.5).abs() < 1e-2 && (angle - 30.0).abs() < 0.1);
    let round = folder.run("round", "--plots none --circular-beam");
    assert_eq!(beam_of(&round.restored()), [major, major, 0.0]);
    for (name, words) in [("a", "--beam-size 6"), ("b", "--beam-size 6asec"), ("c", "--beam-shape 6asec")] {
        let given = folder.run(name, &format!("--plots none {words}"));
        let [major, minor, _] = beam_of(&given.restored());
        assert!((major / ASEC - 6.0).abs() < 1e-9 && (minor - major).abs() < 1e-15, "{words}");
        assert_eq!(given.restored().pixels, folder.products("a").restored().pixels);
    }
    for (run, words) in [(&round, "--circular-beam"), (&folder.products("a"), "--beam-size 6")] {
        let restore = "restore --model fitted-model.fits --residual fitted-residual.fits";
        assert_eq!(
            folder.deconv(&format!("{restore} --psf psf.fits {words} -o again --overwrite")).code,
            Some(if words.contains("size") { 2 } else { 0 })
        );
        assert_eq!(folder.deconv(&format!("{restore} {words} -o again --overwrite")).code, Some(0));
        let misfit = sky::max_abs(&(folder.products("again").restored().plane(0) - run.restored().plane(0)));
        assert!(misfit < 1e-6, "{words}: {misfit:e}");
    }
    let both = "--dirty dirty.fits --psf psf.fits -o x --circular-beam --beam-size 6";
    refused(&folder, both, 2, &["--beam-size", "cannot be used with"]);
    let narrow = "--dirty dirty.fits --psf psf.fits -o x --beam-shape 3asec,4asec,0deg";
    refused(&folder, narrow, 2, &["3asec,4asec,0deg", "major and minor"]);
}

#[test]
fn a_residual_convolved_to_the_beam_is_seen_with_it() {
    let folder = folder();
    // nothing cleaned: the residual is the dirty image, in which points are seen with the PSF
    let words = "--niter 0 --plots none --beam-shape 9asec,7asec,70deg";
    let kept = folder.run("kept", words);
    let convolved = folder.run("convolved", &format!("{words} --residual-beam convolve"));
    let dirty = Image::read(&folder.path("dirty.fits")).plane(0);
    assert!(sky::max_abs(&(kept.restored().plane(0) - &dirty)) < 1e-6);
    // the kernel by its covariance, drawn and summed by hand
    let covariance = |major: f64, minor: f64, pa: f64| {
        let (sin, cos) = pa.to_radians().sin_cos();
        let [long, short] = [major, minor].map(|width| width * width / (8.0 * 2.0_f64.ln()));
        // x runs west
        let xx = long * sin * sin + short * cos * cos;
        let yy = long * cos * cos + short * sin * sin;
        (xx, -(long - short) * sin * cos, yy)
    };
    let fit = &kept.summary()["planes"][0]["beam"];
    assert_eq!(fit["residual_factor"], 1.0);
    let [major, minor, angle] = beam_of(&folder.run("fitted", "--niter 0 --plots none").restored());
    let (from, to) = (covariance(major / ASEC, minor / ASEC, angle), covariance(9.0, 7.0, 70.0));
    let (xx, xy, yy) = (to.0 - from.0, to.1 - from.1, to.2 - from.2);
    let determinant = |(xx, xy, yy): (f64, f64, f64)| xx * yy - xy * xy;
    let own = determinant((xx, xy, yy));
    let peak = (determinant(to) / (determinant(from) * own)).sqrt() / (2.0 * std::f64::consts::PI);
    let kernel = Array2::from_shape_fn((61, 61), |(y, x)| {
        let (dy, dx) = (y as f64 - 30.0, x as f64 - 30.0);
        peak * (-0.5 * (yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy) / own).exp()
    });
    let expected = sky::convolve(&dirty, &kernel, (30, 30));
    let misfit = sky::max_abs(&(convolved.restored().plane(0) - &expected));
    assert!(misfit < 2e-4, "{misfit:e}");
    let factor = convolved.summary()["planes"][0]["beam"]["residual_factor"].as_f64().unwrap();
    assert!((factor - (determinant(to) / determinant(from)).sqrt()).abs() < 1e-3, "{factor}");
    assert_eq!(convolved.residual().pixels, kept.residual().pixels, "the residual itself stays");
    // the point is as high as before, and as wide as the new beam
    assert!((convolved.restored().plane(0)[(20, 15)] - 1.0).abs() < 0.02);
    let restore =
        "restore --model kept-model.fits --residual kept-residual.fits --residual-beam convolve --psf psf.fits";
    let ran = folder.deconv(&format!("{restore} --beam-shape 9asec,7asec,70deg -o again --chunk 9"));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(folder.products("again").restored().pixels, convolved.restored().pixels);
}

#[test]
fn a_residual_cannot_be_convolved_to_a_narrower_beam_and_that_is_told_before_the_work() {
    let folder = folder();
    let needles = ["cannot convolve the residual", "4.00 by 4.00", "5.0", "3.5", "--beam-shape"];
    fails(&folder, "--residual-beam convolve --beam-size 4", &needles);
    fails(&folder, "--residual-beam convolve --beam-shape 9asec,3asec,0deg", &needles[..1]);
    let run = "--dirty dirty.fits --psf psf.fits -o out --residual-beam convolve";
    refused(&folder, run, 2, &["--residual-beam convolve has no effect", "hint: ", "--beam-shape"]);
    let both = format!("{run} --residual-scale jvm --beam-size 9");
    refused(&folder, &both, 2, &["jvm has no effect", "hint: "]);
    folder.run("kept", "--niter 0 --plots none");
    let restore = "restore --model kept-model.fits --residual kept-residual.fits -o x";
    refused(&folder, &format!("{restore} --residual-beam convolve --beam-size 4"), 1, &needles[..3]);
    folder.run("wide", "--niter 0 --plots none --beam-size 9");
    let forced =
        "restore --model wide-model.fits --residual wide-residual.fits -o x --beam-size 9 --residual-beam convolve";
    refused(&folder, forced, 1, &["wide-residual.fits", "BMAJ", "--psf"]);
    refused(&folder, &format!("{restore} --residual-scale jvm"), 2, &["--residual-scale jvm needs --psf"]);
}

#[test]
fn jvm_multiplies_the_residual_by_the_ratio_of_the_beams() {
    // a PSF with a wide skirt: its main lobe holds more than its core
    let shape = (2 * SHAPE.0, 2 * SHAPE.1);
    let psf = 0.75 * gaussian(shape, (4.0, 4.0, 0.0)) + 0.25 * gaussian(shape, (14.0, 14.0, 0.0));
    let mut model = Array2::zeros(SHAPE);
    model[(30, 40)] = 1.0;
    let folder = Folder::new();
    folder.pair(&(sky::convolve_fast(&model, &psf, SHAPE) + sky::noise(SHAPE, 1e-3, 3)), &psf);
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o plain --niter 5 --plots none");
    assert!(ran.code == Some(0) && ran.err.contains("times the area of the clean beam"), "{}", ran.err);
    let plain = folder.products("plain");
    let jvm = folder.run("jvm", "--niter 5 --plots none --residual-scale jvm");
    let factor = jvm.summary()["planes"][0]["beam"]["residual_factor"].as_f64().unwrap();
    let [major, minor, _] = beam_of(&jvm.restored());
    let area = std::f64::consts::PI * major * minor / (4.0 * 2.0_f64.ln() * ASEC * ASEC);
    // within two widths of the fit
    let lobe: f64 = psf
        .indexed_iter()
        .filter(|((y, x), _)| (*y as f64 - 72.0).hypot(*x as f64 - 80.0) <= 2.0 * (major * minor).sqrt() / ASEC)
        .map(|(_, value)| *value)
        .sum();
    assert!((factor / (area / lobe) - 1.0).abs() < 0.02 && factor < 0.8, "{factor} {}", area / lobe);
    let difference = jvm.restored().plane(0) - plain.restored().plane(0);
    let expected = plain.residual().plane(0) * (factor - 1.0);
    assert!(sky::max_abs(&(difference - expected)) < 1e-6);
    assert_eq!(jvm.residual().pixels, plain.residual().pixels, "the residual itself stays");
    assert!(jvm.restored().history().contains("residual_scale = \"jvm\""));
}

#[test]
fn narrow_beams_are_told() {
    let folder = Folder::new();
    let shape = (2 * SHAPE.0, 2 * SHAPE.1);
    let psf = gaussian(shape, (2.2, 2.0, 0.0));
    folder.pair(&(psf.slice(ndarray::s![36..108, 40..120]).to_owned() + sky::noise(SHAPE, 1e-3, 1)), &psf);
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --plots none");
    assert!(
        ran.code == Some(0) && ran.err.contains("under-sampled") && ran.err.contains("less than 2.5"),
        "{}",
        ran.err
    );
}

#[test]
fn beam_to_restore_with_changes_the_restored_image_alone() {
    let folder = folder();
    for algorithm in ["multiscale", "multiscale --local-rms", "clean --local-rms", "convex --iterations 60"] {
        let run = |name: &str, beam: &str| {
            folder.run(name, &format!("--overwrite --plots none --algorithm {algorithm} {beam}"))
        };
        let fit = run("fit", "");
        assert!(fit.model().pixels.iter().any(|value| *value != 0.0), "{algorithm}");
        for beam in ["--beam-size 12", "--beam-shape 20asec,4asec,10deg", "--circular-beam"] {
            let other = run("other", beam);
            assert_eq!(other.model().pixels, fit.model().pixels, "{algorithm} {beam}");
            assert_eq!(other.residual().pixels, fit.residual().pixels, "{algorithm} {beam}");
            assert_ne!(other.restored().pixels, fit.restored().pixels, "{algorithm} {beam}");
        }
    }
}
