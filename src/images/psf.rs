//! The point-spread function (dirty beam): peak 1 at a known pixel, checked once.

use std::collections::HashSet;
use std::ops::Range;

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use thiserror::Error;

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
    #[error("the largest pixel of the PSF is {max}; expected a positive peak")]
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

/// A PSF with peak 1 at [`Psf::centre`]; its size is free of the image's.
#[derive(Debug, Clone, PartialEq)]
pub struct Psf {
    pixels: Array2<f32>,
    centre: (usize, usize),
    scale: f32,
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
    pub fn new(mut pixels: Array2<f32>) -> Result<Self, PsfError> {
        let (ny, nx) = pixels.dim();
        if pixels.is_empty() {
            return Err(PsfError::Empty { ny, nx });
        }
        pixels.mapv_inplace(|v| if v.is_nan() { 0.0 } else { v });
        if let Some(((y, x), &value)) = pixels.indexed_iter().find(|(_, v)| v.is_infinite()) {
            return Err(PsfError::NotFinite { y, x, value });
        }
        let (first, max) = highest(&pixels);
        if max <= 0.0 {
            return Err(PsfError::NoPeak { max });
        }
        let lobe: HashSet<_> = connected(&pixels, first, LOBE_LEVEL * max).into_iter().collect();
        for (at, &value) in pixels.indexed_iter().filter(|(_, v)| **v >= UNIQUE_WITHIN * max) {
            if !lobe.contains(&at) {
                return Err(PsfError::TwoPeaks { first, second: at, ratio: value / max });
            }
        }
        let centre = nearest_of(&pixels, max, (ny / 2, nx / 2));
        pixels.mapv_inplace(|v| v / max);
        Ok(Self { pixels, centre, scale: max })
    }

    /// A PSF as it was: what [`Psf::pixels`], [`Psf::centre`] and [`Psf::scale`] gave; `None` if the centre lies outside.
    pub fn from_parts(pixels: Array2<f32>, centre: (usize, usize), scale: f32) -> Option<Self> {
        pixels.get(centre)?;
        Some(Self { pixels, centre, scale })
    }

    /// The pixels, shape `(py, px)`, peak 1.
    pub fn pixels(&self) -> &Array2<f32> {
        &self.pixels
    }

    /// Shape `(py, px)`.
    pub fn shape(&self) -> (usize, usize) {
        self.pixels.dim()
    }

    /// Pixel `(y, x)` of the peak: lag `(0, 0)`.
    pub fn centre(&self) -> (usize, usize) {
        self.centre
    }

    /// The peak by which the PSF was divided, in the unit of its file.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Rows and columns of the PSF that an image of shape `(ny, nx)` can meet: lags within `±(ny-1)` and `±(nx-1)`.
    ///
    /// Pixel `(y, x)` in these ranges goes to `((y - centre.0) mod L, (x - centre.1) mod L)` of a kernel.
    pub fn kept(&self, ny: usize, nx: usize) -> (Range<usize>, Range<usize>) {
        let axis = |centre: usize, size: usize, n: usize| (centre + 1).saturating_sub(n)..size.min(centre + n);
        let (py, px) = self.shape();
        (axis(self.centre.0, py, ny), axis(self.centre.1, px, nx))
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

    /// Value at lag `(dy, dx)` from the peak; 0 outside the PSF.
    pub fn value_at_lag(&self, dy: isize, dx: isize) -> f32 {
        let at = (self.centre.0.checked_add_signed(dy), self.centre.1.checked_add_signed(dx));
        match at {
            (Some(y), Some(x)) => self.pixels.get((y, x)).copied().unwrap_or(0.0),
            _ => 0.0,
        }
    }

    /// `‖h(x) − h(−x)‖ / ‖h‖` over the lags whose opposite is inside too: 0 for an even PSF.
    ///
    /// Above 1e-3 the transfer function cannot be taken as real.
    pub fn asymmetry(&self) -> f64 {
        let (mut odd, mut all) = (0.0, 0.0);
        for (y, row) in self.pixels.outer_iter().enumerate() {
            let Some(opposite) = (2 * self.centre.0).checked_sub(y).filter(|&m| m < self.pixels.nrows()) else {
                continue;
            };
            let (mut row_odd, mut row_all) = (0.0, 0.0);
            for (x, &value) in row.iter().enumerate() {
                let Some(mirror) = (2 * self.centre.1).checked_sub(x) else { break };
                if let Some(&other) = self.pixels.get((opposite, mirror)) {
                    row_odd += (f64::from(value) - f64::from(other)).powi(2);
                    row_all += f64::from(value).powi(2);
                }
            }
            odd += row_odd;
            all += row_all;
        }
        (odd / all).sqrt()
    }

    /// Largest `|h|` within 5 % of an edge (the outer 10 % of the size): what a truncated PSF leaves out is about as high.
    pub fn outer_ring(&self) -> f32 {
        let (ny, nx) = self.shape();
        let (wide_y, wide_x) = (ny.div_ceil(20), nx.div_ceil(20));
        let mut max = 0.0_f32;
        for (y, row) in self.pixels.outer_iter().enumerate() {
            let whole = y < wide_y || y + wide_y >= ny;
            for (x, value) in row.iter().enumerate() {
                if whole || x < wide_x || x + wide_x >= nx {
                    max = max.max(value.abs());
                }
            }
        }
        max
    }

    /// Whether every lag between two pixels of an image of shape `(ny, nx)` is inside the PSF.
    pub fn covers(&self, ny: usize, nx: usize) -> bool {
        let axis = |centre: usize, size: usize, n: usize| centre + 1 >= n && size - centre >= n;
        axis(self.centre.0, self.shape().0, ny) && axis(self.centre.1, self.shape().1, nx)
    }

    /// Largest `|h|` outside the box `|dy|, |dx| <= half`, for `half` = 0, 1, ... up to the box that holds everything (0).
    pub fn sidelobe_outside(&self) -> Vec<f32> {
        let far = |centre: usize, size: usize| centre.max(size - 1 - centre);
        let (py, px) = self.shape();
        let mut outside = vec![0.0_f32; far(self.centre.0, py).max(far(self.centre.1, px)) + 1];
        for ((y, x), value) in self.pixels.indexed_iter() {
            let ring = y.abs_diff(self.centre.0).max(x.abs_diff(self.centre.1));
            if ring > 0 {
                outside[ring - 1] = outside[ring - 1].max(value.abs());
            }
        }
        for half in (0..outside.len() - 1).rev() {
            outside[half] = outside[half].max(outside[half + 1]);
        }
        outside
    }

    /// Half-size of the smallest centred box outside which `|h| <= level` (Clark's patch).
    pub fn patch_half_size(&self, level: f32) -> usize {
        let outside = self.sidelobe_outside();
        outside.iter().position(|&max| max <= level).unwrap_or(outside.len() - 1)
    }

    /// Pixels `(y, x)` of the region above `level` that is connected (by sides) to the peak, in no particular order.
    pub fn main_lobe(&self, level: f32) -> Vec<(usize, usize)> {
        connected(&self.pixels, self.centre, level)
    }
}

/// The first of the highest pixels, and its value.
fn highest(pixels: &Array2<f32>) -> ((usize, usize), f32) {
    let mut best = ((0, 0), f32::NEG_INFINITY);
    for (at, &value) in pixels.indexed_iter() {
        if value > best.1 {
            best = (at, value);
        }
    }
    best
}

/// Of the pixels equal to `value`, the one nearest to `place`; lowest index first.
fn nearest_of(pixels: &Array2<f32>, value: f32, place: (usize, usize)) -> (usize, usize) {
    let distance = |at: (usize, usize)| at.0.abs_diff(place.0).pow(2) + at.1.abs_diff(place.1).pow(2);
    let equal = pixels.indexed_iter().filter(|(_, v)| **v >= value).map(|(at, _)| at);
    equal.min_by_key(|&at| distance(at)).unwrap_or(place)
}

/// Pixels at or above `level` that a path of such pixels, side by side, joins to `start`.
pub(super) fn connected(pixels: &Array2<f32>, start: (usize, usize), level: f32) -> Vec<(usize, usize)> {
    let mut seen = HashSet::from([start]);
    let mut found = vec![start];
    let mut next = 0;
    while next < found.len() {
        let (y, x) = found[next];
        next += 1;
        for at in [(y.wrapping_sub(1), x), (y + 1, x), (y, x.wrapping_sub(1)), (y, x + 1)] {
            if pixels.get(at).is_some_and(|&v| v >= level) && seen.insert(at) {
                found.push(at);
            }
        }
    }
    found
}

#[cfg(test)]
#[path = "psf_tests.rs"]
mod tests;
