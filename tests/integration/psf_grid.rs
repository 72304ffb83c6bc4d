//! PSFs of several directions: the operator against the direct sum, and what the program does with them.

use std::fs;
use std::sync::Arc;

use deconv::fft::{Layout, linear_size};
use deconv::graph::{Key, RunContext, Scheduler, Serial};
use deconv::images::{Image as Slab, PsfGrid, PsfPeak, Weighting};
use deconv::io::FitsSource;
use deconv::pipeline::graphs::{Cut, Kept, KernelCut, PlaneKeys, VaryingKernel, Wiring};
use deconv::pipeline::ops::{DirtySlab, PsfPlane, Source, Value, constant};
use ndarray::{Array2, concatenate};

use crate::cli_errors::refused;
use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (57, 74);

/// Pixels `(y, x)` of the dirty image where the PSFs hold: a grid of 2 by 3, no pixel of it as far from one as from another.
const PLACES: [(usize, usize); 6] = [(12, 10), (12, 37), (12, 62), (45, 10), (45, 37), (45, 62)];

/// The PSF of a place: one that changes over the field, in its width and its sidelobes.
fn psf_of((y, x): (f64, f64), shape: (usize, usize), centre: (usize, usize)) -> Array2<f64> {
    let stretch = (1.0 + 0.003 * (y - 28.0), 1.0 + 0.004 * (x - 36.0));
    Array2::from_shape_fn(shape, |(v, u)| {
        sky::beam((v as f64 - centre.0 as f64) * stretch.0, (u as f64 - centre.1 as f64) * stretch.1)
    })
}

/// Sizes of the files: not all reach every pixel, and one does not peak in its middle.
fn shape_of(number: usize) -> ((usize, usize), (usize, usize)) {
    match number {
        1 => ((80, 90), (40, 45)),
        5 => ((121, 149), (63, 70)),
        _ => ((2 * SHAPE.0, 2 * SHAPE.1), SHAPE),
    }
}

/// The image of a PSF whose middle pixel is at pixel `(y, x)` of the dirty image by its header.
fn at(psf: &Array2<f64>, (y, x): (usize, usize)) -> Image {
    let place = |reference: f64, size: usize, at: usize| format!("{}", reference + (size / 2) as f64 - at as f64);
    let (ny, nx) = psf.dim();
    Image::new(psf).with("CRPIX1", &place(9.0, nx, x)).with("CRPIX2", &place(11.0, ny, y))
}

/// Writes `p0.fits` and so on; the response of one place is lower than that of the others.
fn save_psfs(folder: &Folder) {
    for (number, place) in PLACES.into_iter().enumerate() {
        let (shape, centre) = shape_of(number);
        let psf = psf_of((place.0 as f64, place.1 as f64), shape, centre) * if number == 2 { 0.8 } else { 1.0 };
        folder.save(&format!("p{number}.fits"), &at(&psf, place));
    }
}

/// A table that tells the same places as the headers.
fn save_table(folder: &Folder) {
    let line = |(number, (y, x)): (usize, (usize, usize))| format!("p{number}.fits, {x}, {y}\n");
    let lines = PLACES.into_iter().enumerate().map(line).collect::<Vec<_>>().concat();
    fs::write(folder.path("table.csv"), format!("# made by hand\npsf,x,y\n{lines}")).unwrap();
}

/// `sum_i h_i (*) (w_i x)` pixel by pixel in 64 bits, all PSFs divided by the peak of the second, which is the central one.
fn seen(model: &Array2<f64>, grid: &PsfGrid) -> Array2<f64> {
    let peak = |psf: &Array2<f64>| psf[sky::highest(psf)];
    let mut sum = Array2::zeros(model.dim());
    for (number, (y, x)) in PLACES.into_iter().enumerate() {
        let (shape, centre) = shape_of(number);
        let psf = psf_of((y as f64, x as f64), shape, centre) * if number == 2 { 0.8 } else { 1.0 };
        assert_eq!(sky::highest(&psf), centre);
        assert!((peak(&psf) - if number == 2 { 0.8 } else { 1.0 }).abs() < 1e-9);
        let part = Array2::from_shape_fn(model.dim(), |at| grid.weight(number, at) * model[at]);
        sum += &sky::convolve(&part, &psf, centre);
    }
    sum
}

fn grid(weighting: Weighting) -> PsfGrid {
    let centres = PLACES.iter().map(|(y, x)| (*y as f64, *x as f64)).collect();
    PsfGrid::new(SHAPE, centres, Some(weighting)).unwrap()
}

/// The operator (the negative of the residual of a dirty image of zeros) or its adjoint, through the graph of chunks.
fn through_graph(folder: &Folder, image: &Array2<f64>, cut: (usize, usize), grid: &PsfGrid, back: bool) -> Array2<f64> {
    let cut = Cut { shape: SHAPE, slab: cut.0, block: cut.1 };
    let mut wiring = Wiring::new(cut);
    let layout = Layout { ly: linear_size(SHAPE.0, SHAPE.0), lx: linear_size(SHAPE.1, SHAPE.1), block: cut.block };
    let transfers: Vec<Vec<Key>> = (0..PLACES.len())
        .map(|number| {
            let file = folder.path(&format!("p{number}.fits"));
            let source = Source(Arc::new(FitsSource::open(file.to_str().unwrap()).unwrap()));
            let (shape, centre) = shape_of(number);
            let kernel =
                KernelCut { layout, ..KernelCut::new(PsfPeak { centre, ..PsfPeak::usual(shape) }, cut, false) };
            wiring.transfer(&PsfPlane { source, plane: 0, number, tolerant: false }, &kernel)
        })
        .collect();
    let kernel = VaryingKernel { grid, layout: &layout, transfers: &transfers };
    let (mut slabs, mut zeros) = (Vec::new(), Vec::new());
    for (index, rows) in cut.slabs().into_iter().enumerate() {
        let pixels = image.slice(ndarray::s![rows.range(), ..]).mapv(|value| value as f32);
        let zero = DirtySlab { image: Slab::zeros(pixels.dim()), finite: None };
        let value = if back { Value::Vector(pixels) } else { Value::Model(Slab::new(pixels)) };
        slabs.push(wiring.give("image", 0, index, &Kept::new(constant(value, &("image", index)))));
        zeros.push(wiring.give("zeros", 0, index, &Kept::new(constant(Value::Dirty(zero), &("zeros", index)))));
    }
    let keys = if back {
        wiring.correlate_varying(0, &slabs, kernel)
    } else {
        let keys = PlaneKeys { dirty: zeros, model: slabs, ..PlaneKeys::default() };
        wiring.varying_residual(0, &keys, kernel)
    };
    let held = Serial.execute(wiring.into_graph(&keys), &keys, &RunContext::default()).unwrap();
    let rows = held.iter().map(|held| match &*held.value().unwrap() {
        Value::Residual(rows) => rows.pixels().mapv(|value| -f64::from(value)),
        other => other.vector().mapv(f64::from),
    });
    let rows: Vec<_> = rows.collect();
    concatenate(ndarray::Axis(0), &rows.iter().map(|rows| rows.view()).collect::<Vec<_>>()).unwrap()
}

/// Single precision over transforms of some ten thousand points.
const TRANSFORMS: f64 = 1e-5;

#[test]
fn operator_is_the_direct_sum_of_weighted_convolutions() {
    let folder = Folder::new();
    save_psfs(&folder);
    let mut model = sky::noise(SHAPE, 1.0, 3);
    model.slice_mut(ndarray::s![20..30, ..]).fill(0.0);
    for weighting in [Weighting::Nearest, Weighting::Bilinear, Weighting::InverseDistance] {
        let grid = grid(weighting);
        let expected = seen(&model, &grid);
        let whole = through_graph(&folder, &model, (57, 200), &grid, false);
        assert!(sky::max_abs(&(&whole - &expected)) < TRANSFORMS * sky::max_abs(&expected), "{weighting}");
        let chunked = through_graph(&folder, &model, (9, 16), &grid, false);
        assert_eq!(chunked, whole, "{weighting}: chunks change no bit");
    }
}

#[test]
fn adjoint_gives_the_same_inner_product_from_the_other_side() {
    let folder = Folder::new();
    save_psfs(&folder);
    let (x, y) = (sky::noise(SHAPE, 1.0, 5), sky::noise(SHAPE, 1.0, 6));
    let dot = |a: &Array2<f64>, b: &Array2<f64>| (a * b).sum();
    for weighting in [Weighting::Nearest, Weighting::Bilinear, Weighting::InverseDistance] {
        let grid = grid(weighting);
        let (hx, hy) =
            (through_graph(&folder, &x, (9, 16), &grid, false), through_graph(&folder, &y, (9, 16), &grid, true));
        let scale = (dot(&hx, &hx) * dot(&y, &y)).sqrt();
        let off = dot(&hx, &y) - dot(&x, &hy);
        assert!(off.abs() < TRANSFORMS * scale, "{weighting}: {off:e} of {scale:e}");
        let not_adjoint = dot(&hx, &y) - dot(&x, &through_graph(&folder, &y, (57, 200), &grid, false));
        assert!(not_adjoint.abs() > 100.0 * off.abs(), "{weighting}: the operator is not its own adjoint");
    }
}

/// Points on pixels as the field sees them, each with the PSF of its own place.
fn field(points: &[(usize, usize, f64)], sigma: f64) -> Array2<f64> {
    let mut dirty = sky::noise(SHAPE, sigma, 8);
    for (y, x, flux) in points {
        let psf = psf_of((*y as f64, *x as f64), (2 * SHAPE.0, 2 * SHAPE.1), SHAPE);
        let mut model = Array2::zeros(SHAPE);
        model[(*y, *x)] = *flux;
        dirty += &sky::convolve(&model, &psf, SHAPE);
    }
    dirty
}

const POINTS: [(usize, usize, f64); 5] = [(9, 8, 1.0), (45, 66, 0.7), (28, 36, 0.5), (40, 12, 0.3), (10, 40, 0.2)];

fn folder() -> Folder {
    let folder = Folder::new();
    folder.save("dirty.fits", &Image::new(&field(&POINTS, 1e-3)));
    save_psfs(&folder);
    save_table(&folder);
    folder
}

/// The words, with `clean` where they name no algorithm and no configuration.
fn with_clean(words: &str) -> String {
    let is_told = words.contains("--algorithm") || words.contains("--config");
    format!("{words}{}", if is_told { "" } else { " --algorithm clean" })
}

fn run(folder: &Folder, name: &str, words: &str) -> Products {
    let ran = folder.deconv(&format!("--dirty dirty.fits -o {name} --overwrite --plots none {}", with_clean(words)));
    assert_eq!(ran.code, Some(0), "{words}\n{}", ran.err);
    folder.products(name)
}

#[test]
fn residual_is_dirty_minus_what_the_grid_makes_of_the_model() {
    let folder = folder();
    let dirty = field(&POINTS, 1e-3);
    for (algorithm, weighting) in [
        ("clean", Weighting::Bilinear),
        ("clean", Weighting::Nearest),
        ("clark", Weighting::Bilinear),
        ("hogbom", Weighting::InverseDistance),
        ("multiscale", Weighting::Bilinear),
        ("convex", Weighting::Bilinear),
        ("convex", Weighting::InverseDistance),
    ] {
        let end = if algorithm == "convex" { "--iterations 25" } else { "--niter 400" };
        let words = format!("--psf-grid p?.fits --psf-weighting {weighting} --algorithm {algorithm} {end}");
        let products = run(&folder, "out", &words);
        let (model, residual) = (products.model().plane(0), products.residual().plane(0));
        assert!(sky::total(&model) > 1.0, "{words}");
        let off = &dirty - &seen(&model, &grid(weighting)) - &residual;
        assert!(sky::max_abs(&off) < TRANSFORMS * sky::max_abs(&dirty), "{words}: {:e}", sky::max_abs(&off));
    }
}

#[test]
fn one_psf_repeated_is_the_plain_run() {
    let folder = folder();
    let plain = run(&folder, "plain", "--psf p4.fits --niter 300");
    let alone = run(&folder, "alone", "--psf-grid p4.fits --niter 300");
    let pixels =
        |products: &Products| [products.model(), products.residual(), products.restored()].map(|image| image.pixels);
    assert!(pixels(&plain) == pixels(&alone), "a grid of one PSF changes no bit");
    let lines = PLACES.map(|(y, x)| format!("p4.fits,{x},{y}\n")).concat();
    fs::write(folder.path("same.csv"), format!("psf,x,y\n{lines}")).unwrap();
    for weighting in ["nearest", "bilinear"] {
        let same = run(&folder, "same", &format!("--psf-grid same.csv --psf-weighting {weighting} --niter 20"));
        let first = run(&folder, "first", "--psf p4.fits --niter 20");
        // 20 components are the same ones; their sums are those of other transforms
        let off = &first.residual().plane(0) - &same.residual().plane(0);
        assert!(sky::max_abs(&off) < TRANSFORMS, "{weighting}: {:e}", sky::max_abs(&off));
    }
}

#[test]
fn psfs_of_several_directions_find_the_fluxes_that_one_psf_misses() {
    let folder = folder();
    let several = "--psf-grid p0.fits,p1.fits,p2b.fits,p3.fits,p4.fits,p5.fits";
    let (scales, convex) = (format!("--algorithm multiscale {several}"), format!("--algorithm convex {several}"));
    let errors = ["--psf p4.fits", several, &scales, &convex, "--algorithm convex --psf p4.fits"].map(|psf| {
        let (shape, centre) = shape_of(2);
        folder.save("p2b.fits", &at(&psf_of((12.0, 62.0), shape, centre), PLACES[2]));
        let end = if psf.contains("convex") { "" } else { "--niter 3000" };
        let products = run(&folder, "out", &format!("{psf} {end}"));
        let model = products.model().plane(0);
        let off = POINTS.iter().map(|(y, x, flux)| {
            let near = model.slice(ndarray::s![y - 3..=y + 3, x - 3..=x + 3]).sum();
            (near - flux).powi(2)
        });
        off.sum::<f64>().sqrt()
    });
    assert!(errors[1].max(errors[2]) < 0.3 * errors[0], "{errors:?}");
    assert!(errors[3] < 0.3 * errors[4], "convex: {errors:?}");
}

#[test]
fn bytes_of_a_grid_are_the_same_for_any_schedule() {
    let folder = folder();
    for algorithm in ["clean", "multiscale", "convex --iterations 15"] {
        let of = |words: &str| {
            let products = run(&folder, "out", &format!("--psf-grid p?.fits --algorithm {algorithm} {words}"));
            [products.model(), products.residual(), products.restored()].map(|image| image.pixels)
        };
        let expected = of("--threads 1");
        for words in
            ["--threads 2", "--threads 8 --chunk 9", "--chunk 20 --memory 24MiB", "--scheduler processes --chunk 30"]
        {
            assert!(of(words) == expected, "{algorithm} {words}");
        }
    }
}

#[test]
fn places_come_from_headers_lists_folders_and_tables() {
    let folder = folder();
    let expected = run(&folder, "out", "--psf-grid p?.fits");
    let told = expected.summary()["psf_grid"].clone();
    let places: Vec<(f64, f64)> = told["psfs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|psf| (psf["y"].as_f64().unwrap(), psf["x"].as_f64().unwrap()))
        .collect();
    for ((y, x), (v, u)) in PLACES.iter().zip(&places) {
        assert!((*y as f64 - v).hypot(*x as f64 - u) < 1e-3, "{places:?}");
    }
    assert_eq!((told["weighting"].as_str(), told["central"].as_u64()), (Some("bilinear"), Some(1)));
    assert!((told["psfs"][2]["response"].as_f64().unwrap() - 0.8).abs() < 1e-6, "{told}");
    assert!(expected.model().history().contains("deconv PSF 2 at pixel (x 62.00, y 12.00): p2.fits"));
    let pixels = expected.residual().pixels;
    fs::create_dir(folder.path("psfs")).unwrap();
    for number in 0..PLACES.len() {
        fs::copy(folder.path(&format!("p{number}.fits")), folder.path(&format!("psfs/p{number}.fits"))).unwrap();
    }
    for spec in ["p0.fits,p1.fits,p2.fits,p3.fits,p4.fits,p5.fits", "psfs"] {
        assert!(run(&folder, "other", &format!("--psf-grid {spec}")).residual().pixels == pixels, "{spec}");
    }
    let off = run(&folder, "other", "--psf-grid table.csv").residual().plane(0) - expected.residual().plane(0);
    assert!(sky::max_abs(&off) < 1e-3, "places of the table and of the headers");
    let plan = folder
        .deconv("--dirty dirty.fits --psf-grid table.csv --psf-weighting nearest --algorithm clean --dry-run")
        .out;
    assert!(plan.contains("grid of 6, nearest, clean beam of number 1"), "{plan}");
    assert!(plan.contains("5 at pixel (x 62.00, y 45.00): p5.fits"), "{plan}");
}

#[test]
fn residual_of_a_given_model_is_that_of_the_run() {
    let folder = folder();
    let grid = "--psf-grid p?.fits --psf-weighting nearest";
    let own = run(&folder, "own", &format!("{grid} --niter 200"));
    let ran = folder.deconv(&format!("residual --dirty dirty.fits {grid} --model own-model.fits -o again"));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(folder.products("again").residual().pixels == own.residual().pixels);
}

#[test]
fn configuration_keeps_the_grid_and_the_graph_shows_it() {
    let folder = folder();
    let first =
        run(&folder, "first", "--psf-grid p?.fits --psf-weighting nearest --algorithm clean --save-config c.toml");
    let second = run(&folder, "second", "--config c.toml");
    assert!(first.model().pixels == second.model().pixels);
    let ran = folder.deconv("graph --dirty dirty.fits --psf-grid p?.fits --algorithm clean --stage cycle -o cycle.dot");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(fs::read_to_string(folder.path("cycle.dot")).unwrap().contains("columns-sum"));
}

#[test]
fn psfs_that_do_not_go_together_are_refused_before_any_work() {
    let folder = folder();
    let fails = |words: &str, needles: &[&str]| {
        let needles = [&["error: ", "hint: "], needles].concat();
        refused(&folder, &format!("--dirty dirty.fits -o out {}", with_clean(words)), 1, &needles);
    };
    let psf = sky::wide_psf(SHAPE);
    folder.save("bare.fits", &Image::new(&psf).without("CRVAL1"));
    fails("--psf-grid p0.fits,bare.fits", &["bare.fits", "HDU 1", "CRVAL1", "table"]);
    folder.save("flat.fits", &Image::new(&psf).without("CTYPE1"));
    fails("--psf-grid p0.fits,flat.fits", &["flat.fits", "CTYPE1"]);
    fails("--psf-grid p0.fits,p0.fits", &["p0.fits", "one place"]);
    folder.save("far.fits", &at(&psf, (28, 200)));
    fails("--psf-grid p0.fits,far.fits", &["far.fits", "outside", "x 200.0", "74 x 57"]);
    folder.save("cell.fits", &at(&psf, (28, 36)).with("CDELT1", "-3.0E-4"));
    fails("--psf-grid cell.fits", &["cell.fits", "CDELT1", "-3e-4"]);
    folder.save("cube.fits", &Image::cube(&[psf.clone(), psf], &[("FREQ", 2)]));
    fails("--psf-grid p0.fits,cube.fits", &["cube.fits", "2 planes"]);
    folder.save("none.fits", &at(&Array2::zeros((20, 20)), (28, 36)));
    fails("--psf-grid p0.fits,none.fits", &["none.fits", "positive peak"]);
    fails("--psf-grid p0.fits,p4.fits --psf-weighting bilinear", &["no regular grid", "inverse-distance"]);
    fails("--psf-grid q*.fits", &["q*.fits"]);
    fails("--psf-grid p?.fits --algorithm wiener", &["wiener", "multiscale, clean, clark, hogbom or convex"]);
    for (text, needles) in [
        ("file,x,y\np0.fits,1,2\n", ["line 1", "psf,x,y"]),
        ("psf,x,y\np0.fits,1,two\n", ["line 2", "'two'"]),
        ("psf,ra,dec\n", ["line 1", "no PSF"]),
        ("psf,x,y\np0.fits,1\n", ["line 2", "three columns"]),
    ] {
        fs::write(folder.path("bad.csv"), text).unwrap();
        fails("--psf-grid bad.csv", &[&["bad.csv"][..], &needles].concat());
    }
    refused(&folder, "--dirty dirty.fits --psf p0.fits --psf-grid p?.fits -o out", 2, &["--psf-grid"]);
    refused(&folder, "--dirty dirty.fits --psf p0.fits --psf-weighting nearest -o out", 2, &["--psf-weighting"]);
}

#[test]
fn pixel_in_the_middle_stands_for_the_place_where_the_peak_is_off_it() {
    let folder = folder();
    // the w term moves the peak of one direction by a pixel; a cut-out far from the middle tells nothing of the place
    let off = psf_of((45.0, 62.0), (115, 148), (57, 75));
    let (shape, centre) = shape_of(5);
    folder.save("p5.fits", &at(&off, PLACES[5]));
    let psfs = run(&folder, "out", "--psf-grid p?.fits").summary()["psf_grid"]["psfs"].clone();
    assert_eq!((psfs[5]["shift"][0].as_i64(), psfs[5]["shift"][1].as_i64()), (Some(1), Some(0)), "{psfs}");
    folder.save("p5.fits", &at(&psf_of((45.0, 62.0), shape, centre), PLACES[5]));
    let psfs = run(&folder, "out", "--psf-grid p?.fits").summary()["psf_grid"]["psfs"].clone();
    assert_eq!((psfs[5]["shift"][0].as_i64(), psfs[5]["shift"][1].as_i64()), (Some(0), Some(0)), "{psfs}");
    assert!(psfs[5]["response"].as_f64().unwrap() > 0.99);
}

#[test]
fn table_of_world_coordinates_gives_the_same_places() {
    let folder = folder();
    let told = run(&folder, "out", "--psf-grid p?.fits").summary()["psf_grid"]["psfs"].clone();
    let source = FitsSource::open(folder.path("dirty.fits").to_str().unwrap()).unwrap();
    let cards = source.header().cards().filter_map(|card| Some((card.key(), card.value()?.to_string())));
    let of_dirty = deconv::images::Sky::from_cards(cards).unwrap();
    let line = |(number, (y, x)): (usize, (usize, usize))| {
        let (ra, dec) = of_dirty.lonlat(x as f64, y as f64).unwrap();
        format!("p{number}.fits,{ra:.10},{dec:.10}\n")
    };
    let lines = PLACES.into_iter().enumerate().map(line).collect::<Vec<_>>().concat();
    fs::write(folder.path("sky.csv"), format!("psf,ra,dec\n{lines}")).unwrap();
    let found = run(&folder, "sky", "--psf-grid sky.csv").summary()["psf_grid"]["psfs"].clone();
    for (a, b) in told.as_array().unwrap().iter().zip(found.as_array().unwrap()) {
        for key in ["x", "y"] {
            assert!((a[key].as_f64().unwrap() - b[key].as_f64().unwrap()).abs() < 1e-3, "{a} {b}");
        }
    }
}
