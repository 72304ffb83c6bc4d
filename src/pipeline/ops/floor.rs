//! The map of the sidelobes that the PSF does not reach, and what the residual says to it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{OpError, Rows, Value, Work};
use crate::algorithms::{Contrast, FloorBuilder, FloorMap, FloorRows, Shortfall};
use crate::graph::{Cost, Meta, TaskContext};

/// Estimates the sidelobes that the PSF does not reach; inputs: the map that weights are held against, if there is one,
/// and the model's slabs in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MapFloor {
    /// How the PSF falls short.
    pub shortfall: Shortfall,
    /// Shape of the plane, `(ny, nx)`.
    pub shape: (usize, usize),
    /// Whether the first input is the map of the points, so that the weights of a scale are in its units.
    pub against: bool,
}

impl Work for MapFloor {
    const KIND: &'static str = "floor";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs.iter().map(|meta| meta.bytes).sum();
        let cells = (self.shape.0.div_ceil(self.shortfall.cell) * self.shape.1.div_ceil(self.shortfall.cell)) as u64;
        Cost {
            flops: bytes as f64 / 2.0,
            output_bytes: FloorMap::most_bytes(self.shape),
            scratch_bytes: 16 * (cells + self.shape.1 as u64),
        }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut builder = FloorBuilder::new(self.shortfall, self.shape);
        let (points, model) = inputs.split_at(usize::from(self.against));
        let rows = || model.iter().flat_map(|slab| slab.model().pixels().rows()).map(|row| row.into_iter().copied());
        rows().for_each(|row| builder.push(row));
        let map = builder.finish(rows());
        Ok(Value::Floor(points.first().map_or(map.clone(), |points| map.against(points.floor()))))
    }
}

/// Compares a slab of residual with the map of floors; inputs: the map, the noise, residual rows, dirty rows (for the
/// blanks).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CompareFloor {
    /// The slab's rows.
    pub rows: Rows,
}

impl Work for CompareFloor {
    const KIND: &'static str = "compare-floor";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost {
            flops: inputs[2].bytes as f64,
            output_bytes: Contrast::ROW_BYTES * self.rows.len() as u64,
            scratch_bytes: 0,
        }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (map, residual, dirty) = (inputs[0].floor(), inputs[2].residual(), inputs[3].dirty());
        let mut contrast = Contrast::new(map, inputs[1].noise().sigma);
        let mut rows = FloorRows::new(map, self.rows.first);
        for (y, row) in residual.pixels().rows().into_iter().enumerate() {
            let finite = dirty.finite.as_ref().map(|mask| mask.row(y));
            rows.compare(|x| finite.is_none_or(|finite| finite[x]).then(|| row[x]), &mut contrast);
        }
        Ok(Value::Contrast(contrast))
    }
}

/// The map of floors as the residual leaves it; inputs: the map, what [`CompareFloor`] found in the slabs in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HoldFloor;

impl Work for HoldFloor {
    const KIND: &'static str = "hold-floor";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64, output_bytes: inputs[0].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut contrast = Contrast::default();
        inputs[1..].iter().for_each(|slab| contrast.merge(slab.contrast()));
        Ok(Value::Floor(inputs[0].floor().clone().held(&contrast)))
    }
}
