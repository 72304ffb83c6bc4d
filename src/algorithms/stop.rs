//! When to stop: one rule each, the first that fires is the reason, with its numbers.

use serde::{Deserialize, Serialize};

mod words;
mod worse;

pub use worse::{KeptState, Worse};

/// What is known of a plane's exact residual.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PlaneStats {
    /// Highest absolute value, weighted, where components may stand now \[Jy/beam\].
    pub peak: f32,
    /// The same where the user lets components stand, auto-mask or not \[Jy/beam\].
    pub outside: f32,
    /// Unit of the thresholds: noise and least missing sidelobes in quadrature \[Jy/beam\].
    pub scale: f64,
    /// Greatest estimate of the sidelobes that the PSF does not reach \[Jy/beam\].
    pub missing: f64,
    /// Robust noise: 1.4826 times the median absolute deviation \[Jy/beam\].
    pub sigma: f64,
    /// Root of the mean square \[Jy/beam\].
    pub rms: f64,
    /// Lowest value \[Jy/beam\].
    pub min: f32,
    /// Highest value \[Jy/beam\].
    pub max: f32,
    /// Pixels that are not blank.
    pub pixels: u64,
    /// Pixels where components may stand.
    pub allowed: u64,
}

/// Why a plane's deconvolution ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum StopReason {
    /// The peak came down to the threshold.
    Threshold {
        /// Highest absolute residual where components might stand \[Jy/beam\].
        peak: f32,
        /// The same without an auto-mask \[Jy/beam\].
        #[serde(default)]
        outside: f32,
        /// The threshold \[Jy/beam\].
        threshold: f32,
        /// Robust noise of the residual \[Jy/beam\].
        sigma: f64,
    },
    /// The peak came down to what the sidelobes beyond the PSF's reach leave: cleaning on would fit those.
    PsfFloor {
        /// Highest absolute residual where components might stand, weighted \[Jy/beam\].
        peak: f32,
        /// The same without an auto-mask \[Jy/beam\].
        #[serde(default)]
        outside: f32,
        /// The threshold \[Jy/beam\].
        threshold: f32,
        /// Greatest estimate of the missing sidelobes \[Jy/beam\].
        missing: f64,
    },
    /// The limit of components was reached.
    Iterations {
        /// The limit.
        niter: u64,
    },
    /// The limit of major cycles was reached.
    MajorCycles {
        /// The limit.
        nmiter: u64,
    },
    /// Cycles made things worse again and again; the last good state was kept.
    Diverged {
        /// What became worse in the last one.
        sign: Worse,
        /// Peak after the last cycle \[Jy/beam\].
        peak: f32,
        /// Lowest peak before it \[Jy/beam\].
        lowest: f32,
        /// What was kept.
        #[serde(default)]
        kept: KeptState,
    },
    /// Some tiles made things worse with safer settings too and were left as they were; the rest went on.
    TilesDiverged {
        /// The tiles, row by row from 0.
        tiles: Vec<usize>,
        /// Why the rest ended.
        rest: Box<StopReason>,
    },
    /// Cleaning deeper inside the auto-mask no longer explains the image; the last good state was kept.
    MaskExhausted {
        /// What became worse.
        sign: Worse,
    },
    /// Cycles no longer lower the peak.
    Stalled {
        /// Cycles in a row that lowered it by less than 1 %.
        cycles: u32,
        /// Lowest peak \[Jy/beam\].
        peak: f32,
    },
    /// The highest peak is negative, and the run was to end there.
    Negative {
        /// Highest absolute residual \[Jy/beam\].
        peak: f32,
    },
    /// No pixel may hold a component.
    NothingAllowed,
    /// The user asked for the end.
    Interrupted,
    /// A direct method has done its one pass.
    Solved {
        /// Iterations of the inner solver.
        iterations: u32,
        /// Relative residual of the inner solver, 0 for a filter.
        tolerance: f64,
    },
    /// The inner solver came to a halt before its tolerance; its best estimate was kept.
    Unsolved {
        /// Iterations of the inner solver.
        iterations: u32,
        /// Relative residual of the estimate that was kept.
        tolerance: f64,
        /// Whether the last iterations took nothing off it; else their number was at its limit.
        is_stuck: bool,
        /// Whether the prior outweighs the data from pixel to pixel.
        is_prior_strong: bool,
    },
    /// An iterative method no longer changes its model.
    Settled {
        /// Iterations.
        iterations: u32,
        /// Relative change of the model in each of the last ones.
        change: f64,
    },
    /// It still did at the limit of iterations.
    Unsettled {
        /// Iterations.
        iterations: u32,
        /// Relative change of the model in each of the last ones.
        change: f64,
    },
    /// Iterations raised the residual again and again; the last good model was kept, which is better than the beginning.
    Held {
        /// Iterations.
        iterations: u32,
    },
    /// Richardson-Lucy has done its work.
    Multiplied {
        /// Iterations.
        iterations: u32,
    },
    /// The plane holds no pixel that is not blank.
    Blank,
    /// The plane is zero everywhere.
    Empty,
    /// The plane's PSF is none.
    NoPsf,
}

impl StopReason {
    /// The rule's name, as it stands in summaries.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Threshold { .. } => "threshold",
            Self::PsfFloor { .. } => "psf-floor",
            Self::MaskExhausted { .. } => "mask-exhausted",
            Self::Iterations { .. } => "iterations",
            Self::MajorCycles { .. } => "major-cycles",
            Self::Diverged { .. } => "diverged",
            Self::TilesDiverged { .. } => "tiles-diverged",
            Self::Stalled { .. } => "stalled",
            Self::Negative { .. } => "negative",
            Self::NothingAllowed => "nothing-allowed",
            Self::Interrupted => "interrupted",
            Self::Solved { .. } => "solved",
            Self::Unsolved { .. } => "unsolved",
            Self::Multiplied { .. } => "multiplied",
            Self::Settled { .. } => "settled",
            Self::Unsettled { .. } => "unsettled",
            Self::Held { .. } => "held",
            Self::Blank => "blank",
            Self::Empty => "empty",
            Self::NoPsf => "no-psf",
        }
    }
}

impl StopReason {
    /// Whether the plane is written as blank.
    pub fn is_passed_through(&self) -> bool {
        matches!(self, Self::Blank | Self::Empty | Self::NoPsf)
    }

    /// Whether a part of the plane, or all of it, is no better for having been cleaned on.
    pub fn is_divergence(&self) -> bool {
        matches!(self, Self::Diverged { .. } | Self::TilesDiverged { .. })
    }
}

/// Where components may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Wherever the user lets them.
    #[default]
    Open,
    /// Only where there are components already, and next to them.
    Masked,
}

/// What follows when a plane has reached its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Follows {
    /// The end.
    #[default]
    End,
    /// Cycles inside a mask of the components so far.
    Mask,
}

/// Where a plane stands between two cycles; every rule looks at this and nothing else.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CycleState {
    /// The exact residual.
    pub stats: PlaneStats,
    /// Where components may stand.
    pub phase: Phase,
    /// What follows when the threshold is reached.
    pub follows: Follows,
    /// Threshold that holds now \[Jy/beam\].
    pub threshold: f32,
    /// Whether the last cycle went down to the threshold.
    pub is_final: bool,
    /// Components so far.
    pub iterations: u64,
    /// Major cycles done.
    pub major: u64,
    /// Images to choose from in a cycle: 1, or the scales.
    pub scales: u32,
    /// Lowest peak of the phase so far \[Jy/beam\].
    pub lowest: f32,
    /// Peak of a good state of the phase whose cycle went down to the threshold and left at most a tenth more \[Jy/beam\].
    pub near: Option<f32>,
    /// Cycles in a row that lowered the peak by less than 1 %.
    pub stalled: u32,
    /// What the last cycle made worse, if anything.
    pub worse: Option<Worse>,
    /// Cycles that were taken back, the last one included.
    pub backs: u32,
    /// Whether the last cycle ended at a negative peak that must not be cleaned.
    pub is_negative: bool,
    /// Whether the end was asked for.
    pub interrupted: bool,
}

/// A rule that can end a plane.
trait StopRule: Send + Sync {
    /// The reason, if the rule fires.
    fn fires(&self, state: &CycleState) -> Option<StopReason>;
}

struct Interrupted;
struct NothingAllowed;
struct Diverged {
    niter: u64,
    nmiter: u64,
}
struct Negative;
struct Threshold;
struct Iterations(u64);
struct MajorCycles(u64);
struct Stalled;

/// Cycles that may be taken back before the run gives up.
const BACKS: u32 = 3;
/// The exact peak may stand this much above the threshold that is told as reached: pixels that were not listed rise a little.
const SLACK: f32 = 1.01;
/// The same (ALGORITHMS 2.3) where a mask phase follows, which goes deeper anyway, and where the threshold is an estimate of missing
/// sidelobes, which is no better known.
pub(super) const ROUGH_SLACK: f32 = 1.1;
/// Missing sidelobes above this share of the noise are what sets the threshold.
const DOMINANT: f64 = 0.5;
/// Cycles in a row without progress that end the run (ALGORITHMS 2.9).
const PATIENCE: u32 = 3;

impl StopRule for Interrupted {
    fn fires(&self, state: &CycleState) -> Option<StopReason> {
        state.interrupted.then_some(StopReason::Interrupted)
    }
}

impl StopRule for NothingAllowed {
    fn fires(&self, state: &CycleState) -> Option<StopReason> {
        (state.stats.allowed == 0).then_some(StopReason::NothingAllowed)
    }
}

impl StopRule for Diverged {
    fn fires(&self, state: &CycleState) -> Option<StopReason> {
        let CycleState { stats, lowest, worse, backs, phase, near, .. } = state;
        // of several scales each may fail but one, and is then left out
        let most = BACKS.max(state.scales.saturating_sub(1));
        let is_last = *backs > most || state.iterations >= self.niter || state.major >= self.nmiter;
        let sign = worse.filter(|_| is_last)?;
        Some(match phase {
            // what came to nothing were but the last few per cent
            Phase::Open if near.is_some() => StopReason::Stalled { cycles: *backs, peak: near.unwrap_or(*lowest) },
            Phase::Open => StopReason::Diverged { sign, peak: stats.peak, lowest: *lowest, kept: KeptState::default() },
            Phase::Masked => StopReason::MaskExhausted { sign },
        })
    }
}

impl StopRule for Negative {
    fn fires(&self, state: &CycleState) -> Option<StopReason> {
        (state.is_negative && state.worse.is_none()).then_some(StopReason::Negative { peak: state.stats.peak })
    }
}

/// Re-armed at every cycle: the threshold is that of the present residual, whose noise falls as sidelobes go (2.5).
impl StopRule for Threshold {
    fn fires(&self, state: &CycleState) -> Option<StopReason> {
        let CycleState { stats, threshold, is_final, worse, follows, .. } = state;
        let (peak, outside, threshold) = (stats.peak, stats.outside, *threshold);
        let is_floor = stats.missing > DOMINANT * stats.sigma;
        let slack = if *follows == Follows::Mask || is_floor { ROUGH_SLACK } else { SLACK };
        let reached = peak <= threshold || (*is_final && peak <= slack * threshold);
        (reached && worse.is_none()).then_some(if is_floor {
            StopReason::PsfFloor { peak, outside, threshold, missing: stats.missing }
        } else {
            StopReason::Threshold { peak, outside, threshold, sigma: stats.sigma }
        })
    }
}

impl StopRule for Iterations {
    fn fires(&self, state: &CycleState) -> Option<StopReason> {
        (state.iterations >= self.0).then_some(StopReason::Iterations { niter: self.0 })
    }
}

impl StopRule for MajorCycles {
    fn fires(&self, state: &CycleState) -> Option<StopReason> {
        (state.major >= self.0).then_some(StopReason::MajorCycles { nmiter: self.0 })
    }
}

impl StopRule for Stalled {
    fn fires(&self, state: &CycleState) -> Option<StopReason> {
        (state.stalled >= PATIENCE).then_some(StopReason::Stalled { cycles: state.stalled, peak: state.lowest })
    }
}

/// The rules in force, in the order in which they are asked.
pub struct StopRules(Vec<Box<dyn StopRule>>);

impl StopRules {
    /// The rules with their limits.
    pub fn new(niter: u64, nmiter: u64) -> Self {
        Self(vec![
            Box::new(Interrupted),
            Box::new(NothingAllowed),
            Box::new(Diverged { niter, nmiter }),
            Box::new(Threshold),
            Box::new(Negative),
            Box::new(Iterations(niter)),
            Box::new(MajorCycles(nmiter)),
            Box::new(Stalled),
        ])
    }

    /// The reason of the first rule that fires.
    pub fn first(&self, state: &CycleState) -> Option<StopReason> {
        self.0.iter().find_map(|rule| rule.fires(state))
    }
}
