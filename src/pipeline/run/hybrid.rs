//! The bright sources of planes of which a direct method then makes the rest.

use super::state::PlaneState;
use super::{RunError, Session};
use crate::algorithms::{Control, Minor, StopReason};

impl Session<'_> {
    /// Cleans the bright sources of every plane, and leaves their model and its exact residual to begin with.
    pub(super) fn clean_bright(&mut self, states: &mut [PlaneState], minor: Minor) -> Result<(), RunError> {
        let open: Vec<usize> = (0..states.len()).filter(|index| states[*index].stop.is_none()).collect();
        self.clean(states, minor)?;
        for index in open {
            let state = &mut states[index];
            let stop = state.stop.take().expect("CLEAN ends with a reason");
            if stop == StopReason::Interrupted {
                // the direct method ends there too
                continue;
            }
            let progress = state.control.as_ref().map(Control::state).cloned().unwrap_or_default();
            let (components, flux, level) = (progress.iterations, state.tally.flux, progress.threshold);
            state.notes.push(format!(
                "{components} components of bright sources were cleaned before, {flux:.4} Jy down to {level:.2e} Jy/beam: {stop}"
            ));
            (state.good, state.points) = (Vec::new(), Vec::new());
        }
        Ok(())
    }
}
