//! The second look at a PSF: the main lobe, in a cut-out around the peak.

use std::f64::consts::PI;
use std::ops::Range;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::{LOBE_LEVEL, Psf, PsfPeak, Region, SecondPeak};
use crate::images::Cell;
use crate::images::beam::{self, BeamError, BeamFit};

/// A cut-out around a PSF's peak.
#[derive(Debug, Clone)]
pub struct PsfCore {
    whole: PsfPeak,
    rows: Range<usize>,
    columns: Range<usize>,
    cut: Psf,
}

/// What is measured of a cut-out that holds the whole main lobe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoreFacts {
    /// The rows of the cut-out: a [`super::PsfPart`] measures what lies outside.
    pub rows: Range<usize>,
    /// Its columns.
    pub columns: Range<usize>,
    /// Mean width of the main lobe at half its peak \[pixels\].
    pub width: f64,
    /// [`super::PsfPart::asymmetry`] of the cut-out.
    pub asymmetry: f64,
    /// The clean beam where it was asked for; its sidelobes are those inside the cut-out.
    pub fit: Option<Result<BeamFit, BeamError>>,
    pub(super) second: Option<SecondPeak>,
}

impl PsfCore {
    /// Least distance from the peak to the sides of a cut-out: the beam's fit looks this far.
    pub const HALF: usize = beam::CUT_OUT as usize;

    /// Rows of a cut-out that reaches `half` pixels from the peak.
    pub fn rows(peak: &PsfPeak, half: usize) -> Range<usize> {
        peak.window((half, half)).0
    }

    /// Cuts it out of those rows as read, of shape `(any, px)`.
    pub fn new(peak: &PsfPeak, half: usize, pixels: ArrayView2<'_, f32>) -> Self {
        let (rows, columns) = peak.window((half, half));
        let cut = Psf {
            pixels: peak.normalise(pixels, &columns),
            peak: PsfPeak {
                shape: (rows.len(), columns.len()),
                centre: (peak.centre.0 - rows.start, peak.centre.1 - columns.start),
                ..*peak
            },
        };
        Self { whole: *peak, rows, columns, cut }
    }

    /// Measures the main lobe, and fits the clean beam if the size of a pixel is given; `None` if the lobe does not end
    /// inside the cut-out: then take a larger one.
    pub fn measure(&self, cell: Option<Cell>) -> Option<CoreFacts> {
        let lobe = self.cut.main_lobe(LOBE_LEVEL);
        if !self.holds(&lobe) || !self.holds(&self.cut.main_lobe(beam::FIT_LEVEL)) {
            return None;
        }
        let fit = match cell.map(|cell| beam::fit_lobe(&self.cut, cell)) {
            Some(Ok((_, steady))) if !self.holds(&steady) => return None,
            fit => fit.map(|fit| fit.map(|(fit, _)| fit)),
        };
        let shift = |second: SecondPeak| SecondPeak {
            at: (second.at.0 + self.rows.start, second.at.1 + self.columns.start),
            ..second
        };
        Some(CoreFacts {
            rows: self.rows.clone(),
            columns: self.columns.clone(),
            width: 2.0 * (lobe.len() as f64 / PI).sqrt(),
            asymmetry: self.cut.asymmetry(),
            fit,
            second: self.cut.second_peak(&lobe).map(shift),
        })
    }

    /// Whether a region ends inside, or where the PSF itself ends.
    fn holds(&self, region: &Region) -> bool {
        let (ny, nx) = self.whole.shape;
        let is_cut = (self.rows.start > 0, self.rows.end < ny, self.columns.start > 0, self.columns.end < nx);
        !region.touches(is_cut)
    }
}

impl Psf {
    /// `‖h_odd‖ / ‖h‖` over the lags whose opposite is inside too.
    fn asymmetry(&self) -> f64 {
        let (cy, cx) = self.centre();
        let lags = self.pixels.indexed_iter().filter_map(|((y, x), value)| {
            let mirror = ((2 * cy).checked_sub(y)?, (2 * cx).checked_sub(x)?);
            Some((f64::from(*value), f64::from(*self.pixels.get(mirror)?)))
        });
        let (odd, all) = lags
            .fold((0.0, 0.0), |sum, (value, other)| (sum.0 + 0.25 * (value - other).powi(2), sum.1 + value.powi(2)));
        (odd / all).sqrt()
    }
}
