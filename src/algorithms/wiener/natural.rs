//! Noise whose spectrum is given: the equivalent problem of the noise of a PSF.
//!
//! A dirty image that was weighted otherwise than naturally has noise that is not shaped like its PSF. With `W` the weight of a cell
//! of the uv plane and `C` its natural weight `H ∝ W` and `S ∝ W²/C` (ALGORITHMS 6.2), so that a PSF with natural weights, `H_nat ∝ C`,
//! tells the noise: `S = |H|²/H_nat`. Of any `S`, `G = |H|²/S` is the transfer function of the PSF that natural weights would have
//! given, and `Y' = Y G/H` the spectrum of that dirty image. In every formula of the circular problem the data count through
//! `|H|²/S = G`, `|Y|²/S = |Y'|²/G` and `conj(H) Y/S = Y'` alone, so
//! ```text
//! conj(H) Y / (|H|² + λ S Q)  =  Y' / (G + λ Q)
//! ```
//! and usable modes, table, rules for λ, its posterior, filter, effective resolution and posterior variance are those of
//! [`NoiseModel::Psf`](super::NoiseModel::Psf) with `G` and `Y'`.
//!
//! With the linear boundary the image is a cut of the noise, whose spectrum is that of its autocorrelation times the overlap of the
//! image with itself: `S = |H'|²/H'_nat` with both PSFs so multiplied (which is nowhere negative between the cells of the uv plane,
//! where that of a PSF that is cut off is), and `BᵀWB` has the weights `K = 1/S` ([`Equation::Natural`](super::Equation)).
//!
//! `S` is known but for a factor. It is the one that makes the means of `S` and of `G` over all modes equal (a PSF with natural weights tells
//! of no noise where the PSF measures nothing, a spectrum may): image noise `σ` then is
//! `γn = mean(G)/σ²`, as where `G` is the PSF, and `H_nat = H` gives the problem of the PSF's noise itself.

use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use super::Filter;
use super::draw::{Draw, Part};
use super::model::widen;

/// A mode whose transfer function is below this share of the largest is taken for a gap between cells of the uv plane.
const CELL: f64 = 0.01;

/// What a file tells of the noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoiseFile {
    /// The PSF with natural weights: `H_nat`.
    NaturalPsf,
    /// The power spectrum: `S`.
    Spectrum,
}

/// Which modes carry a datum, and what it weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Natural {
    /// What the file tells.
    pub file: NoiseFile,
    /// Least usable `|H|`.
    pub floor: f64,
    /// Largest `Re H` on the image, and the least usable.
    pub seen: (f64, f64),
    /// Least usable `H_nat` on the image.
    pub natural_floor: f64,
}

/// A mode as both files tell of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NaturalMode {
    /// The PSF measures nothing there; what noise is there nevertheless, by its spectrum.
    Unseen(f64),
    /// The PSF measures it, and the file tells no noise.
    Untold,
    /// `G`, `S`, and whether it is beside the cells of the uv plane: what is there comes from the edges of the image.
    Told(f64, f64, bool),
}

/// Spectra of a mode, or of a column.
#[derive(Debug, Clone, Copy)]
pub struct NoiseSpectra<T> {
    /// Of the PSF.
    pub h: T,
    /// Of the noise, or `H_nat` on the image.
    pub noise: T,
    /// Of the PSF, on the image.
    pub seen: T,
}

impl Natural {
    /// What is known of a mode.
    pub fn mode(&self, NoiseSpectra { h, noise, seen }: NoiseSpectra<Complex<f32>>) -> NaturalMode {
        let (power, told, seen) = (widen(h).norm_sqr(), f64::from(noise.re), widen(seen));
        let is_unseen = power <= self.floor * self.floor;
        match self.file {
            NoiseFile::Spectrum if is_unseen => NaturalMode::Unseen(if told.is_finite() { told.max(0.0) } else { 0.0 }),
            NoiseFile::NaturalPsf if is_unseen || seen.re <= self.seen.1 => NaturalMode::Unseen(0.0),
            NoiseFile::NaturalPsf if told > self.natural_floor => {
                let spectrum = seen.norm_sqr() / told;
                NaturalMode::Told(power / spectrum, spectrum, seen.re < CELL * self.seen.0)
            }
            NoiseFile::Spectrum if told > 0.0 && told.is_finite() => NaturalMode::Told(power / told, told, false),
            _ => NaturalMode::Untold,
        }
    }

    /// Sums over a column, each of whose modes stands for `weight`.
    pub fn sums(&self, weight: u64, columns: NoiseSpectra<&[Complex<f32>]>) -> NaturalSums {
        let mut sums = NaturalSums::default();
        for mode in columns.modes() {
            match self.mode(mode) {
                NaturalMode::Unseen(spectrum) => sums.spectrum += spectrum,
                NaturalMode::Untold => sums.untold += 1.0,
                NaturalMode::Told(natural, spectrum, is_beside) => {
                    sums.told += 1.0;
                    sums.natural += natural;
                    sums.spectrum += spectrum;
                    if !is_beside {
                        sums.cells += 1.0;
                        sums.inverse += 1.0 / spectrum;
                    }
                }
            }
        }
        sums.times(weight as f64)
    }

    /// Fills a column with `G/scale`, or with the weights `K` of the linear boundary: `scale/S`, and `rest` in modes without a datum.
    pub fn column(&self, what: NaturalColumn, from: NoiseSpectra<&[Complex<f32>]>, to: &mut [Complex<f32>]) {
        for (to, mode) in to.iter_mut().zip(from.modes()) {
            let value = match (what, self.mode(mode)) {
                (NaturalColumn::Transfer { scale }, NaturalMode::Told(natural, ..)) => natural / scale,
                (NaturalColumn::Transfer { .. }, _) => 0.0,
                (NaturalColumn::Weights { scale, .. }, NaturalMode::Told(_, spectrum, false)) => {
                    1.0 / (scale * spectrum)
                }
                (NaturalColumn::Weights { rest, .. }, _) => rest,
            };
            *to = Complex::new(value as f32, 0.0);
        }
    }
}

impl<'a> NoiseSpectra<&'a [Complex<f32>]> {
    /// One mode after the other.
    fn modes(self) -> impl Iterator<Item = NoiseSpectra<Complex<f32>>> + 'a {
        let pairs = self.h.iter().zip(self.noise).zip(self.seen);
        pairs.map(|((h, noise), seen)| NoiseSpectra { h: *h, noise: *noise, seen: *seen })
    }
}

/// What is made of both files.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum NaturalColumn {
    /// `G`.
    Transfer {
        /// Factor of `S`.
        scale: f64,
    },
    /// `K`, the weights of the linear boundary. A mode without a datum weighs as others do in the mean: what the edges of the image
    /// bring there belongs to its neighbours. (On a sparse coverage with uniform, Briggs and natural weights and noise of 0.02 to
    /// 0.6 the estimate came within 0.5 dB of the best of six choices; 0 lost up to 0.7 dB, ten times the largest weight 5 dB.)
    Weights {
        /// Factor of `S`.
        scale: f64,
        /// What a mode without a datum weighs.
        rest: f64,
    },
}

/// Sums over modes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct NaturalSums {
    /// Modes that the PSF measures and the file tells of.
    pub told: f64,
    /// Modes that the PSF measures and the file does not tell of.
    pub untold: f64,
    /// `Σ G`.
    pub natural: f64,
    /// `Σ S`, over modes that the PSF does not measure too.
    pub spectrum: f64,
    /// Modes of these that are no gaps between cells of the uv plane.
    pub cells: f64,
    /// `Σ 1/S` over these.
    pub inverse: f64,
}

impl NaturalSums {
    /// Its numbers.
    pub const LEN: usize = 6;

    fn times(self, weight: f64) -> Self {
        Self::from(self.numbers().map(|number| weight * number))
    }

    /// The numbers one after the other.
    pub fn numbers(self) -> [f64; Self::LEN] {
        [self.told, self.untold, self.natural, self.spectrum, self.cells, self.inverse]
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        let (mine, theirs) = (self.numbers(), other.numbers());
        Self::from(std::array::from_fn(|which| mine[which] + theirs[which]))
    }

    /// The factor of `S` that makes the means of `S` and `G` equal.
    pub fn scale(&self) -> f64 {
        (self.natural / self.spectrum).sqrt()
    }

    /// What the weights of the linear boundary are in the mean, once `S` has its factor.
    pub fn mean_weight(&self) -> f64 {
        self.inverse / (self.cells * self.scale())
    }
}

impl From<[f64; NaturalSums::LEN]> for NaturalSums {
    fn from([told, untold, natural, spectrum, cells, inverse]: [f64; Self::LEN]) -> Self {
        Self { told, untold, natural, spectrum, cells, inverse }
    }
}

/// The spectrum of the dirty image with natural weights: `Y G/H` where `G > 0`, else 0.
pub fn match_column(y: &mut [Complex<f32>], h: &[Complex<f32>], g: &[Complex<f32>]) {
    for ((y, h), g) in y.iter_mut().zip(h).zip(g) {
        *y = if g.re > 0.0 { *y * h.conj() * (g.re / h.norm_sqr()) } else { Complex::default() };
    }
}

impl Filter {
    /// Fills column `kx` with the plain spectrum of a perturbation of the data of covariance `F⁻¹KF/γn`, `weights` being the
    /// column of `K`; see [`draw_data_column`](Self::draw_data_column).
    pub fn draw_weighted_column(
        &self,
        kx: usize,
        column: &mut [Complex<f32>],
        (weights, gamma_n): (&[Complex<f32>], f64),
        draw: Draw,
    ) {
        self.draw_scaled(kx, column, (draw, Part::Data), |ky| f64::from(weights[ky].re) / gamma_n);
    }
}

/// The spectrum that an image of shape `(my, mx)` tells at a frequency `(fy, fx)` \[cycles/pixel\]: zero frequency at pixel
/// `(my/2, mx/2)`, a step of `1/my` and `1/mx` from pixel to pixel, linear in between, and the mean of `f` and `-f`.
pub fn spectrum_at((my, mx): (usize, usize), (fy, fx): (f64, f64), value: impl Fn(usize, usize) -> f32) -> f32 {
    let place = |f: f64, m: usize| {
        let at = f * m as f64;
        let low = at.floor();
        let index = |k: f64| (k as isize + (m / 2) as isize).rem_euclid(m as isize) as usize;
        (index(low), index(low + 1.0), at - low)
    };
    let at = |sign: f64| {
        let ((y0, y1, dy), (x0, x1, dx)) = (place(sign * fy, my), place(sign * fx, mx));
        let share = |y: usize, x: usize, weight: f64| if weight > 0.0 { weight * f64::from(value(y, x)) } else { 0.0 };
        share(y0, x0, (1.0 - dy) * (1.0 - dx))
            + share(y0, x1, (1.0 - dy) * dx)
            + share(y1, x0, dy * (1.0 - dx))
            + share(y1, x1, dy * dx)
    };
    (0.5 * (at(1.0) + at(-1.0))) as f32
}
