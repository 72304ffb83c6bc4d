//! What follows an exact residual: another cycle down to a floor, the mask, a step back, or the end with its reason.
//!
//! A major cycle is a minor cycle down to `1 - mgain` of the peak and the exact residual of the whole model. With an
//! auto-mask there are two phases: first everything down to `auto_mask * s`, then only the pixels that hold components,
//! and their neighbours, down to `auto_threshold * s` (ALGORITHMS 2.6). `s` is the robust noise of the residual, and
//! where the PSF falls short also the estimate of its missing sidelobes (see [`super::floor`]).
//!
//! A cycle that made things worse is taken back, and the next ones are more careful; the fourth ends the run.

use serde::{Deserialize, Serialize};

use super::asp::Turns;
use super::levels::Sight;
use super::params::Window;
use super::{AspParams, Minor, MinorRules, Patch, RmsMethod, TileChoice};
use crate::algorithms::stop::{CycleState, Follows, Phase, PlaneStats, ROUGH_SLACK, StopReason, StopRules};
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
    /// Threshold in units of the noise; 0 is off.
    pub auto_threshold: AutoThreshold,
    /// Level in units of the noise at which the mask is made of the components so far; 0 is off.
    pub auto_mask: f64,
    /// The same as a brightness \[Jy/beam\]; 0 is off, and the higher of both counts.
    pub abs_auto_mask: Flux,
    /// Pixels by which that mask grows.
    pub mask_dilate: usize,
    /// Border without components \[percent of the width per side\].
    pub clean_border: f64,
    /// Files of the mask, with commas between them; empty for none.
    pub mask: String,
    /// Model to begin with; empty for none.
    #[serde(rename = "continue")]
    pub start: String,
    /// Tiles that are cleaned side by side.
    pub tile: TileChoice,
    /// Part of the image where components may stand.
    pub window: Window,
    /// Whether the local rms weighs the search for the peak.
    pub local_rms: bool,
    /// Its window \[beams\].
    pub local_rms_window: f64,
    /// How it is taken.
    pub local_rms_method: RmsMethod,
    /// Power of its weights.
    pub local_rms_strength: f64,
    /// File that tells it; empty where the residual does.
    pub local_rms_image: String,
    /// Whether components are positive only.
    pub no_negative: bool,
    /// Whether the first negative peak ends the run.
    pub stop_negative: bool,
}

/// The threshold in units of the noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AutoThreshold {
    /// 1 inside an auto-mask, 3 without one (`WSClean`'s manual: 3 alone, 0.3 to 1 with a mask), 30 before another method.
    Auto,
    /// Given; 0 is off.
    Given(f64),
}

/// Times the noise down to which sources are bright, unless it is told.
const BRIGHT: f64 = 30.0;

impl CleanParams {
    /// The same for a CLEAN of the bright sources before another method: down to 30 times the noise, everywhere.
    pub fn of_bright(self) -> Self {
        let auto_threshold = match self.auto_threshold {
            AutoThreshold::Auto => AutoThreshold::Given(BRIGHT),
            given @ AutoThreshold::Given(_) => given,
        };
        Self { auto_threshold, auto_mask: 0.0, abs_auto_mask: Flux(0.0), ..self }
    }

    /// Final threshold in units of the noise.
    fn depth(&self) -> f64 {
        match self.auto_threshold {
            AutoThreshold::Given(sigmas) => sigmas,
            AutoThreshold::Auto if self.has_auto_mask() => 1.0,
            AutoThreshold::Auto => 3.0,
        }
    }

    /// Whether the noise has a say in where to stop.
    pub fn uses_noise(&self) -> bool {
        self.auto_mask > 0.0 || self.depth() > 0.0
    }

    /// Whether components make a mask.
    pub fn has_auto_mask(&self) -> bool {
        self.auto_mask > 0.0 || self.abs_auto_mask.0 > 0.0
    }

    /// Level down to which the open phase cleans before components make a mask, for noise of `scale` \[Jy/beam\].
    pub fn mask_level(&self, scale: f64) -> f64 {
        self.abs_auto_mask.0.max(self.auto_mask * scale)
    }
}

/// What to do after an exact residual.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// One more cycle; the present model is good.
    Cycle(MinorRules),
    /// Clean only where components are from now on; the present model is good.
    Mask,
    /// Clean wherever the user lets components stand again; the present model is good.
    Open,
    /// Back to the last good model.
    Back,
    /// The end; `back` tells to return to the last good model.
    Stop {
        /// Why.
        reason: StopReason,
        /// Whether the last good model is to be kept instead of the present one.
        back: bool,
    },
}

/// Pixels on the list at the most (ALGORITHMS 2.4).
pub(super) const MAX_ACTIVE: u64 = 200_000;
/// A peak outside the mask this much above where the first phase left it is worse.
const OUTSIDE_RISE: f32 = 1.5;

/// Share of the threshold down to which cycles go that follow one which came to it, but for a few pixels that were not listed; each
/// that gains nothing is followed by one that goes as much deeper.
const POLISH: f32 = 0.95;

/// Noise that fell by less than this is stable, and so is what stands out of it.
const STABLE: f64 = 0.95;
/// Peaks outside the mask may stand this much above the level at which it was made.
const SLACK: f32 = 1.1;

/// The loop of one plane, without its pixels: statistics in, decisions out.
pub struct Control {
    params: CleanParams,
    minor: Minor,
    patch: Patch,
    rules: StopRules,
    state: CycleState,
    /// Share of the peak that a cycle leaves.
    descent: f32,
    /// Cycles done.
    passes: u64,
    /// Peak that the mask phase may reach outside the mask \[Jy/beam\].
    outside_limit: f32,
    /// Noise when the present phase began \[Jy/beam\].
    phase_sigma: f64,
    /// Unit of the thresholds when the present phase began \[Jy/beam\].
    phase_scale: f64,
    /// The goal that a round of both phases has reached, if another round follows.
    reached: Option<StopReason>,
    /// Why the open phase came to nothing, if it did.
    stalled: Option<StopReason>,
    /// Whether the present state is an earlier one, measured again.
    returned: bool,
    /// Whether the plane began with components.
    continues: bool,
    /// Lowest noise of the mask phase \[Jy/beam\].
    lowest_sigma: f64,
    /// Whether each tile of the plane has a list of its own.
    is_tiled: bool,
    /// Lowest rms of all good states \[Jy/beam\].
    lowest_rms: f64,
    /// What may be rounding alone \[Jy/beam\].
    rounding: f32,
    /// Whether Gaussians or points have their turn, where there are both.
    turns: Option<Turns>,
}

impl Control {
    /// Begins a plane.
    pub fn new(params: CleanParams, minor: Minor, patch: Patch) -> Self {
        let rules = StopRules::new(params.niter, params.nmiter);
        let state = CycleState { lowest: f32::INFINITY, ..CycleState::default() };
        let descent = 1.0 - params.mgain;
        Self {
            params,
            minor,
            patch,
            rules,
            state,
            descent,
            passes: 0,
            outside_limit: f32::INFINITY,
            returned: false,
            continues: false,
            phase_sigma: 0.0,
            phase_scale: 0.0,
            reached: None,
            stalled: None,
            lowest_sigma: f64::INFINITY,
            is_tiled: false,
            lowest_rms: f64::INFINITY,
            rounding: 0.0,
            turns: None,
        }
    }

    /// The same for a loop that fits Gaussians.
    #[must_use]
    pub fn fitting(self, params: AspParams) -> Self {
        Self { turns: self.finds_shapes().then(|| Turns::new(params)), ..self }
    }

    /// The same for a plane that began with components of an earlier run.
    #[must_use]
    pub fn continuing(self, continues: bool) -> Self {
        Self { continues, ..self }
    }

    /// The same for a plane in tiles, which choose their common floor themselves ([`super::TileRules`]).
    #[must_use]
    pub fn in_tiles(self) -> Self {
        Self { is_tiled: true, ..self }
    }

    /// Takes note of the floor that the tiles chose.
    pub fn cleaned_to(&mut self, floor: f32) {
        self.state.is_final = floor <= self.state.threshold;
    }

    /// Where the plane stands.
    pub fn state(&self) -> &CycleState {
        &self.state
    }

    /// Takes note of how many components a cycle took, and whether it ended at a negative peak that must not be cleaned.
    pub fn took(&mut self, iterations: u64, is_negative: bool) {
        self.state.iterations += iterations;
        self.state.is_negative = is_negative;
        self.passes += 1;
    }

    /// Whether its loop finds shapes that its pixels do not tell.
    pub fn finds_shapes(&self) -> bool {
        self.minor == Minor::Asp
    }

    /// Decides after an exact residual.
    pub fn next(&mut self, stats: PlaneStats, sight: &Sight<'_>, interrupted: bool) -> Next {
        self.state.stats = stats;
        if self.passes == 0 {
            self.rounding = retry::rounding(&stats);
        }
        self.state.interrupted = interrupted;
        self.state.scales = sight.scales as u32;
        self.state.major = self.passes / self.minor.cycle().passes();
        self.state.threshold = self.threshold(&stats);
        self.state.worse = self.worse();
        self.state.follows = if self.goes_on_masked() { Follows::Mask } else { Follows::End };
        let was_taken_back = self.returned;
        if self.state.worse.is_some() {
            self.state.backs += 1;
        } else {
            self.accept();
        }
        match (self.rules.first(&self.state), self.state.worse) {
            (Some(StopReason::Threshold { .. } | StopReason::PsfFloor { .. }), None) if self.goes_on_masked() => {
                self.begin_phase(Phase::Masked);
                Next::Mask
            }
            (Some(stalled @ StopReason::Stalled { .. }), None) if self.goes_on_masked() => {
                self.stalled = Some(stalled);
                self.begin_phase(Phase::Masked);
                Next::Mask
            }
            (Some(reached @ (StopReason::Threshold { .. } | StopReason::PsfFloor { .. })), None)
                if self.is_rearmed() =>
            {
                self.reached = Some(reached);
                self.begin_phase(Phase::Open);
                Next::Open
            }
            // a mask phase that gets no deeper is in the way of what stands out beside it
            (None | Some(StopReason::Stalled { .. }), None)
                if (was_taken_back || self.state.stalled > 0) && self.is_rearmed() =>
            {
                self.descent = 1.0 - self.params.mgain;
                self.begin_phase(Phase::Open);
                Next::Open
            }
            (Some(StopReason::Threshold { .. } | StopReason::PsfFloor { .. }), None) if self.is_masked_anew() => {
                self.begin_phase(Phase::Masked);
                Next::Mask
            }
            (Some(reason), worse) => Next::Stop { reason: self.verdict(reason), back: worse.is_some() },
            (None, Some(_)) => {
                self.descent = f32::midpoint(1.0, self.descent);
                self.returned = true;
                self.state.is_final = false;
                self.turns.iter_mut().for_each(Turns::failed);
                Next::Back
            }
            (None, None) => Next::Cycle(self.rules(sight)),
        }
    }

    /// Whether the end of the open phase is the beginning of the mask phase; without components there is no mask.
    fn goes_on_masked(&self) -> bool {
        self.state.phase == Phase::Open && self.params.has_auto_mask() && (self.continues || self.state.iterations > 0)
    }

    /// The reason to tell: what the mask phase reaches is no success if the open phase had come to nothing, and where
    /// another round gains nothing the goal reached before it stands.
    fn verdict(&self, reason: StopReason) -> StopReason {
        match (&self.stalled, &self.reached, reason) {
            (
                Some(stalled),
                _,
                StopReason::Threshold { .. } | StopReason::PsfFloor { .. } | StopReason::MaskExhausted { .. },
            ) => stalled.clone(),
            (
                None,
                Some(reached),
                StopReason::Diverged { .. } | StopReason::Stalled { .. } | StopReason::MaskExhausted { .. },
            ) => reached.clone(),
            (_, _, reason) => reason,
        }
    }

    fn threshold(&self, stats: &PlaneStats) -> f32 {
        let depth = self.params.depth() * stats.scale;
        let level = match self.state.phase {
            Phase::Open if self.params.has_auto_mask() => depth.max(self.params.mask_level(stats.scale)),
            _ => depth,
        };
        (self.params.threshold.0 as f32).max(level as f32)
    }

    fn accept(&mut self) {
        let state = &mut self.state;
        if std::mem::take(&mut self.returned) {
            // the state of before, measured again
        } else if state.stats.peak > 0.99 * state.lowest {
            state.stalled += 1;
        } else {
            state.stalled = 0;
        }
        if state.is_final && state.stats.peak <= ROUGH_SLACK * state.threshold {
            state.near = Some(state.stats.peak);
        }
        state.lowest = state.lowest.min(state.stats.peak);
        self.lowest_rms = self.lowest_rms.min(state.stats.rms);
        if state.phase == Phase::Masked {
            self.lowest_sigma = self.lowest_sigma.min(state.stats.sigma);
        }
    }

    /// Whether the mask phase took so much noise away that peaks outside the mask stand out again (ALGORITHMS 2.5).
    ///
    /// Where the PSF falls short they must stand out of all that it may not explain: below the greatest estimate of missing
    /// sidelobes they are rather those (on BL Lac eight false components).
    fn is_rearmed(&self) -> bool {
        let stats = &self.state.stats;
        let open = (self.params.threshold.0 as f32).max(self.params.mask_level(stats.scale) as f32);
        let is_explained = f64::from(stats.outside) > stats.missing;
        let is_quieter = stats.sigma < STABLE * self.phase_sigma;
        self.state.phase == Phase::Masked && is_explained && is_quieter && stats.outside > SLACK * open
    }

    /// Whether the mask phase of several scales took so much noise away that the mask of the bright pixels would grow.
    fn is_masked_anew(&self) -> bool {
        let CycleState { phase, scales, stats, .. } = &self.state;
        *phase == Phase::Masked && *scales > 1 && stats.scale < STABLE * self.phase_scale
    }

    fn begin_phase(&mut self, phase: Phase) {
        let state = &mut self.state;
        self.outside_limit = OUTSIDE_RISE * state.threshold.max(state.stats.outside);
        self.phase_sigma = state.stats.sigma;
        self.phase_scale = state.stats.scale;
        self.lowest_sigma = f64::INFINITY;
        state.phase = phase;
        (state.lowest, state.near) = (f32::INFINITY, None);
        state.stalled = 0;
        state.is_final = false;
    }

    fn rules(&mut self, sight: &Sight<'_>) -> MinorRules {
        let CycleState { stats, threshold, iterations, .. } = &self.state;
        let floor = if self.minor.cycle().goes_all_the_way() {
            0.0
        } else {
            let patch = self.minor.cycle().least_floor(self.patch);
            let share = self.descent.max(patch) * stats.peak;
            let crowd = if self.is_tiled { 0.0 } else { sight.holding(MAX_ACTIVE) };
            share.max(crowd.min(0.9 * stats.peak))
        };
        // what a cycle down to the threshold left above it is taken by one that goes a little deeper
        let is_near = self.state.is_final && stats.peak <= ROUGH_SLACK * threshold;
        let deepest = if is_near { POLISH.powi(1 + self.state.stalled as i32) * threshold } else { *threshold };
        let floor = floor.max(deepest);
        let niter = self.params.niter - iterations;
        let (gain, patch, signs) = (self.params.gain, self.patch, self.params.signs());
        let rules = MinorRules { gain, floor, niter, patch, signs, asp: AspParams::default() };
        let rules = self.turns.as_mut().map_or(rules, |turns| turns.rules(rules, stats.peak));
        self.state.is_final = rules.floor <= *threshold;
        rules
    }
}

mod retry;
#[cfg(test)]
mod tests;

pub(super) use retry::{GAIN_LEFT, SCALES_RISE};
pub use retry::{PEAK_RISE, Retry};
