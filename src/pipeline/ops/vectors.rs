//! What an iterative solver does to whole images, slab by slab: inner products and combinations.

use std::sync::Arc;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{OpError, Rows, Value, Work};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::Image;

/// A slab of zeros to begin a model with; no inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ZeroModel {
    /// The slab's rows.
    pub rows: Rows,
    /// Columns of the image.
    pub nx: usize,
}

impl Work for ZeroModel {
    const KIND: &'static str = "zero";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let pixels = self.rows.len() * self.nx;
        Cost { flops: pixels as f64, output_bytes: 4 * pixels as u64, scratch_bytes: 0 }
    }

    fn run(&self, _inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Model(Image::zeros((self.rows.len(), self.nx))))
    }
}

/// Inner product of each row of a slab; inputs: two slabs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RowDots;

impl Work for RowDots {
    const KIND: &'static str = "dots";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 2.0, output_bytes: inputs[0].bytes / 512, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (one, two) = (pixels(&inputs[0]), pixels(&inputs[1]));
        let dot = |(a, b): (ndarray::ArrayView1<'_, f32>, ndarray::ArrayView1<'_, f32>)| {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        Ok(Value::RowSums(one.rows().into_iter().zip(two.rows()).map(dot).collect()))
    }
}

/// Adds up rows in their order, so that the cut does not change the total; inputs: the slabs' row sums.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Total;

impl Work for Total {
    const KIND: &'static str = "total";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs.len() as f64, output_bytes: 8, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Scalar(inputs.iter().flat_map(|sums| sums.row_sums()).sum()))
    }
}

/// `a + sign (numerator / denominator) b` on a slab, of the kind of `a`, or `a` where that ratio is negative or not finite; inputs: `a`, `b`, numerator, denominator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Combine {
    /// 1 or -1.
    pub sign: f64,
}

impl Work for Combine {
    const KIND: &'static str = "combine";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 2.0, output_bytes: inputs[0].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let ratio = inputs[2].scalar() / inputs[3].scalar();
        // 0/0 once the residual is 0 to the last bit, or a curvature lost to rounding: no step is taken
        let factor = if ratio >= 0.0 && ratio.is_finite() { (self.sign * ratio) as f32 } else { 0.0 };
        let mut sum = pixels(&inputs[0]).clone();
        sum.scaled_add(factor, pixels(&inputs[1]));
        Ok(match *inputs[0] {
            Value::Model(_) => Value::Model(Image::new(sum)),
            _ => Value::Vector(sum),
        })
    }
}

pub(super) fn pixels(value: &Value) -> &Array2<f32> {
    match value {
        Value::Model(slab) => slab.pixels(),
        other => other.vector(),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn combine(base: Value, ratio: (f64, f64)) -> Value {
        let inputs = [base, Value::Vector(array![[1.0, -2.0]]), Value::Scalar(ratio.0), Value::Scalar(ratio.1)];
        Combine { sign: -1.0 }.run(&inputs.map(Arc::new), &TaskContext::default()).expect("nothing can go wrong")
    }

    #[test]
    fn combination_keeps_the_kind_of_its_first_slab() {
        assert_eq!(combine(Value::Vector(array![[5.0, 5.0]]), (3.0, 2.0)).vector(), array![[3.5, 8.0]]);
        let model = combine(Value::Model(Image::new(array![[5.0, 5.0]])), (3.0, 2.0));
        assert_eq!(model.model().pixels(), array![[3.5, 8.0]]);
    }

    #[test]
    fn step_along_a_curvature_lost_to_rounding_is_not_taken() {
        for ratio in [(0.0, 0.0), (1.0, 0.0), (1.0, -3.0), (f64::NAN, 1.0)] {
            assert_eq!(combine(Value::Vector(array![[5.0, 5.0]]), ratio).vector(), array![[5.0, 5.0]], "{ratio:?}");
        }
    }

    #[test]
    fn inner_product_of_slabs_is_the_sum_over_rows_in_order() {
        let slab = Arc::new(Value::Vector(array![[1.0, 2.0], [3.0, 4.0]]));
        let sums = RowDots.run(&[Arc::clone(&slab), slab], &TaskContext::default()).expect("nothing can go wrong");
        assert_eq!(sums.row_sums(), &[5.0, 25.0]);
        let sums = Arc::new(sums);
        let total = Total.run(&[Arc::clone(&sums), sums], &TaskContext::default()).expect("nothing can go wrong");
        assert!((total.scalar() - 60.0).abs() < f64::EPSILON);
    }
}
