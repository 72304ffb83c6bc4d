//! Transforms and memory.

use std::hint::black_box;
use std::sync::Barrier;

use rustfft::FftPlanner;
use rustfft::num_complex::Complex32;

use super::{LEAST, undisturbed};
use crate::kernels::clock::thread_seconds;

/// Columns that are transformed together.
const STRIP: usize = 16;
/// Columns of a strip stand this far beyond their length apart, so that they do not share cache sets.
const PADDING: usize = 8;
/// Bytes of a buffer that no cache of a core holds; also the widest block of columns.
const LARGE: usize = if cfg!(test) { 4 << 20 } else { 64 << 20 };
/// Bytes of a buffer that the cache of a core holds beside another.
const SMALL: usize = 256 << 10;
/// Rows of the columns that are turned upright: a strip of them stays in the cache.
const ROWS: usize = if cfg!(test) { 256 } else { 4096 };

/// Complex transforms in strips of 16: `(points, GFlop/s)`.
pub(super) fn transforms() -> Vec<(u64, f64)> {
    let mut planner = FftPlanner::<f32>::new();
    let mut rate = |points: usize| {
        let plan = planner.plan_fft_forward(points);
        let stride = points + PADDING;
        let mut strip = vec![Complex32::default(); STRIP * stride];
        let mut scratch = vec![Complex32::default(); plan.get_inplace_scratch_len()];
        let seconds = undisturbed(|| {
            for column in black_box(&mut strip).chunks_exact_mut(stride) {
                plan.process_with_scratch(&mut column[..points], &mut scratch);
            }
        });
        let n = points as f64;
        (points as u64, STRIP as f64 * 5.0 * n * n.log2() / seconds / 1e9)
    };
    [256, 1024, 4096, 8192, 16384, 65536].map(&mut rate).to_vec()
}

/// Copying in the cache, beyond it by one worker, and by all \[GB/s, read plus written\].
pub(super) fn copies(cores: usize) -> (f64, f64, f64) {
    let rate = |bytes: usize| {
        let from = vec![1_u8; bytes];
        let mut to = vec![0_u8; bytes];
        let seconds = undisturbed(|| black_box(&mut to).copy_from_slice(black_box(&from)));
        2.0 * bytes as f64 / seconds / 1e9
    };
    (rate(SMALL), rate(LARGE), copy_by_all(cores))
}

/// All cores copy at the same time; the time of the slowest counts.
fn copy_by_all(cores: usize) -> f64 {
    let barrier = Barrier::new(cores);
    let worker = || {
        let from = vec![1_u8; LARGE];
        let mut to = vec![0_u8; LARGE];
        let round = |to: &mut Vec<u8>| {
            barrier.wait();
            let start = thread_seconds();
            black_box(to).copy_from_slice(black_box(&from));
            thread_seconds() - start
        };
        (0..2 * LEAST).map(|_| round(&mut to)).collect::<Vec<f64>>()
    };
    let times: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().expect("copying cannot panic")).collect()
    });
    let slowest = |round: usize| times.iter().map(|worker| worker[round]).fold(0.0, f64::max);
    let seconds = (0..2 * LEAST).map(slowest).fold(f64::INFINITY, f64::min);
    (2 * cores * LARGE) as f64 / seconds.max(1e-9) / 1e9
}

/// Turning strips of columns upright out of rows of so many bytes, as the column transforms do:
/// `(bytes of a row, GB/s, read plus written)`.
pub(super) fn columns() -> Vec<(u64, f64)> {
    let cells = LARGE / size_of::<Complex32>();
    let source = vec![Complex32::new(1.0, 0.0); cells];
    let stride = ROWS + PADDING;
    let mut strip = vec![Complex32::default(); STRIP * stride];
    let mut rate = |width: usize| {
        let blocks = cells / (width * ROWS);
        let seconds = undisturbed(|| {
            for block in source.chunks_exact(width * ROWS) {
                for first in (0..width).step_by(STRIP) {
                    turn(black_box(block), width, first, &mut strip);
                }
                black_box(&strip);
            }
        });
        let moved = 2 * blocks * width * ROWS * size_of::<Complex32>();
        ((width * size_of::<Complex32>()) as u64, moved as f64 / seconds / 1e9)
    };
    [16, 64, 128, 256, 512, 1024, 2048].map(&mut rate).to_vec()
}

/// Columns `first ..` of rows of `width` cells into a strip, eight rows at a time.
fn turn(block: &[Complex32], width: usize, first: usize, strip: &mut [Complex32]) {
    let stride = ROWS + PADDING;
    for (eight, rows) in block.chunks_exact(8 * width).enumerate() {
        for (c, column) in strip.chunks_exact_mut(stride).enumerate() {
            let column = &mut column[8 * eight..8 * eight + 8];
            column.iter_mut().zip(rows[first + c..].iter().step_by(width)).for_each(|(to, from)| *to = *from);
        }
    }
}

/// Writing new values while as old ones are given back, twice the large buffer being held: `(bytes, GB/s written)`.
pub(super) fn values() -> Vec<(u64, f64)> {
    let rate = |bytes: usize| {
        let cells = bytes / size_of::<Complex32>();
        let fresh = || {
            let mut value = vec![Complex32::default(); cells];
            black_box(&mut value).fill(Complex32::new(1.0, 1.0));
            value
        };
        let count = (2 * LARGE / bytes).max(2);
        let mut held: Vec<_> = (0..count).map(|_| fresh()).collect();
        let seconds = undisturbed(|| held.iter_mut().for_each(|value| *value = fresh()));
        (bytes as u64, (count * bytes) as f64 / seconds / 1e9)
    };
    // a test only looks that it runs
    let scale = if cfg!(test) { 64 } else { 1 };
    [64 << 10, 1 << 20, 4 << 20, 16 << 20, 48 << 20, 128 << 20].map(|bytes: usize| rate(bytes / scale)).to_vec()
}
