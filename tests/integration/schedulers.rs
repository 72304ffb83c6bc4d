//! The same bytes from one thread, several threads and child processes; children that are killed.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ndarray::Array2;

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (150, 173);
/// Every work whose graphs differ.
const WORKS: [&str; 6] = [
    "--algorithm clean",
    "--algorithm clark --niter 2000 --mask mask.fits",
    "--algorithm hogbom --niter 200",
    "--algorithm convex --iterations 10",
    "--algorithm wiener --lambda gcv",
    "--algorithm wiener --lambda 0.1 --boundary circular",
];

fn folder() -> Folder {
    let folder = Folder::new();
    let points: Vec<sky::Point> = (0..12_u8)
        .map(f64::from)
        .map(|k| (12.0 + (k * 37.3) % 125.0, 15.0 + (k * 53.7) % 140.0, 1.0 / (k + 1.0)))
        .collect();
    let mut plane = sky::dirty(SHAPE, &points) + sky::noise(SHAPE, 2e-3, 1);
    plane[(3, 7)] = f64::NAN;
    folder.pair(&plane, &sky::psf((101, 90), (50, 45)));
    folder.save("mask.fits", &Image::new(&Array2::ones(SHAPE)));
    folder
}

/// Data and header of the products; of the HISTORY what tells how the work was run is left out.
fn essence(products: &Products) -> Vec<(Vec<u64>, Vec<String>)> {
    // the command stands on more cards or fewer, and leaves fewer or more that are blank
    let ways = ["deconv parameter compute.", "HISTORY deconv 0.", "HISTORY   ", "DATE"];
    let of = |suffix| {
        let image = Image::read(&products.file(suffix));
        let tells = |card: &String| !card.trim().is_empty() && !ways.iter().any(|way| card.contains(way));
        let cards = image.cards.into_iter().filter(tells).collect();
        (image.pixels.into_iter().map(f64::to_bits).collect(), cards)
    };
    ["model.fits", "residual.fits", "image.fits"].map(of).to_vec()
}

fn outcome(products: &Products) -> serde_json::Value {
    let mut planes = products.summary()["planes"].take();
    planes.as_array_mut().unwrap().iter_mut().for_each(|plane| _ = plane.as_object_mut().unwrap().remove("wall_s"));
    planes
}

fn hidden(folder: &Folder) -> Vec<String> {
    let names = folder.listing().into_keys().map(|path| path.display().to_string());
    names.filter(|name| name.contains(".part") || name.contains("scratch")).collect()
}

#[test]
fn schedulers_write_the_same_bytes_and_leave_nothing_else() {
    let folder = folder();
    for words in WORKS {
        // slabs of a size that goes through files, and some that do not
        let run = |ways: &str| {
            let products = folder.run("out", &format!("{words} --chunk 60 --overwrite --scheduler {ways}"));
            (essence(&products), outcome(&products))
        };
        let expected = run("threads --threads 2");
        assert!(expected.0[0].0.iter().any(|bits| *bits << 1 != 0), "{words}: there is a model");
        for ways in ["sync", "processes --threads 1", "processes --threads 3"] {
            let found = run(ways);
            for (k, (found, expected)) in found.0.iter().zip(&expected.0).enumerate() {
                assert!(found.0 == expected.0, "{words}: pixels of product {k}, {ways}");
                assert_eq!(found.1, expected.1, "{words}: header of product {k}, {ways}");
            }
            assert_eq!(found.1, expected.1, "{words}: summary, {ways}");
        }
    }
    assert_eq!(hidden(&folder), Vec::<String>::new());
}

#[test]
fn cube_and_packed_file_go_through_processes_too() {
    let folder = folder();
    let plane = |seed| sky::dirty(SHAPE, &[(40.0, 50.0, 1.0)]) + sky::noise(SHAPE, 2e-3, seed);
    folder.save("dirty.fits", &Image::cube(&[plane(1), plane(2), plane(3)], &[("FREQ", 3)]));
    let packed = Command::new("gzip").arg("-k").arg(folder.path("dirty.fits")).status().unwrap();
    assert!(packed.success());
    let pair = ("dirty.fits.gz", "psf.fits");
    let expected = essence(&folder.run_pair(pair, "a", "--niter 500 --threads 2"));
    let found = essence(&folder.run_pair(pair, "a", "--niter 500 --threads 2 --scheduler processes --overwrite"));
    assert!(found == expected);
}

/// A run that goes on for some seconds; its children's numbers can be asked for.
struct Run {
    process: Child,
}

impl Run {
    fn start(folder: &Folder, words: &str) -> Self {
        let process = Command::new(env!("CARGO_BIN_EXE_deconv"))
            .args("--dirty dirty.fits --psf psf.fits -o out --scheduler processes".split(' '))
            .args(words.split_whitespace())
            .current_dir(folder.root())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { process }
    }

    fn children(&self) -> Vec<u32> {
        let id = self.process.id();
        let text = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let mut children: Vec<u32> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
        // children belong to the thread that started them
        for entry in fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten() {
            let text = fs::read_to_string(entry.path().join("children")).unwrap_or_default();
            children.extend(text.split_whitespace().map(|word| word.parse::<u32>().unwrap()));
        }
        children.sort_unstable();
        children.dedup();
        children
    }

    /// Kills a child as soon as there is one, until the run has ended or so many have died; tells how many.
    fn kill_children(&mut self, most: usize, pause: Duration) -> usize {
        let mut dead = Vec::new();
        while dead.len() < most && self.process.try_wait().unwrap().is_none() {
            if let Some(child) = self.children().into_iter().find(|child| !dead.contains(child)) {
                std::thread::sleep(pause);
                if Command::new("kill").args(["-KILL", &child.to_string()]).status().unwrap().success() {
                    dead.push(child);
                }
            }
        }
        dead.len()
    }

    fn end(self) -> (Option<i32>, String) {
        let output = self.process.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn children_killed_in_mid_run_change_no_byte() {
    let folder = folder();
    for words in ["--algorithm clean --chunk 30", "--algorithm wiener --chunk 30"] {
        let expected = essence(&folder.run("out", &format!("{words} --overwrite")));
        let mut run = Run::start(&folder, &format!("{words} --threads 2 --overwrite"));
        let killed = run.kill_children(4, Duration::from_millis(60));
        let (code, told) = run.end();
        assert_eq!(code, Some(0), "{words}: {killed} killed\n{told}");
        assert!(killed >= 2, "{words}: {killed} killed");
        for (found, expected) in essence(&folder.products("out")).iter().zip(&expected) {
            assert!(found.0 == expected.0, "{words}: pixels, {killed} killed");
            assert_eq!(found.1, expected.1, "{words}: header, {killed} killed");
        }
    }
    assert_eq!(hidden(&folder), Vec::<String>::new());
}

#[test]
fn children_that_always_die_end_the_run_with_a_clear_error_and_nothing_half_written() {
    let folder = folder();
    let before = folder.listing();
    let mut run = Run::start(&folder, "--algorithm clean --threads 1");
    run.kill_children(usize::MAX, Duration::ZERO);
    let (code, told) = run.end();
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("3 worker processes were lost") && told.contains("SIGKILL"), "{told}");
    assert!(told.contains("task ") && told.contains("hint: "), "{told}");
    assert_eq!(folder.listing(), before);
}

#[test]
fn scratch_folder_taken_away_in_mid_run_ends_it_with_the_file_the_task_and_a_remedy() {
    let folder = folder();
    fs::create_dir(folder.path("scratch")).unwrap();
    let before = folder.listing();
    // values of 64 KiB and more go through files
    let mut run = Run::start(&folder, "--algorithm clean --mgain 0.3 --nmiter 60 --chunk full --scratch scratch");
    let mut taken = 0;
    while run.process.try_wait().unwrap().is_none() {
        for entry in fs::read_dir(folder.path("scratch")).unwrap().flatten() {
            if fs::read_dir(entry.path()).is_ok_and(|mut files| files.next().is_some()) {
                taken += u32::from(fs::remove_dir_all(entry.path()).is_ok());
            }
        }
    }
    let (code, told) = run.end();
    assert!(taken > 0, "the folder was never there");
    assert_eq!(code, Some(1), "{told}");
    for needle in ["the value of ", "scratch/deconv-scratch-", "No such file or directory", "hint: "] {
        assert!(told.contains(needle), "'{needle}' is not in\n{told}");
    }
    assert_eq!(folder.listing(), before);
}

#[test]
fn interrupt_ends_a_run_of_processes_with_consistent_products() {
    let folder = Folder::new();
    let shape = (180, 200);
    folder.pair(&sky::noise(shape, 1.0, 5), &sky::wide_psf(shape));
    let words = "--algorithm hogbom --niter 100000000 --auto-mask 0 --auto-threshold 0 --gain 0.00001";
    let mut run = Run::start(&folder, words);
    std::thread::sleep(Duration::from_millis(2500));
    assert!(run.process.try_wait().unwrap().is_none(), "the run is long");
    let begin = Instant::now();
    assert!(Command::new("kill").args(["-INT", &run.process.id().to_string()]).status().unwrap().success());
    let (code, told) = run.end();
    assert!(begin.elapsed() < Duration::from_secs(30), "it took {:?}", begin.elapsed());
    assert_eq!(code, Some(3), "{told}");
    assert_eq!(folder.products("out").reasons(), ["interrupted"]);
    assert!(sky::max_abs(&folder.products("out").model().plane(0)) > 0.0, "what was found so far is kept");
    assert_eq!(hidden(&folder), Vec::<String>::new());
}

#[test]
fn children_do_not_outlive_a_killed_parent() {
    let folder = Folder::new();
    let shape = (384, 400);
    folder.pair(&sky::noise(shape, 1.0, 5), &sky::wide_psf(shape));
    let mut run = Run::start(&folder, "--algorithm hogbom --niter 100000000 --auto-threshold 0 --gain 0.00001");
    let until = Instant::now() + Duration::from_secs(20);
    let children = loop {
        let children = run.children();
        if !children.is_empty() || Instant::now() > until {
            break children;
        }
    };
    std::thread::sleep(Duration::from_millis(1500));
    run.process.kill().unwrap();
    run.process.wait().unwrap();
    let lives = |child: &&u32| Path::new(&format!("/proc/{child}/exe")).exists();
    while children.iter().any(|child| lives(&child)) {
        assert!(Instant::now() < until, "{:?} live on", children.iter().filter(lives).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!children.is_empty());
}

#[test]
fn errors_of_operations_are_told_as_without_processes() {
    let folder = folder();
    folder.save("none.fits", &Image::new(&Array2::from_elem(SHAPE, -1.0)));
    let told = |ways: &str| {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf none.fits -o out {ways}"));
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        ran.err
    };
    let expected = told("");
    assert!(expected.contains("none.fits") && expected.contains("hint: "), "{expected}");
    assert_eq!(told("--scheduler processes"), expected);
}

#[test]
fn scratch_folder_is_where_it_was_asked_for_and_a_missing_one_is_an_error_before_any_work() {
    let folder = folder();
    let before = folder.listing();
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --scheduler processes --scratch nowhere");
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("nowhere") && ran.err.contains("--scratch"), "{}", ran.err);
    assert_eq!(folder.listing(), before);
    fs::create_dir(folder.path("here")).unwrap();
    let mut run = Run::start(&folder, "--scratch here --chunk 30");
    let mut seen = false;
    while run.process.try_wait().unwrap().is_none() {
        seen |= fs::read_dir(folder.path("here")).unwrap().count() > 0;
    }
    let (code, told) = run.end();
    assert!(code == Some(0) && seen, "{told}");
    assert_eq!(fs::read_dir(folder.path("here")).unwrap().count(), 0, "it is left empty");
}

#[test]
fn threads_have_no_effect_one_after_the_other_and_are_refused() {
    let folder = folder();
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --scheduler sync --threads 2");
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("--threads") && ran.err.contains("--scheduler sync"), "{}", ran.err);
}

#[test]
fn worker_that_nobody_started_tells_so() {
    let ran = Folder::new().deconv("worker");
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("--scheduler processes"), "{}", ran.err);
    assert!(!Folder::new().deconv("--help").out.contains("worker "), "it is not for people");
}

#[test]
fn worker_processes_take_what_was_kept_and_compute_nothing_twice() {
    let folder = folder();
    let words = "--niter 300 --chunk 60 --plots none --overwrite";
    let expected = essence(&folder.run("threads", words));
    let ran = |products: &Products, kind: &str| products.summary()["tasks"][kind].as_u64().unwrap_or(0);
    let run = || folder.run("out", &format!("{words} --scheduler processes --threads 2 --cache kept"));
    let first = run();
    assert!(essence(&first) == expected, "with a cache, in processes");
    assert!(ran(&first, "columns") > 0 && ran(&first, "minor-scales") > 0, "{}", first.summary()["tasks"]);
    let second = run();
    assert!(essence(&second) == expected, "from the cache");
    assert_eq!(
        ["psf-rows", "transfer", "minor-scales"].map(|kind| ran(&second, kind)),
        [0; 3],
        "{}",
        second.summary()["tasks"]
    );
    assert!(second.summary()["kept"]["taken"].as_u64().unwrap() > 0);
    // what processes have kept serves threads too
    let third = folder.run("out", &format!("{words} --scheduler threads --cache kept"));
    assert!(essence(&third) == expected && ran(&third, "minor") == 0, "{}", third.summary()["tasks"]);
    // a folder of results that a killed run left: the next one begins with them
    fs::rename(folder.path("kept"), folder.path("gone.resume")).unwrap();
    let resumed = folder.run("gone", &format!("{words} --scheduler processes --threads 2 --resume"));
    assert!(essence(&resumed) == expected, "resumed in processes");
    assert_eq!(ran(&resumed, "minor"), 0, "{}", resumed.summary()["tasks"]);
    assert!(!folder.path("gone.resume").exists(), "what was kept for this run alone is gone");
}

#[test]
fn memory_of_worker_processes_is_counted_and_forecast() {
    let folder = folder();
    let peaks = |ways: &str| {
        let summary = folder.run("out", &format!("--niter 300 --plots none --overwrite --scheduler {ways}")).summary();
        let bytes = |key: &str| summary[key].as_u64().unwrap();
        (bytes("memory_peak_bytes"), bytes("memory_forecast_bytes"))
    };
    let (threads, processes) = (peaks("threads --threads 3"), peaks("processes --threads 3"));
    // a process is the program once more: each of three holds some MiB of its own
    assert!(processes.0 > threads.0 + (6 << 20), "{threads:?} {processes:?}");
    assert!(processes.1 > threads.1 + (32 << 20), "{threads:?} {processes:?}");
    let refused = folder.deconv("--dirty dirty.fits --psf psf.fits -o no --scheduler processes -j 3 --memory 40MiB");
    assert!(refused.code == Some(1) && refused.err.contains("not enough memory"), "{}", refused.err);
}
