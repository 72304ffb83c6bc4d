//! The scores of a run that writes nothing.

use super::finish::is_passed_through;
use super::state::PlaneState;
use super::{RunError, Session};
use crate::pipeline::plan::Scores;

impl Session<'_> {
    /// Measures the misfit of every plane of a batch with the held-out image, where there is one.
    pub(super) fn score(&mut self, states: &mut [PlaneState]) -> Result<(), RunError> {
        let Scores::HeldOut { source, planes } = &self.plan.scores else { return Ok(()) };
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        for state in states.iter_mut().filter(|state| !is_passed_through(state)) {
            let keys = state.give(&mut wiring, false);
            let other = (source, planes[state.plan.plane]);
            targets.push(wiring.misfit(state.plan.plane, &keys, (other, self.scale(state.plan.psf))));
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for state in states.iter_mut().filter(|state| !is_passed_through(state)) {
            let rms = values.next().expect("a misfit was asked for of every plane");
            state.held_out_rms = Some(*rms.small().scalar());
        }
        Ok(())
    }
}
