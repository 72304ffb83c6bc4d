//! The convex solver: what happens to the coefficients of its atoms, on rows of pixels and on blocks of modes.

use std::sync::Arc;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::convolve::{complex, piece_of_block, piece_of_slab, rows_back, rows_back_cost, spectra, transform};
use super::vectors::pixels;
use super::wiener::clear_blanks;
use super::{OpError, Rows, Value, Work};
use crate::algorithms::convex::{Atoms, Shrinkage, Splitting, weight};
use crate::fft::{Layout, Placement, SlabSpectrum, Transfer, forward_rows, mix_columns, see_columns};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{BeamShape, Image};

/// The atoms, and the transform that they are convolved on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomSetting {
    /// The transform.
    pub layout: Layout,
    /// Shape of the image, `(ny, nx)`.
    pub shape: (usize, usize),
    /// Full widths at half maximum \[pixels\], 0 for points.
    pub widths: Vec<f64>,
}

impl AtomSetting {
    fn atoms(&self) -> Atoms {
        Atoms::new(&self.widths, &self.layout)
    }

    /// Cost of transforming the columns of a block of so many images there, and of `back` of them back.
    fn columns_cost(&self, block: usize, images: usize, back: usize, output_bytes: u64) -> Cost {
        let columns = self.layout.columns(block).len() as f64;
        let transforms = columns * (images + back) as f64 * transform(self.layout.ly, false);
        let modes = columns * self.layout.ly as f64;
        Cost {
            flops: transforms + 8.0 * modes * self.widths.len() as f64,
            output_bytes,
            scratch_bytes: complex(20 * images.max(back) * self.layout.ly),
        }
    }
}

/// Which pixels of a slab shrink by how much; the first inputs of an operation: coefficients, noise of their width, usable modes
/// (for `max|H|`), dirty rows (for the blanks), and the weights if there are any.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shrink {
    /// The slab's rows.
    pub rows: Rows,
    /// Constants.
    pub splitting: Splitting,
    /// Whether there are weights.
    pub is_weighted: bool,
}

impl Shrink {
    fn inputs(&self) -> usize {
        4 + usize::from(self.is_weighted)
    }

    /// Does something to each row of coefficients: number, coefficients, thresholds.
    fn for_rows(&self, inputs: &[Arc<Value>], mut work: impl FnMut(usize, &[f32], Shrinkage<'_>)) {
        let (v, finite) = (pixels(&inputs[0]), inputs[3].dirty().finite.as_ref());
        let level = self.splitting.level(inputs[1].noise().sigma, inputs[2].usable().max_transfer);
        let weights = self.is_weighted.then(|| inputs[4].vector());
        for (y, row) in v.rows().into_iter().enumerate() {
            let weights = weights.map(|weights| weights.row(y).to_slice().expect("a slab is in row order"));
            let (finite, is_positive) = (finite.map(|mask| mask.row(y)), self.splitting.is_positive);
            let shrinkage = Shrinkage { level, weights, finite, is_positive };
            work(y, row.to_slice().expect("a slab is in row order"), shrinkage);
        }
    }
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

/// What is done to the modes of all widths together, and how many images come of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum AtomStep {
    /// The step of each width's coefficients, from their reflections; further inputs: transfer function, data, usable modes.
    Correct(Splitting),
    /// What so many widths, the last ones, contribute to the model.
    Model(usize),
    /// The residual, the only image, as each width sees it.
    Bands,
    /// What each width contributes at the clean beam of coefficients `(a, b, c)` \[1/pixel^2\].
    Amplitudes((f64, f64, f64)),
}

/// Changes a block of modes and transforms it back, the rows of one width after those of the other; inputs: row transforms of the
/// slabs of each image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomColumns {
    /// The atoms.
    pub setting: AtomSetting,
    /// The block of columns.
    pub block: usize,
    /// Slabs of an image.
    pub slabs: usize,
    /// What is done.
    pub step: AtomStep,
}

impl AtomColumns {
    fn images(&self) -> usize {
        match self.step {
            AtomStep::Bands => 1,
            AtomStep::Model(widths) => widths,
            AtomStep::Correct(_) | AtomStep::Amplitudes(_) => self.setting.widths.len(),
        }
    }

    fn parts(&self) -> usize {
        if matches!(self.step, AtomStep::Model(_)) { 1 } else { self.setting.widths.len() }
    }
}

impl Work for AtomColumns {
    const KIND: &'static str = "atom-columns";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let AtomSetting { layout, shape, .. } = &self.setting;
        let output_bytes = complex(self.parts() * shape.0 * layout.columns(self.block).len());
        self.setting.columns_cost(self.block, self.images(), self.parts(), output_bytes)
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        let is_slab = input < self.images() * self.slabs;
        if is_slab { piece_of_slab(meta, &self.setting.layout, self.block) } else { meta.bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (atoms, AtomSetting { layout, shape, .. }) = (self.setting.atoms(), &self.setting);
        let (slabs, rest) = inputs.split_at(self.images() * self.slabs);
        let images: Vec<Vec<&SlabSpectrum>> = slabs.chunks(self.slabs).map(spectra).collect();
        let size = (shape.0, self.parts());
        Ok(Value::Block(mix_columns(&images, layout, self.block, size, |kx, columns| match self.step {
            AtomStep::Correct(splitting) => {
                let (h, data) = (rest[0].transfer().column(kx), rest[1].transfer().column(kx));
                let rho = splitting.rho(rest[2].usable().max_transfer);
                atoms.correct(kx, columns, (h, data), (rho, splitting.positive_only));
            }
            AtomStep::Model(_) => atoms.model(kx, columns),
            AtomStep::Bands => {
                let (first, others) = columns.split_first_mut().expect("there is a width");
                others.iter_mut().for_each(|other| other.copy_from_slice(first));
                atoms.spread(kx, columns, None);
            }
            AtomStep::Amplitudes((a, b, c)) => atoms.spread(kx, columns, Some(BeamShape { a, b, c })),
        })?))
    }
}

/// The data of the inner problem on a block of modes, `R + H₊ X`; inputs: row transforms of the slabs of each width's estimate (none
/// for a model of zeros), of the residual's, and the transfer function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomData {
    /// The atoms.
    pub setting: AtomSetting,
    /// The block of columns.
    pub block: usize,
    /// Slabs of an image.
    pub slabs: usize,
    /// Images of estimates: one for each width, or none.
    pub estimates: usize,
}

impl Work for AtomData {
    const KIND: &'static str = "atom-data";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let modes = self.setting.layout.columns(self.block).len() * self.setting.layout.ly;
        self.setting.columns_cost(self.block, self.estimates + 1, 0, complex(modes))
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        let is_slab = input < (self.estimates + 1) * self.slabs;
        if is_slab { piece_of_slab(meta, &self.setting.layout, self.block) } else { meta.bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (atoms, layout) = (self.setting.atoms(), &self.setting.layout);
        let (transfer, slabs) = inputs.split_last().expect("a transfer function");
        let images: Vec<Vec<&SlabSpectrum>> = slabs.chunks(self.slabs).map(spectra).collect();
        let columns = layout.columns(self.block);
        let mut values = Vec::with_capacity(columns.len() * layout.ly);
        see_columns(&images, layout, self.block, |kx, columns| {
            let (residual, estimates) = columns.split_last_mut().expect("a residual");
            atoms.model(kx, estimates);
            if let Some(model) = estimates.first() {
                Atoms::data(residual, (transfer.transfer().column(kx), model));
            }
            values.extend_from_slice(residual);
        })?;
        Ok(Value::Transfer(Transfer::from_parts(columns.start, layout.ly, values)))
    }
}

/// The rows of one width among those that [`AtomColumns`] left.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomPart {
    /// The transform.
    pub layout: Layout,
    /// Shape of the image, `(ny, nx)`.
    pub shape: (usize, usize),
    /// The slab's rows.
    pub rows: Rows,
    /// Number of the width, and how many there are.
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

/// A slab of the model, 0 where blank; inputs: those of [`Shrink`] for coefficients of points, or dirty rows if there are none, then the
/// blocks of what wider atoms contribute, if there are any. Points stand in it as they are: no transform makes noise of their zeros.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomModel {
    /// The rows.
    pub part: AtomPart,
    /// Thresholds of the points.
    pub points: Option<Shrink>,
}

impl AtomModel {
    fn before_blocks(&self) -> usize {
        self.points.as_ref().map_or(1, Shrink::inputs)
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
        Ok(Value::Model(Image::new(slab)))
    }
}

/// A slab of the residual as a width sees it; inputs: the blocks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomBand {
    /// The rows.
    pub part: AtomPart,
}

impl Work for AtomBand {
    const KIND: &'static str = "atom-band";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        self.part.cost()
    }

    fn load_bytes(&self, _input: usize, meta: Meta) -> u64 {
        self.part.load_bytes(meta)
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Residual(Image::new(self.part.back(inputs)?)))
    }
}

/// What the thresholds of a slab are multiplied by; inputs: noise of the residual, then the blocks of the amplitudes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomWeights {
    /// The rows.
    pub part: AtomPart,
}

impl Work for AtomWeights {
    const KIND: &'static str = "atom-weights";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        self.part.cost()
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        if input == 0 { meta.bytes } else { self.part.load_bytes(meta) }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let sigma = inputs[0].noise().sigma;
        Ok(Value::Vector(self.part.back(&inputs[1..])?.mapv(|brightness| weight(brightness, sigma))))
    }
}
