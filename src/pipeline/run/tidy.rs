//! The last steps of multiscale CLEAN, once a plane's cycles have come to their end.
//!
//! What cycles leave behind is not all emission: points beside a source that make up for errors of those on it, most of all
//! where it lies between pixels, and wide components whose wings others of opposite sign take back. So
//! - points are taken out where the restored image does not stand out by itself, and those next to them are fitted anew,
//! - and what the model holds below the noise, at the resolution of the clean beam, is taken away.
//!
//! The residual is exact after each step; all of it is taken back if the residual's rms rises.

use super::contest::did_converge;
use super::state::PlaneState;
use super::{RunError, Session};
use crate::algorithms::{Scale, Signs};
use crate::graph::Key;
use crate::images::BeamShape;
use crate::pipeline::graphs::{Kept, PlaneKeys, Slabs, Wiring};
use crate::pipeline::ops::Value;

/// Points with less than this share of the brightness of a place on whose side they stand are loose; so are those that lie
/// 0.86 widths or more from a single source. On offgrid-vla with the PSF of double size 0.21, 0.13 and 0.1 come to 1.679,
/// 1.617 and 1.649 noise (1.740 before): a wider circle leaves false flux, a narrower one does not explain bright sources.
const SIDE: f32 = 0.13;
/// Points up to so many beams apart are fitted together.
const GAP: f64 = 2.0;
/// An rms that rises by more is worse.
const RISE: f64 = 1.05;

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Step {
    /// The plane's cycles go on, or there are none.
    #[default]
    Waiting,
    /// Points are taken out.
    TakeOut,
    /// Those next to them are fitted anew.
    Refit,
    /// The model is trimmed.
    Trim,
    /// All of it is taken back.
    Undo,
    /// Nothing more.
    Done,
}

/// The last steps of a plane.
#[derive(Default)]
pub(super) struct Tidying {
    /// Which is next.
    pub step: Step,
    /// Where the restored image stands out; empty unless a graph has just told, for the auto-mask or the first fit.
    pub standing: Slabs,
    /// The points that were taken out.
    taken: Option<Kept>,
    /// Rms of the residual before \[Jy/beam\].
    rms: f64,
}

impl Session<'_> {
    /// Whether models of this plane are tidied, and the beam that tells what stands out.
    fn tidies(&self, state: &PlaneState) -> Option<BeamShape> {
        let is_asked = self.plan.config.multiscale.trim > 0.0 && self.plan.config.clean.has_auto_mask();
        self.points_number(state).filter(|_| is_asked)?;
        self.seen_beam(state)
    }

    /// The number of points among the scales: without them what is taken away could not be listed.
    fn points_number(&self, state: &PlaneState) -> Option<usize> {
        self.kits(state).iter().position(|kit| kit.scale.is_point())
    }

    /// The number of points among the scales, where these may be taken out: with several PSFs, or signs that are not allowed,
    /// the fit would not be that of CLEAN.
    fn loose_points(&self, state: &PlaneState) -> Option<usize> {
        let is_plain = self.plan.grid().is_none() && self.plan.config.clean.signs() == Signs::Both;
        self.points_number(state).filter(|_| is_plain)
    }

    /// Whether the auto-mask is to be told first where the restored image stands out.
    pub(super) fn asks_what_stands(&self, state: &PlaneState) -> bool {
        self.tidies(state).is_some() && self.loose_points(state).is_some()
    }

    /// Tells where the restored image stands out.
    pub(super) fn wire_standing(&self, wiring: &mut Wiring, state: &mut PlaneState) -> Vec<Key> {
        let keys = state.give(wiring, false);
        let beam = self.tidies(state).expect("only planes that are tidied are asked");
        wiring.standing(state.plan.plane, &keys, beam, (self.least(state), 0.0))
    }

    /// What stands out is as bright as what makes the auto-mask.
    fn least(&self, state: &PlaneState) -> f32 {
        self.plan.config.clean.mask_level(state.stats.scale) as f32
    }

    /// What follows the cycles of a plane that has stopped.
    pub(super) fn next_step(&self, state: &mut PlaneState) -> Option<Step> {
        let is_tired = self.tools.cancel.is_requested();
        let step = state.tidying.step;
        state.tidying.step = match step {
            Step::Waiting if is_tired || !self.begin_tidying(state) => Step::Done,
            Step::Waiting if self.loose_points(state).is_some() && state.found.is_some() => Step::TakeOut,
            Step::TakeOut if self.has_taken(state) => Step::Refit,
            Step::Waiting | Step::TakeOut | Step::Refit => Step::Trim,
            Step::Trim if state.stats.rms > RISE * state.tidying.rms => Step::Undo,
            Step::Trim | Step::Undo | Step::Done => Step::Done,
        };
        if state.tidying.step == Step::Done {
            state.tidying = Tidying { step: Step::Done, ..Tidying::default() };
            (state.good, state.good_found) = (Vec::new(), None);
            return None;
        }
        Some(state.tidying.step)
    }

    /// Sets the model aside as the good one, if it is to be tidied at all.
    fn begin_tidying(&self, state: &mut PlaneState) -> bool {
        let is_good = state.stop.as_ref().is_some_and(did_converge) && state.tally.components > 0;
        if !is_good || self.tidies(state).is_none() {
            return false;
        }
        state.good.clone_from(&state.model);
        state.good_found.clone_from(&state.found);
        state.tidying.rms = state.stats.rms;
        // none of them is looked at any more
        state.scales.clear();
        true
    }

    fn has_taken(&self, state: &PlaneState) -> bool {
        let taken = state.tidying.taken.as_ref().and_then(|taken| self.read(taken).ok());
        taken.is_some_and(|taken| taken.steps().0.iter().any(|step| !step.components.is_empty()))
    }

    /// Wires a step: what [`Self::take_tidied`] takes, then the exact residual.
    pub(super) fn wire_tidied(&self, wiring: &mut Wiring, state: &mut PlaneState, step: Step) -> Vec<Key> {
        let plane = state.plan.plane;
        if step == Step::Undo {
            (state.model, state.found) = (std::mem::take(&mut state.good), state.good_found.take());
        }
        let keys = state.give(wiring, true);
        let number = self.loose_points(state);
        let beam = self.tidies(state).expect("only planes that are tidied come here");
        let found = state.found.clone().map(|found| wiring.give("held-found", plane, 0, &found));
        let (mut told, mut added) = (Vec::new(), None);
        let model = match (step, number, &found) {
            (Step::TakeOut, Some(number), Some(found)) => {
                let standing = wiring.standing(plane, &keys, beam, (self.least(state), SIDE));
                added = Some(wiring.take_out(plane, number, found, &standing));
                told.extend(standing.into_iter().chain(added.clone()));
                self.with_points(wiring, state, &keys, added.as_ref())
            }
            (Step::Refit, Some(number), Some(found)) => {
                let psf = self.give_psfs(wiring, state.plan.psf).remove(0);
                let taken = state.tidying.taken.clone().expect("points were taken out before");
                let taken = wiring.give("held-taken", plane, 0, &taken);
                let gap = GAP * self.beam_pixels(&self.psfs[&state.plan.psf]);
                let standing = std::mem::take(&mut state.tidying.standing);
                let standing = wiring.give_all("held-standing", plane, &standing);
                let slabs = [&keys.residual[..], &standing[..], &keys.allowed[..]];
                let rules = (gap, f64::from(self.least(state)));
                added = Some(wiring.refit((plane, number), found, slabs, (&taken, &psf, rules)));
                self.with_points(wiring, state, &keys, added.as_ref())
            }
            (Step::Trim, ..) => {
                let level = self.plan.config.multiscale.trim * state.stats.sigma;
                let model = wiring.trimmed(plane, &keys, beam, level as f32);
                let listed = self.products.is_some_and(|products| products.lists.is_some());
                added = self
                    .points_number(state)
                    .filter(|_| listed)
                    .map(|at| wiring.trimmings(plane, at, (&keys.model, &model)));
                model
            }
            _ => keys.model.clone(),
        };
        if let Some(added) = &added {
            told.push(wiring.merge_steps(plane, found, added));
        }
        told.extend(self.wire_residual(wiring, state, PlaneKeys { model, ..keys }));
        told
    }

    /// The model with points added.
    fn with_points(&self, wiring: &mut Wiring, state: &PlaneState, keys: &PlaneKeys, points: Option<&Key>) -> Vec<Key> {
        let shapes: Vec<Scale> = self.kits(state).iter().map(|kit| kit.scale).collect();
        let points = points.expect("points are added");
        wiring.add_shapes(state.plan.plane, &shapes, &keys.model, points)
    }

    /// Takes what [`Self::wire_tidied`] asked for.
    pub(super) fn take_tidied(
        &self,
        state: &mut PlaneState,
        step: Step,
        values: &mut impl Iterator<Item = Kept>,
    ) -> Result<(), RunError> {
        let listed = self.products.is_some_and(|products| products.lists.is_some());
        let adds = match step {
            Step::TakeOut => {
                state.tidying.standing = values.by_ref().take(state.allowed.len()).collect();
                state.tidying.taken = values.next();
                true
            }
            Step::Refit => true,
            Step::Trim => listed,
            _ => false,
        };
        if adds {
            state.found = values.next();
        }
        self.take_residual(state, values);
        self.tell_step(state, step)
    }

    fn tell_step(&self, state: &PlaneState, step: Step) -> Result<(), RunError> {
        let what = match step {
            Step::TakeOut => {
                let taken = state.tidying.taken.as_ref().map(|taken| self.read(taken)).transpose()?;
                let count = |value: &Value| value.steps().0.iter().map(|step| step.components.len()).sum::<usize>();
                let taken = taken.map_or(0, |taken| count(&taken));
                if taken == 0 {
                    return Ok(());
                }
                format!("{taken} points beside brighter ones taken out")
            }
            Step::Refit => "points beside those taken out fitted anew".to_owned(),
            Step::Trim => "what the model held below the noise taken away".to_owned(),
            Step::Undo => "that raised the residual; taken back".to_owned(),
            Step::Waiting | Step::Done => return Ok(()),
        };
        let (label, stats, tally) = (&state.plan.label, &state.stats, &state.tally);
        self.tools.watch.note(&format!(
            "{label}: {what}; rms {:.3e}, noise {:.3e} Jy/beam, flux {:.4} Jy",
            stats.rms, stats.sigma, tally.flux
        ));
        Ok(())
    }
}
