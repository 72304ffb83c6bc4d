//! Fourier transforms of arrays, which cut them as they need.

use rustfft::num_complex::Complex;
use std::sync::Arc;

use super::fourier::Transform;
use super::layer::Layer;
use super::op::What;
use super::{Array, ArrayError, ArrayOp, Element, Grid, RealElement, elements};

/// A slab or a block of columns has about so many bytes: a few of them are held at one time by each worker.
const SLAB: u64 = 1 << 24;

impl<T: Element> Array<T> {
    /// Cuts the array so that `axis` is whole and chunks, cut along `other`, have about [`SLAB`] bytes; an array
    /// whose `axis` is whole already stays as it is.
    fn whole_along(&self, axis: usize, other: usize) -> Result<Self, ArrayError> {
        if self.grid.count(axis) == 1 {
            return Ok(self.clone());
        }
        let mut lengths: Vec<usize> = (0..self.grid.axes()).map(|axis| self.longest(axis)).collect();
        lengths[axis] = self.grid.length(axis);
        let line = lengths.iter().enumerate().filter(|(a, _)| *a != other).map(|(_, n)| *n as u64).product::<u64>();
        lengths[other] = ((SLAB / (line * T::DTYPE.bytes()).max(1)) as usize).clamp(1, self.grid.length(other));
        self.rechunk(lengths)
    }

    fn longest(&self, axis: usize) -> usize {
        self.grid.lengths(axis).into_iter().max().unwrap_or(1).max(1)
    }

    /// A transform along an axis that every chunk holds whole.
    fn transformed<U: Element>(&self, transform: Transform, axis: usize) -> Array<U> {
        let mut lengths = self.grid.all_lengths();
        let before = self.grid.length(axis);
        lengths[axis] = vec![transform.length(before)];
        let grid = Grid::new(&lengths);
        let own = grid.clone();
        let inputs = vec![Arc::clone(&self.layer)];
        let layer = Layer::new(("fft", &(transform, axis)), grid.counts(), inputs, move |index| {
            let count = elements(&own.shape_of(index));
            // 5 N log2 N for a complex line, half of it for a real one
            let flops = 5.0 * (before.max(2) as f64).log2();
            (ArrayOp::new(What::Transform { transform, axis }, (count, U::DTYPE), flops), vec![(0, index.to_vec())])
        });
        Array::of(layer, grid)
    }

    /// The last two axes, which must have elements.
    fn plane(&self) -> Result<(usize, usize), ArrayError> {
        let axes = self.grid.axes();
        if axes < 2 || self.shape()[axes - 2..].contains(&0) {
            return Err(self.wrong_axes("two axes with elements", format!("{axes} axes")));
        }
        Ok((axes - 2, axes - 1))
    }
}

macro_rules! complex_transforms {
    ($T:ty) => {
        impl Array<Complex<$T>> {
            /// The transform of the last two axes: not normalised. Rows first, in slabs, then columns, in blocks; the array is
            /// rechunked in between.
            ///
            /// # Errors
            /// [`ArrayError::Axes`] for an array of fewer than two axes, or without elements.
            pub fn fft2(&self) -> Result<Self, ArrayError> {
                let (y, x) = self.plane()?;
                let rows: Self = self.whole_along(x, y)?.transformed(Transform::Forward, x);
                Ok(rows.whole_along(y, x)?.transformed(Transform::Forward, y))
            }

            /// The inverse of [`Array::fft2`]: columns first, then rows; divided by the number of pixels of a plane.
            ///
            /// # Errors
            /// As [`Array::fft2`].
            pub fn ifft2(&self) -> Result<Self, ArrayError> {
                let (y, x) = self.plane()?;
                let columns: Self = self.whole_along(y, x)?.transformed(Transform::Inverse, y);
                Ok(columns.whole_along(x, y)?.transformed(Transform::Inverse, x))
            }

            /// The inverse of [`Array::rfft2`], to real planes of `nx` columns.
            ///
            /// # Errors
            /// As [`Array::fft2`]; also unless this is the half plane of `nx` columns.
            pub fn irfft2(&self, nx: usize) -> Result<Array<$T>, ArrayError> {
                let (y, x) = self.plane()?;
                if self.grid.length(x) != nx / 2 + 1 || nx == 0 {
                    return Err(self.wrong_axes("the half plane of a real one", format!("a plane of {nx} columns")));
                }
                let columns: Self = self.whole_along(y, x)?.transformed(Transform::Inverse, y);
                Ok(columns.whole_along(x, y)?.transformed(Transform::RealInverse(nx), x))
            }
        }
    };
}

complex_transforms!(f32);
complex_transforms!(f64);

/// A real element and its complex number.
pub trait RealOf: RealElement {
    /// The complex number of two of them.
    type Complex: Element<Real = Self>;
}

impl RealOf for f32 {
    type Complex = Complex<f32>;
}

impl RealOf for f64 {
    type Complex = Complex<f64>;
}

impl<T: RealOf> Array<T> {
    /// The transform of the last two axes of a real array, the first `nx / 2 + 1` columns of it: not normalised.
    ///
    /// # Errors
    /// As [`Array::fft2`].
    pub fn rfft2(&self) -> Result<Array<T::Complex>, ArrayError> {
        let (y, x) = self.plane()?;
        let rows: Array<T::Complex> = self.whole_along(x, y)?.transformed(Transform::RealForward, x);
        Ok(rows.whole_along(y, x)?.transformed(Transform::Forward, y))
    }
}

impl<T: RealElement> Array<T> {
    /// The array as complex numbers of the other type.
    pub fn to_complex<C: Element<Real = T>>(&self) -> Array<C> {
        self.cast()
    }
}
