//! Noise that a file tells of: what the modes would be with natural weights.

use std::sync::Arc;

use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use super::convolve::complex;
use super::{OpError, Setting, Value, Work};
use crate::algorithms::wiener::{
    Natural, NaturalColumn, NaturalSums, NoiseFile, NoiseSpectra, match_column, spectrum_at,
};
use crate::fft::Transfer;
use crate::graph::{Cost, Meta, TaskContext};

/// A block of the noise's spectrum, resampled from an image of it; inputs: all rows of the image as read, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NoiseSpectrum {
    /// The problem.
    pub setting: Setting,
    /// The block of columns.
    pub block: usize,
    /// Shape of the image, `(my, mx)`.
    pub shape: (usize, usize),
    /// Rows of each input but the last.
    pub slab: usize,
}

impl Work for NoiseSpectrum {
    const KIND: &'static str = "noise-spectrum";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let modes = self.setting.modes(self.block);
        Cost { flops: 60.0 * modes as f64, output_bytes: complex(modes), scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let slabs: Vec<_> = inputs.iter().map(|slab| slab.pixels()).collect();
        let value = |y: usize, x: usize| slabs[y / self.slab][(y % self.slab, x)];
        let plane = self.setting.problem().plane();
        Ok(made(&self.setting, self.block, |kx, column| {
            for (ky, to) in column.iter_mut().enumerate() {
                let at = spectrum_at(self.shape, plane.signed_frequency(ky, kx), value);
                *to = Complex::new(at, 0.0);
            }
        }))
    }
}

/// A block of columns that are filled one by one.
fn made(setting: &Setting, block: usize, fill: impl Fn(usize, &mut [Complex<f32>])) -> Value {
    let (columns, ly) = (setting.layout.columns(block), setting.layout.ly);
    let mut values = vec![Complex::default(); columns.len() * ly];
    columns.clone().zip(values.chunks_exact_mut(ly)).for_each(|(kx, column)| fill(kx, column));
    Value::Transfer(Transfer::from_parts(columns.start, ly, values))
}

/// What both files are: inputs of the operations below are the PSF's transfer function, the block of the noise, the modes that the
/// PSF measures, and with a PSF of natural weights the modes that it measures, the spectrum of the PSF on the image and its modes.
fn natural(file: NoiseFile, inputs: &[Arc<Value>]) -> Natural {
    let of = |index: usize| inputs.get(index).map(|usable| *usable.usable());
    let natural_floor = of(3).map_or(0.0, |usable| usable.floor);
    let seen = of(5).map_or((0.0, 0.0), |usable| (usable.max_transfer, usable.floor));
    Natural { file, floor: inputs[2].usable().floor, seen, natural_floor }
}

fn columns(inputs: &[Arc<Value>], kx: usize) -> NoiseSpectra<&[Complex<f32>]> {
    let h = inputs[0].transfer().column(kx);
    NoiseSpectra {
        h,
        noise: inputs[1].transfer().column(kx),
        seen: inputs.get(4).map_or(h, |seen| seen.transfer().column(kx)),
    }
}

/// Adds up a block of modes, column by column.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NaturalTally {
    /// The problem.
    pub setting: Setting,
    /// The block of columns.
    pub block: usize,
    /// What the file tells.
    pub file: NoiseFile,
}

impl Work for NaturalTally {
    const KIND: &'static str = "natural-tally";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let numbers = NaturalSums::LEN * self.setting.layout.columns(self.block).len();
        Cost { flops: 20.0 * self.setting.modes(self.block) as f64, output_bytes: 8 * numbers as u64, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (natural, plane) = (natural(self.file, inputs), self.setting.problem().plane());
        let of = |kx: usize| natural.sums(plane.weight(kx), columns(inputs, kx)).numbers();
        Ok(Value::RowSums(self.setting.layout.columns(self.block).flat_map(of).collect()))
    }
}

/// A block of the transfer function with natural weights, or of the weights of the linear boundary.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NaturalBlock {
    /// The problem.
    pub setting: Setting,
    /// The block of columns.
    pub block: usize,
    /// What the file tells.
    pub file: NoiseFile,
    /// What is made.
    pub what: NaturalColumn,
}

impl Work for NaturalBlock {
    const KIND: &'static str = "natural";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let modes = self.setting.modes(self.block);
        Cost { flops: 20.0 * modes as f64, output_bytes: complex(modes), scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let natural = natural(self.file, inputs);
        Ok(made(&self.setting, self.block, |kx, column| {
            natural.column(self.what, columns(inputs, kx), column);
        }))
    }
}

/// A block of the spectrum of the dirty image as natural weights would have made it; inputs: the dirty image's spectrum, the transfer
/// functions of the PSF and with natural weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MatchData {
    /// The problem.
    pub setting: Setting,
    /// The block of columns.
    pub block: usize,
}

impl Work for MatchData {
    const KIND: &'static str = "match";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: 20.0 * self.setting.modes(self.block) as f64, output_bytes: inputs[0].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(made(&self.setting, self.block, |kx, column| {
            column.copy_from_slice(inputs[0].transfer().column(kx));
            match_column(column, inputs[1].transfer().column(kx), inputs[2].transfer().column(kx));
        }))
    }
}
