//! What is measured of an exact residual: its noise, its peak where components may stand, the pixels to clean.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{OpError, Rows, SlabRank, SlabSurvey, Value, Work};
use crate::algorithms::{FloorRows, Grid, Levels, PlaneStats, RmsMap, Signs};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{Mask, sigma_mad};
use crate::kernels::list::ActiveList;

/// Measures a slab of residual; inputs: residual rows, dirty rows (for the blanks).
#[derive(Debug, Clone, Serialize, Deserialize)]
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
        let output_bytes = bytes / self.step as u64 + 8 * self.rows.len() as u64;
        Cost { flops: bytes as f64, output_bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (residual, dirty) = (inputs[0].residual(), inputs[1].dirty());
        let mut survey = SlabSurvey { min: f32::INFINITY, max: f32::NEG_INFINITY, ..SlabSurvey::default() };
        let nx = residual.pixels().ncols();
        for (y, row) in residual.pixels().rows().into_iter().enumerate() {
            let finite = dirty.finite.as_ref().map(|mask| mask.row(y));
            let is_finite = |x: usize| finite.is_none_or(|finite| finite[x]);
            let skipped = (self.step - (self.rows.first + y) * nx % self.step) % self.step;
            survey.sample.extend((skipped..nx).step_by(self.step).filter(|x| is_finite(*x)).map(|x| row[x]));
            let mut squares = 0.0;
            for (_, value) in row.iter().enumerate().filter(|(x, _)| is_finite(*x)) {
                squares += f64::from(*value) * f64::from(*value);
                survey.min = survey.min.min(*value);
                survey.max = survey.max.max(*value);
                survey.pixels += 1;
            }
            survey.squares.push(squares);
        }
        Ok(Value::Survey(survey))
    }
}

/// The noise of a plane's residual; inputs: the surveys of its slabs in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Noise;

impl Work for Noise {
    const KIND: &'static str = "noise";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs.iter().map(|meta| meta.bytes).sum();
        Cost { flops: bytes as f64, output_bytes: 0, scratch_bytes: bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut stats = PlaneStats { min: f32::INFINITY, max: f32::NEG_INFINITY, ..PlaneStats::default() };
        let mut squares = 0.0;
        let mut sample = Vec::with_capacity(inputs.iter().map(|input| input.survey().sample.len()).sum());
        for survey in inputs.iter().map(|input| input.survey()) {
            stats.min = stats.min.min(survey.min);
            stats.max = stats.max.max(survey.max);
            stats.pixels += survey.pixels;
            survey.squares.iter().for_each(|row| squares += row);
            sample.extend_from_slice(&survey.sample);
        }
        stats.rms = (squares / stats.pixels.max(1) as f64).sqrt();
        stats.sigma = sigma_mad(&mut sample).unwrap_or(0.0);
        Ok(Value::Noise(stats))
    }
}

/// Weights of the rows of a slab in the search for the peak, from its first row on: 1 where the PSF reaches everything.
pub(super) struct Weights<'a> {
    floor: Option<(FloorRows<'a>, f64)>,
    local: Option<(&'a RmsMap, usize)>,
    row: Vec<f32>,
}

impl<'a> Weights<'a> {
    /// `inputs`: the plane's noise, the map of floors and the local rms, if there are any; `first` is the slab's first row.
    pub(super) fn new(inputs: &'a [Arc<Value>], first: usize, nx: usize) -> Self {
        let floor = inputs.iter().find_map(|input| match &**input {
            Value::Floor(map) => Some((FloorRows::new(map, first), inputs[0].noise().sigma)),
            _ => None,
        });
        Self { floor, local: local_of(inputs).map(|map| (map, first)), row: vec![1.0; nx] }
    }

    pub(super) fn next_row(&mut self) -> &[f32] {
        if let Some((rows, sigma)) = &mut self.floor {
            rows.weights(*sigma, &mut self.row);
        } else if self.local.is_some() {
            self.row.fill(1.0);
        }
        if let Some((map, y)) = &mut self.local {
            map.weigh(*y, &mut self.row);
            *y += 1;
        }
        &self.row
    }
}

/// The local rms among the first inputs.
fn local_of(inputs: &[Arc<Value>]) -> Option<&RmsMap> {
    inputs.iter().take(3).find_map(|input| match &**input {
        Value::RmsMap(map) => Some(map),
        _ => None,
    })
}

/// Finds the peak of a slab; inputs: residual rows, where components may stand now, where the user lets them; the
/// plane's noise and the map of floors if the PSF falls short. The residual holds the pixels in steps of the grid.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rank {
    /// The slab's rows.
    pub rows: Rows,
    /// Shape of the plane, `(ny, nx)`.
    pub shape: (usize, usize),
    /// Pixels that count.
    pub grid: Grid,
    /// Signs that count.
    pub signs: Signs,
}

impl Work for Rank {
    const KIND: &'static str = "rank";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64, output_bytes: 8192, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (residual, now, user) = (inputs[0].residual(), inputs[1].allowed(), inputs[2].allowed());
        let ((ny, nx), step) = (self.shape, self.grid.step);
        let mut weights = Weights::new(&inputs[3..], self.rows.first, nx);
        let mut rank = SlabRank::default();
        for y in 0..self.rows.len() {
            let weights = weights.next_row();
            if !self.grid.holds(self.rows.first + y, ny) {
                continue;
            }
            let row = residual.pixels().row((self.rows.first + y) / step - self.rows.first.div_ceil(step));
            let (now, user) = (now.as_ref().map(|mask| mask.row(y)), user.as_ref().map(|mask| mask.row(y)));
            for x in self.grid.along(nx) {
                let height = self.signs.height(row[x / step]) * weights[x];
                if height > rank.outside && user.is_none_or(|user| user[x]) {
                    rank.outside = height;
                }
                if now.is_none_or(|now| now[x]) {
                    rank.peak = rank.peak.max(height);
                    rank.allowed += 1;
                    rank.levels.add(height);
                }
            }
        }
        Ok(Value::Rank(rank))
    }
}

/// Statistics of a plane; inputs: its noise, the map of floors if the PSF falls short, the ranks of its slabs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Statistics {
    /// Whether the second input is a map of floors.
    pub floor: bool,
}

impl Work for Statistics {
    const KIND: &'static str = "statistics";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: 1e4 * inputs.len() as f64, output_bytes: 8192, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut stats = *inputs[0].noise();
        let mut levels = Levels::default();
        let (least, greatest) = if self.floor { inputs[1].floor().range() } else { (0.0, 0.0) };
        let local = local_of(inputs);
        // thresholds refer to where it is quietest
        stats.scale = local.map_or(stats.sigma, |map| f64::from(map.least())).hypot(least);
        stats.missing = greatest;
        for rank in
            inputs[1 + usize::from(self.floor) + usize::from(local.is_some())..].iter().map(|input| input.rank())
        {
            stats.peak = stats.peak.max(rank.peak);
            stats.outside = stats.outside.max(rank.outside);
            stats.allowed += rank.allowed;
            levels.merge(&rank.levels);
        }
        Ok(Value::Statistics(stats, levels))
    }
}

/// Lists the pixels whose weighted residual is at or above a floor; inputs: residual rows, where components may stand,
/// the plane's noise, the map of floors if the PSF falls short.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Select {
    /// The slab's rows.
    pub rows: Rows,
    /// Shape of the plane, `(ny, nx)`.
    pub shape: (usize, usize),
    /// Pixels that count; residual and list count in steps of this grid.
    pub grid: Grid,
    /// Signs that count.
    pub signs: Signs,
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
        let ((ny, nx), step) = (self.shape, self.grid.step);
        let mut weights = Weights::new(&inputs[2..], self.rows.first, nx);
        let mut list = ActiveList::default();
        for y in 0..self.rows.len() {
            let weights = weights.next_row();
            if !self.grid.holds(self.rows.first + y, ny) {
                continue;
            }
            let at = (self.rows.first + y) / step;
            let row = residual.pixels().row(at - self.rows.first.div_ceil(step));
            let allowed = allowed.as_ref().map(|mask: &Mask| mask.row(y));
            for x in self.grid.along(nx) {
                let (value, weight) = (row[x / step], weights[x]);
                let is_high = self.signs.may_list(value) && value.abs() * weight >= self.floor;
                if is_high && allowed.is_none_or(|allowed| allowed[x]) {
                    list.push((at, x / step), value, weight);
                }
            }
        }
        Ok(Value::Active(list))
    }
}
