//! What happens to the pixels.

/// What was found counts for no less than this share of its thresholds, however bright.
const LEAST_WEIGHT: f32 = 0.1;
/// Brightness \[noise\] at which thresholds are halved.
const HALVED_AT: f64 = 3.0;

/// Soft thresholds of a row of coefficients: `level` times the weights where there are any, and no end where pixels are blank.
#[derive(Debug, Clone, Copy)]
pub struct Shrinkage<'a> {
    /// `κ σ / ρ` \[Jy\].
    pub level: f32,
    /// What each pixel's threshold is multiplied by.
    pub weights: Option<&'a [f32]>,
    /// The pixels that are not blank; none is where this is missing.
    pub finite: Option<&'a [bool]>,
    /// Whether no coefficient may be negative.
    pub is_positive: bool,
}

impl Shrinkage<'_> {
    /// The proximal operator of `t |z|`: towards 0 by the threshold `t`, and 0 within it; also below 0 where `z` must be positive.
    fn soft(&self, v: f32, x: usize) -> f32 {
        let is_finite = self.finite.is_none_or(|finite| finite[x]);
        let t = if is_finite { self.level * self.weights.map_or(1.0, |weights| weights[x]) } else { f32::INFINITY };
        if v > t {
            v - t
        } else if v < -t && !self.is_positive {
            v + t
        } else {
            0.0
        }
    }

    /// `z = soft(v)`.
    pub fn estimate(&self, v: &[f32], to: &mut [f32]) {
        to.iter_mut().zip(v).enumerate().for_each(|(x, (to, v))| *to = self.soft(*v, x));
    }

    /// `y = 2 soft(v) − v`.
    pub fn reflect(&self, v: &[f32], to: &mut [f32]) {
        to.iter_mut().zip(v).enumerate().for_each(|(x, (to, v))| *to = 2.0 * self.soft(*v, x) - v);
    }

    /// `v + α (soft(v) − v + step)`, in the place of the step.
    pub fn advance(&self, v: &[f32], relaxation: f32, step: &mut [f32]) {
        for (x, (step, v)) in step.iter_mut().zip(v).enumerate() {
            *step = v + relaxation * (self.soft(*v, x) - v + *step);
        }
    }
}

/// What the threshold of a coefficient seen at `brightness` is multiplied by, where the noise is `sigma`: `1 / (1 + |b| / 3σ)`, and
/// a tenth at the least.
pub fn weight(brightness: f32, sigma: f64) -> f32 {
    let scale = (HALVED_AT * sigma) as f32;
    if scale > 0.0 { (1.0 / (1.0 + brightness.abs() / scale)).max(LEAST_WEIGHT) } else { LEAST_WEIGHT }
}
