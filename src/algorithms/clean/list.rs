//! Minor cycles on the active list: the pixels at or above a floor, cleaned by PSF look-ups.

use super::{Component, MinorCycle, MinorRules, MinorView, Patch, Psfs, Step, View};
use crate::graph::Cancel;
use crate::images::Psf;
use crate::kernels::list::{ActiveList, Lookup, subtract_and_peak};

/// Components between two looks at the cancellation.
pub(super) const PATIENCE: u64 = 256;

/// The sub-minor loop with the whole PSF: as Högbom's loop while no pixel off the list rises above the floor; the
/// exact residual of the next pass picks those up.
///
/// # Source
/// Offringa & Smirnov (2017), MNRAS 471, 301.
pub(super) struct Clean;

impl MinorCycle for Clean {
    fn view(&self) -> View {
        View::List
    }

    fn least_floor(&self, _patch: Patch) -> f32 {
        0.0
    }

    fn copies(&self) -> u64 {
        2
    }

    fn run(&self, view: MinorView, psfs: &Psfs<'_>, rules: &MinorRules, cancel: &Cancel) -> Step {
        let kernels = Kernels::new(psfs, None);
        clean_list(listed(view), &kernels, rules, f32::INFINITY, cancel)
    }
}

/// Clark's minor cycle: only a patch of the PSF is subtracted, and the cycle ends early when what the patch leaves
/// out may have reached the floor.
///
/// # Source
/// Clark (1980), A&A 89, 377; the bound on the flux taken stands in for his rising limit (ALGORITHMS 2.2). Sidelobes of
/// different pixels have unrelated signs, so their fluxes count in quadrature: the sum of absolute fluxes ended a
/// cycle after some 26 components on the sample sky, and never came to the threshold in 30 cycles.
pub(super) struct Clark;

impl MinorCycle for Clark {
    fn view(&self) -> View {
        View::List
    }

    fn least_floor(&self, patch: Patch) -> f32 {
        patch.outside
    }

    fn copies(&self) -> u64 {
        2
    }

    fn run(&self, view: MinorView, psfs: &Psfs<'_>, rules: &MinorRules, cancel: &Cancel) -> Step {
        let patch = rules.patch;
        let kernels = Kernels::new(psfs, Some(patch));
        // with nothing outside the patch there is nothing to wait for
        let most = if patch.outside > 0.0 { rules.floor / patch.outside } else { f32::INFINITY };
        clean_list(listed(view), &kernels, rules, most, cancel)
    }
}

/// The PSFs to look up, with the heights of their peaks.
struct Kernels<'a> {
    psfs: &'a Psfs<'a>,
    lookups: Vec<Lookup<'a>>,
    peaks: Vec<f32>,
}

impl<'a> Kernels<'a> {
    /// Whole PSFs, or patches of them.
    fn new(psfs: &'a Psfs<'a>, patch: Option<Patch>) -> Self {
        let reach = |psf: &Psf| patch.map_or(psf.shape(), |patch| (patch.half, patch.half));
        let lookups = psfs.all().iter().map(|psf| Lookup::new(psf.pixels().view(), psf.centre(), reach(psf))).collect();
        Self { psfs, lookups, peaks: psfs.peaks() }
    }

    /// The PSF of a pixel of the list, and how high it peaks.
    fn of(&self, list: &ActiveList, index: usize) -> (&Lookup<'a>, f32) {
        let psf = self.psfs.of(list.y[index] as usize, list.x[index] as usize);
        (&self.lookups[psf], self.peaks[psf])
    }
}

fn listed(view: MinorView) -> ActiveList {
    let MinorView::List(list) = view else { unreachable!("the loop asked for the list") };
    list
}

/// A list whose peak rises by this much diverges: the PSF is not positive on it.
const RISE: f32 = 1.1;

/// Components that a list of `pixels` pixels may take on its way from `peak` down to the floor: four times what
/// it would take if every pixel held a source of its own. A loop that needs more runs in circles.
pub(super) fn patience(pixels: usize, peak: f32, rules: &MinorRules) -> u64 {
    let floor = f64::from(rules.floor.max(f32::EPSILON * peak));
    let each = (f64::from(peak) / floor).ln() / f64::from(rules.gain) + 1.0;
    (4.0 * each.max(1.0) * pixels as f64) as u64 + 10
}

/// Cleans the list down to the floor, or until the flux taken, pixels added in quadrature, exceeds `most` Jy.
fn clean_list(mut list: ActiveList, kernels: &Kernels<'_>, rules: &MinorRules, most: f32, cancel: &Cancel) -> Step {
    let mut flux = vec![0.0_f64; list.len()];
    let mut times = vec![0_u32; list.len()];
    let mut iterations = 0;
    let mut taken = 0.0_f64;
    let mut next = list.peak().and_then(|peak| rules.signs.next(&list, peak));
    let mut is_negative = false;
    let start = next.map_or(0.0, |peak| list.height(peak));
    let limit = rules.niter.min(patience(list.len(), start, rules));
    while let Some(peak) = next {
        let height = list.height(peak);
        let tired = iterations % PATIENCE == 0 && cancel.is_requested();
        let done = height <= rules.floor || iterations >= limit || taken > f64::from(most).powi(2);
        is_negative = !done && rules.signs.ends_at(list.value[peak]);
        if done || height > RISE * start || tired || is_negative {
            break;
        }
        let (psf, response) = kernels.of(&list, peak);
        let factor = rules.gain * list.value[peak] / response;
        taken += f64::from(factor) * (2.0 * flux[peak] + f64::from(factor));
        flux[peak] += f64::from(factor);
        times[peak] += 1;
        let highest = subtract_and_peak(&mut list, psf, peak, factor);
        next = rules.signs.next(&list, highest);
        iterations += 1;
    }
    let components = flux
        .iter()
        .enumerate()
        .filter(|(_, flux)| **flux != 0.0)
        .map(|(index, flux)| Component { y: list.y[index] as usize, x: list.x[index] as usize, flux: *flux as f32 })
        .collect();
    let times = times.into_iter().zip(flux).filter(|(_, flux)| *flux != 0.0).map(|(times, _)| times).collect();
    Step { components, iterations, is_negative, times, ..Step::default() }
}
