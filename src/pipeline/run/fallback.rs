//! A model whose residual is worse than what the plane began with is no result: what it began with is kept instead.
//!
//! Cycles may raise peak and rms a little on their way, and with the PSF of another image the last state that passed for good may be
//! one of those.

use super::Session;
use super::contest::ended_by_itself;
use super::state::PlaneState;
use crate::algorithms::{KeptState, PlaneStats, StopReason, Worse};
use crate::graph::Key;
use crate::pipeline::graphs::{PlaneKeys, Wiring};

/// What rounding may raise.
const ROUNDING: f64 = 1.0 + 1e-6;

/// What of a residual is worse than it was in the beginning, if anything is; the peak counts where all pixels could be cleaned, as
/// what is taken elsewhere may raise a source that is left.
fn worse_than(begun: &PlaneStats, now: &PlaneStats) -> Option<Worse> {
    let peak = |stats: &PlaneStats| f64::from(stats.min.abs().max(stats.max.abs()));
    let is_rms_worse = now.rms > ROUNDING * begun.rms || !now.rms.is_finite();
    let is_peak_worse = begun.allowed == begun.pixels && peak(now) > ROUNDING * peak(begun);
    if is_rms_worse { Some(Worse::Rms) } else { is_peak_worse.then_some(Worse::Peak) }
}

impl Session<'_> {
    /// Whether a plane that has stopped is to take up again what it began with, and why it ended then; where a limit of the user's
    /// ended it, it is only told.
    pub(super) fn falls_back(&self, state: &mut PlaneState) -> bool {
        // asked but once
        let Some(begun) = state.begun.take() else { return false };
        let is_empty = state.tally.components == 0 && self.plan.inputs.model.is_none();
        if let Some(StopReason::Diverged { kept, .. }) = state.stop.as_mut().filter(|_| is_empty) {
            *kept = KeptState::Empty;
        }
        let (Some(reason), Some(sign)) = (&state.stop, worse_than(&begun, &state.stats)) else { return false };
        let label = &state.plan.label;
        if !ended_by_itself(reason) && !reason.is_divergence() {
            if sign == Worse::Rms {
                let (rms, before) = (state.stats.rms, begun.rms);
                let note =
                    format!("the residual is worse than in the beginning: rms {rms:.3e} Jy/beam, {before:.3e} before");
                state.notes.push(note);
            }
            return false;
        }
        let kept = if self.plan.inputs.model.is_some() { KeptState::Given } else { KeptState::Empty };
        let (peak, lowest) = (state.stats.peak, begun.peak);
        let reason = StopReason::Diverged { sign, peak, lowest, kept };
        self.tools.watch.note(&format!("{label}: {reason}"));
        state.stop = Some(reason);
        true
    }

    /// The model that a plane began with, and its residual: what [`Self::take_residual`] takes.
    pub(super) fn wire_anew(&self, wiring: &mut Wiring, state: &mut PlaneState) -> Vec<Key> {
        let plane = state.plan.plane;
        state.outdate();
        state.found = None;
        let keys = state.give(wiring, true);
        let model = match &self.plan.inputs.model {
            Some(given) => wiring.model_of(plane, given, &keys.dirty),
            None => wiring.empty_model(plane),
        };
        self.wire_residual(wiring, state, PlaneKeys { model, ..keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residual_is_worse_by_its_rms_or_where_all_pixels_could_be_cleaned_by_its_peak() {
        let stats = |rms, max, allowed| PlaneStats { rms, max, allowed, pixels: 9, ..PlaneStats::default() };
        let begun = stats(1.0, 5.0, 9);
        assert_eq!(worse_than(&begun, &stats(0.9, 4.0, 9)), None);
        assert_eq!(worse_than(&begun, &begun), None);
        assert_eq!(worse_than(&begun, &stats(1.001, 4.0, 9)), Some(Worse::Rms));
        assert_eq!(worse_than(&begun, &stats(f64::NAN, 4.0, 9)), Some(Worse::Rms));
        assert_eq!(worse_than(&begun, &stats(0.9, 5.1, 3)), Some(Worse::Peak));
        assert_eq!(worse_than(&stats(1.0, 5.0, 8), &stats(0.9, 5.1, 3)), None);
    }
}
