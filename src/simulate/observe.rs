//! One plane observed: its PSF, and its dirty image with noise.

use ndarray::{Array2, ArrayView2, s};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rustfft::num_complex::Complex32;

use super::sky::Sky;
use super::uvplane::{CellWeight, UvPlane, Weighting};
use crate::fft::Real2d;

/// A square part of a plane, without a copy.
pub struct Window {
    pub(super) plane: Array2<f32>,
    first: usize,
    size: usize,
}

impl Window {
    /// A whole plane.
    pub(super) fn whole(plane: Array2<f32>) -> Self {
        Self { size: plane.nrows(), plane, first: 0 }
    }

    /// The pixels, shape `(size, size)` \[Jy/beam\].
    pub fn view(&self) -> ArrayView2<'_, f32> {
        let pixels = self.first..self.first + self.size;
        self.plane.slice(s![pixels.clone(), pixels])
    }
}

/// The instrument at work on one plane: which cells it samples, and how it weighs them.
pub struct Instrument {
    plane: UvPlane,
    weight: CellWeight,
    fft: Real2d<f32>,
}

impl Instrument {
    /// Weighs the cells of `plane`.
    pub fn new(plane: UvPlane, weighting: Weighting) -> Self {
        let side = plane.grid().side;
        Self { weight: CellWeight::new(weighting, &plane), fft: Real2d::new((side, side)), plane }
    }

    /// The uv plane.
    pub fn uv_plane(&self) -> &UvPlane {
        &self.plane
    }

    /// The weights of the cells.
    pub fn weight(&self) -> CellWeight {
        self.weight
    }

    /// What the spectrum of the sky is multiplied with, per unit of cell weight, for a PSF of peak 1.
    fn scale(&self) -> f64 {
        let side = self.plane.grid().side as f64;
        side * side / self.plane.sum(|count| self.weight.of_cell(count))
    }

    /// The PSF of shape `(size, size)`, peak exactly 1 at pixel `(size/2, size/2)`, of the inverse transform of the weights.
    pub fn psf(&self, size: usize) -> Window {
        let side = self.plane.grid().side;
        let scale = self.scale();
        let mut spectrum = Array2::from_elem((side, side / 2 + 1), Complex32::default());
        self.plane.for_each_cell(|row, kx, count| {
            // The sign moves the peak from pixel 0 to side/2, so that any window round it is in one piece.
            let sign = if (row + kx) % 2 == 0 { scale } else { -scale };
            spectrum[[row, kx]].re = (self.weight.of_cell(count) * sign) as f32;
        });
        let mut plane = self.fft.inverse(&mut spectrum);
        let peak = plane[[side / 2, side / 2]];
        plane.mapv_inplace(|value| value / peak);
        Window { plane, first: side / 2 - size / 2, size }
    }

    /// The dirty image of `sky` of shape `(size, size)`: the sky convolved with the PSF, every sidelobe included,
    /// and visibility noise of `noise` \[Jy/beam\] rms in the image.
    pub fn dirty(&self, sky: &Sky, size: usize, noise: f64, random: &mut ChaCha8Rng) -> Window {
        let side = self.plane.grid().side;
        let padded = sky.padded(side, self.plane.band());
        let mut sky_spectrum = self.fft.forward(&padded);
        drop(padded);
        self.sample(&mut sky_spectrum);
        if noise > 0.0 {
            self.add_noise(&mut sky_spectrum, noise, random);
        }
        Window { plane: self.fft.inverse(&mut sky_spectrum), first: 0, size }
    }

    /// Turns the spectrum of the sky into weighted visibilities: sampled cells times their weight, zeros elsewhere.
    fn sample(&self, spectrum: &mut Array2<Complex32>) {
        let (scale, columns) = (self.scale(), spectrum.ncols());
        let cells = spectrum.as_slice_mut().expect("a spectrum is in row order");
        let mut next = 0;
        self.plane.for_each_cell(|row, kx, count| {
            let at = row * columns + kx;
            cells[next..at].fill(Complex32::default());
            cells[at] *= (self.weight.of_cell(count) * scale) as f32;
            next = at + 1;
        });
        cells[next..].fill(Complex32::default());
    }

    /// Adds the noise of the visibilities to a spectrum: variance `W^2 / C` in a cell of count `C` and weight `W`
    /// (ALGORITHMS 6.2), scaled so that the image's expected rms is `rms`.
    ///
    /// Cells are drawn one by one in row order, since empty ones need no draw. The half plane then is Hermitian by
    /// construction: of column 0 the rows of negative `ky` repeat the others, and neither the origin nor a Nyquist
    /// frequency is ever sampled (ALGORITHMS 0.6 warns of drawing those as complex numbers).
    fn add_noise(&self, spectrum: &mut Array2<Complex32>, rms: f64, random: &mut ChaCha8Rng) {
        let side = self.plane.grid().side;
        let deviation = |count: f64| self.weight.of_cell(count) / count.sqrt();
        let power = self.plane.sum(|count| deviation(count).powi(2));
        // Half of the variance in the real and half in the imaginary part.
        let scale = rms * (side * side) as f64 * (0.5 / power).sqrt();
        self.plane.for_each_cell(|row, kx, count| {
            if kx == 0 && 2 * row > side {
                return;
            }
            let mut draw = || {
                let value: f64 = StandardNormal.sample(random);
                (scale * deviation(count) * value) as f32
            };
            let value = Complex32::new(draw(), draw());
            spectrum[[row, kx]] += value;
            if kx == 0 {
                spectrum[[side - row, 0]] += value.conj();
            }
        });
    }
}
