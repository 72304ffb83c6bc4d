//! Second pass: what every rule for λ needs of the spectra.

use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use super::exact::{ExactSum, Quantum};
use super::model::{Problem, widen};
use super::survey::Usable;

/// Bins per octave of `t`; the error of a criterion falls with their square.
const BINS: usize = 256;

/// Bins that make a wider one.
const GROUP: usize = 8;

/// `log2` of the parts of an octave whose bins are merged for the search.
pub(super) const PER_OCTAVE: u32 = 3;

/// Position of the leading bits of an f64's mantissa that number its bin, and how many follow.
const BIN_SHIFT: u32 = 52 - 8;

/// Exponents of f64.
const OCTAVES: usize = 2048;

/// Modes of nearly equal `t`: their number, the mean place of `t` in the bin, and their power likewise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Bin {
    weight: u64,
    /// Sum of weight × place, a place being in 0..2²⁴.
    place: u64,
    power: ExactSum,
    power_place: ExactSum,
}

/// The usable modes, binned by `t = |H|²/(S Q)`, with the power `p = |Y|²/S` in each bin.
///
/// A mode enters every criterion through `b = 1/(1 + t/λ)` and `p` only. A bin keeps the mean of `t` over its modes and
/// over its power, so the criteria are those of the modes to second order in the width of a bin: a few 1e-8.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Sparse", into = "Sparse")]
pub struct SpectrumTable {
    problem: Problem,
    usable: Usable,
    quantum: Quantum,
    /// By exponent of `t`; most octaves stay empty.
    octaves: Vec<Option<Box<[Bin; BINS]>>>,
}

/// A table written down: its octaves that are not empty, by number.
#[derive(Serialize, Deserialize)]
struct Sparse {
    problem: Problem,
    usable: Usable,
    quantum: Quantum,
    octaves: Vec<(usize, Vec<Bin>)>,
}

impl From<SpectrumTable> for Sparse {
    fn from(SpectrumTable { problem, usable, quantum, octaves }: SpectrumTable) -> Self {
        let octaves = octaves.into_iter().enumerate().filter_map(|(at, bins)| bins.map(|bins| (at, bins.to_vec())));
        Self { problem, usable, quantum, octaves: octaves.collect() }
    }
}

impl TryFrom<Sparse> for SpectrumTable {
    type Error = &'static str;

    fn try_from(Sparse { problem, usable, quantum, octaves: sparse }: Sparse) -> Result<Self, Self::Error> {
        let mut octaves = vec![None; OCTAVES];
        for (at, bins) in sparse {
            let bins: Box<[Bin; BINS]> = bins.try_into().map_err(|_| "an octave of another number of bins")?;
            *octaves.get_mut(at).ok_or("an octave beyond those of f64")? = Some(bins);
        }
        Ok(Self { problem, usable, quantum, octaves })
    }
}

impl SpectrumTable {
    /// Before any column.
    pub fn new(problem: &Problem, usable: &Usable) -> Self {
        let quantum = quantum(problem, usable);
        Self { problem: problem.clone(), usable: *usable, quantum, octaves: vec![None; OCTAVES] }
    }

    /// Adds column `kx`: `y` of the data and `h` of the PSF, `ly` modes each.
    pub fn add_column(&mut self, kx: usize, y: &[Complex<f32>], h: &[Complex<f32>]) {
        let weight = self.problem.plane().weight(kx);
        for (ky, (&y, &h)) in y.iter().zip(h).enumerate() {
            if let Some((t, power)) = mode_terms(&self.problem, &self.usable, (ky, kx), (widen(y), widen(h))) {
                self.add_mode(weight, t, power);
            }
        }
    }

    fn add_mode(&mut self, weight: u64, t: f64, power: f64) {
        let bits = t.to_bits();
        let octave = self.octaves[(bits >> 52) as usize].get_or_insert_with(|| Box::new([Bin::default(); BINS]));
        let bin = &mut octave[(bits >> BIN_SHIFT) as usize % BINS];
        let place = (bits >> (BIN_SHIFT - 24)) & 0xff_ffff;
        let power = weight as f64 * power;
        bin.weight += weight;
        bin.place += weight * place;
        bin.power.add(power, self.quantum);
        bin.power_place.add(power * place as f64 / f64::from(1 << 24), self.quantum);
    }

    /// Adds what another table of the same problem holds; any order gives the same table.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.octaves.iter_mut().zip(&other.octaves) {
            let Some(theirs) = theirs else { continue };
            let mine = mine.get_or_insert_with(|| Box::new([Bin::default(); BINS]));
            for (mine, theirs) in mine.iter_mut().zip(theirs.iter()) {
                mine.weight += theirs.weight;
                mine.place += theirs.place;
                mine.power.merge(theirs.power);
                mine.power_place.merge(theirs.power_place);
            }
        }
    }

    /// Size in memory \[bytes\].
    pub fn bytes(&self) -> u64 {
        (self.octaves.iter().flatten().count() * size_of::<[Bin; BINS]>()) as u64
    }

    /// Fraction of all modes that carry a datum.
    pub fn usable_fraction(&self) -> f64 {
        let modes: u64 = self.octaves.iter().flatten().flat_map(|bins| bins.iter()).map(|bin| bin.weight).sum();
        modes as f64 / self.problem.plane().modes() as f64
    }

    pub(super) fn usable(&self) -> &Usable {
        &self.usable
    }

    pub(super) fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Wider bins, `(t, Σ w, Σ w p)`: their criteria are those of the modes to some 1e-5.
    pub(super) fn coarse_bins(&self) -> Vec<(f64, f64, f64)> {
        let mut coarse = Vec::new();
        for (octave, bins) in self.octaves.iter().enumerate() {
            let groups = bins.iter().flat_map(|bins| bins.chunks(GROUP)).enumerate();
            for (group, bins) in groups {
                let count: u64 = bins.iter().map(|bin| bin.weight).sum();
                if count == 0 {
                    continue;
                }
                let edge = |at: usize| f64::from_bits(((octave * BINS + at) as u64) << BIN_SHIFT);
                let place = |(index, bin): (usize, &Bin)| {
                    let (low, high) = (edge(group * GROUP + index), edge(group * GROUP + index + 1));
                    bin.weight as f64 * low + (high - low) * bin.place as f64 / f64::from(1 << 24)
                };
                let t = bins.iter().enumerate().map(place).sum::<f64>() / count as f64;
                coarse.push((t, count as f64, bins.iter().map(|bin| bin.power.value(self.quantum)).sum()));
            }
        }
        coarse
    }

    /// The bins as representative modes, two for each eighth of an octave: their criteria are those of the bins to some 1e-8.
    pub(super) fn modes(&self) -> Modes {
        self.all_modes().merged(PER_OCTAVE)
    }

    /// A representative mode for each bin.
    pub(super) fn all_modes(&self) -> Modes {
        let mut modes = Modes::default();
        for (octave, bins) in self.octaves.iter().enumerate() {
            let Some(bins) = bins else { continue };
            for (index, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.weight > 0) {
                let edge = |at: usize| f64::from_bits(((octave * BINS + at) as u64) << BIN_SHIFT);
                let (low, width) = (edge(index), edge(index + 1) - edge(index));
                let weight = bin.weight as f64;
                modes.counts.push((low + width * bin.place as f64 / (weight * f64::from(1 << 24)), weight));
                let power = bin.power.value(self.quantum);
                if power > 0.0 {
                    modes.powers.push((low + width * bin.power_place.value(self.quantum) / power, power));
                }
            }
        }
        modes
    }
}

/// For the power of modes: `p` is largest where all the power sits in the mode of least `S`.
pub(super) fn quantum(problem: &Problem, usable: &Usable) -> Quantum {
    let least_noise = match problem.noise() {
        super::NoiseModel::Psf => usable.floor,
        super::NoiseModel::White => 1.0,
    };
    let largest = usable.max_data / (problem.plane().data_pixels as f64 * least_noise);
    Quantum::new(if largest.is_normal() { 2.0 * largest } else { 1.0 })
}

/// Modes, or bins of them, as the criteria see them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Modes {
    /// `(t, Σ w)`.
    pub(super) counts: Vec<(f64, f64)>,
    /// `(t, Σ w p)`.
    pub(super) powers: Vec<(f64, f64)>,
}

impl Modes {
    /// Modes of the same part of an octave, of which there are `2^parts`, that stand one after the other, as two that have their sum
    /// of weights and the first three moments of `t` (Gauss quadrature): what is smooth in `log t` keeps its sum to the fourth order in
    /// the width of a part.
    pub(super) fn merged(&self, parts: u32) -> Self {
        Self { counts: merged(&self.counts, parts), powers: merged(&self.powers, parts) }
    }
}

fn merged(modes: &[(f64, f64)], parts: u32) -> Vec<(f64, f64)> {
    let part = |t: f64| t.to_bits() >> (52 - parts);
    let mut two = Vec::new();
    for run in modes.chunk_by(|a, b| part(a.0) == part(b.0)) {
        if run.len() < 3 {
            two.extend_from_slice(run);
            continue;
        }
        let weight: f64 = run.iter().map(|(_, w)| w).sum();
        let mean = run.iter().map(|(t, w)| t * w).sum::<f64>() / weight;
        let moment = |n: i32| run.iter().map(|(t, w)| w * (t / mean - 1.0).powi(n)).sum::<f64>() / weight;
        let width = moment(2).sqrt();
        if width <= f64::EPSILON {
            two.push((mean, weight));
            continue;
        }
        // the roots of the second orthogonal polynomial
        let skew = moment(3) / width.powi(3);
        let root = (skew * skew + 4.0).sqrt();
        for sign in [-1.0, 1.0] {
            let t = mean * (1.0 + 0.5 * width * (skew + sign * root));
            two.push((t, 0.5 * weight * (1.0 - sign * skew / root)));
        }
    }
    two
}

/// `t` and `p` of mode `(ky, kx)` with spectra `(y, h)`; `None` if it carries no datum.
///
/// `p` refers to the unitary spectrum of the data: white noise of variance `σ²` has a mean `p` of `σ²`.
pub(super) fn mode_terms(
    problem: &Problem,
    usable: &Usable,
    (ky, kx): (usize, usize),
    (y, h): (Complex<f64>, Complex<f64>),
) -> Option<(f64, f64)> {
    if !problem.is_usable(h, usable.floor) {
        return None;
    }
    let noise = problem.noise_power(h);
    let t = h.norm_sqr() / (noise * problem.penalty(ky, kx));
    Some((t, y.norm_sqr() / (noise * problem.plane().data_pixels as f64)))
}
