//! Ctrl-C and SIGTERM: the first ends a long run within seconds and leaves products that are consistent and marked, the
//! second leaves nothing; a kill leaves hidden files, which the next run clears.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::fits::Image;
use crate::support::program::Folder;
use crate::support::sky;

const SHAPE: (usize, usize) = (384, 400);

/// For the end of a run that would take hours; restoring and drawing take most of it without optimisation.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 120 } else { 15 });

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Starts a run that would take hours, sends it signals, and expects this exit code soon; gives what it said too.
fn interrupted(words: &str, signals: &[&str], code: i32) -> (Folder, String) {
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
    signals.iter().for_each(|signal| send(signal, &child));
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{words}: no end {PATIENCE:?} after the interrupt");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{words}\n{told}");
    assert!(told.contains("interrupted"), "{told}");
    (folder, told)
}

fn check(words: &str) {
    let (folder, told) = interrupted(words, &["-INT"], 3);
    assert!(told.contains("the products are consistent, but the deconvolution is not complete"), "{told}");
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

#[test]
fn terminated_run_ends_like_an_interrupted_one() {
    let (folder, _) = interrupted("--algorithm clean --niter 100000000 --nmiter 1000000", &["-TERM"], 3);
    assert_eq!(folder.products("out").reasons(), ["interrupted"]);
}

#[test]
fn second_signal_leaves_no_product_and_nothing_temporary() {
    // stopped, the process finds both signals at once when it goes on
    let signals = ["-STOP", "-INT", "-TERM", "-CONT"];
    let (folder, told) = interrupted("--algorithm clean --niter 100000000 --nmiter 1000000", &signals, 130);
    assert!(told.contains("aborted: nothing was written"), "{told}");
    let left: Vec<_> = folder.listing().into_keys().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert!(left.len() == 2 && left.iter().all(|name| name == "dirty.fits" || name == "psf.fits"), "{left:?}");
}

#[test]
fn second_signal_to_a_batch_leaves_no_product_and_nothing_temporary() {
    let folder = Folder::new();
    for seed in 1..4 {
        folder.save(&format!("d{seed}.fits"), &Image::new(&sky::noise((96, 96), 1.0, seed)));
    }
    folder.save("psf.fits", &Image::new(&sky::wide_psf((96, 96))));
    let mut child = Command::new(env!("CARGO_BIN_EXE_deconv"))
        .args(["--dirty", "d?.fits", "--psf", "psf.fits", "-o", "out", "--threads", "2", "--plots", "none"])
        .args("--auto-mask 0 --auto-threshold 0 --gain 0.00001 --niter 1000000000 --nmiter 1000000".split(' '))
        .current_dir(folder.root())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let is_begun = || folder.listing().into_keys().any(|path| path.to_string_lossy().ends_with(".part"));
    while !is_begun() {
        assert!(child.try_wait().unwrap().is_none(), "the batch is long");
        std::thread::sleep(Duration::from_millis(20));
    }
    ["-STOP", "-INT", "-TERM", "-CONT"].iter().for_each(|signal| send(signal, &child));
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("aborted"), "{told}");
    let left: Vec<_> = folder.listing().into_keys().map(|path| path.to_string_lossy().into_owned()).collect();
    assert!(!left.iter().any(|path| path.contains(".part") || path.contains("out/d")), "{left:?}");
}

#[test]
fn what_a_killed_run_left_hidden_is_cleared_by_the_next_and_not_by_one_beside_it() {
    let folder = Folder::new();
    folder.pair(&sky::noise((64, 64), 1.0, 5), &sky::wide_psf((64, 64)));
    let begin = || {
        let child = Command::new(env!("CARGO_BIN_EXE_deconv"))
            .args("--dirty dirty.fits --psf psf.fits -o out --plots none --auto-mask 0 --auto-threshold 0".split(' '))
            .args("--gain 0.00001 --niter 1000000000 --nmiter 1000000".split(' '))
            .current_dir(folder.root())
            .stderr(Stdio::null())
            .spawn();
        child.unwrap()
    };
    let hidden = || folder.listing().into_keys().filter(|path| path.to_string_lossy().ends_with(".part")).count();
    let wait_for = |count: usize| {
        while hidden() < count {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let mut first = begin();
    wait_for(3);
    // a run beside it leaves its files alone
    let beside = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --plots none --niter 1");
    assert_eq!((beside.code, hidden()), (Some(0), 3), "{}", beside.err);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(hidden(), 3, "a killed run cannot clear up");
    let next = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --plots none --niter 1 --overwrite");
    assert_eq!((next.code, hidden()), (Some(0), 0), "{}", next.err);
}
