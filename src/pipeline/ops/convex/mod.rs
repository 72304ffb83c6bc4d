//! The convex solver: what happens to the coefficients of its parts, on rows of pixels and on blocks of modes.

mod columns;
mod gap;
mod noise;

use std::sync::Arc;

use ndarray::Array2;
use rustfft::num_complex::Complex32;
use serde::{Deserialize, Serialize};

use super::convolve::{complex, piece_of_block, rows_back, rows_back_cost, transform};
use super::vectors::pixels;
use super::wiener::clear_blanks;
use super::{OpError, Rows, Value, Work};
use crate::algorithms::convex::{Dictionary, Frame, Penalty, Rule, Shrinkage, Splitting, surrogate};
use crate::fft::{Layout, Placement, forward_rows};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::Image;

pub use columns::{AtomColumns, AtomData, AtomStep, HighestTransfer};
pub use gap::{AtomGap, AtomRescale, Highest, SupportWeights};
pub use noise::{AtomBand, AtomPowers, AtomWeights, PartNoise, SteadyNoise, SumPowers};

/// The parts, and the transform that they are seen on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomSetting {
    /// The transform.
    pub layout: Layout,
    /// Shape of the image, `(ny, nx)`.
    pub shape: (usize, usize),
    /// What the parts are.
    pub dictionary: Dictionary,
    /// Whether modes of negative transfer are mirrored, and not left alone.
    pub mirrors: bool,
}

impl AtomSetting {
    fn frame(&self) -> Frame {
        Frame::new(&self.dictionary, &self.layout)
    }

    /// `H₊` of a column.
    fn surrogate(&self, h: &[Complex32]) -> Vec<f32> {
        h.iter().map(|h| surrogate(*h, self.mirrors)).collect()
    }
}

/// Which pixels of a slab shrink by how much; the first inputs of an operation: coefficients, noise of their part, usable modes
/// (for `max|H|`), dirty rows (for the blanks), the weights if there are any, and what the penalty needs: the noise of the pixels, or
/// the partner's coefficients.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shrink {
    /// The slab's rows.
    pub rows: Rows,
    /// Constants.
    pub splitting: Splitting,
    /// What is asked of the coefficients.
    pub penalty: Penalty,
    /// Whether they stand on the pixels of the image, where blanks hold nothing.
    pub is_on_pixels: bool,
    /// Whether there are weights.
    pub is_weighted: bool,
}

impl Shrink {
    fn inputs(&self) -> usize {
        let needs_more = matches!(self.penalty, Penalty::Huber | Penalty::Together);
        4 + usize::from(self.is_weighted) + usize::from(needs_more)
    }

    /// Does something to each row of coefficients: number, coefficients, thresholds.
    fn for_rows(&self, inputs: &[Arc<Value>], mut work: impl FnMut(usize, &[f32], Shrinkage<'_>)) {
        let v = pixels(&inputs[0]);
        let finite = inputs[3].dirty().finite.as_ref().filter(|_| self.is_on_pixels);
        let level = self.splitting.level(inputs[1].noise().sigma, inputs[2].usable().max_transfer);
        let weights = self.is_weighted.then(|| inputs[4].vector());
        let last = &inputs[self.inputs() - 1];
        for (y, row) in v.rows().into_iter().enumerate() {
            let weights = weights.map(|weights| slice(weights, y));
            let rule = match self.penalty {
                Penalty::Sparse => Rule::Sparse,
                Penalty::Positive => Rule::Positive,
                Penalty::Huber => Rule::Huber(last.noise().sigma as f32),
                Penalty::Together => Rule::Together(slice(pixels(last), y)),
            };
            let shrinkage = Shrinkage { level, weights, finite: finite.map(|mask| mask.row(y)), rule };
            work(y, row.to_slice().expect("a slab is in row order"), shrinkage);
        }
    }
}

fn slice(slab: &Array2<f32>, y: usize) -> &[f32] {
    slab.row(y).to_slice().expect("a slab is in row order")
}

/// What of the coefficients is transformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AtomView {
    /// The estimate `z`.
    Estimate,
    /// `2z − v`, where the splitting steps from.
    Reflected,
}

/// Row transforms of a slab of coefficients; inputs: those of [`Shrink`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomRows {
    /// The transform.
    pub layout: Layout,
    /// Thresholds.
    pub shrink: Shrink,
    /// What is transformed.
    pub view: AtomView,
}

impl Work for AtomRows {
    const KIND: &'static str = "atom-rows";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let rows = self.shrink.rows.len();
        Cost {
            flops: rows as f64 * transform(self.layout.lx, true),
            output_bytes: complex(rows * self.layout.half()),
            scratch_bytes: complex(2 * self.layout.lx) + inputs[0].bytes,
        }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut slab = Array2::zeros(pixels(&inputs[0]).dim());
        self.shrink.for_rows(inputs, |y, v, shrinkage| {
            let to = slab.row_mut(y).into_slice().expect("a slab is in row order");
            match self.view {
                AtomView::Estimate => shrinkage.estimate(v, to),
                AtomView::Reflected => shrinkage.reflect(v, to),
            }
        });
        let placement = Placement { y: self.shrink.rows.first as isize, x: 0 };
        Ok(Value::Spectrum(forward_rows(slab.view(), &self.layout, placement)))
    }
}

/// The rows of one part among those that [`AtomColumns`] left.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomPart {
    /// The transform.
    pub layout: Layout,
    /// Shape of the image, `(ny, nx)`.
    pub shape: (usize, usize),
    /// The slab's rows.
    pub rows: Rows,
    /// Number of the part, and how many there are.
    pub part: (usize, usize),
}

impl AtomPart {
    fn cost(&self) -> Cost {
        rows_back_cost(&self.layout, self.rows, self.shape.1)
    }

    fn load_bytes(&self, meta: Meta) -> u64 {
        piece_of_block(meta, self.rows, self.shape.0 * self.part.1)
    }

    fn back(&self, blocks: &[Arc<Value>]) -> Result<Array2<f32>, OpError> {
        let first = self.part.0 * self.shape.0;
        let rows = Rows { first: first + self.rows.first, last: first + self.rows.last };
        rows_back(blocks, &self.layout, rows, self.shape.1)
    }
}

/// A slab of coefficients after a step; inputs: those of [`Shrink`], then the blocks of the steps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomAdvance {
    /// The rows.
    pub part: AtomPart,
    /// Thresholds.
    pub shrink: Shrink,
}

impl Work for AtomAdvance {
    const KIND: &'static str = "atom-advance";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        self.part.cost()
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        if input < self.shrink.inputs() { meta.bytes } else { self.part.load_bytes(meta) }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut slab = self.part.back(&inputs[self.shrink.inputs()..])?;
        let relaxation = self.shrink.splitting.relaxation as f32;
        self.shrink.for_rows(inputs, |y, v, shrinkage| {
            let step = slab.row_mut(y).into_slice().expect("a slab is in row order");
            shrinkage.advance(v, relaxation, step);
        });
        Ok(Value::Vector(slab))
    }
}

/// A slab of the model, 0 where blank; inputs: those of [`Shrink`] for coefficients of points, or dirty rows if there are none, then rows of
/// the model that was given, if one was, and the blocks of what wider atoms contribute, if there are any. Points stand in it as they are: no transform makes noise of their zeros.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomModel {
    /// The rows.
    pub part: AtomPart,
    /// Thresholds of the points.
    pub points: Option<Shrink>,
    /// Whether a model was given.
    pub is_continued: bool,
}

impl AtomModel {
    fn before_blocks(&self) -> usize {
        self.points.as_ref().map_or(1, Shrink::inputs) + usize::from(self.is_continued)
    }
}

impl Work for AtomModel {
    const KIND: &'static str = "atom-model";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        self.part.cost()
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        if input < self.before_blocks() { meta.bytes } else { self.part.load_bytes(meta) }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (known, blocks) = inputs.split_at(self.before_blocks());
        let mut slab = match blocks {
            [] => Array2::zeros((self.part.rows.len(), self.part.shape.1)),
            blocks => self.part.back(blocks)?,
        };
        let dirty = if self.points.is_some() { &known[3] } else { &known[0] };
        if let Some(finite) = &dirty.dirty().finite {
            clear_blanks(&mut slab, finite);
        }
        if let Some(points) = &self.points {
            let mut z = vec![0.0; slab.ncols()];
            points.for_rows(known, |y, v, shrinkage| {
                shrinkage.estimate(v, &mut z);
                slab.row_mut(y).iter_mut().zip(&z).for_each(|(model, z)| *model += z);
            });
        }
        if self.is_continued {
            slab += pixels(&known[known.len() - 1]);
        }
        Ok(Value::Model(Image::new(slab)))
    }
}
