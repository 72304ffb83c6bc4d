//! Tiles that run away: where a plane diverged by the peaks of some tiles, those go on from the last good state with smaller
//! steps; where that comes to nothing either, they are left at their last good state and the rest goes on.
//!
//! A tile is known by its place in the grid. Its seams are searched anew in each cycle but stay within a quarter of a tile;
//! a cycle that follows one that was taken back has the same residual, and so the same seams.

use std::collections::BTreeSet;

use super::state::PlaneState;
use super::{RunError, Session};
use crate::algorithms::{CycleState, PEAK_RISE, Phase, Scale, StopReason, Worse};
use crate::graph::Key;
use crate::pipeline::graphs::{Kept, PlaneKeys, Taking, Wiring};
use crate::pipeline::ops::Value;

/// The tiles of a plane that ran away.
#[derive(Default)]
pub(super) struct Runaways {
    /// Those that take smaller steps.
    pub safe: Vec<usize>,
    /// Those of them that ran away again.
    pub out: Vec<usize>,
    /// Those of them where components may still stand.
    new: Vec<usize>,
    /// Weighted peak of each tile before the last cycle \[Jy/beam\].
    pub before: Vec<f32>,
    /// Those whose peaks rose in cycles that were taken back.
    risen: BTreeSet<usize>,
    /// Whether the next graph is to tell the peaks of the tiles in the state that is taken back, and what made it worse.
    pub asked: Option<Worse>,
    /// The divergence that follows from it, if it does.
    pub ending: Option<StopReason>,
    /// Whether scales that were left out before the cause was known are to take part again.
    is_forgiven: bool,
}

/// What tells that a tile ran away.
#[derive(Clone, Copy)]
enum Limit {
    /// A peak above this.
    Level(f32),
    /// A peak so many times as high as before the cycle, and above `least`: where the rms rose under a falling peak.
    Rise { least: f32, factor: f32 },
}

impl Runaways {
    /// Whether there are tiles where components may stand no more.
    pub(super) fn is_new(&self) -> bool {
        !self.new.is_empty()
    }

    /// Takes note of a cycle that is taken back: the peak of each tile in it, and the level or the rise that is too high.
    fn note_peaks(&mut self, peaks: &[f32], limit: Limit) {
        let before = |tile: usize| self.before.get(tile).copied().unwrap_or(0.0);
        let is_good = |tile: &usize| match limit {
            Limit::Level(level) => peaks[*tile] <= level,
            Limit::Rise { least, factor } => peaks[*tile] <= least.max(factor * before(*tile)),
        };
        let risen: Vec<usize> = (0..peaks.len()).filter(|tile| !is_good(tile)).collect();
        self.risen.extend(risen);
    }

    /// Takes note of a divergence of so many tiles. Whether some of the tiles are the cause, and not all of those that are
    /// left.
    fn blame(&mut self, tiles: usize) -> bool {
        let risen = std::mem::take(&mut self.risen);
        let is_in = |tile: &usize| !self.out.contains(tile);
        let (blamed, others): (Vec<usize>, Vec<usize>) =
            (0..tiles).filter(is_in).partition(|tile| risen.contains(tile));
        if blamed.is_empty() || others.is_empty() {
            return false;
        }
        let (again, first): (Vec<usize>, Vec<usize>) = blamed.into_iter().partition(|tile| self.safe.contains(tile));
        self.safe.extend(first);
        self.out.extend(&again);
        self.new.extend(again);
        true
    }

    /// What to tell in the end.
    pub(super) fn verdict(&self, reason: StopReason) -> StopReason {
        match reason {
            reason if self.out.is_empty() => reason,
            reason @ (StopReason::Diverged { .. } | StopReason::Interrupted) => reason,
            rest => StopReason::TilesDiverged { tiles: self.out.clone(), rest: Box::new(rest) },
        }
    }

    /// What to tell of it besides.
    pub(super) fn note(&self) -> Option<String> {
        (!self.safe.is_empty())
            .then(|| format!("tiles {:?} diverged, and were cleaned on with smaller steps", self.safe))
    }
}

impl Session<'_> {
    /// Asks which tiles are the cause where a cycle is taken back; `reason` is the divergence that it ends in, if it does.
    /// Whether that is to wait for the answer.
    pub(super) fn ask_tiles(state: &mut PlaneState, reason: Option<&StopReason>) -> bool {
        let Some(control) = state.control.as_ref().filter(|_| state.seams.is_some()) else { return false };
        let CycleState { worse, phase, .. } = control.state();
        let sign = worse.filter(|sign| matches!(sign, Worse::Peak | Worse::Rms) && *phase == Phase::Open);
        let waits = reason.is_some() && sign.is_some() && control.has_room();
        state.runaways.asked = sign.filter(|_| waits || reason.is_none());
        state.runaways.ending = reason.filter(|_| waits).cloned();
        waits
    }

    /// The peaks of the tiles in the present state at every scale, which is about to be taken back; the plane lets go of it.
    pub(super) fn wire_peaks(&self, wiring: &mut Wiring, state: &mut PlaneState) -> Option<Key> {
        let seams = state.seams.clone().filter(|_| state.runaways.asked.is_some())?;
        let plane = state.plan.plane;
        let seams = wiring.give("held-seams", plane, 0, &seams);
        let weights = wiring.give_all("held-weights", plane, &state.weights);
        let residual = wiring.give_all("held-worse", plane, &std::mem::take(&mut state.residual));
        let mask = wiring.give_all("held-mask", plane, &state.mask);
        let keys = PlaneKeys { mask, residual, ..PlaneKeys::default() };
        let mut scales = self.wide_scales(wiring, state, &weights);
        let kits = self.kits(state);
        if kits.is_empty() || kits.iter().any(|kit| kit.scale.is_point()) {
            scales.push(Taking { scale: (0, Scale::POINT), keys, weights, lowest: 0.0 });
        }
        self.plan.tiles.map(|tiles| wiring.tile_peaks(plane, &scales, &seams, tiles))
    }

    /// The present state as the wide scales see it that took part in it.
    fn wide_scales(&self, wiring: &mut Wiring, state: &PlaneState, weights: &[Key]) -> Vec<Taking> {
        let plane = state.plan.plane;
        let all = self.kits(state).iter().zip(&state.scales).enumerate();
        let wide = all.filter(|(_, (kit, scale))| !kit.scale.is_point() && scale.is_fresh);
        wide.map(|(number, (kit, scale))| {
            let residual = wiring.give_all(&format!("held-worse{number}"), plane, &scale.image);
            let mask = wiring.give_all(&format!("held-mask{number}"), plane, &scale.mask);
            let mut weights = weights.to_vec();
            if let Some(floor) = scale.floor.first() {
                weights[1] = wiring.give("held-floor", plane, number, floor);
            }
            let keys = PlaneKeys { mask, residual, ..PlaneKeys::default() };
            Taking { scale: (number, kit.scale), keys, weights, lowest: 0.0 }
        })
        .collect()
    }

    /// Takes what [`Self::wire_peaks`] asked for; returns the divergence if it is that of the whole plane.
    pub(super) fn take_peaks(
        &self,
        state: &mut PlaneState,
        values: &mut impl Iterator<Item = Kept>,
    ) -> Result<Option<StopReason>, RunError> {
        let Some(sign) = state.runaways.asked.take() else { return Ok(None) };
        let peaks = self.read(&values.next().expect("the peaks of the tiles come first"))?;
        let Value::TileRules(rules) = &*peaks else { unreachable!("peaks of tiles were asked for") };
        let control = state.control.as_mut().expect("the plane is under way");
        let limit = match sign {
            Worse::Rms => Limit::Rise { least: control.state().threshold, factor: PEAK_RISE },
            _ => Limit::Level(control.limit()),
        };
        state.runaways.note_peaks(&rules.peaks, limit);
        let Some(reason) = state.runaways.ending.take() else { return Ok(None) };
        if !state.runaways.blame(rules.peaks.len()) {
            return Ok(Some(reason));
        }
        control.forgive();
        state.runaways.is_forgiven = true;
        let Runaways { safe, out, .. } = &state.runaways;
        self.tools.watch.note(&format!("{}: tiles {safe:?} diverged; of them {out:?} again", state.plan.label));
        Ok(None)
    }

    /// Takes all scales up again where tiles were the cause, once the last graph, which went without some, has been taken.
    pub(super) fn take_up_scales(state: &mut PlaneState) {
        if std::mem::take(&mut state.runaways.is_forgiven) {
            state.scales.iter_mut().for_each(|scale| scale.is_out = false);
        }
    }

    /// Where components may stand without the tiles that ran away again: allowed, masks of the scales or of the plane, then
    /// weights, statistics, and all scales.
    pub(super) fn wire_rest(&self, wiring: &mut Wiring, state: &mut PlaneState) -> Vec<Key> {
        let plane = state.plan.plane;
        let tiles = std::mem::take(&mut state.runaways.new);
        let seams = state.seams.clone().expect("a plane in tiles has seams");
        let seams = wiring.give("held-seams", plane, 0, &seams);
        state.outdate();
        let keys = state.give(wiring, false);
        let allowed = wiring.leave_tiles(plane, ("allow-rest", &keys.allowed), &seams, &tiles);
        let mut leave = |number: usize, mask: &[Kept]| {
            let mask = wiring.give_all(&format!("held-mask{number}"), plane, mask);
            wiring.leave_tiles(plane, (&format!("mask-rest{number}"), &mask), &seams, &tiles)
        };
        let masks: Vec<Vec<Key>> = if state.scales.is_empty() {
            vec![leave(0, &state.mask)]
        } else {
            state.scales.iter().enumerate().map(|(number, scale)| leave(number, &scale.mask)).collect()
        };
        let point = self.kits(state).iter().position(|kit| kit.scale.is_point());
        let mask = if state.scales.is_empty() { &masks[0] } else { point.map_or(&allowed, |point| &masks[point]) };
        let keys = PlaneKeys { mask: mask.clone(), allowed, ..keys };
        let measured = wiring.statistics(plane, &keys, self.shortfall(state.plan.psf));
        let scales = self.wire_scales(wiring, state, (&keys, &measured.weights), Some(&masks));
        let held = keys.allowed.into_iter().chain(masks.into_iter().flatten());
        held.chain(measured.weights).chain([measured.statistics]).chain(scales).collect()
    }

    /// Takes what [`Self::wire_rest`] asked for.
    pub(super) fn take_rest(&self, state: &mut PlaneState, values: &mut impl Iterator<Item = Kept>) {
        let slabs = self.plan.cut.slabs().len();
        state.allowed = values.by_ref().take(slabs).collect();
        if state.scales.is_empty() {
            state.mask = values.by_ref().take(slabs).collect();
        } else {
            self.take_scale_masks(state, values);
        }
        self.take_statistics(state, values);
        self.take_scales(state, values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_above_the_limit_are_blamed_twice_and_then_left() {
        let mut tiles = Runaways::default();
        let mut blame = |peaks: [f32; 3]| {
            tiles.note_peaks(&peaks, Limit::Level(1.0));
            (tiles.blame(3), tiles.safe.clone(), tiles.out.clone(), tiles.is_new())
        };
        assert!(!blame([0.5, 0.9, 0.1]).0, "none is above");
        assert!(!blame([2.0, 2.0, f32::NAN]).0, "all are");
        assert_eq!(blame([0.5, 1.5, 0.1]), (true, vec![1], vec![], false));
        assert_eq!(blame([0.5, 1.5, f32::NAN]), (true, vec![1, 2], vec![1], true));
        assert!(!blame([0.5, 1.5, 0.1]).0, "what was left cannot be the cause");
        assert!(!blame([1.5, 1.5, 1.2]).0, "all that are left");
        let mut quiet = Runaways { before: vec![0.5, 0.1], ..Runaways::default() };
        let rise = Limit::Rise { least: 0.2, factor: 1.1 };
        quiet.note_peaks(&[0.54, 0.19], rise);
        assert!(!quiet.blame(2), "a rise below the threshold is none");
        quiet.note_peaks(&[0.54, 0.21], rise);
        quiet.note_peaks(&[0.5, 0.1], rise);
        assert!(quiet.blame(2) && quiet.safe == [1], "one cycle of several tells");
        let rest = StopReason::NothingAllowed;
        assert_eq!(tiles.verdict(rest.clone()).name(), "tiles-diverged");
        assert_eq!(Runaways::default().verdict(rest.clone()), rest);
    }
}
