//! CLEAN of the bright sources, then a direct method on its residual, through the whole application.

use ndarray::Array2;

use crate::cli_errors::refused;
use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (72, 90);
const NOISE: f64 = 1e-3;
/// Rounding of the transforms in 32 bits, in units of the dirty peak.
const ROUNDING: f64 = 4e-6;

/// Two bright points on a broad blob, noise as the PSF makes it, and a corner that is blank.
fn folder() -> (Folder, Array2<f64>) {
    let mut truth = Array2::from_shape_fn(SHAPE, |(y, x)| {
        4e-3 * (-((y as f64 - 40.0).powi(2) + (x as f64 - 40.0).powi(2)) / 128.0).exp()
    });
    (truth[(20, 30)], truth[(51, 60)]) = (1.0, 0.6);
    let seen = |image: &Array2<f64>| sky::convolve_fast(image, &sky::wide_psf(SHAPE), SHAPE);
    let noise = seen(&sky::noise(SHAPE, 1.0, 4));
    let mut dirty = seen(&truth) + &noise * (NOISE / sky::rms(&noise));
    dirty.slice_mut(ndarray::s![..6, ..9]).fill(f64::NAN);
    let folder = Folder::new();
    folder.save("dirty.fits", &Image::new(&dirty));
    folder.save("psf.fits", &Image::new(&sky::wide_psf(SHAPE)));
    (folder, dirty)
}

fn pixels(products: &Products) -> [Vec<u32>; 3] {
    [products.model(), products.residual(), products.restored()]
        .map(|image| image.pixels.iter().map(|value| (*value as f32).to_bits()).collect())
}

#[test]
fn hybrid_is_a_clean_of_the_bright_sources_and_the_other_method_on_its_residual() {
    let (folder, dirty) = folder();
    folder.run("bright", "--algorithm clean --auto-threshold 30 --auto-mask 0");
    let bright = folder.products("bright").model().plane(0);
    assert!(bright[(20, 30)] > 0.5 && bright[(40, 40)] == 0.0, "the points are bright, the blob is not");
    for (hybrid, second) in [
        ("hybrid --iterations 30", "convex --iterations 30"),
        ("hybrid-wiener", "wiener"),
        ("hybrid-wiener --lambda 3 --threads 1 --chunk 10", "wiener --lambda 3"),
    ] {
        let one = folder.run("one", &format!("--algorithm {hybrid} --overwrite"));
        let two = folder.run("two", &format!("--algorithm {second} --continue bright-model.fits --overwrite"));
        assert!(pixels(&one) == pixels(&two), "{hybrid}: the bits of two runs");
        let (model, residual) = (one.model().plane(0), one.residual().plane(0));
        let known = model.mapv(|value| if value.is_finite() { value } else { 0.0 });
        let off = &dirty - &sky::convolve_fast(&known, &sky::wide_psf(SHAPE), SHAPE) - &residual;
        let off = off.mapv(|value| if value.is_finite() { value } else { 0.0 });
        assert!(sky::max_abs(&off) < ROUNDING, "{hybrid}: residual off by {:e}", sky::max_abs(&off));
        assert!(residual[(3, 4)].is_nan() && residual[(10, 20)].is_finite(), "{hybrid}: blanks stay");
        assert!(known[(40, 40)] > 1e-3, "{hybrid}: the blob is in the model, {:e}", known[(40, 40)]);
        let notes = one.summary()["planes"][0]["notes"].to_string();
        assert!(notes.contains("components of bright sources were cleaned before"), "{notes}");
    }
}

#[test]
fn wiener_filter_goes_on_from_a_model_with_either_boundary() {
    let (folder, _) = folder();
    folder.run("bright", "--algorithm clean --auto-threshold 30 --auto-mask 0");
    let given = folder.products("bright").model().plane(0);
    for boundary in ["circular", "linear"] {
        // a prior this strong adds nothing
        let words = format!("--algorithm wiener --boundary {boundary} --lambda 1e9 --reg identity --overwrite");
        let nothing = folder.run("nothing", &format!("{words} --continue bright-model.fits"));
        let off = &nothing.model().plane(0) - &given;
        let most = off.iter().filter(|value| value.is_finite()).fold(0.0, |most: f64, value| most.max(value.abs()));
        assert!(most < 1e-6, "{boundary}: {most:e}");
    }
}

#[test]
fn flags_that_have_no_say_are_refused() {
    let (folder, _) = folder();
    for (words, needle) in [
        ("hybrid --auto-mask 5", "--auto-mask has no effect"),
        ("hybrid --mask dirty.fits", "--mask has no effect"),
        ("hybrid --tile 2x2", "--tile has no effect"),
        ("hybrid --lambda 1", "--lambda has no effect"),
        ("hybrid-wiener --kappa 3", "--kappa has no effect"),
        ("hybrid-wiener --boundary circular", "--boundary has no effect"),
    ] {
        refused(&folder, &format!("--dirty dirty.fits --psf psf.fits -o no --algorithm {words}"), 2, &[needle]);
    }
}
