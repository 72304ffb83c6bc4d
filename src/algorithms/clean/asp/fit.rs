//! The best Gaussians for a residual: least squares over flux, place and width of the newest and of its neighbours.

use lbfgs::Lbfgs;
use ndarray::Array2;

use super::lobe::{Aspen, Lobe};

/// Updates that the approximate Hessian remembers, and iterations at the most (ALGORITHMS 4.2).
const MEMORY: usize = 5;
const ITERATIONS: usize = 20;
/// The newest component is fitted within so many standard deviations of what it looks like.
const REACH: f64 = 2.0;
/// Pixels of a fit at the most; a wide one looks at every other pixel, or fewer.
const PIXELS: f64 = 4000.0;
/// Pixels that a centre may move away from where it began (ALGORITHMS 4.2).
const SHIFT: f64 = 2.0;
/// Narrower sources, in widths of the lobe, are points (ALGORITHMS 4.4).
pub(super) const POINT: f64 = 0.3;
/// The search ends where an iteration gains no more than this share of the misfit it began with.
const TOLERANCE: f64 = 1e-6;
/// No parameter changes by more than this in one step (of flux, or of widths of the lobe).
const LEAP: f64 = 1.0;
/// Share of what the slope promises that a step must gain, and how often it is halved at the most.
const ARMIJO: f64 = 1e-4;
const HALVINGS: usize = 20;
/// Parameters of a component: flux, row, column, standard deviation.
const PARAMETERS: usize = 4;

/// A pixel and what is to be explained there \[Jy/beam\].
struct Sample {
    y: f64,
    x: f64,
    value: f64,
}

/// Half the sum of squares over the samples, of the components' parameters in the units of `scale`.
struct Misfit<'a> {
    lobe: &'a Lobe,
    samples: Vec<Sample>,
    scale: Vec<f64>,
}

impl Misfit<'_> {
    fn aspens(&self, parameters: &[f64]) -> Vec<Aspen> {
        let parameters: Vec<f64> = parameters.iter().zip(&self.scale).map(|(p, scale)| p * scale).collect();
        let aspens = parameters.chunks_exact(PARAMETERS);
        aspens.map(|p| Aspen { flux: p[0], y: p[1], x: p[2], sigma: p[3].abs() }).collect()
    }

    /// Half the sum of squares.
    fn cost_of(&self, parameters: &[f64]) -> f64 {
        let aspens = self.aspens(parameters);
        let hills: Vec<_> = aspens.iter().map(|aspen| (aspen, self.lobe.hill(aspen.sigma))).collect();
        let left = |sample: &Sample| {
            let seen = hills.iter().map(|(aspen, hill)| aspen.flux * hill.at(sample.y - aspen.y, sample.x - aspen.x));
            sample.value - seen.sum::<f64>()
        };
        0.5 * self.samples.iter().map(|sample| left(sample).powi(2)).sum::<f64>()
    }

    /// Its derivatives by the parameters.
    fn gradient_of(&self, parameters: &[f64]) -> Vec<f64> {
        let aspens = self.aspens(parameters);
        let mut gradient = vec![0.0; parameters.len()];
        let mut slopes = Vec::with_capacity(aspens.len());
        for sample in &self.samples {
            slopes.clear();
            slopes.extend(aspens.iter().map(|a| self.lobe.slopes(a.sigma, (sample.y - a.y, sample.x - a.x))));
            let seen: f64 = aspens.iter().zip(&slopes).map(|(aspen, (value, _))| aspen.flux * value).sum();
            let left = sample.value - seen;
            for ((aspen, (value, by)), sum) in aspens.iter().zip(&slopes).zip(gradient.chunks_exact_mut(PARAMETERS)) {
                sum[0] -= left * value;
                (1..PARAMETERS).for_each(|p| sum[p] -= left * aspen.flux * value * by[p - 1]);
            }
        }
        // a width counts by its absolute value
        let signs = parameters.iter().enumerate().map(|(at, p)| if at % PARAMETERS == 3 { p.signum() } else { 1.0 });
        gradient.iter().zip(&self.scale).zip(signs).map(|((slope, scale), sign)| slope * scale * sign).collect()
    }
}

/// Fits `aspens` (the newest first) to a residual \[Jy/beam\] that does without them, where they begin from.
///
/// Centres stay within two pixels of where they began, widths below `widest`, and what is much narrower than the lobe
/// becomes a point. Where the search fails, they are returned as they came.
///
/// # Source
/// Bhatnagar & Cornwell (2004), A&A 426, 747; limited-memory BFGS as in ALGORITHMS 4.2.
pub(super) fn fit(aspens: &[Aspen], residual: &Array2<f32>, lobe: &Lobe, widest: f64) -> Vec<Aspen> {
    let Some(newest) = aspens.first() else { return Vec::new() };
    // what the newest looks like is 1, so that no limit of the search depends on the unit of flux
    let level = newest.flux.abs() * lobe.hill(newest.sigma).height;
    if !(level > 0.0 && level.is_finite()) {
        return aspens.to_vec();
    }
    let unit = aspens.iter().map(|aspen| aspen.flux.abs()).fold(0.0, f64::max) / level;
    let scale = [unit, lobe.sigma(), lobe.sigma(), lobe.sigma()].repeat(aspens.len());
    let mut samples = samples(newest, residual, lobe, &aspens[1..]);
    samples.iter_mut().for_each(|sample| sample.value /= level);
    let misfit = Misfit { lobe, samples, scale };
    // at no width at all the misfit is flat: begin a little off
    let wide = |aspen: &Aspen| aspen.sigma.max(POINT * lobe.sigma());
    let start = aspens.iter().flat_map(|aspen| [aspen.flux / level, aspen.y, aspen.x, wide(aspen)]);
    let start: Vec<f64> = start.zip(&misfit.scale).map(|(p, scale)| p / scale).collect();
    let Some(best) = minimise(&misfit, start) else { return aspens.to_vec() };
    let found = misfit.aspens(&best);
    let found = found.iter().map(|found| Aspen { flux: level * found.flux, ..*found });
    found.zip(aspens).map(|(found, begun)| bounded(&found, begun, lobe, widest)).collect()
}

/// The residual with the neighbours put back, near the newest component.
fn samples(newest: &Aspen, residual: &Array2<f32>, lobe: &Lobe, others: &[Aspen]) -> Vec<Sample> {
    let reach = lobe.hill(newest.sigma).reach(REACH).max(2.0);
    let stride = ((2.0 * reach).powi(2) / PIXELS).sqrt().ceil().max(1.0) as usize;
    let near = |centre: f64, length: usize| {
        let first = (centre - reach).ceil().max(0.0) as usize;
        (first..((centre + reach).floor() + 1.0).clamp(0.0, length as f64) as usize).step_by(stride)
    };
    let hills: Vec<_> = others.iter().map(|aspen| (aspen, lobe.hill(aspen.sigma))).collect();
    let (ny, nx) = residual.dim();
    let mut samples = Vec::new();
    for y in near(newest.y, ny) {
        for x in near(newest.x, nx) {
            let (row, column) = (y as f64, x as f64);
            let put_back = hills.iter().map(|(aspen, hill)| aspen.flux * hill.at(row - aspen.y, column - aspen.x));
            let value = f64::from(residual[(y, x)]) + put_back.sum::<f64>();
            samples.push(Sample { y: row, x: column, value });
        }
    }
    samples
}

/// Goes downhill from `start` along directions of the limited-memory BFGS; `None` where no step lowers the misfit.
fn minimise(misfit: &Misfit<'_>, start: Vec<f64>) -> Option<Vec<f64>> {
    let before = misfit.cost_of(&start);
    let mut memory = Lbfgs::new(start.len(), MEMORY);
    let (mut at, mut cost) = (start, before);
    for _ in 0..ITERATIONS {
        let gradient = misfit.gradient_of(&at);
        memory.update_hessian(&gradient, &at);
        let mut along = gradient.clone();
        memory.apply_hessian(&mut along);
        let slope: f64 = along.iter().zip(&gradient).map(|(a, g)| a * g).sum();
        let Some((next, lower)) = step(misfit, (&at, cost), &along, slope) else { break };
        let gain = cost - lower;
        (at, cost) = (next, lower);
        if gain < TOLERANCE * before {
            break;
        }
    }
    (cost < before && at.iter().all(|parameter| parameter.is_finite())).then_some(at)
}

/// The longest of ever shorter steps against `along` that lowers the misfit by a part of what its slope promises.
fn step(misfit: &Misfit<'_>, (at, cost): (&[f64], f64), along: &[f64], slope: f64) -> Option<(Vec<f64>, f64)> {
    let longest = along.iter().fold(0.0, |longest: f64, part| longest.max(part.abs()));
    let mut length = (LEAP / longest).min(1.0);
    for _ in 0..HALVINGS {
        let next: Vec<f64> = at.iter().zip(along).map(|(value, part)| value - length * part).collect();
        let lower = misfit.cost_of(&next);
        if lower <= cost - ARMIJO * length * slope {
            return Some((next, lower));
        }
        length *= 0.5;
    }
    None
}

fn bounded(found: &Aspen, begun: &Aspen, lobe: &Lobe, widest: f64) -> Aspen {
    let within = |value: f64, centre: f64| value.clamp(centre - SHIFT, centre + SHIFT);
    let sigma = if found.sigma < POINT * lobe.sigma() { 0.0 } else { found.sigma.min(widest) };
    Aspen { flux: found.flux, y: within(found.y, begun.y), x: within(found.x, begun.x), sigma }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::Psf;

    fn lobe() -> Lobe {
        let at = |(y, x): (usize, usize)| (-0.5 * ((y as f32 - 90.0).powi(2) + (x as f32 - 90.0).powi(2)) / 4.0).exp();
        Lobe::new(&Psf::new(Array2::from_shape_fn((181, 181), at)).unwrap(), 10.0).unwrap()
    }

    /// What the lobe makes of sources.
    fn seen(sources: &[Aspen], lobe: &Lobe) -> Array2<f32> {
        Array2::from_shape_fn((160, 180), |(y, x)| {
            let through = |s: &Aspen| s.flux * lobe.hill(s.sigma).at(y as f64 - s.y, x as f64 - s.x);
            sources.iter().map(through).sum::<f64>() as f32
        })
    }

    #[test]
    fn gaussians_are_found_from_a_rough_start() {
        let lobe = lobe();
        for (sigma, flux) in [(2.0, 1.0), (5.0, 3.0), (12.0, 20.0)] {
            let source = Aspen { flux, y: 80.4, x: 90.7, sigma };
            let begun = Aspen { flux: 0.7 * flux, y: 80.0, x: 91.0, sigma: 0.6 * sigma };
            let found = fit(&[begun], &seen(&[source], &lobe), &lobe, 18.0)[0];
            assert!((found.flux / flux - 1.0).abs() < 0.03, "{found:?}");
            assert!((found.y - 80.4).abs() < 0.1 && (found.x - 90.7).abs() < 0.1, "{found:?}");
            assert!((found.sigma / sigma - 1.0).abs() < 0.03, "{found:?}");
        }
    }

    #[test]
    fn neighbours_are_told_apart() {
        let lobe = lobe();
        let sources =
            [Aspen { flux: 3.0, y: 80.0, x: 80.0, sigma: 4.0 }, Aspen { flux: 1.0, y: 84.0, x: 88.0, sigma: 2.0 }];
        // the neighbour was taken away too strong, before the newest was known
        let taken = Aspen { flux: 1.3, ..sources[1] };
        let residual = seen(&sources, &lobe) - seen(&[taken], &lobe);
        let found = fit(&[Aspen { flux: 2.4, sigma: 3.0, ..sources[0] }, taken], &residual, &lobe, 18.0);
        for (found, source) in found.iter().zip(&sources) {
            assert!((found.flux / source.flux - 1.0).abs() < 0.03, "{found:?}");
            assert!((found.sigma / source.sigma - 1.0).abs() < 0.05, "{found:?}");
        }
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let lobe = lobe();
        let source = Aspen { flux: 2.0, y: 70.0, x: 60.0, sigma: 3.0 };
        let newest = Aspen { flux: 1.5, y: 71.0, x: 59.5, sigma: 2.2 };
        let scale = [1.5, lobe.sigma(), lobe.sigma(), lobe.sigma()].repeat(2);
        let misfit = Misfit { lobe: &lobe, samples: samples(&newest, &seen(&[source], &lobe), &lobe, &[]), scale };
        let at = [1.5, 71.0, 59.5, 2.2, -0.4, 73.0, 62.0, -1.1];
        let at: Vec<f64> = at.iter().zip(&misfit.scale).map(|(p, scale)| p / scale).collect();
        let gradient = misfit.gradient_of(&at);
        let largest = gradient.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
        for (p, slope) in gradient.iter().enumerate() {
            let moved = |by: f64| {
                let at: Vec<f64> = at.iter().enumerate().map(|(q, v)| if p == q { v + by } else { *v }).collect();
                misfit.cost_of(&at)
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope - expected).abs() < 1e-5 * largest, "{p}: {slope}, expected {expected}");
        }
    }

    #[test]
    fn a_source_much_narrower_than_the_lobe_is_a_point() {
        let lobe = lobe();
        let source = Aspen { flux: 1.0, y: 80.0, x: 90.0, sigma: 0.1 };
        let found = fit(&[Aspen { sigma: 2.0, ..source }], &seen(&[source], &lobe), &lobe, 18.0)[0];
        assert!(found.sigma == 0.0 && (found.flux - 1.0).abs() < 0.03, "{found:?}");
    }
}
