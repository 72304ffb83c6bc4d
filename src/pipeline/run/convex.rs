//! The convex solver over a batch of planes: some iterations and the exact residual after them, one graph each time.

use super::state::PlaneState;
use super::{RunError, Session};
use crate::algorithms::convex::{ConvexParams, Dictionary, Splitting};
use crate::algorithms::{KeptState, PlaneStats, StopReason, Worse};
use crate::pipeline::graphs::{
    Kept, PlaneKeys, Slabs, Sparse, SparseCut, SparseFacts, SparseKeys, SparseMeasured, SparseSeen, Wiring,
};
use crate::pipeline::ops::{AtomSetting, Value};
use crate::pipeline::outcome::ConvexOutcome;
use crate::pipeline::record::SolverPoint;

/// Iterations from one exact residual to the next.
const CYCLE: u32 = 5;
/// Iterations from one change of the weights to the next; the last come to rest with the weights as they are.
const REWEIGHT: u32 = 40;
/// Times that iterations may be taken back before the run gives up.
const BACKS: u32 = 5;
/// A residual whose rms is this many times the lowest one, or that of the dirty image, has diverged.
const RISE: f64 = 1.1;
/// The same against the lowest one before anything was found for sure: on the way there it swings.
const SWING: f64 = 1.5;
/// Relative change of the model in an iteration that counts as none.
const TOLERANCE: f64 = 3e-4;

/// Where a plane stands after an exact residual.
#[derive(Clone)]
struct Point {
    v: Vec<Slabs>,
    weights: Vec<Slabs>,
    noise: Vec<Kept>,
    data: Slabs,
    model: Slabs,
    /// `x . x`.
    norm: f64,
    stats: PlaneStats,
}

/// How boldly a plane is solved.
#[derive(Clone, Copy)]
struct Pace {
    /// Iterations from one exact residual to the next.
    cycle: u32,
    /// `α`.
    relaxation: f64,
    /// Whether modes of negative transfer count as not measured.
    positive_only: bool,
    /// Whether the noise may change by little only from one residual to the next.
    is_steady: bool,
}

impl Pace {
    /// With a relaxation of 1 and as many iterations between residuals the same error took 1.8 times the iterations.
    const BOLD: Self = Self { cycle: CYCLE, relaxation: 1.7, positive_only: false, is_steady: false };

    /// After iterations were taken back so often, the last time before anything was found for sure (`early`) or later.
    ///
    /// Padding and cropping give the step eigenvalues above 1, most of all where the PSF fills the image: relaxation times the largest must
    /// not exceed 2, and the inner problem, which does not know of them, must not go on for long. Thresholds that follow the noise at
    /// once swing with it. Both show early. Later it is modes of negative transfer, in which the objective has no minimum, that grow.
    fn after(self, backs: u32, early: bool) -> Self {
        let relaxation = 0.5_f64.powi(backs as i32 - 1);
        if early {
            Self { cycle: 1, relaxation, positive_only: backs >= 3, is_steady: true }
        } else {
            Self { relaxation: relaxation.min(self.relaxation), positive_only: true, ..self }
        }
    }
}

/// A plane between two graphs.
struct Solving {
    /// Its place among the batch.
    index: usize,
    /// What the inner problem takes for the transfer functions of several PSFs; empty for one.
    surrogate: Slabs,
    usable: Kept,
    powers: Kept,
    now: Point,
    /// Iterations so far, those that were taken back among them.
    iterations: u32,
    /// Times that the weights were made.
    reweights: u32,
    /// Relative change of the model in an iteration.
    change: f64,
    pace: Pace,
    /// Times that iterations were taken back.
    backs: u32,
    /// Whether it begins again with a model of zeros.
    is_reset: bool,
    /// Lowest rms of the residual since the weights were made \[Jy/beam\].
    lowest: f64,
    /// The dirty image's.
    start: f64,
    curve: Vec<SolverPoint>,
}

impl Session<'_> {
    /// Solves every plane of the batch.
    pub(super) fn sparse(&mut self, states: &mut [PlaneState]) -> Result<(), RunError> {
        self.load_transfers(false)?;
        if !self.has_start() {
            self.begin_with_model(states)?;
        }
        let all: Vec<usize> = (0..states.len()).filter(|index| states[*index].stop.is_none()).collect();
        let mut open = self.begin_sparse(states, &all)?;
        loop {
            let interrupted = self.tools.cancel.is_requested();
            for solving in
                open.extract_if(.., |solving| interrupted || solving.stop(&self.plan.config.convex).is_some())
            {
                let stop = solving.stop(&self.plan.config.convex).unwrap_or(StopReason::Interrupted);
                self.end_sparse(&mut states[solving.index], solving, stop);
            }
            if open.is_empty() {
                return Ok(());
            }
            self.reset_sparse(states, &mut open)?;
            self.cycle_sparse(states, &mut open)?;
        }
    }

    fn atoms(&self, state: &PlaneState) -> AtomSetting {
        let (cut, scales) = (self.plan.cut, &self.plan.config.multiscale);
        let dictionary = self.plan.config.convex.dictionary(scales, self.plan.beam_pixels, cut.shape);
        AtomSetting { layout: self.psfs[&state.plan.psf].kernel.layout, shape: cut.shape, dictionary }
    }

    fn sparse_cut(&self, state: &PlaneState, pace: Pace) -> SparseCut {
        let Pace { relaxation, positive_only, is_steady, .. } = pace;
        let setting = self.atoms(state);
        let (kappa, share) = (self.plan.config.convex.kappa(), setting.dictionary.share(self.plan.is_circular()));
        SparseCut { setting, splitting: Splitting { kappa, share, relaxation, positive_only }, is_steady }
    }

    /// The state of models of zeros, or of those that were given.
    fn begin_sparse(&self, states: &[PlaneState], planes: &[usize]) -> Result<Vec<Solving>, RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        let active = || planes.iter().map(|index| (*index, &states[*index]));
        for (_, state) in active() {
            let (planes, seen) = self.sparse_keys(&mut wiring, state);
            let residual = wiring.give_all("held-residual", state.plan.plane, &state.residual);
            let planes = PlaneKeys { residual, ..planes };
            let (keys, facts) =
                Sparse::begin(&mut wiring, state.plan.plane, self.sparse_cut(state, Pace::BOLD), (&planes, seen));
            targets.extend([facts.usable, facts.powers]);
            targets.extend(self.plan.grid().into_iter().flat_map(|_| facts.transfer.clone()));
            targets.extend(keys.v[0].iter().chain(&keys.noise).chain(&keys.data).cloned());
            targets.extend(
                (!planes.model.is_empty())
                    .then(|| wiring.dot(("given", state.plan.plane), &planes.model, &planes.model)),
            );
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        let slabs = self.plan.cut.slabs().len();
        Ok(active()
            .map(|(index, state)| {
                let AtomSetting { layout, dictionary, .. } = self.atoms(state);
                let [usable, powers] = [(); 2].map(|()| values.next().expect("what does not change comes first"));
                let mut take = |count: usize| -> Slabs { values.by_ref().take(count).collect() };
                let surrogate = take(self.plan.grid().map_or(0, |_| layout.blocks()));
                let zeros = take(slabs);
                let now = Point {
                    // in the order of the targets
                    v: vec![zeros.clone(); dictionary.count()],
                    weights: Vec::new(),
                    noise: take(dictionary.count()),
                    data: take(layout.blocks()),
                    model: if state.model.is_empty() { zeros } else { state.model.clone() },
                    norm: take(state.model.len().min(1)).first().map_or(0.0, |norm| *norm.small().scalar()),
                    stats: state.stats,
                };
                let lowest = state.stats.rms;
                Solving {
                    index,
                    surrogate,
                    usable,
                    powers,
                    now,
                    iterations: 0,
                    reweights: 0,
                    change: 1.0,
                    pace: Pace::BOLD,
                    backs: 0,
                    is_reset: false,
                    lowest,
                    start: lowest,
                    curve: Vec::new(),
                }
            })
            .collect())
    }

    /// Begins with models of zeros again where that is to be.
    fn reset_sparse(&self, states: &[PlaneState], open: &mut [Solving]) -> Result<(), RunError> {
        let planes: Vec<usize> = open.iter().filter(|solving| solving.is_reset).map(|solving| solving.index).collect();
        if planes.is_empty() {
            return Ok(());
        }
        let fresh = self.begin_sparse(states, &planes)?;
        for (solving, fresh) in open.iter_mut().filter(|solving| solving.is_reset).zip(fresh) {
            (solving.now, solving.lowest, solving.is_reset) = (fresh.now, fresh.lowest, false);
        }
        Ok(())
    }

    fn sparse_keys(&self, wiring: &mut Wiring, state: &PlaneState) -> (PlaneKeys, SparseSeen<'_>) {
        let plane = state.plan.plane;
        let planes = PlaneKeys {
            dirty: wiring.give_all("held-dirty", plane, &state.dirty),
            model: wiring.give_all("held-given", plane, &state.model),
            allowed: wiring.give_all("held-allow", plane, &state.allowed),
            mask: wiring.give_all("held-mask", plane, &state.mask),
            ..PlaneKeys::default()
        };
        (planes, (self.give_transfers(wiring, state.plan.psf), self.plan.grid()))
    }

    /// Some iterations of every open plane.
    fn cycle_sparse(&self, states: &[PlaneState], open: &mut [Solving]) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        let mut asked = Vec::new();
        for solving in open.iter() {
            let state = &states[solving.index];
            let plane = state.plan.plane;
            let (planes, seen) = self.sparse_keys(&mut wiring, state);
            let facts = solving.facts(&mut wiring, plane, &seen.0);
            let (keys, model) = solving.now.give(&mut wiring, plane);
            let (iterations, makes_weights) = solving.next(&self.plan.config.convex);
            let beam = if makes_weights { self.seen_beam(state) } else { None };
            let cut = self.sparse_cut(state, solving.pace);
            let sparse = Sparse::resume(&mut wiring, plane, cut, (&planes, seen), facts);
            let (after, measured) = sparse.cycle(&keys, iterations, &model, beam);
            targets.extend(all(&after, &measured));
            asked.push((iterations, beam.is_some()));
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for (solving, (iterations, is_weighted)) in open.iter_mut().zip(asked) {
            let has_weights = is_weighted || !solving.now.weights.is_empty();
            let weights = if has_weights { self.atoms(&states[solving.index]).dictionary.of_weights() } else { 0 };
            let (after, before) = self.point(solving, weights, &mut values);
            solving.advance(after, before, (iterations, is_weighted));
            let state = &states[solving.index];
            let (label, rms, change) = (&state.plan.label, solving.now.stats.rms, solving.change);
            let done = solving.iterations;
            self.tools.watch.note(&format!("{label}: iteration {done}, rms {rms:.3e} Jy/beam, change {change:.1e}"));
        }
        Ok(())
    }

    /// Takes what [`all`] asked for; also the inner product of the models after and before.
    fn point(&self, solving: &Solving, weighted: usize, values: &mut impl Iterator<Item = Kept>) -> (Point, f64) {
        let (slabs, parts) = (self.plan.cut.slabs().len(), solving.now.noise.len());
        let mut take = |count: usize| -> Slabs { values.by_ref().take(count).collect() };
        let v = (0..parts).map(|_| take(slabs)).collect();
        let weights = (0..weighted).map(|_| take(slabs)).collect();
        let (noise, data, model) = (take(parts), take(solving.now.data.len()), take(slabs));
        let last = take(3);
        let statistics = last[0].small();
        let Value::Statistics(stats, _) = &*statistics else { unreachable!("statistics were asked for") };
        let [norm, before] = [&last[1], &last[2]].map(|product| *product.small().scalar());
        (Point { v, weights, noise, data, model, norm, stats: *stats }, before)
    }

    fn end_sparse(&self, state: &mut PlaneState, solving: Solving, stop: StopReason) {
        let Solving { usable, now, iterations, reweights, change, pace, backs, curve, .. } = solving;
        if backs > 0 {
            let how = if pace.positive_only { ", and modes in which it is negative were left alone" } else { "" };
            state.notes.push(format!(
                "iterations were taken back {backs} times, since they raised the residual: the PSF is hard to invert{how}"
            ));
        }
        let sigma = |noise: &Kept| noise.small().noise().sigma;
        let dictionary = self.atoms(state).dictionary;
        state.convex = Some(ConvexOutcome {
            prior: self.plan.config.convex.prior,
            kappa: self.plan.config.convex.kappa(),
            widths_pixels: if let Dictionary::Atoms { widths, .. } = &dictionary { widths.clone() } else { Vec::new() },
            noise: now.noise.iter().map(sigma).collect(),
            rho: dictionary.share(self.plan.is_circular()) * usable.small().usable().max_transfer,
            relaxation: pace.relaxation,
            iterations,
            change,
            reweights,
            taken_back: backs,
        });
        (state.model, state.residual) = (now.model, Vec::new());
        state.usable = Some(usable);
        state.solver = curve;
        state.stop = Some(stop);
    }
}

/// All keys of a state and of what is known with it, in the order in which [`Session::point`] takes the values.
fn all(state: &SparseKeys, measured: &SparseMeasured) -> Vec<crate::graph::Key> {
    let SparseKeys { v, weights, noise, data } = state;
    let SparseMeasured { model, statistics, products } = measured;
    let slabs = v.iter().chain(weights).flatten().chain(noise).chain(data).chain(model);
    slabs.chain([statistics]).chain(products).cloned().collect()
}

impl Point {
    /// Gives all of it to a graph: the state, and the model.
    fn give(&self, wiring: &mut Wiring, plane: usize) -> (SparseKeys, Vec<crate::graph::Key>) {
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
    /// Gives what does not change to a graph; `transfers` are those of its PSFs.
    fn facts(&self, wiring: &mut Wiring, plane: usize, transfers: &[Vec<crate::graph::Key>]) -> SparseFacts {
        let transfer = if self.surrogate.is_empty() {
            transfers[0].clone()
        } else {
            wiring.give_all("held-surrogate", plane, &self.surrogate)
        };
        let usable = wiring.give("held-usable", plane, 0, &self.usable);
        SparseFacts { transfer, usable, powers: wiring.give("held-powers", plane, 0, &self.powers) }
    }

    /// Iterations until the next exact residual, and whether weights are made then.
    fn next(&self, params: &ConvexParams) -> (u32, bool) {
        let due = REWEIGHT * (self.reweights + 1);
        let is_due = self.reweights < params.reweights && self.iterations + self.pace.cycle >= due;
        (self.pace.cycle.min(params.iterations - self.iterations), is_due)
    }

    /// Why it ends, if it does.
    fn stop(&self, params: &ConvexParams) -> Option<StopReason> {
        let Self { iterations, change, .. } = *self;
        let is_settled = self.reweights >= params.reweights && change <= TOLERANCE;
        if self.backs > BACKS {
            let (peak, lowest) = (self.now.stats.max, self.now.stats.max);
            Some(StopReason::Diverged { sign: Worse::Rms, peak, lowest, kept: KeptState::default() })
        } else if is_settled {
            Some(StopReason::Settled { iterations, change })
        } else {
            (iterations >= params.iterations).then_some(StopReason::Unsettled { iterations, change })
        }
    }

    /// Takes note of some iterations, or takes them back where they raised the residual; `before` is the inner product of both models.
    fn advance(&mut self, after: Point, before: f64, (iterations, is_weighted): (u32, bool)) {
        self.iterations += iterations;
        let is_early = self.reweights == 0;
        let most = (RISE * self.start).min(if is_early { SWING } else { RISE } * self.lowest);
        let is_good = after.stats.rms <= most;
        if is_good {
            let moved = (after.norm - 2.0 * before + self.now.norm).max(0.0).sqrt();
            self.change =
                if moved > 0.0 { moved / after.norm.max(self.now.norm).sqrt() / f64::from(iterations) } else { 0.0 };
            self.lowest = if is_weighted { after.stats.rms } else { self.lowest.min(after.stats.rms) };
            self.reweights += u32::from(is_weighted);
            self.now = after;
        } else {
            self.backs += 1;
            self.pace = self.pace.after(self.backs, is_early);
            self.change = 1.0;
            if is_early && self.backs <= BACKS {
                // the state is in mid-swing, however good its model
                (self.is_reset, self.iterations) = (true, 0);
                self.curve.clear();
                return;
            }
        }
        self.curve.push(SolverPoint { iteration: self.iterations, relative: self.change, tolerance: TOLERANCE });
    }
}
