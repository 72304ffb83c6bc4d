//! Negative sources: cleaned, left alone, or the end of the run.

use ndarray::{Array2, s};

use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (64, 72);
const NEGATIVE: (usize, usize) = (44, 22);

/// Two sources, the fainter one negative.
fn folder() -> Folder {
    let folder = Folder::new();
    let dirty = sky::dirty(SHAPE, &[(20.0, 30.0, 1.0), (44.0, 22.0, -0.4)]) + sky::noise(SHAPE, 2e-3, 7);
    folder.pair(&dirty, &sky::wide_psf(SHAPE));
    folder
}

fn run(folder: &Folder, algorithm: &str, words: &str) -> Products {
    let scales = if algorithm == "multiscale" { "--multiscale-scales 0,6" } else { "" };
    let depth = "--auto-mask 0 --auto-threshold 4";
    folder.run("out", &format!("--overwrite --plots none --algorithm {algorithm} {scales} {depth} {words}"))
}

fn least(model: &Array2<f64>) -> f64 {
    model.iter().copied().fold(0.0, f64::min)
}

#[test]
fn negative_sources_are_cleaned_left_alone_or_end_the_run() {
    let folder = folder();
    for algorithm in ["clean", "clark", "hogbom", "multiscale"] {
        let both = run(&folder, algorithm, "");
        assert!((both.model().plane(0)[NEGATIVE] + 0.4).abs() < 0.05 || algorithm == "multiscale", "{algorithm}");
        assert!(least(&both.model().plane(0)) < -0.01, "{algorithm}");
        let positive = run(&folder, algorithm, "--no-negative");
        assert_eq!(least(&positive.model().plane(0)), 0.0, "{algorithm}");
        assert_eq!(positive.reasons(), ["threshold"], "{algorithm}");
        // positive sidelobes of the negative source, which stays, are cleaned elsewhere
        let near: f64 = positive.model().plane(0).slice(s![17..24, 27..34]).sum();
        assert!((near - 1.0).abs() < 0.05, "{algorithm}: {near}");
        assert!((positive.residual().plane(0)[NEGATIVE] + 0.4).abs() < 0.05, "it stays: {algorithm}");
        let ended = run(&folder, algorithm, "--stop-negative");
        assert_eq!(ended.reasons(), ["negative"], "{algorithm}");
        assert_eq!(least(&ended.model().plane(0)), 0.0, "{algorithm}");
        // the bright source is cleaned down to the other's height
        let left = ended.residual().plane(0)[(20, 30)];
        assert!(left < 0.45 && left > 0.2, "{algorithm}: {left}");
    }
}

#[test]
fn switch_of_a_file_is_a_flag_and_both_together_are_refused() {
    let folder = folder();
    std::fs::write(folder.path("c.toml"), "[clean]\nno_negative = true\n").unwrap();
    let file = run(&folder, "clean", "--config c.toml");
    assert_eq!(least(&file.model().plane(0)), 0.0);
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o x --no-negative --stop-negative");
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("no effect") && ran.err.contains("hint: "), "{}", ran.err);
}
