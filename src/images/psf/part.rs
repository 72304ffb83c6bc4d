//! The third look at a PSF: everything but the main lobe, rows of it at a time.

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use super::{CoreFacts, PsfError, PsfPeak, SecondPeak, UNIQUE_WITHIN};
use crate::images::{BeamError, BeamFit};

/// What is to be measured besides what always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PartAsks {
    /// The highest value outside every box around the peak.
    pub boxes: bool,
    /// The power near the edges.
    pub edge: bool,
}

/// What is measured of rows of a PSF whose peak and core are known; parts of consecutive slabs merge in their order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PsfPart {
    /// Of each row from the peak's on that has an opposite one: power of the difference from it, and power.
    odd: Vec<(f64, f64)>,
    ring: f32,
    second: Option<SecondPeak>,
    /// Least and greatest value outside the core.
    range: (f32, f32),
    /// By distance from the peak: the highest absolute value on that box.
    boxes: Vec<f32>,
    /// Of each row: power of the pixels near the edges, and their number.
    edge: Vec<(f64, u64)>,
}

/// Part of the PSF's reach beyond which a pixel is near the edge.
const EDGE: f64 = 0.8;

impl PsfPart {
    /// Measures rows from row `first` on, as read; `opposite` are the rows of [`PsfPeak::opposite`].
    pub fn of(
        peak: &PsfPeak,
        core: &CoreFacts,
        asks: PartAsks,
        (first, rows): (usize, ArrayView2<'_, f32>),
        opposite: Option<ArrayView2<'_, f32>>,
    ) -> Self {
        let mut part = Self::default();
        let mut buffer = vec![0.0; rows.ncols()];
        let mut other = vec![0.0; rows.ncols()];
        let ring = Ring::new(peak.shape);
        for (y, raw) in (first..).zip(rows.rows()) {
            normalise(peak, raw, &mut buffer);
            let row = &buffer[..];
            part.look_outside(core, y, row);
            part.ring = part.ring.max(ring.highest(y, row));
            if asks.boxes {
                part.add_boxes(peak, y, row);
            }
            if asks.edge {
                part.edge.push(edge_power(peak, y, row));
            }
            let mirror = if y < peak.centre.0 { None } else { (2 * peak.centre.0).checked_sub(y) };
            if let (Some(mirror), Some(opposite)) = (mirror, opposite) {
                let base = peak.opposite(&(first..first + rows.nrows())).start;
                normalise(peak, opposite.row(mirror - base), &mut other);
                part.odd.push(odd_power(peak.centre.1, row, &other, y == peak.centre.0));
            }
        }
        part
    }

    /// Second peaks and extremes outside the core.
    fn look_outside(&mut self, core: &CoreFacts, y: usize, row: &[f32]) {
        let (left, right) =
            if core.rows.contains(&y) { (core.columns.start, core.columns.end) } else { (row.len(), row.len()) };
        for (from, run) in [(0, &row[..left]), (right, &row[right..])] {
            let (min, max) = extremes(run);
            self.range = (self.range.0.min(min), self.range.1.max(max));
            if self.second.is_none() && max >= UNIQUE_WITHIN {
                let found = run.iter().position(|value| *value >= UNIQUE_WITHIN);
                self.second = found.map(|x| SecondPeak { at: (y, from + x), ratio: run[x] });
            }
        }
    }

    fn add_boxes(&mut self, peak: &PsfPeak, y: usize, row: &[f32]) {
        let far = |centre: usize, size: usize| centre.max(size - 1 - centre);
        let ((py, px), (cy, cx)) = (peak.shape, peak.centre);
        self.boxes.resize(far(cy, py).max(far(cx, px)) + 1, 0.0);
        for (x, value) in row.iter().enumerate() {
            let distance = y.abs_diff(cy).max(x.abs_diff(cx));
            self.boxes[distance] = self.boxes[distance].max(value.abs());
        }
    }

    /// Adds the measures of the rows that follow.
    pub fn merge(&mut self, later: &Self) {
        self.odd.extend_from_slice(&later.odd);
        self.ring = self.ring.max(later.ring);
        self.second = self.second.or(later.second);
        self.range = (self.range.0.min(later.range.0), self.range.1.max(later.range.1));
        self.boxes.resize(self.boxes.len().max(later.boxes.len()), 0.0);
        self.boxes.iter_mut().zip(&later.boxes).for_each(|(mine, theirs)| *mine = mine.max(*theirs));
        self.edge.extend_from_slice(&later.edge);
    }

    /// Size in memory \[bytes\].
    pub fn bytes(&self) -> u64 {
        16 * (self.odd.len() + self.edge.len()) as u64 + 4 * self.boxes.len() as u64
    }

    /// Refuses a second peak, wherever it is; with the parts of all rows.
    ///
    /// # Errors
    /// [`PsfError::TwoPeaks`], which names the first such pixel.
    pub fn check(&self, peak: &PsfPeak, core: &CoreFacts) -> Result<(), PsfError> {
        let second = [self.second, core.second].into_iter().flatten().min_by_key(|second| second.at);
        second.map_or(Ok(()), |second| Err(second.error(peak.centre)))
    }

    /// The clean beam of the core, if it was asked for, with the sidelobes of the whole PSF.
    ///
    /// # Errors
    /// What the fit met.
    pub fn beam(&self, core: &CoreFacts) -> Result<Option<BeamFit>, BeamError> {
        let whole = |fit: BeamFit| BeamFit {
            sidelobe_min: fit.sidelobe_min.min(self.range.0),
            sidelobe_max: fit.sidelobe_max.max(self.range.1),
            ..fit
        };
        Ok(core.fit.clone().transpose()?.map(whole))
    }

    /// `‖h_odd‖ / ‖h‖`, `h_odd(x) = (h(x) − h(−x)) / 2`, over the lags whose opposite is inside too: 0 for an even PSF, 1 for
    /// one that is all odd.
    ///
    /// Above 5e-4 the transfer function cannot be taken as real.
    pub fn asymmetry(&self) -> f64 {
        let (odd, all) = self.odd.iter().fold((0.0, 0.0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
        0.5 * (odd / all).sqrt()
    }

    /// Largest `|h|` within 5 % of an edge (the outer 10 % of the size): what a truncated PSF leaves out is about as high.
    pub fn outer_ring(&self) -> f32 {
        self.ring
    }

    /// Largest `|h|` outside the box `|dy|, |dx| <= half`, for `half` = 0, 1, ... up to the box that holds everything (0);
    /// empty unless boxes were asked for.
    pub fn outside_boxes(&self) -> Vec<f32> {
        let mut outside = self.boxes.get(1..).unwrap_or_default().to_vec();
        outside.extend(self.boxes.first().map(|_| 0.0));
        for half in (0..outside.len().saturating_sub(1)).rev() {
            outside[half] = outside[half].max(outside[half + 1]);
        }
        outside
    }

    /// Rms of the pixels that are farther from the peak than 0.8 of the way to an edge; 0 unless it was asked for.
    pub fn edge_rms(&self) -> f64 {
        let (power, pixels) = self.edge.iter().fold((0.0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
        (power / pixels.max(1) as f64).sqrt()
    }
}

/// Rms of a whole PSF's pixels near its edges, as [`PsfPart::edge_rms`] has it.
pub(super) fn edge_rms(peak: &PsfPeak, pixels: ArrayView2<'_, f32>) -> f64 {
    let rows = pixels.rows().into_iter().enumerate().map(|(y, row)| edge_power(peak, y, &row.to_vec()));
    let (power, count) = rows.fold((0.0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
    (power / count.max(1) as f64).sqrt()
}

fn normalise(peak: &PsfPeak, raw: ArrayView1<'_, f32>, row: &mut [f32]) {
    row.iter_mut().zip(raw).for_each(|(to, from)| *to = peak.normal(*from));
}

/// Least and greatest value, or 0 where that is less or greater.
fn extremes(run: &[f32]) -> (f32, f32) {
    run.iter().fold((0.0_f32, 0.0_f32), |(min, max), &value| {
        (if value < min { value } else { min }, if value > max { value } else { max })
    })
}

/// Powers of a row and its opposite: of their difference, and of all; the peak's own row is its opposite and counts once.
fn odd_power(centre: usize, row: &[f32], other: &[f32], is_own: bool) -> (f64, f64) {
    // the columns whose opposite is inside
    let columns: Range<usize> = (2 * centre + 1).saturating_sub(row.len())..row.len().min(2 * centre + 1);
    let (mut odd, mut all) = (0.0, 0.0);
    let mirrored = other[columns.clone()].iter().rev();
    for (value, other) in row[columns].iter().zip(mirrored).map(|(a, b)| (f64::from(*a), f64::from(*b))) {
        odd += (value - other).powi(2);
        all += if is_own { value.powi(2) } else { value.powi(2) + other.powi(2) };
    }
    (if is_own { odd } else { 2.0 * odd }, all)
}

/// Power of the pixels of a row near the edges, and their number.
fn edge_power(peak: &PsfPeak, y: usize, row: &[f32]) -> (f64, u64) {
    let ((py, px), (cy, cx)) = (peak.shape, peak.centre);
    let is_far = |at: usize, centre: usize, size: usize| {
        let reach = if at < centre { centre } else { size - 1 - centre };
        at.abs_diff(centre) as f64 > EDGE * reach as f64
    };
    let whole = is_far(y, cy, py);
    let far = row.iter().enumerate().filter(|(x, _)| whole || is_far(*x, cx, px));
    far.fold((0.0, 0), |(power, pixels), (_, h)| (power + f64::from(*h) * f64::from(*h), pixels + 1))
}

/// The outer ring of a PSF.
struct Ring {
    shape: (usize, usize),
    wide: (usize, usize),
}

impl Ring {
    fn new(shape: (usize, usize)) -> Self {
        Self { shape, wide: (shape.0.div_ceil(20), shape.1.div_ceil(20)) }
    }

    /// Highest absolute value of a row on the ring.
    fn highest(&self, y: usize, row: &[f32]) -> f32 {
        let highest = |run: &[f32]| {
            let (min, max) = extremes(run);
            max.max(-min)
        };
        if y < self.wide.0 || y + self.wide.0 >= self.shape.0 {
            return highest(row);
        }
        let (left, right) = (self.wide.1.min(row.len()), row.len().saturating_sub(self.wide.1));
        highest(&row[..left]).max(highest(&row[right..]))
    }
}
