//! Loading PSFs: checks, measures, beams, transfer functions.

use std::collections::BTreeMap;

use super::state::{PlaneState, PsfState};
use super::{RunError, Session};
use crate::algorithms::Shortfall;
use crate::graph::Key;
use crate::images::{BeamFit, PsfBlanks, PsfError, PsfPeak};
use crate::pipeline::config::BeamChoice;
use crate::pipeline::graphs::{Kept, KernelCut, Wiring};
use crate::pipeline::ops::{PsfFacts, PsfPlane, Value};
use crate::pipeline::plan::PlanePlan;
use crate::pipeline::record::{PanelKind, preview_factor};

/// A PSF's peak may differ from 1 by this much without a warning (ALGORITHMS 0.2).
const PEAK_TOLERANCE: f32 = 1e-2;
/// Beyond this the two readings of it are both told.
const DOUBT: f32 = 2e-2;
/// Above this share of the odd part a PSF is not even (ALGORITHMS 0.2, where twice of it is measured).
const ASYMMETRY: f64 = 5e-4;
/// A PSF whose odd part is so much less near the peak is that of an array with a w term; else its centre may be a wrong one.
const FARTHER: f64 = 0.3;

/// Transfer functions that a graph has been wired with.
#[derive(Default)]
pub(super) struct Transfers(BTreeMap<usize, Vec<Key>>);

impl Transfers {
    /// Keys of a PSF's transfer function: given, or computed by the graph itself if it was not loaded.
    pub(super) fn of(&mut self, session: &Session<'_>, wiring: &mut Wiring, plane: usize) -> Vec<Key> {
        let wire = || match &session.psfs[&plane] {
            PsfState { transfer, kernel, .. } if transfer.is_empty() => {
                wiring.transfer(&session.psf_plane(plane), kernel)
            }
            _ => session.give_transfer(wiring, plane),
        };
        self.0.entry(plane).or_insert_with(wire).clone()
    }
}

/// What a first look found, where it is a PSF.
fn peak_of(held: &Kept) -> Option<PsfPeak> {
    match &*held.small() {
        Value::PsfPeak(peak) => Some(*peak),
        _ => None,
    }
}

/// What to tell of a PSF with pixels that are blank or infinite.
pub(super) fn blank_pixels(psf: &PsfPlane, peak: &PsfPeak) -> Option<String> {
    peak.blanks.map(|PsfBlanks { count, first: (y, x) }| {
        let (file, hdu) = (psf.source.0.spec(), psf.source.0.hdu_label());
        let pixels = if count == 1 { "1 pixel is".to_owned() } else { format!("{count} pixels are") };
        format!(
            "{file}, {hdu}, plane {}: {pixels} not finite and counted as 0, the first at (y {y}, x {x}): expected a PSF of finite values",
            psf.plane
        )
    })
}

impl Session<'_> {
    /// Loads the PSFs that a batch needs, and lets go of those that it does not.
    pub(super) fn load_psfs(&mut self, batch: &[PlanePlan]) -> Result<(), RunError> {
        let mut missing: Vec<usize> = batch.iter().flat_map(|plane| self.plan.psf_numbers(plane.psf)).collect();
        self.psfs.retain(|plane, _| missing.contains(plane));
        missing.sort_unstable();
        missing.dedup();
        missing.retain(|plane| !self.psfs.contains_key(plane));
        let mut wiring = self.wiring();
        let peaks: Vec<Key> = missing.iter().map(|plane| wiring.locate_psf(&self.psf_plane(*plane))).collect();
        let peaks = self.execute(wiring, &peaks)?;
        let mut wiring = self.wiring();
        let mut wired = Vec::new();
        let found: Vec<Option<PsfPeak>> = peaks.iter().map(peak_of).collect();
        let lag = self.lag(&missing, &found);
        for ((plane, held), peak) in missing.into_iter().zip(peaks).zip(found) {
            let mut keys = peak.map_or_else(Vec::new, |peak| self.wire_psf(&mut wiring, plane, peak));
            let placed = peak.zip(lag).map(|(peak, lag)| self.wire_place(&mut wiring, plane, (peak, lag)));
            keys.extend(placed.flatten());
            wired.push((plane, held, keys));
        }
        let targets: Vec<_> = wired.iter().flat_map(|(_, _, keys)| keys.iter().cloned()).collect();
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for (plane, peak, keys) in wired {
            let state = self.psf_state(std::iter::once(peak).chain(values.by_ref().take(keys.len())))?;
            self.psfs.insert(plane, state);
        }
        self.align_grid();
        Ok(())
    }

    pub(super) fn psf_plane(&self, plane: usize) -> PsfPlane {
        self.plan.psf_plane(plane, !self.plan.one_psf())
    }

    /// What is measured of a PSF, and its small version if it is shown.
    fn wire_psf(&self, wiring: &mut Wiring, plane: usize, peak: PsfPeak) -> Vec<Key> {
        let psf = self.psf_plane(plane);
        let mut users = self.plan.planes.iter().filter(|user| user.psf == plane);
        let is_shown = users.any(|user| self.is_worth_showing(user.plane));
        let small = is_shown.then(|| (preview_factor(psf.shape()), PanelKind::Psf.pooling()));
        wiring.examine_psf(&psf, peak, self.plan.psf_asks(), small)
    }

    fn psf_state(&self, values: impl Iterator<Item = Kept>) -> Result<PsfState, RunError> {
        let unknown = PsfState {
            facts: Err(PsfError::Empty { ny: 0, nx: 0 }),
            pooled: None,
            kernel: self.plan.kernel,
            transfer: Vec::new(),
            seen: Vec::new(),
            whole: None,
            scales: Vec::new(),
        };
        values.map(|held| self.read(&held)).try_fold(unknown, |state, value| {
            Ok(match &*value? {
                Value::NoPsf(error) => PsfState { facts: Err(error.clone()), ..state },
                Value::PsfFacts(facts) => PsfState { facts: Ok(*facts), kernel: self.kernel(facts.peak), ..state },
                Value::PsfPeak(peak) if state.facts.is_ok() => PsfState { kernel: self.kernel(*peak), ..state },
                Value::Pooled(pooled) => PsfState { pooled: Some(pooled.clone()), ..state },
                _ => state,
            })
        })
    }

    /// The transform that fits a PSF where its peak really is.
    fn kernel(&self, peak: PsfPeak) -> KernelCut {
        KernelCut::new(peak, self.plan.cut, self.plan.is_circular())
    }

    /// Notes what is unusual about a plane's PSF.
    pub(super) fn note_psf(&self, state: &mut PlaneState) {
        let psf = &self.psfs[&state.plan.psf];
        let facts = match &psf.facts {
            Ok(facts) => *facts,
            Err(error) => {
                state.notes.push(format!("no PSF: {error}"));
                return;
            }
        };
        let PsfFacts { peak: PsfPeak { scale, .. }, asymmetry, core_asymmetry, ring, .. } = facts;
        state.notes.extend(blank_pixels(&self.psf_plane(state.plan.psf), &facts.peak));
        if (scale - 1.0).abs() > PEAK_TOLERANCE {
            let what = if self.plan.divides() { "dirty image and PSF were" } else { "the PSF was" };
            state
                .notes
                .push(format!("the PSF's peak is {scale:.6e}, not 1: {what} divided by it{}", self.doubt(scale)));
        }
        if asymmetry > ASYMMETRY {
            let why = if core_asymmetry > FARTHER * asymmetry {
                "check that its peak is its centre"
            } else {
                "as the w term of a wide field makes it"
            };
            state.notes.push(format!(
                "the PSF is not even: its odd part has {:.2} % of its norm, {:.2} % near the peak: {why}",
                100.0 * asymmetry,
                100.0 * core_asymmetry
            ));
        }
        let restores = !matches!(self.plan.config.restore.beam, BeamChoice::Given(_));
        state.notes.extend(psf.fit().iter().filter(|_| restores).flat_map(BeamFit::doubts));
        let floor = ring * state.dirty_peak;
        // what repeats has all its sidelobes within a period
        if floor.is_finite() && f64::from(floor) > state.stats.sigma && !self.plan.is_circular() {
            state.notes.push(format!(
                "the PSF does not reach every pixel: beyond it sidelobes of about {floor:.2e} Jy/beam may stay in \
                 the residual ({:.1} times its noise); a PSF of twice the image's size would take them away",
                f64::from(floor) / state.stats.sigma
            ));
        }
    }

    /// What a peak far from 1 leaves open: no image tells whether the dirty image has the factor of the PSF.
    fn doubt(&self, scale: f32) -> String {
        if !self.plan.divides() || (scale - 1.0).abs() < DOUBT {
            return String::new();
        }
        format!(
            "; if the dirty image is in Jy/beam already, --psf-scale psf-only is right, and fluxes are {scale:.4e} times these"
        )
    }

    /// How a PSF falls short, where that has a say in the run.
    pub(super) fn shortfall(&self, psf: usize) -> Option<Shortfall> {
        self.psfs[&psf].facts().and_then(|facts| facts.shortfall)
    }

    /// Computes the transfer functions that are missing, and puts whole PSFs together for a loop that needs them.
    pub(super) fn load_transfers(&mut self, whole: bool) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        let mut owners = Vec::new();
        for (plane, state) in &self.psfs {
            if state.facts().is_some() && state.transfer.is_empty() {
                let psf = self.psf_plane(*plane);
                targets.extend(wiring.transfer(&psf, &state.kernel));
                targets.extend(whole.then(|| match self.plan.psf_reach() {
                    Some(reach) => wiring.psf_within(&psf, state.kernel.peak, reach),
                    None => wiring.whole_psf(&psf, state.kernel.peak),
                }));
                owners.push((*plane, state.kernel.layout.blocks()));
            }
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for (plane, blocks) in owners {
            let state = self.psfs.get_mut(&plane).expect("the owner was found in the map");
            state.transfer = values.by_ref().take(blocks).collect();
            state.whole = values.by_ref().take(usize::from(whole)).next();
        }
        Ok(())
    }

    /// Computes what an image that ends sees of the PSFs, where it is missing.
    pub(super) fn load_stand_ins(&mut self) -> Result<(), RunError> {
        if self.plan.is_circular() {
            return Ok(());
        }
        let mut wiring = self.wiring();
        let missing = self.psfs.iter().filter(|(_, state)| state.facts().is_some() && state.seen.is_empty());
        let (owners, seen): (Vec<_>, Vec<_>) = missing
            .map(|(plane, state)| {
                let overlap = Some(self.plan.cut.shape);
                (*plane, wiring.transfer_seen(&self.psf_plane(*plane), &state.kernel, overlap))
            })
            .unzip();
        let mut values = self.execute(wiring, &seen.concat())?.into_iter();
        for (plane, keys) in owners.into_iter().zip(seen) {
            let state = self.psfs.get_mut(&plane).expect("the owner was found in the map");
            state.seen = values.by_ref().take(keys.len()).collect();
        }
        Ok(())
    }

    /// Lets go of transfer functions that no batch after one of so many planes needs.
    pub(super) fn release_transfers(&mut self, planes: usize) {
        let is_last = self.outcomes.len() + planes >= self.plan.planes.len();
        if is_last || !self.plan.one_psf() {
            self.psfs.values_mut().for_each(|psf| {
                psf.transfer.clear();
                psf.seen.clear();
                psf.scales.clear();
            });
            self.natural.clear();
        }
    }

    /// Gives a PSF's transfer function to a graph.
    pub(super) fn give_transfer(&self, wiring: &mut Wiring, plane: usize) -> Vec<Key> {
        wiring.give_all("held-transfer", plane, &self.psfs[&plane].transfer)
    }
}
