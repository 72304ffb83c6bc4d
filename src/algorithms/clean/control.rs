//! What follows an exact residual: another pass down to a floor, or the end with its reason.
//!
//! A major cycle takes the peak down by `mgain`; it is made of passes, each from an exact residual down to a floor that
//! keeps the active list short. Every pass ends in an exact residual of the whole model.

use serde::{Deserialize, Serialize};

use super::{Minor, MinorRules, Patch, Step, View};
use crate::algorithms::stop::{CycleState, PlaneStats, StopReason, StopRules};
use crate::units::Flux;

/// The `[clean]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CleanParams {
    /// Share of a peak that one component takes.
    pub gain: f32,
    /// Share of the peak that one major cycle takes.
    pub mgain: f32,
    /// Components per plane at the most.
    pub niter: u64,
    /// Major cycles per plane at the most.
    pub nmiter: u64,
    /// Threshold \[Jy/beam\].
    pub threshold: Flux,
    /// Threshold in units of the robust noise; 0 is off.
    pub auto_threshold: f64,
    /// Border without components \[percent of the width per side\].
    pub clean_border: f64,
    /// Mask file; empty for none.
    pub mask: String,
}

/// How many pixels lie at or above each level of absolute residual: eight levels per octave.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels(Vec<u32>);

/// Bits of an absolute `f32` that number its level: the exponent and three bits of the mantissa.
const LEVEL_SHIFT: u32 = 20;

impl Default for Levels {
    fn default() -> Self {
        Self(vec![0; 1 << (31 - LEVEL_SHIFT)])
    }
}

impl Levels {
    /// Counts a value.
    pub fn add(&mut self, value: f32) {
        self.0[(value.abs().to_bits() >> LEVEL_SHIFT) as usize] += 1;
    }

    /// Counts the values of another slab.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, count)| *sum += count);
    }

    /// The lowest level at or above which no more than `pixels` lie.
    pub fn holding(&self, pixels: u64) -> f32 {
        let mut count = 0;
        for (bin, inside) in self.0.iter().enumerate().rev() {
            count += u64::from(*inside);
            if count > pixels {
                return f32::from_bits((bin as u32 + 1) << LEVEL_SHIFT);
            }
        }
        0.0
    }
}

/// What to do after an exact residual.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// One more pass.
    Pass(MinorRules),
    /// The end; `best` tells to return to the state with the lowest peak.
    Stop {
        /// Why.
        reason: StopReason,
        /// Whether the state with the lowest peak is to be kept instead of the present one.
        best: bool,
    },
}

/// Share of the peak to which one pass cleans at the most: a compromise between short lists and few transforms.
const DESCENT: f32 = 0.35;
/// Pixels on the list at the most (ALGORITHMS 2.4).
const MAX_ACTIVE: u64 = 200_000;

/// The loop of one plane, without its pixels: statistics in, decisions out.
pub struct Control {
    params: CleanParams,
    minor: Minor,
    patch: Patch,
    rules: StopRules,
    state: CycleState,
    /// Level at which the present major cycle ends.
    cycle_floor: Option<f32>,
}

impl Control {
    /// Begins a plane.
    pub fn new(params: CleanParams, minor: Minor, patch: Patch) -> Self {
        let rules = StopRules::new(params.niter, params.nmiter);
        let state = CycleState { lowest: f32::INFINITY, ..CycleState::default() };
        Self { params, minor, patch, rules, state, cycle_floor: None }
    }

    /// Where the plane stands.
    pub fn state(&self) -> &CycleState {
        &self.state
    }

    /// Whether a state with these statistics has the lowest peak so far.
    pub fn is_improved_by(&self, stats: &PlaneStats) -> bool {
        stats.peak <= self.state.lowest
    }

    /// Takes note of what a pass found.
    pub fn took(&mut self, step: &Step) {
        self.state.iterations += step.iterations;
    }

    /// Decides after an exact residual.
    pub fn next(&mut self, stats: PlaneStats, levels: &Levels, interrupted: bool) -> Next {
        self.look(stats, interrupted);
        if let Some(reason) = self.rules.first(&self.state) {
            let best = matches!(reason, StopReason::Diverged { .. } | StopReason::Stalled { .. });
            return Next::Stop { reason, best };
        }
        self.state.lowest = self.state.lowest.min(self.state.stats.peak);
        self.state.sigma_before = self.state.stats.sigma;
        Next::Pass(self.pass(levels))
    }

    fn look(&mut self, stats: PlaneStats, interrupted: bool) {
        let state = &mut self.state;
        state.stalled = if stats.peak > 0.99 * state.lowest { state.stalled + 1 } else { 0 };
        state.threshold = (self.params.threshold.0 as f32).max((self.params.auto_threshold * stats.sigma) as f32);
        state.interrupted = interrupted;
        if self.cycle_floor.is_some_and(|floor| stats.peak <= SETTLED * floor) {
            state.major += 1;
            self.cycle_floor = None;
        }
        state.stats = stats;
    }

    fn pass(&mut self, levels: &Levels) -> MinorRules {
        let CycleState { stats, threshold, iterations, .. } = self.state.clone();
        let floor = *self
            .cycle_floor
            .get_or_insert_with(|| self.minor.cycle().floor(stats.peak, self.patch, self.params.mgain));
        let short = match self.minor.cycle().view() {
            View::List => (DESCENT * stats.peak).max(levels.holding(MAX_ACTIVE)).min(0.9 * stats.peak),
            View::Plane => 0.0,
        };
        let floor = floor.max(short).max(threshold);
        if self.minor.cycle().view() == View::Plane {
            self.cycle_floor = Some(floor);
        }
        MinorRules { gain: self.params.gain, floor, niter: self.params.niter - iterations, patch: self.patch }
    }
}

/// A major cycle has done its work when the exact peak is within this factor of its floor.
const SETTLED: f32 = 1.1;
