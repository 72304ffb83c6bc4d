//! What will be simulated, checked and complete before the first pixel is computed.

use ndarray::Array2;
use serde::Serialize;

use super::array::Array;
use super::beam::MainLobe;
use super::error::SimulateError;
use super::observation::{Observation, wavenumber};
use super::observe::Instrument;
use super::sky::{NOISE_STREAM, Sky, SkyRecipe, generator};
use super::uvplane::{CellWeight, Grid, UvPlane, Weighting};
use super::wide::WideField;
use crate::fft::good_size;

/// Size of the PSF that is written, against that of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum PsfSize {
    /// The image's own size, as imagers write it.
    Same,
    /// Twice that: reaches every lag in the image.
    Double,
    /// The image's own size, and the sky repeats beyond its edges: one period of a convolution that wraps around.
    Period,
}

/// A field with the w term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Wide {
    /// How many directions along x and y get a PSF of their own.
    pub psf_grid: Option<(usize, usize)>,
}

/// Everything that decides a simulation but the array and a given image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Recipe {
    /// Pixels along a side of the image.
    pub size: usize,
    /// Pixel \[arcsec\]; `None`: a quarter of the beam's minor axis, to two digits.
    pub cell_arcsec: Option<f64>,
    /// Size of the PSF.
    pub psf_size: PsfSize,
    /// When and in which band.
    pub observation: Observation,
    /// Whether each channel becomes a plane of its own.
    pub is_cube: bool,
    /// Weights.
    pub weighting: Weighting,
    /// Noise of the dirty image, rms \[Jy/beam\].
    pub noise: f64,
    /// The sources.
    pub sky: SkyRecipe,
    /// The w term, if visibilities keep it.
    pub wide: Option<Wide>,
}

/// Largest image along a side.
const LARGEST: usize = 16_384;
/// Pixels across the minor axis of the beam where the cell is ours to choose.
const PIXELS_PER_BEAM: f64 = 4.0;

/// Peak memory of a simulation of `size` by `size` pixels \[bytes\]: per cell of the padded plane 2 bytes of counts, 4
/// of spectrum and 4 of pixels, and twice the image.
pub fn forecast_bytes(size: usize) -> u64 {
    let side = good_size(2 * size) as u64;
    10 * side * side + 8 * (size * size) as u64
}

/// The most pixels along a side whose simulation keeps to `bytes` of memory.
fn largest_size(bytes: u64) -> usize {
    let mut size = (bytes as f64 / 48.0).sqrt() as usize;
    while size > 1 && forecast_bytes(size) > bytes {
        size -= 1;
    }
    size.min(LARGEST)
}

/// What the sum over visibilities adds, per pixel of the image: a PSF of double size in two precisions \[bytes\].
const WIDE_BYTES: u64 = 64;

/// A simulation ready to run: values checked, cell chosen.
pub struct Plan {
    recipe: Recipe,
    array: Array,
    cell_arcsec: f64,
    grid: Grid,
}

impl Plan {
    /// Checks `recipe`, and chooses the cell where it is left open.
    ///
    /// # Errors
    /// For the first value out of range; if `memory` \[bytes\] is less than the field needs; if the field never rises.
    pub fn new(recipe: Recipe, array: Array, memory: u64) -> Result<Self, SimulateError> {
        recipe.check()?;
        recipe.observation.hour_angles(&array)?;
        let needed = forecast_bytes(recipe.size)
            + if recipe.wide.is_some() { WIDE_BYTES * (recipe.size * recipe.size) as u64 } else { 0 };
        if needed > memory {
            return Err(SimulateError::Memory {
                size: recipe.size,
                needed_gb: needed as f64 / 1e9,
                available_gb: memory as f64 / 1e9,
                largest: largest_size(memory),
            });
        }
        let side = recipe.side();
        let cell_arcsec = match recipe.cell_arcsec {
            Some(arcsec) => arcsec,
            None => choose_cell(&recipe, &array, side)?,
        };
        let reach = radians(cell_arcsec) * recipe.size as f64 / std::f64::consts::SQRT_2;
        if recipe.wide.is_some() && reach >= 1.0 {
            return Err(SimulateError::Value {
                flag: "--w-term",
                found: format!("a field of {:.0} degrees", cell_arcsec * recipe.size as f64 / 3600.0),
                expected: "a field whose corners are on the sky: fewer or smaller pixels",
            });
        }
        Ok(Self { recipe, array, cell_arcsec, grid: Grid { side, pixel: radians(cell_arcsec) } })
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The array.
    pub fn array(&self) -> &Array {
        &self.array
    }

    /// The pixel \[arcsec\].
    pub fn cell_arcsec(&self) -> f64 {
        self.cell_arcsec
    }

    /// Pixels along a side of the PSF.
    pub fn psf_size(&self) -> usize {
        match self.recipe.psf_size {
            PsfSize::Same | PsfSize::Period => self.recipe.size,
            PsfSize::Double => 2 * self.recipe.size,
        }
    }

    /// The frequencies of each plane \[Hz\]: all channels together, or one by one in a cube.
    pub fn planes(&self) -> Vec<Vec<f64>> {
        let channels = self.recipe.observation.frequencies();
        if self.recipe.is_cube { channels.into_iter().map(|hz| vec![hz]).collect() } else { vec![channels] }
    }

    /// Draws the sky, on top of `image` \[Jy/pixel\] of the field's shape if there is one.
    pub fn sky(&self, image: Option<Array2<f32>>) -> Sky {
        Sky::draw(&self.recipe.sky, self.recipe.size, image)
    }

    /// Observes the plane of `frequencies_hz`.
    ///
    /// # Errors
    /// If no visibility falls on the uv plane.
    pub fn instrument(&self, frequencies_hz: &[f64]) -> Result<Instrument, SimulateError> {
        let plane = UvPlane::observe(&self.array, &self.recipe.observation, frequencies_hz, self.grid)?;
        Ok(Instrument::new(plane, self.recipe.weighting))
    }

    /// Observes the plane of `frequencies_hz` with the w term, if that is asked for.
    ///
    /// # Errors
    /// For more visibilities than a sum over each can take.
    pub fn wide_field(&self, instrument: &Instrument, hz: &[f64]) -> Result<Option<WideField>, SimulateError> {
        let observed = (&self.array, &self.recipe.observation);
        let wide = || WideField::new(observed, hz, instrument, self.recipe.size);
        self.recipe.wide.map(|_| wide()).transpose()
    }

    /// The generator of the noise of plane `index`.
    pub fn noise_generator(&self, index: usize) -> rand_chacha::ChaCha8Rng {
        generator(self.recipe.sky.seed, NOISE_STREAM + index as u64)
    }
}

impl Recipe {
    /// Cells along a side of the uv plane: of a field padded to twice its size, or of the field itself where it repeats.
    fn side(&self) -> usize {
        if self.psf_size == PsfSize::Period { self.size } else { good_size(2 * self.size) }
    }

    fn check(&self) -> Result<(), SimulateError> {
        let Self { size, cell_arcsec, psf_size, observation, is_cube, weighting, noise, sky, wide } = self;
        observation.check()?;
        sky.check()?;
        let robust = if let Weighting::Briggs(robust) = weighting { *robust } else { 0.0 };
        let cell = cell_arcsec.unwrap_or(1.0);
        let checks = [
            ((1..=LARGEST).contains(size), "--size", size.to_string(), "1 to 16384 pixels"),
            (
                *psf_size != PsfSize::Period || good_size(*size) == *size,
                "--psf-size",
                format!("a period of {size} pixels"),
                "with 'period', an even --size without prime factors above 7",
            ),
            (
                *psf_size != PsfSize::Period || wide.is_none(),
                "--psf-size",
                "period beside --w-term".to_owned(),
                "1x or 2x: with the w term no sky repeats",
            ),
            (cell > 0.0 && cell.is_finite(), "--cell", format!("{cell} arcsec"), "a cell above 0"),
            (robust.abs() <= 5.0, "--robust", robust.to_string(), "-5 to 5"),
            (
                wide.is_none() || (sky.gaussians == 0 && !is_cube),
                "--w-term",
                "beside --gaussians or --cube".to_owned(),
                "points in one plane",
            ),
            (
                wide.is_none_or(|wide| {
                    wide.psf_grid.is_none_or(|(across, up)| (1..=64).contains(&across.min(up)) && across.max(up) <= 64)
                }),
                "--psf-grid",
                wide.and_then(|wide| wide.psf_grid).map_or(String::new(), |(across, up)| format!("{across},{up}")),
                "1 to 64 directions along each axis",
            ),
            (*noise >= 0.0 && noise.is_finite(), "--noise", noise.to_string(), "an rms of 0 Jy/beam or more"),
        ];
        match checks.into_iter().find(|(is_good, ..)| !is_good) {
            Some((_, flag, found, expected)) => Err(SimulateError::Value { flag, found, expected }),
            None => Ok(()),
        }
    }
}

/// The pixel \[arcsec\] that puts about four across the beam, to two digits.
///
/// Beam and pixel depend on each other, since the weights are those of the uv cells of this field: each round
/// measures the beam on the last grid. Three rounds settle it to a few percent.
fn choose_cell(recipe: &Recipe, array: &Array, side: usize) -> Result<f64, SimulateError> {
    let frequencies = recipe.observation.frequencies();
    let hour_angles = recipe.observation.hour_angles(array)?;
    let mut longest: f64 = 0.0;
    recipe.observation.for_each_baseline(array, &hour_angles, |baseline| {
        longest = longest.max(baseline.u.abs()).max(baseline.v.abs());
    });
    let longest = longest * frequencies.iter().map(|hz| wavenumber(*hz)).fold(0.0, f64::max);
    let mut cell_arcsec = (0.25 / longest).to_degrees() * 3600.0;
    for _ in 0..3 {
        let grid = Grid { side, pixel: radians(cell_arcsec) };
        let plane = UvPlane::observe(array, &recipe.observation, &frequencies, grid)?;
        let weight = CellWeight::new(recipe.weighting, &plane);
        let across = MainLobe::measure(&plane, weight).map_or(side as f64, |lobe| lobe.minor);
        cell_arcsec = two_digits(cell_arcsec * across / PIXELS_PER_BEAM);
    }
    Ok(cell_arcsec)
}

fn radians(arcsec: f64) -> f64 {
    (arcsec / 3600.0).to_radians()
}

/// Rounds to two digits, through text, so that 1.5 is 1.5 and not 1.5000000000000002.
fn two_digits(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}
