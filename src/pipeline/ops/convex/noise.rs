//! The noise that thresholds are made of, and what brightness makes of thresholds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::{OpError, Value, Work};
use super::{AtomPart, AtomSetting};
use crate::algorithms::PlaneStats;
use crate::algorithms::convex::{noise, powers, weight};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::Image;

/// A slab of the residual as a part sees it, or whitened; inputs: the blocks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomBand {
    /// The rows.
    pub part: AtomPart,
}

impl Work for AtomBand {
    const KIND: &'static str = "atom-band";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        self.part.cost()
    }

    fn load_bytes(&self, _input: usize, meta: Meta) -> u64 {
        self.part.load_bytes(meta)
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Residual(Image::new(self.part.back(inputs)?)))
    }
}

/// What the thresholds of a slab are multiplied by; inputs: noise of the residual, then the blocks of the amplitudes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomWeights {
    /// The rows.
    pub part: AtomPart,
}

impl Work for AtomWeights {
    const KIND: &'static str = "atom-weights";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        self.part.cost()
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        if input == 0 { meta.bytes } else { self.part.load_bytes(meta) }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let sigma = inputs[0].noise().sigma;
        Ok(Value::Vector(self.part.back(&inputs[1..])?.mapv(|brightness| weight(brightness, sigma))))
    }
}

/// Power of noise that went through the PSF on the modes of a block: whitened, and as each part sees it; inputs: transfer function,
/// usable modes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomPowers {
    /// The parts.
    pub setting: AtomSetting,
    /// The block of columns.
    pub block: usize,
}

impl Work for AtomPowers {
    const KIND: &'static str = "atom-powers";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let AtomSetting { layout, dictionary, .. } = &self.setting;
        let modes = layout.columns(self.block).len() * layout.ly;
        let parts = dictionary.count() as u64;
        Cost {
            flops: 8.0 * modes as f64 * parts as f64,
            output_bytes: 8 * (1 + parts),
            scratch_bytes: 16 * parts * layout.ly as u64,
        }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (frame, AtomSetting { layout, dictionary, .. }) = (self.setting.frame(), &self.setting);
        let (transfer, max) = (inputs[0].transfer(), inputs[1].usable().max_transfer);
        let mut sums = vec![0.0; 1 + dictionary.count()];
        for kx in layout.columns(self.block) {
            // of the half plane, all columns but those that are their own mirror stand for two
            let times = if kx == 0 || 2 * kx == layout.lx { 1.0 } else { 2.0 };
            let of_column = powers(&frame, (kx, dictionary.count()), transfer.column(kx), max);
            sums.iter_mut().zip(of_column).for_each(|(sum, power)| *sum += times * power);
        }
        Ok(Value::RowSums(sums))
    }
}

/// Adds up the powers of all blocks in their order; inputs: those.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SumPowers;

impl Work for SumPowers {
    const KIND: &'static str = "sum-powers";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes = inputs.first().map_or(0, |meta| meta.bytes);
        Cost { flops: inputs.len() as f64, output_bytes: bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut sums = vec![0.0; inputs[0].row_sums().len()];
        for block in inputs {
            sums.iter_mut().zip(block.row_sums()).for_each(|(sum, power)| *sum += power);
        }
        Ok(Value::RowSums(sums))
    }
}

/// The noise of a part's coefficients; inputs: the robust noise of the residual as the part sees it, that of the whitened residual, the
/// powers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PartNoise {
    /// The part.
    pub part: usize,
}

impl Work for PartNoise {
    const KIND: &'static str = "part-noise";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { flops: 1.0, output_bytes: 0, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (seen, white) = (*inputs[0].noise(), inputs[1].noise().sigma);
        let sigma = noise(self.part, (seen.sigma, white), inputs[2].row_sums());
        Ok(Value::Noise(PlaneStats { sigma, ..seen }))
    }
}

/// What is left of steady noise at the least from one residual to the next; the inverse is the most.
const LEAST: f64 = 0.9;

/// The noise of a residual that must not change at once, since thresholds made of it would make the coefficients jump, and these the
/// noise: no farther than a tenth from that of the one before; inputs: both.
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
