//! The steps of a CLEAN cycle: statistics, selection, minor cycle, model.

use std::sync::Arc;

use ndarray::{Axis, concatenate};
use serde::Serialize;

use super::{ModelTally, OpError, Rows, SlabSurvey, Value, Work};
use crate::algorithms::{Levels, Minor, MinorRules, MinorView, PlaneStats, View};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{Image, Mask, sigma_mad};
use crate::kernels::list::ActiveList;

/// Measures a slab of residual; inputs: residual rows, where components may stand, dirty rows (for the blanks).
#[derive(Debug, Clone, Serialize)]
pub struct Survey {
    /// The slab's rows.
    pub rows: Rows,
    /// Every how many pixels of the plane one enters the robust noise.
    pub step: usize,
}

impl Work for Survey {
    const KIND: &'static str = "survey";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes = inputs[0].bytes;
        Cost {
            flops: bytes as f64,
            output_bytes: bytes / self.step as u64 + 8 * self.rows.len() as u64 + 8192,
            scratch_bytes: 0,
        }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (residual, allowed, dirty) = (inputs[0].residual(), inputs[1].allowed(), inputs[2].dirty());
        let mut survey = SlabSurvey {
            stats: PlaneStats { min: f32::INFINITY, max: f32::NEG_INFINITY, ..PlaneStats::default() },
            ..SlabSurvey::default()
        };
        let nx = residual.pixels().ncols();
        for (y, row) in residual.pixels().rows().into_iter().enumerate() {
            let row = row.to_slice().expect("a slab is stored in row order");
            let finite = dirty.finite.as_ref().map(|mask| mask.row(y));
            let skipped = (self.step - (self.rows.first + y) * nx % self.step) % self.step;
            let is_finite = |x: usize| finite.is_none_or(|finite| finite[x]);
            survey.sample.extend((skipped..nx).step_by(self.step).filter(|x| is_finite(*x)).map(|x| row[x]));
            survey.add_row(row, finite, allowed.as_ref().map(|mask| mask.row(y)));
        }
        Ok(Value::Survey(survey))
    }
}

impl SlabSurvey {
    /// Adds a row's finite pixels to the extremes, and its allowed pixels to the peak and the levels.
    fn add_row(&mut self, row: &[f32], finite: Option<&[bool]>, allowed: Option<&[bool]>) {
        let stats = &mut self.stats;
        let mut squares = 0.0;
        for (x, value) in row.iter().enumerate() {
            if finite.is_none_or(|finite| finite[x]) {
                squares += f64::from(*value) * f64::from(*value);
                stats.min = stats.min.min(*value);
                stats.max = stats.max.max(*value);
                stats.pixels += 1;
            }
            if allowed.is_none_or(|allowed| allowed[x]) {
                stats.peak = stats.peak.max(value.abs());
                stats.allowed += 1;
                self.levels.add(*value);
            }
        }
        self.squares.push(squares);
    }
}

/// Combines the surveys of a plane's slabs; inputs: the surveys in order.
#[derive(Debug, Clone, Serialize)]
pub struct Statistics;

impl Work for Statistics {
    const KIND: &'static str = "statistics";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs.iter().map(|meta| meta.bytes).sum();
        Cost { flops: bytes as f64, output_bytes: 8192, scratch_bytes: bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut stats = PlaneStats { min: f32::INFINITY, max: f32::NEG_INFINITY, ..PlaneStats::default() };
        let mut levels = Levels::default();
        let mut squares = 0.0;
        let mut sample = Vec::new();
        for input in inputs {
            let survey = input.survey();
            stats.peak = stats.peak.max(survey.stats.peak);
            stats.min = stats.min.min(survey.stats.min);
            stats.max = stats.max.max(survey.stats.max);
            stats.pixels += survey.stats.pixels;
            stats.allowed += survey.stats.allowed;
            survey.squares.iter().for_each(|row| squares += row);
            levels.merge(&survey.levels);
            sample.extend_from_slice(&survey.sample);
        }
        stats.rms = (squares / stats.pixels.max(1) as f64).sqrt();
        stats.sigma = sigma_mad(&mut sample).unwrap_or(0.0);
        Ok(Value::Statistics(stats, levels))
    }
}

/// Lists the pixels at or above a floor; inputs: residual rows, where components may stand.
#[derive(Debug, Clone, Serialize)]
pub struct Select {
    /// First row of the slab.
    pub first: usize,
    /// The floor \[Jy/beam\].
    pub floor: f32,
}

impl Work for Select {
    const KIND: &'static str = "select";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 4.0, output_bytes: inputs[0].bytes / 32, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (residual, allowed) = (inputs[0].residual(), inputs[1].allowed());
        let mut list = ActiveList::default();
        for (y, row) in residual.pixels().rows().into_iter().enumerate() {
            let allowed = allowed.as_ref().map(|mask| mask.row(y));
            for (x, value) in row.iter().enumerate() {
                if value.abs() >= self.floor && allowed.is_none_or(|allowed| allowed[x]) {
                    list.push(self.first + y, x, *value);
                }
            }
        }
        Ok(Value::Active(list))
    }
}

/// Runs one minor cycle; inputs: lists, or residual rows and then where components may stand, per slab; the PSF last.
#[derive(Debug, Clone, Serialize)]
pub struct MinorPass {
    /// Which loop.
    pub minor: Minor,
    /// How far it goes.
    pub rules: MinorRules,
    /// Number of slabs.
    pub slabs: usize,
}

impl Work for MinorPass {
    const KIND: &'static str = "minor";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs[..inputs.len() - 1].iter().map(|meta| meta.bytes).sum();
        let scratch_bytes = if self.minor.cycle().view() == View::Plane { 3 * bytes } else { 2 * bytes };
        // a guess: the number of components is not known before
        Cost { flops: 20.0 * bytes as f64, output_bytes: bytes / 8, scratch_bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], context: &TaskContext) -> Result<Value, OpError> {
        let cycle = self.minor.cycle();
        let psf = inputs[inputs.len() - 1].psf();
        let view = match cycle.view() {
            View::List => MinorView::List(join(&inputs[..self.slabs])),
            View::Plane => plane(&inputs[..self.slabs], &inputs[self.slabs..2 * self.slabs]),
        };
        Ok(Value::Step(cycle.run(view, psf, &self.rules, &context.cancel)))
    }
}

fn join(lists: &[Arc<Value>]) -> ActiveList {
    let mut all = ActiveList::default();
    lists.iter().for_each(|list| all.append(list.active()));
    all
}

fn plane(residual: &[Arc<Value>], allowed: &[Arc<Value>]) -> MinorView {
    let slabs: Vec<_> = residual.iter().map(|slab| slab.residual().pixels().view()).collect();
    let is_masked = allowed.iter().any(|slab| slab.allowed().is_some());
    let masks = residual
        .iter()
        .zip(allowed)
        .map(|(slab, allowed)| allowed.allowed().clone().unwrap_or_else(|| Mask::all(slab.residual().shape())));
    MinorView::Plane {
        residual: concatenate(Axis(0), &slabs).expect("the slabs of a plane are equally wide"),
        allowed: is_masked.then(|| Mask::stack(masks)),
    }
}

/// Adds components to a slab of the model; inputs: what a minor cycle found, then the model's rows (none yet: zero).
#[derive(Debug, Clone, Serialize)]
pub struct AddComponents {
    /// The slab's rows.
    pub rows: Rows,
    /// Columns of the image.
    pub nx: usize,
}

impl Work for AddComponents {
    const KIND: &'static str = "model";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let pixels = self.rows.len() * self.nx;
        Cost { flops: pixels as f64, output_bytes: 4 * pixels as u64, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut model = match inputs.get(1) {
            Some(model) => model.model().clone(),
            None => Image::zeros((self.rows.len(), self.nx)),
        };
        for component in &inputs[0].step().components {
            if self.rows.range().contains(&component.y) {
                model.pixels_mut()[(component.y - self.rows.first, component.x)] += component.flux;
            }
        }
        Ok(Value::Model(model))
    }
}

/// Adds up a model, row by row so that the cut does not change the sums; inputs: the model's slabs in order.
#[derive(Debug, Clone, Serialize)]
pub struct Tally;

impl Work for Tally {
    const KIND: &'static str = "tally";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs.iter().map(|meta| meta.bytes).sum();
        Cost { flops: bytes as f64 / 4.0, output_bytes: 64, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut tally = ModelTally::default();
        for row in inputs.iter().flat_map(|slab| slab.model().pixels().rows()) {
            let mut flux = 0.0;
            let mut negative = 0.0;
            for value in row.iter().filter(|value| **value != 0.0) {
                flux += f64::from(*value);
                negative += f64::from(value.min(0.0));
                tally.components += 1;
            }
            tally.flux += flux;
            tally.negative += negative;
        }
        Ok(Value::Tally(tally))
    }
}
