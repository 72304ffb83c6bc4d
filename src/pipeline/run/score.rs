//! A run that writes nothing: its estimates, and their scores.

use super::finish::is_passed_through;
use super::psf::Transfers;
use super::state::PlaneState;
use super::{RunError, Session};
use crate::pipeline::plan::Scores;

impl Session<'_> {
    /// Finds and measures the estimates of a batch, and their misfit with the held-out image where there is one.
    pub(super) fn score(&mut self, states: &mut [PlaneState]) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let (mut targets, mut misfits) = (Vec::new(), Vec::new());
        let mut transfers = Transfers::default();
        for state in states.iter_mut().filter(|state| !is_passed_through(state)) {
            let keys = if self.is_estimated(state) {
                let transfer = transfers.of(self, &mut wiring, state.plan.psf);
                let (keys, asked) = self.wire_estimate(&mut wiring, state, transfer)?;
                targets.extend(asked);
                keys
            } else {
                state.give_up(&mut wiring)
            };
            if let Scores::HeldOut { source, planes } = &self.plan.scores {
                let other = (source, planes[state.plan.plane]);
                misfits.push(wiring.misfit(state.plan.plane, &keys, (other, self.scale(state.plan.psf))));
            }
        }
        self.release_transfers(states.len());
        let is_held_out = !misfits.is_empty();
        targets.extend(misfits);
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for state in states.iter_mut().filter(|state| self.is_estimated(state)) {
            self.take_estimate(state, &mut values)?;
        }
        for state in states.iter_mut().filter(|state| is_held_out && !is_passed_through(state)) {
            let rms = values.next().expect("a misfit was asked for of every plane");
            state.held_out_rms = Some(*rms.small().scalar());
        }
        Ok(())
    }
}
