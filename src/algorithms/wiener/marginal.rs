//! What the data tell of λ and of the precisions: their posterior, the sky integrated out.
//!
//! With the sky and, where it is free, the level of the noise integrated out (both precisions under Jeffreys' prior), the
//! posterior of `log λ` is `exp(−M' criterion(λ) / 2)` with the criteria of `ml` and `ml-sigma`, `M'` being the number of
//! independent usable modes: one scalar, known on a grid, so that nothing has to be sampled (ALGORITHMS 6.9). Given λ, the
//! precision of the noise is Gamma distributed with shape `M'/2` and mean `1/σ²(λ)`, or known.

use std::f64::consts::{LN_10, PI};

use serde::{Deserialize, Serialize};

use super::choose::Criterion;

/// Points of the grid.
const POINTS: usize = 81;

/// Standard deviations to each side of the mode that the grid reaches at first.
const REACH: f64 = 5.0;

/// Density at the ends of the grid, relative to the mode's, from which on it grows no more.
const NEGLIGIBLE: f64 = 1e-5;

/// Density beyond the grid that is left out. It never falls to 0: with `λ → 0` the prior says nothing, and the likelihood stays
/// as it is.
const TOLERATED: f64 = 1e-2;

/// A number with its standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Posterior mean.
    pub mean: f64,
    /// Posterior standard deviation.
    pub sd: f64,
}

/// The posterior of λ and of the precisions of noise and prior.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Posterior {
    /// Of `log10 λ`.
    pub log_lambda: Measured,
    /// 16 and 84 % of λ.
    pub lambda_68: [f64; 2],
    /// Of the precision `γn` of the noise; without spread where the noise is given.
    pub gamma_noise: Measured,
    /// Of the precision `γx` of the prior.
    pub gamma_prior: Measured,
    /// `(λ, density of log10 λ)` in order of λ.
    pub density: Vec<(f64, f64)>,
}

impl Criterion {
    /// The posterior about its `mode`; `sd` is that of `log10 λ` by the curvature there, and `independent` the fraction of the
    /// modes that is. `None` where the data leave λ open on one side.
    pub(super) fn posterior(&self, mode: f64, sd: f64, independent: f64) -> Option<Posterior> {
        let (half, centre) = (0.5 * self.count() * independent, self.value(mode));
        let lambda = |u: f64| mode * 10.0_f64.powf(u);
        let density = |u: f64| (-half * (self.value(lambda(u)) - centre)).exp();
        let ends = |reach: f64| density(-reach).max(density(reach));
        let mut reach = REACH * sd;
        while ends(reach) > NEGLIGIBLE && ends(2.0 * reach) < 0.5 * ends(reach) {
            reach *= 2.0;
        }
        if ends(reach) > TOLERATED {
            return None;
        }
        let step = 2.0 * reach / (POINTS - 1) as f64;
        let value = Interpolant::new(reach, |u| self.value(lambda(u)));
        let variance = Interpolant::new(reach, |u| self.variance(lambda(u)));
        let offsets: Vec<f64> = (0..POINTS).map(|i| step * i as f64 - reach).collect();
        let grid: Vec<(f64, f64)> = offsets.iter().map(|&u| (u, (-half * (value.at(u) - centre)).exp())).collect();
        let gammas: Vec<f64> = offsets.iter().map(|&u| 1.0 / variance.at(u)).collect();
        let total: f64 = grid.iter().map(|(_, weight)| weight).sum();
        let mean = |of: &dyn Fn(f64, f64) -> f64| {
            grid.iter().zip(&gammas).map(|(&(u, weight), &gamma)| weight * of(u, gamma)).sum::<f64>() / total
        };
        let measured = |of: &dyn Fn(f64, f64) -> f64, spread: f64| {
            let average = mean(of);
            let variance = |u: f64, gamma: f64| (of(u, gamma) - average).powi(2) + spread * of(u, gamma).powi(2);
            Measured { mean: average, sd: mean(&variance).sqrt() }
        };
        // variance of a Gamma variate over the square of its mean
        let spread = if self.is_noise_free() { 1.0 / half } else { 0.0 };
        let off = measured(&|u, _| u, 0.0);
        Some(Posterior {
            log_lambda: Measured { mean: mode.log10() + off.mean, sd: off.sd },
            lambda_68: [0.16, 0.84].map(|share| lambda(quantile(&grid, share * total))),
            gamma_noise: if self.is_noise_free() {
                measured(&|_, gamma| gamma, spread)
            } else {
                Measured { mean: gammas[POINTS / 2], sd: 0.0 }
            },
            gamma_prior: measured(&|u, gamma| lambda(u) * gamma, spread),
            density: grid.iter().map(|&(u, weight)| (lambda(u), weight / (total * step))).collect(),
        })
    }
}

/// A function of `log10 λ` on an interval about 0, by the polynomial through its values at Chebyshev's points (Berrut & Trefethen 2004, 5.4).
///
/// The criteria are sums over `log(1 + t/λ)` and its derivatives, so the poles nearest to the interval lie `π / ln 10` beside it, and the error
/// falls as a power of the ellipse that reaches them: a dozen points where a quarter of a decade is looked at.
struct Interpolant {
    values: Vec<(f64, f64)>,
}

impl Interpolant {
    /// Error of the polynomial, relative to the function's size.
    const ERROR: f64 = 1e-13;

    fn new(reach: f64, of: impl Fn(f64) -> f64) -> Self {
        let pole = PI / LN_10 / reach;
        let ellipse = pole + pole.hypot(1.0);
        let last = (-Self::ERROR.ln() / ellipse.ln()).ceil().max(2.0) as usize;
        let point = |j: usize| reach * (PI * j as f64 / last as f64).cos();
        Self { values: (0..=last).map(|j| (point(j), of(point(j)))).collect() }
    }

    fn at(&self, u: f64) -> f64 {
        let last = self.values.len() - 1;
        let (mut above, mut below) = (0.0, 0.0);
        for (j, &(point, value)) in self.values.iter().enumerate() {
            if u == point {
                return value;
            }
            let ends = if j == 0 || j == last { 0.5 } else { 1.0 };
            let weight = if j % 2 == 0 { ends } else { -ends } / (u - point);
            above += weight * value;
            below += weight;
        }
        above / below
    }
}

/// Where the weights of a grid add up to `sum`, each being spread over the interval about its point.
fn quantile(grid: &[(f64, f64)], sum: f64) -> f64 {
    let step = grid[1].0 - grid[0].0;
    let mut below = 0.0;
    for &(u, weight) in grid {
        if below + weight >= sum {
            return u + step * ((sum - below) / weight - 0.5);
        }
        below += weight;
    }
    grid[grid.len() - 1].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_points_tell_a_criterion_between_them() {
        let terms = [(0.3, 5.0), (1.0, 2.0), (4.0, 11.0)];
        let of = |u: f64| terms.iter().map(|(t, w)| w * (1.0 + t / 10.0_f64.powf(u)).ln()).sum::<f64>();
        for (reach, most) in [(0.05, 9), (0.25, 15), (1.0, 29), (3.0, 72)] {
            let few = Interpolant::new(reach, of);
            assert!(few.values.len() <= most, "{} points", few.values.len());
            let off = (0..=200).map(|i| reach * (f64::from(i) / 100.0 - 1.0)).map(|u| (few.at(u) - of(u)).abs());
            let worst = off.fold(0.0, f64::max);
            assert!(worst < 1e-10, "{worst} within {reach} decades");
        }
    }
}
