use ndarray::{Array2, s};

use super::*;

fn noise(shape: (usize, usize), seed: u64) -> Array2<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    Array2::from_shape_fn(shape, |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    })
}

/// Direct sum over the lags that the kernel holds; `centre` is the kernel's origin.
fn convolve_directly(image: &Array2<f32>, kernel: &Array2<f32>, centre: (usize, usize)) -> Array2<f64> {
    let (ny, nx) = image.dim();
    Array2::from_shape_fn((ny, nx), |(y, x)| {
        let mut sum = 0.0;
        for ((ky, kx), h) in kernel.indexed_iter() {
            let (sy, sx) = ((y + centre.0).checked_sub(ky), (x + centre.1).checked_sub(kx));
            if let (Some(sy), Some(sx)) = (sy, sx)
                && sy < ny
                && sx < nx
            {
                sum += f64::from(*h) * f64::from(image[(sy, sx)]);
            }
        }
        sum
    })
}

/// The whole chain in slabs of `chunk` rows and blocks of `block` columns.
fn convolve_in_chunks(
    image: &Array2<f32>,
    kernel: &Array2<f32>,
    centre: (usize, usize),
    cut: (usize, usize),
) -> Array2<f32> {
    let (ny, nx) = image.dim();
    // lags of N and more reach no pixel, and would wrap around
    let kept = |length: usize, middle: usize, n: usize| (middle + 1).saturating_sub(n)..length.min(middle + n);
    let (ky, kx) = (kept(kernel.nrows(), centre.0, ny), kept(kernel.ncols(), centre.1, nx));
    let centre = (centre.0 - ky.start, centre.1 - kx.start);
    let kernel = kernel.slice(s![ky, kx]).to_owned();
    let reach = |length: usize, middle: usize| middle.max(length - 1 - middle);
    let layout = Layout {
        ly: linear_size(ny, reach(kernel.nrows(), centre.0)),
        lx: linear_size(nx, reach(kernel.ncols(), centre.1)),
        block: cut.1,
    };
    let slabs = |plane: &Array2<f32>, y0: isize, x: isize| -> Vec<SlabSpectrum> {
        (0..plane.nrows())
            .step_by(cut.0)
            .map(|first| {
                let last = (first + cut.0).min(plane.nrows());
                forward_rows(plane.slice(s![first..last, ..]), &layout, Placement { y: y0 + first as isize, x })
            })
            .collect()
    };
    let kernels = slabs(&kernel, -(centre.0 as isize), -(centre.1 as isize));
    let images = slabs(image, 0, 0);
    let (kernels, images): (Vec<_>, Vec<_>) = (kernels.iter().collect(), images.iter().collect());
    let blocks: Vec<BlockRows> = (0..layout.blocks())
        .map(|block| {
            let transfer = column_transfer(&kernels, &layout, block).unwrap();
            map_columns([&images, &[]], &layout, block, ny, |column| {
                column.first.iter_mut().zip(transfer.column(column.kx)).for_each(|(value, h)| *value *= h);
            })
            .unwrap()
        })
        .collect();
    inverse_rows(&blocks.iter().collect::<Vec<_>>(), &layout, 0..ny, nx).unwrap()
}

#[test]
fn chunked_convolution_equals_the_direct_sum_for_any_kernel_size_and_centre() {
    for (shape, kernel_shape, centre) in [
        ((16, 16), (16, 16), (8, 8)),
        ((16, 16), (32, 32), (16, 16)),
        ((13, 17), (13, 17), (6, 8)),
        ((13, 17), (7, 5), (2, 4)),
        ((12, 9), (23, 17), (11, 8)),
        ((11, 20), (9, 31), (0, 30)),
    ] {
        let (image, kernel) = (noise(shape, 1), noise(kernel_shape, 2));
        let direct = convolve_directly(&image, &kernel, centre);
        let chunked = convolve_in_chunks(&image, &kernel, centre, (5, 4));
        let norm = direct.iter().fold(0.0_f64, |norm, value| norm.max(value.abs()));
        let tolerance = f64::from(f32::EPSILON) * 8.0 * norm.max(1.0);
        for (a, b) in direct.iter().zip(&chunked) {
            assert!((a - f64::from(*b)).abs() < tolerance, "{shape:?} * {kernel_shape:?}: {a} against {b}");
        }
    }
}

#[test]
fn the_cut_does_not_change_one_bit() {
    let (image, kernel) = (noise((60, 47), 3), noise((60, 94), 4));
    let whole = convolve_in_chunks(&image, &kernel, (30, 47), (60, 1000));
    for cut in [(1, 1), (7, 16), (16, 23), (59, 64)] {
        assert_eq!(whole, convolve_in_chunks(&image, &kernel, (30, 47), cut), "{cut:?}");
    }
}

#[test]
fn the_half_plane_weights_keep_parseval_for_even_and_odd_sizes() {
    for shape in [(8, 8), (7, 9), (12, 5), (1, 6), (31, 1)] {
        let plane = noise(shape, 5).mapv(f64::from);
        let spectrum = Real2d::new(shape).forward(&plane);
        let power: f64 =
            spectrum.indexed_iter().map(|((_, kx), value)| column_weight(kx, shape.1) * value.norm_sqr()).sum();
        let energy: f64 = plane.iter().map(|value| value * value).sum();
        assert!((power / (shape.0 * shape.1) as f64 / energy - 1.0).abs() < 1e-12, "{shape:?}");
    }
}

#[test]
fn forward_and_inverse_return_the_plane() {
    for shape in [(8, 8), (13, 7), (30, 31)] {
        let plane = noise(shape, 6).mapv(f64::from);
        let plans = Real2d::new(shape);
        let back = plans.inverse(&mut plans.forward(&plane));
        assert!(plane.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-14), "{shape:?}");
    }
}

#[test]
fn correlation_is_the_adjoint_of_convolution() {
    let (x, y, kernel) = (noise((24, 15), 7), noise((24, 15), 8), noise((33, 20), 9));
    let mirrored = Array2::from_shape_fn(kernel.dim(), |(ky, kx)| kernel[(32 - ky, 19 - kx)]);
    let forward = convolve_in_chunks(&x, &kernel, (12, 11), (8, 8));
    let adjoint = convolve_in_chunks(&y, &mirrored, (32 - 12, 19 - 11), (8, 8));
    let dot =
        |a: &Array2<f32>, b: &Array2<f32>| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    let norm = dot(&x, &x).sqrt() * dot(&y, &y).sqrt();
    assert!((dot(&forward, &y) - dot(&x, &adjoint)).abs() < 1e-5 * norm);
}

#[test]
fn fast_lengths_are_even_smooth_and_not_shorter() {
    assert_eq!([1, 2, 11, 255, 1533, 4099].map(good_size), [2, 2, 12, 256, 1536, 4116]);
    assert_eq!(linear_size(1024, 512), 1536);
    assert_eq!(linear_size(1024, 4000), 2048);
}

#[test]
fn kernel_longer_than_a_circular_plane_laps_it_and_adds_up() {
    let (image, kernel, centre) = (noise((12, 9), 10), noise((23, 17), 11), (11, 8));
    let expected = Array2::from_shape_fn(image.dim(), |(y, x)| {
        let lap =
            |at: usize, k: usize, c: usize, n: usize| (at as isize + c as isize - k as isize).rem_euclid(n as isize);
        kernel
            .indexed_iter()
            .map(|((ky, kx), h)| {
                let at = (lap(y, ky, centre.0, 12) as usize, lap(x, kx, centre.1, 9) as usize);
                f64::from(*h) * f64::from(image[at])
            })
            .sum::<f64>()
    });
    let circular = |cut: (usize, usize)| {
        let layout = Layout { ly: 12, lx: 9, block: cut.1 };
        let slabs = |plane: &Array2<f32>, (y, x): (isize, isize)| -> Vec<SlabSpectrum> {
            (0..plane.nrows())
                .step_by(cut.0)
                .map(|first| {
                    let rows = plane.slice(s![first..(first + cut.0).min(plane.nrows()), ..]);
                    forward_rows(rows, &layout, Placement { y: y + first as isize, x })
                })
                .collect()
        };
        let (kernels, images) = (slabs(&kernel, (-11, -8)), slabs(&image, (0, 0)));
        let (kernels, images): (Vec<_>, Vec<_>) = (kernels.iter().collect(), images.iter().collect());
        let blocks: Vec<BlockRows> = (0..layout.blocks())
            .map(|block| {
                let (transfer, data) = (
                    column_transfer(&kernels, &layout, block).unwrap(),
                    column_transfer(&images, &layout, block).unwrap(),
                );
                make_columns(&layout, block, (12, 0), |kx, column| {
                    column.copy_from_slice(data.column(kx));
                    column.iter_mut().zip(transfer.column(kx)).for_each(|(value, h)| *value *= h);
                })
            })
            .collect();
        inverse_rows(&blocks.iter().collect::<Vec<_>>(), &layout, 0..12, 9).unwrap()
    };
    let whole = circular((23, 9));
    let norm = expected.iter().fold(0.0_f64, |norm, value| norm.max(value.abs()));
    for (a, b) in expected.iter().zip(&whole) {
        assert!((a - f64::from(*b)).abs() < 8.0 * f64::from(f32::EPSILON) * norm, "{a} against {b}");
    }
    for cut in [(1, 1), (5, 2), (12, 4)] {
        assert_eq!(whole, circular(cut), "{cut:?}");
    }
}

/// A PSF with far sidelobes: the mean of cosines over random uv points, peak 1 in the middle of `2 * half` pixels.
fn psf_of_random_baselines(half: usize) -> Array2<f64> {
    let uv = noise((120, 2), 10).mapv(|value| 0.6 * f64::from(value));
    let axis = |column: usize| -> Vec<Vec<(f64, f64)>> {
        let phase = |at: usize, index: usize| {
            let angle = std::f64::consts::TAU * uv[(index, column)] * (at as f64 - half as f64);
            (angle.cos(), angle.sin())
        };
        (0..2 * half).map(|at| (0..uv.nrows()).map(|index| phase(at, index)).collect()).collect()
    };
    let (v, u) = (axis(0), axis(1));
    Array2::from_shape_fn((2 * half, 2 * half), |(y, x)| {
        v[y].iter().zip(&u[x]).map(|(v, u)| v.0 * u.0 - v.1 * u.1).sum::<f64>() / uv.nrows() as f64
    })
}

/// Convolution in f64 by one transform of `length`, of the kernel's lags up to `reach`.
fn convolve_at(image: &Array2<f64>, kernel: &Array2<f64>, reach: usize, length: usize) -> Array2<f64> {
    let (n, middle) = (image.nrows(), kernel.nrows() / 2);
    let plans = Real2d::new((length, length));
    let mut placed = Array2::zeros((length, length));
    for ((y, x), h) in kernel.indexed_iter().filter(|((y, x), _)| y.abs_diff(middle).max(x.abs_diff(middle)) <= reach) {
        placed[((y + length - middle) % length, (x + length - middle) % length)] += *h;
    }
    let mut padded = Array2::zeros((length, length));
    padded.slice_mut(s![..n, ..n]).assign(image);
    let (transfer, mut spectrum) = (plans.forward(&placed), plans.forward(&padded));
    spectrum.zip_mut_with(&transfer, |value, h| *value *= h);
    plans.inverse(&mut spectrum).slice(s![..n, ..n]).to_owned()
}

#[test]
fn the_sizes_of_psf_and_transform_decide_what_is_exact() {
    let n = 64;
    let psf = psf_of_random_baselines(n);
    let same_size = psf.slice(s![n / 2..3 * n / 2, n / 2..3 * n / 2]).to_owned();
    let larger = psf.slice(s![n / 4..7 * n / 4, n / 4..7 * n / 4]).to_owned();
    let sky = |first: usize, width: usize| {
        let places = noise((40, 2), 11).mapv(|value| first + ((f64::from(value) + 0.5) * width as f64) as usize);
        let mut sky = Array2::zeros((n, n));
        places.rows().into_iter().for_each(|at| sky[(at[0], at[1])] += 1.0);
        sky
    };
    let direct =
        |sky: &Array2<f64>| convolve_directly(&sky.mapv(|value| value as f32), &psf.mapv(|value| value as f32), (n, n));
    let error = |a: &Array2<f64>, b: &Array2<f64>| {
        let peak = b.iter().fold(0.0_f64, |peak, value| peak.max(value.abs()));
        a.iter().zip(b).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs())) / peak
    };
    let everywhere = sky(0, n);
    let exact = convolve_at(&everywhere, &psf, n - 1, 2 * n);
    assert!(error(&exact, &direct(&everywhere)) < 1e-6, "the direct sum is of single precision values");
    // 1. a PSF of the image's size misses far sidelobes, whatever the padding beyond 3/2
    let (short, long) =
        (convolve_at(&everywhere, &same_size, n / 2, 3 * n / 2), convolve_at(&everywhere, &same_size, n / 2, 2 * n));
    assert!(error(&short, &long) < 1e-13);
    assert!(error(&short, &exact) > 1e-3);
    // 2. without padding the convolution wraps around
    assert!(error(&convolve_at(&everywhere, &same_size, n / 2, n), &short) > 1e-3);
    // 3. sources in the central half: exact in the central half, not outside
    let central = sky(n / 4, n / 2 - 1);
    let (short, exact) =
        (convolve_at(&central, &same_size, n / 2, 3 * n / 2), convolve_at(&central, &psf, n - 1, 2 * n));
    let half = |plane: &Array2<f64>| plane.slice(s![n / 4..3 * n / 4, n / 4..3 * n / 4]).to_owned();
    assert!(error(&half(&short), &half(&exact)) < 1e-13);
    assert!(error(&short, &exact) > 1e-3);
    // 4. and a PSF of 3/2 the size is exact everywhere for them
    assert!(error(&convolve_at(&central, &larger, 3 * n / 4, 2 * n), &exact) < 1e-13);
}
