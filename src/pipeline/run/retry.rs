//! A plane that diverged is cleaned once more, from its last good state and with safer settings.

use super::Session;
use super::state::PlaneState;
use crate::algorithms::{Retry, StopReason};

impl Session<'_> {
    /// What a stop means: another try where the plane diverged for the first time, or the reason to tell.
    pub(super) fn stops(&self, state: &mut PlaneState, reason: StopReason) -> Option<StopReason> {
        let reason = self.once_more(state, reason)?;
        Some(state.runaways.verdict(reason))
    }

    fn once_more(&self, state: &mut PlaneState, reason: StopReason) -> Option<StopReason> {
        if let Some(retry) = &state.retry {
            return Some(retry.verdict(reason));
        }
        if matches!(reason, StopReason::Diverged { .. }) && Self::ask_tiles(state, Some(&reason)) {
            return None;
        }
        self.again(state, reason)
    }

    /// Begins a plane that diverged once more, or returns the reason to tell.
    pub(super) fn again(&self, state: &mut PlaneState, reason: StopReason) -> Option<StopReason> {
        let StopReason::Diverged { .. } = reason else { return Some(reason) };
        let control = state.control.as_mut().expect("a plane that is cleaned has a control");
        let Some(retry) = control.retry(reason.clone()) else { return Some(reason) };
        let retry = Retry { scales: self.narrow(state), ..retry };
        self.tools.watch.note(&format!("{}: {}; once more with smaller steps", state.plan.label, retry.after));
        state.retry = Some(retry);
        None
    }

    /// Leaves out the wider half of the scales that are not out yet, but not the last one; returns how many are left.
    fn narrow(&self, state: &mut PlaneState) -> usize {
        let kits = self.kits(state);
        let mut left: Vec<usize> = (0..state.scales.len()).filter(|number| !state.scales[*number].is_out).collect();
        left.sort_by(|one, other| kits[*one].scale.width.total_cmp(&kits[*other].scale.width));
        let kept = left.len().div_ceil(2);
        left.iter().skip(kept).for_each(|number| state.scales[*number].is_out = true);
        kept
    }
}
