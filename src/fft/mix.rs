//! The column stage of filters that mix several images: their columns are changed together and transformed back one by one.

use std::io;
use std::ops::Range;

use rustfft::num_complex::Complex32;

use super::columns::{STRIP, Strips, pieces, with_strips};
use super::layout::Layout;
use super::values::{BlockRows, SlabSpectrum};

/// Transforms the columns of block `index` of several images, strip by strip, and shows `work` each column of all of them at once.
/// After a strip `take` gets its columns in the block, the plans, and the strips of all images.
fn for_columns(
    images: &[Vec<&SlabSpectrum>],
    layout: &Layout,
    (index, parts): (usize, usize),
    mut work: impl FnMut(usize, &mut [&mut [Complex32]]),
    mut take: impl FnMut(Range<usize>, &mut Strips, &mut [Complex32]),
) -> io::Result<()> {
    let columns = layout.columns(index);
    let sets = images.iter().map(|slabs| pieces(slabs, &columns)).collect::<io::Result<Vec<_>>>()?;
    with_strips(layout.ly, parts.max(images.len()), |strips, buffer| {
        let (stride, length) = (strips.stride(), strips.length());
        for first in (0..columns.len()).step_by(STRIP) {
            let strip = first..(first + STRIP).min(columns.len());
            for (set, values) in sets.iter().zip(buffer.chunks_exact_mut(length)) {
                strips.forward(set, columns.len(), &strip, (values, stride));
            }
            for c in 0..strip.len() {
                let images = buffer.chunks_exact_mut(length);
                let mut together: Vec<_> = images.map(|image| &mut image[c * stride..][..layout.ly]).collect();
                work(columns.start + strip.start + c, &mut together);
            }
            take(strip, strips, buffer);
        }
    });
    Ok(())
}

/// Changes the columns of block `index` of several images together by `work` (column of the half plane, a column of each; those
/// beyond the images hold anything) and transforms the first `parts` of them back, not scaled: rows `0 .. ny` of the first, then those
/// of the second, and so on.
///
/// # Errors
/// When a slab stands in a file that cannot be read.
pub fn mix_columns(
    images: &[Vec<&SlabSpectrum>],
    layout: &Layout,
    index: usize,
    (ny, parts): (usize, usize),
    work: impl FnMut(usize, &mut [&mut [Complex32]]),
) -> io::Result<BlockRows> {
    let width = layout.columns(index).len();
    let mut values = vec![Complex32::default(); parts * ny * width];
    for_columns(images, layout, (index, parts), work, |strip, strips, buffer| {
        for (part, rows) in buffer.chunks_exact_mut(strips.length()).zip(values.chunks_exact_mut(ny * width)) {
            strips.inverse(part, &strip, (ny, 0), (rows, width));
        }
    })?;
    Ok(BlockRows::from_parts(width, values.into()))
}

/// Shows `work` the columns of block `index` of several images, each column of all of them at once.
///
/// # Errors
/// When a slab stands in a file that cannot be read.
pub fn see_columns(
    images: &[Vec<&SlabSpectrum>],
    layout: &Layout,
    index: usize,
    work: impl FnMut(usize, &mut [&mut [Complex32]]),
) -> io::Result<()> {
    for_columns(images, layout, (index, 0), work, |_, _, _| ())
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::fft::{Placement, forward_rows, inverse_rows, map_columns};

    /// Two images of shape `(ny, nx)`, in slabs of three rows.
    fn images(layout: &Layout, (ny, nx): (usize, usize)) -> Vec<Vec<SlabSpectrum>> {
        let image =
            |seed: usize| Array2::from_shape_fn((ny, nx), |(y, x)| ((7 * y + 3 * x * x + seed) % 11) as f32 - 5.0);
        let slabs = |image: Array2<f32>| {
            let cut = |first: usize| {
                let rows = image.slice(ndarray::s![first..(first + 3).min(ny), ..]);
                forward_rows(rows, layout, Placement { y: first as isize, x: 0 })
            };
            (0..ny).step_by(3).map(cut).collect()
        };
        vec![slabs(image(1)), slabs(image(4))]
    }

    #[test]
    fn parts_are_the_columns_of_each_image_alone_to_the_last_bit() {
        let (layout, shape) = (Layout { ly: 16, lx: 20, block: 4 }, (8, 9));
        let images = images(&layout, shape);
        let sets: Vec<Vec<&SlabSpectrum>> = images.iter().map(|slabs| slabs.iter().collect()).collect();
        let mixed: Vec<BlockRows> = (0..layout.blocks())
            .map(|index| {
                mix_columns(&sets, &layout, index, (shape.0, 3), |kx, parts| {
                    let [first, second, sum] = parts else { panic!("two images and a part more") };
                    // the third becomes the sum, the first is tripled
                    for (ky, sum) in sum.iter_mut().enumerate() {
                        *sum = first[ky] + second[ky];
                    }
                    assert!(kx < layout.half());
                    first.iter_mut().for_each(|value| *value *= 3.0);
                })
                .unwrap()
            })
            .collect();
        let blocks: Vec<&BlockRows> = mixed.iter().collect();
        let part = |n: usize| inverse_rows(&blocks, &layout, n * shape.0..(n + 1) * shape.0, shape.1).unwrap();
        let alone = |n: usize, factor: f32| {
            let blocks: Vec<BlockRows> = (0..layout.blocks())
                .map(|index| {
                    let triple = |column: crate::fft::Columns<'_>| column.first.iter_mut().for_each(|v| *v *= factor);
                    map_columns([&sets[n], &[]], &layout, index, shape.0, triple).unwrap()
                })
                .collect();
            inverse_rows(&blocks.iter().collect::<Vec<_>>(), &layout, 0..shape.0, shape.1).unwrap()
        };
        assert_eq!(part(0), alone(0, 3.0));
        assert_eq!(part(1), alone(1, 1.0));
        let sum = alone(0, 1.0) + alone(1, 1.0);
        assert!(part(2).iter().zip(&sum).all(|(a, b)| (a - b).abs() < 1e-5));
        let mut seen = Vec::new();
        see_columns(&sets, &layout, 1, |kx, parts| seen.push((kx, parts.len()))).unwrap();
        assert_eq!(seen, [(4, 2), (5, 2), (6, 2), (7, 2)]);
    }
}
