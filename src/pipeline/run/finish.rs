//! Restoring and writing a batch, and what is told of it.

use std::time::Instant;

use super::state::PlaneState;
use super::{RunError, Session};
use crate::algorithms::{Control, StopReason};
use crate::graph::Key;
use crate::images::{BeamShape, CleanBeam, UNIT_CELL};
use crate::pipeline::config::BeamChoice;
use crate::pipeline::graphs::Wiring;
use crate::pipeline::ops::{Product, Value};
use crate::pipeline::outcome::{BeamOutcome, PlaneOutcome};
use crate::pipeline::plan::restoring_layout;
use crate::pipeline::record::{Panel, PanelKind, PlaneCurve, Preview, preview_factor};

/// The clean beam is drawn out to this many full widths, where it is 0 in `f32`.
const BEAM_REACH: f64 = 5.0;

impl Session<'_> {
    /// Restores and writes a batch.
    pub(super) fn finish(&mut self, mut states: Vec<PlaneState>, begin: Instant) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        let mut panels = Vec::new();
        let shown = self.plan.planes.len() / 2;
        for state in &mut states {
            let beam = self.beam(state)?;
            let written = self.write(&mut wiring, state, &beam)?;
            if state.plan.plane == shown && !is_passed_through(state) {
                panels = self.panels(&mut wiring, state, &written.keys);
            }
            targets.extend(written.targets);
        }
        let pools: Vec<Key> = panels.iter().map(|(_, key)| key.clone()).collect();
        targets.splice(0..0, pools);
        let values = self.execute(wiring, &targets)?;
        if !panels.is_empty() {
            let state = states.iter().find(|state| state.plan.plane == shown).expect("its panels were asked for");
            let drawn = panels
                .iter()
                .zip(&values)
                .map(|((kind, _), held)| Panel::new(*kind, held.value.pooled().clone()))
                .collect();
            self.preview = Some(self.preview(state, drawn)?);
        }
        let wall = begin.elapsed().as_secs_f64();
        for state in states {
            let outcome = self.outcome(state, wall)?;
            self.outcomes.push(outcome);
        }
        Ok(())
    }

    /// The clean beam of a plane, on the pixel grid and on the sky.
    fn beam(&self, state: &PlaneState) -> Result<Option<(BeamShape, CleanBeam)>, RunError> {
        let cell = self.plan.cell().unwrap_or(UNIT_CELL);
        match self.plan.config.restore.beam {
            BeamChoice::Given(beam) => Ok(Some((beam.shape_in_pixels(cell)?, beam))),
            BeamChoice::Fit => Ok(self.psfs[&state.plan.psf].fit.map(|fit| (fit.shape, fit.beam))),
        }
    }

    fn write(
        &self,
        wiring: &mut Wiring,
        state: &mut PlaneState,
        beam: &Option<(BeamShape, CleanBeam)>,
    ) -> Result<Written, RunError> {
        let plane = state.plan.plane;
        let keys = state.give(wiring, true);
        let restored = match beam {
            Some((shape, _)) if !is_passed_through(state) => {
                let reach = (BEAM_REACH * shape.widths().0).ceil() as usize;
                let layout = restoring_layout(self.plan.cut.shape, reach, self.plan.cut.block);
                wiring.restored(plane, &keys, &layout, (*shape, reach))
            }
            _ => keys.residual.clone(),
        };
        let blank = is_passed_through(state);
        let mut write = |layer: &str, product: &Product, slabs: &[Key]| {
            wiring.deliver(layer, plane, product, (&keys.dirty, slabs), blank)
        };
        let mut targets = write("write-model", &self.products.model, &keys.model);
        targets.extend(write("write-residual", &self.products.residual, &keys.residual));
        targets.extend(write("write-image", &self.products.restored, &restored));
        let keys = crate::pipeline::graphs::PlaneKeys { allowed: restored, ..keys };
        Ok(Written { keys, targets })
    }

    /// Small versions of the images of a plane; `keys.allowed` stands for the restored rows.
    fn panels(
        &self,
        wiring: &mut Wiring,
        state: &PlaneState,
        keys: &crate::pipeline::graphs::PlaneKeys,
    ) -> Vec<(PanelKind, Key)> {
        let plane = state.plan.plane;
        let psf = &self.psfs[&state.plan.psf];
        let held = psf.psf.as_ref().expect("a plane that is shown has a PSF");
        let psf_key = wiring.give("held-psf", state.plan.psf, 0, held);
        let full = self.plan.cut.shape;
        let psf_shape = held.value.psf().shape();
        let slabs = [
            (PanelKind::Dirty, "pool-dirty", full, (&keys.dirty[..], &keys.dirty[..])),
            (PanelKind::Psf, "pool-psf", psf_shape, (&[][..], std::slice::from_ref(&psf_key))),
            (PanelKind::Model, "pool-model", full, (&keys.dirty[..], &keys.model[..])),
            (PanelKind::Residual, "pool-residual", full, (&keys.dirty[..], &keys.residual[..])),
            (PanelKind::Restored, "pool-image", full, (&keys.dirty[..], &keys.allowed[..])),
        ];
        slabs
            .into_iter()
            .map(|(kind, layer, shape, slabs)| {
                (kind, wiring.pool(layer, plane, shape, (preview_factor(shape), kind.pooling()), slabs))
            })
            .collect()
    }
}
