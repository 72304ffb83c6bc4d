//! How much faster are the vector versions of CLEAN's inner loops than their plain references, on the same data?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use deconv::kernels::dense;
use deconv::kernels::list::{ActiveList, Lookup, subtract_and_peak, subtract_and_peak_plain};
use ndarray::Array2;

/// A row of the residual against the PSF's: fused, and as two passes of plain iterators.
fn rows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("subtract a row and find its peak");
    for n in [1024, 4096] {
        let psf: Vec<f32> = (0..n).map(|x| (x as f32 * 0.37).sin()).collect();
        let mut row: Vec<f32> = (0..n).map(|x| (x as f32 * 0.11).cos()).collect();
        group.bench_with_input(BenchmarkId::new("fused", n), &n, |bench, _| {
            bench.iter(|| dense::subtract_and_peak(black_box(&mut row), black_box(&psf), 1e-6));
        });
        group.bench_with_input(BenchmarkId::new("two passes", n), &n, |bench, _| {
            bench.iter(|| {
                let row = black_box(&mut row);
                row.iter_mut().zip(black_box(&psf)).for_each(|(value, h)| *value -= 1e-6 * h);
                row.iter().fold(0.0_f32, |peak, value| peak.max(value.abs()))
            });
        });
    }
}

/// The active list: look the PSF up at every listed pixel.
fn lists(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("subtract from a list and find its peak");
    let psf = Array2::from_shape_fn((1024, 1024), |(y, x)| ((y * 31 + x * 17) % 97) as f32 / 97.0 - 0.5);
    let lookup = Lookup::new(psf.view(), (512, 512), (1024, 1024));
    for pixels in [1_000, 30_000] {
        let mut list = ActiveList::default();
        for index in 0..pixels {
            let place = index * (1024 * 1024 / pixels);
            list.push((place / 1024, place % 1024), (index % 13) as f32 - 6.0, 1.0);
        }
        group.bench_with_input(BenchmarkId::new("vector", pixels), &pixels, |bench, _| {
            bench.iter(|| subtract_and_peak(black_box(&mut list), &lookup, pixels / 2, 1e-6));
        });
        group.bench_with_input(BenchmarkId::new("plain", pixels), &pixels, |bench, _| {
            bench.iter(|| subtract_and_peak_plain(black_box(&mut list), &lookup, pixels / 2, 1e-6));
        });
    }
}

criterion_group!(benches, rows, lists);
criterion_main!(benches);
