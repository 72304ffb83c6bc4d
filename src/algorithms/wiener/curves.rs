//! Every criterion over λ, and the L-curve, for one picture.

use serde::{Deserialize, Serialize};

use super::choose::Criterion;
use super::{LambdaRule, SpectrumTable};

/// Points per decade.
const PER_DECADE: f64 = 16.0;

/// Decades beyond the outermost choice.
const MARGIN: f64 = 2.0;

/// The rules whose criteria are compared.
pub const CRITERIA: [LambdaRule; 5] =
    [LambdaRule::Ml, LambdaRule::MlSigma, LambdaRule::Gcv, LambdaRule::Sure, LambdaRule::Discrepancy];

/// Criteria over λ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// Noise of the dirty image that those use which need one \[Jy/beam\].
    pub sigma: f64,
    /// In order of λ.
    pub points: Vec<CurvePoint>,
    /// Name of each rule and the λ that it would choose; the last is the corner of the L-curve, where it has one.
    pub choices: Vec<(String, f64)>,
}

/// Every criterion at a λ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The weight of the prior.
    pub lambda: f64,
    /// Values in the order of [`CRITERIA`].
    pub criteria: [f64; 5],
    /// Misfit `Σ w b² |Y|²/S`.
    pub misfit: f64,
    /// Roughness of the estimate, `Σ w Q |X̂|²`.
    pub roughness: f64,
}

impl Curves {
    /// Of the table's modes; `sigma` is the noise of the dirty image \[Jy/beam\], `chosen` the λ of the run, which the range
    /// includes if it is one that is searched. `None` without a usable mode that has power.
    pub(super) fn new(table: &SpectrumTable, sigma: f64, chosen: f64) -> Option<Self> {
        let modes = table.modes();
        let variance = sigma * sigma / table.usable().noise_mean;
        if modes.powers.is_empty() || !(variance > 0.0 && variance.is_finite()) {
            return None;
        }
        let criterion = |rule| Criterion::new(modes.clone(), rule, Some(variance));
        let criteria: Vec<Criterion> = CRITERIA.into_iter().filter_map(criterion).collect();
        let named = |(rule, of): (LambdaRule, &Criterion)| (rule.name().to_owned(), of.minimise().0);
        let mut choices: Vec<(String, f64)> = CRITERIA.into_iter().zip(&criteria).map(named).collect();
        let (least, most) = criteria[0].range();
        let chosen = chosen.clamp(least, most);
        let logs = choices.iter().map(|(_, lambda)| lambda).chain([&chosen]);
        let (low, high) = logs
            .map(|lambda| lambda.log10())
            .fold((f64::MAX, f64::MIN), |(low, high), log| (log.min(low), log.max(high)));
        let (low, high) = (low - MARGIN, high + MARGIN);
        let steps = ((high - low) * PER_DECADE).ceil().max(1.0);
        let at = |i: u32| {
            let lambda = 10.0_f64.powf(low + (high - low) * f64::from(i) / steps);
            let (misfit, roughness) = criteria[0].trade_off(lambda);
            let criteria = std::array::from_fn(|which| criteria[which].sketch(lambda));
            CurvePoint { lambda, criteria, misfit, roughness }
        };
        let points: Vec<CurvePoint> = (0..=steps as u32).map(at).collect();
        choices.extend(corner(&points).map(|lambda| ("l-curve".to_owned(), lambda)));
        Some(Self { sigma, points, choices })
    }
}

/// Where `(log misfit, log roughness)` bends most (Hansen 1992), by differences in `log λ`.
fn corner(points: &[CurvePoint]) -> Option<f64> {
    let at = |i: usize| (points[i].misfit.ln(), points[i].roughness.ln());
    let bend = |i: usize| {
        let ((x0, y0), (x1, y1), (x2, y2)) = (at(i - 1), at(i), at(i + 1));
        let (dx, dy) = (0.5 * (x2 - x0), 0.5 * (y2 - y0));
        let (ddx, ddy) = (x2 - 2.0 * x1 + x0, y2 - 2.0 * y1 + y0);
        (dx * ddy - dy * ddx) / (dx * dx + dy * dy).powf(1.5)
    };
    let bends = (1..points.len().saturating_sub(1)).map(|i| (i, bend(i)));
    let most = bends.filter(|(_, bend)| bend.is_finite() && *bend > 0.0).max_by(|a, b| a.1.total_cmp(&b.1));
    most.map(|(i, _)| points[i].lambda)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corner_of_an_l_is_where_its_arms_meet() {
        // misfit 1 up to lambda 1 and rising from there, roughness falling up to 1 and level from there
        let at = |i: i32| {
            let lambda = 10.0_f64.powf(0.25 * f64::from(i));
            let arms = |x: f64| 1.0 + x * x;
            let (misfit, roughness) = (arms(lambda), arms(1.0 / lambda));
            CurvePoint { lambda, criteria: [0.0; 5], misfit, roughness }
        };
        let points: Vec<CurvePoint> = (-20..=20).map(at).collect();
        assert!((corner(&points).unwrap().log10()).abs() < 0.26);
        assert_eq!(corner(&points[..2]), None);
    }
}
