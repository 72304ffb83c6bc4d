//! Where the boundaries of tiles run: least-cost paths through the absolute residual.

use std::ops::Range;
use std::sync::Arc;

use ndarray::s;
use serde::{Deserialize, Serialize};

use super::{OpError, Rows, Value, Work};
use crate::graph::{Cost, Meta, TaskContext};
use crate::tiling::{Seams, Strip, Tiles};

/// Bytes of a strip of so many places and lines.
fn strip_bytes(band: &Range<usize>, lines: usize) -> u64 {
    (band.len() * (8 + lines)) as u64
}

/// Takes a slab into the search for the seams from top to bottom; inputs: residual rows, then what the slab above left
/// (nothing for the first).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeamRows {
    /// The grid.
    pub tiles: Tiles,
    /// The slab's rows.
    pub rows: Rows,
}

impl Work for SeamRows {
    const KIND: &'static str = "seam-rows";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let output_bytes = self.tiles.bands_of_columns().iter().map(|band| strip_bytes(band, self.rows.len())).sum();
        Cost { flops: 4.0 * output_bytes as f64, output_bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let residual = inputs[0].residual().pixels();
        let bands = self.tiles.bands_of_columns();
        let mut strips: Vec<Strip> = match inputs.get(1) {
            Some(above) => above.strips().iter().map(Strip::after).collect(),
            None => bands.iter().map(|band| Strip::new(band.len())).collect(),
        };
        for row in residual.rows() {
            for (strip, band) in strips.iter_mut().zip(&bands) {
                strip.push(row.slice(s![band.clone()]).iter().map(|value| value.abs()));
            }
        }
        Ok(Value::Strips(strips))
    }
}

/// Searches one seam from left to right; inputs: the residual slabs that its band touches, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeamColumns {
    /// The grid.
    pub tiles: Tiles,
    /// Which seam, from the top.
    pub seam: usize,
    /// First row of the first slab.
    pub first: usize,
}

impl Work for SeamColumns {
    const KIND: &'static str = "seam-columns";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let output_bytes = strip_bytes(&self.tiles.bands_of_rows()[self.seam], self.tiles.shape().1);
        Cost { flops: 4.0 * output_bytes as f64, output_bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let band = &self.tiles.bands_of_rows()[self.seam];
        let rows = inputs.iter().flat_map(|slab| slab.residual().pixels().rows());
        let rows: Vec<_> = rows.skip(band.start - self.first).take(band.len()).collect();
        let mut strip = Strip::new(band.len());
        for x in 0..self.tiles.shape().1 {
            strip.push(rows.iter().map(|row| row[x].abs()));
        }
        Ok(Value::Strips(vec![strip]))
    }
}

/// Reads the seams back; inputs: what [`SeamRows`] left of each slab in order (nothing for one tile across), then what
/// [`SeamColumns`] left of each seam.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DrawSeams {
    /// The grid.
    pub tiles: Tiles,
}

impl Work for DrawSeams {
    const KIND: &'static str = "seams";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let ((ny, nx), (down, across)) = (self.tiles.shape(), self.tiles.grid());
        let places = (down - 1) * nx + (across - 1) * ny;
        Cost { flops: places as f64, output_bytes: 4 * places as u64, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (down, across) = self.tiles.grid();
        let (slabs, lines) = inputs.split_at(inputs.len() - (down - 1));
        let column = |seam: usize| {
            let parts: Vec<&Strip> = slabs.iter().map(|slab| &slab.strips()[seam]).collect();
            Strip::trace(&parts)
        };
        let columns = (0..across - 1).map(column).collect();
        let rows = lines.iter().map(|line| Strip::trace(&[&line.strips()[0]])).collect();
        Ok(Value::Seams(Seams::new(self.tiles, columns, rows)))
    }
}

/// Keeps some columns of rows as read; input: the rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CropColumns {
    /// The columns.
    pub columns: Rows,
    /// Columns of the rows as read.
    pub width: usize,
}

impl Work for CropColumns {
    const KIND: &'static str = "crop";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes = inputs[0].bytes / self.width.max(1) as u64 * self.columns.len() as u64;
        Cost { flops: bytes as f64 / 4.0, output_bytes: bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Pixels(inputs[0].pixels().slice(s![.., self.columns.range()]).to_owned()))
    }
}
