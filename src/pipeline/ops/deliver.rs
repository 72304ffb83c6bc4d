//! From results to files and previews.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::{OpError, Rows, Value, Work};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{Mask, PsfPeak};
use crate::io::FitsWriter;
use crate::pipeline::record::Shrink;

/// A file that is being written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Product {
    /// The model \[Jy/pixel\].
    Model(FitsWriter),
    /// The residual \[Jy/beam\].
    Residual(FitsWriter),
    /// The restored image \[Jy/beam\].
    Restored(FitsWriter),
    /// Where the user lets components stand.
    Mask(FitsWriter),
    /// The posterior standard deviation \[Jy/pixel\].
    Sd(FitsWriter),
    /// What the filter makes of a point source \[Jy/pixel\].
    Resolution(FitsWriter),
}

impl Product {
    /// Name of the layer that writes it.
    pub fn layer(&self) -> &'static str {
        match self {
            Self::Model(_) => "write-model",
            Self::Residual(_) => "write-residual",
            Self::Restored(_) => "write-image",
            Self::Mask(_) => "write-mask",
            Self::Sd(_) => "write-sd",
            Self::Resolution(_) => "write-resolution",
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
        let mut pixels = match &self.product {
            // where the dirty image is blank it forbids, and is not blank itself
            Product::Mask(_) => flags(inputs[1].allowed().as_ref(), inputs[0].dirty().image.shape()),
            // it stands in the middle of the image, and the sky has no part in it
            Product::Resolution(_) => pixels_of(&inputs[1]).to_owned(),
            _ => blanked(&inputs[0], &inputs[1]),
        };
        if self.blank {
            pixels.fill(if matches!(self.product, Product::Mask(_)) { 0.0 } else { f32::NAN });
        }
        let (plane, first) = (self.plane, self.rows.first);
        let (Product::Model(writer)
        | Product::Residual(writer)
        | Product::Restored(writer)
        | Product::Mask(writer)
        | Product::Sd(writer)
        | Product::Resolution(writer)) = &self.product;
        writer.write_rows(plane, first, pixels.view())?;
        Ok(Value::Done)
    }
}

/// 1 where a mask allows components, 0 elsewhere.
fn flags(mask: Option<&Mask>, shape: (usize, usize)) -> Array2<f32> {
    Array2::from_shape_fn(shape, |(y, x)| if mask.is_none_or(|mask| mask.allows(y, x)) { 1.0 } else { 0.0 })
}

/// The pixels of a slab of any kind.
fn pixels_of(value: &Value) -> ArrayView2<'_, f32> {
    match value {
        Value::Dirty(slab) => slab.image.pixels().view(),
        Value::Residual(slab) => slab.pixels().view(),
        Value::Restored(slab) => slab.pixels().view(),
        Value::Vector(slab) => slab.view(),
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

/// Shrinks rows for the preview; inputs: dirty rows and the image's rows, or a PSF's rows as read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PoolRows {
    /// First row.
    pub first: usize,
    /// How.
    pub shrink: Shrink,
    /// The peak of a PSF.
    pub peak: Option<PsfPeak>,
}

impl Work for PoolRows {
    const KIND: &'static str = "pool-rows";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let Shrink { full, factor, .. } = self.shrink;
        let rows = inputs[0].bytes / (4 * full.1 as u64).max(1);
        let lines = rows / factor.max(1) as u64 + 2;
        let output_bytes = 12 * lines * self.shrink.shape().1 as u64;
        Cost { flops: inputs[0].bytes as f64 / 4.0, output_bytes, scratch_bytes: inputs[0].bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let pixels = match self.peak {
            Some(peak) => peak.normalise(inputs[0].pixels().view(), &(0..self.shrink.full.1)),
            None => blanked(&inputs[0], &inputs[1]),
        };
        Ok(Value::PooledRows(self.shrink.rows(self.first, &pixels.view())))
    }
}

/// Puts a preview together; inputs: its shrunk rows in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pool {
    /// How.
    pub shrink: Shrink,
}

impl Work for Pool {
    const KIND: &'static str = "pool";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs.iter().map(|meta| meta.bytes).sum();
        let (ny, nx) = self.shrink.shape();
        let cells = (ny * nx) as u64;
        Cost { flops: bytes as f64, output_bytes: 4 * cells, scratch_bytes: 12 * cells }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Pooled(self.shrink.finish(inputs.iter().map(|rows| rows.pooled_rows()))))
    }
}
