//! The uv plane: visibilities counted in cells, the weights of the cells, and the beam they make.

use ndarray::Array2;
use serde::Serialize;

use super::array::Array;
use super::error::SimulateError;
use super::observation::{Observation, wavenumber};
use crate::fft::column_weight;

/// Largest spatial frequency that is gridded \[cycles/pixel\]. The rest up to the Nyquist frequency of 0.5 is a guard
/// band, which lets a source between pixels be band-limited on the pixel grid (see [`super::spread`]).
pub const BAND: f64 = 0.49;

/// How visibilities are weighted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Weighting {
    /// Every visibility counts the same: lowest noise.
    Natural,
    /// Every sampled cell counts the same: narrowest beam.
    Uniform,
    /// In between (Briggs 1995): `robust` of +2 is close to natural, -2 to uniform.
    Briggs(f64),
}

/// What became of the visibilities of an observation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Visibilities observed: baselines times integrations times channels.
    pub visibilities: u64,
    /// Left out, since the pixels are too coarse for them: beyond 0.49 cycles per pixel.
    pub outside: u64,
    /// Left out, since they fall into the cell of the zero spacing.
    pub origin: u64,
    /// Cells of the half plane that hold visibilities.
    pub cells: u64,
}

/// The grid: cells along a side, and the pixel its transform has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Cells along a side of the full plane, even.
    pub side: usize,
    /// Size of a pixel \[rad\].
    pub pixel: f64,
}

/// Visibility counts in the cells of a half plane of shape `(side, side/2 + 1)`, in FFT order.
///
/// `kx` runs along FITS axis 1, which points to the west, so it is `-u`; `ky` is `v`.
pub struct UvPlane {
    grid: Grid,
    counts: Array2<u32>,
    tally: Tally,
}

impl UvPlane {
    /// Counts the visibilities of an observation at `frequencies_hz` in their nearest cells, Hermitian.
    ///
    /// # Errors
    /// If the field is never up, or no visibility falls on the plane.
    pub fn observe(
        array: &Array,
        observation: &Observation,
        frequencies_hz: &[f64],
        grid: Grid,
    ) -> Result<Self, SimulateError> {
        let side = grid.side;
        let limit = (BAND * side as f64).floor();
        let cells_per_metre: Vec<f64> =
            frequencies_hz.iter().map(|hz| wavenumber(*hz) * side as f64 * grid.pixel).collect();
        let mut counts = Array2::<u32>::zeros((side, side / 2 + 1));
        let mut tally = Tally::default();
        let hour_angles = observation.hour_angles(array)?;
        observation.for_each_baseline(array, &hour_angles, |baseline| {
            for scale in &cells_per_metre {
                let (kx, ky) = ((-baseline.u * scale).round(), (baseline.v * scale).round());
                tally.visibilities += 1;
                if kx.abs() > limit || ky.abs() > limit {
                    tally.outside += 1;
                } else if kx == 0.0 && ky == 0.0 {
                    tally.origin += 1;
                } else {
                    let (kx, ky) = if kx < 0.0 { (-kx as i64, -ky as i64) } else { (kx as i64, ky as i64) };
                    counts[[ky.rem_euclid(side as i64) as usize, kx as usize]] += 1;
                    if kx == 0 {
                        counts[[(-ky).rem_euclid(side as i64) as usize, 0]] += 1;
                    }
                }
            }
        });
        tally.cells = counts.iter().filter(|count| **count > 0).count() as u64;
        if tally.cells == 0 {
            let Tally { visibilities, outside, origin, .. } = tally;
            let cell_arcsec = grid.pixel.to_degrees() * 3600.0;
            return Err(SimulateError::NoCoverage { visibilities, outside, origin, cell_arcsec });
        }
        Ok(Self { grid, counts, tally })
    }

    /// The grid.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// What became of the visibilities.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// How many visibilities share the cell nearest to `(kx, ky)`; 0 beyond the cells that are used.
    pub fn count(&self, kx: f64, ky: f64) -> f64 {
        let (kx, ky) = (kx.round(), ky.round());
        let (kx, ky) = if kx < 0.0 { (-kx, -ky) } else { (kx, ky) };
        let limit = (BAND * self.grid.side as f64).floor();
        if kx > limit || ky.abs() > limit {
            return 0.0;
        }
        f64::from(self.counts[[(ky as i64).rem_euclid(self.grid.side as i64) as usize, kx as usize]])
    }

    /// Calls `visit` with `(row, kx, count)` for every cell that holds visibilities, in row order.
    pub fn for_each_cell(&self, mut visit: impl FnMut(usize, usize, f64)) {
        for (row, counts) in self.counts.rows().into_iter().enumerate() {
            for (kx, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                visit(row, kx, f64::from(*count));
            }
        }
    }

    /// Sums `value(count)` over the full plane, each half-plane cell as often as it stands there.
    pub fn sum(&self, value: impl Fn(f64) -> f64) -> f64 {
        let mut total = 0.0;
        self.for_each_cell(|_, kx, count| total += value(count) * column_weight(kx, self.grid.side));
        total
    }

    /// The largest `|kx|` or `|ky|` that holds visibilities \[cycles/pixel\].
    pub fn band(&self) -> f64 {
        let mut largest = 0;
        self.for_each_cell(|row, kx, _| largest = largest.max(kx).max(row.min(self.grid.side - row)));
        largest as f64 / self.grid.side as f64
    }

    /// Row number as a signed `ky`.
    pub fn signed(&self, row: usize) -> i64 {
        if 2 * row < self.grid.side { row as i64 } else { row as i64 - self.grid.side as i64 }
    }
}

/// The weight of a visibility as a function of the count `C` of its cell: `1 / (a + b C)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellWeight {
    a: f64,
    b: f64,
}

impl CellWeight {
    /// Derives the weights of `plane`.
    ///
    /// # Source
    /// Briggs 1995, eq. 3.23: `1 / (1 + C f^2)` with `f^2 = (5 * 10^-R)^2 / (sum C^2 / sum C)`. The cells are those of the
    /// padded field, half as wide as the cells of the image.
    pub fn new(weighting: Weighting, plane: &UvPlane) -> Self {
        match weighting {
            Weighting::Natural => Self { a: 1.0, b: 0.0 },
            Weighting::Uniform => Self { a: 0.0, b: 1.0 },
            Weighting::Briggs(robust) => {
                let f2 = (5.0 * 10.0_f64.powf(-robust)).powi(2)
                    / (plane.sum(|count| count * count) / plane.sum(|count| count));
                Self { a: 1.0, b: f2 }
            }
        }
    }

    /// Weight `W` of a cell that holds `count` visibilities.
    pub fn of_cell(self, count: f64) -> f64 {
        count / (self.a + self.b * count)
    }
}
