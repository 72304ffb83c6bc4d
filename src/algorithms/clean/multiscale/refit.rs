//! Fluxes of neighbouring points fitted together, after some of them were taken out.
//!
//! CLEAN takes one point at a time, and where a source lies between pixels what it takes beside the source makes up for
//! errors of the points on it. With the points beside it taken out, fluxes `x` added to those that are left solve
//! ```text
//! P H P x = P r        r = d - h * m
//! ```
//! for each cluster of points: `H` is the convolution with the PSF, whose transform is a weight and not below 0 as far as the
//! PSF is whole, and `P` keeps the places of the cluster. That is the least-squares fit to the visibilities, weighed as the
//! image is. Points of other clusters are left to the exact residual and the next fit. A few steps of conjugate gradients
//! fit what the PSF measures well; what it does not, points less than half a beam apart, would take many and be noise.

use std::collections::{BTreeMap, BTreeSet};

use crate::algorithms::clean::{Component, Step};
use crate::graph::Cancel;
use crate::images::Psf;
use crate::kernels::list::{ActiveList, Lookup};
use crate::kernels::sources::{Source, Spacing, subtract_sources};

/// Steps of conjugate gradients: after 20 the fit of offgrid-vla is as near to the truth as after 100.
const STEPS: usize = 20;
/// A residual of this share of the first is none.
const DONE: f64 = 1e-3;
/// Squares of half a gap from a point that was taken out to the points that make up for it: in extended emission all points
/// hang together, and those farther away lack nothing (M31 came to 4.53 noise instead of 4.46 where all were fitted).
const NEAR: i32 = 2;
/// A cluster of more points is left as it is: a step takes the square of their number.
const MOST: usize = 8192;

/// What was taken out, and how the rest is fitted.
#[derive(Debug, Clone, Copy)]
pub struct Refitting<'a> {
    /// Points that were taken out, with the flux that this added: that of the points with the opposite sign \[Jy\].
    pub taken: &'a [Component],
    /// Points up to so many pixels apart belong together.
    pub gap: f64,
    /// What may be left at a point \[Jy/beam\].
    pub most: f64,
}

/// Fits the points of a list, whose values are their residuals \[Jy/beam\], where others were taken out; to be added \[Jy\].
///
/// The list has all points, and the places of those that were taken out. These are put back, and their cluster stays as it
/// was, where the other points do not explain what they did: a faint source beside a bright one is one, an error of the
/// bright one's points is none.
pub fn refit(list: &ActiveList, rules: &Refitting<'_>, psf: &Psf, cancel: &Cancel) -> Step {
    let lookup = Lookup::new(psf.pixels().view(), psf.centre(), psf.pixels().dim());
    let place = |at: &Component| (at.y as i32, at.x as i32);
    let fluxes: BTreeMap<(i32, i32), f32> = rules.taken.iter().map(|at| (place(at), -at.flux)).collect();
    let mut found: Vec<Component> = Vec::new();
    for Cluster { members, is_whole } in clusters(list, rules) {
        if cancel.is_requested() {
            break;
        }
        let own = list.of(&members);
        let taken: Vec<Option<f32>> = own.y.iter().zip(&own.x).map(|at| fluxes.get(&(*at.0, *at.1)).copied()).collect();
        let fitted = is_whole.then(|| fit(&own, &taken, &lookup)).flatten().filter(|fit| fit.left <= rules.most);
        let fluxes = match fitted {
            Some(Fit { fluxes, .. }) => fluxes,
            None => taken.into_iter().map(|flux| f64::from(flux.unwrap_or(0.0))).collect(),
        };
        let points = own.y.iter().zip(&own.x).zip(fluxes).filter(|(_, flux)| *flux != 0.0);
        found.extend(points.map(|((y, x), flux)| Component { y: *y as usize, x: *x as usize, flux: flux as f32 }));
    }
    found.sort_by_key(|component| (component.y, component.x));
    Step { components: found, ..Step::default() }
}

/// A fit of a cluster.
struct Fit {
    /// Flux of each place; 0 where a point was taken out \[Jy\].
    fluxes: Vec<f64>,
    /// The most that is left at any of the places \[Jy/beam\].
    left: f64,
}

/// Fits a cluster without the points that were taken out; `None` if it is too large.
fn fit(list: &ActiveList, taken: &[Option<f32>], psf: &Lookup<'_>) -> Option<Fit> {
    if list.len() > MOST {
        return None;
    }
    let stays: Vec<u32> = (0..list.len() as u32).filter(|at| taken[*at as usize].is_none()).collect();
    let mut fluxes = vec![0.0; list.len()];
    for (at, flux) in stays.iter().zip(solve(&list.of(&stays), psf)) {
        fluxes[*at as usize] = flux;
    }
    let seen = convolved(list, psf, &fluxes);
    let left = list.value.iter().zip(seen).map(|(value, seen)| (f64::from(*value) - seen).abs());
    Some(Fit { left: left.fold(0.0, f64::max), fluxes })
}

/// Points that hang together.
struct Cluster {
    /// Their places in the list, in its order.
    members: Vec<u32>,
    /// Whether all of them are near points that were taken out.
    is_whole: bool,
}

/// The clusters of points with some among them that were taken out.
fn clusters(list: &ActiveList, rules: &Refitting<'_>) -> Vec<Cluster> {
    let side = (rules.gap / 2.0).ceil().max(1.0) as i32;
    let cell = |y: i32, x: i32| (y / side, x / side);
    let around =
        |(y, x): (i32, i32), far: i32| (-far..=far).flat_map(move |dy| (-far..=far).map(move |dx| (y + dy, x + dx)));
    let mut cells: BTreeMap<(i32, i32), Vec<u32>> = BTreeMap::new();
    for (index, (y, x)) in list.y.iter().zip(&list.x).enumerate() {
        cells.entry(cell(*y, *x)).or_default().push(index as u32);
    }
    let starts: BTreeSet<_> = rules.taken.iter().map(|at| cell(at.y as i32, at.x as i32)).collect();
    let near: BTreeSet<_> = starts.iter().flat_map(|start| around(*start, NEAR)).collect();
    let mut clusters = Vec::new();
    for start in starts {
        let (mut open, mut members, mut is_whole) = (vec![start], Vec::new(), true);
        while let Some(at) = open.pop() {
            if let Some(own) = cells.remove(&at) {
                members.extend(own);
                open.extend(around(at, 1));
                is_whole &= near.contains(&at);
            }
        }
        members.sort_unstable();
        if !members.is_empty() {
            clusters.push(Cluster { members, is_whole });
        }
    }
    clusters
}

/// A few steps of conjugate gradients from 0 towards the fluxes that leave nothing at these points.
fn solve(list: &ActiveList, psf: &Lookup<'_>) -> Vec<f64> {
    let mut residual: Vec<f64> = list.value.iter().copied().map(f64::from).collect();
    let (mut fluxes, mut way) = (vec![0.0; residual.len()], residual.clone());
    let first = dot(&residual, &residual);
    let mut square = first;
    for _ in 0..STEPS {
        if square <= DONE * DONE * first {
            break;
        }
        let seen = convolved(list, psf, &way);
        let curvature = dot(&way, &seen);
        // a PSF that is cut off has modes below 0
        if curvature <= 0.0 {
            break;
        }
        let length = square / curvature;
        fluxes.iter_mut().zip(&way).for_each(|(flux, way)| *flux += length * way);
        residual.iter_mut().zip(&seen).for_each(|(value, seen)| *value -= length * seen);
        let before = std::mem::replace(&mut square, dot(&residual, &residual));
        way.iter_mut().zip(&residual).for_each(|(way, value)| *way = value + square / before * *way);
    }
    fluxes
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// What points of these fluxes leave at their places, seen through the even part of the PSF.
fn convolved(list: &ActiveList, psf: &Lookup<'_>, fluxes: &[f64]) -> Vec<f64> {
    let scale = fluxes.iter().fold(0.0, |most: f64, flux| most.max(flux.abs()));
    if scale == 0.0 {
        return vec![0.0; fluxes.len()];
    }
    let through = |sign: i32| {
        let turned = |at: &[i32]| at.iter().map(|at| sign * at).collect::<Vec<i32>>();
        let zeros = vec![0.0; list.len()];
        let mut seen =
            ActiveList { y: turned(&list.y), x: turned(&list.x), value: zeros, weight: vec![1.0; list.len()] };
        let sources: Vec<Source> = (0..list.len())
            .map(|at| Source { y: seen.y[at], x: seen.x[at], factor: -(fluxes[at] / scale) as f32 })
            .collect();
        subtract_sources(&mut seen, psf, Spacing { list: 1, table: 1 }, &sources);
        seen.value
    };
    let halves = through(1).into_iter().zip(through(-1));
    halves.map(|(one, other)| 0.5 * scale * (f64::from(one) + f64::from(other))).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn psf() -> Psf {
        let value = |y: usize, x: usize| {
            let (dy, dx) = (y as f64 - 32.0, x as f64 - 32.0);
            (0.95 * (-(dy * dy + dx * dx) / 6.0).exp() + 0.05 * (0.7 * dy + 0.4 * dx).cos()) as f32
        };
        Psf::new(Array2::from_shape_fn((65, 65), |(y, x)| value(y, x))).unwrap()
    }

    /// What points of these places and fluxes leave at each of them, value by value.
    fn seen(points: &[(usize, usize, f64)], psf: &Psf) -> Vec<f64> {
        let at = |y: usize, x: usize| {
            let leaves =
                |(py, px, flux): &(usize, usize, f64)| flux * f64::from(psf.pixels()[(32 + y - py, 32 + x - px)]);
            points.iter().map(leaves).sum()
        };
        points.iter().map(|(y, x, _)| at(*y, *x)).collect()
    }

    fn list(points: &[(usize, usize, f64)], values: &[f64]) -> ActiveList {
        let mut list = ActiveList::default();
        points.iter().zip(values).for_each(|((y, x, _), value)| list.push((*y, *x), *value as f32, 1.0));
        list
    }

    /// Points of one source between pixels.
    const POINTS: [(usize, usize, f64); 5] = [(9, 10, 0.2), (10, 9, -0.1), (10, 10, 0.6), (10, 11, 0.5), (11, 10, 0.1)];

    fn out(y: usize, x: usize, flux: f32) -> Component {
        Component { y, x, flux }
    }

    fn refitted(list: &ActiveList, taken: &[Component], most: f64) -> Vec<Component> {
        refit(list, &Refitting { taken, gap: 6.0, most }, &psf(), &Cancel::default()).components
    }

    #[test]
    fn points_of_a_cluster_come_back_from_what_they_leave() {
        let mut places = POINTS.to_vec();
        places.push((13, 10, 0.0));
        let list = list(&places, &seen(&places, &psf()));
        let components = refitted(&list, &[out(13, 10, 0.01)], 0.1);
        assert_eq!(components.len(), POINTS.len());
        for (component, (y, x, flux)) in components.iter().zip(POINTS) {
            assert_eq!((component.y, component.x), (y, x));
            assert!((f64::from(component.flux) - flux).abs() < 0.02, "{component:?}: {flux}");
        }
    }

    #[test]
    fn the_fit_leaves_next_to_nothing_at_the_points() {
        let psf = psf();
        let list = list(&POINTS, &[0.3, -0.2, 0.5, 0.1, 0.4]);
        let fluxes = solve(&list, &Lookup::new(psf.pixels().view(), psf.centre(), psf.pixels().dim()));
        let points: Vec<_> = POINTS.iter().zip(fluxes).map(|((y, x, _), flux)| (*y, *x, flux)).collect();
        for (value, seen) in list.value.iter().zip(seen(&points, &psf)) {
            assert!((f64::from(*value) - seen).abs() < 0.01, "{value}: {seen}");
        }
    }

    #[test]
    fn a_point_that_the_others_do_not_explain_is_put_back() {
        // a faint source four pixels from a bright one was taken out, which left what it shines
        let sky = [(10, 10, 0.0), (10, 14, 0.1)];
        let list = list(&sky, &seen(&sky, &psf()));
        let taken = [out(10, 14, -0.1)];
        assert_eq!(refitted(&list, &taken, 0.01), [out(10, 14, 0.1)], "as it was");
        let without = refitted(&list, &taken, 0.2);
        assert!(matches!(&without[..], [Component { y: 10, x: 10, .. }]), "little enough is left: {without:?}");
    }

    #[test]
    fn clusters_that_lack_nothing_are_left_as_they_are() {
        let mut points = POINTS.to_vec();
        points.extend([(13, 10, 0.0), (28, 30, 1.0), (29, 29, 0.0), (60, 10, 1.0)]);
        let list = list(&points, &[0.1; 9]);
        let sizes = |list: &ActiveList, taken: &[Component]| -> Vec<(usize, bool)> {
            let clusters = clusters(list, &Refitting { taken, gap: 6.0, most: 1.0 });
            clusters.iter().map(|cluster| (cluster.members.len(), cluster.is_whole)).collect()
        };
        assert_eq!(sizes(&list, &[out(13, 10, 0.1)]), [(6, true)]);
        assert_eq!(sizes(&list, &[out(13, 10, 0.1), out(29, 29, 0.1)]), [(6, true), (2, true)]);
        assert_eq!(refitted(&list, &[], 1.0), []);
    }

    #[test]
    fn points_of_extended_emission_are_put_back() {
        let mut list = ActiveList::default();
        (0..20).for_each(|at| list.push((10, 10 + 3 * at), 0.0, 1.0));
        let taken = [out(10, 13, -0.3)];
        assert_eq!(refitted(&list, &taken, 1.0), [out(10, 13, 0.3)]);
    }
}
