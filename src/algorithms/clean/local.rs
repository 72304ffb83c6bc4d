//! Noise that differs from place to place: round bright sources calibration errors stand higher than elsewhere.
//!
//! ```text
//! rms^2(p) = (G * r^2)(p) / (G * valid)(p)        w(p) = (min rms / rms(p))^strength
//! ```
//! with `G` a Gaussian whose full width at half maximum is the window. The search for the peak looks at `w |r|`, so that
//! thresholds refer to the least rms (ALGORITHMS 2.7). The sums are taken over square cells of an eighth of the window,
//! smoothed there, and the rms is interpolated between their centres: one look at the residual, and no transform.
//!
//! # Source
//! `-local-rms` of `WSClean` (Offringa & Smirnov 2017). We differ in dividing by what of `G` lies on valid pixels, so that
//! edges and blanks are not taken for quiet, and in keeping the weights inside the auto-mask too.

use serde::{Deserialize, Serialize};

/// How the local rms is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RmsMethod {
    /// The rms.
    Rms,
    /// The rms, or 0.3 times how far the residual falls below 0 within the window, where that is more: bowls count as noise.
    RmsWithMin,
}

/// The local rms of a plane, as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LocalRms {
    /// Full width at half maximum of the window \[pixels\].
    pub window: f64,
    /// How it is taken.
    pub method: RmsMethod,
    /// Power of the weights.
    pub strength: f64,
}

/// Cells across a window.
const ACROSS: f64 = 8.0;
/// A Gaussian's full width at half maximum in standard deviations.
const FULL_WIDTH: f64 = 2.354_820_045;
/// The Gaussian is cut off here \[standard deviations\].
const REACH: f64 = 4.0;
/// Share of the depth of a bowl that counts as noise: five sigma below 0 are as one and a half (`WSClean`'s 1.5 / 5).
const BOWL: f64 = 0.3;

impl LocalRms {
    /// Side of a cell \[pixels\].
    pub fn cell(&self) -> usize {
        (self.window / ACROSS).floor().max(1.0) as usize
    }
}

/// Sums over the pixels that cells have in each row of a slab, row after row, cell after cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CellRows {
    /// Sums of squares \[(Jy/beam)^2\].
    pub squares: Vec<f64>,
    /// Valid pixels.
    pub counts: Vec<u32>,
    /// Least values \[Jy/beam\]; 0 where all are above.
    pub least: Vec<f32>,
}

impl CellRows {
    /// Adds a row of the residual; `is_valid` tells its blanks.
    pub fn push(&mut self, row: &[f32], cell: usize, is_valid: impl Fn(usize) -> bool) {
        for (number, values) in row.chunks(cell).enumerate() {
            let valid = values.iter().enumerate().filter(|(x, _)| is_valid(number * cell + x));
            let (mut squares, mut count, mut least) = (0.0, 0, 0.0_f32);
            for (_, value) in valid {
                squares += f64::from(*value) * f64::from(*value);
                count += 1;
                least = least.min(*value);
            }
            self.squares.push(squares);
            self.counts.push(count);
            self.least.push(least);
        }
    }

    /// Size in memory \[bytes\].
    pub fn bytes(&self) -> u64 {
        16 * self.squares.len() as u64
    }
}

/// The rms at the centres of cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RmsMap {
    cell: usize,
    cells: (usize, usize),
    rms: Vec<f32>,
    least: f32,
    strength: f32,
}

/// Smooths the rows of a grid of `(ny, nx)` with a kernel, and turns the grid.
fn smooth_rows(grid: &[f64], (ny, nx): (usize, usize), kernel: &[f64]) -> Vec<f64> {
    let reach = kernel.len() / 2;
    let mut turned = vec![0.0; grid.len()];
    for (y, row) in grid.chunks(nx).enumerate() {
        for x in 0..nx {
            let near = x.saturating_sub(reach)..(x + reach + 1).min(nx);
            turned[x * ny + y] = near.map(|at| row[at] * kernel[at + reach - x]).sum();
        }
    }
    turned
}

/// The least of each row's cells up to `reach` away, the grid turned.
fn least_rows(grid: &[f32], (ny, nx): (usize, usize), reach: usize) -> Vec<f32> {
    let mut turned = vec![0.0; grid.len()];
    for (y, row) in grid.chunks(nx).enumerate() {
        for x in 0..nx {
            let near = &row[x.saturating_sub(reach)..(x + reach + 1).min(nx)];
            turned[x * ny + y] = near.iter().copied().fold(0.0, f32::min);
        }
    }
    turned
}

impl RmsMap {
    /// The map of a plane of shape `(ny, nx)`; `slabs` in order.
    pub fn new<'a>(ask: &LocalRms, shape: (usize, usize), slabs: impl Iterator<Item = &'a CellRows>) -> Self {
        let cell = ask.cell();
        let cells @ (cy, cx) = (shape.0.div_ceil(cell), shape.1.div_ceil(cell));
        let (mut squares, mut counts, mut least) = (vec![0.0; cy * cx], vec![0.0; cy * cx], vec![0.0_f32; cy * cx]);
        let rows = slabs.flat_map(|slab| {
            let parts = slab.squares.chunks(cx).zip(slab.counts.chunks(cx)).zip(slab.least.chunks(cx));
            parts.map(|((squares, counts), least)| (squares, counts, least))
        });
        for (y, (square, count, low)) in rows.enumerate() {
            let at = y / cell * cx;
            for x in 0..cx {
                squares[at + x] += square[x];
                counts[at + x] += f64::from(count[x]);
                least[at + x] = least[at + x].min(low[x]);
            }
        }
        let sigma = ask.window / FULL_WIDTH / cell as f64;
        let reach = (REACH * sigma).ceil() as usize;
        let kernel: Vec<f64> =
            (0..=2 * reach).map(|at| (-0.5 * ((at as f64 - reach as f64) / sigma).powi(2)).exp()).collect();
        let smooth = |grid: &[f64]| smooth_rows(&smooth_rows(grid, (cy, cx), &kernel), (cx, cy), &kernel);
        let (squares, counts) = (smooth(&squares), smooth(&counts));
        let half = (ask.window / 2.0 / cell as f64).round() as usize;
        let bowls = least_rows(&least_rows(&least, (cy, cx), half), (cx, cy), half);
        let rms = squares.iter().zip(&counts).zip(&bowls).map(|((square, count), low)| {
            let rms = if *count > 0.0 { (square / count).sqrt() } else { 0.0 };
            match ask.method {
                RmsMethod::Rms => rms,
                RmsMethod::RmsWithMin => rms.max(BOWL * -f64::from(*low)),
            }
        });
        let mut rms: Vec<f32> = rms.map(|rms| rms as f32).collect();
        // what nothing is known of is not taken for quiet
        let highest = rms.iter().copied().fold(0.0, f32::max);
        rms.iter_mut().zip(&counts).filter(|(_, count)| **count <= 0.0).for_each(|(rms, _)| *rms = highest);
        let least = rms.iter().copied().filter(|rms| *rms > 0.0).fold(f32::INFINITY, f32::min);
        let least = if least.is_finite() { least } else { 0.0 };
        Self { cell, cells, rms, least, strength: ask.strength as f32 }
    }

    /// The least rms \[Jy/beam\].
    pub fn least(&self) -> f32 {
        self.least
    }

    /// Size in memory \[bytes\].
    pub fn bytes(&self) -> u64 {
        4 * self.rms.len() as u64
    }

    /// The two cells between whose centres a pixel lies, and how far it is from the first.
    fn between(&self, at: usize, cells: usize) -> (usize, usize, f32) {
        let place = ((at as f32 + 0.5) / self.cell as f32 - 0.5).clamp(0.0, (cells - 1) as f32);
        let first = place.floor() as usize;
        (first, (first + 1).min(cells - 1), place - place.floor())
    }

    /// Multiplies the weights of row `y` by those of the map.
    pub fn weigh(&self, y: usize, row: &mut [f32]) {
        let (cy, cx) = self.cells;
        let (above, below, down) = self.between(y, cy);
        let rms_of = |x: usize| {
            let (a, b) = (self.rms[above * cx + x], self.rms[below * cx + x]);
            a + down * (b - a)
        };
        let column: Vec<f32> = (0..cx).map(rms_of).collect();
        for (x, weight) in row.iter_mut().enumerate() {
            let (left, right, along) = self.between(x, cx);
            let rms = column[left] + along * (column[right] - column[left]);
            if rms > self.least {
                *weight *= (self.least / rms).powf(self.strength);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: (usize, usize) = (96, 120);

    fn ask(method: RmsMethod) -> LocalRms {
        LocalRms { window: 24.0, method, strength: 1.0 }
    }

    fn map(ask: &LocalRms, value: impl Fn(usize, usize) -> f32, cuts: &[usize]) -> RmsMap {
        let slabs: Vec<CellRows> = cuts
            .windows(2)
            .map(|cut| {
                let mut slab = CellRows::default();
                for y in cut[0]..cut[1] {
                    let row: Vec<f32> = (0..SHAPE.1).map(|x| value(y, x)).collect();
                    slab.push(&row, ask.cell(), |x| !row[x].is_nan());
                }
                slab
            })
            .collect();
        RmsMap::new(ask, SHAPE, slabs.iter())
    }

    fn weight(map: &RmsMap, y: usize, x: usize) -> f32 {
        let mut row = vec![1.0; SHAPE.1];
        map.weigh(y, &mut row);
        row[x]
    }

    /// Noise of alternating signs that is `level(y, x)` everywhere.
    fn noise(level: impl Fn(usize, usize) -> f32) -> impl Fn(usize, usize) -> f32 {
        move |y, x| level(y, x) * if (x + y) % 2 == 0 { 1.0 } else { -1.0 }
    }

    #[test]
    fn even_noise_has_even_weights_up_to_edges_and_blanks() {
        let blank = |y: usize, x: usize| if x < 30 && y < 20 { f32::NAN } else { noise(|_, _| 2.0)(y, x) };
        let map = map(&ask(RmsMethod::Rms), blank, &[0, SHAPE.0]);
        assert!((map.least() - 2.0).abs() < 1e-5);
        for (y, x) in [(0, 60), (95, 119), (50, 50), (20, 30), (40, 0)] {
            assert!((weight(&map, y, x) - 1.0).abs() < 1e-5, "({y}, {x})");
        }
    }

    #[test]
    fn weight_is_the_ratio_of_the_gaussian_means_of_squares() {
        // the level jumps from 1 to 3 at column 60; far from there the weight is that of its side, at it of both
        let map = map(&ask(RmsMethod::Rms), noise(|_, x| if x < 60 { 1.0 } else { 3.0 }), &[0, SHAPE.0]);
        assert!((weight(&map, 48, 5) - 1.0).abs() < 1e-3 && (weight(&map, 48, 115) - 1.0 / 3.0).abs() < 1e-3);
        let middle = (0.5 * (weight(&map, 48, 59) + weight(&map, 48, 60)) - 1.0 / 5.0_f32.sqrt()).abs();
        assert!(middle < 0.02, "{middle}");
        // the plain formula, pixel by pixel
        let sigma = 24.0 / FULL_WIDTH;
        for x in [40, 52, 66, 75] {
            let sums = (0..SHAPE.1).fold((0.0, 0.0), |(squares, counts), at| {
                let g = (-0.5 * ((at as f64 - x as f64) / sigma).powi(2)).exp();
                (squares + g * if at < 60 { 1.0 } else { 9.0 }, counts + g)
            });
            let expected = (sums.1 / sums.0).sqrt();
            let found = f64::from(weight(&map, 48, x));
            assert!((found / expected - 1.0).abs() < 0.04, "{x}: {found} {expected}");
        }
    }

    #[test]
    fn bowl_counts_as_noise_where_it_is_asked_for_and_strength_bends_the_weights() {
        let bowl = |y: usize, x: usize| if (y, x) == (48, 60) { -30.0 } else { noise(|_, _| 1.0)(y, x) };
        let with = map(&ask(RmsMethod::RmsWithMin), bowl, &[0, SHAPE.0]);
        assert!((weight(&with, 48, 60) - 1.0 / 9.0).abs() < 1e-3, "0.3 of 30");
        let without = map(&ask(RmsMethod::Rms), bowl, &[0, SHAPE.0]);
        assert!(weight(&without, 48, 60) > weight(&with, 48, 60));
        let root = map(&LocalRms { strength: 0.5, ..ask(RmsMethod::RmsWithMin) }, bowl, &[0, SHAPE.0]);
        assert!((weight(&root, 48, 60) - 1.0 / 3.0).abs() < 1e-3);
    }

    #[test]
    fn what_nothing_is_known_of_counts_as_the_loudest_place() {
        let ask = LocalRms { window: 1.0, ..ask(RmsMethod::Rms) };
        // gaps of one pixel, and of twenty columns
        let value = |y: usize, x: usize| match (y, x) {
            (40, 30) | (_, 100..) => f32::NAN,
            (_, 0..60) => 2.0,
            _ => 6.0,
        };
        let map = map(&ask, value, &[0, SHAPE.0]);
        assert!((map.least() - 2.0).abs() < 1e-6);
        for (at, expected) in [((40, 30), 1.0), ((40, 31), 1.0), ((5, 80), 1.0 / 3.0), ((50, 110), 1.0 / 3.0)] {
            let found = weight(&map, at.0, at.1);
            assert!((found - expected).abs() < 1e-4, "{at:?}: {found}");
        }
    }

    #[test]
    fn cut_into_slabs_changes_no_bit() {
        let value = noise(|y, x| 1.0 + (y * x % 7) as f32);
        let ask = ask(RmsMethod::RmsWithMin);
        assert_eq!(map(&ask, &value, &[0, SHAPE.0]), map(&ask, &value, &[0, 1, 13, 14, 80, SHAPE.0]));
    }
}
