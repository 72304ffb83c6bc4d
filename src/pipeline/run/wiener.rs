//! Wiener-Hunt over a batch of planes: the filter in one graph, or one graph per iteration of the linear boundary's solver.

use super::state::PlaneState;
use super::{RunError, Session};
use crate::algorithms::wiener::{Ceiling, Equation, Filter, LambdaRule, MaternFit, Regularisation};
use crate::algorithms::{Direct, Kind, StopReason};
use crate::graph::Key;
use crate::images::UNIT_CELL;
use crate::pipeline::graphs::{Kept, PlaneKeys, Slabs, Solver, SolverKeys, Transfers, Wiring};
use crate::pipeline::ops::{Kernel, Setting, Value};
use crate::pipeline::plan::Scores;
use crate::pipeline::record::SolverPoint;

/// Relative residual of the equation, in the norm `√(r . z)`, that counts as solved.
///
/// Where the prior is strong, `|r|` is that of the edges alone, and many times its begin while the estimate comes near its end (BL
/// Lac by the VLBA); `√(r . z)` is the distance from the solution as the equation weighs it. On the fields of the harness it is about
/// twice `|r|`, for which ALGORITHMS 6.5 has 1e-4.
const TOLERANCE: f64 = 2e-4;
/// Iterations at the most.
const ITERATIONS: u32 = 200;
/// Iterations in a row that lower the residual by less than 1 % and end the solver.
const PATIENCE: u32 = 50;

/// A plane between two iterations of its solver.
pub(super) struct Solving {
    /// Its place among the batch.
    pub(super) index: usize,
    x: Slabs,
    r: Slabs,
    p: Slabs,
    rz: Kept,
    pub(super) usable: Kept,
    pub(super) choice: Option<Kept>,
    /// `r . z` before the first iteration.
    start: f64,
    /// Present `√(r . z)` over that before the first iteration.
    relative: f64,
    /// That of the best estimate, and this estimate.
    pub(super) lowest: f64,
    pub(super) best: Slabs,
    idle: u32,
    iterations: u32,
    /// The relative residual after each iteration.
    curve: Vec<SolverPoint>,
}

impl Session<'_> {
    /// Solves every plane of the batch by the linear boundary; the circular one needs no more than what
    /// [`Session::wire_estimate`] wires.
    pub(super) fn solve(&mut self, states: &mut [PlaneState]) -> Result<(), RunError> {
        self.check_sigma(states)?;
        let is_needed_again = self.plan.one_psf() && self.plan.planes.len() > self.plan.batch;
        let is_prior_free = self.plan.config.wiener.matern_ask(None).is_some();
        if !self.plan.is_circular() || is_needed_again || is_prior_free || self.plan.inputs.model.is_some() {
            self.load_transfers(false)?;
        }
        self.load_natural(states)?;
        if !self.has_start() {
            self.begin_with_model(states)?;
        }
        states.iter_mut().for_each(|state| state.given = std::mem::take(&mut state.model));
        self.fit_matern(states)?;
        if self.plan.is_circular() {
            return Ok(());
        }
        self.iterate(states)?;
        if self.plan.config.maps_uncertainty() { self.sample(states) } else { Ok(()) }
    }

    /// Whether the modes that the PSF leaves out bound what can come of it.
    fn has_ceiling(&self) -> bool {
        matches!(self.plan.algorithm().kind, Kind::Direct(Direct::Wiener))
    }

    /// Whether the estimate of a plane is a filter that is still to be applied.
    fn is_to_filter(&self, state: &PlaneState) -> bool {
        state.usable.is_none() && self.has_ceiling()
    }

    /// What is solved on a plane.
    pub(super) fn setting(&self, state: &PlaneState) -> Setting {
        let params = &self.plan.config.wiener;
        let layout = self.psfs[&state.plan.psf].kernel.layout;
        let found = |MaternFit { length, nu, .. }| Regularisation::Matern { nu, length };
        let (noise, reg) = (params.noise(), state.matern.map_or_else(|| params.regularisation(), found));
        Setting { layout, shape: self.plan.cut.shape, noise, reg, equation: state.equation }
    }

    /// Decides by which equation the planes are solved: what is known of their PSFs tells.
    fn choose_equations(&self, states: &mut [PlaneState]) -> Result<(), RunError> {
        if let Some(equation) = self.natural_equation() {
            states.iter_mut().for_each(|state| state.equation = equation);
            return Ok(());
        }
        for (state, usable) in self.usable_of_psfs(states)? {
            state.equation = Equation::of(self.plan.config.wiener.noise(), usable.small().usable());
        }
        Ok(())
    }

    /// The planes that have not stopped, with the modes that their PSFs measure: what is solved may be seen through others.
    pub(super) fn usable_of_psfs<'s>(
        &self,
        states: &'s mut [PlaneState],
    ) -> Result<impl Iterator<Item = (&'s mut PlaneState, Kept)>, RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        for state in states.iter().filter(|state| state.stop.is_none()) {
            let transfer = self.give_transfer(&mut wiring, state.plan.psf);
            targets.push(wiring.usable_modes(state.plan.plane, self.setting(state), (&transfer, &[])));
        }
        let values = self.execute(wiring, &targets)?;
        Ok(states.iter_mut().filter(|state| state.stop.is_none()).zip(values))
    }

    pub(super) fn keys(&self, wiring: &mut Wiring, state: &PlaneState) -> (PlaneKeys, Vec<Key>) {
        let plane = state.plan.plane;
        let dirty = wiring.give_all("held-dirty", plane, &state.dirty);
        let residual = wiring.give_all("held-residual", plane, &state.residual);
        let keys = PlaneKeys { dirty, residual, ..PlaneKeys::default() };
        (remainder(wiring, (state, plane), &keys), self.give_transfer(wiring, state.plan.psf))
    }

    pub(super) fn solver_keys(&self, wiring: &mut Wiring, state: &PlaneState) -> (PlaneKeys, Transfers) {
        let (planes, transfer) = self.keys(wiring, state);
        (planes, self.transfers(wiring, state.plan.psf, transfer))
    }

    /// The usable modes, and λ unless it is given.
    fn chosen(&self, values: &mut impl Iterator<Item = Kept>) -> (Kept, Option<Kept>) {
        let is_given = matches!(self.plan.config.wiener.rule(), LambdaRule::Given(_));
        let usable = values.next().expect("the usable modes were asked for");
        (usable, if is_given { None } else { values.next() })
    }

    /// The criterion of cross-validation, where it was asked for; the table beside it was only to be kept.
    fn scored(&self, values: &mut impl Iterator<Item = Kept>) -> Option<f64> {
        let mut next = || values.next().expect("score and table were asked for");
        let is_scored = matches!(self.plan.scores, Scores::CrossValidation);
        is_scored.then(|| [next(), next()]).map(|[score, _]| *score.small().scalar())
    }

    /// Conjugate gradients of the linear boundary: one graph per iteration for all planes that are not done.
    fn iterate(&mut self, states: &mut [PlaneState]) -> Result<(), RunError> {
        self.choose_equations(states)?;
        let mut open = self.start(states)?;
        loop {
            let interrupted = self.tools.cancel.is_requested();
            for solving in open.extract_if(.., |solving| interrupted || solving.is_done()) {
                let state = &mut states[solving.index];
                self.solved(state, (&solving.usable, solving.choice.as_ref()), solving.iterations, solving.lowest)?;
                if !solving.is_done() {
                    state.stop = Some(StopReason::Interrupted);
                } else if solving.lowest > TOLERANCE {
                    let Solving { iterations, lowest: tolerance, .. } = solving;
                    let is_stuck = solving.idle >= PATIENCE;
                    let is_prior_strong = self.filter_of(state, &solving)?.taper().is_some();
                    state.stop = Some(StopReason::Unsolved { iterations, tolerance, is_stuck, is_prior_strong });
                }
                state.model = solving.best;
                state.solver = solving.curve;
                state.choice = solving.choice;
            }
            if open.is_empty() {
                return Ok(());
            }
            self.iteration(states, &mut open)?;
        }
    }

    /// The filter that a plane was solved with.
    fn filter_of(&self, state: &PlaneState, solving: &Solving) -> Result<Filter, RunError> {
        let lambda = match &solving.choice {
            Some(choice) => choice.read().map_err(RunError::Scratch)?.choice().lambda,
            None => self.lambda().expect("lambda is chosen or given"),
        };
        Ok(Filter::new(&self.setting(state).problem(), solving.usable.small().usable(), lambda))
    }

    /// The state before the first iteration.
    fn start(&self, states: &mut [PlaneState]) -> Result<Vec<Solving>, RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        for state in states.iter().filter(|state| state.stop.is_none()) {
            let (planes, transfer) = self.solver_keys(&mut wiring, state);
            let setting = self.setting(state);
            let (mut solver, spectrum) =
                Solver::begin(&mut wiring, state.plan.plane, setting, (&planes, transfer), self.rule(state));
            let keys = solver.start(&spectrum);
            targets.push(solver.usable);
            targets.extend(solver.choice);
            targets.extend(solver.score.into_iter().flatten());
            targets.extend(solver.spread);
            targets.extend(solver.curves);
            targets.extend(order(keys));
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        let active = states.iter_mut().enumerate().filter(|(_, state)| state.stop.is_none());
        Ok(active
            .map(|(index, state)| {
                let known = self.chosen(&mut values);
                state.gcv = self.scored(&mut values);
                state.spread = self.spread_of(&mut values);
                state.curves = self.curves_of(state, &mut values);
                self.begun(index, known, &mut values)
            })
            .collect())
    }

    /// The state before the first iteration, from the values of a graph.
    pub(super) fn begun(
        &self,
        index: usize,
        (usable, choice): (Kept, Option<Kept>),
        values: &mut impl Iterator<Item = Kept>,
    ) -> Solving {
        let [x, r, p] = self.vectors(values);
        let rz = values.next().expect("a number follows the vectors");
        let start = *rz.small().scalar();
        let relative = if start > 0.0 { 1.0 } else { 0.0 };
        let curve = vec![SolverPoint { iteration: 0, relative: 1.0, tolerance: TOLERANCE }];
        let best = x.clone();
        Solving {
            index,
            best,
            x,
            r,
            p,
            rz,
            usable,
            choice,
            start,
            relative,
            lowest: relative,
            idle: 0,
            iterations: 0,
            curve,
        }
    }

    /// One iteration of every open plane.
    pub(super) fn iteration(&self, states: &[PlaneState], open: &mut [Solving]) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        for solving in open.iter_mut() {
            let state = &states[solving.index];
            let plane = state.plan.plane;
            let (planes, transfer) = self.solver_keys(&mut wiring, state);
            let usable = wiring.give("held-usable", plane, 0, &solving.usable);
            let choice = solving.choice.as_ref().map(|held| wiring.give("held-lambda", plane, 0, held));
            let before = SolverKeys {
                x: wiring.give_all("held-x", plane, &std::mem::take(&mut solving.x)),
                r: wiring.give_all("held-r", plane, &std::mem::take(&mut solving.r)),
                p: wiring.give_all("held-p", plane, &std::mem::take(&mut solving.p)),
                rz: wiring.give("held-rz", plane, 0, &solving.rz),
            };
            let lambda = self.lambda();
            let known = (usable, choice, lambda);
            let mut solver = Solver::resume(&mut wiring, plane, self.setting(state), (&planes, transfer), known);
            let (after, pq) = solver.iterate(&before);
            targets.extend(order(after));
            targets.push(pq);
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for solving in open {
            [solving.x, solving.r, solving.p] = self.vectors(&mut values);
            solving.rz = values.next().expect("a number follows the vectors");
            let pq = *values.next().expect("the curvature comes last").small().scalar();
            let rz = *solving.rz.small().scalar();
            solving.advance(rz, pq);
            let label = &states[solving.index].plan.label;
            let (iterations, relative) = (solving.iterations, solving.relative);
            self.tools.watch.note(&format!("{label}: iteration {iterations}, relative residual {relative:.2e}"));
        }
        Ok(())
    }

    pub(super) fn lambda(&self) -> Option<f64> {
        match self.plan.config.wiener.rule() {
            LambdaRule::Given(lambda) => Some(lambda),
            _ => None,
        }
    }

    fn vectors(&self, values: &mut impl Iterator<Item = Kept>) -> [Slabs; 3] {
        let slabs = self.plan.cut.slabs().len();
        std::array::from_fn(|_| values.by_ref().take(slabs).collect())
    }

    /// Wires a plane's estimate, which the solver has found or the filter of the circular boundary finds here, its exact
    /// residual, and what is measured of them: the keys of the images, and those for [`Session::take_estimate`].
    pub(super) fn wire_estimate(
        &self,
        wiring: &mut Wiring,
        state: &mut PlaneState,
        transfer: Vec<Key>,
    ) -> Result<(PlaneKeys, Vec<Key>), RunError> {
        let (plane, setting) = (state.plan.plane, self.setting(state));
        let mut keys = state.give_up(wiring);
        let mut targets = Vec::new();
        let solved = self.transfers(wiring, state.plan.psf, transfer.clone());
        let (usable, choice) = if self.is_to_filter(state) {
            let given = remainder(wiring, (state, plane), &keys);
            let (mut solver, spectrum) =
                Solver::begin(wiring, plane, setting, (&given, solved.clone()), self.rule(state));
            let model = solver.estimate(&spectrum);
            targets.push(solver.usable.clone());
            targets.extend(solver.choice.clone());
            targets.extend(solver.score.clone().into_iter().flatten());
            targets.extend(solver.spread.clone());
            targets.extend(solver.curves.clone());
            let (usable, choice, spread) = (solver.usable, solver.choice, solver.spread);
            keys.model = model;
            if let Some(spread) = spread.filter(|_| self.plan.config.maps_uncertainty()) {
                keys.sd = wiring.even_deviation(plane, &spread);
            }
            (Some(usable), choice)
        } else {
            let choice = state.choice.as_ref().map(|held| wiring.give("held-lambda", plane, 0, held));
            (state.usable.as_ref().map(|usable| wiring.give("held-usable", plane, 0, usable)), choice)
        };
        if !state.given.is_empty() {
            let given = wiring.give_all("held-given", plane, &state.given);
            keys.model = wiring.sum(plane, &keys.model, &given);
        }
        keys.residual = match self.plan.grid() {
            Some(_) => self.wire_seen(wiring, (plane, state.plan.psf), &keys),
            None => wiring.residual(plane, &keys, &setting.layout, (Kernel::Transfer, &transfer)),
        };
        // the model is no list of components, so no sidelobes are missing beside some of them
        let measured = wiring.statistics(plane, &keys, None);
        targets.extend([wiring.tally(plane, &keys.model), measured.statistics]);
        if let Some(usable) = usable.clone().filter(|_| self.plan.config.writes_resolution()) {
            let known = (usable, choice, self.lambda());
            let mut solver = Solver::resume(wiring, plane, setting, (&keys, solved.clone()), known);
            let (slabs, fit) = solver.response(self.plan.cell().unwrap_or(UNIT_CELL));
            keys.response = slabs;
            targets.push(fit);
        }
        if let (Some((shape, _)), Some(usable)) = (self.beam(state)?.filter(|_| self.has_ceiling()), usable) {
            let known = (usable, None, None);
            targets.extend(Solver::resume(wiring, plane, setting, (&keys, solved), known).ceiling(shape));
        }
        Ok((keys, targets))
    }

    /// Takes what [`Session::wire_estimate`] asked for.
    pub(super) fn take_estimate(
        &self,
        state: &mut PlaneState,
        values: &mut impl Iterator<Item = Kept>,
    ) -> Result<(), RunError> {
        if self.is_to_filter(state) {
            let (usable, choice) = self.chosen(values);
            state.gcv = self.scored(values);
            state.spread = self.spread_of(values);
            state.curves = self.curves_of(state, values);
            self.solved(state, (&usable, choice.as_ref()), 0, 0.0)?;
        }
        state.tally = *values.next().expect("the tally comes first").small().tally();
        let statistics = values.next().expect("statistics follow the tally").small();
        let Value::Statistics(stats, _) = &*statistics else { unreachable!("statistics were asked for") };
        state.stats = *stats;
        if self.plan.config.writes_resolution() {
            let found = *values.next().expect("the response was asked for").small().response();
            self.note_response(state, found);
        }
        if self.has_ceiling() && self.beam(state)?.is_some() {
            let blocks = self.psfs[&state.plan.psf].kernel.layout.blocks();
            note_ceiling(state, values.take(blocks));
        }
        Ok(())
    }
}

/// What is to be estimated: the dirty image, or the residual of the model that was given.
fn remainder(wiring: &mut Wiring, (state, plane): (&PlaneState, usize), keys: &PlaneKeys) -> PlaneKeys {
    let dirty = if state.given.is_empty() { keys.dirty.clone() } else { wiring.remainder(plane, keys) };
    PlaneKeys { dirty, ..PlaneKeys::default() }
}

/// The keys in the order in which [`Session::vectors`] takes their values, and the number.
pub(super) fn order(keys: SolverKeys) -> impl Iterator<Item = Key> {
    let number = keys.rz.clone();
    keys.vectors().into_iter().chain([number])
}

fn note_ceiling(state: &mut PlaneState, mut blocks: impl Iterator<Item = Kept>) {
    let mut ceiling: Ceiling = blocks.next().expect("a transform has a block").small().ceiling().clone();
    blocks.for_each(|part| ceiling.merge(part.small().ceiling()));
    let report = ceiling.report();
    if report.is_limiting() {
        state.notes.push(report.to_string());
    }
    if let Some(wiener) = &mut state.wiener {
        wiener.ceiling = Some(report);
    }
}

impl Solving {
    fn is_done(&self) -> bool {
        self.is_done_to(TOLERANCE)
    }

    /// Whether the equation is solved to a relative residual, or will not be.
    pub(super) fn is_done_to(&self, tolerance: f64) -> bool {
        self.relative <= tolerance || self.iterations >= ITERATIONS || self.idle >= PATIENCE
    }

    /// Takes note of an iteration that left `rz = r . z` along a direction of curvature `pq`.
    fn advance(&mut self, rz: f64, pq: f64) {
        self.iterations += 1;
        self.relative = (rz / self.start).sqrt();
        self.curve.push(SolverPoint { iteration: self.iterations, relative: self.relative, tolerance: TOLERANCE });
        self.idle = if self.relative < 0.99 * self.lowest { 0 } else { self.idle + 1 };
        if self.relative < self.lowest {
            self.lowest = self.relative;
            self.best.clone_from(&self.x);
        }
        if !(pq > 0.0 && rz.is_finite()) {
            // rounding ate the curvature: no step was taken, and none would be
            self.idle = PATIENCE;
        }
    }
}
