//! Real observations: no truth, but lines that a good result meets.

use ndarray::Array2;

use crate::case::{Case, file};
use crate::support::fits::Image;
use crate::support::sky;

/// Largest difference of two models over their highest pixel, and whether the same pixels hold components.
fn compare(a: &Array2<f64>, b: &Array2<f64>) -> (f64, bool) {
    let same = a.iter().zip(b).all(|(a, b)| (*a == 0.0) == (*b == 0.0));
    (sky::max_abs(&(a - b)) / sky::max_abs(a), same)
}

#[test]
fn raw_and_prepared_pair_of_m87_give_the_same_model() {
    for words in ["", "--algorithm hogbom --niter 500", "--algorithm clark"] {
        let prepared = Case::of("real-m87-eht", "psf.fits", words);
        let raw = Case::run("real-m87-eht/ehtim-raw-dirty.fits.gz", "real-m87-eht/ehtim-raw-psf.fits", words);
        let (difference, same) = compare(&prepared.products.model().plane(0), &raw.products.model().plane(0));
        assert!(same && difference < 1e-5, "{words}: {difference:e}, same pixels: {same}");
        assert_eq!(prepared.products.reasons(), raw.products.reasons());
    }
}

#[test]
fn m87_ends_by_itself_with_either_psf() {
    for psf in ["psf.fits", "psf2x.fits"] {
        let case = Case::of("real-m87-eht", psf, "");
        case.assert_ended_by_itself();
        case.assert_exact(5e-6);
        let model = case.products.model().plane(0);
        case.report(&format!("model {:.3} Jy", sky::total(&model)));
        if psf == "psf2x.fits" {
            // about 0.5 Jy in a ring of about 42 micro-arcsec, 21 pixels across
            assert!((0.4..0.6).contains(&sky::total(&model)), "{}", sky::total(&model));
            // scales alone leave 5e-4: the program must see that points explain the ring better
            let rms = sky::rms(&case.products.residual().plane(0));
            assert!(rms < 1.2e-4, "residual rms {rms:e}");
        }
    }
}

#[test]
fn bl_lac_meets_the_lines_of_a_good_result() {
    let case = Case::of("real-bllac-vlba", "psf.fits", "");
    case.assert_ended_by_itself();
    case.assert_exact(5e-6);
    let model = case.products.model().plane(0);
    let reference = Image::read(&file("real-bllac-vlba/ref-model.fits.gz")).plane(0);
    let (flux, rms) = (sky::total(&model), sky::rms(&case.products.residual().plane(0)));
    let jet: Vec<_> = reference.indexed_iter().filter(|(_, value)| **value != 0.0).map(|(at, _)| at).collect();
    // a beam is 10 by 5 pixels: core and jet are what lies within two of a component of the reference
    let is_outside = |at: (usize, usize)| jet.iter().all(|(y, x)| at.0.abs_diff(*y).max(at.1.abs_diff(*x)) > 20);
    let outside: Vec<_> = model.indexed_iter().filter(|(at, value)| **value != 0.0 && is_outside(*at)).collect();
    case.report(&format!("residual rms {rms:.2e}, model {flux:.3} Jy, {} components outside", outside.len()));
    assert!(rms < 7.3e-3, "residual rms {rms}");
    assert!((5.4..=5.9).contains(&flux), "model of {flux} Jy");
    assert!(outside.is_empty(), "components outside core and jet: {outside:?}");
}

/// Robust noise: 1.4826 times the median of the absolute deviations from the median.
fn noise(image: &Array2<f64>) -> f64 {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let middle = median(image.iter().copied().collect());
    1.4826 * median(image.iter().map(|value| (value - middle).abs()).collect())
}

#[test]
fn dynamic_range_of_bl_lac_is_that_of_the_reference() {
    // WSClean on the visibilities; robust noise, since the sidelobes beyond the same-size PSF stay in our residual
    let read = |what: &str| Image::read(&file(&format!("real-bllac-vlba/ref-{what}.fits.gz"))).plane(0);
    let range = |restored: &Array2<f64>, residual: &Array2<f64>| sky::max_abs(restored) / noise(residual);
    let theirs = range(&read("restored"), &read("residual"));
    for algorithm in ["clean", "multiscale"] {
        let case = Case::of("real-bllac-vlba", "psf.fits", &format!("--algorithm {algorithm}"));
        case.assert_ended_by_itself();
        let ours = range(&case.products.restored().plane(0), &case.products.residual().plane(0));
        case.report(&format!("{algorithm}: dynamic range {ours:.0}, of the reference {theirs:.0}"));
        assert!(ours >= theirs, "{algorithm}: {ours} {theirs}");
    }
}

#[test]
fn tart_ends_by_itself_by_every_clean() {
    for algorithm in ["clean", "multiscale", "clark"] {
        let words = format!("--algorithm {algorithm}");
        let case = Case::run("odd-tart/dirty.fits.gz", "odd-tart/psf.fits.gz", &words);
        case.assert_ended_by_itself();
        case.report(&format!("{algorithm}: {}", case.products.reasons()[0]));
        // a pair of magnitudes: no sky, but cleaning must not make it worse
        assert!(sky::rms(&case.products.residual().plane(0)) <= sky::rms(&case.dirty(0)), "{algorithm}");
    }
}

#[test]
fn odd_headers_of_tart_are_taken() {
    let case = Case::run("odd-tart/dirty.fits.gz", "odd-tart/psf.fits.gz", "--niter 200");
    assert_eq!(case.products.reasons().len(), 1);
    case.assert_exact(1e-5);
    let restored = case.products.restored();
    assert!(restored.number("CDELT1").unwrap() > 0.0);
    assert!(restored.pixels.iter().all(|value| value.is_finite()));
}
