//! KAT-7: `WSClean`'s published steps of Hogbom's loop, component by component.

use ndarray::Array2;

use crate::case::{Case, file};
use crate::support::fits::Image;
use crate::support::sky;

/// Gain 0.1 times the PSF's peak, which `WSClean` 1.9 does not divide by; thresholds and masks off.
fn case(niter: usize, more: &str) -> Case {
    let psf = Image::read(&file("kat7-wsclean/psf.fits")).plane(0);
    let gain = 0.1 * psf[sky::highest(&psf)];
    let words = format!(
        "--algorithm hogbom --auto-mask 0 --auto-threshold 0 --threshold 0 --gain {gain} --niter {niter} {more}"
    );
    Case::of("kat7-wsclean", "psf.fits", &words)
}

fn golden(niter: usize, what: &str) -> Array2<f64> {
    Image::read(&file(&format!("kat7-wsclean/n{niter}-{what}.fits.gz"))).plane(0)
}

/// Largest differences of model and residual from `WSClean`'s, in units of the dirty peak.
fn misfits(case: &Case, niter: usize) -> [f64; 2] {
    let peak = case.psf(0).2;
    let dirty = sky::max_abs(&case.dirty(0)) * peak;
    // our residual is in Jy per beam of peak 1, WSClean's in Jy per beam of the PSF's own peak
    let residual = case.products.residual().plane(0) * peak;
    let model = case.products.model().plane(0);
    [model - golden(niter, "model"), residual - golden(niter, "residual")]
        .map(|difference| sky::max_abs(&difference) / dirty)
}

#[test]
fn ten_and_a_hundred_components_are_those_of_wsclean() {
    for niter in [10, 100] {
        let case = case(niter, "");
        let misfits = misfits(&case, niter);
        assert!(misfits.iter().all(|misfit| *misfit < 1e-5), "{niter}: {misfits:?}");
        case.assert_exact(3e-6);
    }
}

#[test]
fn thousand_components_are_those_of_wsclean_with_its_border() {
    // WSClean 1.9 placed none within 5 % of a side, 25.6 of 512 pixels; it cut them to 25, later versions and ours round
    let misfits = misfits(&case(1000, "--clean-border 4.9"), 1000);
    assert!(misfits.iter().all(|misfit| *misfit < 1e-5), "{misfits:?}");
}

#[test]
fn thousand_components_keep_the_identity_and_the_statistics() {
    let case = case(1000, "");
    case.assert_exact(1e-5);
    let (ours, theirs) = (case.products.residual().plane(0) * case.psf(0).2, golden(1000, "residual"));
    let ratio = sky::rms(&ours) / sky::rms(&theirs);
    let flux = sky::total(&case.products.model().plane(0)) / sky::total(&golden(1000, "model"));
    case.report(&format!("rms {ratio:.4}, flux {flux:.4} of WSClean's after 1000 components"));
    assert!((ratio - 1.0).abs() < 0.02 && (flux - 1.0).abs() < 0.02, "rms {ratio}, flux {flux}");
    let peak = sky::max_abs(&theirs);
    assert!(sky::max_abs(&ours) < 1.02 * peak, "{} {peak}", sky::max_abs(&ours));
}

#[test]
fn as_many_components_as_wsclean_took_leave_no_more() {
    let words = "--algorithm clean --auto-mask 0 --auto-threshold 0 --threshold 0 --niter 1000";
    let case = Case::of("kat7-wsclean", "psf.fits", words);
    let (ours, theirs) = (case.products.residual().plane(0) * case.psf(0).2, golden(1000, "residual"));
    case.report(&format!("residual rms {:.4}, WSClean's {:.4}", sky::rms(&ours), sky::rms(&theirs)));
    assert!(sky::rms(&ours) < sky::rms(&theirs) && sky::max_abs(&ours) < sky::max_abs(&theirs));
}

#[test]
fn both_weightings_end_by_themselves_near_the_true_sky() {
    let cases = [("dirty.fits", "psf.fits"), ("natural-dirty.fits.gz", "natural-psf.fits.gz")];
    for (dirty, psf) in cases {
        let case = Case::run(&format!("kat7-wsclean/{dirty}"), &format!("kat7-wsclean/{psf}"), "");
        case.assert_ended_by_itself();
        case.assert_exact(3e-6);
        let truth = Image::read(&file("kat7-wsclean/truth-restored.fits.gz")).plane(0);
        let difference = case.products.restored().plane(0) - &truth;
        let before = case.dirty(0) - &truth;
        case.report(&format!(
            "rms to the true sky {:.4}, before {:.4} Jy/beam",
            sky::rms(&difference),
            sky::rms(&before)
        ));
        assert!(sky::rms(&difference) < 0.5 * sky::rms(&before), "{dirty}");
    }
}
