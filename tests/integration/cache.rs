//! A second run computes only what no earlier run has computed.

use std::fs;

use deconv::graph::{Cache, Op};
use deconv::pipeline::ops::DeconvOp;
use serde_json::Value;

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (60, 52);

fn folder() -> Folder {
    let folder = Folder::new();
    let dirty = sky::dirty(SHAPE, &[(20.0, 15.0, 1.0), (33.0, 30.0, 0.4)]) + sky::noise(SHAPE, 2e-3, 1);
    folder.pair(&dirty, &sky::wide_psf(SHAPE));
    folder
}

/// How many tasks of a kind were run.
fn ran(summary: &Value, kind: &str) -> u64 {
    summary["tasks"][kind].as_u64().unwrap_or(0)
}

fn files(products: &Products) -> [Vec<u8>; 3] {
    ["model.fits", "residual.fits", "image.fits"].map(|suffix| fs::read(products.file(suffix)).unwrap())
}

/// Runs with one cache: first these words, then others; the summaries. The second must give the same bytes as without.
fn change(folder: &Folder, first: &str, second: &str) -> [Value; 2] {
    let one = folder.run("one", &format!("{first} --plots none --cache kept")).summary();
    let alone = files(&folder.run("two", &format!("{second} --plots none --overwrite")));
    let two = folder.run("two", &format!("{second} --plots none --cache kept --overwrite"));
    assert!(files(&two) == alone, "{second}: not the bytes of a run without a cache");
    [one, two.summary()]
}

/// Kinds of tasks that transform the PSF and prepare the dirty image.
const LOADING: [&str; 4] = ["prepare", "allow", "psf-rows", "transfer"];

/// Whatever takes no longer to compute than to read back may be computed again (rows as read, a residual of a known model),
/// but nothing of what goes before.
fn assert_restores_only(summary: &Value) {
    let tasks = summary["tasks"].as_object().unwrap();
    let last = ["read", "beam-rows", "rows", "columns", "residual", "restore", "write"];
    assert!(tasks.keys().all(|kind| last.contains(&kind.as_str())), "{tasks:?}");
    assert!(ran(summary, "write") > 0);
}

#[test]
fn same_run_again_only_writes_its_products() {
    for words in ["--niter 500", "--algorithm wiener --lambda gcv"] {
        let [one, two] = change(&folder(), words, words);
        assert!(ran(&one, "read") > 0 && ran(&one, "write") > 0);
        assert_restores_only(&two);
        assert!(two["kept"]["taken"].as_u64().unwrap() > 10, "{words}");
    }
}

#[test]
fn other_number_of_components_loads_nothing_again() {
    let [one, two] = change(&folder(), "--niter 500", "--niter 90");
    for kind in LOADING {
        assert!(ran(&one, kind) > 0 && ran(&two, kind) == 0, "{kind}");
    }
    assert!(ran(&two, "minor-scales") > 0);
}

#[test]
fn other_lambda_loads_nothing_again() {
    for boundary in ["circular", "linear"] {
        let words = format!("--algorithm wiener --boundary {boundary} --lambda");
        let [one, two] = change(&folder(), &format!("{words} 1e-3"), &format!("{words} 2e-3"));
        for kind in LOADING.iter().chain(&["mode-survey", "usable"]) {
            assert!(ran(&one, kind) > 0 && ran(&two, kind) == 0, "{boundary} {kind}");
        }
        assert!(ran(&two, "filter") > 0);
        // the PSF is not even read; rows of the dirty image may be
        assert!(2 * ran(&two, "read") < ran(&one, "read"), "{boundary}: {} {}", one["tasks"], two["tasks"]);
        let spared =
            |summary: &Value| summary["kept"]["tasks"].as_u64().unwrap() - summary["kept"]["run"].as_u64().unwrap();
        assert!(spared(&two) > spared(&one) && two["kept"]["taken"].as_u64().unwrap() > 0, "{boundary}");
    }
}

#[test]
fn other_psf_of_the_same_peak_leaves_the_dirty_image_as_it_was_read() {
    let folder = folder();
    let words = "--niter 300 --plots none --cache kept";
    folder.run("one", words);
    let lower = sky::wide_psf(SHAPE).mapv(|value| if value < 1.0 { 0.98 * value } else { value });
    folder.save("other.fits", &Image::new(&lower));
    let pair = ("dirty.fits", "other.fits");
    let alone = folder.run_pair(pair, "two", "--niter 300 --plots none --overwrite");
    let (alone, whole) = (files(&alone), alone.summary());
    let two = folder.run_pair(pair, "two", "--niter 300 --plots none --cache kept --overwrite");
    assert!(files(&two) == alone);
    let two = two.summary();
    assert_eq!(["prepare", "allow"].map(|kind| ran(&two, kind)), [0, 0]);
    assert!(ran(&two, "read") > 0 && ran(&two, "read") < ran(&whole, "read"), "the PSF is read and nothing else");
    for kind in ["transfer", "minor-scales"] {
        assert!(ran(&two, kind) > 0, "{kind}");
    }
}

#[test]
fn results_serve_another_algorithm_too() {
    let [_, two] = change(&folder(), "--algorithm clean --niter 500", "--algorithm hogbom --niter 50");
    assert_eq!(LOADING.map(|kind| ran(&two, kind)), [0; 4]);
}

#[test]
fn file_that_was_written_again_is_read_again() {
    let folder = folder();
    folder.run("one", "--niter 50 --plots none --cache kept");
    folder.pair(&sky::dirty(SHAPE, &[(40.0, 15.0, 1.0)]), &sky::wide_psf(SHAPE));
    let alone = files(&folder.run("two", "--niter 50 --plots none --overwrite"));
    let two = folder.run("two", "--niter 50 --plots none --cache kept --overwrite");
    assert!(files(&two) == alone);
    assert!(ran(&two.summary(), "prepare") > 0);
}

#[test]
fn damaged_results_are_computed_again() {
    let folder = folder();
    let words = "--niter 500 --plots none --cache kept --overwrite";
    let expected = files(&folder.run("out", words));
    // the folder's mark stays as it is
    let kept = fs::read_dir(folder.path("kept")).unwrap().map(|entry| entry.unwrap().path());
    for (number, path) in kept.filter(|path| !path.ends_with("CACHEDIR.TAG")).enumerate() {
        let mut bytes = fs::read(&path).unwrap();
        if let Some(byte) = bytes.last_mut().filter(|_| number % 2 == 0) {
            *byte ^= 1;
            fs::write(path, bytes).unwrap();
        }
    }
    assert!(files(&folder.run("out", words)) == expected);
    assert_restores_only(&folder.run("out", words).summary());
}

#[test]
fn cache_of_no_use_changes_nothing_and_its_size_is_kept() {
    let folder = folder();
    let alone = files(&folder.run("out", "--niter 500 --plots none"));
    for size in ["1B", "60kB"] {
        for _ in 0..2 {
            let out =
                folder.run("out", &format!("--niter 500 --plots none --cache kept --cache-size {size} --overwrite"));
            // the configuration in HISTORY tells the size
            let pixels = |bytes: &[u8]| bytes[bytes.len() - 4 * SHAPE.0 * SHAPE.1 / 2..].to_vec();
            assert!(files(&out).iter().zip(&alone).all(|(a, b)| pixels(a) == pixels(b)), "{size}");
        }
        let kept: u64 = fs::read_dir(folder.path("kept")).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert!(kept <= 60_000, "{size}: {kept}");
    }
}

#[test]
fn a_run_waits_for_the_folder_of_one_that_is_about_to_end() {
    let folder = folder();
    let holder = Cache::on_disk(&folder.path("kept"), 1000, DeconvOp::codec().unwrap()).unwrap();
    // as one that was killed, and whose lock the system has not let go of yet
    let end = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(400));
        drop(holder);
    });
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --cache kept --niter 50 --plots none");
    end.join().unwrap();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn folder_in_use_is_refused_and_so_are_flags_without_effect() {
    let folder = folder();
    let codec = DeconvOp::codec().unwrap();
    let holder = Cache::on_disk(&folder.path("kept"), 1000, codec).unwrap();
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --cache kept");
    assert!(ran.code == Some(1) && ran.err.contains("another run is using it"), "{}", ran.err);
    drop(holder);
    for words in ["--cache-size 1GiB", "--resume --cache kept"] {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o out {words}"));
        assert_eq!(ran.code, Some(2), "{words}\n{}", ran.err);
    }
    fs::write(folder.path("file"), "").unwrap();
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --cache file");
    assert!(ran.code == Some(1) && ran.err.contains("cannot keep results in file"), "{}", ran.err);
}
