//! Where a plane stands between two graphs of the convex solver, and what it does next.

use crate::algorithms::convex::ConvexParams;
use crate::algorithms::{KeptState, PlaneStats, StopReason, Worse};
use crate::pipeline::graphs::{Kept, Slabs, SparseFacts, SparseKeys, Wiring};
use crate::pipeline::record::SolverPoint;

/// Iterations from one exact residual to the next.
const CYCLE: u32 = 5;
/// Iterations from one change of the weights to the next; the last come to rest with the weights as they are.
const REWEIGHT: u32 = 40;
/// Iterations in which fluxes are fitted once more where something was found.
const DEBIAS: u32 = 20;
/// Times that iterations may be taken back before the run gives up.
const BACKS: u32 = 5;
/// A residual whose rms is this many times the lowest one, or that of the dirty image, has diverged.
const RISE: f64 = 1.1;
/// The same of the dirty image where the plane repeats: one that comes to rest may do so above it, but blank pixels couple its modes, and it may run away.
const RUNAWAY: f64 = 3.0;
/// The same as [`RISE`] against the lowest one before anything was found for sure: on the way there it swings.
const SWING: f64 = 1.5;
/// The same in the first of iterations with a residual after each that have new weights: what was found stands higher at once, which a
/// single iteration does not make up for.
const REWEIGHED: f64 = 4.0;
/// Share of their thresholds that coefficients may be from the conditions of the optimum.
const GAP: f64 = 0.01;
/// A gap so many times the lowest one tells that steps are too bold: `ρ` is doubled.
const GAP_RISE: f64 = 2.0;
/// `ρ` over that at the begin, at the most by doubling.
const MOST_RHO: f64 = 8.0;
/// Relative change of the model in an iteration that counts as none.
const TOLERANCE: f64 = 3e-4;

/// Where a plane stands after an exact residual.
#[derive(Clone)]
pub(super) struct Point {
    pub(super) v: Vec<Slabs>,
    pub(super) weights: Vec<Slabs>,
    pub(super) noise: Vec<Kept>,
    pub(super) data: Slabs,
    pub(super) model: Slabs,
    /// `x . x`.
    pub(super) norm: f64,
    pub(super) stats: PlaneStats,
}

/// What new weights are to be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Brightness,
    Support,
}

/// How boldly a plane is solved.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// Iterations from one exact residual to the next.
    pub(super) cycle: u32,
    /// `α`.
    pub(super) relaxation: f64,
    /// Whether the noise may change by little only from one residual to the next.
    pub(super) is_steady: bool,
}

impl Pace {
    /// With a relaxation of 1 and as many iterations between residuals the same error took 1.8 times the iterations.
    pub(super) const BOLD: Self = Self { cycle: CYCLE, relaxation: 1.7, is_steady: false };

    /// After iterations were taken back so often, the last time before anything was found for sure (`early`) or later.
    ///
    /// Padding and cropping give the step eigenvalues above 1, most of all where the PSF fills the image: relaxation times the largest must
    /// not exceed 2, and the inner problem, which does not know of them, must not go on for long. Thresholds that follow the noise at
    /// once swing with it. Both show early. Later a single iteration does not make up for what the one before left, and `ρ` is what makes
    /// steps smaller.
    fn after(self, backs: u32, early: bool) -> Self {
        let relaxation = 0.5_f64.powi(backs as i32 - 1);
        if early {
            Self { cycle: 1, relaxation, is_steady: true }
        } else {
            Self { relaxation: self.relaxation.min(1.0), is_steady: true, ..self }
        }
    }
}

/// A plane between two graphs.
pub(super) struct Solving {
    /// Its place among the batch.
    pub(super) index: usize,
    /// What the inner problem takes for the transfer functions of several PSFs; empty for one.
    pub(super) surrogate: Slabs,
    pub(super) usable: Kept,
    pub(super) powers: Kept,
    pub(super) now: Point,
    /// Iterations so far, those that were taken back among them.
    pub(super) iterations: u32,
    /// Times that the weights were made.
    pub(super) reweights: u32,
    /// Relative change of the model in an iteration.
    pub(super) change: f64,
    /// How far the last iteration moved coefficients, over their thresholds.
    pub(super) gap: f64,
    /// The lowest since the weights were made.
    pub(super) lowest_gap: f64,
    /// `ρ` over that at the begin, of the next iterations and of the present coefficients.
    pub(super) rho: [f64; 2],
    /// Iterations after which what was found was left free.
    pub(super) freed: Option<u32>,
    pub(super) pace: Pace,
    /// Times that iterations were taken back.
    pub(super) backs: u32,
    /// Whether it begins again with a model of zeros.
    pub(super) is_reset: bool,
    /// Whether nothing but the thresholds moves its residual on the way: a plane that repeats, whose modes of negative transfer are
    /// mirrored. Without blank pixels its iterations come to rest, wherever that is: a residual that swings with the noise that it
    /// tells of is no divergence, nor is one that ends somewhat above the dirty image's, where modes of little weight are fitted at the cost
    /// of others. Blank pixels couple modes, and what runs away then is taken back (offgrid-vla with a border and a hole, `κ` of 0.01: an rms of 3e6 Jy/beam).
    is_tame: bool,
    /// Lowest rms of the residual since the weights were made \[Jy/beam\].
    pub(super) lowest: f64,
    /// The dirty image's.
    pub(super) start: f64,
    pub(super) curve: Vec<SolverPoint>,
}

impl Point {
    /// Gives all of it to a graph: the state, and the model.
    pub(super) fn give(&self, wiring: &mut Wiring, plane: usize) -> (SparseKeys, Vec<crate::graph::Key>) {
        let Self { v, weights, noise, data, model, .. } = self;
        let mut each = |name: &str, all: &[Slabs]| {
            all.iter()
                .enumerate()
                .map(|(part, slabs)| wiring.give_all(&format!("held-{name}{part}"), plane, slabs))
                .collect()
        };
        let (v, weights) = (each("v", v), each("weights", weights));
        let noise = wiring.give_all("held-noise", plane, noise);
        let data = wiring.give_all("held-data", plane, data);
        (SparseKeys { v, weights, noise, data }, wiring.give_all("held-model", plane, model))
    }
}

impl Solving {
    /// A plane before its first iteration.
    pub(super) fn begin(
        index: usize,
        surrogate: Slabs,
        [usable, powers]: [Kept; 2],
        now: Point,
        is_tame: bool,
    ) -> Self {
        let lowest = now.stats.rms;
        Self {
            index,
            surrogate,
            usable,
            powers,
            now,
            iterations: 0,
            reweights: 0,
            change: 1.0,
            gap: f64::INFINITY,
            lowest_gap: f64::INFINITY,
            rho: [1.0; 2],
            freed: None,
            pace: Pace::BOLD,
            backs: 0,
            is_reset: false,
            is_tame,
            lowest,
            start: lowest,
            curve: Vec::new(),
        }
    }

    /// Gives what does not change to a graph; `stand_ins` are what stands for its PSFs.
    pub(super) fn facts(&self, wiring: &mut Wiring, plane: usize, stand_ins: &[Vec<crate::graph::Key>]) -> SparseFacts {
        let transfer = if self.surrogate.is_empty() {
            stand_ins[0].clone()
        } else {
            wiring.give_all("held-surrogate", plane, &self.surrogate)
        };
        let usable = wiring.give("held-usable", plane, 0, &self.usable);
        SparseFacts { transfer, usable, powers: wiring.give("held-powers", plane, 0, &self.powers) }
    }

    /// Iterations until the next exact residual, and the weights that are made then.
    pub(super) fn next(&self, params: &ConvexParams) -> (u32, Option<Due>) {
        let Self { iterations, pace: Pace { cycle, .. }, .. } = *self;
        if self.is_at_end(params) {
            return (cycle, self.freed.is_none().then_some(Due::Support));
        }
        let is_due = self.reweights < params.reweights && iterations + cycle >= REWEIGHT * (self.reweights + 1);
        (cycle.min(params.iterations - iterations), is_due.then_some(Due::Brightness))
    }

    fn is_settled(&self, params: &ConvexParams) -> bool {
        // what was measured before new weights is not theirs, and where nothing is above the thresholds none are to come
        let (is_theirs, is_empty) = (self.lowest_gap.is_finite(), self.now.norm <= 0.0);
        // after iterations were taken back steps are short, and a small change is no sign of rest
        let is_still = self.change <= TOLERANCE && self.backs == 0 && !is_empty;
        let is_at_rest = self.gap <= GAP || is_still;
        (self.reweights >= params.reweights || is_empty) && is_theirs && is_at_rest
    }

    fn is_at_end(&self, params: &ConvexParams) -> bool {
        self.freed.is_some() || self.is_settled(params) || self.iterations >= params.iterations
    }

    /// Why it ends, if it does.
    pub(super) fn stop(&self, params: &ConvexParams) -> Option<StopReason> {
        let Self { iterations, change, .. } = *self;
        let is_fitting = params.debias && self.freed.is_none_or(|since| iterations < since + DEBIAS);
        if self.backs > BACKS && self.now.stats.rms < self.start {
            Some(StopReason::Held { iterations })
        } else if self.backs > BACKS {
            let (peak, lowest) = (self.now.stats.max, self.now.stats.max);
            Some(StopReason::Diverged { sign: Worse::Rms, peak, lowest, kept: KeptState::default() })
        } else if !self.is_at_end(params) || is_fitting {
            None
        } else if self.is_settled(params) {
            Some(StopReason::Settled { iterations, change })
        } else {
            Some(StopReason::Unsettled { iterations, change })
        }
    }

    /// Takes smaller steps where the gap grows: modes in which the transfer function is negative grow the faster, the smaller `ρ`.
    fn adapt(&mut self, has_new_weights: bool) {
        let [now, _] = self.rho;
        // steps that are short already take long enough
        let is_rising = self.gap > GAP_RISE * self.lowest_gap && now < MOST_RHO && !self.pace.is_steady;
        self.rho = [if is_rising { 2.0 * now } else { now }, now];
        self.lowest_gap = if has_new_weights || is_rising { f64::INFINITY } else { self.lowest_gap.min(self.gap) };
    }

    /// Takes note of some iterations, or takes them back where they raised the residual; `before` is the inner product of both models.
    pub(super) fn advance(&mut self, after: Point, [before, gap]: [f64; 2], (iterations, made): (u32, Option<Due>)) {
        self.iterations += iterations;
        let is_early = self.reweights == 0;
        let is_risen = after.stats.rms > if is_early { SWING } else { RISE } * self.lowest;
        let may_swing = is_early && self.iterations < REWEIGHT;
        let is_below = after.stats.rms <= RISE * self.start && (may_swing || !is_risen);
        let is_good = if self.is_tame { after.stats.rms <= RUNAWAY * self.start } else { is_below };
        if is_good {
            let moved = (after.norm - 2.0 * before + self.now.norm).max(0.0).sqrt();
            self.change =
                if moved > 0.0 { moved / after.norm.max(self.now.norm).sqrt() / f64::from(iterations) } else { 0.0 };
            self.gap = gap;
            self.adapt(made.is_some());
            if is_risen && !self.pace.is_steady {
                self.pace.is_steady = true;
                self.pace.cycle = if self.is_tame { self.pace.cycle } else { 1 };
                if is_early {
                    self.rho[0] = 2.0 * self.rho[1];
                }
            }
            self.lowest = match made {
                Some(_) if self.pace.is_steady => REWEIGHED * after.stats.rms,
                Some(_) => after.stats.rms,
                None => self.lowest.min(after.stats.rms),
            };
            self.reweights += u32::from(made == Some(Due::Brightness));
            self.freed = self.freed.or((made == Some(Due::Support)).then_some(self.iterations));
            self.now = after;
        } else {
            self.backs += 1;
            self.rho[0] = if is_early { 2.0 } else { 2.0 * self.rho[0] };
            self.pace = self.pace.after(self.backs, is_early);
            if is_early && self.backs <= BACKS {
                // the state is in mid-swing, however good its model
                (self.is_reset, self.iterations, self.change) = (true, 0, 1.0);
                self.curve.clear();
                return;
            }
        }
        self.curve.push(SolverPoint { iteration: self.iterations, relative: self.change, tolerance: TOLERANCE });
    }
}
