//! Wiener-Hunt: λ from the tables of modes, and how uncertain the estimate is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::wiener::TABLE_BYTES;
use super::{OpError, Setting, Value, Work};
use crate::algorithms::wiener::{Choice, Hyper, Inference, MaternAsk, SpectrumTable, Spread, StepTable, infer};
use crate::graph::{Cost, Meta, TaskContext};

/// Declared size of a choice of λ with its curves, and of one with the traces of chains besides.
const CHOICE_BYTES: [u64; 2] = [24 << 10, 96 << 10];

/// Declared size of modes binned by step: some ten thousand bins.
const STEP_BYTES: u64 = 1 << 20;

/// Priors that are tried, each with some operations for a byte of the bins.
const PRIORS: f64 = 400.0;

/// Declared size of the sums over rings of spatial frequency.
const SPREAD_BYTES: u64 = 6 << 10;

/// Operations of the sampler for all chains of so many iterations: some thousand bins of a hundred operations each.
const PER_ITERATION: f64 = 4e5;

/// Chooses λ; inputs: usable modes, then the tables of all blocks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChooseLambda {
    /// The problem.
    pub setting: Setting,
    /// What is asked.
    pub ask: Inference,
}

impl Work for ChooseLambda {
    const KIND: &'static str = "lambda";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes = TABLE_BYTES * inputs.len() as u64;
        let (sampling, output_bytes, paths) = match self.ask.hyper {
            Hyper::Gibbs { iterations, .. } => {
                (PER_ITERATION * f64::from(iterations), CHOICE_BYTES[1], 4 * 64 * u64::from(iterations))
            }
            _ => (0.0, CHOICE_BYTES[0], 0),
        };
        Cost { flops: 100.0 * bytes as f64 + sampling, output_bytes, scratch_bytes: 2 * TABLE_BYTES + paths }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut table = SpectrumTable::new(&self.setting.problem(), inputs[0].usable());
        for part in &inputs[1..] {
            table.merge(part.mode_table());
        }
        Ok(Value::Choice(infer(&table, &self.ask)?))
    }
}

/// Bins a block of modes for any Matérn prior; inputs: transfer function, the data's spectrum, usable modes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BinSteps {
    /// The problem.
    pub setting: Setting,
    /// The block of columns.
    pub block: usize,
}

impl Work for BinSteps {
    const KIND: &'static str = "step-table";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { flops: 200.0 * self.setting.modes(self.block) as f64, output_bytes: STEP_BYTES, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut table = StepTable::new(&self.setting.problem(), inputs[2].usable());
        for kx in self.setting.layout.columns(self.block) {
            table.add_column(kx, inputs[1].transfer().column(kx), inputs[0].transfer().column(kx));
        }
        Ok(Value::StepTable(table))
    }
}

/// Finds length and smoothness of the Matérn prior; inputs: usable modes, then the bins of all blocks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FitMatern {
    /// The problem.
    pub setting: Setting,
    /// What is asked.
    pub ask: MaternAsk,
}

impl Work for FitMatern {
    const KIND: &'static str = "matern";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let flops = PRIORS * STEP_BYTES as f64 + (STEP_BYTES * inputs.len() as u64) as f64;
        Cost { flops, output_bytes: 64, scratch_bytes: 3 * STEP_BYTES }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut table = StepTable::new(&self.setting.problem(), inputs[0].usable());
        for part in &inputs[1..] {
            table.merge(part.step_table());
        }
        Ok(Value::MaternFit(table.fit(&self.ask)?))
    }
}

/// Adds up the posterior variance of a block of modes; inputs: transfer function, usable modes, and unless λ is given its
/// choice and the data's spectrum.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SpreadBlock {
    /// The problem.
    pub setting: Setting,
    /// The block of columns.
    pub block: usize,
    /// λ and the noise of the dirty image \[Jy/beam\], if λ is given.
    pub given: Option<(f64, f64)>,
}

impl Work for SpreadBlock {
    const KIND: &'static str = "spread";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let flops = 60.0 * self.setting.modes(self.block) as f64;
        Cost { flops, output_bytes: SPREAD_BYTES, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let usable = inputs[1].usable();
        let given = self.given.map(|(lambda, sigma)| Choice::given(lambda, usable, sigma));
        let nodes = given.as_ref().map_or_else(|| &inputs[2].choice().nodes, |choice| &choice.nodes);
        let mut spread = Spread::new(&self.setting.problem(), usable, nodes);
        for kx in self.setting.layout.columns(self.block) {
            let data = inputs.get(3).map(|data| data.transfer().column(kx));
            spread.add_column(kx, inputs[0].transfer().column(kx), data);
        }
        Ok(Value::Spread(spread))
    }
}

/// Puts the posterior variance of all blocks together; inputs: that of each.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MergeSpread;

impl Work for MergeSpread {
    const KIND: &'static str = "spread-all";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: 400.0 * inputs.len() as f64, output_bytes: SPREAD_BYTES, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut spread = inputs[0].spread().clone();
        inputs[1..].iter().for_each(|part| spread.merge(part.spread()));
        Ok(Value::Spread(spread))
    }
}
