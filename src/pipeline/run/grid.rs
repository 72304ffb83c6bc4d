//! PSFs of several directions in a run.

use super::Session;
use crate::algorithms::Patch;
use crate::graph::Key;
use crate::images::PsfPeak;
use crate::pipeline::graphs::{KernelCut, PlaneKeys, Wiring};
use crate::pipeline::outcome::{GridOutcome, GridPsf};

impl Session<'_> {
    /// How far the peak of a grid's central PSF is from the usual place `(y, x)`: the others are read in the same way, so that
    /// a grid of one PSF is that PSF.
    pub(super) fn lag(&self, numbers: &[usize], peaks: &[Option<PsfPeak>]) -> Option<(isize, isize)> {
        let grid = self.plan.inputs.grid.as_ref()?;
        let central = numbers.iter().position(|number| *number == grid.central)?;
        let PsfPeak { shape, centre, .. } = peaks[central]?;
        let usual = PsfPeak::usual(shape).centre;
        Some((centre.0 as isize - usual.0 as isize, centre.1 as isize - usual.1 as isize))
    }

    /// Which pixel of a PSF stands for its place, where it is another one than its peak.
    pub(super) fn wire_place(
        &self,
        wiring: &mut Wiring,
        number: usize,
        (peak, lag): (PsfPeak, (isize, isize)),
    ) -> Option<Key> {
        let usual = PsfPeak::usual(peak.shape).centre;
        let at = (usual.0.checked_add_signed(lag.0)?, usual.1.checked_add_signed(lag.1)?);
        let is_inside = at.0 < peak.shape.0 && at.1 < peak.shape.1;
        (is_inside && at != peak.centre).then(|| wiring.place_psf(&self.psf_plane(number), peak, at))
    }

    /// How far a PSF peaks from its place `(x, y)` \[pixels\].
    fn shift(&self, number: usize) -> (i64, i64) {
        let psf = &self.psfs[&number];
        let (place, peak) =
            (psf.kernel.peak.centre, psf.facts().map_or(psf.kernel.peak.centre, |facts| facts.peak.centre));
        (peak.1 as i64 - place.1 as i64, peak.0 as i64 - place.0 as i64)
    }

    /// Gives the PSFs of a grid one transform, and divides all of them by the peak of the central one: what a place
    /// responds less than that one belongs to the model of the instrument, not to the sources (ALGORITHMS 9.6).
    pub(super) fn align_grid(&mut self) {
        let Some(grid) = &self.plan.inputs.grid else { return };
        let Some(scale) = self.psfs.get(&grid.central).and_then(|psf| psf.facts()).map(|facts| facts.peak.scale) else {
            return;
        };
        let widest = self.psfs.values().map(|psf| psf.kernel).fold(self.plan.kernel, KernelCut::widened);
        for psf in self.psfs.values_mut() {
            psf.kernel.layout = widest.layout;
            psf.kernel.peak.scale = scale;
        }
    }

    /// The peak of a PSF over that by which it is divided.
    fn response(&self, number: usize) -> f32 {
        let psf = &self.psfs[&number];
        psf.facts().map_or(0.0, |facts| facts.peak.scale / psf.kernel.peak.scale)
    }

    /// Clark's patch of a plane's PSF; of several one that holds that of each.
    pub(super) fn patch(&self, psf: usize) -> Patch {
        let patches = self.plan.psf_numbers(psf).filter_map(|number| {
            let Patch { half, outside } = self.psfs[&number].facts()?.patch;
            Some(Patch { half, outside: outside * self.response(number) })
        });
        let wider = |a: Patch, b: Patch| Patch { half: a.half.max(b.half), outside: a.outside.max(b.outside) };
        patches.reduce(wider).unwrap_or_default()
    }

    /// Gives the PSF of a plane, or all of a grid, to a minor cycle.
    pub(super) fn give_psfs(&self, wiring: &mut Wiring, psf: usize) -> Vec<Key> {
        let give = |number: usize| {
            let whole = self.psfs[&number].whole.as_ref().expect("a plane that is cleaned has a PSF");
            wiring.give("held-psf", number, 0, whole)
        };
        self.plan.psf_numbers(psf).map(give).collect()
    }

    /// The exact residual of a plane's model, seen with its PSF or with all of a grid.
    pub(super) fn wire_seen(&self, wiring: &mut Wiring, (plane, psf): (usize, usize), keys: &PlaneKeys) -> Vec<Key> {
        let layout = &self.psfs[&psf].kernel.layout;
        let transfers = self.give_transfers(wiring, psf);
        wiring.seen_residual(plane, keys, (layout, (&transfers, self.plan.grid())))
    }

    /// Gives the transfer function of a plane's PSF, or those of all of a grid.
    pub(super) fn give_transfers(&self, wiring: &mut Wiring, psf: usize) -> Vec<Vec<Key>> {
        self.plan.psf_numbers(psf).map(|number| self.give_transfer(wiring, number)).collect()
    }

    /// What stands for the transfer functions of a plane's PSFs in the convex solver's inner problem: they themselves on a plane that repeats.
    pub(super) fn give_stand_ins(&self, wiring: &mut Wiring, psf: usize) -> Vec<Vec<Key>> {
        if self.plan.is_circular() {
            return self.give_transfers(wiring, psf);
        }
        let numbers = self.plan.psf_numbers(psf);
        numbers.map(|number| wiring.give_all("held-seen", number, &self.psfs[&number].seen)).collect()
    }

    /// What is told of a grid.
    pub(super) fn grid_outcome(&self) -> Option<GridOutcome> {
        let given = self.plan.inputs.grid.as_ref()?;
        let psfs = given.files.iter().zip(given.grid.centres()).enumerate().map(|(number, (file, (y, x)))| GridPsf {
            file: file.0.spec().to_owned(),
            x: *x,
            y: *y,
            response: f64::from(self.response(number)),
            shift: self.shift(number),
            beam: self.psfs[&number].fit().filter(|_| self.plan.cell().is_some()).map(|fit| fit.beam),
        });
        Some(GridOutcome { weighting: given.grid.weighting(), central: given.central, psfs: psfs.collect() })
    }
}
