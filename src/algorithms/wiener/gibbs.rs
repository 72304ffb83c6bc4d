//! Gibbs sampling of sky and precisions, on the table of modes (Orieux, Giovannelli & Rodet 2010, for a known PSF).
//!
//! The sampler draws in turn the sky given both precisions, and each precision given sky and data. A precision sees the sky
//! through one sum over all modes only, `Σ w |Y − HX|²/S` or `Σ w Q|X|²`. Of `W` modes of equal `t = |H|²/(SQ)` that have the
//! power `p` together, the component of the drawn noise along the data is one normal number `z`, and what is left is a
//! chi-squared number `r` of `W − 1` degrees of freedom, so that with `v = 1/(γn t + γx)`
//! ```text
//! Σ w |Y − HX|²/S = (b √p − √(t v) z)² + t v r        Σ w Q|X|² = (a √(p/t) + √v z)² + v r       b = λ/(λ + t), a = 1 − b
//! ```
//! in distribution: the same chain of the precisions as with a sky drawn mode by mode, at the cost of some thousand numbers
//! per iteration whatever the size of the image. Modes without a datum depend on `γx` alone and are integrated out.
//!
//! Where most modes are told by the prior alone, the scale of the sky and `γx` hold each other, and where the data tell most, that
//! of the noise and `γn`: from one iteration to the next they hardly move (of 40 000 draws on a VLA image 14 were independent).
//! So each iteration also draws the scale of the sky given its shape `√γx X`, and that of the noise given `√γn (Y − HX)`; both are
//! normal given the data, but for the prior, and the precisions go with them. Each step leaves the same distribution as it is,
//! and one moves where the other does not (interweaving, Yu & Meng 2011).
//!
//! Given the chain, the posterior mean of the sky is the average of the filters (its conditional means), without noise.
//!
//! Numbers come from `ChaCha`, a counter-based generator, one stream for each chain: nothing depends on threads or chunks.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, StandardNormal, StandardUniform};
use serde::{Deserialize, Serialize};

use super::chains::Convergence;
use super::choose::Criterion;
use super::marginal::{Measured, Posterior};

/// Chains, started about the maximum of the likelihood.
const CHAINS: usize = 4;

/// Where they start, in standard deviations of `log10 λ` from its maximum: spread out, so that their agreement tells something.
const STARTS: [f64; CHAINS] = [-2.0, 0.0, 2.0, 1.0];

/// Iterations after which convergence is looked at first; then whenever the chains are twice as long.
const FIRST_LOOK: u32 = 250;

/// Draws that are left out at the begin of each chain: a share of it, but at least so many.
const BURN_IN: (f64, usize) = (0.2, 30);

/// Largest split R-hat of chains that have converged, and least number of independent draws (Gelman et al. 2013, 11.5).
const CONVERGED: (f64, f64) = (1.05, 100.0);

/// Points of a chain that are kept for its plot.
const SHOWN: usize = 1000;

/// Bars of the histogram.
const BARS: usize = 24;

/// How the chains went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chains {
    /// Iterations of each chain.
    pub iterations: u32,
    /// Of these left out at the begin.
    pub burn_in: u32,
    /// Whether they converged within their limit.
    pub is_converged: bool,
    /// Of `log γx`.
    pub gamma_prior: Convergence,
    /// Of `log γn`, where the noise is free.
    pub gamma_noise: Option<Convergence>,
    /// Every how many iterations a point is kept.
    pub step: u32,
    /// Of each chain `(γn, γx)`, every so many iterations.
    pub traces: Vec<Vec<(f64, f64)>>,
}

/// A chain under way.
struct Chain {
    rng: ChaCha8Rng,
    at: (f64, f64),
    path: Vec<(f64, f64)>,
}

/// Modes of equal `t`: `(t, independent modes, power)`.
pub(super) type Bins = Vec<(f64, f64, f64)>;

/// Samples the precisions about the mode `lambda`; `sd` is that of `log10 λ` there, `limit` the most iterations of a chain. The
/// posterior is that of the chains, whether they converged or not.
pub(super) fn sample(
    (criterion, bins): (&Criterion, &Bins),
    (lambda, sd): (f64, f64),
    (limit, seed): (u32, u64),
) -> (Chains, Posterior) {
    let half = 0.5 * bins.iter().map(|(_, count, _)| count).sum::<f64>();
    let is_free = criterion.is_noise_free();
    let begin = |(stream, offset): (usize, &f64)| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream as u64);
        let lambda = lambda * 10.0_f64.powf(offset * sd);
        let gamma_n = 1.0 / criterion.variance(lambda);
        Chain { rng, at: (gamma_n, lambda * gamma_n), path: Vec::new() }
    };
    let mut chains: Vec<Chain> = STARTS.iter().enumerate().map(begin).collect();
    let mut look = FIRST_LOOK.min(limit);
    loop {
        for chain in &mut chains {
            while chain.path.len() < look as usize {
                chain.advance(bins, half, is_free);
            }
        }
        let found = judge(&chains, is_free);
        if found.is_converged || look >= limit {
            let posterior = posterior(&chains, found.burn_in as usize);
            return (found, posterior);
        }
        look = (2 * look).min(limit);
    }
}

impl Chain {
    /// One iteration: the sky's sums given the precisions, the precisions given these, then the scale of sky and noise given
    /// their shapes.
    fn advance(&mut self, bins: &Bins, half: f64, is_free: bool) {
        let sums = sums(bins, self.at, &mut self.rng);
        let mut gamma = |sum: f64| chi_squared(2.0 * half, &mut self.rng) / sum;
        let mut gamma_n = if is_free { gamma(sums.misfit) } else { self.at.0 };
        let mut gamma_x = gamma(sums.roughness);
        let sky = self.scale((sums.cross, sums.seen), gamma_n);
        gamma_x /= sky * sky;
        if is_free {
            let cross = sums.sky_power - sky * sums.sky_cross;
            let squares = cross - sky * sums.sky_cross + sky * sky * sums.roughness;
            let noise = self.scale((cross, squares), gamma_x);
            gamma_n /= noise * noise;
        }
        self.at = (gamma_n, gamma_x);
        self.path.push(self.at);
    }

    /// Draws a scale from a density `exp(−γ (squares s² − 2 cross s)/2) / s`: a normal number, which Jeffreys' prior `1/s` takes or
    /// leaves at 1 (Metropolis & Hastings).
    fn scale(&mut self, (cross, squares): (f64, f64), gamma: f64) -> f64 {
        let normal: f64 = StandardNormal.sample(&mut self.rng);
        let uniform: f64 = StandardUniform.sample(&mut self.rng);
        let scale = cross / squares + normal / (gamma * squares).sqrt();
        if scale > 0.0 && uniform * scale < 1.0 { scale } else { 1.0 }
    }
}

/// Sums over the usable modes of a sky.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    /// `Σ w |Y − HX|²/S`.
    pub(super) misfit: f64,
    /// `Σ w Q|X|²`.
    pub(super) roughness: f64,
    /// `Re Σ w Y* HX/S`.
    cross: f64,
    /// `Σ w |HX|²/S`.
    seen: f64,
    /// `Σ w Q|Y/H|²`.
    sky_power: f64,
    /// `Re Σ w Q (Y/H)* X`.
    sky_cross: f64,
}

/// The sums of a sky that is drawn given the precisions `(γn, γx)`.
pub(super) fn sums(bins: &Bins, (gamma_n, gamma_x): (f64, f64), rng: &mut ChaCha8Rng) -> Sums {
    let mut sums = Sums::default();
    for &(t, count, power) in bins {
        let v = 1.0 / (gamma_n * t + gamma_x);
        let z: f64 = StandardNormal.sample(rng);
        // of a bin that holds less than one independent mode, a part of one
        let z = z * count.min(1.0).sqrt();
        let rest = if count > 1.0 { chi_squared(count - 1.0, rng) } else { 0.0 };
        let (a, b) = (gamma_n * t * v, gamma_x * v);
        let seen = a * power.sqrt() + (t * v).sqrt() * z;
        sums.misfit += (b * power.sqrt() - (t * v).sqrt() * z).powi(2) + t * v * rest;
        sums.roughness += seen * seen / t + v * rest;
        sums.cross += power.sqrt() * seen;
        sums.seen += seen * seen + t * v * rest;
        sums.sky_power += power / t;
        sums.sky_cross += power.sqrt() * seen / t;
    }
    sums
}

fn chi_squared(freedom: f64, rng: &mut ChaCha8Rng) -> f64 {
    2.0 * Gamma::new(0.5 * freedom, 1.0).expect("the shape is positive").sample(rng)
}

/// How far the chains have come.
fn judge(chains: &[Chain], is_free: bool) -> Chains {
    let length = chains[0].path.len();
    let burn_in = ((BURN_IN.0 * length as f64) as usize).max(BURN_IN.1).min(length / 2);
    let of = |which: fn(&(f64, f64)) -> f64| {
        let logs: Vec<Vec<f64>> =
            chains.iter().map(|chain| chain.path[burn_in..].iter().map(|at| which(at).ln()).collect()).collect();
        Convergence::of(&logs.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let (gamma_prior, gamma_noise) = (of(|at| at.1), is_free.then(|| of(|at| at.0)));
    let is_good = |found: &Convergence| found.r_hat < CONVERGED.0 && found.effective_samples > CONVERGED.1;
    let step = length.div_ceil(SHOWN).max(1);
    Chains {
        iterations: length as u32,
        burn_in: burn_in as u32,
        is_converged: is_good(&gamma_prior) && gamma_noise.as_ref().is_none_or(is_good),
        gamma_prior,
        gamma_noise,
        step: step as u32,
        traces: chains.iter().map(|chain| chain.path.iter().step_by(step).copied().collect()).collect(),
    }
}

/// Means, standard deviations and the histogram of `log10 λ`.
fn posterior(chains: &[Chain], burn_in: usize) -> Posterior {
    let kept = || chains.iter().flat_map(|chain| &chain.path[burn_in..]);
    let count = kept().count() as f64;
    let measured = |of: &dyn Fn(&(f64, f64)) -> f64| {
        let mean = kept().map(of).sum::<f64>() / count;
        Measured { mean, sd: (kept().map(|at| (of(at) - mean).powi(2)).sum::<f64>() / count).sqrt() }
    };
    let mut logs: Vec<f64> = kept().map(|at| (at.1 / at.0).log10()).collect();
    logs.sort_by(f64::total_cmp);
    let quantile = |share: f64| 10.0_f64.powf(logs[((share * count) as usize).min(logs.len() - 1)]);
    let (low, high) = (logs[0], logs[logs.len() - 1]);
    let width = ((high - low) / BARS as f64).max(f64::MIN_POSITIVE);
    let mut bars = vec![0.0; BARS];
    logs.iter().for_each(|log| bars[(((log - low) / width) as usize).min(BARS - 1)] += 1.0 / (count * width));
    let density = bars.into_iter().enumerate();
    Posterior {
        log_lambda: measured(&|at| (at.1 / at.0).log10()),
        lambda_68: [quantile(0.16), quantile(0.84)],
        gamma_noise: measured(&|at| at.0),
        gamma_prior: measured(&|at| at.1),
        density: density.map(|(i, bar)| (10.0_f64.powf(low + width * (i as f64 + 0.5)), bar)).collect(),
    }
}
