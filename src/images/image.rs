//! One plane, or a slab of its rows, in a known unit.

use std::marker::PhantomData;

use ndarray::Array2;

use crate::units::Kind;

/// Pixels of shape `(ny, nx)` in the unit of `K`; `x` is FITS axis 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Image<K> {
    pixels: Array2<f32>,
    kind: PhantomData<K>,
}

impl<K: Kind> Image<K> {
    /// Declares that `pixels`, of shape `(ny, nx)`, are in the unit of `K`.
    pub fn new(pixels: Array2<f32>) -> Self {
        Self { pixels, kind: PhantomData }
    }

    /// An image of zeros of shape `(ny, nx)`.
    pub fn zeros(shape: (usize, usize)) -> Self {
        Self::new(Array2::zeros(shape))
    }

    /// Shape as `(ny, nx)`.
    pub fn shape(&self) -> (usize, usize) {
        self.pixels.dim()
    }

    /// The pixels, shape `(ny, nx)`.
    pub fn pixels(&self) -> &Array2<f32> {
        &self.pixels
    }

    /// The pixels, to be changed in place.
    pub fn pixels_mut(&mut self) -> &mut Array2<f32> {
        &mut self.pixels
    }

    /// Gives up the kind and keeps the pixels.
    pub fn into_pixels(self) -> Array2<f32> {
        self.pixels
    }
}
