//! How uncertain the estimate is: its posterior variance, mode by mode and in all.
//!
//! With circulant boundaries the posterior of a mode is Gaussian with variance `1/P`, `P = γn |H|²/S + γx Q`, independent of the
//! others: the covariance is stationary, and the standard deviation of every pixel is `√((1/N) Σ w/P)` (ALGORITHMS 6.9). A mode
//! without a datum keeps the variance of the prior, `1/(γx Q)`, which can be far above all others; so both are told apart.
//! Where the precisions are uncertain, the variance is averaged over them, and that of the conditional mean is added.

use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use super::choose::Node;
use super::exact::{ExactSum, Quantum};
use super::model::{Problem, widen};
use super::survey::Usable;

/// Rings of spatial frequency from 0 to the corner of the spectrum.
const RINGS: usize = 64;

/// Highest spatial frequency of a mode \[cycles/pixel\].
const HIGHEST: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// Sums over a ring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Ring {
    modes: u64,
    measured: u64,
    /// Of the variance of modes with a datum, precisions given.
    variance: ExactSum,
    /// Of what the precisions add to it.
    hyper: ExactSum,
    /// Of the variance of modes without a datum.
    prior: ExactSum,
}

/// Sums of the posterior variance, to be merged in any order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    problem: Problem,
    usable: Usable,
    nodes: Vec<Node>,
    quantum: Quantum,
    rings: Vec<Ring>,
}

impl Spread {
    /// Before any column; `nodes` are the λ and precisions of the posterior with their weights.
    pub fn new(problem: &Problem, usable: &Usable, nodes: &[Node]) -> Self {
        // no variance exceeds that of the prior where it is weakest
        let weakest = nodes.iter().map(|node| 1.0 / (node.gamma_x() * problem.least_penalty())).fold(0.0, f64::max);
        let hyper = usable.max_data / (usable.floor * usable.floor * problem.plane().data_pixels as f64);
        let bound = problem.plane().ly as f64 * weakest.max(if nodes.len() > 1 { hyper } else { 0.0 });
        let quantum = Quantum::new(if bound.is_normal() { bound } else { 1.0 });
        Self {
            problem: problem.clone(),
            usable: *usable,
            nodes: nodes.to_vec(),
            quantum,
            rings: vec![Ring::default(); RINGS],
        }
    }

    /// Adds column `kx` of the PSF's spectrum, and of the data's where precisions are uncertain.
    pub fn add_column(&mut self, kx: usize, h: &[Complex<f32>], y: Option<&[Complex<f32>]>) {
        let plane = self.problem.plane();
        let weight = plane.weight(kx);
        // a column is never split, so its own sums may be floating-point ones
        let mut sums = [[0.0; 3]; RINGS];
        for (ky, &h) in h.iter().enumerate() {
            let (fy, fx) = plane.frequency(ky, kx);
            let ring = ((fy.hypot(fx) / HIGHEST * RINGS as f64) as usize).min(RINGS - 1);
            self.rings[ring].modes += weight;
            if self.problem.is_usable(widen(h), self.usable.floor) {
                self.rings[ring].measured += weight;
                sums[ring][0] += self.variance((ky, kx), widen(h));
                if let Some(y) = y.filter(|_| self.nodes.len() > 1) {
                    sums[ring][1] += self.hyper((ky, kx), (widen(y[ky]), widen(h)));
                }
            } else {
                sums[ring][2] += self.prior_variance((ky, kx));
            }
        }
        for (ring, [variance, hyper, prior]) in self.rings.iter_mut().zip(sums) {
            ring.variance.add(weight as f64 * variance, self.quantum);
            ring.hyper.add(weight as f64 * hyper, self.quantum);
            ring.prior.add(weight as f64 * prior, self.quantum);
        }
    }

    /// Variance of a mode with a datum, in the unitary spectrum \[(Jy/pixel)²\].
    pub(super) fn variance(&self, (ky, kx): (usize, usize), h: Complex<f64>) -> f64 {
        let (data, prior) = (h.norm_sqr() / self.problem.noise_power(h), self.problem.penalty(ky, kx));
        self.mean(|node| 1.0 / (node.gamma_n * data + node.gamma_x() * prior))
    }

    /// Variance of a mode without a datum.
    fn prior_variance(&self, (ky, kx): (usize, usize)) -> f64 {
        let prior = self.problem.penalty(ky, kx);
        self.mean(|node| 1.0 / (node.gamma_x() * prior))
    }

    /// Variance of the conditional mean of a mode.
    fn hyper(&self, (ky, kx): (usize, usize), (y, h): (Complex<f64>, Complex<f64>)) -> f64 {
        let t = h.norm_sqr() / (self.problem.noise_power(h) * self.problem.penalty(ky, kx));
        let gain = |node: &Node| t / (t + node.lambda);
        let mean = self.mean(gain);
        let spread = self.mean(|node| (gain(node) - mean).powi(2));
        spread * y.norm_sqr() / (h.norm_sqr() * self.problem.plane().data_pixels as f64)
    }

    fn mean(&self, of: impl Fn(&Node) -> f64) -> f64 {
        self.nodes.iter().map(|node| node.weight * of(node)).sum()
    }

    /// Adds what another of the same problem holds.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.rings.iter_mut().zip(&other.rings) {
            mine.modes += theirs.modes;
            mine.measured += theirs.measured;
            mine.variance.merge(theirs.variance);
            mine.hyper.merge(theirs.hyper);
            mine.prior.merge(theirs.prior);
        }
    }

    /// The figures.
    pub fn report(&self) -> SpreadReport {
        let value = |sum: ExactSum| sum.value(self.quantum);
        let modes = self.problem.plane().modes() as f64;
        let total = |of: fn(&Ring) -> ExactSum| self.rings.iter().map(|ring| value(of(ring))).sum::<f64>() / modes;
        let (variance, hyper, prior) = (total(|r| r.variance), total(|r| r.hyper), total(|r| r.prior));
        let point = |(index, ring): (usize, &Ring)| {
            let root = |sum: f64, count: u64| (count > 0).then(|| (sum / count as f64).sqrt());
            SpreadPoint {
                frequency: (index as f64 + 0.5) * HIGHEST / RINGS as f64,
                modes: ring.modes,
                measured: ring.measured,
                sd: root(value(ring.variance) + value(ring.hyper), ring.measured),
                sd_prior: root(value(ring.prior), ring.modes - ring.measured),
            }
        };
        let seen = self.rings.iter().enumerate().filter(|(_, ring)| ring.modes > 0);
        SpreadReport {
            sd: (variance + hyper).sqrt(),
            sd_hyper: hyper.sqrt(),
            sd_unmeasured: prior.sqrt(),
            sd_all: (variance + hyper + prior).sqrt(),
            spectrum: seen.map(point).collect(),
        }
    }
}

/// The posterior standard deviation of a pixel and of modes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpreadReport {
    /// Of a pixel, from the modes that carry a datum \[Jy/pixel\].
    pub sd: f64,
    /// What of it the uncertainty of the precisions is.
    pub sd_hyper: f64,
    /// Of a pixel, from the modes without a datum, which the prior alone tells of \[Jy/pixel\].
    pub sd_unmeasured: f64,
    /// Of a pixel, from all modes \[Jy/pixel\].
    pub sd_all: f64,
    /// By rings of spatial frequency.
    #[serde(skip)]
    pub spectrum: Vec<SpreadPoint>,
}

/// The posterior standard deviation in a ring of spatial frequency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SpreadPoint {
    /// Its middle \[cycles/pixel\].
    pub frequency: f64,
    /// Modes in it.
    pub modes: u64,
    /// Of these with a datum.
    pub measured: u64,
    /// Root of the mean variance of a mode with a datum, in the unitary spectrum \[Jy/pixel\].
    pub sd: Option<f64>,
    /// The same of one without.
    pub sd_prior: Option<f64>,
}
