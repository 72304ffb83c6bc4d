//! What do tiles change: `cargo bench --bench seams -- DIRTY PSF [KEY=VALUE...]`, with keys of `[clean]`?
//!
//! The same field in one piece and in 4 x 4 and 8 x 8 tiles: residual rms over that of one piece, the seam statistic of ALGORITHMS 9.3
//! (mean difference of the restored images within 3 pixels of the seams over that elsewhere), the largest difference in units of the noise,
//! and the flux of the model within 3 pixels of the middle, which is a corner of both grids.
#![expect(clippy::print_stdout, reason = "it is run for what it prints")]

use deconv::graph::{Cancel, Threads};
use deconv::io::FitsSource;
use deconv::pipeline::{Outcome, Plan, Products, RunConfig, Tools, Watch, run};
use ndarray::{Array2, s};

struct Silent;

impl Watch for Silent {}

/// A run in tiles: what is told of it, the restored image and the model.
fn clean(pair: (&str, &str), tile: &str, words: &str) -> (Outcome, Array2<f32>, Array2<f32>) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let prefix = folder.path().join("out").to_str().expect("a plain path").to_owned();
    let config = format!("[clean]\ntile = \"{tile}\"\n{words}").parse().expect("keys and values");
    let plan = Plan::new(RunConfig::load(None, config).expect("keys of [clean]"), pair.0, pair.1).expect("a pair");
    let products = Products::create(&plan, &prefix, false).expect("a new folder");
    let scheduler = Threads::new(plan.workers).with_memory(plan.memory);
    let tools = Tools { scheduler: &scheduler, callbacks: &[], cancel: Cancel::default(), watch: &Silent };
    let outcome = run(&plan, products, "a bench", &tools).expect("a run");
    let read = |name: &str| {
        let source = FitsSource::open(&format!("{prefix}-{name}.fits")).expect("a product");
        let ny = source.geometry().ny;
        source.read_rows(0, 0..ny).expect("its rows")
    };
    (outcome, read("image"), read("model"))
}

fn main() {
    // cargo adds --bench
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [dirty, psf, rest @ ..] = &words[..] else { return println!("give a dirty image and its PSF") };
    let (pair, rest) = ((dirty.as_str(), psf.as_str()), rest.join("\n"));
    let (one, whole, model) = clean(pair, "off", &rest);
    let (ny, nx) = whole.dim();
    let middle = |model: &Array2<f32>| model.slice(s![ny / 2 - 3..=ny / 2 + 3, nx / 2 - 3..=nx / 2 + 3]).sum();
    let residual = one.planes[0].residual;
    println!("| tiles | residual rms over one piece | seam statistic | largest difference | flux in the middle |");
    println!("|---|---|---|---|---|\n| off | 1 | | | {:.4} |", middle(&model));
    for tile in ["4x4", "8x8"] {
        let (tiled, image, model) = clean(pair, tile, &rest);
        let plane = &tiled.planes[0];
        let seams = &plane.tiles.as_ref().expect("a grid was given").seams;
        let (mut near, mut far, mut most) = ([0.0; 2], [0.0; 2], 0.0_f64);
        for ((at, a), b) in whole.indexed_iter().zip(&image) {
            let off = f64::from((a - b).abs());
            let sums = if seams.passes(3, at) { &mut near } else { &mut far };
            (sums[0], sums[1], most) = (sums[0] + off, sums[1] + 1.0, most.max(off));
        }
        let (rms, seam) = (plane.residual.rms / residual.rms, (near[0] / near[1]) / (far[0] / far[1]));
        println!("| {tile} | {rms:.4} | {seam:.2} | {:.2} | {:.4} |", most / residual.sigma, middle(&model));
    }
}
