//! Ctrl-C ends a long run within seconds and leaves products that are consistent and marked.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::program::Folder;
use crate::support::sky;

const SHAPE: (usize, usize) = (384, 400);

fn interrupted(words: &str) -> Folder {
    let folder = Folder::new();
    let dirty = sky::noise(SHAPE, 1.0, 5);
    folder.pair(&dirty, &sky::wide_psf(SHAPE));
    let mut child = Command::new(env!("CARGO_BIN_EXE_deconv"))
        .args("--dirty dirty.fits --psf psf.fits -o out --auto-mask 0 --auto-threshold 0 --gain 0.00001".split(' '))
        .args(words.split_whitespace())
        .current_dir(folder.root())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    assert!(child.try_wait().unwrap().is_none(), "{words}: the run is long");
    let begin = Instant::now();
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > Duration::from_secs(15) {
            child.kill().unwrap();
            panic!("{words}: no end 15 s after the interrupt");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{words}\n{told}");
    assert!(told.contains("interrupted"), "{told}");
    folder
}

fn check(words: &str) {
    let folder = interrupted(words);
    let products = folder.products("out");
    assert_eq!(products.summary()["interrupted"].as_bool(), Some(true));
    assert_eq!(products.reasons(), ["interrupted"], "{words}");
    let (model, dirty) = (products.model().plane(0), sky::noise(SHAPE, 1.0, 5).mapv(|v| f64::from(v as f32)));
    assert!(sky::max_abs(&model) > 0.0, "{words}: what was found so far is kept");
    let kernel = sky::wide_psf(SHAPE).mapv(|v| f64::from(v as f32));
    let expected = &dirty - &sky::convolve_fast(&model, &kernel, SHAPE);
    let misfit = sky::max_abs(&(expected - products.residual().plane(0))) / sky::max_abs(&dirty);
    assert!(misfit < 3e-6, "{words}: the residual is that of the model, {misfit:e}");
    for image in [products.model(), products.residual(), products.restored()] {
        assert!(image.history().to_lowercase().contains("interrupted"), "{words}\n{}", image.history());
    }
    let hidden = folder.listing().into_keys().any(|path| path.to_string_lossy().contains(".part"));
    assert!(!hidden, "{words}: nothing temporary is left");
}

#[test]
fn interrupted_hogbom_ends_soon_with_consistent_products() {
    check("--algorithm hogbom --niter 100000000");
}

#[test]
fn interrupted_clean_ends_soon_with_consistent_products() {
    check("--algorithm clean --niter 100000000 --nmiter 1000000");
}
