//! What does cutting the exact convolution into slabs and blocks cost against one transform of the whole plane?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use deconv::fft::{
    BlockRows, Layout, Placement, Real2d, SlabSpectrum, Transfer, column_transfer, forward_rows, inverse_rows,
    map_columns,
};
use ndarray::{Array2, s};

/// Convolves with a kept transfer function in slabs of `rows` rows and blocks of as many columns.
fn chunked(image: &Array2<f32>, transfers: &[Transfer], layout: &Layout, rows: usize) -> Array2<f32> {
    let n = image.nrows();
    let slabs: Vec<SlabSpectrum> = (0..n)
        .step_by(rows)
        .map(|first| {
            let slab = image.slice(s![first..(first + rows).min(n), ..]);
            forward_rows(slab, layout, Placement { y: first as isize, x: 0 })
        })
        .collect();
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

criterion_group!(benches, convolution);
criterion_main!(benches);
