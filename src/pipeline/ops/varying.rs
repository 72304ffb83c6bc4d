//! Several PSFs, each with its own part of the image: the sum of their convolutions, and its adjoint.

use std::sync::Arc;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::convolve::{complex, piece_of_block, piece_of_slab, rows_back, spectra, transform};
use super::{FieldRows, OpError, PsfPlane, Rows, Value, Work};
use crate::fft::{Layout, Placement, Term, forward_rows, map_columns, strip_bytes, sum_columns};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{PsfGrid, PsfPeak};

/// Decides which pixel of a PSF stands for its place; no inputs.
///
/// The w term moves the peak off the place of the source: then `at`, the pixel that is to stand for it, is on the main lobe.
/// Where it is not, the file is a cut-out that tells nothing of the place, and its peak stands for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlacePsf {
    /// The PSF.
    pub psf: PsfPlane,
    /// Its peak.
    pub peak: PsfPeak,
    /// The pixel `(y, x)`.
    pub at: (usize, usize),
}

impl Work for PlacePsf {
    const KIND: &'static str = "psf-place";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { flops: 1.0, output_bytes: 64, scratch_bytes: 4 * self.peak.shape.1 as u64 }
    }

    fn run(&self, _inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (y, x) = self.at;
        let row = self.psf.source.0.read_rows(self.psf.plane, y..y + 1)?;
        let is_on_lobe = self.peak.normal(row[(0, x)]) >= ON_LOBE;
        Ok(Value::PsfPeak(if is_on_lobe { PsfPeak { centre: self.at, ..self.peak } } else { self.peak }))
    }
}

/// What is at least as high as this share of the peak, near it, is on the main lobe.
const ON_LOBE: f32 = 0.5;

/// Row transforms of a slab of the model times the weight of one of the PSFs; input: the slab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WeightedRows {
    /// The transform.
    pub layout: Layout,
    /// The slab's rows.
    pub rows: Rows,
    /// Number of the PSF.
    pub psf: usize,
    /// Where it holds.
    pub grid: PsfGrid,
}

impl Work for WeightedRows {
    const KIND: &'static str = "weighted-rows";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let cost = FieldRows { layout: self.layout, rows: self.rows }.cost(inputs);
        Cost { scratch_bytes: cost.scratch_bytes + inputs[0].bytes, ..cost }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let pixels = match &*inputs[0] {
            Value::Vector(slab) => slab,
            other => other.model().pixels(),
        };
        let weighed = self.grid.weigh(self.psf, self.rows.first, pixels.view());
        let placement = Placement { y: self.rows.first as isize, x: 0 };
        Ok(Value::Spectrum(forward_rows(weighed.view(), &self.layout, placement)))
    }
}

/// `sum_i h_i (*) (w_i x)` on one block of columns; inputs: for each PSF the row transforms of its part of the image, then
/// its transfer function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConvolveSum {
    /// The transform, of all PSFs the same.
    pub layout: Layout,
    /// The block of columns.
    pub block: usize,
    /// Rows that are kept.
    pub ny: usize,
    /// Of each PSF how many slabs hold its part of the image.
    pub slabs: Vec<usize>,
}

impl ConvolveSum {
    /// Whether an input is a transfer function.
    fn is_transfer(&self, input: usize) -> bool {
        let ends = self.slabs.iter().scan(0, |next, slabs| {
            let end = *next + slabs;
            *next = end + 1;
            Some(end)
        });
        ends.into_iter().any(|end| end == input)
    }
}

impl Work for ConvolveSum {
    const KIND: &'static str = "columns-sum";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let columns = self.layout.columns(self.block).len();
        let transforms = 1.0 + self.slabs.len() as f64;
        Cost {
            flops: columns as f64 * transforms * transform(self.layout.ly, false),
            output_bytes: complex(columns * self.ny),
            scratch_bytes: complex(48 * self.layout.ly),
        }
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        if self.is_transfer(input) { meta.bytes } else { piece_of_slab(meta, &self.layout, self.block) }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (mut terms, mut rest) = (Vec::new(), inputs);
        for slabs in &self.slabs {
            let (own, after) = rest.split_at(slabs + 1);
            terms.push(Term { slabs: spectra(&own[..*slabs]), transfer: own[*slabs].transfer() });
            rest = after;
        }
        Ok(Value::Block(sum_columns(&terms, &self.layout, self.block, self.ny)?))
    }
}

/// Correlates with a PSF on one block of columns; inputs: row transforms of the image's slabs, then the transfer function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Correlate {
    /// The transform.
    pub layout: Layout,
    /// The block of columns.
    pub block: usize,
    /// Rows that are kept.
    pub ny: usize,
    /// How many of the inputs are the image's slabs.
    pub slabs: usize,
}

impl Work for Correlate {
    const KIND: &'static str = "correlate";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let columns = self.layout.columns(self.block).len();
        Cost {
            flops: columns as f64 * 2.0 * transform(self.layout.ly, false),
            output_bytes: complex(columns * self.ny),
            scratch_bytes: strip_bytes(self.layout.ly, 2),
        }
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        if input == self.slabs { meta.bytes } else { piece_of_slab(meta, &self.layout, self.block) }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let transfer = inputs[self.slabs].transfer();
        let block = map_columns([&spectra(&inputs[..self.slabs]), &[]], &self.layout, self.block, self.ny, |column| {
            column.first.iter_mut().zip(transfer.column(column.kx)).for_each(|(value, h)| *value *= h.conj());
        })?;
        Ok(Value::Block(block))
    }
}

/// `sum_i w_i (h_i correlated with y)` on a slab; inputs: for each PSF the blocks of its correlation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WeightedSum {
    /// The transform.
    pub layout: Layout,
    /// The slab's rows.
    pub rows: Rows,
    /// Shape of the image, `(ny, nx)`.
    pub shape: (usize, usize),
    /// Numbers of the PSFs that hold somewhere in these rows.
    pub psfs: Vec<usize>,
    /// Where they hold.
    pub grid: PsfGrid,
}

impl Work for WeightedSum {
    const KIND: &'static str = "weighted-sum";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let (rows, pixels) = (self.rows.len(), 4 * (self.rows.len() * self.shape.1) as u64);
        Cost {
            flops: (rows * self.psfs.len()) as f64 * transform(self.layout.lx, true),
            output_bytes: pixels,
            scratch_bytes: 2 * pixels + complex(2 * self.layout.lx),
        }
    }

    fn load_bytes(&self, _input: usize, meta: Meta) -> u64 {
        piece_of_block(meta, self.rows, self.shape.0)
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut sum = Array2::zeros((self.rows.len(), self.shape.1));
        for (psf, blocks) in self.psfs.iter().zip(inputs.chunks_exact(self.layout.blocks())) {
            let back = rows_back(blocks, &self.layout, self.rows, self.shape.1)?;
            sum += &self.grid.weigh(*psf, self.rows.first, back.view());
        }
        Ok(Value::Vector(sum))
    }
}
