//! The plan is told and nothing is done; its forecast of memory holds.

use deconv::graph::{self, KindForecast};
use deconv::pipeline::{Plan, RunConfig};
use ndarray::Array2;

use crate::support::fits::Image;
use crate::support::program::Folder;
use crate::support::sky;

const MIB: u64 = 1 << 20;
/// What the program itself takes (code, threads, plots), on top of the pixels that are forecast.
const PROGRAM: u64 = 60 * MIB;

fn folder(shape: (usize, usize), planes: usize) -> Folder {
    let folder = Folder::new();
    let dirty = sky::dirty(shape, &[(20.0, 15.0, 1.0), (40.0, 22.0, 0.3)]) + sky::noise(shape, 1e-3, 1);
    let planes: Vec<Array2<f64>> = (0..planes).map(|_| dirty.clone()).collect();
    folder.save("dirty.fits", &Image::cube(&planes, &[("FREQ", planes.len())]));
    folder.save("psf.fits", &Image::new(&sky::wide_psf(shape)));
    folder
}

#[test]
fn dry_run_tells_the_plan_and_does_nothing_else() {
    let folder = folder((96, 120), 3);
    let before = folder.listing();
    for words in ["", "--algorithm hogbom", "--algorithm clark", "--algorithm wiener", "--chunk 32", "-o out/none"] {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits --dry-run {words}"));
        assert_eq!(ran.code, Some(0), "{words}\n{}", ran.err);
        for needle in ["3 planes of 96 x 120 pixels", "192 x 240", "chunks", "slabs", "tasks", "memory", "forecast"] {
            assert!(ran.out.contains(needle), "{words}: '{needle}' is not in\n{}", ran.out);
        }
        assert!(ran.out.contains("  - "), "{words}: the chunks have no reason\n{}", ran.out);
        assert!(ran.err.is_empty(), "{words}\n{}", ran.err);
        assert!(before == folder.listing(), "{words}: something was written");
    }
}

#[test]
fn dry_run_shows_what_chunk_threads_and_memory_change() {
    let folder = folder((96, 120), 3);
    let plan = |words: &str| {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits --dry-run {words}"));
        assert_eq!(ran.code, Some(0), "{words}\n{}", ran.err);
        ran.out
    };
    assert!(plan("--chunk 32").contains("3 slabs of 32 rows"), "{}", plan("--chunk 32"));
    assert!(plan("--threads 3").contains("workers     3"), "{}", plan("--threads 3"));
    assert!(plan("--memory 1GiB").contains("1.00GiB allowed"), "{}", plan("--memory 1GiB"));
    assert_ne!(plan("--chunk 32"), plan("--chunk 16"));
}

#[test]
fn less_memory_means_fewer_planes_at_a_time_and_the_same_products() {
    let folder = folder((96, 120), 6);
    let products = |name: &str, memory: &str| {
        let ran = folder.run(name, &format!("--memory {memory} --niter 200 --plots none"));
        (ran.model().pixels, ran.residual().pixels)
    };
    let at_a_time = |memory: &str| {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits --dry-run --plots none --memory {memory}"));
        let line = ran.out.lines().find(|line| line.starts_with("planes")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
    };
    assert!(at_a_time("22MiB") < at_a_time("1GiB"), "{} {}", at_a_time("22MiB"), at_a_time("1GiB"));
    assert!(products("small", "22MiB") == products("large", "1GiB"));
}

#[test]
fn needed_memory_of_the_refusal_is_enough() {
    let folder = folder((200, 210), 1);
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits --dry-run --memory 100KiB");
    let needed = ran.err.split("it needs ").nth(1).unwrap().split(' ').next().unwrap().trim_end_matches("MiB");
    let needed = needed.parse::<f64>().unwrap_or_else(|_| panic!("{}", ran.err)) + 0.1;
    let enough = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o out --plots none --memory {needed}MiB"));
    assert_eq!(enough.code, Some(0), "{}", enough.err);
}

#[test]
fn measured_peak_of_memory_is_within_the_forecast() {
    let wide = folder((700, 640), 1);
    let deep = folder((200, 220), 8);
    for (folder, what) in [(&wide, "wide"), (&deep, "deep")] {
        for algorithm in ["clean", "clark", "hogbom"] {
            let words = format!("--algorithm {algorithm} --niter 300 --threads 2");
            let summary = folder.run(algorithm, &words).summary();
            let bytes = |key: &str| summary[key].as_u64().unwrap();
            let (peak, forecast) = (bytes("memory_peak_bytes"), bytes("memory_forecast_bytes"));
            assert!(forecast > 4 * 700 * 640 / 2, "{what} {algorithm}: a forecast of {forecast} is no forecast");
            assert!(
                peak <= forecast + PROGRAM,
                "{what} {algorithm}: {} MiB, but {} MiB were forecast",
                peak / MIB,
                forecast / MIB
            );
        }
    }
}

/// A plan of the image in a folder, with parameters as a layer of the configuration.
fn plan_of(folder: &Folder, layer: &str) -> Plan {
    let config = RunConfig::load_layers(&[], layer.parse().unwrap()).unwrap();
    let name = |file: &str| folder.path(file).to_str().unwrap().to_owned();
    Plan::new(config, &name("dirty.fits"), &name("psf.fits")).unwrap()
}

#[test]
fn seconds_that_progress_counts_in_are_those_of_the_cost_model() {
    let folder = folder((256, 250), 1);
    // the rows and columns of one residual, without those of scales
    let plan = plan_of(&folder, "algorithm = \"clean\"\ncompute = { threads = 1, chunk = \"64\" }");
    let cycle = plan.stages().into_iter().find(|stage| stage.name == "cycle").unwrap();
    let by_kind = graph::forecast(&cycle.graph, &cycle.targets, 1).unwrap().by_kind;
    let told = |kind: &str| plan.seconds().of_tasks(kind, by_kind[kind]);
    let sum: f64 = ["rows", "columns", "residual"].map(told).iter().sum();
    let chosen = plan.chunks.chosen;
    let tasks = (2 * chosen.slabs + chosen.blocks) as f64;
    let model = tasks * (chosen.pass.task_seconds + 1e-6 * plan.config.machine.task_us);
    // the model takes the blocks as equal, and the last of them is cut short
    assert!((sum / model - 1.0).abs() < 0.05, "{sum:e} s of tasks, {model:e} s of the model");
    let quick = plan_of(&folder, "compute = { threads = 1, chunk = \"64\" }\nmachine = { input_gbs = 1e6 }");
    let read = KindForecast { tasks: 1, flops: 0.0, output_bytes: 1 << 30 };
    assert!(quick.seconds().of_tasks("read", read) < 0.01 * plan.seconds().of_tasks("read", read));
}

#[test]
fn planes_with_one_psf_share_what_depends_on_it_alone_in_the_plan_and_in_the_run() {
    let (one, three) = (folder((96, 120), 1), folder((96, 120), 3));
    let tasks = |folder: &Folder, stage: &str, kind: &str| {
        let plan = plan_of(folder, "compute = { threads = 2, chunk = \"32\" }");
        let stages = plan.stages();
        let stage = stages.iter().find(|one| one.name == stage).unwrap();
        let by_kind = graph::forecast(&stage.graph, &stage.targets, 1).unwrap().by_kind;
        by_kind.get(kind).map_or(0, |declared| declared.tasks)
    };
    for (stage, kind) in [("restore", "beam-rows"), ("restore", "columns")] {
        let [alone, together] = [&one, &three].map(|folder| tasks(folder, stage, kind));
        let planes = if kind == "columns" { 3 } else { 1 };
        assert!(alone > 0 && together == planes * alone, "{stage} {kind}: {alone} {together}");
    }
    let ran = |folder: &Folder| {
        let summary = folder.run("out", "--niter 20 --plots none --threads 2 --chunk 32").summary();
        summary["tasks"]["beam-rows"].as_u64().unwrap()
    };
    let run = [&one, &three].map(ran);
    assert_eq!(run[0], run[1], "the beam of the run is wider or narrower than the plan's, and drawn once as well");
}
