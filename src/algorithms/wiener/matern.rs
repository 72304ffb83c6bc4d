//! Length and smoothness of the Matérn prior, from the likelihood that chooses λ.
//!
//! A mode enters the likelihood through `t = |H|²/(S Q)` and its power, and `Q` through its step `s = 4 − 2 cos θx − 2 cos θy` alone. So
//! one pass over the modes, binned by `s` and by `u = |H|²/S`, serves every length and smoothness: their table is made of these bins, and λ
//! is chosen from it as ever. The likelihood, at its best λ, is minimised by golden sections over `log ℓ`, each of them over `log ν`.

use std::collections::BTreeMap;

use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use super::choose::{ChooseError, Criterion, LambdaRule, check, golden};
use super::exact::{ExactSum, Quantum};
use super::model::{Problem, matern, widen};
use super::survey::Usable;
use super::table::{Modes, PER_OCTAVE, mode_terms};

/// Bits of a mantissa that number a bin of `s` and of `u`: sixteen and four for each octave.
const BITS: (u32, u32) = (4, 2);

/// Range of the smoothness: below it the field is noise of pixels, above it a Gaussian correlation that no more is told of.
const SMOOTHNESS: (f64, f64) = (0.1, 10.0);

/// Shortest length \[pixels\]; the longest is the longer side of the spectrum.
const SHORTEST: f64 = 0.5;

/// Width of the last bracket, in natural logarithms.
const TOLERANCE: f64 = 0.01;

/// Points of the grid that brackets a golden section.
const GRID: usize = 8;

/// What is known of the prior, and what is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MaternAsk {
    /// Length \[pixels\], if it is given.
    pub length: Option<f64>,
    /// Smoothness, if it is given.
    pub nu: Option<f64>,
    /// `ml` or `ml-sigma`.
    pub rule: LambdaRule,
    /// Noise of the dirty image, if it is known \[Jy/beam\].
    pub sigma: Option<f64>,
}

/// The prior that was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MaternFit {
    /// Length \[pixels\].
    pub length: f64,
    /// Smoothness.
    pub nu: f64,
    /// Whether each was searched, and ended at an edge of its range: length, smoothness.
    pub at_edge: [bool; 2],
}

impl MaternFit {
    /// What the user should know of it.
    pub fn note(&self) -> Option<String> {
        let what = match self.at_edge {
            [false, false] => return None,
            [true, false] => format!("the length of the Matern prior, {:.3} pixels, is", self.length),
            [false, true] => format!("the smoothness of the Matern prior, {:.3}, is", self.nu),
            [true, true] => {
                format!("length and smoothness of the Matern prior, {:.3} pixels and {:.3}, are", self.length, self.nu)
            }
        };
        Some(format!(
            "{what} at the edge of the range searched: the data do not tell it; give --matern-length and --matern-nu, or another --reg"
        ))
    }
}

/// Modes of nearly equal `s` and `u`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Cell {
    weight: u64,
    /// Sums of weight × place in the bin, in 24 bits, of `s` and `u`.
    places: [u64; 2],
    power: ExactSum,
}

/// The usable modes, binned by `s` and `u`: any order of columns gives the same table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepTable {
    problem: Problem,
    usable: Usable,
    quantum: Quantum,
    cells: BTreeMap<(u64, u64), Cell>,
}

/// Number of a value's bin, and the place in it.
fn bin(value: f64, bits: u32) -> (u64, u64) {
    let raw = value.to_bits();
    (raw >> (52 - bits), (raw >> (28 - bits)) & 0xff_ffff)
}

/// The value of a mean place in a bin.
fn value((bin, bits): (u64, u32), place: f64) -> f64 {
    let edge = |at: u64| f64::from_bits(at << (52 - bits));
    edge(bin) + (edge(bin + 1) - edge(bin)) * place / f64::from(1 << 24)
}

impl StepTable {
    /// Before any column.
    pub fn new(problem: &Problem, usable: &Usable) -> Self {
        let quantum = super::table::quantum(problem, usable);
        Self { problem: problem.clone(), usable: *usable, quantum, cells: BTreeMap::new() }
    }

    /// Adds column `kx`: `y` of the data and `h` of the PSF, `ly` modes each.
    pub fn add_column(&mut self, kx: usize, y: &[Complex<f32>], h: &[Complex<f32>]) {
        let weight = self.problem.plane().weight(kx);
        for (ky, (&y, &h)) in y.iter().zip(h).enumerate() {
            let (y, h) = (widen(y), widen(h));
            let Some((_, power)) = mode_terms(&self.problem, &self.usable, (ky, kx), (y, h)) else { continue };
            let (s, along) = bin(self.problem.step(ky, kx), BITS.0);
            let (u, up) = bin(h.norm_sqr() / self.problem.noise_power(h), BITS.1);
            let cell = self.cells.entry((s, u)).or_default();
            cell.weight += weight;
            cell.places = [cell.places[0] + weight * along, cell.places[1] + weight * up];
            cell.power.add(weight as f64 * power, self.quantum);
        }
    }

    /// Adds what another table of the same problem holds.
    pub fn merge(&mut self, other: &Self) {
        for (at, theirs) in &other.cells {
            let mine = self.cells.entry(*at).or_default();
            mine.weight += theirs.weight;
            mine.places = [0, 1].map(|axis| mine.places[axis] + theirs.places[axis]);
            mine.power.merge(theirs.power);
        }
    }

    /// Size in memory \[bytes\].
    pub fn bytes(&self) -> u64 {
        (self.cells.len() * size_of::<((u64, u64), Cell)>()) as u64
    }

    /// `(s, u, Σ w, Σ w p)` of all bins.
    fn bins(&self) -> Vec<[f64; 4]> {
        let of = |(&(s, u), cell): (&(u64, u64), &Cell)| {
            let weight = cell.weight as f64;
            let [along, up] = cell.places.map(|place| place as f64 / weight);
            [value((s, BITS.0), along), value((u, BITS.1), up), weight, cell.power.value(self.quantum)]
        };
        self.cells.iter().map(of).collect()
    }

    /// The length and smoothness of the greatest likelihood.
    ///
    /// # Errors
    /// [`ChooseError`]: no usable mode, no power in them, or a noise that is missing or out of range.
    pub fn fit(&self, ask: &MaternAsk) -> Result<MaternFit, ChooseError> {
        check(ask.rule, ask.sigma)?;
        let bins = self.bins();
        if bins.is_empty() {
            return Err(ChooseError::NoUsableModes { tau: self.usable.tau });
        }
        if bins.iter().all(|bin| bin[3] <= 0.0) {
            return Err(ChooseError::NoPower);
        }
        let known = ask.sigma.map(|sigma| sigma * sigma / self.usable.noise_mean);
        let criterion = |length: f64, nu: f64| {
            let modes = modes(&bins, |step| matern(step, nu, length));
            let criterion = Criterion::new(modes, ask.rule, known);
            criterion.map_or(f64::INFINITY, |criterion| criterion.value(criterion.minimise().0))
        };
        let plane = self.problem.plane();
        let lengths = (SHORTEST, (plane.ly.max(plane.lx) as f64).max(2.0 * SHORTEST));
        let over_nu = |length: f64| match ask.nu {
            Some(nu) => (nu, criterion(length, nu)),
            None => least(SMOOTHNESS, |nu| criterion(length, nu)),
        };
        let length = ask.length.unwrap_or_else(|| least(lengths, |length| over_nu(length).1).0);
        let nu = over_nu(length).0;
        let at_edge =
            [ask.length.is_none() && is_at_edge(length, lengths), ask.nu.is_none() && is_at_edge(nu, SMOOTHNESS)];
        Ok(MaternFit { length, nu, at_edge })
    }
}

/// The table of modes for one penalty of a step.
fn modes(bins: &[[f64; 4]], penalty: impl Fn(f64) -> f64) -> Modes {
    let mut all: Vec<_> = bins.iter().map(|[s, u, weight, power]| (u / penalty(*s), *weight, *power)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let counts = all.iter().map(|(t, weight, _)| (*t, *weight)).collect();
    let powers = all.iter().filter(|mode| mode.2 > 0.0).map(|(t, _, power)| (*t, *power)).collect();
    Modes { counts, powers }.merged(PER_OCTAVE)
}

/// Where in a range a function is least, by a grid of its logarithm and a golden section, and its value there.
fn least((low, high): (f64, f64), of: impl Fn(f64) -> f64) -> (f64, f64) {
    let at = |x: f64| (x, of(x.exp()));
    let (low, high) = (low.ln(), high.ln());
    let place = |i: usize| low + (high - low) * i as f64 / GRID as f64;
    let grid: Vec<_> = (0..=GRID).map(|i| at(place(i))).collect();
    let best = (0..=GRID).min_by(|&i, &j| grid[i].1.total_cmp(&grid[j].1)).unwrap_or(0);
    let (low, high) = golden((place(best.saturating_sub(1)), place((best + 1).min(GRID))), TOLERANCE, at);
    let (x, value) = at(f64::midpoint(low, high));
    let (x, value) = if grid[best].1 < value { grid[best] } else { (x, value) };
    (x.exp(), value)
}

fn is_at_edge(value: f64, (low, high): (f64, f64)) -> bool {
    let within = 2.0 * TOLERANCE;
    (value / low).ln() < within || (high / value).ln() < within
}
