//! How well an estimate does by a criterion that did not make it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{OpError, Value, Work};
use crate::algorithms::wiener::gcv;
use crate::graph::{Cost, Meta, TaskContext};

/// Puts the tables of modes of all blocks together; inputs: the tables.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MergeTables;

impl Work for MergeTables {
    const KIND: &'static str = "merge-tables";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes = inputs.first().map_or(0, |meta| meta.bytes);
        Cost { flops: (bytes * inputs.len() as u64) as f64, output_bytes: bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut table = inputs[0].mode_table().clone();
        inputs[1..].iter().for_each(|part| table.merge(part.mode_table()));
        Ok(Value::ModeTable(table))
    }
}

/// Generalised cross-validation of λ; inputs: the table of all modes, and the choice of λ unless it is given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CrossValidate {
    /// λ, if it is given.
    pub lambda: Option<f64>,
}

impl Work for CrossValidate {
    const KIND: &'static str = "gcv";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64, output_bytes: 8, scratch_bytes: inputs[0].bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let lambda = self.lambda.unwrap_or_else(|| inputs[1].choice().lambda);
        Ok(Value::Scalar(gcv(inputs[0].mode_table(), lambda)?))
    }
}

/// Misfit of a model with another dirty image of the same sky, row by row: the sum of its squares, and the number of its
/// pixels; inputs: dirty rows, residual rows, rows of the other dirty image.
///
/// `other - psf * model = residual + (other - dirty)`, where neither image is blank.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Misfit;

impl Work for Misfit {
    const KIND: &'static str = "misfit";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64, output_bytes: inputs[0].bytes / 256, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (dirty, residual, other) = (inputs[0].dirty(), inputs[1].residual(), inputs[2].dirty());
        let (ny, nx) = dirty.image.pixels().dim();
        let is_valid = |y: usize, x: usize| {
            [dirty, other].iter().all(|slab| slab.finite.as_ref().is_none_or(|finite| finite.row(y)[x]))
        };
        let row = |y: usize| {
            let [dirty, residual, other] =
                [dirty.image.pixels(), residual.pixels(), other.image.pixels()].map(|pixels| pixels.row(y));
            let mut sums = [0.0, 0.0];
            for x in (0..nx).filter(|x| is_valid(y, *x)) {
                let misfit = f64::from(residual[x]) + (f64::from(other[x]) - f64::from(dirty[x]));
                sums[0] += misfit * misfit;
                sums[1] += 1.0;
            }
            sums
        };
        Ok(Value::RowSums((0..ny).flat_map(row).collect()))
    }
}

/// Root of the mean square of a misfit \[Jy/beam\]; inputs: the slabs' misfits in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MisfitRms;

impl Work for MisfitRms {
    const KIND: &'static str = "misfit-rms";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs.len() as f64, output_bytes: 8, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let rows = inputs.iter().flat_map(|sums| sums.row_sums().chunks_exact(2));
        let (squares, pixels) = rows.fold((0.0, 0.0), |(squares, pixels), row| (squares + row[0], pixels + row[1]));
        Ok(Value::Scalar((squares / pixels).sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::super::DirtySlab;
    use super::*;
    use crate::images::{Image, Mask};

    fn dirty(pixels: Array2<f32>) -> Arc<Value> {
        let finite = pixels.iter().any(|value| value.is_nan()).then(|| Mask::from_blanks(&pixels));
        let image = Image::new(pixels.mapv(|value| if value.is_nan() { 0.0 } else { value }));
        Arc::new(Value::Dirty(DirtySlab { image, finite }))
    }

    #[test]
    fn misfit_is_that_of_the_model_with_the_other_image_where_neither_is_blank() {
        let (one, other) = (array![[1.0, 2.0, f32::NAN, 4.0]], array![[2.0, f32::NAN, 3.0, 1.0]]);
        // psf * model is [0.5, ., ., 3]
        let residual = Arc::new(Value::Residual(Image::new(array![[0.5, 0.0, 0.0, 1.0]])));
        let context = TaskContext::default();
        let rows = Misfit.run(&[dirty(one), residual, dirty(other)], &context).expect("nothing can go wrong");
        assert_eq!(rows.row_sums()[..], [1.5 * 1.5 + 2.0 * 2.0, 2.0]);
        let rms = MisfitRms.run(&[Arc::new(rows)], &context).expect("nothing can go wrong");
        assert_eq!(*rms.scalar(), (6.25_f64 / 2.0).sqrt());
    }
}
