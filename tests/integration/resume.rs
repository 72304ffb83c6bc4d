//! A run that was killed goes on where it was, and writes the same bytes as one that was left alone.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (72, 80);
const INPUTS: &str = "--dirty dirty.fits --psf psf.fits -o out --threads 2 --chunk 24 --plots none";

fn folder() -> Folder {
    let folder = Folder::new();
    let points: Vec<sky::Point> =
        (0..9_u8).map(f64::from).map(|k| (9.0 + (k * 17.3) % 52.0, 8.0 + (k * 29.7) % 61.0, 1.0 / (k + 1.0))).collect();
    folder.pair(&(sky::dirty(SHAPE, &points) + sky::noise(SHAPE, 1e-3, 7)), &sky::wide_psf(SHAPE));
    folder
}

fn spawn(folder: &Folder, words: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_deconv"))
        .args(INPUTS.split(' ').chain(words.split_whitespace()))
        .current_dir(folder.root())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The FITS products, and what the summary tells of the planes without times.
fn essence(products: &Products) -> (Vec<Vec<u8>>, Vec<serde_json::Value>) {
    let files = ["model.fits", "residual.fits", "image.fits"].map(|suffix| fs::read(products.file(suffix)).unwrap());
    let mut planes = products.summary()["planes"].as_array().unwrap().clone();
    planes.iter_mut().for_each(|plane| drop(plane.as_object_mut().unwrap().remove("wall_s")));
    (files.to_vec(), planes)
}

/// Starts the run and kills it after so long; tells whether it had ended before.
fn disturb(folder: &Folder, words: &str, after: Duration) -> bool {
    let mut child = spawn(folder, words);
    let begin = Instant::now();
    while begin.elapsed() < after {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{words}");
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap().success()
}

/// Kills the run at `kills` instants, begins it again each time, and compares what comes of it.
fn check((words, flag): (&str, &str), kills: usize, seed: u64) {
    let alone = folder();
    let begin = Instant::now();
    assert!(spawn(&alone, words).wait().unwrap().success(), "{words}");
    let whole = begin.elapsed();
    let expected = essence(&alone.products("out"));

    let disturbed = folder();
    let words = format!("{words} --{flag}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut killed, mut spared) = (0, 0);
    while killed < kills {
        let is_done = disturb(&disturbed, &words, whole.mul_f64(random.random_range(0.0..1.1)));
        killed += usize::from(!is_done);
        if is_done || killed == kills {
            spared += end(&disturbed, &words, is_done, &expected);
        }
    }
    assert!(spared > 0, "{words}: nothing was ever taken from where the run was killed");
}

/// Lets the run end, looks at what came of it, and takes it away; returns how many results were taken.
fn end(folder: &Folder, words: &str, is_done: bool, expected: &(Vec<Vec<u8>>, Vec<serde_json::Value>)) -> u64 {
    if !is_done {
        assert!(spawn(folder, words).wait().unwrap().success(), "{words}");
    }
    let products = folder.products("out");
    let found = essence(&products);
    assert!(found.0 == expected.0, "{words}: the products are not those of a run that was left alone");
    assert_eq!(found.1, expected.1, "{words}");
    let listing = folder.listing();
    let left: Vec<_> = listing.keys().map(|path| path.file_name().unwrap().to_string_lossy()).collect();
    assert!(!left.iter().any(|name| name.ends_with(".part") || name.ends_with(".resume")), "{words}: {left:?}");
    let taken = products.summary()["kept"]["taken"].as_u64().unwrap();
    for path in listing.keys().filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("out")) {
        fs::remove_file(path).unwrap();
    }
    taken
}

#[test]
fn clean_killed_at_ten_instants_ends_with_the_bytes_of_an_undisturbed_run() {
    check(("--algorithm clean --mgain 0.3 --nmiter 60 --auto-mask 4", "checkpoint"), 10, 1);
}

#[test]
fn wiener_with_the_linear_boundary_killed_at_ten_instants_ends_with_the_bytes_of_an_undisturbed_run() {
    check(("--algorithm wiener --boundary linear --lambda 1e-4", "resume"), 10, 2);
}

#[test]
fn multiscale_killed_at_ten_instants_ends_with_the_bytes_of_an_undisturbed_run() {
    check(("--algorithm multiscale --mgain 0.3 --nmiter 60 --auto-mask 4", "checkpoint"), 10, 3);
}

#[test]
fn checkpoints_of_a_run_spare_the_cycles_that_were_done() {
    let words = "--algorithm clean --mgain 0.3 --nmiter 60 --auto-mask 4 --checkpoint";
    let folder = folder();
    let mut child = spawn(&folder, words);
    let results = folder.path("out.resume");
    // some cycles leave dozens of results
    let kept = || fs::read_dir(&results).map_or(0, Iterator::count);
    while kept() < 60 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    if child.wait().unwrap().success() {
        return;
    }
    assert!(spawn(&folder, words).wait().unwrap().success());
    let products = folder.products("out");
    let summary = products.summary();
    let minor = summary["tasks"]["minor"].as_u64().unwrap_or_else(|| panic!("{}", summary["tasks"]));
    let cycles = summary["planes"][0]["cycles"].as_u64().unwrap();
    assert!(minor < cycles, "{minor} minor cycles were run of {cycles}");
}

/// Starts the run and ends it as a user would, once it has kept something; tells whether it had ended before.
fn interrupt(folder: &Folder, words: &str) -> bool {
    let mut child = spawn(folder, words);
    let results = folder.path("out.resume");
    let kept = || fs::read_dir(&results).is_ok_and(|mut entries| entries.next().is_some());
    while !kept() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    match child.wait().unwrap().code() {
        Some(0) => true,
        // Ended early, or before the program listened to signals at all.
        Some(3) | None => false,
        other => panic!("{words}: ended with {other:?}"),
    }
}

#[test]
fn run_ended_by_the_user_can_be_gone_on_with() {
    let words = "--mgain 0.3 --nmiter 60 --auto-mask 4";
    let alone = folder();
    assert!(spawn(&alone, words).wait().unwrap().success());
    let stopped = folder();
    let words = format!("{words} --resume");
    let is_done = (0..3).any(|_| interrupt(&stopped, &words));
    end(&stopped, &words, is_done, &essence(&alone.products("out")));
}

#[test]
fn first_run_with_resume_leaves_nothing_but_its_products() {
    let (plain, kept) = (folder(), folder());
    plain.run("out", "--niter 300 --plots none");
    kept.run("out", "--niter 300 --plots none --resume");
    let names = |folder: &Folder| {
        let listing = folder.listing().into_keys();
        listing.map(|path| path.file_name().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&plain), names(&kept));
    let refused = kept.deconv("--dirty dirty.fits --psf psf.fits -o out --plots none --resume");
    assert!(refused.code == Some(1) && refused.err.contains("exists already"), "{}", refused.err);
    assert_eq!(names(&plain), names(&kept), "a run that does not begin leaves nothing");
}

#[test]
fn resume_of_a_run_that_has_ended_touches_nothing_and_that_of_another_is_refused() {
    let folder = folder();
    let again = format!("{INPUTS} --niter 300 --resume");
    assert_eq!(folder.deconv(&again).code, Some(0));
    let before = folder.listing();
    let ran = folder.deconv(&again);
    assert!(ran.code == Some(0) && ran.err.contains("has ended; --overwrite repeats it"), "{}", ran.err);
    assert_eq!(folder.listing(), before);
    let refused = |words: &str| {
        let ran = folder.deconv(words);
        assert!(ran.code == Some(1) && ran.err.contains("exists already"), "{words}\n{}", ran.err);
        assert_eq!(folder.listing(), before, "{words}");
    };
    refused(&format!("{again} --gain 0.2"));
    // an input that is newer than what came of it
    let dirty = fs::OpenOptions::new().append(true).open(folder.path("dirty.fits")).unwrap();
    dirty.set_modified(std::time::SystemTime::now()).unwrap();
    refused(&again);
}

#[test]
fn folder_of_somebody_else_is_refused_and_no_file_is_touched() {
    let folder = folder();
    fs::create_dir(folder.path("out.resume")).unwrap();
    fs::write(folder.path("out.resume/thesis.txt"), "x").unwrap();
    fs::create_dir(folder.path("data")).unwrap();
    fs::write(folder.path("data/download.part"), "half of it").unwrap();
    fs::write(folder.path("data/lock"), "mine").unwrap();
    fs::write(folder.path("out-image.fits"), "mine").unwrap();
    let begin = folder.listing();
    for (words, file) in [("-o out --resume", "thesis.txt"), ("-o new --cache data --profile seen", "")] {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits --plots none {words}"));
        assert_eq!(ran.code, Some(1), "{words}\n{}", ran.err);
        for needle in
            ["cannot keep results in", file, "was not made for results", "hint: name a new or an empty folder"]
        {
            assert!(ran.err.contains(needle), "{words}: '{needle}' is not in\n{}", ran.err);
        }
        assert_eq!(folder.listing(), begin, "{words}");
    }
}

#[test]
fn empty_folder_lets_no_run_replace_a_product() {
    let folder = folder();
    fs::create_dir(folder.path("out.resume")).unwrap();
    fs::write(folder.path("out-image.fits"), "mine").unwrap();
    let begin = folder.listing();
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --plots none --resume");
    assert!(ran.code == Some(1) && ran.err.contains("exists already"), "{}", ran.err);
    assert_eq!(folder.listing(), begin);
}

#[test]
fn configuration_that_would_take_the_place_of_an_output_is_refused_before_any_work() {
    let folder = folder();
    let begin = folder.listing();
    for file in ["s-summary.json", "./s-image.fits", "s-components.csv"] {
        let words = "--dirty dirty.fits --psf psf.fits -o s --plots none --save-components csv --save-config";
        let ran = folder.deconv(&format!("{words} {file}"));
        assert_eq!(ran.code, Some(1), "{file}\n{}", ran.err);
        assert!(
            ran.err.contains(&format!("cannot use --save-config {file}")) && ran.err.contains("hint: "),
            "{}",
            ran.err
        );
        assert_eq!(folder.listing(), begin, "{file}");
    }
}
