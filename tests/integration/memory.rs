//! A run keeps to `--memory`: what has no room goes through scratch files, and the pixels are the same.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (300, 330);
/// Every work whose graphs differ in what they hold; slabs of 75 rows are worth a file.
const WORKS: [&str; 8] = [
    "--algorithm multiscale --niter 300 --chunk 75",
    "--algorithm multiscale --niter 300 --chunk 75 --tile 3x3",
    "--algorithm clean --niter 300 --chunk 75",
    "--algorithm clean --niter 300 --chunk 75 --tile 3x3",
    "--algorithm wiener --boundary circular --lambda 0.1 --chunk 75",
    "--algorithm wiener --boundary linear --lambda 0.3 --chunk 75",
    "--algorithm convex --iterations 10 --reweights 1 --chunk 75",
    "--algorithm convex --prior tv --iterations 10 --reweights 1 --chunk 75",
];

fn folder(shape: (usize, usize)) -> Folder {
    let folder = Folder::new();
    let points = [(20.0, 15.0, 1.0), (0.6 * shape.0 as f64, 0.5 * shape.1 as f64, 0.4), (50.0, 61.0, 0.2)];
    folder.pair(&(sky::dirty(shape, &points) + sky::noise(shape, 2e-3, 1)), &sky::wide_psf(shape));
    folder
}

/// The least memory that the program says it can work in \[MiB\].
fn least(folder: &Folder, words: &str) -> f64 {
    let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits --dry-run --plots none --memory 1KiB {words}"));
    assert_eq!(ran.code, Some(1), "{words}");
    let told = ran.err.split("it needs ").nth(1).and_then(|rest| rest.split("MiB").next());
    // it is told to a tenth
    told.and_then(|number| number.parse::<f64>().ok()).unwrap_or_else(|| panic!("{words}\n{}", ran.err)) + 0.1
}

fn pixels(products: &Products) -> [Vec<u64>; 3] {
    let bits = |pixels: Vec<f64>| pixels.into_iter().map(f64::to_bits).collect();
    [products.model(), products.residual(), products.restored()].map(|image| bits(image.pixels))
}

fn outcome(summary: &Value) -> Value {
    let mut planes = summary["planes"].clone();
    planes.as_array_mut().unwrap().iter_mut().for_each(|plane| _ = plane.as_object_mut().unwrap().remove("wall_s"));
    planes
}

/// The process took at most a tenth more than it was allowed.
fn assert_held(summary: &Value, words: &str) {
    let [peak, allowed] = ["memory_peak_bytes", "memory_allowed_bytes"].map(|key| summary[key].as_f64().unwrap());
    let ratio = peak / allowed;
    assert!(ratio < 1.1, "{words}: {:.1} MiB, {ratio:.2} of what was allowed", peak / 1_048_576.0);
}

#[test]
fn under_the_least_memory_values_go_through_files_and_no_bit_changes() {
    let folder = folder(SHAPE);
    for words in WORKS {
        let free = folder.run("free", &format!("{words} --memory 4GiB --plots none --overwrite"));
        let (expected, summary) = (pixels(&free), free.summary());
        assert_eq!(summary["scratch"]["values"], 0, "{words}: there is room");
        let mut of_one = None;
        for workers in [1, 2] {
            let words = format!("{words} --threads {workers}");
            let least = least(&folder, &words);
            let tight = folder.run("tight", &format!("{words} --memory {least:.1}MiB --plots none --overwrite"));
            assert!(pixels(&tight) == expected, "{words}: other pixels under {least} MiB");
            let found = tight.summary();
            assert_eq!(outcome(&found), outcome(&summary), "{words}");
            let (scratch, plane) = (&found["scratch"], 4 * (SHAPE.0 * SHAPE.1) as u64);
            let [written, read] = ["written_bytes", "read_bytes"].map(|key| scratch[key].as_u64().unwrap());
            assert!(written > 6 * plane && read > 2 * written, "{words}: {scratch} under {least} MiB");
            // what stands in files is chosen before the run: whoever runs it, the same values go
            let told = *of_one.get_or_insert((written, read));
            assert_eq!(told, (written, read), "{words}");
            assert_held(&found, &words);
        }
    }
}

#[test]
fn memory_is_held_at_other_sizes_chunks_and_numbers_of_workers() {
    let (wide, small) = (folder((400, 620)), folder((130, 96)));
    let runs = [
        (&small, "--algorithm clean --niter 200 --chunk 16 --threads 4", None),
        (&small, "--algorithm wiener --boundary linear --lambda gcv --chunk full --threads 1", Some(20.0)),
        (&wide, "--algorithm clark --niter 100 --chunk full --threads 2", None),
        (&wide, "--algorithm wiener --boundary circular --lambda 0.1 --chunk 20 --threads 4", None),
        (&wide, "--algorithm wiener --boundary circular --lambda gcv --chunk auto --threads 2", Some(30.0)),
    ];
    for (folder, words, allowed) in runs {
        let allowed = allowed.unwrap_or_else(|| least(folder, words));
        let out = folder.run("out", &format!("{words} --memory {allowed:.1}MiB --plots none --overwrite"));
        assert_held(&out.summary(), words);
    }
}

/// The most that the program held \[bytes\], as the system tells while it runs.
fn peak(folder: &Folder, words: &str) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deconv"));
    command.current_dir(folder.root()).env("XDG_CONFIG_HOME", folder.path("no-configuration")).stderr(Stdio::null());
    let words = format!("--dirty dirty.fits --psf psf.fits -o out --overwrite {words}");
    let mut child = command.args(words.split_whitespace()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        let told = fs::read_to_string(&status).unwrap_or_default();
        let line = told.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        most = line.map_or(most, |kib| 1024 * kib.parse::<u64>().unwrap());
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{words}");
            return most;
        }
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn record_of_many_tasks_and_its_pictures_keep_to_the_memory() {
    let folder = folder(SHAPE);
    let words = "--algorithm clean --chunk 1 --gain 0.05 --mgain 0.15 --auto-threshold 4 --threads 2";
    // the record was at 20 MiB for 63000 tasks, and the pages made of it at a gibibyte
    for (allowed, shown) in [(40, "--plots profile"), (60, "--profile report")] {
        let most = peak(&folder, &format!("{words} {shown} --memory {allowed}MiB"));
        assert!(most < allowed << 20, "{shown}: {:.1} MiB", most as f64 / 1_048_576.0);
    }
    let summary = folder.products("out").summary();
    let tasks: u64 = summary["tasks"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert!(tasks > 40_000, "{tasks} tasks: too few to tell");
    // every task is in the record, most of them with others
    let table = fs::read_to_string(folder.path("report/tasks.csv")).unwrap();
    let rows: Vec<&str> = table.lines().skip(1).collect();
    let told: u64 = rows.iter().map(|row| row.rsplit(',').next().unwrap().parse::<u64>().unwrap()).sum();
    assert!(told == tasks && rows.len() < 20_000, "{told} of {tasks} in {} rows", rows.len());
    // where there is memory they stand one by one
    folder.run("free", &format!("{words} --profile free --memory 4GiB"));
    assert_eq!(fs::read_to_string(folder.path("free/tasks.csv")).unwrap().lines().count() as u64, tasks + 1);
}

#[test]
fn plots_that_have_no_room_are_refused_before_any_work() {
    let folder = folder((60, 52));
    let before = folder.listing();
    for (words, hint) in [("", "--plots none"), ("--plots none --profile p", "leave out --profile")] {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o out --memory 30MiB {words}"));
        assert_eq!(ran.code, Some(1), "{words}");
        for needle in ["not enough memory to draw", "MiB, and may take 30.0MiB", "raise --memory", hint] {
            assert!(ran.err.contains(needle), "{words}: '{needle}' is not in\n{}", ran.err);
        }
        assert_eq!(folder.listing(), before, "{words}");
    }
}
