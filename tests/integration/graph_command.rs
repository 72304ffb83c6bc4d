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
        ("wiener", &["psf", "examine", "load", "transfer", "start", "iteration", "restore"]),
        ("wiener --boundary circular", &["psf", "examine", "load", "transfer", "filter", "restore"]),
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

#[test]
fn what_cannot_be_drawn_is_told() {
    let folder = folder();
    let refuse = |words: &str, code, needle: &str| {
        let ran = folder.deconv(&format!("graph --dirty dirty.fits --psf psf.fits {words}"));
        assert_eq!(ran.code, Some(code), "{words}\n{}", ran.err);
        assert!(ran.err.contains(needle), "{words}\n{}", ran.err);
    };
    refuse("-o graph.png", 2, ".svg or .dot");
    refuse("-o graph.svg --stage filter", 1, "expected one of psf, examine, load, transfer, cycle, restore");
    refuse("-o graph.svg --algorithm wiener --gain 0.2", 2, "no effect");
    fs::write(folder.path("there.svg"), "old").unwrap();
    refuse("-o there.svg", 1, "exists already");
    refuse("-o nowhere/graph.svg", 1, "cannot write");
}
