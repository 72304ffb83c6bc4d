//! How far the convex solver is from its optimum, another penalty for its splitting, and the support of what it found.

use std::sync::Arc;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::super::vectors::pixels;
use super::super::{OpError, Value, Work};
use super::{Shrink, slice};
use crate::graph::{Cost, Meta, TaskContext};

/// How far an iteration moved the coefficients of each row of a slab, the most, over their threshold: `|v' - v| / (α τ)`. Where it is 0 the
/// conditions of Karush, Kuhn and Tucker hold: by synthesis it is by how much the residual that an atom sees misses its threshold; inputs:
/// those of [`Shrink`] before the iteration, then the coefficients after it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomGap {
    /// Thresholds.
    pub shrink: Shrink,
}

impl Work for AtomGap {
    const KIND: &'static str = "atom-gap";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 2.0, output_bytes: 8 * self.shrink.rows.len() as u64, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let after = pixels(&inputs[inputs.len() - 1]);
        let mut gaps = Vec::with_capacity(self.shrink.rows.len());
        self.shrink.for_rows(inputs, |y, before, shrinkage| {
            let moved = before.iter().zip(slice(after, y)).enumerate();
            let finite = moved.filter(|(x, _)| shrinkage.finite.is_none_or(|finite| finite[*x]));
            let most = finite.fold(0.0_f32, |most, (_, (before, after))| most.max((after - before).abs()));
            let unit = f64::from(shrinkage.level) * self.shrink.splitting.relaxation;
            gaps.push(if most > 0.0 { f64::from(most) / unit } else { 0.0 });
        });
        Ok(Value::RowSums(gaps))
    }
}

/// The highest number of all rows; inputs: their numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Highest;

impl Work for Highest {
    const KIND: &'static str = "highest";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs.len() as f64, output_bytes: 8, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Scalar(inputs.iter().flat_map(|rows| rows.row_sums()).fold(0.0, |most, gap| gap.max(most))))
    }
}

/// Coefficients for another `ρ`, which leaves the estimate and the multipliers `ρ (v − z)` as they are, or for other weights, which leaves the
/// estimate and takes the multipliers along with their thresholds; inputs: those of [`Shrink`], which has `ρ` and the weights before, and the
/// weights now if they are others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomRescale {
    /// Thresholds before.
    pub shrink: Shrink,
    /// `ρ` before over `ρ` now.
    pub ratio: f64,
    /// Whether the weights are others.
    pub is_reweighed: bool,
}

impl Work for AtomRescale {
    const KIND: &'static str = "atom-rescale";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 2.0, output_bytes: inputs[0].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut rescaled = Array2::zeros(pixels(&inputs[0]).dim());
        let ratio = self.ratio as f32;
        let now = self.is_reweighed.then(|| pixels(&inputs[inputs.len() - 1]));
        self.shrink.for_rows(inputs, |y, v, shrinkage| {
            let row = rescaled.row_mut(y).into_slice().expect("a slab is in row order");
            shrinkage.carry(v, (ratio, now.map(|now| slice(now, y))), row);
        });
        Ok(Value::Vector(rescaled))
    }
}

/// Weights that leave what was found free and all else at 0; inputs: those of [`Shrink`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SupportWeights {
    /// Thresholds.
    pub shrink: Shrink,
}

impl Work for SupportWeights {
    const KIND: &'static str = "support-weights";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 2.0, output_bytes: inputs[0].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut weights = Array2::zeros(pixels(&inputs[0]).dim());
        self.shrink.for_rows(inputs, |y, v, shrinkage| {
            let row = weights.row_mut(y).into_slice().expect("a slab is in row order");
            shrinkage.estimate(v, row);
            row.iter_mut().for_each(|z| *z = if *z == 0.0 { f32::MAX } else { 0.0 });
        });
        Ok(Value::Vector(weights))
    }
}
