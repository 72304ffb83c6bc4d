//! Loading a batch: PSFs, planes, first statistics.

use super::contest::Contest;
use super::runaways::Runaways;
use super::state::PlaneState;
use super::tidy::Tidying;
use super::{RunError, Session};
use crate::algorithms::StopReason;
use crate::algorithms::wiener::Equation;
use crate::graph::Key;
use crate::pipeline::graphs::{Kept, Measured, PlaneFiles, PlaneKeys};
use crate::pipeline::ops::{ModelTally, Value};
use crate::pipeline::plan::PlanePlan;

impl Session<'_> {
    /// Loads a batch of planes.
    pub(super) fn load(&mut self, batch: &[PlanePlan]) -> Result<Vec<PlaneState>, RunError> {
        self.load_psfs(batch)?;
        self.noise_maps.clear();
        let mut wiring = self.wiring();
        let mut keys: Vec<(PlaneKeys, Measured)> = Vec::new();
        for plane in batch {
            let scale = self.scale(plane.psf);
            let inputs = &self.plan.inputs;
            let files = PlaneFiles {
                dirty: (&inputs.dirty, plane.plane),
                masks: inputs.masks.iter().zip(plane.masks.iter().copied()).collect(),
                border: self.plan.config.clean.border(),
                scale,
            };
            let mut planes = wiring.plane(plane.plane, &files);
            let measured = wiring.statistics(plane.plane, &planes, self.shortfall(plane.psf));
            if !self.has_start() {
                // it begins with nothing
                (planes.model, planes.residual) = (Vec::new(), Vec::new());
            }
            keys.push((planes, measured));
        }
        let targets: Vec<Key> = keys
            .iter()
            .flat_map(|(planes, measured)| {
                let PlaneKeys { dirty, allowed, model, residual, .. } = planes;
                let slabs = [dirty, allowed, model, residual].into_iter().flatten();
                slabs.chain(&measured.weights).chain([&measured.statistics])
            })
            .cloned()
            .collect();
        let mut values = self.execute(wiring, &targets)?.into_iter();
        let slabs = self.plan.cut.slabs().len();
        let states: Vec<_> = batch.iter().map(|plane| self.plane_state(plane, slabs, &mut values)).collect();
        if self.plan.inputs.noise.is_some() {
            let last = |state: &PlaneState| Some((state.plan.plane, state.weights.last()?.clone()));
            self.noise_maps =
                states.iter().filter(|state| self.local_of(&state.plan).is_some()).filter_map(last).collect();
        }
        Ok(states)
    }

    /// What a dirty image is divided by: the peak of its PSF, or 1.
    pub(super) fn scale(&self, psf: usize) -> f32 {
        self.psfs[&psf].facts().filter(|_| self.plan.divides()).map_or(1.0, |facts| facts.peak.scale)
    }

    fn plane_state(&self, plan: &PlanePlan, slabs: usize, values: &mut impl Iterator<Item = Kept>) -> PlaneState {
        let mut take = |slabs| values.by_ref().take(slabs).collect::<Vec<_>>();
        let begun = if self.has_start() { slabs } else { 0 };
        let (dirty, allowed, model, residual) = (take(slabs), take(slabs), take(begun), take(begun));
        let weights = values.by_ref().take(self.weights_of(plan)).collect();
        let last = values.next().expect("the targets end with the statistics").small();
        let Value::Statistics(stats, levels) = &*last else { unreachable!("the last target is the statistics") };
        let stop = match stats {
            stats if stats.pixels == 0 => Some(StopReason::Blank),
            stats if stats.min == 0.0 && stats.max == 0.0 => Some(StopReason::Empty),
            _ => self.psfs[&plan.psf].facts.is_err().then_some(StopReason::NoPsf),
        };
        let mut state = PlaneState {
            plan: plan.clone(),
            dirty,
            mask: allowed.clone(),
            allowed,
            weights,
            good: Vec::new(),
            scales: Vec::new(),
            contest: Contest::default(),
            tidying: Tidying::default(),
            found: None,
            good_found: None,
            seams: None,
            model,
            residual,
            given: Vec::new(),
            stats: *stats,
            levels: levels.clone(),
            tally: ModelTally::default(),
            dirty_peak: stats.min.abs().max(stats.max.abs()),
            control: None,
            points: Vec::new(),
            solver: Vec::new(),
            stop,
            begun: None,
            retry: None,
            runaways: Runaways::default(),
            wiener: None,
            convex: None,
            inference: None,
            gcv: None,
            curves: None,
            spread: None,
            held_out_rms: None,
            sd: Vec::new(),
            usable: None,
            matern: None,
            equation: Equation::Normal,
            choice: None,
            selected: stats.allowed,
            notes: Vec::new(),
        };
        self.note_psf(&mut state);
        if state.selected == 0 && state.stop.is_none() {
            state.notes.push("mask, border and window select no pixel: nothing is cleaned".to_owned());
        }
        state
    }
}
