//! When to stop: one rule each, the first that fires is the reason, with its numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is known of a plane's exact residual.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PlaneStats {
    /// Highest absolute value where components may stand \[Jy/beam\].
    pub peak: f32,
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
        /// Highest absolute residual \[Jy/beam\].
        peak: f32,
        /// The threshold \[Jy/beam\].
        threshold: f32,
        /// Robust noise of the residual \[Jy/beam\].
        sigma: f64,
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
    /// The peak rose; the best state was kept.
    Diverged {
        /// Peak after the last cycle \[Jy/beam\].
        peak: f32,
        /// Lowest peak, that of the state that was kept \[Jy/beam\].
        lowest: f32,
    },
    /// Cycles no longer lower the peak.
    Stalled {
        /// Cycles in a row that lowered it by less than 1 %.
        cycles: u32,
        /// Lowest peak \[Jy/beam\].
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
    /// The plane holds no pixel that is not blank.
    Blank,
    /// The plane or its PSF is zero everywhere.
    Empty,
}

impl StopReason {
    /// The rule's name, as it stands in summaries.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Threshold { .. } => "threshold",
            Self::Iterations { .. } => "iterations",
            Self::MajorCycles { .. } => "major-cycles",
            Self::Diverged { .. } => "diverged",
            Self::Stalled { .. } => "stalled",
            Self::NothingAllowed => "nothing-allowed",
            Self::Interrupted => "interrupted",
            Self::Solved { .. } => "solved",
            Self::Blank => "blank",
            Self::Empty => "empty",
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threshold { peak, threshold, sigma } => {
                write!(f, "peak {peak:.3e} Jy/beam is at the threshold of {threshold:.3e} (noise {sigma:.3e})")
            }
            Self::Iterations { niter } => write!(f, "the limit of {niter} components was reached"),
            Self::MajorCycles { nmiter } => write!(f, "the limit of {nmiter} major cycles was reached"),
            Self::Diverged { peak, lowest } => {
                write!(f, "diverged: the peak rose to {peak:.3e} Jy/beam; kept the state with peak {lowest:.3e}")
            }
            Self::Stalled { cycles, peak } => {
                write!(f, "stalled: {cycles} cycles in a row took less than 1 % off the peak of {peak:.3e} Jy/beam")
            }
            Self::NothingAllowed => write!(f, "mask and border leave no pixel to clean"),
            Self::Interrupted => write!(f, "interrupted by the user"),
            Self::Solved { iterations: 0, .. } => write!(f, "filtered in one pass"),
            Self::Solved { iterations, tolerance } => {
                write!(f, "solved in {iterations} iterations to a relative residual of {tolerance:.1e}")
            }
            Self::Blank => write!(f, "every pixel is blank; passed through"),
            Self::Empty => write!(f, "the plane or its PSF is zero everywhere; passed through as blank"),
        }
    }
}

/// Where a plane stands between two cycles; every rule looks at this and nothing else.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CycleState {
    /// The exact residual.
    pub stats: PlaneStats,
    /// Threshold that holds now \[Jy/beam\].
    pub threshold: f32,
    /// Robust noise when the last cycle's threshold was set \[Jy/beam\]; 0 before the first.
    pub sigma_before: f64,
    /// Components so far.
    pub iterations: u64,
    /// Major cycles done.
    pub major: u64,
    /// Lowest peak so far \[Jy/beam\].
    pub lowest: f32,
    /// Passes in a row that lowered the peak by less than 1 %.
    pub stalled: u32,
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
struct Diverged;
struct Threshold;
struct Iterations(u64);
struct MajorCycles(u64);
struct Stalled;

/// A peak this much above the lowest is divergence (the same 10 % as `DDFacet`'s `AllowResidIncrease`).
const RISE: f32 = 1.1;
/// The exact peak may stand this much above the threshold: unlisted pixels rise a little (ALGORITHMS 2.3).
const SLACK: f32 = 1.1;
/// Noise that fell by less than this is stable, and the threshold with it (ALGORITHMS 2.5).
const STABLE: f64 = 0.95;
/// Passes in a row without progress that end the run (ALGORITHMS 2.9).
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
        let CycleState { stats, lowest, .. } = state;
        (stats.peak > RISE * lowest).then_some(StopReason::Diverged { peak: stats.peak, lowest: *lowest })
    }
}

impl StopRule for Threshold {
    fn fires(&self, state: &CycleState) -> Option<StopReason> {
        let CycleState { stats, threshold, sigma_before, .. } = state;
        let slack = if stats.sigma >= STABLE * sigma_before { SLACK } else { 1.0 };
        let reached = stats.peak <= *threshold || (state.iterations > 0 && stats.peak <= slack * threshold);
        reached.then_some(StopReason::Threshold { peak: stats.peak, threshold: *threshold, sigma: stats.sigma })
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
            Box::new(Diverged),
            Box::new(Threshold),
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
