//! CLEAN over a batch of planes: cycles in step, one graph for all planes that are not done.

use std::collections::BTreeMap;

use super::contest::Settled;
use super::scales::sight;
use super::state::PlaneState;
use super::tidy;
use super::tiles::wire_tiles;
use super::{RunError, Session};
use crate::algorithms::{CleanParams, Control, Kind, LocalRms, Minor, MinorRules, Next, StopReason, View};
use crate::graph::Key;
use crate::pipeline::graphs::{Kept, LocalWeights, MinorCut, PlaneKeys, Slabs, Wiring};
use crate::pipeline::ops::Value;
use crate::pipeline::plan::PlanePlan;

/// What a plane does in the next graph.
enum Task {
    /// A minor cycle from the present model.
    Cycle(MinorRules),
    /// The auto-mask of the present model.
    Mask,
    /// No auto-mask.
    Open,
    /// The last good model again.
    Back,
    /// The model that the plane began with again.
    Anew,
    /// Components no more in tiles that ran away.
    Leave,
    /// A look at all scales.
    Look,
    /// A look at where the restored image stands out.
    Stand,
    /// One of the last steps.
    Tidy(tidy::Step),
}

impl Session<'_> {
    /// Cleans every plane until its own rule stops it.
    pub(super) fn clean(&mut self, states: &mut [PlaneState], minor: Minor) -> Result<(), RunError> {
        self.load_transfers(true)?;
        self.begin_with_model(states)?;
        let params = self.clean_params();
        if minor == Minor::Multiscale {
            self.load_scales()?;
        }
        for state in states.iter_mut().filter(|state| state.stop.is_none()) {
            let patch = self.patch(state.plan.psf);
            self.begin_scales(state);
            self.begin_contest(state);
            state.begun = Some(state.stats);
            let control = Control::new(params.clone(), minor, patch).fitting(self.plan.config.asp);
            let control = control.continuing(state.tally.components > 0);
            state.control = Some(if self.plan.tiles.is_some() { control.in_tiles() } else { control });
            state.note_point();
        }
        loop {
            let tasks: Vec<_> =
                states.iter_mut().enumerate().filter_map(|(index, state)| Some((index, self.decide(state)?))).collect();
            if tasks.is_empty() {
                return Ok(());
            }
            self.compute(states, &tasks, minor)?;
        }
    }

    /// What CLEAN is told, alone or before another method.
    fn clean_params(&self) -> CleanParams {
        let params = self.plan.config.clean.clone();
        if self.is_direct() { params.of_bright() } else { params }
    }

    /// Asks a plane's control what follows; `None` for a plane that is done.
    fn decide(&self, state: &mut PlaneState) -> Option<Task> {
        if state.stop.is_some() {
            return if self.falls_back(state) { Some(Task::Anew) } else { self.next_step(state).map(Task::Tidy) };
        }
        if !state.tidying.standing.is_empty() {
            return Some(Task::Mask);
        }
        if let Some(reason) = state.contest.ending.take() {
            return self.end(state, reason);
        }
        if let Some(reason) = Self::gives_up(state) {
            return self.end(state, reason);
        }
        if state.runaways.is_new() {
            return Some(Task::Leave);
        }
        if state.scales.iter().any(|scale| !scale.is_fresh && !scale.is_out) {
            return Some(Task::Look);
        }
        let (stats, sight) = sight(self.kits(state), &state.scales, (&state.stats, &state.levels));
        let control = state.control.as_mut().expect("a plane that is not done has a control");
        match control.next(stats, &sight, self.tools.cancel.is_requested()) {
            Next::Cycle(rules) => {
                state.good = state.model.clone();
                state.good_found.clone_from(&state.found);
                Some(Task::Cycle(rules))
            }
            Next::Mask => {
                self.tools.watch.note(&format!("{}: cleaning on only where components are", state.plan.label));
                Some(if self.asks_what_stands(state) { Task::Stand } else { Task::Mask })
            }
            Next::Open => {
                let label = &state.plan.label;
                self.tools.watch.note(&format!("{label}: the noise fell; cleaning everywhere again"));
                Some(Task::Open)
            }
            Next::Back => {
                let label = &state.plan.label;
                self.tools.watch.note(&format!("{label}: that made things worse; taken back"));
                Self::ask_tiles(state, None);
                self.leave_out(state);
                Some(Task::Back)
            }
            Next::Stop { reason, back } => {
                let Some(reason) = self.stops(state, reason) else { return Some(Task::Back) };
                if back {
                    state.contest.ending = Some(reason);
                    return Some(Task::Back);
                }
                self.end(state, reason)
            }
        }
    }

    /// The end of a plane whose model is the good one, or what is to be tried before.
    fn end(&self, state: &mut PlaneState, reason: StopReason) -> Option<Task> {
        let settled = self.settle(state, reason);
        if let Some(reason) = &state.stop {
            self.tools.watch.note(&format!("{}: {reason}", state.plan.label));
        }
        match settled {
            Settled::Done => self.decide(state),
            Settled::TakeUp => Some(Task::Back),
        }
    }

    /// Runs one graph for all the planes that have something to do.
    fn compute(&self, states: &mut [PlaneState], tasks: &[(usize, Task)], minor: Minor) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        for (index, task) in tasks {
            let state = &mut states[*index];
            let wired = self.wire_task(&mut wiring, state, (task, minor));
            targets.extend(wired);
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for (index, task) in tasks {
            let state = &mut states[*index];
            match task {
                Task::Cycle(rules) => {
                    let floor = self.take_step(state, rules, &mut values)?;
                    self.take_residual(state, &mut values);
                    self.tell(state, floor);
                    state.note_point();
                }
                Task::Look => self.take_scales(state, &mut values),
                Task::Stand => state.tidying.standing = values.by_ref().take(state.allowed.len()).collect(),
                Task::Tidy(step) => self.take_tidied(state, *step, &mut values)?,
                Task::Mask | Task::Open if !state.scales.is_empty() => {
                    self.take_scale_masks(state, &mut values);
                    self.take_statistics(state, &mut values);
                    self.take_scales(state, &mut values);
                }
                Task::Mask => {
                    state.mask = values.by_ref().take(state.allowed.len()).collect();
                    self.take_statistics(state, &mut values);
                }
                Task::Open => {
                    state.mask = state.allowed.clone();
                    self.take_statistics(state, &mut values);
                }
                Task::Leave => self.take_rest(state, &mut values),
                Task::Anew => self.take_residual(state, &mut values),
                Task::Back => {
                    let whole = self.take_peaks(state, &mut values)?;
                    self.take_residual(state, &mut values);
                    Self::take_up_scales(state);
                    state.contest.ending =
                        state.contest.ending.take().or(whole.and_then(|reason| self.again(state, reason)));
                    state.note_point();
                }
            }
        }
        Ok(())
    }

    /// Wires what a plane has to do next.
    fn wire_task(&self, wiring: &mut Wiring, state: &mut PlaneState, what: (&Task, Minor)) -> Vec<Key> {
        let (task, minor) = what;
        match task {
            Task::Cycle(rules) => self.wire_cycle(wiring, state, (minor, *rules)),
            Task::Look => self.wire_look(wiring, state),
            Task::Stand => self.wire_standing(wiring, state),
            Task::Tidy(step) => self.wire_tidied(wiring, state, *step),
            Task::Mask | Task::Open if !state.scales.is_empty() => {
                self.wire_scale_masks(wiring, state, matches!(task, Task::Open))
            }
            Task::Mask => self.wire_mask(wiring, state),
            Task::Open => self.wire_open(wiring, state),
            Task::Leave => self.wire_rest(wiring, state),
            Task::Anew => self.wire_anew(wiring, state),
            Task::Back => {
                let peaks = self.wire_peaks(wiring, state);
                if !state.good.is_empty() {
                    state.model = std::mem::take(&mut state.good);
                    state.found = state.good_found.take();
                }
                state.outdate();
                let keys = state.give(wiring, true);
                peaks.into_iter().chain(self.wire_residual(wiring, state, keys)).collect()
            }
        }
    }

    fn tell(&self, state: &PlaneState, floor: f32) {
        self.tools.watch.note(&format!(
            "{}: {} components, peak {:.3e}, noise {:.3e} Jy/beam, flux {:.4} Jy (cleaned to {floor:.3e})",
            state.plan.label,
            state.control.as_ref().map_or(0, |control| control.state().iterations),
            state.stats.peak,
            state.stats.sigma,
            state.tally.flux,
        ));
    }

    /// A minor cycle, the model with its components, and the exact residual: what [`Self::take_step`] takes, then
    /// [`Self::wire_residual`].
    fn wire_cycle(&self, wiring: &mut Wiring, state: &mut PlaneState, cycle: (Minor, MinorRules)) -> Vec<Key> {
        let plane = state.plan.plane;
        let weights = wiring.give_all("held-weights", plane, &state.weights);
        let keys = state.give(wiring, true);
        let (minor, rules) = cycle;
        if minor == Minor::Multiscale {
            let (found, model) = self.wire_scales_cycle(wiring, state, (&keys, &weights), rules);
            let measured = self.wire_residual(wiring, state, PlaneKeys { model, ..keys });
            return found.into_iter().chain(measured).collect();
        }
        let psfs = self.give_psfs(wiring, state.plan.psf);
        let seen = (&psfs[..], self.plan.grid());
        if let Some(tiles) = self.plan.tiles {
            let (taken, model) =
                wire_tiles(wiring, plane, (&keys, &weights, seen), (tiles, minor, rules, &state.runaways.safe));
            let measured = self.wire_residual(wiring, state, PlaneKeys { model, ..keys });
            return taken.into_iter().chain(measured).collect();
        }
        let step = wiring.minor(plane, &keys, (&weights, seen), MinorCut { minor, rules });
        let model = wiring.add_components(plane, &keys.model, &step);
        let before = state.found.take().map(|found| wiring.give("held-found", plane, 0, &found));
        let found = (minor == Minor::Asp).then(|| wiring.merge_steps(plane, before, &step));
        let measured = self.wire_residual(wiring, state, PlaneKeys { model, ..keys });
        std::iter::once(step).chain(found).chain(measured).collect()
    }

    /// The exact residual of `keys.model` and its statistics: model, residual, tally, weights, statistics.
    pub(super) fn wire_residual(&self, wiring: &mut Wiring, state: &PlaneState, keys: PlaneKeys) -> Vec<Key> {
        let (plane, psf) = (state.plan.plane, state.plan.psf);
        let residual = self.wire_seen(wiring, (plane, psf), &keys);
        let keys = PlaneKeys { residual, ..keys };
        let measured = wiring.statistics(plane, &keys, self.shortfall(psf));
        let tally = wiring.tally(plane, &keys.model);
        let scales = self.wire_scales(wiring, state, (&keys, &measured.weights), None);
        let slabs = keys.model.into_iter().chain(keys.residual);
        slabs.chain([tally]).chain(measured.weights).chain([measured.statistics]).chain(scales).collect()
    }

    /// The auto-mask of the present model, and the statistics inside it: mask, weights, statistics.
    fn wire_mask(&self, wiring: &mut Wiring, state: &mut PlaneState) -> Vec<Key> {
        let plane = state.plan.plane;
        let keys = state.give(wiring, false);
        let mask = wiring.auto_mask(plane, &keys, self.plan.config.clean.mask_dilate);
        let keys = PlaneKeys { mask, ..keys };
        let measured = wiring.statistics(plane, &keys, self.shortfall(state.plan.psf));
        keys.mask.into_iter().chain(measured.weights).chain([measured.statistics]).collect()
    }

    /// The statistics without an auto-mask: weights, statistics.
    fn wire_open(&self, wiring: &mut Wiring, state: &mut PlaneState) -> Vec<Key> {
        let keys = state.give(wiring, false);
        let keys = PlaneKeys { mask: keys.allowed.clone(), ..keys };
        let measured = wiring.statistics(state.plan.plane, &keys, self.shortfall(state.plan.psf));
        measured.weights.into_iter().chain([measured.statistics]).collect()
    }

    /// Takes what [`Self::wire_residual`] asked for.
    pub(super) fn take_residual(&self, state: &mut PlaneState, values: &mut impl Iterator<Item = Kept>) {
        let slabs = self.plan.cut.slabs().len();
        let mut take = |count: usize| -> Slabs { values.by_ref().take(count).collect() };
        state.model = take(slabs);
        state.residual = take(slabs);
        state.tally = *values.next().expect("the tally follows the residual").small().tally();
        self.take_statistics(state, values);
        self.take_scales(state, values);
    }

    /// The local rms of every plane that is weighed by it.
    pub(super) fn local_rms(&self) -> BTreeMap<usize, LocalWeights> {
        let map = |plane: &PlanePlan| {
            let map = self.plan.inputs.noise.as_ref()?;
            Some((map.source.clone(), map.planes[plane.plane], self.scale(plane.psf)))
        };
        let weights = |plane: &PlanePlan| {
            let made = self.noise_maps.get(&plane.plane).cloned();
            Some((plane.plane, LocalWeights { ask: self.local_of(plane)?, map: map(plane), made }))
        };
        self.plan.planes.iter().filter_map(weights).collect()
    }

    /// The local rms of a plane that is weighed by it: its window is in beams, so its PSF is known by then.
    pub(super) fn local_of(&self, plane: &PlanePlan) -> Option<LocalRms> {
        let Kind::Clean(minor) = self.plan.algorithm().kind else { return None };
        if minor.cycle().view() != View::List {
            return None;
        }
        let psf = self.psfs.get(&plane.psf).filter(|psf| psf.facts().is_some())?;
        self.plan.config.clean.local(self.beam_pixels(psf))
    }

    /// How many values weigh the search in a plane: its noise, the map of floors and the local rms, where there are any.
    pub(super) fn weights_of(&self, plane: &PlanePlan) -> usize {
        1 + usize::from(self.shortfall(plane.psf).is_some()) + usize::from(self.local_of(plane).is_some())
    }

    /// Takes weights and statistics.
    pub(super) fn take_statistics(&self, state: &mut PlaneState, values: &mut impl Iterator<Item = Kept>) {
        let weights = self.weights_of(&state.plan);
        state.weights = values.by_ref().take(weights).collect();
        let statistics = values.next().expect("statistics come last");
        let statistics = statistics.small();
        let Value::Statistics(stats, levels) = &*statistics else { unreachable!("statistics were asked for") };
        state.stats = *stats;
        state.levels = levels.clone();
    }
}
