//! What the sky is held against: the sum of atoms that it is, or the bands that it is seen in.

use rustfft::num_complex::Complex32;
use serde::{Deserialize, Serialize};

use super::atoms::{Atoms, beam_column};
use super::bands::Bands;
use super::mixed::Mixed;
use super::shrink::Penalty;
use crate::fft::Layout;
use crate::images::BeamShape;

/// `κ` of the map of a mixed sky over that of its points. Its flux must cost something, or the zero spacing is free (ALGORITHMS 7.3). Circular
/// benchmark (mixed and extended sky, Briggs) and points-meerkat (model, times the noise) with 0.125, 0.25, 0.5: 30.1, 32.5, 31.9 dB; 29.1,
/// 31.6, 31.0 dB; 1.13, 0.68, 0.51.
const MAP_STRICTNESS: f64 = 0.25;

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
    /// The sky is the sum of points, not negative, and of a smooth map.
    Mixed {
        /// What the map's squared Laplacian is multiplied by.
        stiffness: f64,
        /// Whether the map may not be negative either.
        positive: bool,
    },
}

impl Dictionary {
    /// Number of parts.
    pub fn count(&self) -> usize {
        match self {
            Self::Atoms { widths, .. } => widths.len(),
            Self::Differences { .. } => 3,
            Self::Starlet(bands) => 1 + bands,
            Self::Mixed { .. } => 2,
        }
    }

    /// Whether the first part is the pixels themselves.
    pub fn has_points(&self) -> bool {
        !matches!(self, Self::Atoms { widths, .. } if widths.first().is_none_or(|width| *width > 0.0))
    }

    /// How many parts, from the first on, the sky is the sum of.
    pub fn of_sky(&self) -> usize {
        match self {
            Self::Atoms { widths, .. } => widths.len(),
            Self::Differences { .. } | Self::Starlet(_) => 1,
            Self::Mixed { .. } => 2,
        }
    }

    /// How many parts, from the first on, have thresholds that brightness lowers: those that are meant to be sparse.
    pub fn of_weights(&self) -> usize {
        if let Self::Differences { .. } = self { 1 } else { self.count() }
    }

    /// What `κ` is multiplied by for a part.
    pub fn strictness(&self, part: usize) -> f64 {
        if matches!(self, Self::Mixed { .. }) && part == 1 { MAP_STRICTNESS } else { 1.0 }
    }

    /// What is asked of a part's coefficients.
    pub fn penalty(&self, part: usize) -> Penalty {
        match self {
            Self::Mixed { positive: false, .. } if part == 1 => Penalty::Sparse,
            Self::Atoms { positive: true, .. } | Self::Mixed { .. } => Penalty::Positive,
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
    /// 12.1, and thrice as long with 0.1 under natural weights. With 0.05 the map of a mixed sky swings there.
    pub fn share(&self, is_circular: bool) -> f64 {
        match self {
            Self::Atoms { .. } => 0.05,
            Self::Mixed { .. } => 0.1,
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
    /// Points and a smooth map, which add up to the sky.
    Mixed(Mixed),
}

impl Frame {
    /// The dictionary on these modes.
    pub fn new(dictionary: &Dictionary, layout: &Layout) -> Self {
        match dictionary {
            Dictionary::Atoms { widths, .. } => Self::Synthesis(Atoms::new(widths, layout)),
            Dictionary::Differences { .. } => Self::Analysis(Bands::differences(layout)),
            Dictionary::Starlet(bands) => Self::Analysis(Bands::starlet(*bands, layout)),
            Dictionary::Mixed { stiffness, .. } => Self::Mixed(Mixed::new(*stiffness, layout)),
        }
    }

    /// Replaces column `kx` of the spectra of the parts' `y` by those of their step, given `H₊`, the spectrum `D`, and `ρ`.
    pub fn correct(&self, kx: usize, y: &mut [&mut [Complex32]], known: (&[f32], &[Complex32]), rho: f64) {
        match self {
            Self::Synthesis(atoms) => atoms.correct(kx, y, known, rho),
            Self::Analysis(bands) => bands.correct(kx, y, known, rho),
            Self::Mixed(mixed) => mixed.correct(kx, y, known, rho),
        }
    }

    /// Puts the sky in the place of the first of the spectra of the parts that it is the sum of; they may begin after the first.
    pub fn model(&self, kx: usize, z: &mut [&mut [Complex32]]) {
        match self {
            Self::Synthesis(atoms) => atoms.model(kx, z),
            Self::Analysis(_) => {}
            Self::Mixed(_) => {
                if let [points, map] = z {
                    points.iter_mut().zip(&**map).for_each(|(sum, map)| *sum += map);
                }
            }
        }
    }

    /// Replaces column `kx` of the spectrum of the likelihood's gradient by `D`, `model` being that of the model: `R + H₊ X`.
    pub fn data(gradient: &mut [Complex32], (h, model): (&[f32], &[Complex32])) {
        gradient.iter_mut().zip(h).zip(model).for_each(|((r, h), x)| *r += x * h);
    }

    /// Turns copies of an image's spectrum in column `kx` into what each part sees of it.
    pub fn see(&self, kx: usize, spectra: &mut [&mut [Complex32]]) {
        match self {
            Self::Synthesis(atoms) => atoms.spread(kx, spectra, None),
            Self::Analysis(bands) => bands.see(kx, spectra),
            Self::Mixed(_) => {}
        }
    }

    /// Turns the first parts' spectra in column `kx` \[Jy\] into what they contribute at a beam of peak 1 \[Jy/beam\].
    pub fn at_beam(&self, kx: usize, spectra: &mut [&mut [Complex32]], beam: BeamShape) {
        match self {
            Self::Synthesis(atoms) => atoms.spread(kx, spectra, Some(beam)),
            Self::Analysis(bands) => pixels_at_beam(kx, spectra, (beam, bands.size())),
            Self::Mixed(mixed) => pixels_at_beam(kx, spectra, (beam, mixed.size())),
        }
    }
}

/// Turns spectra of pixels in column `kx` of a transform of this shape into those of the image that a beam makes of them.
fn pixels_at_beam(kx: usize, spectra: &mut [&mut [Complex32]], (beam, size): (BeamShape, (usize, usize))) {
    let seen = beam_column(beam, kx, size);
    spectra.iter_mut().for_each(|part| part.iter_mut().zip(&seen).for_each(|(value, beam)| *value *= *beam));
}
