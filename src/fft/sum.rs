//! The column stage of a sum of convolutions: each image with its own kernel, transformed back once.

use std::io;

use rustfft::num_complex::Complex32;

use super::columns::{STRIP, pieces, with_strips};
use super::layout::Layout;
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
    let width = columns.len();
    let sets = terms.iter().map(|term| pieces(&term.slabs, &columns)).collect::<io::Result<Vec<_>>>()?;
    let mut values = vec![Complex32::default(); ny * width];
    with_strips(layout.ly, 2, |strips, buffer| {
        let (sum, image) = buffer.split_at_mut(strips.length());
        for first in (0..width).step_by(STRIP) {
            let strip = first..(first + STRIP).min(width);
            for (number, (set, term)) in sets.iter().zip(terms).enumerate() {
                strips.forward(set, width, &strip, (image, strips.stride()));
                let both = image.chunks_exact(strips.stride()).zip(sum.chunks_exact_mut(strips.stride()));
                for (kx, (image, sum)) in strip.clone().zip(both) {
                    let products =
                        image.iter().zip(term.transfer.column(columns.start + kx)).map(|(value, h)| *value * *h);
                    if number == 0 {
                        sum.iter_mut().zip(products).for_each(|(sum, product)| *sum = product);
                    } else {
                        sum.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
                    }
                }
            }
            strips.inverse(sum, &strip, (ny, 0), (&mut values, width));
        }
    });
    Ok(BlockRows::from_parts(width, values.into()))
}
