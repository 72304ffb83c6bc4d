//! Where the next component begins: the residual smoothed with a few widths, and its highest signal to noise.

use ndarray::{Array2, Axis, Zip};

use super::lobe::{Aspen, Hill, Lobe};
use crate::algorithms::Signs;
use crate::images::Mask;
use crate::kernels::dense;

/// Standard deviations that a kernel is summed over, and that a hill is subtracted over.
const REACH: f64 = 4.0;

/// The residual smoothed with one width.
struct Look {
    /// Standard deviation of the kernel \[pixels\]; 0 for the residual itself.
    sigma: f64,
    /// What a source of unit flux and this width leaves at its centre.
    answer: f64,
    /// The smoothed residual \[Jy/beam\], shape `(ny, nx)`.
    image: Array2<f32>,
    /// Highest absolute value of each row where components may stand.
    peaks: Vec<f32>,
}

/// The residual at several widths.
pub(super) struct Search {
    looks: Vec<Look>,
    allowed: Option<Mask>,
    signs: Signs,
}

/// Where a component may begin.
pub(super) struct Seed {
    pub aspen: Aspen,
    /// The residual smoothed with its width, over what noise of the shape of the PSF would be in it \[Jy/beam\].
    pub strength: f64,
}

impl Search {
    /// Looks at a residual with kernels of 0, 1, 2, 4 and 8 lobes.
    pub(super) fn new(residual: &Array2<f32>, allowed: (Option<Mask>, Signs), lobe: &Lobe, widest: f64) -> Self {
        let widths = [0.0, 1.0, 2.0, 4.0, 8.0].map(|lobes| lobes * lobe.sigma());
        // a source of the kernel's width has been smoothed twice by the time it is looked at
        let is_seen = |sigma: &&f64| **sigma * 2.0_f64.sqrt() <= lobe.widest() && **sigma <= widest;
        let looks = widths.iter().filter(is_seen).map(|sigma| {
            let image = if *sigma > 0.0 { blur(residual, *sigma) } else { residual.clone() };
            let answer = lobe.hill(sigma * 2.0_f64.sqrt()).height;
            Look { sigma: *sigma, answer, peaks: vec![0.0; image.nrows()], image }
        });
        let mut search = Self { looks: looks.collect(), allowed: allowed.0, signs: allowed.1 };
        for look in 0..search.looks.len() {
            (0..residual.nrows()).for_each(|y| search.look_along(look, y));
        }
        search
    }

    /// The residual as it stands now.
    pub(super) fn residual(&self) -> &Array2<f32> {
        &self.looks[0].image
    }

    fn look_along(&mut self, number: usize, y: usize) {
        let look = &mut self.looks[number];
        let row = look.image.row(y);
        let row = row.as_slice().expect("a plane is stored in row order");
        look.peaks[y] = match &self.allowed {
            allowed if self.signs == Signs::Positive => {
                let may_stand = |x: usize| allowed.as_ref().is_none_or(|allowed| allowed.row(y)[x]);
                let heights = row.iter().enumerate().filter(|(x, _)| may_stand(*x)).map(|(_, value)| *value);
                heights.fold(0.0, f32::max)
            }
            Some(allowed) => dense::peak_allowed(row, allowed.row(y)),
            None => dense::peak(row),
        };
    }

    /// The place and width that stand out most; the narrowest width, then the lowest row and column among equals.
    pub(super) fn seed(&self) -> Option<Seed> {
        let mut best: Option<(f64, &Look, usize)> = None;
        for look in &self.looks {
            for (y, peak) in look.peaks.iter().enumerate() {
                let strength = f64::from(*peak) / look.answer.sqrt();
                if *peak > 0.0 && best.is_none_or(|(highest, ..)| strength > highest) {
                    best = Some((strength, look, y));
                }
            }
        }
        let (strength, look, y) = best?;
        let is_allowed = |x: usize| self.allowed.as_ref().is_none_or(|allowed| allowed.row(y)[x]);
        let row = look.image.row(y);
        let x = (0..row.len()).find(|x| self.signs.height(row[*x]) >= look.peaks[y] && is_allowed(*x))?;
        let flux = f64::from(row[x]) / look.answer;
        Some(Seed { aspen: Aspen { flux, y: y as f64, x: x as f64, sigma: look.sigma }, strength })
    }

    /// Whether a component may stand at a place.
    pub(super) fn allows(&self, y: f64, x: f64) -> bool {
        let (ny, nx) = self.residual().dim();
        let (y, x) = (y.round(), x.round());
        let is_inside = y >= 0.0 && x >= 0.0 && y < ny as f64 && x < nx as f64;
        is_inside && self.allowed.as_ref().is_none_or(|allowed| allowed.row(y as usize)[x as usize])
    }

    /// Takes what the main lobe makes of a component out of every look.
    pub(super) fn subtract(&mut self, aspen: &Aspen, lobe: &Lobe) {
        for number in 0..self.looks.len() {
            let look = &mut self.looks[number];
            let hill = lobe.hill(aspen.sigma.hypot(look.sigma));
            let rows = subtract_hill(&mut look.image, aspen, &hill);
            rows.for_each(|y| self.look_along(number, y));
        }
    }
}

/// Takes a hill out of an image, and returns the rows that changed.
fn subtract_hill(image: &mut Array2<f32>, aspen: &Aspen, hill: &Hill) -> std::ops::Range<usize> {
    let reach = hill.reach(REACH);
    let near = |centre: f64, length: usize| {
        (centre - reach).ceil().max(0.0) as usize..((centre + reach).floor() + 1.0).clamp(0.0, length as f64) as usize
    };
    let (rows, columns) = (near(aspen.y, image.nrows()), near(aspen.x, image.ncols()));
    for y in rows.clone() {
        for x in columns.clone() {
            image[(y, x)] -= (aspen.flux * hill.at(y as f64 - aspen.y, x as f64 - aspen.x)) as f32;
        }
    }
    rows
}

/// Smooths with a Gaussian of unit sum, along the columns and then along the rows; beyond the image all is 0.
fn blur(image: &Array2<f32>, sigma: f64) -> Array2<f32> {
    let reach = (REACH * sigma).ceil() as isize;
    let profile: Vec<f64> = (-reach..=reach).map(|lag| (-0.5 * (lag as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = profile.iter().sum();
    let profile: Vec<f32> = profile.into_iter().map(|value| (value / sum) as f32).collect();
    let mut down = Array2::zeros(image.dim());
    for (y, mut row) in down.axis_iter_mut(Axis(0)).enumerate() {
        for (lag, weight) in (-reach..=reach).zip(&profile) {
            let from = y as isize + lag;
            if (0..image.nrows() as isize).contains(&from) {
                row.scaled_add(*weight, &image.row(from as usize));
            }
        }
    }
    let mut across = Array2::zeros(image.dim());
    let nx = image.ncols() as isize;
    Zip::from(across.rows_mut()).and(down.rows()).for_each(|mut to, from| {
        for (lag, weight) in (-reach..=reach).zip(&profile) {
            let (first, last) = ((-lag).clamp(0, nx), (nx - lag).clamp(0, nx));
            if first < last {
                let shifted = from.slice(ndarray::s![first + lag..last + lag]);
                to.slice_mut(ndarray::s![first..last]).scaled_add(*weight, &shifted);
            }
        }
    });
    across
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blurred_point_is_a_gaussian_of_unit_sum() {
        let mut image = Array2::zeros((41, 50));
        image[(20, 22)] = 3.0;
        let blurred = blur(&image, 2.0);
        assert!((blurred.sum() - 3.0).abs() < 1e-3);
        let expected = |dy: f64, dx: f64| (-(dy * dy + dx * dx) / 8.0).exp() * 3.0 / (8.0 * std::f64::consts::PI);
        for (y, x, dy, dx) in [(20, 22, 0.0, 0.0), (23, 20, 3.0, 2.0)] {
            assert!((f64::from(blurred[(y, x)]) - expected(dy, dx)).abs() < 1e-4, "({y}, {x})");
        }
    }

    #[test]
    fn a_point_at_the_corner_loses_what_falls_off() {
        let mut image = Array2::zeros((20, 20));
        image[(0, 0)] = 1.0;
        let sum = blur(&image, 1.5).sum();
        assert!(sum > 0.25 && sum < 0.5, "{sum}");
    }
}
