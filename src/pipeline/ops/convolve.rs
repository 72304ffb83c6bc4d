//! The exact convolution in chunked stages: rows of slabs, columns of blocks, rows back.

use std::sync::Arc;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{OpError, Rows, Value, Work};
use crate::fft::{
    Layout, Placement, SlabSpectrum, column_transfer, forward_rows, inverse_rows, map_columns, strip_bytes,
};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{BeamShape, Image, PsfPeak};

/// Bytes of `cells` complex numbers.
pub(super) fn complex(cells: usize) -> u64 {
    8 * cells as u64
}

/// `5 n log2 n` flops for a transform of `n` points, half of it for a real one.
pub(super) fn transform(points: usize, real: bool) -> f64 {
    let n = points as f64;
    5.0 * n * n.max(2.0).log2() * if real { 0.5 } else { 1.0 }
}

/// Row transforms of a slab of dirty image, residual, model or a solver's vector; input: the slab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FieldRows {
    /// The transform.
    pub layout: Layout,
    /// The slab's rows.
    pub rows: Rows,
}

impl Work for FieldRows {
    const KIND: &'static str = "rows";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let rows = self.rows.len();
        Cost {
            flops: rows as f64 * transform(self.layout.lx, true),
            output_bytes: complex(rows * self.layout.half()),
            scratch_bytes: complex(2 * self.layout.lx),
        }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let pixels = match &*inputs[0] {
            Value::Dirty(slab) => slab.image.pixels(),
            Value::Residual(slab) => slab.pixels(),
            Value::Vector(slab) => slab,
            other => other.model().pixels(),
        };
        let placement = Placement { y: self.rows.first as isize, x: 0 };
        Ok(Value::Spectrum(forward_rows(pixels.view(), &self.layout, placement)))
    }
}

/// Row transforms of the PSF, its peak at the origin; input: the rows as read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PsfRows {
    /// The transform.
    pub layout: Layout,
    /// The PSF's rows.
    pub rows: Rows,
    /// Columns of the PSF that an image can meet.
    pub columns: Rows,
    /// Its peak.
    pub peak: PsfPeak,
    /// Shape of the image whose overlap with itself the PSF is multiplied by, so that its spectrum is that of what is seen of it.
    pub overlap: Option<(usize, usize)>,
}

impl Work for PsfRows {
    const KIND: &'static str = "psf-rows";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let cost = FieldRows { layout: self.layout, rows: self.rows }.cost(inputs);
        Cost { scratch_bytes: cost.scratch_bytes + inputs[0].bytes, ..cost }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (cy, cx) = self.peak.centre;
        let placement =
            Placement { y: self.rows.first as isize - cy as isize, x: self.columns.first as isize - cx as isize };
        let mut slab = self.peak.normalise(inputs[0].pixels().view(), &self.columns.range());
        if let Some((ny, nx)) = self.overlap {
            let share = |lag: isize, n: usize| 1.0 - (lag.unsigned_abs() as f32 / n as f32).min(1.0);
            for ((y, x), value) in slab.indexed_iter_mut() {
                *value *= share(placement.y + y as isize, ny) * share(placement.x + x as isize, nx);
            }
        }
        Ok(Value::Spectrum(forward_rows(slab.view(), &self.layout, placement)))
    }
}

/// Row transforms of a Gaussian of peak 1 at the origin; no inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GaussianRows {
    /// The transform.
    pub layout: Layout,
    /// Rows of the box that holds the Gaussian, counted from its top.
    pub rows: Rows,
    /// Distance from the centre of the box to its sides \[pixels\].
    pub reach: usize,
    /// Coefficients `(a, b, c)` of `exp(-(a x^2 + 2 b x y + c y^2))` \[1/pixel^2\].
    pub shape: (f64, f64, f64),
}

impl Work for GaussianRows {
    const KIND: &'static str = "beam-rows";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        FieldRows { layout: self.layout, rows: self.rows }.cost(inputs)
    }

    fn run(&self, _inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (a, b, c) = self.shape;
        let shape = BeamShape { a, b, c };
        let reach = self.reach as f64;
        let slab = Array2::from_shape_fn((self.rows.len(), 2 * self.reach + 1), |(y, x)| {
            shape.value((self.rows.first + y) as f64 - reach, x as f64 - reach) as f32
        });
        let origin = -(self.reach as isize);
        let placement = Placement { y: origin + self.rows.first as isize, x: origin };
        Ok(Value::Spectrum(forward_rows(slab.view(), &self.layout, placement)))
    }
}

/// Column transforms of the PSF on one block, kept for every cycle; inputs: row transforms of its slabs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KernelTransfer {
    /// The transform.
    pub layout: Layout,
    /// The block of columns.
    pub block: usize,
}

impl Work for KernelTransfer {
    const KIND: &'static str = "transfer";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let columns = self.layout.columns(self.block).len();
        Cost {
            flops: columns as f64 * transform(self.layout.ly, false),
            output_bytes: complex(columns * self.layout.ly),
            scratch_bytes: strip_bytes(self.layout.ly, 1),
        }
    }

    fn load_bytes(&self, _input: usize, meta: Meta) -> u64 {
        piece_of_slab(meta, &self.layout, self.block)
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Transfer(column_transfer(&spectra(inputs), &self.layout, self.block)?))
    }
}

/// What an image is convolved with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kernel {
    /// A kept transfer function: the last input.
    Transfer,
    /// Row transforms of the kernel: the inputs after the image's.
    Rows,
}

/// Convolves on one block of columns; inputs: row transforms of the image's slabs, then the kernel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Convolve {
    /// The transform.
    pub layout: Layout,
    /// The block of columns.
    pub block: usize,
    /// Rows that are kept.
    pub ny: usize,
    /// How many of the inputs are the image's slabs.
    pub slabs: usize,
    /// What the other inputs are.
    pub kernel: Kernel,
}

impl Work for Convolve {
    const KIND: &'static str = "columns";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let columns = self.layout.columns(self.block).len();
        let transforms = if self.kernel == Kernel::Rows { 3.0 } else { 2.0 };
        Cost {
            flops: columns as f64 * transforms * transform(self.layout.ly, false),
            output_bytes: complex(columns * self.ny),
            scratch_bytes: strip_bytes(self.layout.ly, 2),
        }
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        match self.kernel {
            Kernel::Transfer if input == self.slabs => meta.bytes,
            _ => piece_of_slab(meta, &self.layout, self.block),
        }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let image = spectra(&inputs[..self.slabs]);
        let rest = &inputs[self.slabs..];
        let block = match self.kernel {
            Kernel::Transfer => {
                let transfer = rest[0].transfer();
                map_columns([&image, &[]], &self.layout, self.block, self.ny, |column| {
                    column.first.iter_mut().zip(transfer.column(column.kx)).for_each(|(value, h)| *value *= h);
                })?
            }
            Kernel::Rows => map_columns([&image, &spectra(rest)], &self.layout, self.block, self.ny, |column| {
                column.first.iter_mut().zip(column.second).for_each(|(value, h)| *value *= h);
            })?,
        };
        Ok(Value::Block(block))
    }
}

/// The row transforms among the inputs.
pub(super) fn spectra(inputs: &[Arc<Value>]) -> Vec<&SlabSpectrum> {
    inputs.iter().map(|input| input.spectrum()).collect()
}

/// Transforms rows of all blocks back; `inputs` are the blocks in order.
pub(super) fn rows_back(inputs: &[Arc<Value>], layout: &Layout, rows: Rows, nx: usize) -> Result<Array2<f32>, OpError> {
    let blocks: Vec<_> = inputs.iter().map(|input| input.block()).collect();
    Ok(inverse_rows(&blocks, layout, rows.range(), nx)?)
}

/// What [`rows_back`] takes.
pub(super) fn rows_back_cost(layout: &Layout, rows: Rows, nx: usize) -> Cost {
    let rows = rows.len();
    Cost {
        flops: rows as f64 * transform(layout.lx, true),
        output_bytes: 4 * (rows * nx) as u64,
        scratch_bytes: complex(2 * layout.lx),
    }
}

/// What of a slab's row transforms the column block `block` reads \[bytes\].
pub(super) fn piece_of_slab(meta: Meta, layout: &Layout, block: usize) -> u64 {
    meta.bytes / layout.half() as u64 * layout.columns(block).len() as u64
}

/// What of a block of columns `rows` rows read of a plane of `ny` \[bytes\].
pub(super) fn piece_of_block(meta: Meta, rows: Rows, ny: usize) -> u64 {
    meta.bytes / ny as u64 * rows.len() as u64
}

/// `residual = dirty - psf * model` on a slab, 0 where blank; inputs: dirty rows, then the blocks of `psf * model`
/// (none for a model of zeros).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Residual {
    /// The transform.
    pub layout: Layout,
    /// The slab's rows.
    pub rows: Rows,
    /// Shape of the image, `(ny, nx)`.
    pub shape: (usize, usize),
}

impl Work for Residual {
    const KIND: &'static str = "residual";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        rows_back_cost(&self.layout, self.rows, self.shape.1)
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        if input == 0 { meta.bytes } else { piece_of_block(meta, self.rows, self.shape.0) }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let dirty = inputs[0].dirty();
        if inputs.len() == 1 {
            return Ok(Value::Residual(Image::new(dirty.image.pixels().clone())));
        }
        let mut residual = rows_back(&inputs[1..], &self.layout, self.rows, self.shape.1)?;
        residual.zip_mut_with(dirty.image.pixels(), |convolved, dirty| *convolved = dirty - *convolved);
        if let Some(finite) = &dirty.finite {
            for (y, mut row) in residual.rows_mut().into_iter().enumerate() {
                row.iter_mut().zip(finite.row(y)).filter(|(_, finite)| !**finite).for_each(|(value, _)| *value = 0.0);
            }
        }
        Ok(Value::Residual(Image::new(residual)))
    }
}

/// `restored = model * clean beam + residual` on a slab; inputs: residual rows, then the blocks of `model * beam`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Restore {
    /// The transform.
    pub layout: Layout,
    /// The slab's rows.
    pub rows: Rows,
    /// Shape of the image, `(ny, nx)`.
    pub shape: (usize, usize),
}

impl Work for Restore {
    const KIND: &'static str = "restore";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Residual { layout: self.layout, rows: self.rows, shape: self.shape }.cost(inputs)
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        if input == 0 { meta.bytes } else { piece_of_block(meta, self.rows, self.shape.0) }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut restored = rows_back(&inputs[1..], &self.layout, self.rows, self.shape.1)?;
        restored += inputs[0].residual().pixels();
        Ok(Value::Restored(Image::new(restored)))
    }
}
