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

use serde::{Deserialize, Serialize};

use super::contrast::Contrast;
use crate::images::PsfPeak;

/// How a PSF falls short of an image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shortfall {
    /// Largest distances `(up, down, left, right)` from a source that the PSF reaches \[pixels\].
    pub reach: [usize; 4],
    /// Rms of the PSF near its edge.
    pub level: f64,
    /// Side of a cell: two beams \[pixels\].
    pub cell: usize,
}

impl Shortfall {
    /// Holds a PSF against an image of shape `(ny, nx)`; `beam` is the beam's mean width \[pixels\], `level` the rms near
    /// the PSF's edges. `None` if the PSF reaches every pixel from every other.
    pub fn of(peak: &PsfPeak, shape: (usize, usize), beam: f64, level: f64) -> Option<Self> {
        if peak.covers(shape.0, shape.1) {
            return None;
        }
        let ((py, px), (cy, cx)) = (peak.shape, peak.centre);
        let reach = [cy, py - 1 - cy, cx, px - 1 - cx];
        Some(Self { reach, level, cell: (2.0 * beam).ceil().max(1.0) as usize })
    }
}

/// Where the flux is that casts sidelobes beyond the PSF's reach.
///
/// Shares of `sum (flux in c)^2` are integers in units of `unit`, so that their sums are exact however rows are visited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FloorMap {
    reach: [usize; 4],
    shape: (usize, usize),
    /// Column and share of each pixel of the model, in row order.
    shares: Vec<(u32, u32)>,
    /// Index of the first share at or after each row.
    rows: Vec<u32>,
    /// Square of a sidelobe for a share of 1 \[(Jy/beam)^2\].
    unit: f64,
    /// Least and greatest `F^2` \[(Jy/beam)^2\].
    range: (f64, f64),
    /// Share of the estimated `F^2` that the residual allows.
    share: f64,
}

/// Shares add up to this, which bounds how many there are: what is less than one of them counts for a pixel that follows.
const SHARES: u32 = 1 << 18;

/// Takes a model row by row, in order, and once more for the shares of its pixels: a list of them would be larger than it.
#[derive(Debug, Clone)]
pub struct FloorBuilder {
    shortfall: Shortfall,
    shape: (usize, usize),
    /// Net and absolute flux of each cell \[Jy\].
    flux: Vec<(f64, f64)>,
    row: usize,
}

impl FloorBuilder {
    /// Begins for an image of shape `(ny, nx)`.
    pub fn new(shortfall: Shortfall, shape: (usize, usize)) -> Self {
        let cells = shape.0.div_ceil(shortfall.cell) * shape.1.div_ceil(shortfall.cell);
        Self { shortfall, shape, flux: vec![(0.0, 0.0); cells], row: 0 }
    }

    fn cell(&self, y: usize, x: usize) -> usize {
        let cell = self.shortfall.cell;
        y / cell * self.shape.1.div_ceil(cell) + x / cell
    }

    /// Takes the model's next row \[Jy/pixel\].
    pub fn push(&mut self, row: impl Iterator<Item = f32>) {
        for (x, value) in row.enumerate().filter(|(_, value)| *value != 0.0) {
            let cell = self.cell(self.row, x);
            self.flux[cell].0 += f64::from(value);
            self.flux[cell].1 += f64::from(value.abs());
        }
        self.row += 1;
    }

    /// The map of the model, whose rows are given again.
    pub fn finish<R: Iterator<Item = f32>>(self, model: impl Iterator<Item = R>) -> FloorMap {
        let total: f64 = self.flux.iter().map(|(net, _)| net * net).sum();
        let scale = if total > 0.0 { f64::from(SHARES) / total } else { 0.0 };
        let (mut shares, mut rows, mut rest) = (Vec::new(), vec![0], 0.0);
        for (y, row) in model.enumerate() {
            for (x, value) in row.enumerate().filter(|(_, value)| *value != 0.0) {
                let (net, absolute) = self.flux[self.cell(y, x)];
                rest += net * net * f64::from(value.abs()) / absolute * scale;
                let share = rest.round().max(0.0);
                if share > 0.0 {
                    shares.push((x as u32, share as u32));
                    rest -= share;
                }
            }
            rows.push(shares.len() as u32);
        }
        shares.shrink_to_fit();
        let unit = self.shortfall.level.powi(2) * total / f64::from(SHARES);
        let map = FloorMap {
            reach: self.shortfall.reach,
            shape: self.shape,
            shares,
            rows,
            unit,
            range: (0.0, 0.0),
            share: 1.0,
        };
        FloorMap { range: map.extremes(), ..map }
    }
}

impl FloorMap {
    /// Size in memory of the map of a plane of shape `(ny, nx)` at the most \[bytes\].
    pub fn most_bytes((ny, nx): (usize, usize)) -> u64 {
        8 * u64::from(SHARES).min((ny * nx) as u64) + 4 * (ny + 1) as u64
    }

    /// Size in memory \[bytes\].
    pub fn bytes(&self) -> u64 {
        (size_of_val(&self.shares[..]) + size_of_val(&self.rows[..])) as u64
    }

    /// Least and greatest `F` of the plane \[Jy/beam\].
    pub fn range(&self) -> (f64, f64) {
        (self.range.0.sqrt(), self.range.1.sqrt())
    }

    /// The map with weights in the units of `points`: 1 where what is missing is what it misses least; refuted as those are.
    #[must_use]
    pub fn against(self, points: &Self) -> Self {
        let map = self.times(points.share);
        Self { range: (points.range.0, map.range.1), ..map }
    }

    /// The map as far as the residual bears it out.
    #[must_use]
    pub fn held(self, residual: &Contrast) -> Self {
        let share = residual.share();
        if share < 1.0 { self.times(share) } else { self }
    }

    /// Greatest `F^2` \[(Jy/beam)^2\].
    pub(super) fn greatest(&self) -> f64 {
        self.range.1
    }

    fn times(self, share: f64) -> Self {
        let (least, greatest) = self.range;
        Self { unit: share * self.unit, range: (share * least, share * greatest), share: share * self.share, ..self }
    }

    fn extremes(&self) -> (f64, f64) {
        let mut rows = FloorRows::new(self, 0);
        let (mut least, mut greatest) = (u64::MAX, 0);
        for _ in 0..self.shape.0 {
            rows.advance();
            for x in 0..self.shape.1 {
                let far = rows.far(x);
                (least, greatest) = (least.min(far), greatest.max(far));
            }
        }
        (least as f64 * self.unit, greatest as f64 * self.unit)
    }

    /// Columns of a row with their shares.
    fn of_row(&self, row: usize) -> impl Iterator<Item = (usize, u64)> {
        let held = &self.shares[self.rows[row] as usize..self.rows[row + 1] as usize];
        held.iter().map(|(x, share)| (*x as usize, u64::from(*share)))
    }
}

/// Walks down the rows of a map, keeping the shares that the PSF reaches from the present row.
pub struct FloorRows<'a> {
    map: &'a FloorMap,
    next: usize,
    all: u64,
    /// Shares within reach in y, by column.
    near: Vec<u64>,
    /// Their sums: entry `x` is the sum left of column `x`.
    sums: Vec<u64>,
}

impl<'a> FloorRows<'a> {
    /// Stands before row `first`.
    pub fn new(map: &'a FloorMap, first: usize) -> Self {
        let (ny, nx) = map.shape;
        let all = map.shares.iter().map(|(_, share)| u64::from(*share)).sum();
        let mut near = vec![0; nx];
        // as if the row before the first had been visited
        let [before, after, ..] = map.reach;
        let window = first.saturating_sub(after + 1)..(first + before).min(ny);
        window.flat_map(|row| map.of_row(row)).for_each(|(x, share)| near[x] += share);
        Self { map, next: first, all, near, sums: vec![0; nx + 1] }
    }

    /// Steps to the next row: a source at row `q` is reached from row `p` if `p - after <= q <= p + before`.
    fn advance(&mut self) {
        let [before, after, ..] = self.map.reach;
        let row = self.next;
        if row + before < self.map.shape.0 {
            self.map.of_row(row + before).for_each(|(x, share)| self.near[x] += share);
        }
        if row > after {
            self.map.of_row(row - after - 1).for_each(|(x, share)| self.near[x] -= share);
        }
        let mut sum = 0;
        for (total, share) in self.sums[1..].iter_mut().zip(&self.near) {
            sum += share;
            *total = sum;
        }
        self.next += 1;
    }

    /// Shares that the PSF does not reach from column `x` of the present row.
    fn far(&self, x: usize) -> u64 {
        let [.., before, after] = self.map.reach;
        let (left, right) = (x.saturating_sub(after), (x + before + 1).min(self.near.len()));
        self.all - (self.sums[right] - self.sums[left])
    }

    /// Steps to the next row and holds the residual against it; `None` where it is blank.
    pub fn compare(&mut self, residual: impl Fn(usize) -> Option<f32>, contrast: &mut Contrast) {
        self.advance();
        let unit = self.map.unit;
        let pixels = (0..self.near.len()).filter_map(|x| Some((self.far(x) as f64 * unit, residual(x)?)));
        contrast.add_row(pixels);
    }

    /// Steps to the next row and writes the weight `min(s) / s` of each of its pixels, where the noise is `sigma`.
    pub fn weights(&mut self, sigma: f64, row: &mut [f32]) {
        self.advance();
        let least = (sigma * sigma + self.map.range.0).sqrt();
        let mut last = (u64::MAX, 1.0);
        for (x, weight) in row.iter_mut().enumerate() {
            let far = self.far(x);
            if far != last.0 {
                let s = (sigma * sigma + far as f64 * self.map.unit).sqrt();
                last = (far, if s > 0.0 { (least / s) as f32 } else { 1.0 });
            }
            *weight = last.1;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn map(reach: [usize; 4], flux: &[(usize, usize, f32)]) -> FloorMap {
        map_of(Shortfall { reach, level: 0.01, cell: 2 }, flux)
    }

    pub(in super::super) fn map_of(shortfall: Shortfall, flux: &[(usize, usize, f32)]) -> FloorMap {
        let mut builder = FloorBuilder::new(shortfall, (32, 32));
        let pixel = |y: usize, x: usize| flux.iter().filter(|at| (at.0, at.1) == (y, x)).map(|at| at.2).sum();
        let row = |y: usize| (0..32).map(move |x| pixel(y, x));
        (0..32).for_each(|y| builder.push(row(y)));
        builder.finish((0..32).map(row))
    }

    /// `F` at a pixel.
    pub(in super::super) fn floor(map: &FloorMap, y: usize, x: usize) -> f64 {
        let mut rows = FloorRows::new(map, y);
        rows.advance();
        (rows.far(x) as f64 * map.unit).sqrt()
    }

    #[test]
    fn a_psf_that_reaches_everything_falls_short_of_nothing() {
        let of = |size: usize| Shortfall::of(&PsfPeak::usual((size, size)), (32, 32), 3.0, 0.01);
        assert_eq!(of(64), None);
        assert_eq!(of(32), Some(Shortfall { reach: [16, 15, 16, 15], level: 0.01, cell: 6 }));
    }

    #[test]
    fn only_sources_beyond_the_reach_count_and_they_add_in_quadrature() {
        let map = map([8, 8, 8, 8], &[(1, 1, 3.0), (31, 31, -4.0)]);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(close(floor(&map, 1, 1), 0.04), "the far source only");
        assert!(close(floor(&map, 16, 16), 0.05), "both are far");
        assert!(close(floor(&map, 9, 9), 0.04) && close(floor(&map, 10, 9), 0.05), "the reach ends at a pixel");
        assert!(close(map.range().0, 0.03) && close(map.range().1, 0.05));
    }

    #[test]
    fn flux_within_a_cell_adds_up_and_opposite_signs_cancel() {
        let map = map([8, 8, 8, 8], &[(0, 0, 2.0), (1, 1, 1.0), (20, 20, 1.0), (20, 21, -1.0)]);
        assert!((floor(&map, 30, 30) - 0.03).abs() < 1e-9);
    }

    #[test]
    fn pixels_too_faint_for_a_share_take_no_memory() {
        let map = map([8, 8, 8, 8], &[(4, 4, 1.0), (20, 21, -1.0), (28, 3, 1e-6)]);
        assert_eq!(map.shares, [(4, SHARES / 2), (21, SHARES / 2)]);
        assert_eq!(map.bytes(), 2 * 8 + 33 * 4);
    }

    #[test]
    fn faint_pixels_add_up_to_the_shares_of_their_place() {
        // 2^20 pixels of one flux, each a quarter of a share
        let shape = (1024, 1024);
        let row = |_| std::iter::repeat_n(1e-3, shape.1);
        let mut builder = FloorBuilder::new(Shortfall { reach: [8, 8, 8, 8], level: 0.01, cell: 2 }, shape);
        (0..shape.0).for_each(|y| builder.push(row(y)));
        let map = builder.finish((0..shape.0).map(row));
        assert!(map.bytes() <= FloorMap::most_bytes(shape), "{}", map.bytes());
        let of_rows = map.rows.windows(2).map(|at| at[1] - at[0]);
        assert_eq!(of_rows.collect::<Vec<_>>(), [256; 1024]);
    }

    #[test]
    fn the_reach_may_differ_between_sides() {
        let map = map([3, 10, 31, 31], &[(15, 15, 1.0)]);
        // a source reaches 3 rows up and 10 rows down
        assert_eq!([11, 12, 25, 26].map(|y| floor(&map, y, 15) > 0.0), [true, false, false, true]);
    }

    #[test]
    fn a_map_held_against_another_weighs_in_its_units() {
        let flux = [(1, 1, 3.0), (31, 31, -4.0)];
        let points = map([8, 8, 8, 8], &flux);
        let scale = map_of(Shortfall { reach: [8, 8, 8, 8], level: 0.02, cell: 2 }, &flux).against(&points);
        let mut row = [0.0; 32];
        FloorRows::new(&scale, 0).weights(0.04, &mut row);
        // unit sqrt(0.04^2 + 0.03^2), at (0, 0) sqrt(0.04^2 + 0.08^2), at (0, 16) sqrt(0.04^2 + 0.1^2)
        let expected = [0.05 / 0.04_f32.hypot(0.08), 0.05 / 0.04_f32.hypot(0.1)];
        assert!((row[0] - expected[0]).abs() < 1e-6 && (row[16] - expected[1]).abs() < 1e-6, "{row:?}");
    }

    #[test]
    fn rows_have_the_same_weights_wherever_the_walk_begins() {
        let map = map([5, 7, 6, 9], &[(3, 4, 1.0), (17, 30, -0.3), (28, 2, 0.7), (29, 2, 0.1)]);
        let mut whole = FloorRows::new(&map, 0);
        let mut row = [0.0; 32];
        for y in 0..32 {
            whole.weights(0.001, &mut row);
            let mut alone = [0.0; 32];
            FloorRows::new(&map, y).weights(0.001, &mut alone);
            assert_eq!(row, alone, "row {y}");
        }
    }
}
