//! Samples of the posterior of Wiener-Hunt with the linear boundary, and the standard deviation that they make.

use std::sync::Arc;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::convolve::{piece_of_slab, spectra};
use super::vectors::pixels;
use super::{OpError, Rows, Setting, Value, Work};
use crate::algorithms::wiener::{Choice, Draw, Equation, Filter};
use crate::fft::{make_columns, map_columns};
use crate::graph::{Cost, Meta, TaskContext};

/// Draws a perturbation of the equation's right-hand side, a block of its modes transformed back: of covariance `A/γn`, `A`
/// being the matrix, so that its solution has that of the posterior; inputs: row transforms of the perturbed data, if there are any,
/// transfer function, usable modes, and the choice of λ unless it is given.
///
/// For the weighted equation this is done twice: without data it perturbs them, and with them it perturbs the rest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DrawBlock {
    /// The problem.
    pub setting: Setting,
    /// The block of columns.
    pub block: usize,
    /// Which random numbers.
    pub draw: Draw,
    /// λ and the noise of the dirty image \[Jy/beam\], if λ is given.
    pub given: Option<(f64, f64)>,
    /// Slabs of the perturbed data.
    pub slabs: usize,
}

impl Work for DrawBlock {
    const KIND: &'static str = "draw";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        self.setting.made_cost(self.block)
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        if input < self.slabs { piece_of_slab(meta, &self.setting.layout, self.block) } else { meta.bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (data, inputs) = inputs.split_at(self.slabs);
        let (transfer, usable) = (inputs[0].transfer(), inputs[1].usable());
        let (lambda, gamma_n) = match self.given.map(|(lambda, sigma)| Choice::given(lambda, usable, sigma)) {
            Some(choice) => (choice.lambda, choice.gamma_n),
            None => (inputs[2].choice().lambda, inputs[2].choice().gamma_n),
        };
        let filter = Filter::new(&self.setting.problem(), usable, lambda);
        let (layout, ny) = (&self.setting.layout, self.setting.shape.0);
        let known = |kx: usize| (transfer.column(kx), gamma_n);
        if !data.is_empty() {
            return Ok(Value::Block(map_columns([&spectra(data), &[]], layout, self.block, ny, |column| {
                filter.add_drawn_column(column.kx, column.first, known(column.kx), self.draw);
            })?));
        }
        Ok(Value::Block(make_columns(layout, self.block, (ny, 0), |kx, column| match self.setting.equation {
            Equation::Normal => filter.draw_column(kx, column, known(kx), self.draw),
            Equation::Weighted => filter.draw_data_column(kx, column, known(kx), self.draw),
            Equation::Natural => filter.draw_weighted_column(kx, column, known(kx), self.draw),
        })))
    }
}

/// Adds the squares of a sample to those of others; inputs: the sample, and the sum so far where there is one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddSquares;

impl Work for AddSquares {
    const KIND: &'static str = "squares";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 2.0, output_bytes: inputs[0].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut sum = pixels(&inputs[0]).mapv(|value| value * value);
        if let Some(before) = inputs.get(1) {
            sum += before.vector();
        }
        Ok(Value::Vector(sum))
    }
}

/// The standard deviation of a slab's pixels; inputs: their sums of squares, or the posterior variance of all.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SdRows {
    /// The slab's rows.
    pub rows: Rows,
    /// Columns of the image.
    pub nx: usize,
    /// Samples that were added.
    pub samples: u32,
}

impl Work for SdRows {
    const KIND: &'static str = "sd";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let pixels = self.rows.len() * self.nx;
        Cost { flops: pixels as f64, output_bytes: 4 * pixels as u64, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Vector(match &*inputs[0] {
            Value::Spread(spread) => Array2::from_elem((self.rows.len(), self.nx), spread.report().sd as f32),
            sums => sums.vector().mapv(|sum| (sum / self.samples as f32).sqrt()),
        }))
    }
}
