//! Noise that differs from place to place: the search goes as deep as it is quiet there.

use ndarray::Array2;

use crate::support::program::Folder;
use crate::support::sky;

const SHAPE: (usize, usize) = (96, 120);
const FAINT: (usize, usize) = (30, 25);

/// A faint source on the left, where it is quiet, and noise ten times as high on the right.
fn folder() -> Folder {
    let folder = Folder::new();
    let noise = sky::noise(SHAPE, 2e-3, 5);
    let noise = Array2::from_shape_fn(SHAPE, |at| noise[at] * if at.1 < 60 { 1.0 } else { 10.0 });
    let faint = sky::dirty(SHAPE, &[(FAINT.0 as f64, FAINT.1 as f64, 0.024), (70.0, 35.0, 0.5)]);
    folder.pair(&(faint + noise), &sky::wide_psf(SHAPE));
    folder
}

#[test]
fn quiet_places_are_cleaned_deeper_and_loud_ones_less() {
    let folder = folder();
    for algorithm in ["clean", "clark", "multiscale"] {
        let scales = if algorithm == "multiscale" { "--multiscale-scales 0" } else { "" };
        let words = format!("--plots none --algorithm {algorithm} {scales} --auto-mask 0 --auto-threshold 6");
        let model = |name: &str, more: &str| folder.run(name, &format!("--overwrite {words} {more}")).model().plane(0);
        let found =
            |model: &Array2<f64>| model.indexed_iter().filter(|((_, x), value)| *x >= 60 && **value != 0.0).count();
        let one = model("one", "");
        let local = model("local", "--local-rms --local-rms-window 12");
        // one noise for all is that of neither half
        assert!(found(&one) > 5 && one[FAINT] == 0.0, "{algorithm}: {} on the right", found(&one));
        assert!(found(&local) == 0 && local[FAINT] > 0.0, "{algorithm}: {} and {}", found(&local), local[FAINT]);
    }
}

#[test]
fn weights_change_no_component_and_no_cut_changes_them() {
    let folder = folder();
    let words = "--overwrite --plots none --local-rms --local-rms-method rms-with-min --local-rms-window 4";
    let one = folder.run("one", &format!("{words} --threads 1 --chunk full"));
    let other = folder.run("other", &format!("{words} --threads 2 --chunk 13"));
    assert!(one.model().pixels == other.model().pixels && one.residual().pixels == other.residual().pixels);
    // the residual of a source that is cleaned to the end is noise: its value was not weighed
    assert!(one.residual().plane(0)[(70, 35)].abs() < 0.02 && one.model().plane(0)[(70, 35)] > 0.3);
}

#[test]
fn what_tells_more_of_it_is_refused_without_it() {
    let folder = folder();
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o x --local-rms-window 9");
    assert!(ran.code != Some(0) && ran.err.contains("--local-rms-window has no effect"), "{}", ran.err);
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o x --algorithm hogbom --local-rms");
    assert!(ran.code != Some(0) && ran.err.contains("--local-rms has no effect"), "{}", ran.err);
}
