//! The estimate of missing sidelobes held against the residual.
//!
//! Sidelobes that are missing stand in the residual: it is louder where much is missing than where little is, while the
//! noise is the same everywhere. With bins `b` of the estimate,
//! ```text
//! a = max over low b of (<r^2>_high - <r^2>_b) / (<F^2>_high - <F^2>_b)
//! ```
//! is the share of the estimated power that is there, `r` being cut off at three times the noise, so that sources that are
//! not cleaned yet count for little. Simulated arrays have `a` of 0.5 to 1.8 from the first cycle to the last; images made
//! with the very PSF that they come with, of which nothing is missing, 0.0001 to 0.013. Below a quarter the estimate is
//! refuted and falls to `4 a`. Without pixels enough of both kinds the residual is compared as it is, noise and all.

use serde::{Deserialize, Serialize};

use super::floor::FloorMap;

/// Sidelobes of less than this times the estimate refute it.
const REFUTED: f64 = 0.5;
/// Estimates are high from this share of the greatest `F^2` on.
const HIGH: f64 = 0.25;
/// Bins of `F^2`, up to the greatest.
const BINS: usize = 16;
/// The residual counts up to so many times the noise.
const CUT: f64 = 3.0;
/// A comparison takes this share of the plane where estimates are high, and where they are low: on BL Lac they are high
/// next to few pixels, all of them loud.
const ENOUGH: f64 = 1.0 / 16.0;
/// The quietest of few pixels are no measure of the noise.
const ENOUGH_IN_BIN: f64 = 1.0 / 64.0;
/// Shares of the noise's square below this are chance.
const CHANCE: f64 = 0.01;

/// Squares of residuals are counted in these shares of the noise's, and `F^2` in these of the greatest: sums of integers
/// are the same in any order.
const UNITS: f64 = (1_u32 << 20) as f64;

/// Pixels of about the same estimate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Bin {
    pixels: u64,
    /// Sum of `min(r / sigma, CUT)^2` in [`UNITS`].
    squares: u64,
    /// Sum of `F^2` over the greatest in [`UNITS`].
    estimates: u64,
}

impl Bin {
    fn and(&self, other: &Self) -> Self {
        Self {
            pixels: self.pixels + other.pixels,
            squares: self.squares + other.squares,
            estimates: self.estimates + other.estimates,
        }
    }

    /// Means of squares and estimates.
    fn means(&self) -> (f64, f64) {
        let mean = |sum: u64| sum as f64 / UNITS / self.pixels.max(1) as f64;
        (mean(self.squares), mean(self.estimates))
    }
}

/// How loud the residual is where more or less is estimated to be missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// Greatest `F^2` \[(Jy/beam)^2\].
    greatest: f64,
    /// Robust noise of the residual \[Jy/beam\].
    sigma: f64,
    /// Sum of squares of residual over estimate where this is high, row by row: added in order.
    ratios: Vec<f64>,
    bins: [Bin; BINS],
}

impl Contrast {
    /// Begins with a map and the robust noise of the residual.
    pub fn new(map: &FloorMap, sigma: f64) -> Self {
        Self { greatest: map.greatest(), sigma, ..Self::default() }
    }

    /// Size in memory of what is held of each row \[bytes\].
    pub const ROW_BYTES: u64 = 8;

    /// Size in memory \[bytes\].
    pub fn bytes(&self) -> u64 {
        Self::ROW_BYTES * self.ratios.len() as u64
    }

    /// Takes a row: of each pixel `F^2` and the residual.
    pub fn add_row(&mut self, pixels: impl Iterator<Item = (f64, f32)>) {
        let mut ratios = 0.0;
        for (estimate, value) in pixels.filter(|_| self.greatest > 0.0) {
            let (share, square) = (estimate / self.greatest, f64::from(value).powi(2));
            if share >= HIGH {
                ratios += square / estimate;
            }
            let square = if self.sigma > 0.0 { square / (self.sigma * self.sigma) } else { 0.0 };
            let bin = &mut self.bins[((BINS as f64 * share) as usize).min(BINS - 1)];
            bin.pixels += 1;
            bin.squares += (UNITS * square.min(CUT * CUT)) as u64;
            bin.estimates += (UNITS * share) as u64;
        }
        self.ratios.push(ratios);
    }

    /// Takes what was found in the rows after these.
    pub fn merge(&mut self, after: &Self) {
        (self.greatest, self.sigma) = (after.greatest, after.sigma);
        self.ratios.extend(&after.ratios);
        self.bins.iter_mut().zip(&after.bins).for_each(|(bin, other)| *bin = bin.and(other));
    }

    /// Share of the estimated `F^2` that the residual leaves; 1 where it does not refute it.
    pub(super) fn share(&self) -> f64 {
        let (low, high) = self.bins.split_at((HIGH * BINS as f64) as usize);
        let high = high.iter().fold(Bin::default(), |sum, bin| sum.and(bin));
        if high.pixels == 0 {
            return 1.0;
        }
        let there = || self.ratios.iter().fold(0.0, |sum, row| sum + row) / high.pixels as f64;
        (self.excess(low, &high).unwrap_or_else(there) / (REFUTED * REFUTED)).min(1.0)
    }

    /// How much louder the residual is where much is missing, as a share of what is missing there more; `None` without
    /// enough pixels of both kinds.
    fn excess(&self, low: &[Bin], high: &Bin) -> Option<f64> {
        let all = low.iter().fold(*high, |sum, bin| sum.and(bin)).pixels as f64;
        let quiet = low.iter().fold(0, |sum, bin| sum + bin.pixels);
        if (quiet.min(high.pixels) as f64) < ENOUGH * all {
            return None;
        }
        let (loud, missing) = high.means();
        let slope = |bin: &Bin| {
            let (quiet, less) = bin.means();
            (loud - quiet).max(CHANCE) / (missing - less)
        };
        let measured = low.iter().filter(|bin| bin.pixels as f64 >= ENOUGH_IN_BIN * all);
        measured.map(slope).reduce(f64::max).map(|slope| slope * self.sigma * self.sigma / self.greatest)
    }
}

#[cfg(test)]
mod tests {
    use super::super::floor::tests::{floor, map, map_of};
    use super::super::floor::{FloorMap, FloorRows, Shortfall};
    use super::*;

    /// Two sources, one of which is far from everywhere.
    const TWO: [(usize, usize, f32); 2] = [(1, 1, 3.0), (31, 31, -4.0)];
    /// A source that the PSF reaches from a corner of the plane.
    const ONE: [(usize, usize, f32); 1] = [(4, 4, 5.0)];

    /// A map, and that held against a residual.
    fn held(
        sources: &[(usize, usize, f32)],
        residual: impl Fn(usize, usize, f64) -> f64,
        sigma: f64,
    ) -> (FloorMap, FloorMap) {
        let map = map([8, 8, 8, 8], sources);
        let mut contrast = Contrast::default();
        for y in 0..32 {
            let mut row = Contrast::new(&map, sigma);
            let value = |x: usize| residual(y, x, floor(&map, y, x)) as f32;
            FloorRows::new(&map, y).compare(|x| (x != 3).then(|| value(x)), &mut row);
            contrast.merge(&row);
        }
        (map.clone(), map.held(&contrast))
    }

    fn sign(y: usize, x: usize) -> f64 {
        if (x + y).is_multiple_of(2) { 1.0 } else { -1.0 }
    }

    #[test]
    fn an_estimate_that_stands_in_the_residual_stays() {
        for level in [0.6, 1.0, 3.0] {
            let (map, two) = held(&TWO, |y, x, floor| sign(y, x) * level * floor, 0.02);
            assert_eq!(map, two, "{level}");
            let (one, noisy) = held(&ONE, |y, x, floor| sign(y, x) * (level * floor).hypot(0.02), 0.02);
            assert_eq!(one, noisy, "{level}");
            assert_eq!(map.clone().held(&Contrast::new(&map, 0.02)), map, "nothing to hold it against");
        }
    }

    #[test]
    fn an_estimate_that_a_quiet_residual_refutes_falls_to_twice_what_is_there() {
        let (map, held) = held(&TWO, |y, x, floor| sign(y, x) * 0.05 * floor, 0.0025);
        let expected = 2.0 * 0.05 * map.range().1;
        assert!((held.range().1 / expected - 1.0).abs() < 1e-3, "{:?}, expected {expected}", held.range());
        // so do the maps of scales
        let scale = map.against(&held);
        assert!((scale.range().1 / held.range().1 - 1.0).abs() < 1e-9 && scale.range().0 == held.range().0);
    }

    #[test]
    fn noise_that_is_the_same_everywhere_is_no_sidelobe() {
        // its rms is that of the highest estimates, and more
        for level in [0.5, 1.0, 2.0] {
            let sigma = level * 0.05;
            let (map, held) = held(&ONE, |y, x, _| sign(y, x) * sigma, sigma);
            assert!(map.range().1 > 0.049 && held.range().1 < 0.3 * sigma, "{level}: {:?}", held.range());
        }
    }

    #[test]
    fn sources_that_are_not_cleaned_yet_do_not_speak_for_missing_sidelobes() {
        // a source of 50 times the noise stands where much is missing
        let source = |y: usize, x: usize| if y.abs_diff(30) < 2 && x.abs_diff(2) < 2 { 0.5 } else { 0.0 };
        let (map, held) = held(&ONE, |y, x, _| source(y, x) + sign(y, x) * 0.01, 0.01);
        assert!(held.range().1 < 0.35 * map.range().1, "{:?}", held.range());
    }

    #[test]
    fn where_as_much_is_missing_everywhere_the_residual_is_compared_as_it_is() {
        // flux in the middle that the PSF reaches from nowhere but there
        let map = map_of(Shortfall { reach: [1, 1, 1, 1], level: 0.01, cell: 2 }, &[(16, 16, 5.0)]);
        let mut contrast = Contrast::new(&map, 0.01);
        let mut rows = FloorRows::new(&map, 0);
        (0..32).for_each(|y| rows.compare(|x| Some(0.01 * sign(y, x) as f32), &mut contrast));
        let expected = 2.0 * 0.01;
        assert!((map.held(&contrast).range().1 / expected - 1.0).abs() < 1e-3, "twice what is there");
    }
}
