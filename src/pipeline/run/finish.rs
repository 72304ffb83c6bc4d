//! Restoring and writing a batch, and what is told of it.

use std::time::Instant;

use super::psf::Transfers;
use super::state::{PlaneState, ScaleKit};
use super::{Products, RunError, Session};
use crate::algorithms::{Component, Control, CycleState, Phase, Retry, Scale, Step, StopReason};
use crate::graph::Key;
use crate::images::{BeamShape, CleanBeam, Sky, UNIT_CELL};
use crate::pipeline::config::BeamChoice;
use crate::pipeline::graphs::{PlaneKeys, Treatment, Wiring};
use crate::pipeline::ops::Product;
use crate::pipeline::outcome::{BeamOutcome, PlaneComponents, PlaneOutcome};
use crate::pipeline::plan::restoring_layout;
use crate::pipeline::record::{CyclePoint, Panel, PanelKind, PlaneCurve, Preview, preview_factor};

/// Components of each scale.
type ByScale = Vec<(Scale, Vec<Component>)>;

/// Points and Gaussians by their widths.
fn shapes_of(step: &Step) -> ByScale {
    let mut blobs = step.blobs.clone();
    blobs.sort_by(|a, b| a.scale.width.total_cmp(&b.scale.width).then((a.at.y, a.at.x).cmp(&(b.at.y, b.at.x))));
    let points = (!step.components.is_empty()).then(|| (Scale::POINT, step.components.clone()));
    let wide = blobs.chunk_by(|a, b| a.scale == b.scale);
    let wide = wide.map(|same| (same[0].scale, same.iter().map(|blob| blob.at).collect()));
    points.into_iter().chain(wide).collect()
}

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
        let (mut measured, mut written, mut panels, mut lists) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut transfers, mut cut) = (Transfers::default(), None);
        let shown = self.shown_of(&states);
        for state in &mut states {
            let beam = self.beam(state)?;
            let listed = self.found_at_scales(state, products)?;
            let keys = if self.is_estimated(state) {
                let transfer = transfers.of(self, &mut wiring, state.plan.psf);
                let (keys, asked) = self.wire_estimate(&mut wiring, state, transfer)?;
                measured.extend(asked);
                keys
            } else {
                state.give_up(&mut wiring)
            };
            let keys = self.write(&mut wiring, state, (keys, beam, products), &mut written);
            if let Some(scales) = listed {
                let plane = state.plan.plane;
                let is_asked = scales.is_empty() || products.lists.is_some_and(|lists| lists.pixels);
                let pixels = if is_asked { wiring.components_of(plane, &keys.model) } else { Vec::new() };
                lists.push((plane, scales, pixels));
            }
            if Some(state.plan.plane) == shown {
                panels = self.panels(&mut wiring, state, &keys);
                cut = self.wire_beam(&mut wiring, state)?;
            }
        }
        let mut targets = measured;
        targets.extend(panels.iter().map(|(_, key)| key.clone()).chain(cut.iter().cloned()));
        targets.extend(lists.iter().flat_map(|(.., slabs)| slabs).cloned());
        self.release_transfers(states.len());
        targets.extend(written);
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for state in &mut states {
            if self.is_estimated(state) {
                self.take_estimate(state, &mut values)?;
            }
        }
        if let Some(state) = states.iter().find(|state| Some(state.plan.plane) == shown) {
            let drawn = panels.iter().zip(&mut values);
            let drawn = drawn.map(|((kind, _), held)| Ok(Panel::new(*kind, self.read(&held)?.pooled().clone())));
            let mut drawn: Vec<Panel> = drawn.collect::<Result<_, RunError>>()?;
            if let Some(psf) = &self.psfs[&state.plan.psf].pooled {
                drawn.insert(1, Panel::new(PanelKind::Psf, psf.clone()));
            }
            self.preview = Some(self.preview(state, drawn)?);
            self.shown = shown;
            let cut = cut.and_then(|_| values.next());
            self.beam_shown = cut.map(|cut| self.beam_record(state, &cut)).transpose()?.flatten();
        }
        for (plane, scales, slabs) in lists {
            let found = values.by_ref().take(slabs.len()).map(|slab| Ok(self.read(&slab)?.step().components.clone()));
            let found: Vec<Vec<Component>> = found.collect::<Result<_, RunError>>()?;
            self.components.push(PlaneComponents { plane, pixels: found.concat(), scales });
        }
        self.conclude(states, begin)
    }

    /// What was found at each scale, if components are listed at all: nothing where they are points only, or where the
    /// plane began with a model whose scales are not known. A plane lets go of it when it is written.
    fn found_at_scales(&self, state: &PlaneState, products: &Products) -> Result<Option<ByScale>, RunError> {
        if products.lists.is_none() || self.is_direct() || is_passed_through(state) {
            return Ok(None);
        }
        let kits = self.kits(state);
        if let Some(found) = &state.found.as_ref().filter(|_| kits.is_empty() && self.plan.inputs.model.is_none()) {
            return Ok(Some(shapes_of(self.read(found)?.step())));
        }
        if kits.iter().all(|kit| kit.scale.is_point()) || self.plan.inputs.model.is_some() {
            return Ok(Some(Vec::new()));
        }
        let Some(found) = &state.found else { return Ok(Some(Vec::new())) };
        let found = self.read(found)?;
        let of = |(kit, step): (&ScaleKit, &Step)| (kit.scale, step.components.clone());
        let all = kits.iter().zip(&found.steps().0).filter(|(_, step)| !step.components.is_empty()).map(of).collect();
        Ok(Some(all))
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

    /// The plane of a batch that the preview is to show instead of the present one: the nearest to the middle that is not
    /// blank.
    fn shown_of(&self, states: &[PlaneState]) -> Option<usize> {
        let planes = states.iter().filter(|state| !is_passed_through(state)).map(|state| state.plan.plane);
        let nearest = planes.min_by_key(|plane| (plane.abs_diff(self.middle()), *plane));
        nearest.filter(|plane| self.is_worth_showing(*plane))
    }

    fn middle(&self) -> usize {
        self.plan.planes.len() / 2
    }

    /// Whether a plane would take the place of the one that the preview shows. On the way to the middle a plane must halve
    /// the distance: of a long cube a few are made small, not half of all.
    pub(super) fn is_worth_showing(&self, plane: usize) -> bool {
        let distance = |plane: usize| plane.abs_diff(self.middle());
        self.shown.is_none_or(|shown| {
            let is_before = plane < self.middle();
            if is_before { 2 * distance(plane) <= distance(shown) } else { distance(plane) < distance(shown) }
        })
    }

    /// The clean beam of a plane, on the pixel grid and on the sky.
    pub(super) fn beam(&self, state: &PlaneState) -> Result<Option<Beam>, RunError> {
        let cell = self.plan.cell().unwrap_or(UNIT_CELL);
        match self.plan.config.restore.beam {
            BeamChoice::Given(beam) => Ok(Some((beam.shape_in_pixels(cell)?, beam))),
            BeamChoice::Fit => Ok(self.psfs[&state.plan.psf].fit().map(|fit| (fit.shape, fit.beam))),
            BeamChoice::Circular => {
                let round = |beam: CleanBeam| Ok((beam.shape_in_pixels(cell)?, beam));
                let fit = self.psfs[&state.plan.psf].fit();
                fit.map(|fit| CleanBeam::circular(fit.beam.bmaj).and_then(round)).transpose().map_err(RunError::from)
            }
        }
    }

    /// The beam at which its PSF sees a plane, whatever beam restores: the fit, or where none could be made that to restore with.
    pub(super) fn seen_beam(&self, state: &PlaneState) -> Option<BeamShape> {
        let fitted = self.psfs[&state.plan.psf].fit().map(|fit| fit.shape);
        fitted.or_else(|| Some(self.beam(state).ok().flatten()?.0))
    }

    /// How the residual of a plane stands in its restored image.
    ///
    /// # Errors
    /// A beam that it cannot be convolved to.
    pub(super) fn treatment(&self, state: &PlaneState) -> Result<Treatment, RunError> {
        let restore = &self.plan.config.restore;
        let fit = self.psfs[&state.plan.psf].fit();
        let (Some(fit), Some((shape, _))) = (fit, self.beam(state)?) else { return Ok(Treatment::Keep) };
        Ok(Treatment::new(restore, &fit, &shape)?)
    }

    /// Whether a plane's estimate is still to be found or measured.
    pub(super) fn is_estimated(&self, state: &PlaneState) -> bool {
        self.is_direct() && !is_passed_through(state)
    }

    /// Wires a plane's restoring and writing: its keys with the restored rows; what must be done goes to `written`.
    fn write(
        &self,
        wiring: &mut Wiring,
        state: &PlaneState,
        (mut keys, beam, products): (PlaneKeys, Option<Beam>, &Products),
        written: &mut Vec<Key>,
    ) -> PlaneKeys {
        let plane = state.plan.plane;
        let blank = is_passed_through(state);
        if blank {
            // of which nothing but the shape is written
            (keys.model, keys.residual) = (keys.dirty.clone(), keys.dirty.clone());
        }
        keys.restored = match beam {
            Some((shape, _)) if !blank => {
                let reach = shape.reach();
                let layout = restoring_layout(self.plan.cut.shape, reach, self.plan.cut.block);
                let seen = self.treatment(state).ok().unwrap_or_default();
                let residual = wiring.treated(plane, &keys.residual, &seen);
                let keys = PlaneKeys { residual, ..keys.clone() };
                wiring.restored(plane, &keys, &layout, (shape, reach))
            }
            _ => keys.residual.clone(),
        };
        let Products { model, residual, restored, mask, sd, resolution, lists: _, criteria: _ } = products;
        let products = [
            (Product::Model(model.writer()), &keys.model),
            (Product::Residual(residual.writer()), &keys.residual),
            (Product::Restored(restored.writer()), &keys.restored),
        ];
        let mask = mask.as_ref().map(|mask| (Product::Mask(mask.writer()), &keys.allowed));
        for (product, slabs) in products.into_iter().chain(mask) {
            written.extend(wiring.deliver(&product, plane, (&keys.dirty, slabs), blank));
        }
        // a plane that is passed through, or whose samples were broken off, has none
        let sd = sd.as_ref().map(|sd| (Product::Sd(sd.writer()), &keys.sd));
        let resolution = resolution.as_ref().map(|target| (Product::Resolution(target.writer()), &keys.response));
        for (product, slabs) in sd.into_iter().chain(resolution) {
            let (slabs, is_missing) = if slabs.is_empty() { (&keys.dirty, true) } else { (slabs, false) };
            written.extend(wiring.deliver(&product, plane, (&keys.dirty, slabs), is_missing));
        }
        keys
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
        let sd = Some((PanelKind::Sd, "sd", &keys.sd[..])).filter(|(.., slabs)| !slabs.is_empty());
        slabs
            .into_iter()
            .chain(sd)
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
        let step = preview_factor(self.plan.cut.shape);
        Ok(Preview {
            title: format!("{} {}", self.plan.inputs.dirty.0.spec(), state.plan.label),
            facts: facts.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            panels,
            beam: beam.and_then(|(_, beam)| self.plan.cell().map(|_| beam)),
            sky: Sky::from_cards(header.cards().filter_map(|card| Some((card.key(), card.value()?.to_string())))),
            seams: self.tiles_of(state)?.map_or_else(Vec::new, |tiles| tiles.seams.lines(step)),
        })
    }

    /// What is told of a plane.
    fn outcome(&mut self, state: PlaneState, wall_s: f64) -> Result<PlaneOutcome, RunError> {
        let psf = &self.psfs[&state.plan.psf];
        let is_given = matches!(self.plan.config.restore.beam, BeamChoice::Given(_));
        let beam = match (self.beam(&state)?, self.plan.cell()) {
            (Some((shape, beam)), Some(_)) if !is_passed_through(&state) => Some(BeamOutcome {
                beam,
                pixels: shape.widths(),
                fitted: !is_given,
                residual_factor: self.treatment(&state)?.factor(),
                sidelobe_max: psf.fit().map(|fit| fit.sidelobe_max),
                sidelobe_min: psf.fit().map(|fit| fit.sidelobe_min),
                misfit: psf.fit().filter(|_| !is_given).map(|fit| fit.misfit),
            }),
            _ => None,
        };
        let stop = state.stop.clone().expect("a batch is finished when every plane has stopped");
        let message = stop.to_string();
        let tiles = self.tiles_of(&state)?;
        let mut notes = state.notes;
        notes.extend(state.retry.as_ref().map(Retry::note));
        notes.extend(state.runaways.note());
        notes.extend(state.control.as_ref().and_then(|control| below_noise(control.state(), &state.points)));
        let progress = state.control.as_ref().map(Control::state).cloned().unwrap_or_default();
        self.convergence.planes.push(PlaneCurve {
            label: state.plan.label.clone(),
            points: state.points,
            solver: state.solver,
            stop: stop.name().to_owned(),
        });
        self.inference.extend(state.inference);
        for note in &notes {
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
            selected_pixels: self.plan.config.restricts_components().then_some(state.selected),
            wall_s,
            tiles,
            wiener: state.wiener,
            convex: state.convex,
            held_out_rms: state.held_out_rms,
            retry: state.retry,
            notes,
        })
    }
}

/// Times the noise down to which the peak tells of sources: what is left then shows the noise.
const SOURCES: f64 = 4.0;
/// Share of the noise down to which a threshold is usual where only components are cleaned (`WSClean`'s manual: 0.3 to 1).
const USUAL_INSIDE: f64 = 0.3;

/// What to tell of a threshold that lies below the noise, as it was before components stood for it.
fn below_noise(state: &CycleState, points: &[CyclePoint]) -> Option<String> {
    let CycleState { stats, threshold, phase, iterations, .. } = state;
    let before = points.iter().rev().filter_map(|point| Some((point.peak, point.sigma?)));
    let seen = before.into_iter().find(|(peak, sigma)| *peak >= SOURCES * sigma).map_or(0.0, |(_, sigma)| sigma);
    let noise = stats.sigma.max(seen);
    let usual = if *phase == Phase::Open { noise } else { USUAL_INSIDE * noise };
    (*iterations > 0 && f64::from(*threshold) < usual).then(|| {
        format!(
            "the threshold of {threshold:.2e} Jy/beam is below the noise of {noise:.2e}: components may stand for noise, in the \
             model and in its flux, and the residual is quieter than the noise"
        )
    })
}

/// Whether a plane is written as blank.
pub(super) fn is_passed_through(state: &PlaneState) -> bool {
    state.stop.as_ref().is_some_and(StopReason::is_passed_through)
}
