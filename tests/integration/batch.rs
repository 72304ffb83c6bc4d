//! Batches: pairs by pattern in one session, each to the bytes of a run of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cli_errors::refused;
use crate::support::fits::Image;
use crate::support::program::{Folder, Ran};
use crate::support::sky;

const PATTERNS: &str = "--dirty night*/*-dirty.fits --psf night*/*-psf.fits";

/// Pairs of different sizes in the folders of two nights; the second night's images are two.
const PAIRS: [(&str, (usize, usize)); 3] = [("night2/b", (48, 40)), ("night10/a", (64, 72)), ("night10/b", (33, 41))];

fn pair(folder: &Folder, name: &str, shape: (usize, usize), seed: u64) {
    fs::create_dir_all(folder.path(name).parent().unwrap()).unwrap();
    let points = [(20.0, 15.0, 1.0), (11.0, 30.0, 0.4)];
    let dirty = sky::dirty(shape, &points) + sky::noise(shape, 1e-3, seed);
    folder.save(&format!("{name}-dirty.fits"), &Image::new(&dirty));
    folder.save(&format!("{name}-psf.fits"), &Image::new(&sky::wide_psf(shape)));
}

fn nights() -> Folder {
    let folder = Folder::new();
    for ((name, shape), seed) in PAIRS.into_iter().zip(1..) {
        pair(&folder, name, shape, seed);
    }
    folder
}

fn succeeds(folder: &Folder, words: &str) -> Ran {
    let ran = folder.deconv(words);
    assert_eq!(ran.code, Some(0), "{words}\n{}", ran.err);
    ran
}

fn summary(folder: &Folder, path: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.path(path)).unwrap()).unwrap()
}

fn ends(summary: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    summary["pairs"].as_array().unwrap().iter().map(|pair| (text(&pair["name"]), text(&pair["end"]))).collect()
}

/// Every file below a folder that a run by itself would write with the same bytes.
fn essence(folder: &Folder, below: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = folder.path(below);
    let is_same = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        path.extension().is_some_and(|ending| ending == "fits")
            || name.ends_with("preview.png")
            || name.ends_with("convergence.png")
    };
    let files = folder.listing().into_iter().filter(|(path, _)| path.starts_with(&root) && is_same(path));
    files.map(|(path, bytes)| (path.strip_prefix(&root).unwrap().to_owned(), bytes.unwrap())).collect()
}

/// Runs the batch, then every pair by itself, and compares the files.
fn check_bytes(words: &str, plots: usize) {
    let folder = nights();
    succeeds(&folder, &format!("{PATTERNS} {words}"));
    fs::rename(folder.path("outputs"), folder.path("batch")).unwrap();
    for (name, _) in PAIRS {
        fs::create_dir_all(folder.path("outputs").join(name).parent().unwrap()).unwrap();
        succeeds(&folder, &format!("--dirty {name}-dirty.fits --psf {name}-psf.fits {words} -o outputs/{name}-dirty"));
    }
    let (batch, alone) = (essence(&folder, "batch"), essence(&folder, "outputs"));
    assert_eq!(batch.len(), (3 + plots) * PAIRS.len(), "{words}");
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&batch), names(&alone), "{words}");
    for ((path, own), (_, other)) in batch.iter().zip(&alone) {
        assert!(own == other, "{words}: {} differs", path.display());
    }
}

#[test]
fn each_pair_has_the_bytes_of_a_run_of_its_own_for_any_threads() {
    check_bytes("--threads 1 --plots none", 0);
    check_bytes("--threads 2 --plots preview,convergence", 2);
    check_bytes("--threads 3 --chunk 16 --plots none", 0);
}

#[test]
fn each_pair_has_the_bytes_of_a_run_of_its_own_by_any_algorithm_and_scheduler() {
    check_bytes("--algorithm wiener --sigma 1e-3 --threads 2 --plots none", 0);
    check_bytes("--algorithm wiener --boundary circular --scheduler sync --plots none", 0);
    check_bytes("--scheduler processes --threads 2 --plots none", 0);
}

#[test]
fn batch_tells_a_line_for_each_pair_and_sums_up_under_the_folder_that_was_named() {
    let folder = nights();
    let ran = succeeds(&folder, &format!("{PATTERNS} -o out --threads 2 --profile prof --save-config used.toml"));
    let lines: Vec<&str> = ran.err.lines().filter(|line| line.contains("-dirty  ")).collect();
    let names: Vec<&str> = lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["night2/b-dirty", "night10/a-dirty", "night10/b-dirty"], "{}", ran.err);
    assert!(lines.iter().all(|line| line.contains("threshold")), "{}", ran.err);
    let batch = summary(&folder, "out/batch-summary.json");
    assert!(ends(&batch).iter().all(|(_, end)| end == "done"), "{batch}");
    assert_eq!((batch["pairs_at_once"].as_u64(), batch["workers"].as_u64()), (Some(2), Some(2)));
    let own = summary(&folder, "out/night10/a-dirty-summary.json");
    let pair = &batch["pairs"][1];
    assert_eq!(own["planes"][0]["residual"]["sigma"], pair["noise"]);
    assert_eq!(own["planes"][0]["flux_jy"], pair["flux_jy"]);
    assert!(own["command"].as_str().unwrap().contains("--dirty night10/a-dirty.fits --psf night10/a-psf.fits"));
    // one profile, of both workers and of all pairs
    let tasks = fs::read_to_string(folder.path("prof/tasks.jsonl")).unwrap();
    let tasks: Vec<Value> = tasks.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds = batch["tasks"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum::<u64>();
    assert_eq!(tasks.iter().map(|task| task["count"].as_u64().unwrap()).sum::<u64>(), kinds);
    assert!(tasks.iter().all(|task| task["worker"].as_u64().unwrap() < 2));
    for number in 0..3 {
        let minor = format!("minor-scales({number}, ");
        assert!(tasks.iter().any(|task| task["key"].as_str().unwrap().starts_with(&minor)), "{minor}");
    }
    for file in ["prof/report.html", "out/batch-profile.svg", "out/batch-profile.png", "used.toml"] {
        assert!(folder.path(file).is_file(), "{file}");
    }
    assert!(!folder.path("out/night2/b-dirty-profile.svg").exists(), "the profile is the batch's");
}

#[test]
fn tasks_of_several_pairs_are_interleaved() {
    let folder = nights();
    succeeds(&folder, &format!("{PATTERNS} --threads 2 --profile prof --plots none"));
    let tasks = fs::read_to_string(folder.path("prof/tasks.jsonl")).unwrap();
    let pairs = tasks.lines().map(|line| {
        let task: Value = serde_json::from_str(line).unwrap();
        let key = task["key"].as_str().unwrap();
        key.split(['(', ',', ')']).nth(1).unwrap().parse::<u32>().unwrap()
    });
    let pairs: Vec<u32> = pairs.collect();
    let turns = pairs.windows(2).filter(|two| two[0] != two[1]).count();
    // one after the other they would change twice
    assert!(turns > 2, "{turns} turns among {} tasks", pairs.len());
}

#[test]
fn one_psf_serves_all_and_a_part_is_taken_of_every_file() {
    let folder = nights();
    let psf = sky::wide_psf((33, 41));
    folder.save("psf.fits", &Image::new(&psf));
    let words = "--dirty night*/*-dirty.fits[1:33,1:33] --psf psf.fits --plots none -o out/ --algorithm hogbom";
    succeeds(&folder, words);
    for (name, _) in PAIRS {
        assert_eq!(folder.products(&format!("out/{name}-dirty")).model().axes[..2], [33, 33], "{name}");
    }
}

#[test]
fn brackets_stay_those_of_an_hdu_and_region_of_one_file() {
    let folder = nights();
    let words = "--dirty night2/b-dirty.fits[*,1:33] --psf night2/b-psf.fits[0] -o one --plots none";
    succeeds(&folder, words);
    assert_eq!(folder.products("one").model().axes[..2], [40, 33]);
    assert!(!folder.path("outputs").exists() && !folder.path("one-batch-summary.json").exists());
}

#[test]
fn files_that_make_no_pairs_are_refused_before_any_work() {
    let folder = nights();
    let both = |dirty: &str, psf: &str| format!("--dirty {dirty} --psf {psf}");
    let needles = ["error: no file matches --dirty 'noon*/*.fits'", "hint: "];
    refused(&folder, &both("noon*/*.fits", "night*/*.fits"), 1, &needles);
    let needles = ["no file matches --dirty 'night[12]/*-dirty.fits'", "hint: ", "a bracket for itself"];
    refused(&folder, &both("night[12]/*-dirty.fits", "night2/b-psf.fits"), 1, &needles);
    let needles = ["error: cannot pair the files", "wildcards **", "'night2/*-psf.fits' has *\n", "hint: "];
    refused(&folder, &both("night*/*-dirty.fits", "night2/*-psf.fits"), 1, &needles);
    let needles = ["error: cannot pair one dirty image with a pattern", "hint: "];
    refused(&folder, &both("night2/b-dirty.fits", "night2/*-psf.fits"), 1, &needles);
    refused(&folder, &both("night2/*.fits", "night2/b-psf.fits"), 1, &["night2/b-psf.fits is matched", "hint: narrow"]);
    fs::remove_file(folder.path("night10/a-psf.fits")).unwrap();
    let needles = ["1 of 3 dirty images have no PSF", "night10/a-dirty.fits has no night10/a-psf.fits", "hint: "];
    refused(&folder, PATTERNS, 1, &needles);
    fs::copy(folder.path("night2/b-dirty.fits"), folder.path("night2/b-dirty.fit")).unwrap();
    let needles = ["same products b-dirty-image.fits", "night2/b-dirty.fit\n", "night2/b-dirty.fits\n", "hint: "];
    refused(&folder, &both("night2/*-dirty.fit*", "night2/b-psf.fits"), 1, &needles);
}

#[test]
fn other_jobs_take_one_pair() {
    let folder = nights();
    for job in ["sweep --chunk 16,32 -o out", "graph -o graph.svg"] {
        refused(&folder, &format!("{job} {PATTERNS}"), 2, &["works on one pair", "night*/*-dirty.fits", "hint: "]);
    }
}

#[test]
fn products_that_exist_are_refused_before_any_work() {
    let folder = nights();
    fs::create_dir_all(folder.path("out/night10")).unwrap();
    for file in ["out/night10/b-dirty-model.fits", "out/night10/b-dirty-preview.png", "out/batch-summary.json"] {
        fs::write(folder.path(file), "mine").unwrap();
        refused(&folder, &format!("{PATTERNS} -o out"), 1, &[file, "exists already", "--overwrite"]);
        fs::remove_file(folder.path(file)).unwrap();
    }
    fs::copy(folder.path("night2/b-dirty.fits"), folder.path("night2/batch.fits")).unwrap();
    let words = "--dirty night2/bat*.fits --psf night2/b-psf.fits -o out";
    refused(&folder, words, 1, &["night2/batch.fits", "out/batch-summary.json", "that of the batch", "hint: "]);
    // a product of one pair that is an input of another
    fs::copy(folder.path("night2/b-dirty.fits"), folder.path("night2/b-dirty-image.fits")).unwrap();
    let words = "--dirty night2/b-dirty*.fits --psf night2/b-psf.fits -o night2 --overwrite";
    refused(&folder, words, 1, &["night2/b-dirty-image.fits", "hint: "]);
}

#[test]
fn pair_that_fails_does_not_stop_the_others_and_is_named_with_its_reason() {
    let folder = nights();
    fs::write(folder.path("night2/b-dirty.fits"), "no FITS at all").unwrap();
    folder.save("night10/b-dirty.fits", &Image::new(&ndarray::Array2::zeros((33, 41))));
    let ran = folder.deconv(&format!("{PATTERNS} --threads 2 --plots none -o out"));
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    for needle in [
        "error: 1 of 3 pairs failed; the products of the others are complete\n  night2/b-dirty: night2/b-dirty.fits is not",
        "hint: give a FITS image",
        "warning: night10/b-dirty: nothing to deconvolve in night10/b-dirty.fits: in HDU 1 every pixel is zero",
    ] {
        assert!(ran.err.contains(needle), "{needle}\n{}", ran.err);
    }
    let batch = summary(&folder, "out/batch-summary.json");
    let end = |name: &str, end: &str| (name.to_owned(), end.to_owned());
    let expected = [end("night2/b-dirty", "failed"), end("night10/a-dirty", "done"), end("night10/b-dirty", "done")];
    assert_eq!(ends(&batch), expected);
    assert_eq!(batch["failed"].as_u64(), Some(1));
    let products: Vec<_> = essence(&folder, "out").into_iter().map(|(path, _)| path).collect();
    assert_eq!(products.len(), 6, "{products:?}");
    assert!(products.iter().all(|path| path.starts_with("night10")));
    assert!(!folder.listing().into_keys().any(|path| path.to_string_lossy().contains(".part")));
}

#[test]
fn memory_is_parted_among_the_pairs_and_a_large_one_runs_alone() {
    let folder = Folder::new();
    for (name, side) in [("n1/a", 96), ("n1/b", 96), ("n1/large", 600)] {
        pair(&folder, name, (side, side), 5);
    }
    let words = "--dirty n1/*-dirty.fits --psf n1/*-psf.fits --threads 2 --memory 60MiB --chunk full --plots none \
                 --algorithm clean";
    let plan = succeeds(&folder, &format!("{words} --dry-run")).out;
    assert!(plan.starts_with("3 pairs, 2 at a time at the most, with 2 workers and 60.0MiB in all"), "{plan}");
    let allowed: Vec<&str> = plan.lines().filter(|line| line.starts_with("memory ")).collect();
    assert_eq!(allowed.len(), 3, "{plan}");
    // 18.5 MiB are the program's own and its workers', whoever runs in it
    let share = |line: &&str| line.ends_with("peak, 39.2MiB allowed");
    assert!(allowed[..2].iter().all(share) && allowed[2].ends_with("60.0MiB allowed"), "{plan}");
    assert!(
        folder.listing().keys().all(|path| !path.to_string_lossy().contains("outputs")),
        "a dry run writes nothing"
    );
    succeeds(&folder, &format!("{words} --profile prof"));
    let peak = summary(&folder, "outputs/batch-summary.json")["memory_peak_bytes"].as_u64().unwrap();
    assert!(peak <= 60 << 20, "{} MiB", peak >> 20);
    // the large one, number 2, shared no moment with another
    let tasks = fs::read_to_string(folder.path("prof/tasks.jsonl")).unwrap();
    let tasks: Vec<Value> = tasks.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_large = |task: &&Value| task["key"].as_str().unwrap().contains("(2");
    let time = |task: &Value, key: &str| task[key].as_f64().unwrap();
    let begin = tasks.iter().filter(is_large).map(|task| time(task, "start")).fold(f64::INFINITY, f64::min);
    let end = tasks.iter().filter(is_large).map(|task| time(task, "end")).fold(0.0, f64::max);
    let others = tasks.iter().filter(|task| !is_large(task));
    assert!(begin < end && others.clone().count() > 20);
    assert!(others.clone().all(|task| time(task, "end") <= begin || time(task, "start") >= end));
}

#[test]
fn interrupted_batch_ends_soon_and_tells_which_pairs_are_not_complete() {
    for (threads, expected) in
        [(1, ["interrupted", "not-done", "not-done"]), (2, ["interrupted", "interrupted", "not-done"])]
    {
        let folder = Folder::new();
        for seed in 1..4 {
            let shape = (96, 96);
            folder.save(&format!("d{seed}.fits"), &Image::new(&sky::noise(shape, 1.0, seed)));
        }
        folder.save("psf.fits", &Image::new(&sky::wide_psf((96, 96))));
        let words = format!(
            "--dirty d?.fits --psf psf.fits --threads {threads} --plots none --auto-mask 0 --auto-threshold 0 --gain 0.00001 \
             --niter 1000000000 --nmiter 1000000 -o out"
        );
        let mut child = Command::new(env!("CARGO_BIN_EXE_deconv"))
            .args(words.split_whitespace())
            .current_dir(folder.root())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(2500));
        assert!(child.try_wait().unwrap().is_none(), "the batch is long");
        let begin = Instant::now();
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(begin.elapsed() < Duration::from_secs(120), "{told}");
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(told.contains("interrupted: 0 of 3 pairs are complete"), "{told}");
        let batch = summary(&folder, "out/batch-summary.json");
        assert_eq!(batch["interrupted"].as_bool(), Some(true));
        let ends: Vec<String> = ends(&batch).into_iter().map(|(_, end)| end).collect();
        assert_eq!(ends, expected, "{told}");
        let complete = expected.iter().filter(|end| **end == "interrupted").count();
        assert_eq!(essence(&folder, "out").len(), 3 * complete);
        assert_eq!(folder.products("out/d1").reasons(), ["interrupted"]);
    }
}

#[test]
fn second_batch_takes_what_the_first_has_kept() {
    let folder = nights();
    let words = format!("{PATTERNS} --threads 2 --plots none --cache kept");
    succeeds(&folder, &words);
    let first = essence(&folder, "outputs");
    fs::remove_dir_all(folder.path("outputs")).unwrap();
    let ran = succeeds(&folder, &words);
    assert!(ran.err.contains("tasks spared by"), "{}", ran.err);
    let kept = &summary(&folder, "outputs/batch-summary.json")["kept"];
    assert!(kept["run"].as_u64() < kept["tasks"].as_u64(), "{kept}");
    assert!(essence(&folder, "outputs") == first);
}

#[test]
fn killed_batch_is_gone_on_with_to_the_same_bytes() {
    let (alone, killed) = (nights(), nights());
    let words = format!("{PATTERNS} --threads 2 --plots none --resume");
    succeeds(&alone, &words);
    assert!(!alone.path("outputs/batch.resume").exists(), "nobody goes on with a batch that is complete");
    let mut child = Command::new(env!("CARGO_BIN_EXE_deconv"))
        .args(words.split_whitespace())
        .current_dir(killed.root())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !killed.path("outputs/batch.resume").is_dir() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(100));
    child.kill().unwrap();
    child.wait().unwrap();
    // where it had ended just before, its products are in the way like any others
    let overwrite = if killed.path("outputs/batch.resume").exists() { "" } else { "--overwrite" };
    succeeds(&killed, &format!("{words} {overwrite}"));
    if overwrite.is_empty() {
        assert!(essence(&killed, "outputs") == essence(&alone, "outputs"));
    }
    assert!(!killed.path("outputs/batch.resume").exists());
    assert!(!killed.listing().into_keys().any(|path| path.to_string_lossy().contains(".part")));
}
