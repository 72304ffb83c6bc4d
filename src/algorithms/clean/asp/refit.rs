//! Fluxes of a cycle's components with the whole PSF: what the main lobe neglects, the sidelobes, is put right.
//!
//! ```text
//! A_jk = (G_j * h * G_k)(x_j - x_k)     b_j = (G_j * r)(x_j)     minimise a A a / 2 - b a, signs kept
//! ```
//! Places and widths stay. `A` is symmetric and positive wherever the PSF is, so each sweep lowers the energy
//! `(m h m) / 2 - r m` of the model; without it the fits of bright points in strong sidelobes ran away.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use ndarray::Array2;

use super::lobe::{Aspen, Lobe};
use crate::images::Psf;

/// Standard deviations over which a Gaussian is summed.
const REACH: f64 = 4.0;
/// Sweeps over all fluxes at the most; near neighbours converge slowly, and their gain is not worth more.
const SWEEPS: usize = 50;
/// The sweeps end where no flux changes by more than this share of the greatest.
const TOLERANCE: f64 = 1e-4;
/// No flux grows beyond so many times what the main lobe showed: neighbours that look alike would share out great fluxes of
/// both signs.
const MOST: f64 = 2.0;
/// Samples of a Gaussian per full width of the lobe: the PSF has no finer structure.
const SAMPLES: f64 = 4.0;

/// Gives components the fluxes that explain `residual` \[Jy/beam\] best; none may change its sign.
pub(super) fn refit(aspens: &mut [Aspen], residual: &Array2<f32>, psf: &Psf, lobe: &Lobe) {
    let step = (lobe.width / SAMPLES).floor().max(1.0) as usize;
    let (matrix, shown) = (overlaps(aspens, psf, step), shown(aspens, residual));
    let mut fluxes: Vec<f64> = aspens.iter().map(|aspen| aspen.flux).collect();
    for _ in 0..SWEEPS {
        let mut change: f64 = 0.0;
        for (at, aspen) in aspens.iter().enumerate() {
            let own = matrix[(at, at)];
            if own <= 0.0 || aspen.flux == 0.0 {
                change = change.max(fluxes[at].abs());
                fluxes[at] = 0.0;
                continue;
            }
            let seen: f64 = matrix.row(at).iter().zip(&fluxes).map(|(overlap, flux)| overlap * flux).sum();
            let flux = fluxes[at] + (shown[at] - seen) / own;
            let flux = aspen.flux * (flux / aspen.flux).clamp(0.0, MOST);
            change = change.max((flux - fluxes[at]).abs());
            fluxes[at] = flux;
        }
        let greatest = fluxes.iter().fold(0.0, |greatest: f64, flux| greatest.max(flux.abs()));
        if change <= TOLERANCE * greatest {
            break;
        }
    }
    aspens.iter_mut().zip(fluxes).for_each(|(aspen, flux)| aspen.flux = flux);
}

/// `(G_j * h * G_k)(x_j - x_k)` of all pairs.
fn overlaps(aspens: &[Aspen], psf: &Psf, step: usize) -> Array2<f64> {
    // pairs of the same width and distance are frequent among points
    let mut known = HashMap::new();
    let mut matrix = Array2::zeros((aspens.len(), aspens.len()));
    for (j, one) in aspens.iter().enumerate() {
        for (k, other) in aspens.iter().enumerate().skip(j) {
            let sigma = one.sigma.hypot(other.sigma);
            let lag = ((one.y - other.y) as isize, (one.x - other.x) as isize);
            let answer = *known.entry((sigma.to_bits(), lag)).or_insert_with(|| answer_at(psf, sigma, lag, step));
            matrix[(j, k)] = answer;
            matrix[(k, j)] = answer;
        }
    }
    matrix
}

/// `(h * G)(lag)`, the Gaussian of unit sum over every `step`-th pixel along both axes.
fn answer_at(psf: &Psf, sigma: f64, (dy, dx): (isize, isize), step: usize) -> f64 {
    let profile = profile(sigma, step);
    let sum: f64 = profile.iter().map(|(_, weight)| weight).sum();
    let row =
        |y: isize| -> f64 { profile.iter().map(|(x, weight)| weight * f64::from(psf.value_at_lag(y, dx + x))).sum() };
    profile.iter().map(|(y, weight)| weight * row(dy + y)).sum::<f64>() / (sum * sum)
}

/// `(G_j * r)(x_j)`; beyond the image all is 0.
fn shown(aspens: &[Aspen], residual: &Array2<f32>) -> Vec<f64> {
    let of = |aspen: &Aspen| {
        let profile = profile(aspen.sigma, 1);
        let sum: f64 = profile.iter().map(|(_, weight)| weight).sum();
        let (cy, cx) = (aspen.y as isize, aspen.x as isize);
        let value = |y: isize, x: isize| {
            let at = (usize::try_from(y).ok()?, usize::try_from(x).ok()?);
            residual.get(at).copied().map(f64::from)
        };
        let row = |y: isize| -> f64 { profile.iter().filter_map(|(x, weight)| Some(weight * value(y, cx + x)?)).sum() };
        profile.iter().map(|(y, weight)| weight * row(cy + y)).sum::<f64>() / (sum * sum)
    };
    aspens.iter().map(of).collect()
}

/// Offsets and weights of a Gaussian of height 1; of a point the centre alone.
fn profile(sigma: f64, step: usize) -> Vec<(isize, f64)> {
    if sigma <= 0.0 {
        return vec![(0, 1.0)];
    }
    let reach = (REACH * sigma / step as f64).ceil() as isize;
    let lags: RangeInclusive<isize> = -reach..=reach;
    let step = step as isize;
    lags.map(|lag| (lag * step, (-0.5 * ((lag * step) as f64 / sigma).powi(2)).exp())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SHAPE, convolve, psf, sky};
    use super::*;

    fn lobe() -> Lobe {
        Lobe::new(&psf(), 8.0).unwrap()
    }

    #[test]
    fn fluxes_are_those_of_the_whole_psf() {
        let sources = [
            Aspen { flux: 2.0, y: 30.0, x: 30.0, sigma: 4.0 },
            Aspen { flux: 0.7, y: 36.0, x: 44.0, sigma: 2.0 },
            Aspen { flux: -0.4, y: 60.0, x: 70.0, sigma: 3.0 },
        ];
        let dirty = convolve(&sky(&sources), &psf());
        let mut aspens = sources.map(|source| Aspen { flux: 0.6 * source.flux, ..source });
        refit(&mut aspens, &dirty, &psf(), &lobe());
        for (found, source) in aspens.iter().zip(&sources) {
            assert!((found.flux / source.flux - 1.0).abs() < 0.01, "{found:?}");
        }
    }

    #[test]
    fn a_component_on_a_sidelobe_comes_to_nothing() {
        let mut dirty = Array2::zeros(SHAPE);
        dirty[(40, 40)] = 1.0;
        let dirty = convolve(&dirty, &psf());
        // the first ring, a tenth of the peak high
        let lag = (6..30).max_by(|a, b| psf().value_at_lag(0, *a).total_cmp(&psf().value_at_lag(0, *b))).unwrap();
        let on_ring = Aspen { flux: 0.1, y: 40.0, x: (40 + lag) as f64, sigma: 0.0 };
        let mut aspens = [Aspen { flux: 0.6, y: 40.0, x: 40.0, sigma: 0.0 }, on_ring];
        refit(&mut aspens, &dirty, &psf(), &lobe());
        assert!((aspens[0].flux - 1.0).abs() < 1e-3 && aspens[1].flux.abs() < 1e-3, "{aspens:?}");
    }

    #[test]
    fn no_flux_changes_its_sign() {
        let mut dirty = Array2::zeros(SHAPE);
        dirty[(40, 40)] = 1.0;
        let mut aspens = [Aspen { flux: -0.5, y: 40.0, x: 40.0, sigma: 0.0 }];
        refit(&mut aspens, &convolve(&dirty, &psf()), &psf(), &lobe());
        assert_eq!(aspens[0].flux, 0.0);
    }
}
