//! Minor cycles on the active list: the pixels at or above a floor, cleaned by PSF look-ups.

use super::{Component, MinorCycle, MinorRules, MinorView, Patch, Step, View};
use crate::graph::Cancel;
use crate::images::Psf;
use crate::kernels::list::{ActiveList, Lookup, subtract_and_peak};

/// Components between two looks at the cancellation.
const PATIENCE: u64 = 256;

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

    fn floor(&self, peak: f32, _patch: Patch, mgain: f32) -> f32 {
        (1.0 - mgain) * peak
    }

    fn run(&self, view: MinorView, psf: &Psf, rules: &MinorRules, cancel: &Cancel) -> Step {
        let lookup = Lookup::new(psf.pixels().view(), psf.centre(), psf.pixels().dim());
        clean_list(listed(view), &lookup, rules, f32::INFINITY, cancel)
    }
}

/// Clark's minor cycle: only a patch of the PSF is subtracted, and the cycle ends early when what the patch leaves
/// out may have reached the floor.
///
/// # Source
/// Clark (1980), A&A 89, 377; the bound on the accumulated flux stands in for his rising limit (ALGORITHMS 2.2).
pub(super) struct Clark;

impl MinorCycle for Clark {
    fn view(&self) -> View {
        View::List
    }

    fn floor(&self, peak: f32, patch: Patch, mgain: f32) -> f32 {
        peak * (1.0 - mgain).max(patch.outside)
    }

    fn run(&self, view: MinorView, psf: &Psf, rules: &MinorRules, cancel: &Cancel) -> Step {
        let patch = rules.patch;
        let lookup = Lookup::new(psf.pixels().view(), psf.centre(), (patch.half, patch.half));
        // with nothing outside the patch there is nothing to wait for
        let most = if patch.outside > 0.0 { rules.floor / patch.outside } else { f32::INFINITY };
        clean_list(listed(view), &lookup, rules, most, cancel)
    }
}

fn listed(view: MinorView) -> ActiveList {
    let MinorView::List(list) = view else { unreachable!("the loop asked for the list") };
    list
}

/// Cleans the list down to the floor, or until `most` Jy of absolute flux were taken.
fn clean_list(mut list: ActiveList, psf: &Lookup<'_>, rules: &MinorRules, most: f32, cancel: &Cancel) -> Step {
    let mut flux = vec![0.0_f64; list.len()];
    let mut iterations = 0;
    let mut taken = 0.0;
    let mut next = list.peak();
    while let Some(peak) = next {
        let value = list.value[peak];
        let tired = iterations % PATIENCE == 0 && cancel.is_requested();
        if value.abs() <= rules.floor || iterations >= rules.niter || taken > f64::from(most) || tired {
            break;
        }
        let factor = rules.gain * value;
        flux[peak] += f64::from(factor);
        taken += f64::from(factor.abs());
        next = Some(subtract_and_peak(&mut list, psf, peak, factor));
        iterations += 1;
    }
    let components = flux
        .iter()
        .enumerate()
        .filter(|(_, flux)| **flux != 0.0)
        .map(|(index, flux)| Component { y: list.y[index] as usize, x: list.x[index] as usize, flux: *flux as f32 })
        .collect();
    Step { components, iterations }
}
