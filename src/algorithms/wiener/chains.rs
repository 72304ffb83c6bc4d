//! Whether Markov chains have converged, and what they are worth.

use serde::{Deserialize, Serialize};

/// What several chains of a number tell of their convergence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// Split R-hat: spread between halves of chains over that within; 1 where they agree.
    pub r_hat: f64,
    /// Independent draws that all chains together are worth.
    pub effective_samples: f64,
}

impl Convergence {
    /// Of chains of equal length, four draws at least; each is split in two, so that a drift counts as a disagreement.
    ///
    /// # Source
    /// Gelman et al. 2013, "Bayesian Data Analysis", sections 11.4 and 11.5; sums of autocorrelations end as in Geyer 1992.
    pub(super) fn of(chains: &[&[f64]]) -> Self {
        let half = chains.first().map_or(0, |chain| chain.len() / 2);
        if half < 2 {
            return Self { r_hat: f64::INFINITY, effective_samples: 0.0 };
        }
        let halves: Vec<&[f64]> =
            chains.iter().flat_map(|chain| [&chain[..half], &chain[chain.len() - half..]]).collect();
        let (count, length) = (halves.len() as f64, half as f64);
        let means: Vec<f64> = halves.iter().map(|half| half.iter().sum::<f64>() / length).collect();
        let grand = means.iter().sum::<f64>() / count;
        let between = means.iter().map(|mean| (mean - grand).powi(2)).sum::<f64>() / (count - 1.0);
        let covariance = |lag: usize| {
            let of = |(half, mean): (&&[f64], &f64)| {
                half.iter().zip(&half[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / length
            };
            halves.iter().zip(&means).map(of).sum::<f64>() / count
        };
        let within = covariance(0) * length / (length - 1.0);
        let pooled = covariance(0) + between;
        if within <= 0.0 {
            // chains that stand still agree only where they stand at the same place
            let r_hat = if between > 0.0 { f64::INFINITY } else { 1.0 };
            return Self { r_hat, effective_samples: count * length };
        }
        let correlation = |lag: usize| 1.0 - (within - covariance(lag)) / pooled;
        let (mut sum, mut last, mut lag) = (0.0, f64::INFINITY, 1);
        while lag + 1 < half {
            let pair = (correlation(lag) + correlation(lag + 1)).min(last);
            if pair <= 0.0 {
                break;
            }
            (sum, last, lag) = (sum + pair, pair, lag + 2);
        }
        let draws = count * length;
        Self { r_hat: (pooled / within).sqrt(), effective_samples: (draws / (1.0 + 2.0 * sum)).min(draws) }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    /// A chain whose draws are correlated by `rho` from one to the next, about `mean`.
    fn chain(seed: u64, length: usize, rho: f64, mean: f64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut at = 0.0;
        let mut draw = || {
            let noise: f64 = StandardNormal.sample(&mut rng);
            at = rho * at + (1.0 - rho * rho).sqrt() * noise;
            mean + at
        };
        (0..length).map(|_| draw()).collect()
    }

    fn of(chains: &[Vec<f64>]) -> Convergence {
        Convergence::of(&chains.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn independent_draws_count_each_and_correlated_ones_by_their_correlation_time() {
        for rho in [0.0, 0.5, 0.9] {
            let found = of(&(0..4).map(|seed| chain(seed, 8000, rho, 3.0)).collect::<Vec<_>>());
            // the correlation time of such a chain is (1 + rho) / (1 - rho)
            let expected = 32_000.0 * (1.0 - rho) / (1.0 + rho);
            assert!((found.effective_samples / expected - 1.0).abs() < 0.2, "{rho}: {found:?} for {expected}");
            assert!((found.r_hat - 1.0).abs() < 0.01, "{rho}: {found:?}");
        }
    }

    #[test]
    fn chains_that_disagree_or_drift_have_not_converged() {
        let apart = of(&(0..4).map(|seed| chain(seed, 1000, 0.5, seed as f64)).collect::<Vec<_>>());
        assert!(apart.r_hat > 1.3 && apart.effective_samples < 40.0, "{apart:?}");
        let drifting = (0..4).map(|seed| chain(seed, 1000, 0.5, 0.0));
        let drifting = drifting.map(|chain| chain.iter().enumerate().map(|(i, x)| x + 0.004 * i as f64).collect());
        let drifting = of(&drifting.collect::<Vec<_>>());
        assert!(drifting.r_hat > 1.3, "{drifting:?}");
    }

    #[test]
    fn chains_too_short_or_without_motion_are_told() {
        assert!(of(&[vec![1.0; 3]]).r_hat.is_infinite());
        assert!((of(&[vec![1.0; 8], vec![1.0; 8]]).r_hat - 1.0).abs() < 1e-12);
        assert!(of(&[vec![1.0; 8], vec![2.0; 8]]).r_hat.is_infinite());
    }
}
