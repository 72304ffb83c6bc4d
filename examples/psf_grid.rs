//! A wide field whose w term makes one PSF wrong away from the middle: CLEAN with one PSF, with the nearest of a grid of PSFs, and
//! with PSFs that change linearly between their places.
//!
//! `cargo run --release --example psf_grid`, or with a folder for the files, and with the numbers of directions along each
//! axis: `cargo run --release --example psf_grid outputs/wide 3 5`. Errors are against the truth at the resolution of the
//! clean beam, in units of the noise, overall and in rings round the middle; fluxes are those of the model near the
//! points, over the true ones.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::{Path, PathBuf};

use deconv::graph::{Cancel, Threads};
use deconv::images::BeamShape;
use deconv::io::FitsSource;
use deconv::pipeline::{Plan, Products, RunConfig, Tools, Watch, run};
use deconv::simulate::{Array, Observation, Output, PsfSize, Recipe, SkyRecipe, Weighting, Wide};
use ndarray::Array2;

/// Pixels along a side; the field is 3.5 degrees wide.
const SIZE: usize = 256;
const CELL_ARCSEC: f64 = 50.0;
const NOISE: f64 = 1e-3;
/// Outer radii of the rings, as shares of half the width.
const RINGS: [f64; 4] = [0.35, 0.7, 1.0, 1.5];

struct Quiet;

impl Watch for Quiet {}

/// Twelve snapshots in six hours of the VLA in its smallest configuration, at 350 MHz.
fn simulate(folder: &Path, directions: usize) -> Result<(), Box<dyn Error>> {
    let array = Array::named("vla-d")?;
    let observation = Observation {
        declination_deg: array.latitude().to_degrees(),
        hour_angle_h: (-3.0, 3.0),
        integrations: 12,
        band_hz: (3.5e8, 3.5e8),
        channels: 1,
    };
    let sky = SkyRecipe {
        points: 60,
        flux_jy: (0.02, 1.0),
        slope: 1.5,
        is_off_grid: false,
        gaussians: 0,
        gaussian_flux_jy: 0.0,
        gaussian_fwhm: (4.0, 40.0),
        seed: 7,
    };
    let recipe = Recipe {
        size: SIZE,
        cell_arcsec: Some(CELL_ARCSEC),
        psf_size: PsfSize::Double,
        observation,
        is_cube: false,
        weighting: Weighting::Briggs(0.0),
        noise: NOISE,
        sky,
        wide: Some(Wide { psf_grid: Some((directions, directions)) }),
    };
    let plan = deconv::simulate::Plan::new(recipe, array, u64::MAX)?;
    let output = Output {
        prefix: folder.join(format!("wide{directions}")),
        overwrite: true,
        right_ascension_deg: 60.0,
        command: "example psf_grid".to_owned(),
        notes: Vec::new(),
    };
    output.write(&plan, None)?;
    Ok(())
}

/// How one run is seen.
enum Seen {
    One,
    Grid(&'static str),
}

/// What came of a run: restored image, model, and the clean beam on the pixels.
struct Found {
    restored: Array2<f32>,
    model: Array2<f32>,
    beam: BeamShape,
}

/// Deconvolves the field of so many directions.
fn clean(folder: &Path, directions: usize, seen: &Seen) -> Result<Found, Box<dyn Error>> {
    let prefix = folder.join(format!("wide{directions}")).display().to_string();
    let (psf, input) = match seen {
        Seen::One => (format!("{prefix}-psf.fits"), String::new()),
        Seen::Grid(weighting) => {
            (String::new(), format!("psf_grid = '{prefix}-psf-*.fits'\npsf_weighting = '{weighting}'\n"))
        }
    };
    let config = RunConfig::load(None, format!("algorithm = 'clean'\n[input]\n{input}").parse()?)?;
    let plan = Plan::new(config, &format!("{prefix}-dirty.fits"), &psf)?;
    let products = Products::create(&plan, &format!("{prefix}-clean"), true)?;
    let threads = Threads::new(plan.workers);
    let tools = Tools { scheduler: &threads, callbacks: &[], cancel: Cancel::default(), watch: &Quiet };
    let outcome = run(&plan, products, "example psf_grid", &tools)?;
    let beam = outcome.planes[0].beam.as_ref().ok_or("no beam")?.beam;
    let beam = beam.shape_in_pixels(plan.cell().ok_or("no cell")?)?;
    let [restored, model] = ["image", "model"].map(|name| read(&format!("{prefix}-clean-{name}.fits")));
    Ok(Found { restored: restored?, model: model?, beam })
}

fn read(path: &str) -> Result<Array2<f32>, Box<dyn Error>> {
    Ok(FitsSource::open(path)?.read_rows(0, 0..SIZE)?)
}

/// The ring of a pixel, from 1; 0 stands for all.
fn ring(y: usize, x: usize) -> usize {
    let half = (SIZE / 2) as f64;
    let radius = (y as f64 - half).hypot(x as f64 - half) / half;
    1 + RINGS.iter().position(|outer| radius < *outer).unwrap_or(RINGS.len() - 1)
}

/// Root of the mean square of `restored - truth * beam` over the noise: overall, then in each ring.
fn errors(Found { restored, beam, .. }: &Found, truth: &Array2<f32>) -> Vec<f64> {
    let points: Vec<_> = truth.indexed_iter().filter(|(_, flux)| **flux != 0.0).collect();
    let (mut squares, mut pixels) = (vec![0.0; 1 + RINGS.len()], vec![0.0; 1 + RINGS.len()]);
    for ((y, x), value) in restored.indexed_iter() {
        let lag = |at: usize, other: usize| at as f64 - other as f64;
        let seen = |((v, u), flux): &((usize, usize), &f32)| f64::from(**flux) * beam.value(lag(y, *v), lag(x, *u));
        let expected: f64 = points.iter().map(seen).sum();
        for at in [0, ring(y, x)] {
            squares[at] += ((f64::from(*value) - expected) / NOISE).powi(2);
            pixels[at] += 1.0;
        }
    }
    squares.iter().zip(pixels).map(|(square, pixels): (&f64, f64)| (square / pixels).sqrt()).collect()
}

/// Flux of the model within three pixels of the points over their true flux: overall, then in each ring.
fn fluxes(Found { model, .. }: &Found, truth: &Array2<f32>) -> Vec<f64> {
    let (mut found, mut expected) = (vec![0.0; 1 + RINGS.len()], vec![0.0; 1 + RINGS.len()]);
    for ((y, x), flux) in truth.indexed_iter().filter(|(_, flux)| **flux != 0.0) {
        let near = |at: usize| at.saturating_sub(3)..(at + 4).min(SIZE);
        let own = f64::from(model.slice(ndarray::s![near(y), near(x)]).sum());
        for at in [0, ring(y, x)] {
            found[at] += own;
            expected[at] += f64::from(*flux);
        }
    }
    found.iter().zip(expected).map(|(found, expected): (&f64, f64)| found / expected).collect()
}

fn row(values: &[f64], digits: usize) -> String {
    values.iter().map(|value| format!("{value:>8.digits$}")).collect::<Vec<_>>().concat()
}

/// Runs the example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_asked = words.first().is_some_and(|word| word.contains('/'));
    let own = tempfile::tempdir()?;
    let folder = if is_asked { PathBuf::from(&words[0]) } else { own.path().to_owned() };
    std::fs::create_dir_all(&folder)?;
    let grids: Vec<usize> = words.iter().skip(1).filter(|_| is_asked).filter_map(|word| word.parse().ok()).collect();
    let rings = RINGS.map(|outer| format!("  < {outer:.2}")).concat();
    println!("within the radius (half a width is 1)     all{rings}");
    for directions in if grids.is_empty() { vec![3] } else { grids } {
        simulate(&folder, directions)?;
        let truth = read(&folder.join(format!("wide{directions}-truth.fits")).display().to_string())?;
        let (mut wrong, mut bias) = (Vec::new(), Vec::new());
        for (name, seen) in
            [("one PSF", Seen::One), ("nearest", Seen::Grid("nearest")), ("bilinear", Seen::Grid("bilinear"))]
        {
            let found = clean(&folder, directions, &seen)?;
            let (errors, fluxes) = (errors(&found, &truth), fluxes(&found, &truth));
            println!("{directions} x {directions} {name:<10} error / noise      {}", row(&errors, 2));
            println!("{directions} x {directions} {name:<10} flux / true flux   {}", row(&fluxes, 3));
            bias.push((fluxes[0] - 1.0).abs());
            wrong.push(errors);
        }
        for at in 0..=RINGS.len() {
            assert!(wrong[1][at] < 0.75 * wrong[0][at], "the nearest PSF is better than one: {wrong:?}");
            assert!(wrong[2][at] < wrong[1][at], "PSFs that change steadily are better still: {wrong:?}");
        }
        assert!(bias[1] < 0.5 * bias[0] && bias[2] < 0.5 * bias[0], "fluxes: {bias:?}");
    }
    Ok(())
}
