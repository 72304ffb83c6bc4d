//! Images that are given instead of computed.

use std::sync::Arc;

use ndarray::Zip;
use serde::{Deserialize, Serialize};

use super::{OpError, Value, Work};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::Image;

/// Takes rows of a file for rows of a model \[Jy/pixel\]: 0 where they are blank, or where the dirty image is; inputs: the
/// rows as read, the dirty rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TakeModel;

impl Work for TakeModel {
    const KIND: &'static str = "take";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 4.0, output_bytes: inputs[0].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut model = inputs[0].pixels().mapv(|value| if value.is_finite() { value } else { 0.0 });
        if let Some(finite) = &inputs[1].dirty().finite {
            for (y, row) in model.rows_mut().into_iter().enumerate() {
                Zip::from(row).and(finite.row(y)).for_each(|value, finite| *value = if *finite { *value } else { 0.0 });
            }
        }
        Ok(Value::Model(Image::new(model)))
    }
}
