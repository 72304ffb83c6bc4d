//! `deconv graph`: pictures of the graphs of a run.

use std::fs;

use crate::fits::{SHAPE, folder};
use crate::support::program::Folder;
use crate::support::sky;

fn draw(folder: &Folder, file: &str, words: &str) -> String {
    let ran = folder.deconv(&format!("graph --dirty dirty.fits --psf psf.fits -o {file} {words}"));
    assert_eq!(ran.code, Some(0), "{words}\n{}", ran.err);
    fs::read_to_string(folder.path(file)).unwrap()
}

#[test]
fn every_stage_of_every_algorithm_is_drawn_and_nothing_is_run() {
    let folder = folder();
    for (algorithm, stages) in [
        ("clean", &["psf", "examine", "load", "transfer", "cycle", "restore"][..]),
        ("convex", &["psf", "examine", "load", "transfer", "start", "iteration", "restore"]),
        ("wiener", &["psf", "examine", "load", "transfer", "start", "iteration", "restore"]),
        ("wiener --boundary circular", &["psf", "examine", "load", "filter"]),
    ] {
        let all = draw(&folder, "all.svg", &format!("--algorithm {algorithm} --overwrite"));
        for stage in stages {
            assert!(all.contains(&format!("class=\"title\">{stage}<")), "{algorithm} {stage}");
            let one = draw(&folder, "one.svg", &format!("--algorithm {algorithm} --stage {stage} --overwrite"));
            assert_eq!(one.matches("class=\"title\"").count(), 1);
        }
    }
    assert!(!folder.path("outputs").exists(), "nothing was deconvolved");
}

#[test]
fn the_picture_has_a_box_for_every_slab_and_layers_beyond_500_nodes() {
    let folder = folder();
    let slabs = SHAPE.0.div_ceil(4);
    let fine = draw(&folder, "fine.svg", "--stage restore --chunk 4");
    assert_eq!(fine.matches("<title>restore(").count(), slabs);
    let tall = (160, 24);
    folder.pair(&sky::dirty(tall, &[(80.0, 12.0, 1.0)]), &sky::wide_psf(tall));
    let finest = draw(&folder, "finest.svg", "--stage cycle --chunk 1");
    assert!(finest.contains("drawn by layers"), "hundreds of slabs of one row");
    assert!(finest.contains("residual × 160"), "with their number");
}

#[test]
fn dot_and_the_colours_are_as_asked_for() {
    let folder = folder();
    let text = draw(&folder, "graph.dot", "--rankdir TB --stage load");
    assert!(text.contains("rankdir=TB") && text.contains("\"read-dirty(0, 0)\" -> "), "{text}");
    for (colour, words) in [("order", "place in the order"), ("age", "result stays"), ("bytes", "size of the result")] {
        let svg = draw(&folder, "graph.svg", &format!("--colour {colour} --overwrite"));
        assert!(svg.contains(words), "{colour}");
    }
}

/// What the boxes of a layer tell of their time.
fn times(svg: &str, layer: &str) -> Vec<String> {
    let boxes = svg.split("<title>").skip(1).filter(|told| told.starts_with(layer));
    let told = boxes.map(|told| told.split("</title>").next().unwrap().lines().last().unwrap().to_owned());
    told.filter(|line| line.ends_with('s')).collect()
}

#[test]
fn every_task_of_a_plan_is_in_the_record_of_its_run() {
    let folder = folder();
    for words in
        ["--niter 50", "--niter 50 --algorithm clean", "--algorithm wiener", "--algorithm wiener --boundary circular"]
    {
        let both = format!("--dirty dirty.fits --psf psf.fits --overwrite {words}");
        let ran = folder.deconv(&format!("{both} -o out --plots none --profile profile"));
        assert_eq!(ran.code, Some(0), "{words}\n{}", ran.err);
        let drawn = folder.deconv(&format!("graph {both} -o own.svg --colour time --profile profile"));
        assert_eq!((drawn.code, &*drawn.err), (Some(0), ""), "{words}");
    }
}

#[test]
fn times_are_the_forecast_or_what_a_run_took() {
    let folder = folder();
    let forecast = draw(&folder, "forecast.svg", "--colour time --stage cycle");
    assert!(forecast.contains(" time</text>"), "a legend");
    assert!(!times(&forecast, "columns-psf").is_empty(), "{forecast}");
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --niter 50 --plots none --profile profile");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    // the record is read, not guessed at: one kind is made to have taken a whole minute
    let path = folder.path("profile/tasks.jsonl");
    let slow = |line: &str| {
        let mut task: serde_json::Value = serde_json::from_str(line).unwrap();
        if task["kind"] == "columns" {
            (task["busy"], task["count"]) = (60.0.into(), 1.into());
        }
        task.to_string() + "\n"
    };
    let text: String = fs::read_to_string(&path).unwrap().lines().map(slow).collect();
    fs::write(&path, text).unwrap();
    let words = "graph --dirty dirty.fits --psf psf.fits -o own.svg --colour time --stage cycle --profile profile";
    assert_eq!(folder.deconv(words).err, "", "the record has all tasks of its own plan");
    let measured = draw(&folder, "measured.svg", "--colour time --stage cycle --profile profile");
    let columns = times(&measured, "columns-psf");
    assert!(!columns.is_empty() && columns.iter().all(|time| time == "60.00 s"), "{columns:?}");
    assert_ne!(times(&forecast, "rows-model"), times(&measured, "rows-model"));
    let refuse = |words: &str, code: i32, needle: &str| {
        let ran = folder.deconv(&format!("graph --dirty dirty.fits --psf psf.fits -o no.svg {words}"));
        assert_eq!(ran.code, Some(code), "{words}\n{}", ran.err);
        assert!(ran.err.contains(needle), "{words}\n{}", ran.err);
    };
    refuse("--profile profile", 2, "no effect");
    refuse("--colour time --profile nowhere", 1, "--profile DIR has written");
    refuse("--colour time --profile profile --algorithm wiener --stage iteration", 1, "expected records of the ");
    // of another cut some tasks are the same
    let ran = folder.deconv(
        "graph --dirty dirty.fits --psf psf.fits -o other.svg --colour time --profile profile --stage cycle --chunk 16",
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(
        ran.err.contains(" is the first) are not in profile and are drawn as the mean of their kind; was the run"),
        "{}",
        ran.err
    );
}

#[test]
fn what_cannot_be_drawn_is_told() {
    let folder = folder();
    let refuse = |words: &str, code, needle: &str| {
        let ran = folder.deconv(&format!("graph --dirty dirty.fits --psf psf.fits {words}"));
        assert_eq!(ran.code, Some(code), "{words}\n{}", ran.err);
        assert!(ran.err.contains(needle), "{words}\n{}", ran.err);
    };
    refuse("-o graph.png", 2, ".svg or .dot");
    refuse("-o graph.svg --stage filter", 2, "expected one of psf, examine, load, transfer, scales, cycle, restore");
    refuse("-o graph.svg --algorithm wiener --gain 0.2", 2, "no effect");
    fs::write(folder.path("there.svg"), "old").unwrap();
    refuse("-o there.svg", 1, "exists already");
    refuse("-o nowhere/graph.svg", 1, "cannot write");
}
