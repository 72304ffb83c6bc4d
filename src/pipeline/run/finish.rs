//! Restoring and writing a batch, and what is told of it.

use std::time::Instant;

use super::state::PlaneState;
use super::{Products, RunError, Session};
use crate::algorithms::{Control, StopReason};
use crate::graph::Key;
use crate::images::{BeamShape, CleanBeam, Sky, UNIT_CELL};
use crate::pipeline::config::BeamChoice;
use crate::pipeline::graphs::{PlaneKeys, Wiring};
use crate::pipeline::ops::Product;
use crate::pipeline::outcome::{BeamOutcome, PlaneOutcome};
use crate::pipeline::plan::restoring_layout;
use crate::pipeline::record::{Panel, PanelKind, PlaneCurve, Preview, preview_factor};

/// The clean beam is drawn out to this many full widths, where it is 0 in `f32`.
const BEAM_REACH: f64 = 5.0;

/// A clean beam on the pixel grid and on the sky.
type Beam = (BeamShape, CleanBeam);

impl Session<'_> {
    /// Restores and writes a batch.
    pub(super) fn finish(&mut self, mut states: Vec<PlaneState>, begin: Instant) -> Result<(), RunError> {
        let Some(products) = self.products else {
            self.score(&mut states)?;
            return self.conclude(states, begin);
        };
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        let mut panels = Vec::new();
        let shown = self.plan.planes.len() / 2;
        for state in &mut states {
            let beam = self.beam(state)?;
            let (keys, written) = self.write(&mut wiring, state, (beam, products));
            if state.plan.plane == shown && !is_passed_through(state) {
                panels = self.panels(&mut wiring, state, &keys);
            }
            targets.extend(written);
        }
        let pools: Vec<Key> = panels.iter().map(|(_, key)| key.clone()).collect();
        targets.splice(0..0, pools);
        let values = self.execute(wiring, &targets)?;
        if !panels.is_empty() {
            let state = states.iter().find(|state| state.plan.plane == shown).expect("its panels were asked for");
            let mut drawn: Vec<Panel> = panels
                .iter()
                .zip(&values)
                .map(|((kind, _), held)| Ok(Panel::new(*kind, held.value()?.pooled().clone())))
                .collect::<std::io::Result<_>>()
                .map_err(RunError::Scratch)?;
            if let Some(psf) = &self.psfs[&state.plan.psf].pooled {
                drawn.insert(1, Panel::new(PanelKind::Psf, psf.clone()));
            }
            self.preview = Some(self.preview(state, drawn)?);
        }
        self.conclude(states, begin)
    }

    /// Takes down what came of a batch.
    fn conclude(&mut self, states: Vec<PlaneState>, begin: Instant) -> Result<(), RunError> {
        let wall = begin.elapsed().as_secs_f64();
        for state in states {
            let outcome = self.outcome(state, wall)?;
            self.outcomes.push(outcome);
        }
        Ok(())
    }

    /// The clean beam of a plane, on the pixel grid and on the sky.
    pub(super) fn beam(&self, state: &PlaneState) -> Result<Option<Beam>, RunError> {
        let cell = self.plan.cell().unwrap_or(UNIT_CELL);
        match self.plan.config.restore.beam {
            BeamChoice::Given(beam) => Ok(Some((beam.shape_in_pixels(cell)?, beam))),
            BeamChoice::Fit => Ok(self.psfs[&state.plan.psf].fit().map(|fit| (fit.shape, fit.beam))),
        }
    }

    /// Wires a plane's restoring and writing: its keys with the restored rows, and what must be done.
    fn write(
        &self,
        wiring: &mut Wiring,
        state: &mut PlaneState,
        (beam, products): (Option<Beam>, &Products),
    ) -> (PlaneKeys, Vec<Key>) {
        let plane = state.plan.plane;
        let blank = is_passed_through(state);
        let mut keys = state.give(wiring, true);
        keys.restored = match beam {
            Some((shape, _)) if !blank => {
                let reach = (BEAM_REACH * shape.widths().0).ceil() as usize;
                let layout = restoring_layout(self.plan.cut.shape, reach, self.plan.cut.block);
                wiring.restored(plane, &keys, &layout, (shape, reach))
            }
            _ => keys.residual.clone(),
        };
        let Products { model, residual, restored } = products;
        let products = [
            (Product::Model(model.writer()), &keys.model),
            (Product::Residual(residual.writer()), &keys.residual),
            (Product::Restored(restored.writer()), &keys.restored),
        ];
        let targets = products
            .into_iter()
            .flat_map(|(product, slabs)| wiring.deliver(&product, plane, (&keys.dirty, slabs), blank))
            .collect();
        (keys, targets)
    }

    /// Small versions of the images of a plane.
    fn panels(&self, wiring: &mut Wiring, state: &PlaneState, keys: &PlaneKeys) -> Vec<(PanelKind, Key)> {
        let plane = state.plan.plane;
        let full = self.plan.cut.shape;
        let dirty = &keys.dirty[..];
        let slabs = [
            (PanelKind::Dirty, "dirty", dirty),
            (PanelKind::Model, "model", &keys.model[..]),
            (PanelKind::Residual, "residual", &keys.residual[..]),
            (PanelKind::Restored, "image", &keys.restored[..]),
        ];
        slabs
            .into_iter()
            .map(|(kind, layer, slabs)| {
                let how = (preview_factor(full), kind.pooling());
                (kind, wiring.pool((layer, plane), how, (dirty, slabs)))
            })
            .collect()
    }

    /// The preview of a plane.
    fn preview(&self, state: &PlaneState, panels: Vec<Panel>) -> Result<Preview, RunError> {
        let beam = self.beam(state)?;
        let facts = [
            ("stopped", state.stop.as_ref().map_or("", StopReason::name).to_owned()),
            ("residual rms", format!("{:.3e} Jy/beam", state.stats.rms)),
            ("residual peak", format!("{:.3e} Jy/beam", state.stats.min.abs().max(state.stats.max))),
            ("model flux", format!("{:.4} Jy", state.tally.flux)),
        ];
        let header = self.plan.inputs.dirty.0.header();
        Ok(Preview {
            title: format!("{} {}", self.plan.inputs.dirty.0.spec(), state.plan.label),
            facts: facts.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            panels,
            beam: beam.and_then(|(_, beam)| self.plan.cell().map(|_| beam)),
            sky: Sky::from_cards(header.cards().filter_map(|card| Some((card.key(), card.value()?.to_string())))),
        })
    }

    /// What is told of a plane.
    fn outcome(&mut self, state: PlaneState, wall_s: f64) -> Result<PlaneOutcome, RunError> {
        let psf = &self.psfs[&state.plan.psf];
        let beam = match (self.beam(&state)?, self.plan.cell()) {
            (Some((shape, beam)), Some(_)) if !is_passed_through(&state) => Some(BeamOutcome {
                beam,
                pixels: shape.widths(),
                fitted: psf.fit().is_some(),
                sidelobe_max: psf.fit().map(|fit| fit.sidelobe_max),
                sidelobe_min: psf.fit().map(|fit| fit.sidelobe_min),
                misfit: psf.fit().map(|fit| fit.misfit),
            }),
            _ => None,
        };
        let stop = state.stop.clone().expect("a batch is finished when every plane has stopped");
        let message = stop.to_string();
        let progress = state.control.as_ref().map(Control::state).cloned().unwrap_or_default();
        self.convergence.planes.push(PlaneCurve {
            label: state.plan.label.clone(),
            points: state.points,
            stop: stop.name().to_owned(),
        });
        for note in &state.notes {
            self.tools.watch.warn(&format!("{}: {note}", state.plan.label));
        }
        Ok(PlaneOutcome {
            plane: state.plan.plane,
            label: state.plan.label,
            stop,
            message,
            cycles: progress.major,
            iterations: progress.iterations,
            components: state.tally.components,
            flux_jy: state.tally.flux,
            negative_flux_jy: state.tally.negative,
            residual: state.stats,
            beam,
            psf_peak: psf.facts().map_or(0.0, |facts| facts.peak.scale),
            missing_sidelobes: state.stats.missing,
            wall_s,
            wiener: state.wiener,
            held_out_rms: state.held_out_rms,
            notes: state.notes,
        })
    }
}

/// Whether a plane is written as blank.
pub(super) fn is_passed_through(state: &PlaneState) -> bool {
    matches!(state.stop, Some(StopReason::Blank | StopReason::Empty | StopReason::NoPsf))
}
