//! What does choosing lambda cost against iterations of a Gibbs chain?
//!
//! `cargo bench --bench lambda_search [-- SIZE...]`: a sky of the gradient's prior under a Gaussian PSF and white noise, `ml`. The
//! table of modes, the choice from it by `gcv` (a search alone) and by `ml` (the search and the posterior), the same with the criteria for the picture, and ten iterations of
//! a chain; minima of repeats, CPU of one thread.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use deconv::algorithms::wiener::{
    DEFAULT_FLOOR, Hyper, Inference, LambdaRule, NoiseModel, Plane, Problem, Regularisation, SpectrumTable, Survey,
    TauRule, infer,
};
use rustfft::num_complex::Complex;

const ROUNDS: usize = 15;

fn seconds<T>(mut work: impl FnMut() -> T) -> f64 {
    let round = |_| {
        let begin = Instant::now();
        black_box(work());
        begin.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

/// Normal numbers, nearly.
fn normal(state: &mut u64) -> f32 {
    let mut uniform = || {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 40) as f32 / (1_u32 << 24) as f32
    };
    (0..12).map(|_| uniform()).sum::<f32>() - 6.0
}

fn main() {
    let given: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    println!(
        "size  table ms  choice by gcv ms  choice ms  choice and criteria ms  ten iterations of a chain ms  (minima of {ROUNDS})"
    );
    for n in if given.is_empty() { vec![512] } else { given } {
        let plane = Plane::circular(n, n);
        let problem = Problem::new(plane, NoiseModel::White, Regularisation::Gradient, DEFAULT_FLOOR);
        let (mut h, mut y, mut state) = (Vec::new(), Vec::new(), 1);
        for kx in 0..plane.columns() {
            for ky in 0..n {
                let (fy, fx) = plane.signed_frequency(ky, kx);
                let transfer = (-200.0 * (fy * fy + fx * fx)).exp() as f32;
                let sky = (n as f64 / problem.penalty(ky, kx).max(1e-4).sqrt()) as f32;
                let mut draw = |scale: f32| Complex::new(scale * normal(&mut state), scale * normal(&mut state));
                h.push(Complex::new(transfer, 0.0));
                y.push(draw(sky) * transfer + draw(0.1 * n as f32));
            }
        }
        let columns = || (0..plane.columns()).map(|kx| (kx, kx * n..(kx + 1) * n));
        let mut survey = Survey::new(&problem);
        for (kx, column) in columns() {
            survey.add_transfer(kx, &h[column.clone()]);
            survey.add_data(&y[column]);
        }
        let usable = survey.finish(TauRule::Auto).expect("a PSF");
        let tabulate = || {
            let mut table = SpectrumTable::new(&problem, &usable);
            columns().for_each(|(kx, column)| table.add_column(kx, &y[column.clone()], &h[column]));
            table
        };
        let table = tabulate();
        let by = |rule, hyper, curves| Inference { rule, sigma: None, hyper, curves };
        let ask = |hyper, curves| by(LambdaRule::Ml, hyper, curves);
        let choose = |ask: Inference| seconds(|| infer(&table, &ask).expect("a choice"));
        // chains that go on to their limit, which is below the first look at them
        let chains = |iterations| choose(ask(Hyper::Gibbs { iterations, seed: 0 }, None));
        let iteration = (chains(240) - chains(40)) / (4.0 * 200.0);
        println!(
            "{n:>4} {:>9.3} {:>18.3} {:>10.3} {:>23.3} {:>29.3}",
            1e3 * seconds(tabulate),
            1e3 * choose(by(LambdaRule::Gcv, Hyper::Point, None)),
            1e3 * choose(ask(Hyper::Point, None)),
            1e3 * choose(ask(Hyper::Point, Some(0.1))),
            1e4 * iteration
        );
    }
}
