//! What happens to the pixels.

use serde::{Deserialize, Serialize};

/// What was found counts for no less than this share of its thresholds, however bright.
const LEAST_WEIGHT: f32 = 0.1;
/// Brightness \[noise\] at which thresholds are halved.
const HALVED_AT: f64 = 3.0;

/// What is asked of coefficients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Penalty {
    /// `t |z|`.
    Sparse,
    /// The same, and none below 0.
    Positive,
    /// `t z²/2δ` up to `δ`, the noise of the pixels, and beyond it `t |z| − tδ/2` (Huber 1964).
    Huber,
    /// `t √(z² + p²)`, `p` the coefficient of the partner.
    Together,
}

/// A penalty, with what it depends on besides the thresholds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule<'a> {
    /// [`Penalty::Sparse`].
    Sparse,
    /// [`Penalty::Positive`].
    Positive,
    /// [`Penalty::Huber`] with this `δ`.
    Huber(f32),
    /// [`Penalty::Together`] with this row of the partner's coefficients.
    Together(&'a [f32]),
}

/// Thresholds of a row of coefficients: `level` times the weights where there are any, and no end where pixels are blank.
#[derive(Debug, Clone, Copy)]
pub struct Shrinkage<'a> {
    /// `κ σ / ρ` \[Jy\].
    pub level: f32,
    /// What each pixel's threshold is multiplied by.
    pub weights: Option<&'a [f32]>,
    /// The pixels that are not blank; none is where this is missing.
    pub finite: Option<&'a [bool]>,
    /// The penalty.
    pub rule: Rule<'a>,
}

impl Shrinkage<'_> {
    /// The proximal operator of the penalty with threshold `t`: `argmin (z − v)²/2 + φ(z)`.
    fn shrunk(&self, v: f32, x: usize) -> f32 {
        let is_finite = self.finite.is_none_or(|finite| finite[x]);
        let t = if is_finite { self.level * self.weights.map_or(1.0, |weights| weights[x]) } else { f32::INFINITY };
        let soft = |t: f32| {
            if v > t {
                v - t
            } else if v < -t {
                v + t
            } else {
                0.0
            }
        };
        match self.rule {
            Rule::Huber(delta) if v.abs() < delta + t => v * (delta / (delta + t)),
            Rule::Sparse | Rule::Huber(_) => soft(t),
            Rule::Positive => soft(t).max(0.0),
            Rule::Together(partner) => {
                let length = v.hypot(partner[x]);
                if length > t { v * (1.0 - t / length) } else { 0.0 }
            }
        }
    }

    /// `z = prox(v)`.
    pub fn estimate(&self, v: &[f32], to: &mut [f32]) {
        to.iter_mut().zip(v).enumerate().for_each(|(x, (to, v))| *to = self.shrunk(*v, x));
    }

    /// `y = 2 prox(v) − v`.
    pub fn reflect(&self, v: &[f32], to: &mut [f32]) {
        to.iter_mut().zip(v).enumerate().for_each(|(x, (to, v))| *to = 2.0 * self.shrunk(*v, x) - v);
    }

    /// The `v` of other weights `now` (none: the same) and of another `ρ`, `ratio` being that before over that now: `prox(v)` stays where it is,
    /// and the multipliers `ρ (v − prox(v))` go along with their thresholds.
    pub fn carry(&self, v: &[f32], (ratio, now): (f32, Option<&[f32]>), to: &mut [f32]) {
        self.estimate(v, to);
        for (x, (z, v)) in to.iter_mut().zip(v).enumerate() {
            let before = self.weights.map_or(1.0, |weights| weights[x]);
            *z += (v - *z) * ratio * now.map_or(1.0, |now| now[x] / before);
        }
    }

    /// `v + α (prox(v) − v + step)`, in the place of the step.
    pub fn advance(&self, v: &[f32], relaxation: f32, step: &mut [f32]) {
        for (x, (step, v)) in step.iter_mut().zip(v).enumerate() {
            *step = v + relaxation * (self.shrunk(*v, x) - v + *step);
        }
    }
}

/// What the threshold of a coefficient seen at `brightness` is multiplied by, where the noise is `sigma`: `1 / (1 + |b| / 3σ)`, and
/// a tenth at the least.
pub fn weight(brightness: f32, sigma: f64) -> f32 {
    let scale = (HALVED_AT * sigma) as f32;
    if scale > 0.0 { (1.0 / (1.0 + brightness.abs() / scale)).max(LEAST_WEIGHT) } else { LEAST_WEIGHT }
}
