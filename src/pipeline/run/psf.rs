//! Loading PSFs: checks, measures, beams, transfer functions.

use super::state::{PlaneState, PsfState};
use super::{RunError, Session};
use crate::algorithms::{Kind, Minor, Shortfall, View};
use crate::fft::linear_size;
use crate::graph::Key;
use crate::images::UNIT_CELL;
use crate::pipeline::config::BeamChoice;
use crate::pipeline::graphs::{Held, KernelCut, Wiring};
use crate::pipeline::ops::{PsfFacts, Value, constant};
use crate::pipeline::plan::PlanePlan;
use crate::pipeline::record::{PanelKind, preview_factor};

/// A PSF's peak may differ from 1 by this much without a warning (ALGORITHMS 0.2).
const PEAK_TOLERANCE: f32 = 1e-2;
/// Above this share of odd parts a PSF is not even (ALGORITHMS 0.2).
const ASYMMETRY: f64 = 1e-3;

/// Keys of a PSF, what was measured of it, its beam if it is fitted, its small version if it is shown.
struct PsfKeys {
    plane: usize,
    targets: Vec<Key>,
}

impl Session<'_> {
    /// Loads the PSFs that a batch needs, and lets go of those that it does not.
    pub(super) fn load_psfs(&mut self, batch: &[PlanePlan]) -> Result<(), RunError> {
        self.psfs.retain(|plane, _| batch.iter().any(|wanted| wanted.psf == *plane));
        let mut missing: Vec<usize> = batch.iter().map(|plane| plane.psf).collect();
        missing.sort_unstable();
        missing.dedup();
        missing.retain(|plane| !self.psfs.contains_key(plane));
        let mut wiring = self.wiring();
        let wired: Vec<_> = missing.into_iter().map(|plane| self.wire_psf(&mut wiring, plane)).collect();
        let targets: Vec<_> = wired.iter().flat_map(|keys| keys.targets.iter().cloned()).collect();
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for PsfKeys { plane, targets } in wired {
            let state = self.psf_state(values.by_ref().take(targets.len()).collect())?;
            self.psfs.insert(plane, state);
        }
        Ok(())
    }

    fn wire_psf(&self, wiring: &mut Wiring, plane: usize) -> PsfKeys {
        let psf = wiring.psf(&self.plan.inputs.psf, plane, !self.plan.one_psf());
        let minor = match self.plan.algorithm().kind {
            Kind::Clean(minor) => Some(minor),
            Kind::Direct => None,
        };
        // Hogbom's textbook loop does not weigh its search, and without a threshold in units of the noise there is
        // nothing to weigh
        let lists = minor.is_some_and(|minor| minor.cycle().view() == View::List);
        let asks = (lists && self.plan.config.clean.uses_noise(), minor == Some(Minor::Clark));
        let mut targets = vec![psf.clone(), wiring.examine(plane, &psf, asks)];
        if matches!(self.plan.config.restore.beam, BeamChoice::Fit) {
            targets.push(wiring.beam(plane, &psf, self.plan.cell().unwrap_or(UNIT_CELL)));
        }
        if plane == self.plan.planes[self.plan.planes.len() / 2].psf {
            let geometry = self.plan.inputs.psf.0.geometry();
            let shape = (geometry.ny, geometry.nx);
            let how = (preview_factor(shape), PanelKind::Psf.pooling());
            targets.push(wiring.pool(("pool-psf", plane), shape, how, (&[], &[psf])));
        }
        PsfKeys { plane, targets }
    }

    fn psf_state(&self, values: Vec<Held>) -> Result<PsfState, RunError> {
        let mut state = PsfState {
            psf: Ok(values[0].clone()),
            facts: None,
            pooled: None,
            kernel: self.plan.kernel,
            transfer: Vec::new(),
            fit: None,
        };
        for held in values {
            match &*self.read(&held)? {
                Value::NoPsf(error) => state.psf = Err(error.clone()),
                Value::PsfFacts(facts) => {
                    state.kernel = self.kernel(facts);
                    state.facts = Some(*facts);
                }
                Value::Beam(fit) => state.fit = Some(*fit),
                Value::Pooled(pooled) => state.pooled = Some(pooled.clone()),
                _ => {}
            }
        }
        Ok(state)
    }

    /// The transform that fits a PSF where its peak really is.
    fn kernel(&self, facts: &PsfFacts) -> KernelCut {
        let PsfFacts { rows, columns, reach, .. } = *facts;
        let mut layout = self.plan.kernel.layout;
        if !self.plan.is_circular() {
            let (ny, nx) = self.plan.cut.shape;
            (layout.ly, layout.lx) = (linear_size(ny, reach.0), linear_size(nx, reach.1));
        }
        KernelCut { layout, rows, columns }
    }

    /// Notes what is unusual about a plane's PSF.
    pub(super) fn note_psf(&self, state: &mut PlaneState) {
        let psf = &self.psfs[&state.plan.psf];
        let facts = match (&psf.psf, psf.facts) {
            (Ok(_), Some(facts)) => facts,
            (Ok(_), None) => return,
            (Err(error), _) => {
                state.notes.push(format!("no PSF: {error}"));
                return;
            }
        };
        let PsfFacts { scale, asymmetry, ring, .. } = facts;
        if (scale - 1.0).abs() > PEAK_TOLERANCE {
            let what = if self.plan.divides() { "dirty image and PSF were" } else { "the PSF was" };
            state.notes.push(format!("the PSF's peak is {scale:.6e}, not 1: {what} divided by it"));
        }
        if asymmetry > ASYMMETRY {
            state.notes.push(format!("the PSF is not even: odd part {asymmetry:.1e} of its norm"));
        }
        let floor = ring * state.dirty_peak;
        if f64::from(floor) > state.stats.sigma {
            state.notes.push(format!(
                "the PSF does not reach every pixel: beyond it sidelobes of about {floor:.2e} Jy/beam stay in the \
                 residual ({:.1} times its noise); a PSF of twice the image's size would take them away",
                f64::from(floor) / state.stats.sigma
            ));
        }
    }

    /// How a PSF falls short, where that has a say in the run.
    pub(super) fn shortfall(&self, psf: usize) -> Option<Shortfall> {
        self.psfs[&psf].facts.and_then(|facts| facts.shortfall)
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
        for state in self.psfs.values_mut() {
            if let (Ok(_), Some(facts)) = (&state.psf, state.facts) {
                state.psf = Ok(constant(Value::PsfPeak(facts.scale), &("psf-peak", facts.scale)));
            }
        }
    }

    /// Gives a PSF's transfer function to a graph.
    pub(super) fn give_transfer(&self, wiring: &mut Wiring, plane: usize) -> Vec<Key> {
        wiring.give_all("held-transfer", plane, &self.psfs[&plane].transfer)
    }
}
