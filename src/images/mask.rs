//! Which pixels may hold components.

use std::ops::Range;

use ndarray::Array2;
use thiserror::Error;

/// Why a mask cannot be made. Shapes are `(ny, nx)`.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MaskError {
    /// Two masks, or a mask and its image, differ in shape.
    #[error("the mask is {found:?} pixels (ny, nx), but the image is {expected:?}")]
    Shape {
        /// Shape of the image.
        expected: (usize, usize),
        /// Shape of the mask.
        found: (usize, usize),
    },
    /// A border leaves nothing.
    #[error("a border of {percent} % per side leaves no pixel; expected 0 or more, and less than 50")]
    Border {
        /// The border asked for.
        percent: f64,
    },
}

/// One byte per pixel of an image of shape `(ny, nx)`: `true` where a component may be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    shape: (usize, usize),
    allowed: Vec<bool>,
}

impl Mask {
    /// Allows every pixel of an image of shape `(ny, nx)`.
    pub fn all(shape: (usize, usize)) -> Self {
        Self { shape, allowed: vec![true; shape.0 * shape.1] }
    }

    /// Allows the finite pixels of an image, shape `(ny, nx)`: blanks (NaN) lie outside the primary beam.
    pub fn from_blanks(image: &Array2<f32>) -> Self {
        Self { shape: image.dim(), allowed: image.iter().map(|v| v.is_finite()).collect() }
    }

    /// Allows the non-zero pixels of a mask image, shape `(ny, nx)`; NaN counts as zero.
    pub fn from_pixels(image: &Array2<f32>) -> Self {
        Self { shape: image.dim(), allowed: image.iter().map(|v| !v.is_nan() && *v != 0.0).collect() }
    }

    /// Allows all but `percent` of the rows and columns at each side, rounded to whole ones as `WSClean` does; 25 is
    /// the inner quarter.
    ///
    /// # Errors
    /// [`MaskError::Border`] unless `0 <= percent < 50`.
    pub fn inside_border(shape: (usize, usize), percent: f64) -> Result<Self, MaskError> {
        Self::inside_border_rows(shape, percent, 0..shape.0)
    }

    /// Rows `rows` of [`Self::inside_border`].
    ///
    /// # Errors
    /// [`MaskError::Border`] unless `0 <= percent < 50`.
    pub fn inside_border_rows(shape: (usize, usize), percent: f64, rows: Range<usize>) -> Result<Self, MaskError> {
        if !(0.0..50.0).contains(&percent) {
            return Err(MaskError::Border { percent });
        }
        // something is left of every shape
        let cut = |n: usize| ((n as f64 * percent / 100.0).round() as usize).min(n.saturating_sub(1) / 2);
        let (by, bx) = (cut(shape.0), cut(shape.1));
        let inside = |at: usize, border: usize, n: usize| at >= border && at < n - border;
        let row = |y| (0..shape.1).map(move |x| inside(y, by, shape.0) && inside(x, bx, shape.1));
        Ok(Self { shape: (rows.len(), shape.1), allowed: rows.flat_map(row).collect() })
    }

    /// A mask of shape `(ny, nx)` from its rows, one flag per pixel; `None` if there are not as many.
    pub fn from_flags(shape: (usize, usize), allowed: Vec<bool>) -> Option<Self> {
        (shape.0.checked_mul(shape.1) == Some(allowed.len())).then_some(Self { shape, allowed })
    }

    /// Puts the masks of consecutive slabs of equal width on top of each other.
    pub fn stack(slabs: impl IntoIterator<Item = Self>) -> Self {
        slabs.into_iter().fold(Self { shape: (0, 0), allowed: Vec::new() }, |mut all, slab| {
            all.shape = (all.shape.0 + slab.shape.0, slab.shape.1);
            all.allowed.extend(slab.allowed);
            all
        })
    }

    /// Forbids what `other` forbids.
    ///
    /// # Errors
    /// [`MaskError::Shape`] if the shapes differ.
    pub fn intersect(&mut self, other: &Self) -> Result<(), MaskError> {
        if self.shape() != other.shape() {
            return Err(MaskError::Shape { expected: self.shape(), found: other.shape() });
        }
        for (mine, theirs) in self.allowed.iter_mut().zip(&other.allowed) {
            *mine &= theirs;
        }
        Ok(())
    }

    /// Allows also what `other` allows.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn united(mut self, other: &Self) -> Self {
        assert_eq!(self.shape, other.shape, "masks of one shape");
        self.allowed.iter_mut().zip(&other.allowed).for_each(|(mine, theirs)| *mine |= theirs);
        self
    }

    /// Allows what is forbidden, and forbids what is allowed.
    pub fn inverted(mut self) -> Self {
        self.allowed.iter_mut().for_each(|flag| *flag = !*flag);
        self
    }

    /// Shape `(ny, nx)`.
    pub fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// All rows, one flag per pixel.
    pub fn flags(&self) -> &[bool] {
        &self.allowed
    }

    /// Number of pixels allowed.
    pub fn count(&self) -> usize {
        self.allowed.iter().filter(|a| **a).count()
    }

    /// Whether pixel `(y, x)` may hold a component; `false` outside the image.
    pub fn allows(&self, y: usize, x: usize) -> bool {
        y < self.shape.0 && x < self.shape.1 && self.allowed[y * self.shape.1 + x]
    }

    /// Row `y`, one flag per column, contiguous.
    ///
    /// # Panics
    /// If `y` is not a row of the mask.
    pub fn row(&self, y: usize) -> &[bool] {
        &self.allowed[y * self.shape.1..(y + 1) * self.shape.1]
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn blanks_mask_image_and_border_intersect() {
        let image = Array2::from_shape_fn((4, 8), |(y, x)| if (y, x) == (1, 2) { f32::NAN } else { 1.0 });
        let mut user = Array2::ones((4, 8));
        user[(2, 5)] = 0.0;
        user[(2, 4)] = f32::NAN;
        let mut mask = Mask::from_blanks(&image);
        assert_eq!(mask.count(), 31);
        mask.intersect(&Mask::from_pixels(&user)).unwrap();
        mask.intersect(&Mask::inside_border((4, 8), 25.0).unwrap()).unwrap();
        assert_eq!(mask.count(), 2 * 4 - 3);
        assert_eq!(mask.row(1), [false, false, false, true, true, true, false, false]);
        assert_eq!(mask.row(2), [false, false, true, true, false, false, false, false]);
        assert!(mask.allows(1, 3) && !mask.allows(0, 3) && !mask.allows(9, 9));
    }

    #[test]
    fn negative_values_of_a_mask_image_are_clean_here_too() {
        assert_eq!(Mask::from_pixels(&array![[-1.0, 0.0, 0.5]]).row(0), [true, false, true]);
    }

    #[test]
    fn mask_of_an_image_kept_column_by_column_still_has_rows() {
        let image = array![[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]].reversed_axes();
        let mask = Mask::from_pixels(&image);
        assert_eq!((mask.row(0), mask.row(1)), ([true, true, false].as_slice(), [false, true, false].as_slice()));
    }

    #[test]
    fn border_of_half_the_image_or_a_negative_one_is_refused() {
        assert_eq!(Mask::inside_border((4, 4), 50.0), Err(MaskError::Border { percent: 50.0 }));
        assert!(Mask::inside_border((4, 4), -1.0).is_err());
        assert!(Mask::inside_border((4, 4), f64::NAN).is_err());
        assert_eq!(Mask::inside_border((3, 5), 49.9).unwrap().count(), 1);
        assert_eq!(Mask::inside_border((4, 6), 49.9).unwrap().count(), 4);
        assert_eq!(Mask::inside_border((5, 5), 0.0).unwrap(), Mask::all((5, 5)));
    }

    #[test]
    fn masks_of_two_shapes_do_not_intersect() {
        let error = Mask::all((2, 3)).intersect(&Mask::all((3, 2))).unwrap_err();
        assert_eq!(error, MaskError::Shape { expected: (2, 3), found: (3, 2) });
    }
}
