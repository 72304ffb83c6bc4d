//! Loading a batch: PSFs, beams, planes, first statistics.

use std::sync::Arc;

use super::state::{PlaneState, PsfState};
use super::{RunError, Session};
use crate::algorithms::{Kind, Minor, Patch, Shortfall, StopReason, View};
use crate::fft::linear_size;
use crate::graph::Key;
use crate::images::{Psf, UNIT_CELL};
use crate::pipeline::config::BeamChoice;
use crate::pipeline::graphs::{Held, KernelCut, Measured, PlaneFiles, PlaneKeys, Wiring};
use crate::pipeline::ops::{ModelTally, Rows, Value};
use crate::pipeline::plan::PlanePlan;
use crate::pipeline::record::{PanelKind, preview_factor};

/// A PSF's peak may differ from 1 by this much without a warning (ALGORITHMS 0.2).
const PEAK_TOLERANCE: f32 = 1e-2;
/// Above this share of odd parts a PSF is not even (ALGORITHMS 0.2).
const ASYMMETRY: f64 = 1e-3;

impl Session<'_> {
    /// Loads a batch of planes.
    pub(super) fn load(&mut self, batch: &[PlanePlan]) -> Result<Vec<PlaneState>, RunError> {
        self.load_psfs(batch)?;
        let mut wiring = self.wiring();
        let mut keys: Vec<(PlaneKeys, Measured)> = Vec::new();
        for plane in batch {
            let psf = wiring.give_psf(plane.psf, &self.psfs[&plane.psf].psf);
            let inputs = &self.plan.inputs;
            let files = PlaneFiles {
                dirty: (&inputs.dirty, plane.plane),
                mask: inputs.mask.as_ref().map(|mask| (mask, plane.mask)),
                border: self.plan.config.clean.clean_border,
                divide: self.plan.divides(),
            };
            let planes = wiring.plane(plane.plane, &files, &psf);
            let measured = wiring.statistics(plane.plane, &planes, self.shortfall(plane.psf));
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
        let states = batch.iter().map(|plane| self.plane_state(plane, slabs, &mut values)).collect();
        Ok(states)
    }

    fn plane_state(&self, plan: &PlanePlan, slabs: usize, values: &mut impl Iterator<Item = Held>) -> PlaneState {
        let mut take = || values.by_ref().take(slabs).collect::<Vec<_>>();
        let (dirty, allowed, model, residual) = (take(), take(), take(), take());
        let weights = values.by_ref().take(1 + usize::from(self.shortfall(plan.psf).is_some())).collect();
        let last = values.next().expect("the targets end with the statistics");
        let Value::Statistics(stats, levels) = &*last.value else { unreachable!("the last target is the statistics") };
        let stop = if stats.pixels == 0 {
            Some(StopReason::Blank)
        } else if (stats.min == 0.0 && stats.max == 0.0) || self.psfs[&plan.psf].psf.is_err() {
            Some(StopReason::Empty)
        } else {
            None
        };
        let mut state = PlaneState {
            plan: plan.clone(),
            dirty,
            mask: allowed.clone(),
            allowed,
            weights,
            good: Vec::new(),
            model,
            residual,
            stats: stats.clone(),
            levels: levels.clone(),
            tally: ModelTally::default(),
            dirty_peak: stats.min.abs().max(stats.max.abs()),
            control: None,
            points: Vec::new(),
            stop,
            wiener: None,
            usable: None,
            notes: Vec::new(),
        };
        self.note_psf(&mut state);
        state
    }

    /// Loads the PSFs that a batch needs, and lets go of those that it does not.
    fn load_psfs(&mut self, batch: &[PlanePlan]) -> Result<(), RunError> {
        self.psfs.retain(|plane, _| batch.iter().any(|wanted| wanted.psf == *plane));
        let mut missing: Vec<usize> = batch.iter().map(|plane| plane.psf).collect();
        missing.sort_unstable();
        missing.dedup();
        missing.retain(|plane| !self.psfs.contains_key(plane));
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        let fitted = matches!(self.plan.config.restore.beam, BeamChoice::Fit);
        for plane in &missing {
            let psf = wiring.psf(&self.plan.inputs.psf, *plane, !self.plan.one_psf());
            targets.push(psf.clone());
            if fitted {
                targets.push(wiring.beam(*plane, &psf, self.plan.cell().unwrap_or(UNIT_CELL)));
            }
        }
        let shown = self.plan.planes[self.plan.planes.len() / 2].psf;
        let fitted = 1 + usize::from(fitted);
        if let Some(at) = missing.iter().position(|plane| *plane == shown) {
            let geometry = self.plan.inputs.psf.0.geometry();
            let shape = (geometry.ny, geometry.nx);
            let how = (preview_factor(shape), PanelKind::Psf.pooling());
            let psf = targets[at * fitted].clone();
            targets.push(wiring.pool(("pool-psf", shown), shape, how, (&[], &[psf])));
        }
        let mut values = self.execute(wiring, &targets)?;
        let pooled = values.split_off(missing.len() * fitted);
        for (plane, values) in missing.into_iter().zip(values.chunks(fitted)) {
            let mut state = self.psf_state(values);
            if let (true, Some(Value::Pooled(pooled))) = (plane == shown, pooled.first().map(|held| &*held.value)) {
                state.pooled = Some(pooled.clone());
            }
            self.psfs.insert(plane, state);
        }
        Ok(())
    }

    fn psf_state(&self, values: &[Held]) -> PsfState {
        let empty = PsfState {
            psf: Ok(values[0].clone()),
            pooled: None,
            asymmetry: 0.0,
            kernel: self.plan.kernel,
            transfer: Vec::new(),
            fit: None,
            patch: Patch::default(),
            scale: 1.0,
            shortfall: None,
            ring: 0.0,
        };
        match &*values[0].value {
            Value::Psf(psf) => {
                let (ny, nx) = self.plan.cut.shape;
                PsfState {
                    kernel: kernel_of(psf, self.plan.cut.shape, self.plan.kernel),
                    fit: values.get(1).map(|held| *held.value.beam()),
                    asymmetry: psf.asymmetry(),
                    patch: Patch::of(psf),
                    scale: psf.scale(),
                    shortfall: self
                        .measures_shortfall()
                        .then(|| Shortfall::of(psf, (ny, nx), beam_pixels(psf)))
                        .flatten(),
                    ring: if psf.covers(ny, nx) { 0.0 } else { psf.outer_ring() },
                    ..empty
                }
            }
            Value::NoPsf(error) => PsfState { psf: Err(error.clone()), ..empty },
            _ => unreachable!("the first target is the PSF"),
        }
    }

    /// Notes what is unusual about a plane's PSF.
    fn note_psf(&self, state: &mut PlaneState) {
        let psf = &self.psfs[&state.plan.psf];
        match &psf.psf {
            Err(error) => state.notes.push(format!("no PSF: {error}")),
            Ok(_) => {
                if (psf.scale - 1.0).abs() > PEAK_TOLERANCE {
                    let what = if self.plan.divides() { "dirty image and PSF were" } else { "the PSF was" };
                    state.notes.push(format!("the PSF's peak is {:.6e}, not 1: {what} divided by it", psf.scale));
                }
                if psf.asymmetry > ASYMMETRY {
                    state.notes.push(format!("the PSF is not even: odd part {:.1e} of its norm", psf.asymmetry));
                }
            }
        }
        let floor = psf.ring * state.dirty_peak;
        if f64::from(floor) > state.stats.sigma {
            state.notes.push(format!(
                "the PSF does not reach every pixel: beyond it sidelobes of about {floor:.2e} Jy/beam stay in the \
                 residual ({:.1} times its noise); a PSF of twice the image's size would take them away",
                f64::from(floor) / state.stats.sigma
            ));
        }
    }
}

/// Mean width of a PSF's main lobe at half its peak \[pixels\].
fn beam_pixels(psf: &Psf) -> f64 {
    2.0 * (psf.main_lobe(0.5).len() as f64 / std::f64::consts::PI).sqrt()
}

/// The transform that fits a PSF where its peak really is.
fn kernel_of(psf: &Psf, shape: (usize, usize), planned: KernelCut) -> KernelCut {
    let (rows, columns) = psf.kept(shape.0, shape.1);
    let reach = psf.reach(shape.0, shape.1);
    let mut layout = planned.layout;
    if layout.ly != shape.0 || layout.lx != shape.1 {
        layout.ly = linear_size(shape.0, reach.0);
        layout.lx = linear_size(shape.1, reach.1);
    }
    let rows = Rows { first: rows.start, last: rows.end };
    KernelCut { layout, rows, columns: Rows { first: columns.start, last: columns.end } }
}

impl Session<'_> {
    /// How a PSF falls short, where that has a say in the run.
    pub(super) fn shortfall(&self, psf: usize) -> Option<Shortfall> {
        self.psfs[&psf].shortfall
    }

    /// Whether the run weighs its search by the sidelobes that the PSF does not reach: Högbom's textbook loop does not,
    /// and without a threshold in units of the noise there is nothing to weigh.
    fn measures_shortfall(&self) -> bool {
        let lists = |minor: Minor| minor.cycle().view() == View::List;
        matches!(self.plan.algorithm().kind, Kind::Clean(minor) if lists(minor)) && self.plan.config.clean.uses_noise()
    }

    /// Computes the transfer functions that are missing.
    pub(super) fn load_transfers(&mut self) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        let mut owners = Vec::new();
        for (plane, state) in &self.psfs {
            if let (Ok(held), true) = (&state.psf, state.transfer.is_empty()) {
                let psf = wiring.give("held-psf", *plane, 0, held);
                targets.extend(wiring.transfer(*plane, &psf, &state.kernel));
                owners.push((*plane, state.kernel.layout.blocks()));
            }
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for (plane, blocks) in owners {
            let transfer = values.by_ref().take(blocks).collect();
            self.psfs.get_mut(&plane).expect("the owner was found in the map").transfer = transfer;
        }
        Ok(())
    }

    /// Lets go of the PSFs, whose transfer functions are there.
    pub(super) fn let_go_of_psfs(&mut self) {
        for state in self.psfs.values_mut().filter(|state| state.psf.is_ok()) {
            state.psf = Ok(Held::new(Arc::new(Value::PsfPeak(state.scale))));
        }
    }

    /// Gives a PSF's transfer function to a graph.
    pub(super) fn give_transfer(&self, wiring: &mut Wiring, plane: usize) -> Vec<Key> {
        wiring.give_all("held-transfer", plane, &self.psfs[&plane].transfer)
    }
}
