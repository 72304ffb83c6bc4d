//! What does the chunked graph of Wiener-Hunt cost beyond a plain loop over the same kernels?
//!
//! `cargo bench --bench wiener_loop [-- SIZE...]`: circular boundary, white noise, Laplacian, lambda given. The loop has
//! no graph, no keys, no scheduler and no values that outlive their use; it runs whole planes and the same cuts as the graph.
//! Rounds are interleaved, the two sides take turns at being first, and the minimum of each counts. Fails if the filters differ in a single bit.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use deconv::algorithms::wiener::{
    DEFAULT_FLOOR, Equation, Filter, Hyper, Inference, LambdaRule, NoiseModel, Plane, Problem, Regularisation, Survey,
    TauRule,
};
use deconv::fft::{
    BlockRows, Layout, Placement, SlabSpectrum, Transfer, column_transfer, forward_rows, inverse_rows, map_columns,
};
use deconv::graph::{Held, RunContext, Scheduler, Threads};
use deconv::images::{Image, Psf};
use deconv::pipeline::graphs::{Asked, Cut, Kept, PlaneKeys, Slabs, Solver, Wiring};
use deconv::pipeline::ops::{DirtySlab, Rows, Setting, Value};
use ndarray::{Array2, s};

const LAMBDA: f64 = 1.0;
const ROUNDS: usize = 7;

/// A field and its PSF, as both sides take them.
struct Field {
    image: Array2<f32>,
    psf: Psf,
}

impl Field {
    /// A square plane of bumps under a PSF of the same size with wide wings.
    fn new(n: usize) -> Self {
        let image = Array2::from_shape_fn((n, n), |(y, x)| ((y * 31 + x * 17) % 101) as f32 / 101.0);
        let psf = Array2::from_shape_fn((n, n), |(y, x)| {
            let (y, x) = (y as f64 - (n / 2) as f64, x as f64 - (n / 2) as f64);
            (1.0 / (1.0 + (y * y + x * x) / 8.0)) as f32
        });
        Self { image, psf: Psf::new(psf).expect("a peak in the middle") }
    }

    fn layout(&self, block: usize) -> Layout {
        Layout { ly: self.image.nrows(), lx: self.image.ncols(), block }
    }

    fn setting(&self, block: usize) -> Setting {
        let (noise, reg) = (NoiseModel::White, Regularisation::Laplacian);
        Setting { layout: self.layout(block), shape: self.image.dim(), noise, reg, equation: Equation::Normal }
    }
}

/// Row transforms of slabs of `rows` rows, the image's first pixel at `origin`.
fn spectra(pixels: &Array2<f32>, layout: &Layout, rows: usize, origin: (isize, isize)) -> Vec<SlabSpectrum> {
    let ny = pixels.nrows();
    let cut = |first: usize| {
        let slab = pixels.slice(s![first..(first + rows).min(ny), ..]);
        forward_rows(slab, layout, Placement { y: first as isize + origin.0, x: origin.1 })
    };
    (0..ny).step_by(rows).map(cut).collect()
}

/// The PSF's transfer function, block by block: given to both sides.
fn transfers(field: &Field, rows: usize, layout: &Layout) -> Vec<Transfer> {
    let (cy, cx) = field.psf.centre();
    let psf = spectra(field.psf.pixels(), layout, rows, (-(cy as isize), -(cx as isize)));
    let psf: Vec<_> = psf.iter().collect();
    (0..layout.blocks()).map(|block| column_transfer(&psf, layout, block).expect("in memory")).collect()
}

/// The plain loop.
fn hand(field: &Field, transfers: &[Transfer], rows: usize, block: usize) -> Array2<f32> {
    let (layout, (ny, nx)) = (field.layout(block), field.image.dim());
    let plane = Plane { ly: layout.ly, lx: layout.lx, data_pixels: ny * nx };
    let problem = Problem::new(plane, NoiseModel::White, Regularisation::Laplacian, DEFAULT_FLOOR);
    let mut survey = Survey::new(&problem);
    for (block, transfer) in transfers.iter().enumerate() {
        layout.columns(block).for_each(|kx| survey.add_transfer(kx, transfer.column(kx)));
    }
    let usable = survey.finish(TauRule::Auto).expect("a PSF with signal");
    let filter = Filter::new(&problem, &usable, LAMBDA);
    let blocks: Vec<BlockRows> = {
        let dirty = spectra(&field.image, &layout, rows, (0, 0));
        let dirty: Vec<_> = dirty.iter().collect();
        let columns = |(block, transfer): (usize, &Transfer)| {
            let filtered = map_columns([&dirty, &[]], &layout, block, ny, |column| {
                filter.filter_column(column.kx, column.first, transfer.column(column.kx));
            });
            filtered.expect("in memory")
        };
        transfers.iter().enumerate().map(columns).collect()
    };
    let blocks: Vec<_> = blocks.iter().collect();
    let mut model = Array2::zeros((ny, nx));
    for first in (0..ny).step_by(rows) {
        let last = (first + rows).min(ny);
        let slab = inverse_rows(&blocks, &layout, first..last, nx).expect("in memory");
        model.slice_mut(s![first..last, ..]).assign(&slab);
    }
    model
}

/// What stands in memory before the graph begins.
struct Given {
    cut: Cut,
    setting: Setting,
    transfer: Slabs,
    dirty: Slabs,
}

impl Given {
    fn new(field: &Field, transfers: &[Transfer], rows: usize, block: usize) -> Self {
        let shape = field.image.dim();
        let cut = Cut { shape, slab: rows, block };
        let held = |value: Value, bytes: usize| Kept::new(Held::new(Arc::new(value), bytes as u64));
        let slab = |rows: Rows| {
            let image = Image::new(field.image.slice(s![rows.range(), ..]).to_owned());
            held(Value::Dirty(DirtySlab { image, finite: None }), 4 * rows.len() * shape.1)
        };
        let transfer = |transfer: &Transfer| held(Value::Transfer(transfer.clone()), transfer.bytes() as usize);
        let transfer = transfers.iter().map(transfer).collect();
        Self { cut, setting: field.setting(block), transfer, dirty: cut.slabs().into_iter().map(slab).collect() }
    }
}

/// The graph of the filter, as the run has it.
fn graph(given: &Given, scheduler: &Threads) -> Array2<f32> {
    let Given { cut, setting, transfer, dirty } = given;
    let run = RunContext::default();
    let mut wiring = Wiring::new(*cut);
    let dirty = wiring.give_all("held-dirty", 0, dirty);
    let keys = PlaneKeys { dirty, ..PlaneKeys::default() };
    let transfer = wiring.give_all("held-transfer", 0, transfer);
    let rule = LambdaRule::Given(LAMBDA);
    let inference = Inference { rule, sigma: None, hyper: Hyper::Point, curves: None };
    let rule = Asked { inference, is_scored: false, spread: None };
    let (mut solver, spectrum) = Solver::begin(&mut wiring, 0, *setting, (&keys, transfer), rule);
    let targets = solver.estimate(&spectrum);
    let slabs = scheduler.execute(wiring.into_graph(&targets), &targets, &run).expect("a model");
    let mut model = Array2::zeros(cut.shape);
    for (rows, slab) in cut.slabs().into_iter().zip(slabs) {
        let value = slab.value().expect("in memory");
        model.slice_mut(s![rows.range(), ..]).assign(value.model().pixels());
    }
    model
}

/// CPU time of the process so far \[s\].
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    assert!(threads <= 1, "schedstat counts the calling thread: one worker only");
    text.split_whitespace().next().and_then(|text| text.parse::<f64>().ok()).map_or(0.0, |nanos| nanos / 1e9)
}

fn main() {
    let given: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let sizes = if given.is_empty() { vec![4096] } else { given };
    let scheduler = Threads::new(1);
    println!("size chunk  side    CPU s  wall s  (minima of {ROUNDS} interleaved rounds, 1 thread)");
    for n in sizes {
        let field = Field::new(n);
        let cuts: Vec<usize> = [128, 256, n].into_iter().filter(|rows| *rows <= n).collect();
        let mut best = vec![[(f64::INFINITY, f64::INFINITY); 2]; cuts.len()];
        let mut reference = None;
        for round in 0..ROUNDS {
            for (rows, best) in cuts.iter().zip(&mut best) {
                let block = rows.next_multiple_of(16);
                let transfers = transfers(&field, *rows, &field.layout(block));
                let given = Given::new(&field, &transfers, *rows, block);
                // Who comes first changes by rounds: the second finds the allocator's pages warm.
                for side in [round % 2, 1 - round % 2] {
                    let (wall, cpu) = (Instant::now(), cpu_seconds());
                    let model = match side {
                        0 => hand(black_box(&field), &transfers, *rows, block),
                        _ => graph(black_box(&given), &scheduler),
                    };
                    let (least, time) = (&mut best[side], (cpu_seconds() - cpu, wall.elapsed().as_secs_f64()));
                    *least = (least.0.min(time.0), least.1.min(time.1));
                    assert_eq!(*reference.get_or_insert_with(|| model.clone()), model, "the same bits on both sides");
                }
            }
        }
        for (rows, [hand, graph]) in cuts.iter().zip(&best) {
            println!("{n:5} {rows:5}  loop  {:7.3} {:7.3}", hand.0, hand.1);
            println!("{n:5} {rows:5}  graph {:7.3} {:7.3}", graph.0, graph.1);
        }
        let least = |side: usize| best.iter().map(|sides| sides[side].0).fold(f64::INFINITY, f64::min);
        println!("{n:5}  best  graph / loop = {:.3} in CPU", least(1) / least(0));
    }
}
