//! The effective resolution of Wiener-Hunt: what its filter makes of a point source.

use std::sync::Arc;

use ndarray::{Axis, concatenate};
use rustfft::num_complex::{Complex, Complex32};
use serde::{Deserialize, Serialize};

use super::{OpError, Rows, Setting, Value, Work};
use crate::algorithms::wiener::Filter;
use crate::fft::make_columns;
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{BeamFit, Cell, PsfCore, PsfPeak};

/// The estimate of a point source of 1 Jy in the middle of the image, without noise and edges, a block of its modes
/// transformed back; inputs: transfer function, usable modes, and the choice of λ unless it is given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResponseBlock {
    /// The problem.
    pub setting: Setting,
    /// The block of columns.
    pub block: usize,
    /// λ, if it is given.
    pub lambda: Option<f64>,
}

impl Work for ResponseBlock {
    const KIND: &'static str = "response";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        self.setting.made_cost(self.block)
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (transfer, usable, problem) = (inputs[0].transfer(), inputs[1].usable(), self.setting.problem());
        let filter = if let Some(lambda) = self.lambda {
            Filter::new(&problem, usable, lambda)
        } else {
            Filter::new(&problem, usable, inputs[2].choice().lambda).averaged(&inputs[2].choice().nodes)
        };
        let layout = &self.setting.layout;
        let (cy, cx) = PsfPeak::usual(self.setting.shape).centre;
        let turn = |index: usize, place: usize, length: usize| (index * place % length) as f64 / length as f64;
        Ok(Value::Block(make_columns(layout, self.block, (self.setting.shape.0, 0), |kx, column| {
            let h = transfer.column(kx);
            for (ky, (value, h)) in column.iter_mut().zip(h).enumerate() {
                let turns = turn(ky, cy, layout.ly) + turn(kx, cx, layout.lx);
                let phase = Complex::cis(-std::f64::consts::TAU * turns);
                *value = h * Complex32::new(phase.re as f32, phase.im as f32);
            }
            filter.filter_column(kx, column, h);
        })))
    }
}

/// The Gaussian that the main lobe of the response is like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Height of the response \[Jy/pixel for 1 Jy\].
    pub peak: f64,
    /// The fit, where the main lobe is one.
    pub fit: Option<BeamFit>,
}

/// Fits a beam to the main lobe of the response; inputs: its slabs about the middle.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FitResponse {
    /// Rows that the inputs hold.
    pub rows: Rows,
    /// Shape of the whole response.
    pub shape: (usize, usize),
    /// Size of a pixel.
    pub cell: Cell,
}

impl FitResponse {
    /// The rows that are looked at, in an image of that many.
    pub fn window(ny: usize) -> (usize, usize) {
        let half = 4 * PsfCore::HALF;
        ((ny / 2).saturating_sub(half), (ny / 2 + half + 1).min(ny))
    }
}

impl Work for FitResponse {
    const KIND: &'static str = "fit-response";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs.iter().map(|meta| meta.bytes).sum();
        Cost { flops: bytes as f64, output_bytes: 256, scratch_bytes: 2 * bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let slabs: Vec<_> = inputs.iter().map(|slab| slab.vector().view()).collect();
        let pixels = concatenate(Axis(0), &slabs).expect("slabs of an image are equally wide");
        let usual = PsfPeak::usual(self.shape);
        let scale = pixels[(usual.centre.0 - self.rows.first, usual.centre.1)];
        let mut found = Response { peak: f64::from(scale), fit: None };
        if scale > 0.0 {
            let peak = PsfPeak { scale, ..usual };
            for half in [PsfCore::HALF, 2 * PsfCore::HALF, 4 * PsfCore::HALF] {
                let rows = PsfCore::rows(&peak, half);
                let (first, end) = (rows.start - self.rows.first, rows.end - self.rows.first);
                let core = PsfCore::new(&peak, half, pixels.slice(ndarray::s![first..end, ..]));
                if let Some(facts) = core.measure(Some(self.cell)) {
                    found.fit = facts.fit.and_then(Result::ok);
                    break;
                }
            }
        }
        Ok(Value::Response(found))
    }
}
