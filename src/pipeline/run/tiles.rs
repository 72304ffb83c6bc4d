//! Minor cycles of a plane in tiles.

use super::runaways::Runaways;
use super::state::PlaneState;
use super::{RunError, Session};
use crate::algorithms::{Control, Minor, MinorRules};
use crate::graph::Key;
use crate::pipeline::graphs::{Kept, MinorCut, PlaneKeys, Seen, TiledStep, Wiring, nearest};
use crate::pipeline::ops::Value;
use crate::pipeline::outcome::TilesOutcome;
use crate::tiling::Tiles;

/// A cycle of points in tiles, up to the model: what [`Session::take_step`] takes, and the model.
pub(super) fn wire_tiles(
    wiring: &mut Wiring,
    plane: usize,
    given: (&PlaneKeys, &[Key], Seen<'_>),
    cycle: (Tiles, Minor, MinorRules, &[usize]),
) -> ([Key; 3], Vec<Key>) {
    let ((keys, weights, (psfs, grid)), (tiles, minor, rules, safe)) = (given, cycle);
    // one PSF for a tile, that of its middle: the exact residual corrects what it is off
    let psf = |tile: usize| &psfs[nearest(grid, tiles, tile)];
    let cut = MinorCut { minor, rules };
    let TiledStep { step, rules, seams } = wiring.tiled_minor(plane, keys, (weights, psf), (tiles, cut, safe));
    let model = wiring.add_components(plane, &keys.model, &step);
    ([step, rules, seams], model)
}

impl Session<'_> {
    /// Takes note of a cycle: what was found, at scales all that was found so far, and in tiles their floor and seams; the
    /// floor it went down to.
    pub(super) fn take_step(
        &self,
        state: &mut PlaneState,
        rules: &MinorRules,
        values: &mut impl Iterator<Item = Kept>,
    ) -> Result<f32, RunError> {
        let mut next = || values.next().expect("the first targets of a cycle are its step and its tiles");
        let step = self.read(&next())?;
        let (iterations, is_negative) = match &*step {
            Value::Steps(steps) => {
                Self::note_steps(state, steps);
                state.found = Some(next());
                (steps.iterations(), steps.is_negative())
            }
            step => {
                if state.control.as_ref().is_some_and(Control::finds_shapes) {
                    state.found = Some(next());
                }
                (step.step().iterations, step.step().is_negative)
            }
        };
        let control = state.control.as_mut().expect("the plane is under way");
        control.took(iterations, is_negative);
        if self.plan.tiles.is_none() {
            return Ok(rules.floor);
        }
        let Value::TileRules(common) = &*self.read(&next())? else { unreachable!("rules of tiles were asked for") };
        control.cleaned_to(common.floor);
        state.runaways.before.clone_from(&common.peaks);
        state.seams = Some(next());
        Ok(common.floor)
    }

    /// The tiles of a plane's last cycle.
    pub(super) fn tiles_of(&self, state: &PlaneState) -> Result<Option<TilesOutcome>, RunError> {
        let Some(seams) = &state.seams else { return Ok(None) };
        let seams = self.read(seams)?.seams().clone();
        let (down, across) = seams.tiles().grid();
        let Runaways { safe, out, .. } = &state.runaways;
        Ok(Some(TilesOutcome { across, down, cleaned_again: safe.clone(), diverged: out.clone(), seams }))
    }
}
