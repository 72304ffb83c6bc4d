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

/// How an image is made small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shrink {
    /// Shape `(ny, nx)` of the image.
    pub full: (usize, usize),
    /// Pixels along the side of a block; 0 counts as 1.
    pub factor: usize,
    /// How the pixels of a block become one.
    pub pooling: Pooling,
}

/// Rows of an image made narrow: a line for each row of blocks that lies in them, and for each row of those that do not
/// lie in them wholly. So the pooled image does not depend on how the rows were cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PooledRows {
    lines: Vec<Line>,
}

/// Rows of one row of blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    /// The row of blocks.
    at: usize,
    values: Vec<f64>,
    /// Finite pixels behind each value.
    counts: Vec<u32>,
}

impl Shrink {
    fn side(&self) -> usize {
        self.factor.max(1)
    }

    /// Shape `(ny, nx)` of the pooled image.
    pub fn shape(&self) -> (usize, usize) {
        (self.full.0.div_ceil(self.side()), self.full.1.div_ceil(self.side()))
    }

    fn empty(&self, at: usize) -> Line {
        Line { at, values: vec![0.0; self.shape().1], counts: vec![0; self.shape().1] }
    }

    /// Makes rows from row `first` on narrow, shape `(any, nx)`.
    pub fn rows(&self, first: usize, rows: &ArrayView2<'_, f32>) -> PooledRows {
        let (side, last) = (self.side(), first + rows.nrows());
        let mut lines: Vec<Line> = Vec::new();
        for (y, row) in (first..).zip(rows.rows()) {
            let at = y / side;
            let is_whole = at * side >= first && ((at + 1) * side).min(self.full.0) <= last;
            let mut line = self.empty(at);
            for (x, &pixel) in row.iter().enumerate().filter(|(_, pixel)| pixel.is_finite()) {
                self.pooling.add(&mut line.values[x / side], f64::from(pixel));
                line.counts[x / side] += 1;
            }
            match lines.last_mut() {
                Some(begun) if is_whole && begun.at == at => self.add(begun, &line),
                _ => lines.push(line),
            }
        }
        PooledRows { lines }
    }

    fn add(&self, line: &mut Line, more: &Line) {
        line.values.iter_mut().zip(&more.values).for_each(|(value, more)| self.pooling.add(value, *more));
        line.counts.iter_mut().zip(&more.counts).for_each(|(count, more)| *count += more);
    }

    /// The pooled image of all rows, in their order.
    pub fn finish<'a>(&self, slabs: impl IntoIterator<Item = &'a PooledRows>) -> Pooled {
        let shape = self.shape();
        let mut blocks: Vec<Line> = (0..shape.0).map(|at| self.empty(at)).collect();
        for line in slabs.into_iter().flat_map(|slab| &slab.lines) {
            self.add(&mut blocks[line.at], line);
        }
        let reduced = |(value, count): (f64, u32)| match (count, self.pooling) {
            (0, _) => f32::NAN,
            (_, Pooling::MaxAbs) => value as f32,
            (count, Pooling::Mean) => (value / f64::from(count)) as f32,
        };
        let pixels = blocks.into_iter().flat_map(|line| line.values.into_iter().zip(line.counts)).map(reduced);
        Pooled { full: self.full, factor: self.side(), pooling: self.pooling, shape, pixels: pixels.collect() }
    }
}

impl Pooling {
    fn add(self, value: &mut f64, more: f64) {
        match self {
            Self::Mean => *value += more,
            Self::MaxAbs if more.abs() > value.abs() => *value = more,
            Self::MaxAbs => {}
        }
    }
}

impl PooledRows {
    /// Size in memory \[bytes\].
    pub fn bytes(&self) -> u64 {
        12 * self.lines.iter().map(|line| line.values.len() as u64).sum::<u64>()
    }
}

/// Pools a whole image of shape `(ny, nx)`.
pub fn pool(image: &ArrayView2<'_, f32>, factor: usize, pooling: Pooling) -> Pooled {
    let shrink = Shrink { full: image.dim(), factor, pooling };
    shrink.finish([&shrink.rows(0, image)])
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
                let shrink = Shrink { full: (37, 23), factor: 4, pooling };
                let cut = |top: usize| shrink.rows(top, &image.slice(s![top..(top + height).min(37), ..]));
                let slabs: Vec<_> = (0..37).step_by(height).map(cut).collect();
                assert_eq!(shrink.finish(&slabs), whole);
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
