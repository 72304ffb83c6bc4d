//! The graphs of noise that a file tells of: what the modes are worth, and the transfer function that natural weights would have.
//!
//! ```text
//! noise rows ─> transfer, or noise-spectrum(block) ─┐
//! transfer(block) ─> mode-survey ─> usable ─────────┴─> natural-tally(block)
//! ───────────────────────── next graph ─────────────────────────
//! both(block), usable ─> natural(block) = G, and K for the linear boundary
//! ```

use super::{KernelCut, Wiring, key};
use crate::algorithms::wiener::{NaturalColumn, NoiseFile, NoiseModel};
use crate::graph::Key;
use crate::pipeline::ops::{DeconvOp, MatchData, NaturalBlock, NaturalTally, NoiseSpectrum, PsfPlane, Rows, Setting};

/// Transfer functions that a plane is solved with.
#[derive(Debug, Clone, Default)]
pub struct Transfers {
    /// That of the PSF.
    pub psf: Vec<Key>,
    /// Where a file tells the noise, that with natural weights, and the weights of the linear boundary.
    pub natural: Option<NaturalKeys>,
}

impl From<Vec<Key>> for Transfers {
    fn from(psf: Vec<Key>) -> Self {
        Self { psf, natural: None }
    }
}

impl Transfers {
    /// All of them.
    pub fn all(self) -> impl Iterator<Item = Key> {
        let natural = self.natural.into_iter().flat_map(|natural| natural.transfer.into_iter().chain(natural.weights));
        self.psf.into_iter().chain(natural)
    }
}

/// What natural weights would have made.
#[derive(Debug, Clone)]
pub struct NaturalKeys {
    /// `G`.
    pub transfer: Vec<Key>,
    /// `K`; empty with the circular boundary.
    pub weights: Vec<Key>,
}

/// What the noise of a PSF is told by.
#[derive(Debug, Clone)]
pub struct NoisePlane<'a> {
    /// The plane of the file; its number is none of a PSF.
    pub plane: &'a PsfPlane,
    /// What it tells.
    pub file: NoiseFile,
    /// The PSF, under a number that is none of a PSF.
    pub psf: PsfPlane,
    /// How both are transformed: the noise, and the PSF.
    pub kernels: (KernelCut, KernelCut),
    /// Whether the image ends at its edges.
    pub is_linear: bool,
}

/// What is known of both files, block by block, and which modes they measure.
#[derive(Debug, Clone)]
pub struct NoiseKeys {
    /// The PSF's transfer function.
    pub transfer: Vec<Key>,
    /// The noise.
    pub noise: Vec<Key>,
    /// The PSF on the image, where that is another thing; else empty.
    pub seen: Vec<Key>,
    /// Modes that the PSF measures, and where the noise is told by another PSF, those that this one does, and the PSF on the image.
    pub usable: Vec<Key>,
}

impl NoiseKeys {
    fn of(&self, block: usize) -> Vec<Key> {
        let mut inputs = vec![self.transfer[block].clone(), self.noise[block].clone(), self.usable[0].clone()];
        if let [_, natural, seen] = &self.usable[..] {
            let psf = self.seen.get(block).unwrap_or(&self.transfer[block]);
            inputs.extend([natural.clone(), psf.clone(), seen.clone()]);
        }
        inputs
    }
}

impl Wiring {
    /// Looks over the noise of PSF `number`: what is known of both, and the sums over each block.
    pub fn look_at_noise(
        &mut self,
        (number, setting): (usize, Setting),
        transfer: &[Key],
        noise: &NoisePlane<'_>,
    ) -> (NoiseKeys, Vec<Key>) {
        let white = Setting { noise: NoiseModel::White, ..setting };
        let mut usable = vec![self.usable_modes(number, white, (transfer, &[]))];
        let mut seen = Vec::new();
        let blocks = match noise.file {
            NoiseFile::NaturalPsf => {
                let overlap = noise.is_linear.then_some(setting.shape);
                let blocks = self.transfer_seen(noise.plane, &noise.kernels.0, overlap);
                usable.push(self.usable_modes(noise.plane.number, setting, (&blocks, &[])));
                if noise.is_linear {
                    seen = self.transfer_seen(&noise.psf, &noise.kernels.1, overlap);
                }
                let psf = if noise.is_linear { &seen[..] } else { transfer };
                usable.push(self.usable_modes(noise.psf.number, setting, (psf, &[])));
                blocks
            }
            NoiseFile::Spectrum => self.noise_spectrum(setting, noise.plane),
        };
        let keys = NoiseKeys { transfer: transfer.to_vec(), noise: blocks, seen, usable };
        let file = noise.file;
        let sums = self.each_block(("natural-tally", number), setting.layout.blocks(), |block| {
            (DeconvOp::NaturalTally(NaturalTally { setting, block, file }), keys.of(block))
        });
        (keys, sums)
    }

    fn noise_spectrum(&mut self, setting: Setting, plane: &PsfPlane) -> Vec<Key> {
        let (shape, slab) = (plane.shape(), self.cut.slab);
        let rows = Rows::cut(shape.0, slab).into_iter().enumerate();
        let file = (&plane.source, plane.plane);
        let slabs: Vec<Key> =
            rows.map(|(index, rows)| self.read(key("read-noise", plane.number, index), file, rows)).collect();
        self.each_block(("noise-spectrum", plane.number), setting.layout.blocks(), |block| {
            (DeconvOp::NoiseSpectrum(NoiseSpectrum { setting, block, shape, slab }), slabs.clone())
        })
    }

    /// What natural weights would have made of PSF `number`, block by block.
    pub fn natural(
        &mut self,
        (number, setting): (usize, Setting),
        keys: &NoiseKeys,
        (file, what): (NoiseFile, NaturalColumn),
    ) -> Vec<Key> {
        let layer = match what {
            NaturalColumn::Transfer { .. } => "natural-transfer",
            NaturalColumn::Weights { .. } => "natural-weights",
        };
        self.each_block((layer, number), setting.layout.blocks(), |block| {
            (DeconvOp::NaturalBlock(NaturalBlock { setting, block, file, what }), keys.of(block))
        })
    }

    /// The spectrum of the dirty image with natural weights.
    pub(super) fn matched(
        &mut self,
        (plane, setting): (usize, Setting),
        columns: &[Key],
        (psf, natural): (&[Key], &[Key]),
    ) -> Vec<Key> {
        self.each_block(("match", plane), setting.layout.blocks(), |block| {
            let inputs = vec![columns[block].clone(), psf[block].clone(), natural[block].clone()];
            (DeconvOp::MatchData(MatchData { setting, block }), inputs)
        })
    }
}
