//! Noise that must not change at once: thresholds that are made of it would make the coefficients jump, and these the noise.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{OpError, Value, Work};
use crate::algorithms::PlaneStats;
use crate::graph::{Cost, Meta, TaskContext};

/// What is left of the noise at the least from one residual to the next; the inverse is the most.
const LEAST: f64 = 0.9;

/// The noise of a residual, no farther than a tenth from that of the one before; inputs: both.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SteadyNoise;

impl Work for SteadyNoise {
    const KIND: &'static str = "steady-noise";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { flops: 1.0, output_bytes: 0, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (now, before) = (*inputs[0].noise(), inputs[1].noise().sigma);
        let sigma = now.sigma.min(before / LEAST).max(before * LEAST);
        Ok(Value::Noise(PlaneStats { sigma, ..now }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_changes_by_a_tenth_at_the_most() {
        let noise = |sigma: f64| Arc::new(Value::Noise(PlaneStats { sigma, ..PlaneStats::default() }));
        for (now, before, expected) in [(1.0, 2.0, 1.8), (3.0, 0.9, 1.0), (1.05, 1.0, 1.05), (0.0, 0.0, 0.0)] {
            let found =
                SteadyNoise.run(&[noise(now), noise(before)], &TaskContext::default()).expect("nothing can fail");
            assert!((found.noise().sigma - expected).abs() < 1e-12, "{now} after {before}");
        }
    }
}
