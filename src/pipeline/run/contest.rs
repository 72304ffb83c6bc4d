//! Points alone against several scales: whether an image needs the wide ones.
//!
//! Where the scales are chosen by the program, so is their number. A plane in which wide components were found is cleaned
//! once more with points alone. They are kept if they leave about as little with no more components (on M87 scales leave
//! five times the residual, on BL Lac they add a halo that lowers it by 3 %), if the noise that they leave is clearly
//! lower, or if they come to an end where several scales diverged or ran into a limit, and leave less. Else they soon come to their limit of components, which is what the scales took, and the model with scales is
//! taken up again.

use super::Session;
use super::state::PlaneState;
use crate::algorithms::{CleanParams, Control, Minor, PlaneStats, Retry, StopReason, Widths};
use crate::pipeline::graphs::{Kept, Slabs};
use crate::pipeline::record::CyclePoint;

/// How a plane stood when several scales were done.
pub(super) struct Rival {
    model: Slabs,
    found: Option<Kept>,
    control: Control,
    points: Vec<CyclePoint>,
    stats: PlaneStats,
    retry: Option<Retry>,
    stop: StopReason,
}

/// The contest of a plane.
#[derive(Default)]
pub(super) struct Contest {
    /// The model that the plane began with; empty where there is no contest.
    pub start: Slabs,
    /// Why the plane ended, while its last good model is being taken up again.
    pub ending: Option<StopReason>,
    /// The result with several scales, while points alone are tried.
    pub rival: Option<Rival>,
}

/// What follows the end of a plane's cycles.
pub(super) enum Settled {
    /// Nothing: the present model is the result.
    Done,
    /// The model set aside as the good one is to be taken up.
    TakeUp,
}

/// Points alone may leave this much more than several scales that took more components.
const AS_GOOD: f64 = 1.05;
/// Points alone whose noise is below this share of the other's are better, however many there are.
const CLEARLY_QUIETER: f64 = 0.8;
/// Components that points may take in any case: a try of so few costs nothing.
const FEW: u64 = 1000;

/// Whether points alone are to be kept rather than several scales; of each what it left, and after how many components.
fn points_win(points: (&PlaneStats, u64), scales: (&PlaneStats, u64)) -> bool {
    let is_frugal = points.1 <= scales.1 && points.0.rms <= AS_GOOD * scales.0.rms;
    is_frugal || points.0.sigma < CLEARLY_QUIETER * scales.0.sigma
}

/// Whether a plane ended by what was found in it, and not by a limit.
fn ended_by_itself(reason: &StopReason) -> bool {
    use StopReason as R;
    matches!(
        reason,
        R::Threshold { .. } | R::PsfFloor { .. } | R::MaskExhausted { .. } | R::Stalled { .. } | R::Diverged { .. }
    )
}

/// Whether cycles came to an end that is no divergence and no limit.
fn did_converge(reason: &StopReason) -> bool {
    ended_by_itself(reason) && !reason.is_divergence()
}

/// Whether points alone came to their end where several scales did not, and left less; of each how it ended, and what rms.
fn is_rescue(points: (&StopReason, f64), scales: (&StopReason, f64)) -> bool {
    did_converge(points.0) && !did_converge(scales.0) && points.1 <= scales.1
}

impl Session<'_> {
    /// Gets a plane ready for a contest, if its scales are the program's choice.
    pub(super) fn begin_contest(&self, state: &mut PlaneState) {
        let kits = self.kits(state);
        let has_both = kits.len() > 1 && kits.iter().any(|kit| kit.scale.is_point());
        if has_both && self.plan.config.multiscale.scales == Widths::Auto {
            state.contest.start.clone_from(&state.model);
        }
    }

    /// Settles what becomes of a plane whose cycles have ended, its model being the good one.
    pub(super) fn settle(&self, state: &mut PlaneState, reason: StopReason) -> Settled {
        let label = &state.plan.label;
        if let Some(rival) = state.contest.rival.take() {
            let iterations = state.control.as_ref().map_or(0, |control| control.state().iterations);
            let scales = (&rival.stats, rival.control.state().iterations);
            let is_rescue = is_rescue((&reason, state.stats.rms), (&rival.stop, rival.stats.rms));
            if is_rescue || ended_by_itself(&reason) && points_win((&state.stats, iterations), scales) {
                let note = if is_rescue {
                    "several scales came to no good end; points alone did, and are kept"
                } else {
                    "points alone explain it as well as several scales, and are kept"
                };
                self.tools.watch.note(&format!("{label}: {note}"));
                state.notes.push(note.into());
                state.stop = Some(reason);
                return Settled::Done;
            }
            self.tools.watch.note(&format!("{label}: points alone do not explain it; back to several scales"));
            return take_up(state, rival);
        }
        let kits = self.kits(state);
        let is_wide = kits.iter().zip(&state.scales).any(|(kit, scale)| !kit.scale.is_point() && scale.has_found);
        let is_worth_it = is_wide && !state.contest.start.is_empty() && !self.tools.cancel.is_requested();
        // the limit of cycles holds for each of the two
        let is_over = ended_by_itself(&reason) || matches!(reason, StopReason::MajorCycles { .. });
        if !is_worth_it || !is_over {
            state.stop = Some(reason);
            return Settled::Done;
        }
        self.tools.watch.note(&format!("{label}: {reason}; trying points alone"));
        self.begin_points(state, reason);
        Settled::TakeUp
    }

    /// Sets the result aside and begins anew with points alone.
    fn begin_points(&self, state: &mut PlaneState, stop: StopReason) {
        let clean = &self.plan.config.clean;
        let control = state.control.take().expect("a plane that has been cleaned has a control");
        let few = if did_converge(&stop) { control.state().iterations.max(FEW) } else { u64::MAX };
        let niter = clean.niter.min(few);
        let patch = self.psfs[&state.plan.psf].facts().map(|facts| facts.patch).unwrap_or_default();
        let found = state.found.take();
        let points = std::mem::take(&mut state.points);
        let (model, stats, retry) = (state.model.clone(), state.stats, state.retry.take());
        state.contest.rival = Some(Rival { model, found, control, points, stats, retry, stop });
        state.good = std::mem::take(&mut state.contest.start);
        state.good_found = None;
        state.mask.clone_from(&state.allowed);
        for (kit, scale) in self.psfs[&state.plan.psf].scales.iter().zip(&mut state.scales) {
            scale.is_out = !kit.scale.is_point();
            scale.mask.clone_from(&state.allowed);
        }
        state.control = Some(Control::new(CleanParams { niter, ..clean.clone() }, Minor::Multiscale, patch));
    }
}

/// Makes the result of several scales the good one.
fn take_up(state: &mut PlaneState, rival: Rival) -> Settled {
    let Rival { model, found, control, points, stats: _, retry, stop } = rival;
    (state.good, state.good_found) = (model, found);
    (state.control, state.points, state.retry, state.stop) = (Some(control), points, retry, Some(stop));
    Settled::TakeUp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_kept_where_they_are_as_good_with_no_more_components_or_clearly_quieter() {
        let left = |rms: f64, sigma: f64| PlaneStats { sigma, rms, ..PlaneStats::default() };
        let wins = |points: (f64, f64, u64), scales: (f64, f64, u64)| {
            points_win((&left(points.0, points.1), points.2), (&left(scales.0, scales.1), scales.2))
        };
        assert!(wins((1.04, 1.0, 500), (1.0, 1.0, 600)), "about as good, with fewer components");
        assert!(!wins((1.04, 1.0, 700), (1.0, 1.0, 600)), "with more components");
        assert!(!wins((1.10, 1.0, 500), (1.0, 1.0, 600)), "a worse residual");
        assert!(wins((1.10, 0.7, 700), (1.0, 1.0, 600)), "clearly quieter");
    }

    #[test]
    fn points_that_converge_are_kept_where_scales_did_not() {
        let (end, limit) = (StopReason::Stalled { cycles: 3, peak: 1.0 }, StopReason::MajorCycles { nmiter: 30 });
        assert!(is_rescue((&end, 1.0), (&limit, 1.0)));
        assert!(!is_rescue((&end, 1.1), (&limit, 1.0)), "more is left");
        assert!(!is_rescue((&limit, 0.5), (&limit, 1.0)) && !is_rescue((&end, 0.5), (&end, 1.0)));
    }
}
