//! The column stage of a sum of convolutions: each image with its own kernel, transformed back once.

use std::io;

use rustfft::num_complex::Complex32;

use super::layout::Layout;
use super::stages::{STRIP, STRIP_PADDING, columns_plans, gather, pieces, scatter, with_strip};
use super::values::{BlockRows, SlabSpectrum, Transfer};

/// An image and what it is convolved with.
pub struct Term<'a> {
    /// Row transforms of the image's slabs; rows that none holds are 0.
    pub slabs: Vec<&'a SlabSpectrum>,
    /// The kernel's transfer function on the block.
    pub transfer: &'a Transfer,
}

/// Sums the convolutions of all terms on block `index`, in their order, and transforms the sum back: rows `0 .. ny` of
/// the block, not scaled. The sum of one term is its [`super::map_columns`], to the last bit.
///
/// # Errors
/// When a slab stands in a file that cannot be read.
pub fn sum_columns(terms: &[Term<'_>], layout: &Layout, index: usize, ny: usize) -> io::Result<BlockRows> {
    let columns = layout.columns(index);
    let (width, stride) = (columns.len(), layout.ly + STRIP_PADDING);
    let sets = terms.iter().map(|term| pieces(&term.slabs, &columns)).collect::<io::Result<Vec<_>>>()?;
    let (forward, inverse) = columns_plans(layout.ly);
    let longest = forward.get_inplace_scratch_len().max(inverse.get_inplace_scratch_len());
    let mut scratch = vec![Complex32::default(); longest];
    let mut values = vec![Complex32::default(); ny * width];
    with_strip(2 * STRIP * stride, |buffer| {
        let (sum, image) = buffer.split_at_mut(STRIP * stride);
        for first in (0..width).step_by(STRIP) {
            let strip = first..(first + STRIP).min(width);
            for (number, (set, term)) in sets.iter().zip(terms).enumerate() {
                gather(set, width, &strip, image, layout.ly);
                let both = image.chunks_exact_mut(stride).zip(sum.chunks_exact_mut(stride));
                for (kx, (image, sum)) in strip.clone().zip(both) {
                    let (image, sum) = (&mut image[..layout.ly], &mut sum[..layout.ly]);
                    forward.process_with_scratch(image, &mut scratch);
                    let transfer = term.transfer.column(columns.start + kx);
                    let products = image.iter().zip(transfer).map(|(value, h)| *value * *h);
                    if number == 0 {
                        sum.iter_mut().zip(products).for_each(|(sum, product)| *sum = product);
                    } else {
                        sum.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
                    }
                }
            }
            for column in sum.chunks_exact_mut(stride).take(strip.len()) {
                inverse.process_with_scratch(&mut column[..layout.ly], &mut scratch);
            }
            scatter(sum, &strip, stride, &mut values, width);
        }
    });
    Ok(BlockRows::from_parts(width, values.into()))
}
