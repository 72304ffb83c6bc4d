//! CLEAN over a batch of planes: passes in step, one graph for all planes that are not done.

use super::state::PlaneState;
use super::{RunError, Session};
use crate::algorithms::{Control, Minor, MinorRules, Next};
use crate::graph::Key;
use crate::pipeline::graphs::{Held, PlaneKeys, Wiring};
use crate::pipeline::ops::{Kernel, Value};

impl Session<'_> {
    /// Cleans every plane until its own rule stops it.
    pub(super) fn clean(&mut self, states: &mut [PlaneState], minor: Minor) -> Result<(), RunError> {
        self.load_transfers()?;
        for state in states.iter_mut().filter(|state| state.stop.is_none()) {
            let patch = self.psfs[&state.plan.psf].patch;
            state.control = Some(Control::new(self.plan.config.clean.clone(), minor, patch));
            state.note_point();
        }
        loop {
            let passes = self.decide(states);
            if passes.is_empty() {
                break;
            }
            self.pass(states, &passes, minor)?;
        }
        self.return_to_best(states)
    }

    /// Asks every plane's control what follows: the planes that go on, with their rules.
    fn decide(&self, states: &mut [PlaneState]) -> Vec<(usize, MinorRules)> {
        let interrupted = self.tools.cancel.is_requested();
        let mut passes = Vec::new();
        for (index, state) in states.iter_mut().enumerate().filter(|(_, state)| state.stop.is_none()) {
            let control = state.control.as_mut().expect("a plane that is not done has a control");
            let improved = control.is_improved_by(&state.stats);
            match control.next(state.stats.clone(), &state.levels, interrupted) {
                Next::Pass(rules) => {
                    if improved {
                        state.best = None;
                    }
                    passes.push((index, rules));
                }
                Next::Stop { reason, best } => {
                    if !best || improved {
                        state.best = None;
                    }
                    self.tools.watch.note(&format!("{}: {reason}", state.plan.label));
                    state.stop = Some(reason);
                }
            }
        }
        passes
    }

    /// One pass of the given planes: minor cycle, model, exact residual, statistics.
    fn pass(&self, states: &mut [PlaneState], passes: &[(usize, MinorRules)], minor: Minor) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        for (index, rules) in passes {
            let state = &mut states[*index];
            if state.best.is_none() {
                state.best = Some(state.model.clone());
            }
            let psf_plane = state.plan.psf;
            let keys = state.give(&mut wiring, true);
            let psf = &self.psfs[&psf_plane];
            let psf_key = wiring.give_psf(psf_plane, &psf.psf);
            let step = wiring.minor(state.plan.plane, &keys, &psf_key, (minor, *rules));
            let model = wiring.add_components(state.plan.plane, &keys.model, &step);
            let after = PlaneKeys { model, ..keys };
            targets.push(step);
            targets.extend(self.measure(&mut wiring, state.plan.plane, psf_plane, after));
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for (index, rules) in passes {
            let state = &mut states[*index];
            let step = values.next().expect("the first target of a plane is its step");
            let step = step.value.step();
            state.control.as_mut().expect("the plane is under way").took(step);
            state.passes += 1;
            self.take(state, &mut values);
            self.tools.watch.note(&format!(
                "{}: {} components, peak {:.3e}, noise {:.3e} Jy/beam, flux {:.4} Jy (cleaned to {:.3e})",
                state.plan.label,
                state.control.as_ref().map_or(0, |control| control.state().iterations),
                state.stats.peak,
                state.stats.sigma,
                state.tally.flux,
                rules.floor,
            ));
            state.note_point();
        }
        Ok(())
    }

    /// Wires the exact residual of `keys.model` and its statistics: model, residual, statistics, tally.
    fn measure(&self, wiring: &mut Wiring, plane: usize, psf_plane: usize, keys: PlaneKeys) -> Vec<Key> {
        let transfer = self.give_transfer(wiring, psf_plane);
        let layout = self.psfs[&psf_plane].kernel.layout;
        let residual = wiring.residual(plane, &keys, &layout, (Kernel::Transfer, &transfer));
        let keys = PlaneKeys { residual, ..keys };
        let (statistics, tally) = (wiring.statistics(plane, &keys), wiring.tally(plane, &keys.model));
        keys.model.into_iter().chain(keys.residual).chain([statistics, tally]).collect()
    }

    /// Takes what [`Self::measure`] asked for.
    pub(super) fn take(&self, state: &mut PlaneState, values: &mut impl Iterator<Item = Held>) {
        let slabs = self.plan.cut.slabs().len();
        state.model = values.by_ref().take(slabs).collect();
        state.residual = values.by_ref().take(slabs).collect();
        let statistics = values.next().expect("statistics follow the residual");
        let Value::Statistics(stats, levels) = &*statistics.value else { unreachable!("statistics were asked for") };
        state.stats = stats.clone();
        state.levels = levels.clone();
        state.tally = *values.next().expect("the tally comes last").value.tally();
    }

    /// Takes planes whose last passes made things worse back to their best model, and measures that again.
    fn return_to_best(&self, states: &mut [PlaneState]) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        let mut back = Vec::new();
        for (index, state) in states.iter_mut().enumerate() {
            if let Some(best) = state.best.take() {
                state.model = best;
                let keys = state.give(&mut wiring, true);
                // the given model stands for the one that a pass would have made
                targets.extend(self.measure(&mut wiring, state.plan.plane, state.plan.psf, keys));
                back.push(index);
            }
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for index in back {
            self.take(&mut states[index], &mut values);
            states[index].note_point();
        }
        Ok(())
    }
}
