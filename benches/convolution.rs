//! What does cutting the exact convolution into slabs and blocks cost against one transform of the whole plane, and how long does the
//! transform of a large plane take? The latter is to be read beside `../shared/peers/fft_bench.py`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use deconv::fft::{
    BlockRows, Layout, Placement, Real2d, SlabSpectrum, Transfer, column_transfer, forward_rows, inverse_rows,
    map_columns,
};
use deconv::io::{Heap, manage_heap};
use ndarray::{Array2, s};

/// The program's.
#[global_allocator]
static HEAP: Heap = Heap;

/// Convolves with a kept transfer function in slabs of `rows` rows and blocks of as many columns.
fn chunked(image: &Array2<f32>, transfers: &[Transfer], layout: &Layout, rows: usize) -> Array2<f32> {
    let n = image.nrows();
    let slabs = slabs(image, layout, rows);
    let slabs: Vec<_> = slabs.iter().collect();
    let blocks: Vec<BlockRows> = (0..layout.blocks())
        .map(|block| {
            map_columns([&slabs, &[]], layout, block, n, |column| {
                let h = transfers[block].column(column.kx);
                column.first.iter_mut().zip(h).for_each(|(value, h)| *value *= h);
            })
            .expect("all is in memory")
        })
        .collect();
    inverse_rows(&blocks.iter().collect::<Vec<_>>(), layout, 0..n, n).expect("all is in memory")
}

fn convolution(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("convolution of 1024 x 1024 padded to 1536");
    group.sample_size(20);
    let (n, length) = (1024, 1536);
    let image = Array2::from_shape_fn((n, n), |(y, x)| ((y * 7 + x * 13) % 101) as f32);
    for rows in [128, 512, 1024] {
        let layout = Layout { ly: length, lx: length, block: rows };
        let psf = forward_rows(image.view(), &layout, Placement { y: -512, x: -512 });
        let transfers: Vec<_> = (0..layout.blocks())
            .map(|block| column_transfer(&[&psf], &layout, block).expect("all is in memory"))
            .collect();
        group.bench_with_input(BenchmarkId::new("slabs", rows), &rows, |bench, _| {
            bench.iter(|| chunked(black_box(&image), &transfers, &layout, rows));
        });
    }
    let plans = Real2d::new((length, length));
    let mut padded = Array2::zeros((length, length));
    padded.slice_mut(s![..n, ..n]).assign(&image);
    let transfer = plans.forward(&padded);
    group.bench_function("whole plane", |bench| {
        bench.iter(|| {
            let mut spectrum = plans.forward(black_box(&padded));
            spectrum.zip_mut_with(&transfer, |value, h| *value *= h);
            plans.inverse(&mut spectrum)
        });
    });
}

/// The row transforms of slabs of `rows` rows of a plane.
fn slabs(image: &Array2<f32>, layout: &Layout, rows: usize) -> Vec<SlabSpectrum> {
    let slab = |first: usize| {
        let slab = image.slice(s![first..(first + rows).min(image.nrows()), ..]);
        forward_rows(slab, layout, Placement { y: first as isize, x: 0 })
    };
    (0..image.nrows()).step_by(rows).map(slab).collect()
}

fn transform(criterion: &mut Criterion) {
    manage_heap(false);
    let mut group = criterion.benchmark_group("transform");
    group.sample_size(20);
    for n in [2048, 4096] {
        let layout = Layout { ly: n, lx: n, block: 64 };
        let image = Array2::from_shape_fn((n, n), |(y, x)| ((y * 7 + x * 13) % 101) as f32);
        group.bench_function(BenchmarkId::new("forward", n), |bench| {
            bench.iter(|| {
                let slabs = slabs(black_box(&image), &layout, 64);
                let slabs: Vec<_> = slabs.iter().collect();
                let block = |block| column_transfer(&slabs, &layout, block).expect("all is in memory");
                (0..layout.blocks()).map(block).collect::<Vec<Transfer>>()
            });
        });
        group.bench_function(BenchmarkId::new("forward and back", n), |bench| {
            bench.iter(|| {
                let slabs = slabs(black_box(&image), &layout, 64);
                let slabs: Vec<_> = slabs.iter().collect();
                let block = |block| map_columns([&slabs, &[]], &layout, block, n, |_| ()).expect("all is in memory");
                let blocks: Vec<BlockRows> = (0..layout.blocks()).map(block).collect();
                let blocks: Vec<_> = blocks.iter().collect();
                let rows =
                    |first| inverse_rows(&blocks, &layout, first..(first + 64).min(n), n).expect("all is in memory");
                (0..n).step_by(64).map(rows).collect::<Vec<Array2<f32>>>()
            });
        });
    }
}

criterion_group!(benches, convolution, transform);
criterion_main!(benches);
