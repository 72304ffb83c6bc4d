//! Wiener-Hunt: which modes carry data, the choice of λ, the filter and the operators of the linear boundary.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::convolve::{complex, piece_of_block, piece_of_slab, rows_back, spectra, transform};
use super::vectors::pixels;
use super::{OpError, Rows, Value, Work};
use crate::algorithms::wiener::{
    Ceiling, DEFAULT_FLOOR, Equation, Filter, NoiseModel, Plane, Problem, Regularisation, SpectrumTable, Survey,
    TauRule, taper,
};
use crate::fft::{Layout, make_columns, map_columns, strip_bytes};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{BeamShape, Image, Mask};

/// Declared size of a table of modes: its bins lie in some fifty octaves of 12 KiB.
pub(super) const TABLE_BYTES: u64 = 600 << 10;

/// What is solved, and the transform that it is solved on.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Setting {
    /// The transform.
    pub layout: Layout,
    /// Shape of the image, `(ny, nx)`.
    pub shape: (usize, usize),
    /// Spectrum of the noise.
    pub noise: NoiseModel,
    /// Operator of the prior.
    pub reg: Regularisation,
    /// The equation of the linear boundary.
    pub equation: Equation,
}

impl Setting {
    /// What is solved.
    pub fn problem(&self) -> Problem {
        let Layout { ly, lx, .. } = self.layout;
        Problem::new(Plane { ly, lx, data_pixels: self.shape.0 * self.shape.1 }, self.noise, self.reg, DEFAULT_FLOOR)
    }

    /// Cost of making a block of modes by the filter, and transforming it back.
    pub(super) fn made_cost(&self, block: usize) -> Cost {
        let columns = self.layout.columns(block).len();
        Cost {
            flops: columns as f64 * transform(self.layout.ly, false) + 60.0 * self.modes(block) as f64,
            output_bytes: complex(columns * self.shape.0),
            scratch_bytes: strip_bytes(self.layout.ly, 1),
        }
    }

    /// Modes of a block.
    pub(super) fn modes(&self, block: usize) -> usize {
        self.layout.columns(block).len() * self.layout.ly
    }
}

/// Looks over a block of modes; inputs: transfer function, and the data's spectrum where λ is to be chosen from it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModeSurvey {
    /// The problem.
    pub setting: Setting,
    /// The block of columns.
    pub block: usize,
}

impl Work for ModeSurvey {
    const KIND: &'static str = "mode-survey";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { flops: 8.0 * self.setting.modes(self.block) as f64, output_bytes: 4096, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut survey = Survey::new(&self.setting.problem());
        for kx in self.setting.layout.columns(self.block) {
            survey.add_transfer(kx, inputs[0].transfer().column(kx));
            if let Some(data) = inputs.get(1) {
                survey.add_data(data.transfer().column(kx));
            }
        }
        Ok(Value::ModeSurvey(survey))
    }
}

/// Decides which modes carry a datum; inputs: the surveys of all blocks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UsableModes {
    /// The problem.
    pub setting: Setting,
}

impl Work for UsableModes {
    const KIND: &'static str = "usable";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs.len() as f64, output_bytes: 64, scratch_bytes: 4096 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut survey = Survey::new(&self.setting.problem());
        for part in inputs {
            survey.merge(part.mode_survey());
        }
        Ok(Value::Usable(survey.finish(TauRule::Auto)?))
    }
}

/// Tabulates a block of modes; inputs: transfer function, the data's spectrum, usable modes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModeTable {
    /// The problem.
    pub setting: Setting,
    /// The block of columns.
    pub block: usize,
}

impl Work for ModeTable {
    const KIND: &'static str = "mode-table";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { flops: 40.0 * self.setting.modes(self.block) as f64, output_bytes: TABLE_BYTES, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut table = SpectrumTable::new(&self.setting.problem(), inputs[2].usable());
        for kx in self.setting.layout.columns(self.block) {
            table.add_column(kx, inputs[1].transfer().column(kx), inputs[0].transfer().column(kx));
        }
        Ok(Value::ModeTable(table))
    }
}

/// What is done to the modes of a spectrum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FilterStep {
    /// The whole estimate of the circular boundary.
    Estimate,
    /// Right-hand side of the linear boundary.
    RightHandSide,
    /// Its matrix.
    Matrix,
    /// Its preconditioner.
    Precondition,
    /// The convolution.
    Convolve,
    /// The weights of the weighted equation.
    Weigh,
    /// The adjoint of the convolution, and of a pair the prior's share of the second.
    Correlate,
    /// The modes that carry a datum alone.
    Measured,
}

/// What a filter works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Field {
    /// Row transforms of so many slabs.
    Rows(usize),
    /// Row transforms of so many slabs of two images, one image after the other.
    Pair(usize),
    /// The block's columns, transformed already.
    Columns,
}

impl Field {
    /// Inputs that are row transforms.
    pub(super) fn slabs(self) -> usize {
        match self {
            Self::Rows(slabs) | Self::Pair(slabs) => slabs,
            Self::Columns => 0,
        }
    }
}

/// Tapers a slab towards the edges as the preconditioner of Wiener-Hunt asks; inputs: the slab, the usable modes, and the choice of λ
/// unless it is given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaperRows {
    /// The problem.
    pub setting: Setting,
    /// The slab's rows.
    pub rows: Rows,
    /// λ, if it is given.
    pub lambda: Option<f64>,
}

impl Work for TaperRows {
    const KIND: &'static str = "taper";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 4.0, output_bytes: inputs[0].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let lambda = self.lambda.unwrap_or_else(|| inputs[2].choice().lambda);
        let mut values = pixels(&inputs[0]).to_owned();
        if let Some(how) = Filter::new(&self.setting.problem(), inputs[1].usable(), lambda).taper() {
            let (ny, nx) = self.setting.shape;
            let across: Vec<f64> = (0..nx).map(|x| taper(x, nx, how)).collect();
            for (y, mut row) in self.rows.range().zip(values.rows_mut()) {
                let along = taper(y, ny, how);
                row.iter_mut().zip(&across).for_each(|(value, across)| *value *= (along * across) as f32);
            }
        }
        Ok(Value::Vector(values))
    }
}

/// Filters a block of modes and transforms it back; inputs: the field, transfer function, usable modes, and the choice of λ
/// unless λ is given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApplyFilter {
    /// The problem.
    pub setting: Setting,
    /// The block of columns.
    pub block: usize,
    /// What is filtered.
    pub field: Field,
    /// What is done.
    pub step: FilterStep,
    /// λ, if it is given.
    pub lambda: Option<f64>,
}

impl Work for ApplyFilter {
    const KIND: &'static str = "filter";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let columns = self.setting.layout.columns(self.block).len();
        let transforms = match self.field {
            Field::Columns => 1.0,
            Field::Rows(_) => 2.0,
            Field::Pair(_) => 3.0,
        };
        Cost {
            flops: columns as f64 * transforms * transform(self.setting.layout.ly, false),
            output_bytes: complex(columns * self.setting.shape.0),
            scratch_bytes: strip_bytes(self.setting.layout.ly, 1),
        }
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        if input < self.field.slabs() { piece_of_slab(meta, &self.setting.layout, self.block) } else { meta.bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (field, rest) = inputs.split_at(self.field.slabs().max(1));
        let transfer = rest[0].transfer();
        let (problem, usable) = (self.setting.problem(), rest[1].usable());
        let filter = if let Some(lambda) = self.lambda {
            Filter::new(&problem, usable, lambda)
        } else {
            let choice = rest[2].choice();
            Filter::new(&problem, usable, choice.lambda).averaged(&choice.nodes)
        };
        let (layout, block, ny) = (&self.setting.layout, self.block, self.setting.shape.0);
        let apply = |kx: usize, column: &mut [_], second: &[_]| match self.step {
            FilterStep::Estimate => filter.filter_column(kx, column, transfer.column(kx)),
            FilterStep::RightHandSide => filter.rhs_column(column, transfer.column(kx)),
            FilterStep::Matrix => filter.normal_column(kx, column, transfer.column(kx)),
            FilterStep::Precondition if self.setting.equation == Equation::Weighted => {
                filter.precondition_weighted_column(kx, column, transfer.column(kx));
            }
            FilterStep::Precondition => filter.precondition_column(kx, column, transfer.column(kx)),
            FilterStep::Convolve => Filter::convolve_column(column, transfer.column(kx)),
            FilterStep::Weigh => filter.weigh_column(column, transfer.column(kx)),
            FilterStep::Correlate => filter.correlate_column(kx, (column, second), transfer.column(kx)),
            FilterStep::Measured => filter.measured_column(column, transfer.column(kx)),
        };
        let images = spectra(if self.field == Field::Columns { &[] } else { field });
        let sets = match self.field {
            Field::Pair(slabs) => images.split_at(slabs / 2),
            _ => (&images[..], &images[..0]),
        };
        Ok(Value::Block(match self.field {
            Field::Rows(_) | Field::Pair(_) => map_columns([sets.0, sets.1], layout, block, ny, |column| {
                apply(column.kx, column.first, column.second);
            })?,
            Field::Columns => make_columns(layout, block, (ny, 0), |kx, column| {
                column.copy_from_slice(field[0].transfer().column(kx));
                apply(kx, column, &[]);
            }),
        }))
    }
}

/// What filtered rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filtered {
    /// The model.
    Model,
    /// A vector of the solver.
    Vector,
    /// The response to a point source, which has no blanks.
    Response,
}

/// Transforms filtered rows back, 0 where blank; inputs: dirty rows, then the blocks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FilteredRows {
    /// The problem.
    pub setting: Setting,
    /// The slab's rows.
    pub rows: Rows,
    /// What comes out.
    pub result: Filtered,
}

impl Work for FilteredRows {
    const KIND: &'static str = "filtered";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let (rows, Layout { lx, .. }) = (self.rows.len(), self.setting.layout);
        Cost {
            flops: rows as f64 * transform(lx, true),
            output_bytes: 4 * (rows * self.setting.shape.1) as u64,
            scratch_bytes: complex(2 * lx),
        }
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        if input == 0 { meta.bytes } else { piece_of_block(meta, self.rows, self.setting.shape.0) }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut pixels = rows_back(&inputs[1..], &self.setting.layout, self.rows, self.setting.shape.1)?;
        if let Some(finite) = inputs[0].dirty().finite.as_ref().filter(|_| self.result != Filtered::Response) {
            clear_blanks(&mut pixels, finite);
        }
        Ok(match self.result {
            Filtered::Model => Value::Model(Image::new(pixels)),
            Filtered::Vector | Filtered::Response => Value::Vector(pixels),
        })
    }
}

pub(super) fn clear_blanks(pixels: &mut ndarray::Array2<f32>, finite: &Mask) {
    for (y, mut row) in pixels.rows_mut().into_iter().enumerate() {
        row.iter_mut().zip(finite.row(y)).filter(|(_, finite)| !**finite).for_each(|(value, _)| *value = 0.0);
    }
}

/// Adds up what the modes of a block can tell of a point source; inputs: transfer function, usable modes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CeilingBlock {
    /// The problem.
    pub setting: Setting,
    /// The block of columns.
    pub block: usize,
    /// Coefficients `(a, b, c)` of the clean beam \[1/pixel^2\].
    pub beam: (f64, f64, f64),
}

impl Work for CeilingBlock {
    const KIND: &'static str = "ceiling";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { flops: 40.0 * self.setting.modes(self.block) as f64, output_bytes: 256, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (a, b, c) = self.beam;
        let mut ceiling = Ceiling::of_point(&self.setting.problem(), inputs[1].usable(), BeamShape { a, b, c });
        for kx in self.setting.layout.columns(self.block) {
            ceiling.add_column(kx, inputs[0].transfer().column(kx));
        }
        Ok(Value::Ceiling(ceiling))
    }
}
