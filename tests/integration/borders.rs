//! `--clean-border` and `--window`: in no algorithm, in no tile and at no scale does a component stand outside.

use std::fs;
use std::ops::Range;

use deconv::algorithms::{ALGORITHMS, Kind};
use ndarray::Array2;

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (62, 75);

/// Points and a blob inside, and points in what the borders of the tests leave out; one on each side of the edge of 20 %.
fn folder() -> Folder {
    let folder = Folder::new();
    let mut model = Array2::from_shape_fn(SHAPE, |(y, x)| {
        0.02 * (-((y as f64 - 30.0).powi(2) + (x as f64 - 40.0).powi(2)) / 32.0).exp()
    });
    for (y, x, flux) in [(28, 30, 1.0), (12, 40, 0.3), (11, 36, 0.2), (3, 4, 0.2), (58, 70, -0.1), (30, 74, 0.1)] {
        model[(y, x)] += flux;
    }
    let psf = sky::wide_psf(SHAPE);
    folder.pair(&(sky::convolve_fast(&model, &psf, SHAPE) + sky::noise(SHAPE, 1e-3, 5)), &psf);
    folder
}

fn cleans() -> impl Iterator<Item = &'static str> {
    ALGORITHMS.iter().filter(|algorithm| matches!(algorithm.kind, Kind::Clean(_))).map(|algorithm| algorithm.name)
}

/// Ways to run each algorithm: in one piece, in tiles where it knows them, with scales wider than what the border leaves.
fn ways() -> Vec<String> {
    let tiled = ["clean", "clark", "multiscale"].map(|name| format!("--algorithm {name} --tile 2x2"));
    let wide = ["", "--tile 2x3"].map(|tile| format!("--algorithm multiscale --multiscale-scales 0,8,24 {tile}"));
    cleans().map(|name| format!("--algorithm {name}")).chain(tiled).chain(wide).collect()
}

/// Places `(y, x)` and full widths of the components of a list.
fn listed(folder: &Folder) -> Vec<(f64, f64, f64)> {
    let text = fs::read_to_string(folder.path("out-components.csv")).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|column| *column == name).expect("a column of the list");
    let (x, y, scale) = (at("x"), at("y"), at("scale"));
    let of = |line: &str| {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap_or(f64::NAN)).collect();
        (cells[y], cells[x], cells[scale])
    };
    lines.map(of).collect()
}

/// A run of few components: what the border leaves out cannot be explained, and must not lead astray.
fn run(folder: &Folder, words: &str) -> Products {
    folder.run("out", &format!("--overwrite --plots none --save-components csv --niter 300 {words}"))
}

/// Every component stands in `rows` and `columns`, and what the model holds outside is the wing of a wide one.
fn stands_inside(folder: &Folder, (rows, columns): (Range<usize>, Range<usize>), words: &str) {
    let products = run(folder, words);
    let (model, components) = (products.model().plane(0), listed(folder));
    let inside = |y: f64, x: f64| {
        (rows.start as f64..rows.end as f64).contains(&y) && (columns.start as f64..columns.end as f64).contains(&x)
    };
    assert!(!components.is_empty() && sky::max_abs(&model) > 0.0, "{words}");
    for (y, x, scale) in &components {
        assert!(inside(*y, *x), "{words}: a component of scale {scale} at ({y}, {x})");
    }
    let is_wing = |y: usize, x: usize| {
        components.iter().any(|(cy, cx, scale)| {
            let reach = (6.0 * 3.0 / 16.0 * scale).ceil();
            *scale > 0.0 && (y as f64 - cy).abs() <= reach && (x as f64 - cx).abs() <= reach
        })
    };
    for ((y, x), flux) in model.indexed_iter().filter(|(_, flux)| **flux != 0.0) {
        assert!(inside(y as f64, x as f64) || is_wing(y, x), "{words}: {flux} at ({y}, {x})");
    }
    // the mask that was used says the same
    let mask = Image::read(&products.file("mask.fits")).plane(0);
    for ((y, x), value) in mask.indexed_iter() {
        assert_eq!(*value != 0.0, inside(y as f64, x as f64), "{words}: mask at ({y}, {x})");
    }
}

#[test]
fn no_component_stands_in_the_border_of_any_algorithm() {
    let folder = folder();
    for words in ways() {
        // 20 % of 62 x 75 are 12.4 and 15, 1.5 % are 0.93 and 1.1: rounded
        for (border, rows, columns) in [("20", 12..50, 15..60), ("1.5", 1..61, 1..74), ("40", 25..37, 30..45)] {
            stands_inside(&folder, (rows, columns), &format!("{words} --clean-border {border}"));
        }
    }
}

#[test]
fn the_window_is_the_inner_quarter_in_every_algorithm() {
    let folder = folder();
    for words in ways() {
        // a quarter of 62 and of 75, rounded, at each side
        stands_inside(&folder, (16..46, 19..56), &format!("{words} --window inner-quarter"));
    }
    stands_inside(&folder, (16..46, 19..56), "--algorithm clean --window inner-quarter --clean-border 10");
    stands_inside(&folder, (22..40, 26..49), "--algorithm clean --window inner-quarter --clean-border 35");
}

#[test]
fn a_source_at_the_edge_of_the_border_is_found_and_its_neighbour_outside_is_not() {
    let folder = folder();
    for name in cleans() {
        let points = if name == "multiscale" { "--multiscale-scales 0" } else { "" };
        let model = run(&folder, &format!("--algorithm {name} --clean-border 20 {points}")).model().plane(0);
        assert!(model[(12, 40)] > 0.1, "{name}: {}", model[(12, 40)]);
        assert_eq!(model[(11, 36)], 0.0, "{name}");
    }
}

#[test]
fn a_border_with_a_mask_leaves_what_both_leave() {
    let folder = folder();
    let mask = Array2::from_shape_fn(SHAPE, |(_, x)| f64::from(u8::from(x >= 35)));
    folder.save("east.fits", &Image::new(&mask));
    for words in ways() {
        stands_inside(&folder, (12..50, 35..60), &format!("{words} --clean-border 20 --mask east.fits"));
    }
}
