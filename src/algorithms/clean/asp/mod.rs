//! Asp-CLEAN: components are points and Gaussians whose widths follow the sky.
//!
//! ```text
//! R_s = G_s * r        (p, s) = argmax |R_s| / sqrt((G_s * h * G_s)(0))        begin there
//! fit flux, place and width of the newest and its neighbours to r        take `gain` of them away
//! ```
//! Between two exact residuals a component is taken away as the main lobe sees it, a Gaussian in closed form, so that no
//! fit needs a transform; therefore a cycle ends at the height that the neglected sidelobes may have, or after fifty
//! components, and then their fluxes are fitted once more, all together, with the whole PSF ([`refit`]). Where a cycle begins
//! with five points or more, it is one of [`super::list::Clean`], down to where the first other seed stands; where a
//! cycle of Gaussians leaves the peak high, the next is one of points too ([`turns`]).
//!
//! # Source
//! Bhatnagar & Cornwell (2004), A&A 426, 747; the analytic main lobe, Zhang, Bhatnagar, Rau & Zhang (2016), A&A 592,
//! A128. We differ: the height of a wide source is that of the whole PSF ([`lobe::Lobe`]), and components are refitted
//! with their neighbours of the same cycle only. Centres are pixels, and a Gaussian that reaches beyond where components may
//! stand is cut off there, and listed pixel by pixel.

mod fit;
mod lobe;
mod refit;
mod search;
mod turns;

use std::f64::consts::LN_2;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{
    Algorithm, Blob, Component, Kind, Minor, MinorCycle, MinorRules, MinorView, Patch, Psfs, Scale, Signs, Step, View,
    list,
};
use crate::graph::Cancel;
use crate::images::{Mask, Psf};
use crate::kernels::list::ActiveList;

use lobe::{Aspen, Lobe};
use search::Search;

pub(super) use turns::Turns;

/// The `[asp]` table of the configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AspParams {
    /// Share of a fitted component that is taken.
    pub gain: f32,
    /// Full width at half maximum of the widest component \[beams\]; 0 is points only.
    pub largest_scale: f64,
}

/// Components between two exact residuals at the most (ALGORITHMS 4.4).
const CYCLE: usize = 50;
/// Seeds at the beginning of a cycle that must all be points for it to be one of points (ALGORITHMS 4.3).
const POINTS: usize = 5;
/// A cycle of points goes down to this share of the strength of the first wider seed, as points leave traces of their own.
const BELOW: f64 = 0.5;
/// A Gaussian keeps so many standard deviations within bounds, and is made this much narrower until it does.
const INSIDE: f64 = 2.0;
const NARROWER: f64 = 0.8;
/// Components that are fitted together at the most.
const TOGETHER: usize = 8;

/// The loop that fits Gaussians.
pub(super) struct Asp;

impl MinorCycle for Asp {
    fn view(&self) -> View {
        View::Plane
    }

    fn least_floor(&self, patch: Patch) -> f32 {
        patch.outside
    }

    fn passes(&self) -> u64 {
        4
    }

    fn copies(&self) -> u64 {
        // the residual and four smooth ones, one more while it is smoothed, and the model in twice the precision
        9
    }

    fn run(&self, view: MinorView, psfs: &Psfs<'_>, rules: &MinorRules, cancel: &Cancel) -> Step {
        let psf = psfs.all()[0];
        let MinorView::Plane { residual, allowed, bounds } = view else { unreachable!("the loop asked for the plane") };
        // without widths it is the loop over points
        let lobe = Lobe::new(psf, rules.asp.largest_scale).ok().filter(|_| rules.asp.largest_scale > 0.0);
        let Some(lobe) = lobe else {
            return points(&residual, allowed.as_ref(), psf, rules, cancel);
        };
        let mut cycle = Cycle { bounds, ..Cycle::new(&residual, allowed.clone(), lobe, rules) };
        while cycle.goes_on() && !cancel.is_requested() {
            cycle.take();
        }
        if let Some(floor) = cycle.ends_points().filter(|_| !cycle.is_negative) {
            let rules = MinorRules { floor: rules.floor.max(floor as f32), ..*rules };
            return points(&residual, allowed.as_ref(), psf, &rules, cancel);
        }
        cycle.refit(&residual, psf);
        cycle.step(residual.dim())
    }
}

/// The pixels at or above the floor, cleaned with the whole PSF.
fn points(residual: &Array2<f32>, allowed: Option<&Mask>, psf: &Psf, rules: &MinorRules, cancel: &Cancel) -> Step {
    let mut list = ActiveList::default();
    for ((y, x), value) in residual.indexed_iter() {
        let height = rules.signs.height(*value);
        if height >= rules.floor && rules.signs.may_list(*value) && allowed.is_none_or(|allowed| allowed.row(y)[x]) {
            list.push((y, x), *value, 1.0);
        }
    }
    list::Clean.run(MinorView::List(list), &Psfs::one(psf), rules, cancel)
}

/// The components of one cycle, and the residual as the main lobe sees it without them.
struct Cycle {
    search: Search,
    lobe: Lobe,
    /// What was taken, in the order in which it was found.
    aspens: Vec<Aspen>,
    /// How many of them began as points, before the first that did not.
    points: usize,
    /// How strong the last seed was \[Jy/beam\].
    strength: f64,
    gain: f64,
    niter: usize,
    /// Level at which the cycle ends \[Jy/beam\].
    floor: f64,
    /// Standard deviation of the widest component \[pixels\].
    widest: f64,
    /// Heights taken so far, added up: neighbours have sidelobes of the same sign.
    taken: f64,
    is_done: bool,
    /// Which signs components may have.
    signs: Signs,
    /// Whether it ended at a negative peak that must not be cleaned.
    is_negative: bool,
    /// Where Gaussians may reach; everywhere without a mask.
    bounds: Option<Mask>,
}

impl Cycle {
    fn new(residual: &Array2<f32>, allowed: Option<Mask>, lobe: Lobe, rules: &MinorRules) -> Self {
        let widest = (rules.asp.largest_scale * lobe.sigma()).min(lobe.widest());
        let search = Search::new(residual, (allowed, rules.signs), &lobe, widest);
        let peak = search.seed().map_or(0.0, |seed| seed.strength);
        // what a sidelobe of the strongest component may reach is no place to begin another
        let floor = f64::from(rules.floor).max(f64::from(lobe.sidelobe).min(0.9) * peak);
        let niter = CYCLE.min(usize::try_from(rules.niter).unwrap_or(CYCLE));
        let gain = f64::from(rules.asp.gain);
        Self {
            search,
            lobe,
            aspens: Vec::new(),
            points: 0,
            strength: peak,
            gain,
            niter,
            floor,
            widest,
            taken: 0.0,
            is_done: false,
            signs: rules.signs,
            is_negative: false,
            bounds: None,
        }
    }

    fn goes_on(&self) -> bool {
        let is_clear = self.taken * f64::from(self.lobe.sidelobe) < self.floor;
        !self.is_done && is_clear && self.aspens.len() < self.niter
    }

    /// Down to a bit below where points were all that was found; none if they were too few.
    fn ends_points(&self) -> Option<f64> {
        (self.points == self.aspens.len() && self.points >= POINTS).then_some(BELOW * self.strength)
    }

    /// Finds the next component, fits it with its neighbours, and takes its share of it.
    fn take(&mut self) {
        let seed = self.search.seed();
        self.strength = seed.as_ref().map_or(0.0, |seed| seed.strength);
        let Some(seed) = seed.filter(|seed| seed.strength > self.floor) else {
            self.is_done = true;
            return;
        };
        if self.signs.ends_at(seed.aspen.flux as f32) {
            (self.is_done, self.is_negative) = (true, true);
            return;
        }
        let is_point = seed.aspen.sigma == 0.0;
        if !is_point && self.ends_points().is_some() {
            self.is_done = true;
            return;
        }
        let neighbours = self.neighbours(&seed.aspen);
        let begun: Vec<Aspen> =
            std::iter::once(seed.aspen).chain(neighbours.iter().map(|at| self.aspens[*at])).collect();
        let fitted = fit::fit(&begun, self.search.residual(), &self.lobe, self.widest);
        let newest = self.sound(&fitted[0], &seed.aspen).unwrap_or_else(|| self.within_bounds(seed.aspen));
        for (at, fitted) in neighbours.into_iter().zip(&fitted[1..]) {
            let before = self.aspens[at];
            if let Some(aspen) = self.sound(fitted, &before) {
                let aspen = self.share(aspen);
                self.search.subtract(&Aspen { flux: -before.flux, ..before }, &self.lobe);
                self.search.subtract(&aspen, &self.lobe);
                self.aspens[at] = aspen;
            }
        }
        let newest = self.share(newest);
        self.search.subtract(&newest, &self.lobe);
        self.taken += (newest.flux * self.lobe.hill(newest.sigma).height).abs();
        self.points += usize::from(is_point && self.points == self.aspens.len());
        self.aspens.push(newest);
    }

    /// The components of this cycle that overlap with a new one, the nearest first.
    fn neighbours(&self, newest: &Aspen) -> Vec<usize> {
        let reach = |aspen: &Aspen| self.lobe.hill(aspen.sigma).reach(1.0);
        let distance = |aspen: &Aspen| (aspen.y - newest.y).hypot(aspen.x - newest.x);
        let is_near = |aspen: &Aspen| distance(aspen) < reach(aspen) + reach(newest);
        let mut near: Vec<usize> = (0..self.aspens.len()).filter(|at| is_near(&self.aspens[*at])).collect();
        near.sort_by(|a, b| distance(&self.aspens[*a]).total_cmp(&distance(&self.aspens[*b])));
        near.truncate(TOGETHER - 1);
        near
    }

    /// A fitted component on its pixel, and no wider than its place allows; none where it may not stand or has changed its
    /// sign.
    fn sound(&self, fitted: &Aspen, begun: &Aspen) -> Option<Aspen> {
        let aspen = Aspen { y: fitted.y.round(), x: fitted.x.round(), ..*fitted };
        let may_stand = aspen.flux * begun.flux > 0.0 && self.search.allows(aspen.y, aspen.x);
        may_stand.then(|| self.within_bounds(aspen))
    }

    /// The same height over a narrower width where a Gaussian would lose more than its wings at the sides of the image, or
    /// where no component may reach: its flux is fitted as if it were whole.
    fn within_bounds(&self, aspen: Aspen) -> Aspen {
        let (ny, nx) = self.search.residual().dim();
        let sides = aspen.y.min(aspen.x).min(ny as f64 - 1.0 - aspen.y).min(nx as f64 - 1.0 - aspen.x);
        let mut sigma = aspen.sigma.min(sides.max(0.0) / INSIDE);
        let at = Component { y: aspen.y as usize, x: aspen.x as usize, flux: 0.0 };
        let fits = |sigma: f64| {
            self.bounds.as_ref().is_none_or(|bounds| is_inside(bounds, &at, (INSIDE * sigma).floor() as usize))
        };
        while sigma >= fit::POINT * self.lobe.sigma() && !fits(sigma) {
            sigma *= NARROWER;
        }
        let sigma = if sigma < fit::POINT * self.lobe.sigma() { 0.0 } else { sigma };
        let height = |sigma: f64| self.lobe.hill(sigma).height;
        Aspen { flux: aspen.flux * height(aspen.sigma) / height(sigma), sigma, ..aspen }
    }

    /// What is taken of a component.
    fn share(&self, aspen: Aspen) -> Aspen {
        Aspen { flux: self.gain * aspen.flux, ..aspen }
    }

    /// Fits the fluxes once more with the whole PSF, and takes their share.
    fn refit(&mut self, residual: &Array2<f32>, psf: &Psf) {
        refit::refit(&mut self.aspens, residual, psf, &self.lobe);
        self.aspens.retain(|aspen| aspen.flux != 0.0);
        self.aspens.iter_mut().for_each(|aspen| aspen.flux *= self.gain);
    }

    /// Points and Gaussians; one that is cut off where no component may stand is given pixel by pixel.
    fn step(&self, shape: (usize, usize)) -> Step {
        let mut points = Array2::<f64>::zeros(shape);
        let mut blobs = Vec::new();
        for aspen in &self.aspens {
            let at = Component { y: aspen.y as usize, x: aspen.x as usize, flux: aspen.flux as f32 };
            let Some(scale) = scale_of(aspen.sigma) else {
                points[(at.y, at.x)] += aspen.flux;
                continue;
            };
            match self.bounds.as_ref().filter(|bounds| !is_inside(bounds, &at, scale.reach())) {
                Some(bounds) => draw(&mut points, &at, &scale.kernel(), bounds),
                None => blobs.push(Blob { at, scale }),
            }
        }
        let components = points.indexed_iter().filter(|(_, flux)| **flux != 0.0);
        let components = components.map(|((y, x), flux)| Component { y, x, flux: *flux as f32 }).collect();
        let (iterations, is_negative) = (self.aspens.len() as u64, self.is_negative);
        Step { components, blobs, iterations, is_negative, times: Vec::new() }
    }
}

/// Adds what of a Gaussian falls within bounds.
fn draw(points: &mut Array2<f64>, at: &Component, kernel: &Array2<f32>, bounds: &Mask) {
    let reach = kernel.nrows() / 2;
    for ((y, x), share) in kernel.indexed_iter() {
        let place = (at.y + y).checked_sub(reach).zip((at.x + x).checked_sub(reach));
        if let Some((y, x)) = place.filter(|(y, x)| *y < points.nrows() && *x < points.ncols() && bounds.row(*y)[*x]) {
            points[(y, x)] += f64::from(at.flux * share);
        }
    }
}

/// The kernel of a width; none for points.
fn scale_of(sigma: f64) -> Option<Scale> {
    (sigma > 0.0).then(|| Scale::gaussian((8.0 * LN_2).sqrt() * sigma))
}

/// Whether components may stand on all pixels of the image up to `reach` from a centre.
fn is_inside(allowed: &Mask, at: &Component, reach: usize) -> bool {
    let (ny, nx) = allowed.shape();
    let columns = at.x.saturating_sub(reach)..(at.x + reach + 1).min(nx);
    let mut rows = at.y.saturating_sub(reach)..(at.y + reach + 1).min(ny);
    rows.all(|y| allowed.row(y)[columns.clone()].iter().all(|may| *may))
}

/// Entry of the registry.
pub(in crate::algorithms) const ASP: Algorithm = Algorithm {
    name: "asp",
    summary: "Gaussians of adaptive widths, fitted to what the main lobe shows (Bhatnagar & Cornwell 2004; Zhang et al. 2016)",
    kind: Kind::Clean(Minor::Asp),
    first: None,
    tables: &["clean", "asp"],
    // fits look at the whole plane, and do not weigh the search
    ignores: &["tile", "local_rms", "local_rms_window", "local_rms_method", "local_rms_strength", "local_rms_image"],
    also: &[],
};

#[cfg(test)]
mod tests;
