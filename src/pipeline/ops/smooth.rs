//! What a plane and a PSF look like at a scale: kernels, tables, the smooth residual at every so many pixels.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::convolve::{complex, piece_of_block, piece_of_slab, rows_back, rows_back_cost, spectra, transform};
use super::{OpError, Rows, Value, Work};
use crate::algorithms::{PlaneStats, Scale, TABLE_ROWS, normal_table, table_columns, table_rows};
use crate::fft::{Layout, Transfer, low_transfer, shrink_columns};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::Image;

/// The low frequencies of a scale's kernel on one block of columns; no inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScaleTransfer {
    /// The transform of the plane.
    pub layout: Layout,
    /// The scale.
    pub scale: Scale,
    /// The block of columns of what is left of the transform.
    pub block: usize,
}

impl Work for ScaleTransfer {
    const KIND: &'static str = "transfer-scale";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let (side, small) = (2 * self.scale.reach() + 1, self.layout.shrunk(self.scale.step));
        let (columns, width) = (small.columns(self.block).len(), self.layout.columns(self.block).len());
        Cost {
            flops: side as f64 * transform(self.layout.lx, true)
                + columns as f64 * transform(self.layout.ly, false)
                + 30.0 * (side * side) as f64,
            output_bytes: complex(small.ly * columns),
            scratch_bytes: 12 * (side * side) as u64
                + complex(side * width + 64 * self.layout.half() + 18 * self.layout.ly),
        }
    }

    fn run(&self, _inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let kernel = self.scale.kernel();
        Ok(Value::Transfer(low_transfer(kernel.view(), &self.layout, (self.block, self.scale.step))?))
    }
}

/// A PSF smoothed with one scale or two, on one block of columns; inputs: that block of its transfer function, and of the
/// kernels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TableColumns {
    /// The transform of the plane.
    pub layout: Layout,
    /// Lags from one entry to the next \[pixels\].
    pub spacing: usize,
    /// The block of columns of what is left of the transform.
    pub block: usize,
    /// Entries above the centre, and below it.
    pub up: usize,
    /// Whether it is smoothed twice with one scale.
    pub is_own: bool,
}

impl Work for TableColumns {
    const KIND: &'static str = "table-columns";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let small = self.layout.shrunk(self.spacing);
        let columns = small.columns(self.block).len();
        Cost {
            flops: columns as f64 * transform(small.ly, false),
            output_bytes: complex(columns * (2 * self.up + 1)),
            scratch_bytes: complex(18 * small.ly),
        }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (psf, kernels) = (inputs[0].transfer(), &inputs[1..]);
        let mut kernels: Vec<&Transfer> = kernels.iter().map(|input| input.transfer()).collect();
        if self.is_own {
            kernels.push(kernels[0]);
        }
        Ok(Value::Block(table_columns(psf, &kernels, &self.layout, (self.block, self.spacing), self.up)))
    }
}

/// A PSF smoothed with one scale or two; inputs: its blocks of columns, without those of high frequencies.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScaleTable {
    /// The transform of the plane.
    pub layout: Layout,
    /// Lags from one entry to the next \[pixels\].
    pub spacing: usize,
    /// Entries above the centre and left of it.
    pub reach: (usize, usize),
    /// Whether it is smoothed twice with one scale, and divided by its peak.
    pub is_own: bool,
}

impl ScaleTable {
    /// Bytes of a table of so many entries above the centre and left of it.
    pub fn bytes((up, left): (usize, usize)) -> u64 {
        4 * ((2 * up + 1) * (2 * left + 1)) as u64
    }
}

impl Work for ScaleTable {
    const KIND: &'static str = "scale-table";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let small = self.layout.shrunk(self.spacing);
        let output_bytes = Self::bytes(self.reach);
        Cost {
            flops: (2 * self.reach.0 + 1) as f64 * transform(small.lx, true),
            output_bytes,
            scratch_bytes: 4 * (TABLE_ROWS * small.lx) as u64
                + complex(2 * small.lx)
                + if self.is_own { output_bytes } else { 0 },
        }
    }

    fn load_bytes(&self, _input: usize, meta: Meta) -> u64 {
        piece_of_block(meta, Rows { first: 0, last: TABLE_ROWS.min(2 * self.reach.0 + 1) }, 2 * self.reach.0 + 1)
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let blocks: Vec<_> = inputs.iter().map(|input| input.block()).collect();
        let table = table_rows(&blocks, &self.layout, self.spacing, self.reach)?;
        if self.is_own {
            return Ok(normal_table(&table).map_or(Value::Done, Value::Psf));
        }
        Ok(Value::Psf(table))
    }
}

/// Measures how high a smooth PSF still is near the edges of the PSF \[Jy per Jy of the scale\]; input: the smooth PSF.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EdgeLevel {
    /// Largest distances `(up, down, left, right)` from a source that the PSF reaches \[pixels\].
    pub reach: [usize; 4],
    /// Pixels from one entry to the next.
    pub step: usize,
}

impl Work for EdgeLevel {
    const KIND: &'static str = "edge-level";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 2.0, output_bytes: 0, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let level = match &*inputs[0] {
            Value::Psf(smooth) => {
                smooth.edge_rms(self.reach.map(|reach| reach / self.step)) * f64::from(smooth.scale())
            }
            _ => 0.0,
        };
        Ok(Value::Noise(PlaneStats { rms: level, ..PlaneStats::default() }))
    }
}

/// Smooths a plane on one block of columns; inputs: row transforms of its slabs, then that block of the kernel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SmoothColumns {
    /// The transform of the plane.
    pub layout: Layout,
    /// Pixels from one row or column of the result to the next.
    pub step: usize,
    /// The block of columns of what is left of the transform.
    pub block: usize,
    /// Rows of the result.
    pub ny: usize,
    /// Number of slabs.
    pub slabs: usize,
}

impl Work for SmoothColumns {
    const KIND: &'static str = "columns-smooth";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let small = self.layout.shrunk(self.step);
        let columns = small.columns(self.block).len();
        Cost {
            flops: columns as f64 * (transform(self.layout.ly, false) + transform(small.ly, false)),
            output_bytes: complex(columns * self.ny),
            scratch_bytes: complex(48 * self.layout.ly),
        }
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        if input == self.slabs { meta.bytes } else { piece_of_slab(meta, &self.layout, self.block) }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (kernel, slabs) = inputs.split_last().expect("the kernel comes last");
        let at = (self.block, self.step);
        Ok(Value::Block(shrink_columns(&spectra(slabs), &self.layout, at, kernel.transfer(), self.ny)?))
    }
}

/// Rows of the smooth residual; inputs: the blocks of the convolution.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SmoothRows {
    /// What is left of the transform.
    pub layout: Layout,
    /// The rows, of those that are left.
    pub rows: Rows,
    /// Shape of what is left of the image, `(ny, nx)`.
    pub shape: (usize, usize),
}

impl Work for SmoothRows {
    const KIND: &'static str = "smooth";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        rows_back_cost(&self.layout, self.rows, self.shape.1)
    }

    fn load_bytes(&self, _input: usize, meta: Meta) -> u64 {
        piece_of_block(meta, self.rows, self.shape.0)
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Residual(Image::new(rows_back(inputs, &self.layout, self.rows, self.shape.1)?)))
    }
}
