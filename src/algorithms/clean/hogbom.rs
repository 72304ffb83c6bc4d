//! The textbook loop: find the highest peak of the plane, subtract the shifted PSF, begin again.

use std::ops::Range;

use ndarray::Array2;

use super::{Component, MinorCycle, MinorRules, MinorView, Patch, Psfs, Signs, Step, View};
use crate::graph::Cancel;
use crate::images::{Mask, Psf};
use crate::kernels::dense;

/// Högbom's loop with subtraction and peak search fused, and the peak of each row remembered.
///
/// # Source
/// Högbom (1974), A&AS 15, 417. Ties are broken by the lowest row, then the lowest column.
pub(super) struct Hogbom;

/// Components between two looks at the cancellation.
const PATIENCE: u64 = 64;

/// A plane whose peak rises by this much diverges: the PSF does not fit it.
const RISE: f32 = 2.0;

impl MinorCycle for Hogbom {
    fn view(&self) -> View {
        View::Plane
    }

    fn least_floor(&self, _patch: Patch) -> f32 {
        0.0
    }

    fn goes_all_the_way(&self) -> bool {
        true
    }

    fn copies(&self) -> u64 {
        3
    }

    fn run(&self, view: MinorView, psfs: &Psfs<'_>, rules: &MinorRules, cancel: &Cancel) -> Step {
        let MinorView::Plane { residual, allowed, .. } = view else { unreachable!("the loop asked for the plane") };
        let mut flux = Array2::<f64>::zeros(residual.dim());
        let mut plane = Plane::new(residual, allowed, rules.signs);
        let peaks = psfs.peaks();
        let (mut iterations, mut is_negative) = (0, false);
        let most = plane.peak().map_or(0.0, |(_, _, value)| RISE * value.abs());
        while iterations < rules.niter && !(iterations % PATIENCE == 0 && cancel.is_requested()) {
            let Some((y, x, value)) = plane.peak() else { break };
            // written so that it also ends at a value that is no number
            if !(value.abs() > rules.floor && value.abs() <= most) {
                break;
            }
            is_negative = rules.signs.ends_at(value);
            if is_negative {
                break;
            }
            let psf = psfs.of(y, x);
            let factor = rules.gain * value / peaks[psf];
            flux[(y, x)] += f64::from(factor);
            plane.subtract(psfs.all()[psf], (y, x), factor);
            iterations += 1;
        }
        let components = flux
            .indexed_iter()
            .filter(|(_, flux)| **flux != 0.0)
            .map(|((y, x), flux)| Component { y, x, flux: *flux as f32 })
            .collect();
        Step { components, iterations, is_negative, ..Step::default() }
    }
}

/// A residual with the peak of each row.
struct Plane {
    residual: Array2<f32>,
    allowed: Option<Mask>,
    peaks: Vec<f32>,
    signs: Signs,
}

impl Plane {
    fn new(residual: Array2<f32>, allowed: Option<Mask>, signs: Signs) -> Self {
        let mut plane = Self { peaks: vec![0.0; residual.nrows()], residual, allowed, signs };
        for y in 0..plane.peaks.len() {
            plane.peaks[y] = plane.row_peak(y, 0..plane.residual.ncols());
        }
        plane
    }

    fn row_peak(&self, y: usize, columns: Range<usize>) -> f32 {
        let row = &row(&self.residual, y)[columns.clone()];
        if self.signs == Signs::Positive {
            let allowed = self.allowed.as_ref().map(|allowed| &allowed.row(y)[columns]);
            let heights = row.iter().enumerate().filter(|(x, _)| allowed.is_none_or(|allowed| allowed[*x]));
            return heights.fold(0.0, |peak, (_, value)| peak.max(*value));
        }
        match &self.allowed {
            Some(allowed) => dense::peak_allowed(row, &allowed.row(y)[columns]),
            None => dense::peak(row),
        }
    }

    /// The highest absolute value with its place, the lowest row and column among equals; `None` where all is 0.
    fn peak(&self) -> Option<(usize, usize, f32)> {
        let (mut y, mut peak) = (0, 0.0);
        for (row, height) in self.peaks.iter().enumerate() {
            if *height > peak {
                (y, peak) = (row, *height);
            }
        }
        let values = row(&self.residual, y);
        let allowed = |x: usize| self.allowed.as_ref().is_none_or(|allowed| allowed.row(y)[x]);
        let x = (0..values.len()).find(|x| self.signs.height(values[*x]) >= peak && allowed(*x))?;
        (peak > 0.0).then(|| (y, x, values[x]))
    }

    /// Subtracts `factor` times the PSF centred on `at`, clipped to the plane, and mends the peaks of its rows.
    fn subtract(&mut self, psf: &Psf, at: (usize, usize), factor: f32) {
        let (ny, nx) = self.residual.dim();
        let (py, px) = psf.pixels().dim();
        let (cy, cx) = psf.centre();
        let rows = at.0.saturating_sub(cy)..(at.0 + py - cy).min(ny);
        let columns = at.1.saturating_sub(cx)..(at.1 + px - cx).min(nx);
        let first = columns.start + cx - at.1;
        for y in rows {
            let kernel = &row(psf.pixels(), y + cy - at.0)[first..first + columns.len()];
            let values = &mut self.residual.as_slice_mut().expect("a plane is stored in row order")[y * nx..][..nx];
            let touched = &mut values[columns.clone()];
            let peak = match &self.allowed {
                Some(allowed) => {
                    dense::subtract_and_peak_allowed(touched, kernel, factor, &allowed.row(y)[columns.clone()])
                }
                None => dense::subtract_and_peak(touched, kernel, factor),
            };
            if self.signs == Signs::Positive {
                self.peaks[y] = self.row_peak(y, 0..nx);
                continue;
            }
            let (left, right) = (self.row_peak(y, 0..columns.start), self.row_peak(y, columns.end..nx));
            self.peaks[y] = peak.max(left).max(right);
        }
    }
}

fn row(plane: &Array2<f32>, y: usize) -> &[f32] {
    let nx = plane.ncols();
    &plane.as_slice().expect("a plane is stored in row order")[y * nx..(y + 1) * nx]
}
