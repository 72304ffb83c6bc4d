//! The local rms of a residual, which weighs the search for the peak.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{OpError, Value, Work};
use crate::algorithms::{CellRows, LocalRms, RmsMap};
use crate::graph::{Cost, Meta, TaskContext};

/// Sums over the cells of a slab; inputs: residual rows or those of a map of the noise, dirty rows (for
/// the blanks). What is no noise in a map, blank or not above 0, does not count.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SumCells {
    /// Side of a cell \[pixels\].
    pub cell: usize,
    /// Columns of the plane.
    pub nx: usize,
    /// What a map is divided by, as the dirty image is.
    pub scale: f32,
}

impl Work for SumCells {
    const KIND: &'static str = "local-sums";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let rows = inputs[0].bytes.div_ceil(4 * self.nx as u64);
        let output_bytes = 16 * rows * self.nx.div_ceil(self.cell) as u64;
        Cost { flops: inputs[0].bytes as f64, output_bytes, scratch_bytes: inputs[0].bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let dirty = inputs[1].dirty();
        let divided;
        let (pixels, is_map) = match &*inputs[0] {
            Value::Pixels(map) => {
                divided = map.mapv(|value| value / self.scale);
                (&divided, true)
            }
            residual => (residual.residual().pixels(), false),
        };
        let mut sums = CellRows::default();
        for (y, row) in pixels.rows().into_iter().enumerate() {
            let finite = dirty.finite.as_ref().map(|mask| mask.row(y));
            let row = row.to_slice().expect("a slab is stored in row order");
            let is_noise = |x: usize| !is_map || (row[x].is_finite() && row[x] > 0.0);
            sums.push(row, self.cell, |x| is_noise(x) && finite.is_none_or(|finite| finite[x]));
        }
        Ok(Value::CellRows(sums))
    }
}

/// The local rms of a plane; inputs: the sums over the cells of its slabs in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MapRms {
    /// How it is taken.
    pub ask: LocalRms,
    /// Shape of the plane, `(ny, nx)`.
    pub shape: (usize, usize),
}

impl Work for MapRms {
    const KIND: &'static str = "local-rms";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs.iter().map(|meta| meta.bytes).sum();
        let cells = (self.shape.0.div_ceil(self.ask.cell()) * self.shape.1.div_ceil(self.ask.cell())) as u64;
        Cost { flops: bytes as f64 / 4.0 + 80.0 * cells as f64, output_bytes: 4 * cells, scratch_bytes: 60 * cells }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::RmsMap(RmsMap::new(&self.ask, self.shape, inputs.iter().map(|input| input.cell_rows()))))
    }
}

/// Counts what rows of a map of the noise tell of the pixels that are not blank; inputs: rows of the map and of the dirty image, as read.
/// The counts are those of [`NoiseCounts`], one after the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SurveyNoise;

/// Pixels of the dirty image that are not blank, by what a map of the noise tells of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct NoiseCounts {
    /// All of them.
    pub pixels: f64,
    /// A number above 0.
    pub usable: f64,
    /// Nothing.
    pub blank: f64,
    /// 0.
    pub zero: f64,
}

impl NoiseCounts {
    /// The counts of all slabs.
    pub fn of<'a>(slabs: impl Iterator<Item = &'a [f64]>) -> Self {
        slabs.fold(Self::default(), |sum, slab| Self {
            pixels: sum.pixels + slab[0],
            usable: sum.usable + slab[1],
            blank: sum.blank + slab[2],
            zero: sum.zero + slab[3],
        })
    }

    /// What the map holds where it tells no noise.
    pub fn gaps(&self) -> String {
        let Self { pixels, usable, blank, zero } = *self;
        let kinds = [("blank", blank), ("0", zero), ("below 0", pixels - usable - blank - zero)];
        let told = kinds.iter().filter(|(_, count)| *count > 0.0).map(|(kind, count)| format!("{count} are {kind}"));
        told.collect::<Vec<_>>().join(", ")
    }
}

impl Work for SurveyNoise {
    const KIND: &'static str = "survey-noise";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 2.0, output_bytes: 32, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut counts = [0.0; 4];
        let pixels = inputs[0].pixels().iter().zip(inputs[1].pixels());
        for (noise, _) in pixels.filter(|(_, dirty)| dirty.is_finite()) {
            counts[0] += 1.0;
            counts[1] += f64::from(u8::from(noise.is_finite() && *noise > 0.0));
            counts[2] += f64::from(u8::from(!noise.is_finite()));
            counts[3] += f64::from(u8::from(*noise == 0.0));
        }
        Ok(Value::RowSums(counts.to_vec()))
    }
}
