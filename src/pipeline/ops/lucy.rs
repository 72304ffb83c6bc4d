//! Richardson-Lucy: the rows of an iteration.

use std::sync::Arc;

use ndarray::{Array2, Zip};
use serde::{Deserialize, Serialize};

use super::convolve::{piece_of_block, rows_back, rows_back_cost};
use super::vectors::pixels;
use super::wiener::clear_blanks;
use super::{OpError, Rows, Value, Work};
use crate::fft::Layout;
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::Image;

/// What is made of a slab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LucyStep {
    /// 1 where there are data, 0 where blank: the model to begin with, and what the sensitivity is made of.
    Begin,
    /// How often the PSF, as seen from each pixel, meets data; inputs besides: the blocks of the correlation.
    Sensitivity,
    /// Data over what the model predicts; inputs besides: the blocks of the convolution.
    Ratio,
    /// The next model; inputs besides: the model, the sensitivity, and the blocks of the correlated ratio.
    Update,
}

/// A step of Richardson-Lucy on a slab; inputs: dirty rows, then as [`LucyStep`] tells.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LucyRows {
    /// The transform.
    pub layout: Layout,
    /// The slab's rows.
    pub rows: Rows,
    /// Shape of the image.
    pub shape: (usize, usize),
    /// What is done.
    pub step: LucyStep,
}

impl LucyRows {
    /// Inputs before the blocks.
    fn leading(&self) -> usize {
        if self.step == LucyStep::Update { 3 } else { 1 }
    }
}

impl Work for LucyRows {
    const KIND: &'static str = "lucy";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        rows_back_cost(&self.layout, self.rows, self.shape.1)
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        if input < self.leading() { meta.bytes } else { piece_of_block(meta, self.rows, self.shape.0) }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let dirty = inputs[0].dirty();
        let mut image = if self.step == LucyStep::Begin {
            Array2::ones((self.rows.len(), self.shape.1))
        } else {
            rows_back(&inputs[self.leading()..], &self.layout, self.rows, self.shape.1)?
        };
        match self.step {
            LucyStep::Begin | LucyStep::Sensitivity => {}
            // negative data are noise, and a model that predicts nothing has nothing to be multiplied
            LucyStep::Ratio => Zip::from(&mut image)
                .and(dirty.image.pixels())
                .for_each(|seen, data| *seen = if *seen > 0.0 && *data > 0.0 { data / *seen } else { 0.0 }),
            LucyStep::Update => Zip::from(&mut image).and(pixels(&inputs[1])).and(pixels(&inputs[2])).for_each(
                |ratio, model, sensitivity| {
                    let next = model * *ratio / sensitivity;
                    *ratio = if *sensitivity > 0.0 && next > 0.0 && next.is_finite() { next } else { 0.0 };
                },
            ),
        }
        if let Some(finite) = &dirty.finite {
            clear_blanks(&mut image, finite);
        }
        Ok(match self.step {
            LucyStep::Begin | LucyStep::Update => Value::Model(Image::new(image)),
            LucyStep::Sensitivity | LucyStep::Ratio => Value::Vector(image),
        })
    }
}
