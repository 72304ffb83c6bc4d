//! The best point of a sweep by a criterion that did not make it.

use super::{Numbers, SweepError};
use crate::pipeline::PlaneOutcome;

/// What a result is judged by; smaller is better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criterion {
    /// Generalised cross-validation; over several planes its geometric mean, whatever their brightness.
    Gcv,
    /// Misfit of `psf * model` with this dirty image, whose noise is independent; over several planes its root mean square.
    HeldOut(String),
}

/// The best point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Selection {
    /// Its place among the points.
    pub place: usize,
    /// Its score.
    pub score: f64,
    /// Whether it stands at an end of the only axis: a better one may lie beyond.
    pub is_at_end: bool,
}

impl Criterion {
    /// What the score is called in tables.
    pub fn column(&self) -> &'static str {
        match self {
            Self::Gcv => "gcv",
            Self::HeldOut(_) => "held_out_rms",
        }
    }

    /// What the score is called in pictures.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Gcv => "cross-validation",
            Self::HeldOut(_) => "held-out misfit [Jy/beam]",
        }
    }

    /// The score over planes; `None` where no plane has one.
    pub(super) fn score(&self, planes: &[PlaneOutcome]) -> Option<f64> {
        let scores: Vec<f64> = match self {
            Self::Gcv => planes.iter().filter_map(|plane| plane.wiener.as_ref()?.gcv).map(f64::ln).collect(),
            Self::HeldOut(_) => planes.iter().filter_map(|plane| plane.held_out_rms).map(|rms| rms * rms).collect(),
        };
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        let score = match self {
            Self::Gcv => mean.exp(),
            Self::HeldOut(_) => mean.sqrt(),
        };
        score.is_finite().then_some(score)
    }
}

/// The point of the lowest score, the first of equals; `is_ordered` tells whether the points are the values of one axis.
///
/// # Errors
/// [`SweepError::NoScore`].
pub fn select(results: &[Option<Numbers>], is_ordered: bool) -> Result<Selection, SweepError> {
    let scored = results.iter().enumerate().filter_map(|(place, one)| Some((place, one.as_ref()?.score?)));
    let best = scored.reduce(|best, other| if other.1 < best.1 { other } else { best });
    let (place, score) = best.ok_or(SweepError::NoScore)?;
    let is_end = place == 0 || place + 1 == results.len();
    Ok(Selection { place, score, is_at_end: is_ordered && results.len() > 1 && is_end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(scores: &[Option<f64>]) -> Vec<Option<Numbers>> {
        let numbers = |score: &Option<f64>| Numbers {
            flux_jy: 1.0,
            negative_flux_jy: 0.0,
            components: 1,
            iterations: 1,
            cycles: 1,
            residual_rms: 1.0,
            residual_peak: 1.0,
            stop: "solved".to_owned(),
            score: *score,
            wall_s: 0.0,
        };
        scores.iter().map(|score| Some(numbers(score))).collect()
    }

    #[test]
    fn lowest_score_wins_and_an_end_is_told() {
        let found = select(&scored(&[Some(3.0), None, Some(1.0), Some(1.0), Some(2.0)]), true).expect("a best");
        assert_eq!(found, Selection { place: 2, score: 1.0, is_at_end: false });
        assert!(select(&scored(&[Some(1.0), Some(2.0)]), true).expect("a best").is_at_end);
        assert!(!select(&scored(&[Some(1.0), Some(2.0)]), false).expect("a best").is_at_end);
        assert!(matches!(select(&scored(&[None, None]), true), Err(SweepError::NoScore)));
        assert!(matches!(select(&[None], true), Err(SweepError::NoScore)));
    }
}
