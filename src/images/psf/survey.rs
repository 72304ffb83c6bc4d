//! The first look at a PSF: where it peaks.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::{PsfBlanks, PsfError, PsfPeak};

/// What a first look over rows of a PSF finds; surveys of consecutive slabs merge in their order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PsfSurvey {
    infinite: Option<((usize, usize), f32)>,
    blanks: Option<PsfBlanks>,
    max: f32,
    /// Of the highest pixels the one nearest to the usual place, the first of equally near ones.
    centre: (usize, usize),
    /// Square of its distance from there.
    distance: usize,
}

impl PsfSurvey {
    /// Looks over rows from row `first` on of a PSF of shape `(py, px)`, as read: NaN counts as 0.
    pub fn of(rows: ArrayView2<'_, f32>, first: usize, shape: (usize, usize)) -> Self {
        let mut survey =
            Self { infinite: None, blanks: None, max: f32::NEG_INFINITY, centre: (0, 0), distance: usize::MAX };
        for (y, row) in (first..).zip(rows.rows()) {
            let mut max = f32::NEG_INFINITY;
            for &value in row {
                let value = if value.is_nan() { 0.0 } else { value };
                max = if value > max { value } else { max };
            }
            let found = row.iter().enumerate().filter(|(_, value)| value.is_nan()).map(|(x, _)| (y, x));
            survey.blanks = PsfBlanks::both(survey.blanks, PsfBlanks::of(found));
            let is_infinite = max == f32::INFINITY || row.iter().any(|value| *value == f32::NEG_INFINITY);
            if is_infinite && survey.infinite.is_none() {
                let found = row.iter().position(|value| value.is_infinite());
                survey.infinite = found.map(|x| ((y, x), row[x]));
            }
            if max >= survey.max {
                let high = row.iter().map(|value| if value.is_nan() { 0.0 } else { *value }).enumerate();
                high.filter(|(_, value)| *value >= max).for_each(|(x, _)| survey.take(max, (y, x), shape));
            }
        }
        survey
    }

    /// Takes note of a pixel of value `max`, which is no lower than the highest so far and comes later.
    fn take(&mut self, max: f32, (y, x): (usize, usize), shape: (usize, usize)) {
        let distance = y.abs_diff(shape.0 / 2).pow(2) + x.abs_diff(shape.1 / 2).pow(2);
        if max > self.max || distance < self.distance {
            (self.max, self.centre, self.distance) = (max, (y, x), distance);
        }
    }

    /// Adds the survey of the rows that follow.
    pub fn merge(&mut self, later: &Self) {
        self.infinite = self.infinite.or(later.infinite);
        self.blanks = PsfBlanks::both(self.blanks, later.blanks);
        if later.max > self.max || (later.max >= self.max && later.distance < self.distance) {
            (self.max, self.centre, self.distance) = (later.max, later.centre, later.distance);
        }
    }

    /// The peak of a PSF of shape `(py, px)`, all rows of which were looked over.
    ///
    /// # Errors
    /// [`PsfError`] if there is no pixel, an infinite one, or no positive one.
    pub fn peak(&self, shape: (usize, usize)) -> Result<PsfPeak, PsfError> {
        let (ny, nx) = shape;
        match (self.infinite, self.max) {
            _ if ny * nx == 0 => Err(PsfError::Empty { ny, nx }),
            (Some(((y, x), value)), _) => Err(PsfError::NotFinite { y, x, value }),
            (None, max) if max <= 0.0 => Err(PsfError::NoPeak { max }),
            (None, max) => Ok(PsfPeak { shape, centre: self.centre, scale: max, blanks: self.blanks }),
        }
    }
}
