//! From results to files and previews.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::{OpError, Rows, Value, Work};
use crate::graph::{Cost, Meta, TaskContext};
use crate::io::FitsWriter;
use crate::pipeline::record::{Pooler, Pooling};

/// A file that is being written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Product {
    /// The model \[Jy/pixel\].
    Model(FitsWriter),
    /// The residual \[Jy/beam\].
    Residual(FitsWriter),
    /// The restored image \[Jy/beam\].
    Restored(FitsWriter),
}

impl Product {
    /// Name of the layer that writes it.
    pub fn layer(&self) -> &'static str {
        match self {
            Self::Model(_) => "write-model",
            Self::Residual(_) => "write-residual",
            Self::Restored(_) => "write-image",
        }
    }
}

/// Writes rows of a product, blank where the dirty image is; inputs: dirty rows, the product's rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deliver {
    /// The file.
    pub product: Product,
    /// The plane.
    pub plane: usize,
    /// The rows.
    pub rows: Rows,
    /// Whether nothing but blanks is written: the plane could not be deconvolved.
    pub blank: bool,
}

impl Work for Deliver {
    const KIND: &'static str = "write";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[1].bytes as f64, output_bytes: 0, scratch_bytes: 2 * inputs[1].bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut pixels = blanked(&inputs[0], &inputs[1]);
        if self.blank {
            pixels.fill(f32::NAN);
        }
        let (plane, first) = (self.plane, self.rows.first);
        let (Product::Model(writer) | Product::Residual(writer) | Product::Restored(writer)) = &self.product;
        writer.write_rows(plane, first, pixels.view())?;
        Ok(Value::Done)
    }
}

/// The pixels of a slab of any kind.
fn pixels_of(value: &Value) -> ArrayView2<'_, f32> {
    match value {
        Value::Dirty(slab) => slab.image.pixels().view(),
        Value::Residual(slab) => slab.pixels().view(),
        Value::Restored(slab) => slab.pixels().view(),
        Value::Psf(psf) => psf.pixels().view(),
        other => other.model().pixels().view(),
    }
}

/// The pixels of a slab, NaN where the dirty rows are blank.
fn blanked(dirty: &Value, slab: &Value) -> Array2<f32> {
    let mut pixels = pixels_of(slab).to_owned();
    if let Value::Dirty(super::DirtySlab { finite: Some(finite), .. }) = dirty {
        for (y, mut row) in pixels.rows_mut().into_iter().enumerate() {
            row.iter_mut().zip(finite.row(y)).filter(|(_, finite)| !**finite).for_each(|(value, _)| *value = f32::NAN);
        }
    }
    pixels
}

/// Shrinks a plane for the preview; inputs: the dirty slabs, then the plane's slabs (a PSF comes alone; what is
/// none gives nothing).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pool {
    /// Shape of the plane, `(ny, nx)`.
    pub shape: (usize, usize),
    /// Pixels along the side of a block.
    pub factor: usize,
    /// How a block becomes one pixel.
    pub pooling: Pooling,
}

impl Work for Pool {
    const KIND: &'static str = "pool";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs.iter().map(|meta| meta.bytes).sum();
        let pooled = 12 * (self.shape.0.div_ceil(self.factor) * self.shape.1.div_ceil(self.factor)) as u64;
        Cost { flops: bytes as f64 / 4.0, output_bytes: pooled, scratch_bytes: pooled + bytes / inputs.len() as u64 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        if let Value::NoPsf(_) = *inputs[0] {
            return Ok(Value::Done);
        }
        let mut pooler = Pooler::new(self.shape, self.factor, self.pooling);
        let (dirty, slabs) = inputs.split_at(inputs.len() / 2);
        if slabs.len() == dirty.len() {
            for (dirty, slab) in dirty.iter().zip(slabs) {
                pooler.push(&blanked(dirty, slab).view());
            }
        } else {
            for psf in slabs {
                pooler.push(&pixels_of(psf));
            }
        }
        Ok(Value::Pooled(pooler.finish()))
    }
}
