//! What the sky is held against: the sum of atoms that it is, or the bands that it is seen in.

use rustfft::num_complex::Complex32;
use serde::{Deserialize, Serialize};

use super::atoms::{Atoms, beam_column};
use super::bands::Bands;
use super::shrink::Penalty;
use crate::fft::Layout;
use crate::images::BeamShape;

/// The coefficients whose penalties are summed. Each kind of them has an image of its own, its part; the first are pixels wherever
/// pixels are among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Dictionary {
    /// The sky is a sum of Gaussians (synthesis).
    Atoms {
        /// Full widths at half maximum \[pixels\], 0 for points.
        widths: Vec<f64>,
        /// Whether none may be negative.
        positive: bool,
    },
    /// The pixels, not negative, and their differences along x and along y (analysis).
    Differences {
        /// Whether both differences of a pixel count as one vector (total variation), or each by itself (Huber).
        together: bool,
    },
    /// The pixels, not negative, and so many bands of the starlet transform of them (analysis).
    Starlet(usize),
}

impl Dictionary {
    /// Number of parts.
    pub fn count(&self) -> usize {
        match self {
            Self::Atoms { widths, .. } => widths.len(),
            Self::Differences { .. } => 3,
            Self::Starlet(bands) => 1 + bands,
        }
    }

    /// Whether the first part is the pixels themselves.
    pub fn has_points(&self) -> bool {
        !matches!(self, Self::Atoms { widths, .. } if widths.first().is_none_or(|width| *width > 0.0))
    }

    /// How many parts, from the first on, the sky is the sum of.
    pub fn of_sky(&self) -> usize {
        if let Self::Atoms { widths, .. } = self { widths.len() } else { 1 }
    }

    /// How many parts, from the first on, have thresholds that brightness lowers: those that are meant to be sparse.
    pub fn of_weights(&self) -> usize {
        if let Self::Differences { .. } = self { 1 } else { self.count() }
    }

    /// What is asked of a part's coefficients.
    pub fn penalty(&self, part: usize) -> Penalty {
        match self {
            Self::Atoms { positive: true, .. } => Penalty::Positive,
            Self::Differences { .. } | Self::Starlet(_) if part == 0 => Penalty::Positive,
            Self::Differences { together: false } => Penalty::Huber,
            Self::Differences { together: true } => Penalty::Together,
            Self::Atoms { positive: false, .. } | Self::Starlet(_) => Penalty::Sparse,
        }
    }

    /// The part whose coefficients count together with those of this one.
    pub fn partner(&self, part: usize) -> Option<usize> {
        (self.penalty(part) == Penalty::Together).then_some(3 - part)
    }

    /// `ρ` over `max|H|` at the begin. Atoms on offgrid-vla, whose PSF is cut: 0.02 runs away once weights are made, and 0.1 has after 200
    /// iterations the residual that 0.05 has after 80. Bands with a circular boundary take as long with 0.003 as with 0.03 on the benchmark of ALGORITHMS
    /// 12.1, and thrice as long with 0.1 under natural weights.
    pub fn share(&self, is_circular: bool) -> f64 {
        match self {
            Self::Atoms { .. } => 0.05,
            _ if is_circular => 0.01,
            _ => 0.1,
        }
    }
}

/// A dictionary on the modes of a layout.
#[derive(Debug, Clone)]
pub enum Frame {
    /// Parts that add up to the sky.
    Synthesis(Atoms),
    /// Parts that the sky is seen in.
    Analysis(Bands),
}

impl Frame {
    /// The dictionary on these modes.
    pub fn new(dictionary: &Dictionary, layout: &Layout) -> Self {
        match dictionary {
            Dictionary::Atoms { widths, .. } => Self::Synthesis(Atoms::new(widths, layout)),
            Dictionary::Differences { .. } => Self::Analysis(Bands::differences(layout)),
            Dictionary::Starlet(bands) => Self::Analysis(Bands::starlet(*bands, layout)),
        }
    }

    /// Replaces column `kx` of the spectra of the parts' `y` by those of their step, given the PSF's transfer function, the
    /// spectrum `D`, and `ρ` with whether modes of negative transfer are left alone.
    pub fn correct(
        &self,
        kx: usize,
        y: &mut [&mut [Complex32]],
        known: (&[Complex32], &[Complex32]),
        how: (f64, bool),
    ) {
        match self {
            Self::Synthesis(atoms) => atoms.correct(kx, y, known, how),
            Self::Analysis(bands) => bands.correct(kx, y, known, how),
        }
    }

    /// Puts the sky in the place of the first of the spectra of the parts that it is the sum of; they may begin after the first.
    pub fn model(&self, kx: usize, z: &mut [&mut [Complex32]]) {
        if let Self::Synthesis(atoms) = self {
            atoms.model(kx, z);
        }
    }

    /// Replaces column `kx` of the residual's spectrum by `D`, `model` being that of the model: `R + H₊ X`.
    pub fn data(residual: &mut [Complex32], (h, model): (&[Complex32], &[Complex32])) {
        residual.iter_mut().zip(h).zip(model).for_each(|((r, h), x)| *r += x * h.re.max(0.0));
    }

    /// Turns copies of an image's spectrum in column `kx` into what each part sees of it.
    pub fn see(&self, kx: usize, spectra: &mut [&mut [Complex32]]) {
        match self {
            Self::Synthesis(atoms) => atoms.spread(kx, spectra, None),
            Self::Analysis(bands) => bands.see(kx, spectra),
        }
    }

    /// Turns the first parts' spectra in column `kx` \[Jy\] into what they contribute at a beam of peak 1 \[Jy/beam\].
    pub fn at_beam(&self, kx: usize, spectra: &mut [&mut [Complex32]], beam: BeamShape) {
        match self {
            Self::Synthesis(atoms) => atoms.spread(kx, spectra, Some(beam)),
            Self::Analysis(bands) => {
                let seen = beam_column(beam, kx, bands.size());
                spectra
                    .iter_mut()
                    .for_each(|part| part.iter_mut().zip(&seen).for_each(|(value, beam)| *value *= *beam));
            }
        }
    }
}
