//! Richardson-Lucy over a batch of planes: one graph per iteration for all of them.

use super::state::PlaneState;
use super::{RunError, Session};
use crate::algorithms::StopReason;
use crate::algorithms::lucy::LEAST_LOBE;
use crate::pipeline::graphs::{Kept, PlaneKeys, Slabs};

impl Session<'_> {
    /// Finds the model of every plane.
    ///
    /// # Errors
    /// [`RunError::NegativePsf`] for a PSF with negative sidelobes.
    pub(super) fn multiply(&mut self, states: &mut [PlaneState]) -> Result<(), RunError> {
        for state in states.iter().filter(|state| state.stop.is_none()) {
            let fit = self.psfs[&state.plan.psf].fit();
            if let Some(fit) = fit.filter(|fit| fit.sidelobe_min < LEAST_LOBE) {
                let file = self.plan.inputs.psf.0.spec().to_owned();
                return Err(RunError::NegativePsf { file, lowest: fit.sidelobe_min, allowed: LEAST_LOBE });
            }
        }
        self.load_transfers(false)?;
        let slabs = self.plan.cut.slabs().len();
        let mut sensitivity: Vec<Slabs> = states.iter().map(|_| Slabs::new()).collect();
        let iterations = self.plan.config.rl.iterations;
        let mut done = 0;
        while done <= iterations && !self.tools.cancel.is_requested() {
            let mut wiring = self.wiring();
            let mut targets = Vec::new();
            let open = || states.iter().zip(&sensitivity).filter(|(state, _)| state.stop.is_none());
            for (state, sensitivity) in open() {
                let plane = state.plan.plane;
                let layout = self.psfs[&state.plan.psf].kernel.layout;
                let (planes, transfer) = self.keys(&mut wiring, state);
                if done == 0 {
                    targets.extend(wiring.lucy_begin(plane, &planes, (&layout, &transfer)).concat());
                } else {
                    let model = wiring.give_all("held-model", plane, &state.model);
                    let held = wiring.give_all("held-sensitivity", plane, sensitivity);
                    let keys = PlaneKeys { model, ..planes };
                    targets.extend(wiring.lucy_iterate(plane, &keys, (&layout, &transfer), &held));
                }
            }
            if targets.is_empty() {
                return Ok(());
            }
            let mut values = self.execute(wiring, &targets)?.into_iter();
            let mut take = || -> Vec<Kept> { values.by_ref().take(slabs).collect() };
            for (state, sensitivity) in states.iter_mut().zip(&mut sensitivity) {
                if state.stop.is_some() {
                    continue;
                }
                state.model = take();
                if done == 0 {
                    *sensitivity = take();
                }
            }
            done += 1;
        }
        for state in states.iter_mut().filter(|state| state.stop.is_none()) {
            let iterations = done.saturating_sub(1);
            let is_cut = self.tools.cancel.is_requested();
            state.stop = Some(if is_cut { StopReason::Interrupted } else { StopReason::Multiplied { iterations } });
        }
        Ok(())
    }
}
