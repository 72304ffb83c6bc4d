//! What the convex solver does to the modes of all parts together.

use std::sync::Arc;

use rustfft::num_complex::Complex32;
use serde::{Deserialize, Serialize};

use super::super::convolve::{complex, piece_of_slab, spectra, transform};
use super::super::{OpError, Value, Work};
use super::AtomSetting;
use crate::algorithms::convex::{Frame, Splitting, turn, whiten};
use crate::fft::{SlabSpectrum, Transfer, mix_columns, see_columns, strip_bytes};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::BeamShape;

impl AtomSetting {
    /// Cost of transforming the columns of a block of so many images there, and of `back` of them back.
    fn columns_cost(&self, block: usize, images: usize, back: usize, output_bytes: u64) -> Cost {
        let columns = self.layout.columns(block).len() as f64;
        let transforms = columns * (images + back) as f64 * transform(self.layout.ly, false);
        let modes = columns * self.layout.ly as f64;
        Cost {
            flops: transforms + 8.0 * modes * self.dictionary.count() as f64,
            output_bytes,
            scratch_bytes: strip_bytes(self.layout.ly, images.max(back))
                + complex(2 * self.dictionary.count() * self.layout.ly),
        }
    }
}

/// What is done to the modes of all parts together, and how many images come of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum AtomStep {
    /// The step of each part's coefficients, from their reflections; further inputs: transfer function, data, usable modes.
    Correct(Splitting),
    /// What so many parts, the last ones, contribute to the model.
    Model(usize),
    /// The residual, the only image, as each part sees it, and whitened after them; further inputs: transfer function, usable modes.
    Bands,
    /// What each part that has weights contributes at the clean beam of coefficients `(a, b, c)` \[1/pixel^2\].
    Amplitudes((f64, f64, f64)),
}

/// Changes a block of modes and transforms it back, the rows of one part after those of the other; inputs: row transforms of the
/// slabs of each image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomColumns {
    /// The parts.
    pub setting: AtomSetting,
    /// The block of columns.
    pub block: usize,
    /// Slabs of an image.
    pub slabs: usize,
    /// What is done.
    pub step: AtomStep,
}

impl AtomColumns {
    fn images(&self) -> usize {
        match self.step {
            AtomStep::Bands => 1,
            AtomStep::Model(parts) => parts,
            AtomStep::Correct(_) => self.setting.dictionary.count(),
            AtomStep::Amplitudes(_) => self.setting.dictionary.of_weights(),
        }
    }

    fn parts(&self) -> usize {
        match self.step {
            AtomStep::Model(_) => 1,
            AtomStep::Bands => self.setting.dictionary.count() + 1,
            AtomStep::Correct(_) | AtomStep::Amplitudes(_) => self.images(),
        }
    }
}

impl Work for AtomColumns {
    const KIND: &'static str = "atom-columns";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let AtomSetting { layout, shape, .. } = &self.setting;
        let output_bytes = complex(self.parts() * shape.0 * layout.columns(self.block).len());
        self.setting.columns_cost(self.block, self.images(), self.parts(), output_bytes)
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        let is_slab = input < self.images() * self.slabs;
        if is_slab { piece_of_slab(meta, &self.setting.layout, self.block) } else { meta.bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (frame, AtomSetting { layout, shape, .. }) = (self.setting.frame(), &self.setting);
        let (slabs, rest) = inputs.split_at(self.images() * self.slabs);
        let images: Vec<Vec<&SlabSpectrum>> = slabs.chunks(self.slabs).map(spectra).collect();
        let size = (shape.0, self.parts());
        Ok(Value::Block(mix_columns(&images, layout, self.block, size, |kx, columns| match self.step {
            AtomStep::Correct(splitting) => {
                let (h, data) = (rest[0].transfer().column(kx), rest[1].transfer().column(kx));
                let rho = splitting.rho(rest[2].usable().max_transfer);
                frame.correct(kx, columns, (&self.setting.surrogate(h), data), rho);
            }
            AtomStep::Model(_) => frame.model(kx, columns),
            AtomStep::Bands => {
                let (first, others) = columns.split_first_mut().expect("there is a part");
                others.iter_mut().for_each(|other| other.copy_from_slice(first));
                let (white, parts) = columns.split_last_mut().expect("there is a part");
                whiten(white, rest[0].transfer().column(kx), rest[1].usable().max_transfer);
                frame.see(kx, parts);
            }
            AtomStep::Amplitudes((a, b, c)) => frame.at_beam(kx, columns, BeamShape { a, b, c }),
        })?))
    }
}

/// What stands for several PSFs in the inner problem, on a block of modes: the highest real part of their transfer functions, whose phases
/// are not those of one of them. Steps that are right for the highest go too far for none; inputs: those functions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HighestTransfer;

impl Work for HighestTransfer {
    const KIND: &'static str = "highest-transfer";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let block = inputs.first().map_or(0, |meta| meta.bytes);
        Cost { flops: (inputs.len() as u64 * block / 8) as f64, output_bytes: block, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (first, ly, values) = inputs[0].transfer().parts();
        let mut highest: Vec<Complex32> = values.iter().map(|h| h.re.into()).collect();
        for other in &inputs[1..] {
            let (_, _, other) = other.transfer().parts();
            highest.iter_mut().zip(other).for_each(|(high, h)| high.re = high.re.max(h.re));
        }
        Ok(Value::Transfer(Transfer::from_parts(first, ly, highest)))
    }
}

/// The data of the inner problem on a block of modes, `R + H₊ X`, `R` being the gradient of the likelihood; inputs: row transforms of the slabs of
/// the estimate of each part that the sky is the sum of (none for a model of zeros), of the residual's, the transfer function, and the usable
/// modes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtomData {
    /// The parts.
    pub setting: AtomSetting,
    /// The block of columns.
    pub block: usize,
    /// Slabs of an image.
    pub slabs: usize,
    /// Images of estimates, or none.
    pub estimates: usize,
}

impl Work for AtomData {
    const KIND: &'static str = "atom-data";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let modes = self.setting.layout.columns(self.block).len() * self.setting.layout.ly;
        self.setting.columns_cost(self.block, self.estimates + 1, 0, complex(modes))
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        let is_slab = input < (self.estimates + 1) * self.slabs;
        if is_slab { piece_of_slab(meta, &self.setting.layout, self.block) } else { meta.bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (frame, layout) = (self.setting.frame(), &self.setting.layout);
        let (slabs, known) = inputs.split_at((self.estimates + 1) * self.slabs);
        let (transfer, max_transfer) = (known[0].transfer(), known[1].usable().max_transfer);
        let images: Vec<Vec<&SlabSpectrum>> = slabs.chunks(self.slabs).map(spectra).collect();
        let columns = layout.columns(self.block);
        let mut values = Vec::with_capacity(columns.len() * layout.ly);
        see_columns(&images, layout, self.block, |kx, columns| {
            let (residual, estimates) = columns.split_last_mut().expect("a residual");
            let h = transfer.column(kx);
            turn(residual, h, (max_transfer, self.setting.mirrors));
            frame.model(kx, estimates);
            if let Some(model) = estimates.first() {
                Frame::data(residual, (&self.setting.surrogate(h), model));
            }
            values.extend_from_slice(residual);
        })?;
        Ok(Value::Transfer(Transfer::from_parts(columns.start, layout.ly, values)))
    }
}
