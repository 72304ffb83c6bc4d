//! Points alone against several scales: whether an image needs the wide ones.
//!
//! Where the scales are chosen by the program, so is their number. A plane in which wide components were found is cleaned
//! once more with points alone. They are kept if they leave about as little with a third of the components (on BL Lac scales
//! add a halo that lowers the residual by 3 %), if the noise that they leave is clearly lower (on M87 scales leave four
//! times as much), or if they come to an end where several scales diverged or ran into a limit, and leave less. Else they
//! soon come to their limit of components, a share of what the scales took, and the model with scales is taken up again.

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
/// As good means with no more than this share of their components: where noise is most of what is left, points that take
/// more leave as little, and miss the flux between them (1.6 % of it at 4096, where they took 0.34; BL Lac 0.27).
const FEWER: f64 = 0.3;
/// Points alone whose noise is below this share of the other's are better, however many there are.
const CLEARLY_QUIETER: f64 = 0.8;
/// Components that points may take in any case: a try of so few costs nothing.
const FEW: u64 = 1000;

/// Points alone that take so many times what scales took down to the same peak will not be fewer in the end.
const MORE: f64 = 1.5;

/// Components that were taken when the peak came down to `peak`, between cycles as powers of it; `None` if it never did.
fn taken_down_to(peak: f64, points: &[CyclePoint]) -> Option<f64> {
    let below = points.iter().position(|point| point.peak <= peak)?;
    let after = &points[below];
    let Some(before) = below.checked_sub(1).map(|index| &points[index]).filter(|before| before.peak > after.peak)
    else {
        return Some(after.iterations as f64);
    };
    let share = (before.peak / peak).ln() / (before.peak / after.peak).ln();
    let logs = [before, after].map(|point| (point.iterations.max(1) as f64).ln());
    Some((logs[0] + share.clamp(0.0, 1.0) * (logs[1] - logs[0])).exp())
}

/// Whether points alone are to be kept rather than several scales; of each what it left, and after how many components.
fn points_win(points: (&PlaneStats, u64), scales: (&PlaneStats, u64)) -> bool {
    let is_frugal = points.1 as f64 <= FEWER * scales.1 as f64 && points.0.rms <= AS_GOOD * scales.0.rms;
    is_frugal || are_quieter(points.0, scales.0)
}

/// Whether points alone leave clearly less noise.
fn are_quieter(points: &PlaneStats, scales: &PlaneStats) -> bool {
    points.sigma < CLEARLY_QUIETER * scales.sigma
}

/// Whether a plane ended by what was found in it, and not by a limit.
pub(super) fn ended_by_itself(reason: &StopReason) -> bool {
    use StopReason as R;
    matches!(
        reason,
        R::Threshold { .. } | R::PsfFloor { .. } | R::MaskExhausted { .. } | R::Stalled { .. } | R::Diverged { .. }
    )
}

/// Whether cycles came to an end that is no divergence and no limit.
pub(super) fn did_converge(reason: &StopReason) -> bool {
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

    /// Why points alone that are being tried may be given up, if they may.
    pub(super) fn gives_up(state: &PlaneState) -> Option<StopReason> {
        let rival = state.contest.rival.as_ref().filter(|rival| did_converge(&rival.stop))?;
        let last = state.points.last().filter(|point| point.iterations > FEW)?;
        let scales = taken_down_to(last.peak, &rival.points)?;
        (last.iterations as f64 > MORE * scales).then_some(StopReason::Iterations { niter: last.iterations })
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
                } else if are_quieter(&state.stats, &rival.stats) {
                    "points alone leave clearly less noise than several scales, and are kept"
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
        let few =
            if did_converge(&stop) { ((FEWER * control.state().iterations as f64) as u64).max(FEW) } else { u64::MAX };
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
    fn points_are_kept_where_they_are_as_good_with_a_third_of_the_components_or_clearly_quieter() {
        let left = |rms: f64, sigma: f64| PlaneStats { sigma, rms, ..PlaneStats::default() };
        let wins = |points: (f64, f64, u64), scales: (f64, f64, u64)| {
            points_win((&left(points.0, points.1), points.2), (&left(scales.0, scales.1), scales.2))
        };
        assert!(wins((1.04, 1.0, 300), (1.0, 1.0, 1000)), "about as good, with a third of the components");
        assert!(!wins((1.04, 1.0, 400), (1.0, 1.0, 1000)), "with more of them");
        assert!(!wins((1.10, 1.0, 300), (1.0, 1.0, 1000)), "a worse residual");
        assert!(wins((1.10, 0.7, 700), (1.0, 1.0, 600)), "clearly quieter");
    }

    #[test]
    fn components_down_to_a_peak_are_told_between_cycles() {
        let point =
            |iterations, peak| CyclePoint { cycle: 0, iterations, peak, sigma: None, threshold: None, flux: 0.0 };
        let points = [point(0, 1.0), point(100, 0.1), point(400, 0.001)];
        assert_eq!(taken_down_to(0.0005, &points), None);
        for (peak, expected) in [(2.0, 0.0), (0.1, 100.0), (0.01, 200.0), (0.001, 400.0)] {
            let found = taken_down_to(peak, &points).unwrap();
            assert!((found - expected).abs() < 1e-9, "{peak}: {found}");
        }
    }

    #[test]
    fn points_that_converge_are_kept_where_scales_did_not() {
        let (end, limit) = (StopReason::Stalled { cycles: 3, peak: 1.0 }, StopReason::MajorCycles { nmiter: 30 });
        assert!(is_rescue((&end, 1.0), (&limit, 1.0)));
        assert!(!is_rescue((&end, 1.1), (&limit, 1.0)), "more is left");
        assert!(!is_rescue((&limit, 0.5), (&limit, 1.0)) && !is_rescue((&end, 0.5), (&end, 1.0)));
    }
}
