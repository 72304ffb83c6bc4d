//! Making images small, slab by slab.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// How the pixels of a block become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The one that is farthest from 0, with its sign; of equals the first.
    MaxAbs,
}

/// A pooled image; a block without a finite pixel is NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pooled {
    /// Shape `(ny, nx)` before.
    pub full: (usize, usize),
    /// Pixels along the side of a block; the last block of a row or column may be cut short.
    pub factor: usize,
    /// How the blocks were reduced.
    pub pooling: Pooling,
    /// Shape `(ny, nx)` after: that before over the factor, rounded up.
    pub shape: (usize, usize),
    /// Rows one after the other, the first FITS row first.
    #[serde(deserialize_with = "super::blanks")]
    pub pixels: Vec<f32>,
}

impl Pooled {
    /// A view of shape `(ny, nx)`; none where shape and pixels disagree.
    pub fn view(&self) -> Option<ArrayView2<'_, f32>> {
        ArrayView2::from_shape(self.shape, &self.pixels).ok()
    }
}

/// Pools an image whose rows arrive in order, in slabs of any height: the result does not depend on the heights.
#[derive(Debug, Clone)]
pub struct Pooler {
    full: (usize, usize),
    factor: usize,
    pooling: Pooling,
    rows: usize,
    values: Vec<f64>,
    counts: Vec<u32>,
}

impl Pooler {
    /// For an image of shape `full = (ny, nx)`, in blocks of `factor` by `factor` pixels (0 is taken for 1).
    pub fn new(full: (usize, usize), factor: usize, pooling: Pooling) -> Self {
        let factor = factor.max(1);
        let length = full.0.div_ceil(factor) * full.1.div_ceil(factor);
        Self { full, factor, pooling, rows: 0, values: vec![0.0; length], counts: vec![0; length] }
    }

    /// Takes the next rows, shape `(any, nx)`.
    ///
    /// # Panics
    /// When the rows are not as wide as the image, or there are more of them than it has.
    pub fn push(&mut self, rows: &ArrayView2<'_, f32>) {
        assert_eq!(rows.ncols(), self.full.1, "rows as wide as the image");
        assert!(self.rows + rows.nrows() <= self.full.0, "no more rows than the image has");
        let width = self.full.1.div_ceil(self.factor);
        for row in rows.rows() {
            let first = self.rows / self.factor * width;
            for (x, &pixel) in row.iter().enumerate().filter(|(_, pixel)| pixel.is_finite()) {
                let cell = first + x / self.factor;
                let (value, pixel) = (&mut self.values[cell], f64::from(pixel));
                match self.pooling {
                    Pooling::Mean => *value += pixel,
                    Pooling::MaxAbs if pixel.abs() > value.abs() => *value = pixel,
                    Pooling::MaxAbs => {}
                }
                self.counts[cell] += 1;
            }
            self.rows += 1;
        }
    }

    /// The pooled image; rows that never came are blank.
    pub fn finish(self) -> Pooled {
        let Self { full, factor, pooling, rows: _, values, counts } = self;
        let reduced = values.iter().zip(&counts).map(|(&value, &count)| match (count, pooling) {
            (0, _) => f32::NAN,
            (_, Pooling::MaxAbs) => value as f32,
            (count, Pooling::Mean) => (value / f64::from(count)) as f32,
        });
        let shape = (full.0.div_ceil(factor), full.1.div_ceil(factor));
        Pooled { full, factor, pooling, shape, pixels: reduced.collect() }
    }
}

/// Pools a whole image of shape `(ny, nx)`.
pub fn pool(image: &ArrayView2<'_, f32>, factor: usize, pooling: Pooling) -> Pooled {
    let mut pooler = Pooler::new(image.dim(), factor, pooling);
    pooler.push(image);
    pooler.finish()
}

/// The smallest factor that brings the longer side of `(ny, nx)` to at most 512 pixels, as large as the preview draws it.
pub fn preview_factor(shape: (usize, usize)) -> usize {
    const LARGEST_SIDE: usize = 512;
    shape.0.max(shape.1).div_ceil(LARGEST_SIDE).max(1)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array, s};

    use super::*;

    #[test]
    fn mean_takes_the_finite_pixels_of_each_block_also_at_the_cut_edges() {
        let image = array![[1.0, 3.0, 5.0], [f32::NAN, 2.0, 7.0], [4.0, 6.0, f32::NAN]];
        let small = pool(&image.view(), 2, Pooling::Mean);
        assert_eq!((small.shape, small.full, small.factor), ((2, 2), (3, 3), 2));
        assert_eq!(small.pixels[..3], [2.0, 6.0, 5.0]);
        assert!(small.pixels[3].is_nan(), "a block without a finite pixel is blank");
    }

    #[test]
    fn max_abs_keeps_a_point_source_and_the_sign() {
        let mut image = Array2::zeros((8, 8));
        image[(5, 2)] = 1.0;
        image[(0, 7)] = -2.0;
        let small = pool(&image.view(), 4, Pooling::MaxAbs);
        assert_eq!(small.pixels, [0.0, -2.0, 1.0, 0.0]);
    }

    #[test]
    fn slabs_of_any_height_give_the_same_bytes() {
        let image = Array2::from_shape_fn((37, 23), |(y, x)| ((y * 31 + x * 17) % 101) as f32 / 7.0);
        for pooling in [Pooling::Mean, Pooling::MaxAbs] {
            let whole = pool(&image.view(), 4, pooling);
            for height in [1, 3, 5, 37] {
                let mut pooler = Pooler::new((37, 23), 4, pooling);
                for top in (0..37).step_by(height) {
                    pooler.push(&image.slice(s![top..(top + height).min(37), ..]));
                }
                assert_eq!(pooler.finish(), whole);
            }
        }
    }

    #[test]
    fn factor_brings_the_longer_side_to_512() {
        assert_eq!([100, 512, 513, 1024, 16384].map(|n| preview_factor((n, 3))), [1, 1, 2, 2, 32]);
    }

    #[test]
    fn blanks_survive_json() {
        let small = pool(&array![[f32::NAN, 1.5]].view(), 1, Pooling::Mean);
        let text = serde_json::to_string(&small).expect("serialisable");
        let back: Pooled = serde_json::from_str(&text).expect("readable");
        assert!(back.pixels[0].is_nan());
        assert_eq!(back.pixels[1].to_bits(), 1.5f32.to_bits());
    }
}
