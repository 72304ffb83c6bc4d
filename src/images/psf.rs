//! The point-spread function (dirty beam): peak 1 at a known pixel, checked once, slab by slab.
//!
//! A PSF may be larger than memory, so it is looked at in three ways, none of which needs the whole: a [`PsfSurvey`] of
//! every slab finds the [`PsfPeak`]; the [`PsfCore`] around it holds the main lobe; with both known, a [`PsfPart`] of
//! every slab measures the rest. Results do not depend on the cut.

mod core;
mod part;
mod survey;

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Zip, s};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use core::{CoreFacts, PsfCore};
pub use part::{PartAsks, PsfPart};
pub use survey::PsfSurvey;

/// A second pixel this near the peak, outside the main lobe, makes the peak ambiguous.
const UNIQUE_WITHIN: f32 = 0.98;

/// Level that bounds the main lobe when the peak is checked; sidelobes of real arrays stay below it near the peak.
const LOBE_LEVEL: f32 = 0.5;

/// Why an image cannot be a PSF. Pixels are `(y, x)`, counted from 0.
#[derive(Debug, Clone, PartialEq, Error, Serialize, Deserialize)]
pub enum PsfError {
    /// There is no pixel at all.
    #[error("the PSF has no pixels: its shape is ({ny}, {nx})")]
    Empty {
        /// Rows.
        ny: usize,
        /// Columns.
        nx: usize,
    },
    /// A pixel is infinite.
    #[error("pixel (y {y}, x {x}) of the PSF is {value}; expected finite values")]
    NotFinite {
        /// Row of the first such pixel.
        y: usize,
        /// Column of the first such pixel.
        x: usize,
        /// Its value.
        value: f32,
    },
    /// No pixel is positive.
    #[error("the largest pixel of the PSF is {max}, those that are not finite counted as 0; expected a positive peak")]
    NoPeak {
        /// The largest value.
        max: f32,
    },
    /// Another lobe is as high as the main one.
    #[error(
        "the PSF has two peaks: (y {}, x {}), and (y {}, x {}) at {ratio:.3} of it; expected one peak, and nothing else within 2 % of it",
        first.0, first.1, second.0, second.1
    )]
    TwoPeaks {
        /// The highest pixel.
        first: (usize, usize),
        /// The first pixel outside its lobe within 2 % of it.
        second: (usize, usize),
        /// Value of the second over the first.
        ratio: f32,
    },
}

/// Where a PSF peaks, and how high: all that is needed to normalise and to place its rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PsfPeak {
    /// Shape `(py, px)` of the PSF.
    pub shape: (usize, usize),
    /// Pixel `(y, x)` of the peak: lag `(0, 0)`.
    pub centre: (usize, usize),
    /// The peak by which the PSF is divided, in the unit of its file.
    pub scale: f32,
    /// Its pixels that are blank, if any.
    pub blanks: Option<PsfBlanks>,
}

/// Pixels of a PSF that are not finite, and count as 0: blank ones (NaN), as which infinite ones are read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PsfBlanks {
    /// How many.
    pub count: usize,
    /// The first of them, `(y, x)`.
    pub first: (usize, usize),
}

impl PsfBlanks {
    /// Those of pixels in order.
    fn of(mut pixels: impl Iterator<Item = (usize, usize)>) -> Option<Self> {
        pixels.next().map(|first| Self { count: 1 + pixels.count(), first })
    }

    /// Those of rows and of the rows that follow.
    fn both(these: Option<Self>, later: Option<Self>) -> Option<Self> {
        match (these, later) {
            (Some(these), Some(later)) => Some(Self { count: these.count + later.count, ..these }),
            _ => these.or(later),
        }
    }
}

impl PsfPeak {
    /// The usual place of a peak of height 1, in the middle.
    pub fn usual(shape: (usize, usize)) -> Self {
        Self { shape, centre: (shape.0 / 2, shape.1 / 2), scale: 1.0, blanks: None }
    }

    /// A pixel as read, on the scale on which the peak is 1; NaN is 0.
    pub fn normal(&self, value: f32) -> f32 {
        if value.is_nan() { 0.0 } else { value / self.scale }
    }

    /// Rows as read, shape `(any, px)`, on that scale; of `columns` only.
    pub fn normalise(&self, rows: ArrayView2<'_, f32>, columns: &Range<usize>) -> Array2<f32> {
        rows.slice(s![.., columns.clone()]).mapv(|value| self.normal(value))
    }

    /// Rows and columns of the PSF that an image of shape `(ny, nx)` can meet: lags within `±(ny-1)` and `±(nx-1)`.
    ///
    /// Pixel `(y, x)` in these ranges goes to `((y - centre.0) mod L, (x - centre.1) mod L)` of a kernel.
    pub fn kept(&self, ny: usize, nx: usize) -> (Range<usize>, Range<usize>) {
        self.window((ny.saturating_sub(1), nx.saturating_sub(1)))
    }

    /// Rows and columns within `far` of the peak.
    fn window(&self, far: (usize, usize)) -> (Range<usize>, Range<usize>) {
        let axis = |centre: usize, size: usize, far: usize| centre.saturating_sub(far)..size.min(centre + far + 1);
        (axis(self.centre.0, self.shape.0, far.0), axis(self.centre.1, self.shape.1, far.1))
    }

    /// Largest `|lag|` per axis among the [kept](Self::kept) pixels, over both sides.
    ///
    /// A linear convolution by FFT has no wrap-around in the image if its length is at least `n + reach` per axis
    /// (the longer side decides when the peak is off the centre).
    pub fn reach(&self, ny: usize, nx: usize) -> (usize, usize) {
        let (rows, columns) = self.kept(ny, nx);
        let axis = |centre: usize, kept: Range<usize>| (centre - kept.start).max(kept.end - 1 - centre);
        (axis(self.centre.0, rows), axis(self.centre.1, columns))
    }

    /// Whether every lag between two pixels of an image of shape `(ny, nx)` is inside the PSF.
    pub fn covers(&self, ny: usize, nx: usize) -> bool {
        let axis = |centre: usize, size: usize, n: usize| centre + 1 >= n && size - centre >= n;
        axis(self.centre.0, self.shape.0, ny) && axis(self.centre.1, self.shape.1, nx)
    }

    /// The rows opposite to `rows`, from the peak's row on: what [`PsfPart::of`] compares them with.
    pub fn opposite(&self, rows: &Range<usize>) -> Range<usize> {
        let mirror = |row: usize| (2 * self.centre.0 + 1).saturating_sub(row);
        let (first, last) = (rows.start.max(self.centre.0), rows.end.max(self.centre.0));
        if first == last { 0..0 } else { mirror(last)..mirror(first) }
    }
}

/// A whole PSF with peak 1 at [`Psf::centre`]; its size is free of the image's.
#[derive(Debug, Clone, PartialEq)]
pub struct Psf {
    pixels: Array2<f32>,
    peak: PsfPeak,
}

impl Psf {
    /// Checks `pixels`, of shape `(py, px)`, and divides them by their peak; NaN becomes 0.
    ///
    /// The centre is the highest pixel. Where several pixels of the main lobe share the highest value exactly (a box
    /// blur), it is the one nearest to the usual place `(py/2, px/2)`, and of equally near ones the one of lowest index.
    ///
    /// # Errors
    /// [`PsfError`] if there is no pixel, an infinite one, no positive one, or a pixel outside the main lobe
    /// (the connected region above half the peak) within 2 % of the peak.
    pub fn new(pixels: Array2<f32>) -> Result<Self, PsfError> {
        let shape = pixels.dim();
        let peak = PsfSurvey::of(pixels.view(), 0, shape).peak(shape)?;
        let psf = Self::from_slabs(peak, [pixels.view()]);
        drop(pixels);
        let lobe = psf.main_lobe(LOBE_LEVEL);
        psf.second_peak(&lobe).map_or(Ok(psf), |second| Err(second.error(peak.centre)))
    }

    /// The PSF whose peak is known, from its slabs as read.
    pub fn from_slabs<'a>(peak: PsfPeak, slabs: impl IntoIterator<Item = ArrayView2<'a, f32>>) -> Self {
        let mut pixels = Array2::zeros(peak.shape);
        let mut first = 0;
        for slab in slabs {
            let rows = pixels.slice_mut(s![first..first + slab.nrows(), ..]);
            Zip::from(rows).and(slab).for_each(|to, from| *to = peak.normal(*from));
            first += slab.nrows();
        }
        Self { pixels, peak }
    }

    /// A PSF as it was: what [`Psf::peak`] and [`Psf::pixels`] gave; `None` if they are not of one shape.
    pub fn from_parts(peak: PsfPeak, pixels: Array2<f32>) -> Option<Self> {
        pixels.get(peak.centre)?;
        (pixels.dim() == peak.shape).then_some(Self { pixels, peak })
    }

    /// The pixels, shape `(py, px)`, peak 1.
    pub fn pixels(&self) -> &Array2<f32> {
        &self.pixels
    }

    /// Where the peak is, and how high it was.
    pub fn peak(&self) -> &PsfPeak {
        &self.peak
    }

    /// Shape `(py, px)`.
    pub fn shape(&self) -> (usize, usize) {
        self.peak.shape
    }

    /// Pixel `(y, x)` of the peak: lag `(0, 0)`.
    pub fn centre(&self) -> (usize, usize) {
        self.peak.centre
    }

    /// Rms of the pixels that are farther from the peak than 0.8 of the way to an edge, were the PSF cut off at these
    /// largest distances `(up, down, left, right)` from the peak \[pixels\].
    pub fn edge_rms(&self, reach: [usize; 4]) -> f64 {
        let ((ny, nx), (cy, cx)) = (self.peak.shape, self.peak.centre);
        let (up, left) = (reach[0].min(cy), reach[2].min(cx));
        let (down, right) = (reach[1].min(ny - 1 - cy), reach[3].min(nx - 1 - cx));
        let peak = PsfPeak { shape: (up + 1 + down, left + 1 + right), centre: (up, left), ..self.peak };
        part::edge_rms(&peak, self.pixels.slice(s![cy - up..=cy + down, cx - left..=cx + right]))
    }

    /// The peak by which the PSF was divided, in the unit of its file.
    pub fn scale(&self) -> f32 {
        self.peak.scale
    }

    /// Value at lag `(dy, dx)` from the peak; 0 outside the PSF.
    pub fn value_at_lag(&self, dy: isize, dx: isize) -> f32 {
        let at = (self.centre().0.checked_add_signed(dy), self.centre().1.checked_add_signed(dx));
        match at {
            (Some(y), Some(x)) => self.pixels.get((y, x)).copied().unwrap_or(0.0),
            _ => 0.0,
        }
    }

    /// Pixels of the region above `level` that is connected (by sides) to the peak.
    pub fn main_lobe(&self, level: f32) -> Region {
        connected(&self.pixels, self.centre(), |_, _, value| value >= level)
    }

    /// The first pixel within 2 % of the peak that is not of its lobe.
    fn second_peak(&self, lobe: &Region) -> Option<SecondPeak> {
        let is_second = |&(at, &value): &((usize, usize), &f32)| value >= UNIQUE_WITHIN && !lobe.contains(at);
        self.pixels.indexed_iter().find(is_second).map(|(at, &ratio)| SecondPeak { at, ratio })
    }
}

/// A pixel outside the main lobe that is as high as the peak.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct SecondPeak {
    at: (usize, usize),
    ratio: f32,
}

impl SecondPeak {
    fn error(self, centre: (usize, usize)) -> PsfError {
        PsfError::TwoPeaks { first: centre, second: self.at, ratio: self.ratio }
    }
}

/// Pixels that hang together.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    shape: (usize, usize),
    is_in: Vec<bool>,
    pixels: Vec<(usize, usize)>,
}

impl Region {
    /// Whether a pixel belongs to it.
    pub fn contains(&self, (y, x): (usize, usize)) -> bool {
        y < self.shape.0 && x < self.shape.1 && self.is_in[y * self.shape.1 + x]
    }

    /// Whether it reaches rows or columns at the edge of its image, there where `(top, bottom, left, right)` says.
    fn touches(&self, (top, bottom, left, right): (bool, bool, bool, bool)) -> bool {
        self.pixels.iter().any(|&(y, x)| {
            (top && y == 0) || (bottom && y + 1 == self.shape.0) || (left && x == 0) || (right && x + 1 == self.shape.1)
        })
    }

    /// Number of pixels.
    pub fn len(&self) -> usize {
        self.pixels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// The pixels `(y, x)` in row order.
    pub fn in_order(mut self) -> Vec<(usize, usize)> {
        self.pixels.sort_unstable();
        self.pixels
    }
}

/// The pixels that a path of steps from side to side joins to `start`; `joins(from, place, to)` allows a step from a pixel
/// of value `from` to the pixel at `place` of value `to`.
pub(super) fn connected(
    pixels: &Array2<f32>,
    start: (usize, usize),
    joins: impl Fn(f32, (usize, usize), f32) -> bool,
) -> Region {
    let shape = pixels.dim();
    let mut region = Region { shape, is_in: vec![false; shape.0 * shape.1], pixels: vec![start] };
    region.is_in[start.0 * shape.1 + start.1] = true;
    let mut next = 0;
    while next < region.pixels.len() {
        let (y, x) = region.pixels[next];
        next += 1;
        for at in [(y.wrapping_sub(1), x), (y + 1, x), (y, x.wrapping_sub(1)), (y, x + 1)] {
            if pixels.get(at).is_some_and(|&value| joins(pixels[(y, x)], at, value)) && !region.contains(at) {
                region.is_in[at.0 * shape.1 + at.1] = true;
                region.pixels.push(at);
            }
        }
    }
    region
}

#[cfg(test)]
mod tests;
