//! A wide field as it looks when nothing is done about the w term: an exact sum over visibilities.
//!
//! A baseline `(u, v, w)` in wavelengths measures of points of flux `S_s` at direction cosines `(l_s, m_s, n_s)`
//! ```text
//! V = sum_s S_s exp(-2 pi i (u l_s + v m_s + w (n_s - 1)))
//! ```
//! and an imager without w correction makes `sum W Re V exp(2 pi i (u l + v m)) / sum W` of it. A point then looks like
//! ```text
//! h_s(dl, dm) = sum W cos(2 pi (u dl + v dm - w (n_s - 1))) / sum W
//! ```
//! round its place: each direction has a PSF of its own, lower and wider the farther it is from the middle.
//!
//! # Source
//! Thompson, Moran & Swenson (2017), section 3.1 and 11.7; Cornwell, Golap & Bhatnagar (2008), IEEE J. Sel. Topics Signal
//! Process. 2, 647.

use std::f64::consts::TAU;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, s};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rustfft::num_complex::Complex64;

use super::array::Array;
use super::error::SimulateError;
use super::observation::{Observation, wavenumber};
use super::observe::{Instrument, Window};
use super::sky::{PointSource, Sky};

/// Most visibilities of a direct sum: at 512 x 512 pixels such a sum takes some ten seconds.
const MOST: usize = 200_000;
/// Visibilities that are summed at once.
const CHUNK: usize = 512;

/// A visibility: spatial frequencies along x and y \[cycles/pixel\], w \[wavelengths\], and its share of all weights.
#[derive(Debug, Clone, Copy)]
struct Sample {
    x: f64,
    y: f64,
    w: f64,
    weight: f64,
}

/// An instrument whose visibilities keep their w.
pub struct WideField {
    samples: Vec<Sample>,
    /// Size of a pixel \[rad\].
    pixel: f64,
    /// The middle of the field \[pixels\].
    middle: f64,
}

impl WideField {
    /// Takes the visibilities of an observation, with the weights that `instrument` gives the cells they fall into.
    ///
    /// # Errors
    /// [`SimulateError::Value`] for more visibilities than a direct sum can take.
    pub fn new(
        (array, observation): (&Array, &Observation),
        frequencies_hz: &[f64],
        instrument: &Instrument,
        size: usize,
    ) -> Result<Self, SimulateError> {
        let plane = instrument.uv_plane();
        let (side, pixel) = (plane.grid().side as f64, plane.grid().pixel);
        let hour_angles = observation.hour_angles(array)?;
        let (mut samples, mut all) = (Vec::new(), 0_u64);
        observation.for_each_baseline(array, &hour_angles, |baseline| {
            for per_metre in frequencies_hz.iter().map(|hz| wavenumber(*hz)) {
                let (x, y) = (-baseline.u * per_metre * pixel, baseline.v * per_metre * pixel);
                let count = plane.count(x * side, y * side);
                all += u64::from(count > 0.0);
                if count > 0.0 && samples.len() <= MOST {
                    let weight = instrument.weight().of_cell(count) / count;
                    samples.push(Sample { x, y, w: baseline.w * per_metre, weight });
                }
            }
        });
        if samples.len() > MOST {
            return Err(SimulateError::Value {
                flag: "--integrations",
                found: format!("(with the channels: {all} visibilities)"),
                expected: "at most 200000 visibilities with --w-term, which sums over each of them",
            });
        }
        let total: f64 = samples.iter().map(|sample| sample.weight).sum();
        samples.iter_mut().for_each(|sample| sample.weight /= total);
        Ok(Self { samples, pixel, middle: (size / 2) as f64 })
    }

    /// `n - 1` at a pixel of the field, written so that it loses no digits near the middle.
    fn depth(&self, x: f64, y: f64) -> f64 {
        let square = ((x - self.middle).powi(2) + (y - self.middle).powi(2)) * self.pixel * self.pixel;
        -square / (1.0 + (1.0 - square).max(0.0).sqrt())
    }

    /// The PSF of the direction of pixel `(x, y)`, shape `(size, size)`, that direction in its middle pixel; where nothing is
    /// lost, its peak is 1.
    pub fn psf(&self, (x, y): (f64, f64), size: usize) -> Window {
        let depth = self.depth(x, y);
        let phases = self.samples.iter().map(|sample| Complex64::cis(-TAU * sample.w * depth));
        Window::whole(self.image(&phases.collect::<Vec<_>>(), size))
    }

    /// The dirty image of the points of `sky`, shape `(size, size)`, with visibility noise of `noise` \[Jy/beam\] rms in the
    /// image.
    pub fn dirty(&self, sky: &Sky, size: usize, noise: f64, random: &mut ChaCha8Rng) -> Window {
        let mut visibilities = vec![Complex64::default(); self.samples.len()];
        for PointSource { x, y, flux } in &sky.points {
            let depth = self.depth(*x, *y);
            for (sum, sample) in visibilities.iter_mut().zip(&self.samples) {
                let turns = sample.x * (x - self.middle) + sample.y * (y - self.middle) + sample.w * depth;
                *sum += flux * Complex64::cis(-TAU * turns);
            }
        }
        let power: f64 = self.samples.iter().map(|sample| sample.weight * sample.weight).sum();
        let scale = noise / power.sqrt();
        if noise > 0.0 {
            let mut draw = || {
                let value: f64 = StandardNormal.sample(random);
                scale * value
            };
            visibilities.iter_mut().for_each(|sum| *sum += Complex64::new(draw(), draw()));
        }
        Window::whole(self.image(&visibilities, size))
    }

    /// `sum W Re V exp(2 pi i (x dx + y dy))` round the middle of `size` by `size` pixels.
    ///
    /// A sum over visibilities of products of a factor along y and one along x is a product of matrices; single precision
    /// within a chunk, double from chunk to chunk.
    fn image(&self, visibilities: &[Complex64], size: usize) -> Array2<f32> {
        let lag = |at: usize| at as f64 - (size / 2) as f64;
        let mut sum = Array2::<f64>::zeros((size, size));
        let mut part = Array2::<f32>::zeros((size, size));
        let (mut rows, mut columns) = (Array2::zeros((size, 2 * CHUNK)), Array2::zeros((2 * CHUNK, size)));
        for (samples, values) in self.samples.chunks(CHUNK).zip(visibilities.chunks(CHUNK)) {
            let count = samples.len();
            for (k, (sample, value)) in samples.iter().zip(values).enumerate() {
                for at in 0..size {
                    let along_y = Complex64::cis(TAU * sample.y * lag(at));
                    let along_x = sample.weight * value * Complex64::cis(TAU * sample.x * lag(at));
                    (rows[[at, k]], rows[[at, count + k]]) = (along_y.re as f32, -along_y.im as f32);
                    (columns[[k, at]], columns[[count + k, at]]) = (along_x.re as f32, along_x.im as f32);
                }
            }
            let (rows, columns) = (rows.slice(s![.., ..2 * count]), columns.slice(s![..2 * count, ..]));
            general_mat_mul(1.0, &rows, &columns, 0.0, &mut part);
            sum.zip_mut_with(&part, |sum, part| *sum += f64::from(*part));
        }
        sum.mapv(|value| value as f32)
    }
}

/// The pixels `(x, y)` of a grid of directions over a field, a row after the other: the middles of equal parts.
pub fn directions((across, up): (usize, usize), size: usize) -> Vec<(usize, usize)> {
    let middle = |index: usize, parts: usize| ((2 * index + 1) * size) / (2 * parts);
    (0..up).flat_map(|row| (0..across).map(move |column| (middle(column, across), middle(row, up)))).collect()
}

#[cfg(test)]
mod tests;
