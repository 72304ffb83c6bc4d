//! What a PSF that does not reach every pixel leaves behind: an estimate of the missing sidelobes, place by place.
//!
//! A source of flux `S` farther from a pixel than the PSF reaches adds a sidelobe of unknown sign there, of about
//! `S * h`, with `h` the rms of the PSF near its edge. Sources are taken to add in quadrature, flux within two beams of
//! each other being one source:
//! ```text
//! F^2(p) = h^2 * sum over cells c beyond the reach of p of (flux in c)^2        s^2(p) = sigma^2 + F^2(p)
//! ```
//! Searching `|r| * min(s) / s(p)` instead of `|r|` stops at the same multiple of `s` everywhere, so that a truncated
//! PSF does not turn its missing sidelobes into false components (ALGORITHMS 1.3).

use crate::images::Psf;

/// How a PSF falls short of an image.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Shortfall {
    /// Largest distances `(up, down, left, right)` from a source that the PSF reaches \[pixels\].
    pub reach: [usize; 4],
    /// Rms of the PSF near its edge.
    pub level: f64,
    /// Side of a cell: two beams \[pixels\].
    pub cell: usize,
}

/// Part of the PSF's reach beyond which its rms stands for the sidelobes that are missing.
const EDGE: f64 = 0.8;

impl Shortfall {
    /// Measures a PSF against an image of shape `(ny, nx)`; `beam` is the beam's mean width \[pixels\].
    /// `None` if the PSF reaches every pixel from every other.
    pub fn of(psf: &Psf, shape: (usize, usize), beam: f64) -> Option<Self> {
        if psf.covers(shape.0, shape.1) {
            return None;
        }
        let ((py, px), (cy, cx)) = (psf.shape(), psf.centre());
        let reach = [cy, py - 1 - cy, cx, px - 1 - cx];
        let far = |at: usize, centre: usize, before: usize, after: usize| {
            let side = if at < centre { before } else { after };
            at.abs_diff(centre) as f64 > EDGE * side as f64
        };
        let (mut squares, mut pixels) = (0.0, 0_u64);
        for (y, row) in psf.pixels().rows().into_iter().enumerate() {
            let is_far_row = far(y, cy, reach[0], reach[1]);
            for (x, h) in row.iter().enumerate() {
                if is_far_row || far(x, cx, reach[2], reach[3]) {
                    squares += f64::from(*h) * f64::from(*h);
                    pixels += 1;
                }
            }
        }
        let level = (squares / pixels.max(1) as f64).sqrt();
        Some(Self { reach, level, cell: (2.0 * beam).ceil().max(1.0) as usize })
    }
}

/// `F^2` on a grid of cells.
#[derive(Debug, Clone, PartialEq)]
pub struct FloorMap {
    cell: usize,
    columns: usize,
    squares: Vec<f64>,
    /// Least and greatest `F^2`.
    range: (f64, f64),
}

/// Adds up a model's flux in cells, row by row, so that the sum does not depend on how the rows arrive.
#[derive(Debug, Clone)]
pub struct FloorBuilder {
    shortfall: Shortfall,
    shape: (usize, usize),
    flux: Vec<f64>,
    row: usize,
}

impl FloorBuilder {
    /// Begins for an image of shape `(ny, nx)`.
    pub fn new(shortfall: Shortfall, shape: (usize, usize)) -> Self {
        let cells = shape.0.div_ceil(shortfall.cell) * shape.1.div_ceil(shortfall.cell);
        Self { shortfall, shape, flux: vec![0.0; cells], row: 0 }
    }

    /// Takes the model's next row \[Jy/pixel\].
    pub fn push(&mut self, row: impl Iterator<Item = f32>) {
        let cell = self.shortfall.cell;
        let first = self.row / cell * self.shape.1.div_ceil(cell);
        for (x, value) in row.enumerate().filter(|(_, value)| *value != 0.0) {
            self.flux[first + x / cell] += f64::from(value);
        }
        self.row += 1;
    }

    /// `F^2` of the model.
    pub fn finish(self) -> FloorMap {
        let Shortfall { reach, level, cell } = self.shortfall;
        let (rows, columns) = (self.shape.0.div_ceil(cell), self.shape.1.div_ceil(cell));
        // integral image of the squared fluxes: sums[y][x] holds the cells above and left of (y, x)
        let mut sums = vec![0.0; (rows + 1) * (columns + 1)];
        for y in 0..rows {
            let mut along = 0.0;
            for x in 0..columns {
                along += self.flux[y * columns + x].powi(2);
                sums[(y + 1) * (columns + 1) + x + 1] = sums[y * (columns + 1) + x + 1] + along;
            }
        }
        let sum = |y: usize, x: usize| sums[y * (columns + 1) + x];
        let all = sum(rows, columns);
        // a source at q reaches p if p lies within the PSF round q: q from p - after to p + before
        let span = |at: usize, before: usize, after: usize, cells: usize| {
            (at.saturating_sub(after / cell), (at + before / cell + 1).min(cells))
        };
        let mut squares = Vec::with_capacity(rows * columns);
        for y in 0..rows {
            let (top, bottom) = span(y, reach[0], reach[1], rows);
            for x in 0..columns {
                let (left, right) = span(x, reach[2], reach[3], columns);
                let near = sum(bottom, right) - sum(top, right) - sum(bottom, left) + sum(top, left);
                squares.push(level * level * (all - near).max(0.0));
            }
        }
        let least = squares.iter().copied().fold(f64::INFINITY, f64::min);
        let range = (least, squares.iter().copied().fold(0.0, f64::max));
        FloorMap { cell, columns, squares, range }
    }
}

impl FloorMap {
    /// `F^2` at a pixel \[(Jy/beam)^2\].
    pub fn square(&self, y: usize, x: usize) -> f64 {
        self.squares[y / self.cell * self.columns + x / self.cell]
    }

    /// Least and greatest `F` \[Jy/beam\].
    pub fn range(&self) -> (f64, f64) {
        (self.range.0.sqrt(), self.range.1.sqrt())
    }

    /// Weight `min(s) / s` of each pixel of a row where the noise is `sigma`.
    pub fn weights(&self, y: usize, sigma: f64, row: &mut [f32]) {
        let least = (sigma * sigma + self.range.0).sqrt();
        let cells = &self.squares[y / self.cell * self.columns..][..self.columns];
        for (pixels, square) in row.chunks_mut(self.cell).zip(cells) {
            let s = (sigma * sigma + square).sqrt();
            pixels.fill(if s > 0.0 { (least / s) as f32 } else { 1.0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn psf(size: usize) -> Psf {
        let middle = size / 2;
        Psf::new(Array2::from_shape_fn((size, size), |at| if at == (middle, middle) { 1.0 } else { 0.01 })).unwrap()
    }

    #[test]
    fn a_psf_that_reaches_everything_falls_short_of_nothing() {
        assert_eq!(Shortfall::of(&psf(64), (32, 32), 3.0), None);
        let short = Shortfall::of(&psf(32), (32, 32), 3.0).unwrap();
        assert!((short.level - 0.01).abs() < 1e-8);
        assert_eq!((short.reach, short.cell), ([16, 15, 16, 15], 6));
    }

    #[test]
    fn only_sources_beyond_the_reach_count_and_they_add_in_quadrature() {
        let shortfall = Shortfall { reach: [8, 8, 8, 8], level: 0.01, cell: 2 };
        let mut builder = FloorBuilder::new(shortfall, (32, 32));
        for y in 0..32 {
            builder.push((0..32).map(|x| match (y, x) {
                (1, 1) => 3.0,
                (31, 31) => -4.0,
                _ => 0.0,
            }));
        }
        let map = builder.finish();
        assert!((map.square(1, 1).sqrt() - 0.04).abs() < 1e-12, "the far source only");
        assert!((map.square(16, 16).sqrt() - 0.05).abs() < 1e-12, "both are far");
        let mut row = [0.0; 32];
        map.weights(1, 0.03, &mut row);
        assert!((row[1] - 0.03_f32.hypot(0.03) / 0.05).abs() < 1e-6, "s = 0.05 here, and at least 0.0424");
    }
}
