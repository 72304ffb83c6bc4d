//! Skies: point sources, Gaussians, and a given image.

use ndarray::{Array2, ArrayViewMut2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::error::SimulateError;
use super::spread::Kernel;

/// Point sources lie inside this fraction of the field, Gaussians inside the next.
const POINT_FIELD: f64 = 0.9;
const GAUSSIAN_FIELD: f64 = 0.6;
/// Gaussians are drawn out to this many standard deviations, where they are 1.5e-8 of their peak.
const REACH: f64 = 6.0;
/// Full width at half maximum of a Gaussian of standard deviation 1: `sqrt(8 ln 2)`.
const FWHM: f64 = 2.354_820_045_030_949_3;

/// Where sources are drawn from. Streams of the generator keep the parts apart: adding Gaussians moves no point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SkyRecipe {
    /// Number of point sources.
    pub points: usize,
    /// Faintest and brightest flux \[Jy\]; the first source has the brightest.
    pub flux_jy: (f64, f64),
    /// Slope of the differential source counts, `dN/dS` proportional to `S^-slope`.
    pub slope: f64,
    /// Whether positions lie between pixels.
    pub is_off_grid: bool,
    /// Number of Gaussians.
    pub gaussians: usize,
    /// Their flux together \[Jy\].
    pub gaussian_flux_jy: f64,
    /// Smallest and largest full width at half maximum \[pixels\].
    pub gaussian_fwhm: (f64, f64),
    /// Seed of everything random.
    pub seed: u64,
}

/// A point source: position in zero-based pixels, flux in Jy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PointSource {
    /// Along FITS axis 1.
    pub x: f64,
    /// Along FITS axis 2.
    pub y: f64,
    /// Flux \[Jy\].
    pub flux: f64,
}

/// An elliptical Gaussian.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GaussianSource {
    /// Position and flux; the flux is what falls inside the field.
    pub at: PointSource,
    /// Full width at half maximum along the major axis \[pixels\].
    pub major: f64,
    /// Along the minor axis \[pixels\].
    pub minor: f64,
    /// Position angle of the major axis, from north through east \[rad\].
    pub angle: f64,
}

/// A sky of `size` by `size` pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Sky {
    size: usize,
    /// The point sources.
    pub points: Vec<PointSource>,
    /// The Gaussians.
    pub gaussians: Vec<GaussianSource>,
    image: Option<Array2<f32>>,
}

/// Streams of the generator. Noise takes [`NOISE_STREAM`] plus the number of its plane.
const POINT_STREAM: u64 = 1;
const GAUSSIAN_STREAM: u64 = 2;
pub(super) const NOISE_STREAM: u64 = 16;

/// The generator of `seed` on one of its independent streams.
pub(super) fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    generator
}

impl SkyRecipe {
    /// Checks every value against its range.
    ///
    /// # Errors
    /// [`SimulateError::Value`] for the first value out of range.
    pub fn check(&self) -> Result<(), SimulateError> {
        let Self { points: _, flux_jy: (low, high), slope, is_off_grid: _, gaussians: _, .. } = *self;
        let (narrow, wide) = self.gaussian_fwhm;
        let checks = [
            (low > 0.0 && low.is_finite(), "--flux-min", low, "a flux above 0 Jy"),
            (high >= low && high.is_finite(), "--flux-max", high, "a flux of at least --flux-min"),
            (slope.is_finite(), "--flux-slope", slope, "a number"),
            (self.gaussian_flux_jy.is_finite(), "--gaussian-flux", self.gaussian_flux_jy, "a flux in Jy"),
            (
                narrow >= 1.0 && narrow <= wide && wide.is_finite(),
                "--gaussian-fwhm",
                narrow,
                "SMALL:LARGE in pixels, both at least 1",
            ),
        ];
        match checks.into_iter().find(|(is_good, ..)| !is_good) {
            Some((_, flag, found, expected)) => Err(SimulateError::Value { flag, found: found.to_string(), expected }),
            None => Ok(()),
        }
    }

    fn draw_points(&self, size: f64) -> Vec<PointSource> {
        let mut random = generator(self.seed, POINT_STREAM);
        let place = |random: &mut ChaCha8Rng| {
            let position = size / 2.0 + POINT_FIELD * size * (random.random::<f64>() - 0.5);
            if self.is_off_grid { position } else { position.floor() }
        };
        (0..self.points)
            .map(|index| {
                let (x, y) = (place(&mut random), place(&mut random));
                let drawn = self.flux_of(random.random());
                PointSource { x, y, flux: if index == 0 { self.flux_jy.1 } else { drawn } }
            })
            .collect()
    }

    /// The flux below which a fraction `part` of the sources lie.
    fn flux_of(&self, part: f64) -> f64 {
        let (low, high) = self.flux_jy;
        let power = 1.0 - self.slope;
        if power.abs() < 1e-9 {
            return low * (high / low).powf(part);
        }
        let (from, to) = (low.powf(power), high.powf(power));
        (from + part * (to - from)).powf(1.0 / power)
    }

    fn draw_gaussians(&self, size: f64) -> Vec<GaussianSource> {
        let mut random = generator(self.seed, GAUSSIAN_STREAM);
        let (narrow, wide) = self.gaussian_fwhm;
        let mut sources: Vec<GaussianSource> = (0..self.gaussians)
            .map(|_| {
                let mut place = || size / 2.0 + GAUSSIAN_FIELD * size * (random.random::<f64>() - 0.5);
                let at = PointSource { x: place(), y: place(), flux: 0.5 + random.random::<f64>() };
                let major = narrow * (wide / narrow).powf(random.random());
                let minor = major * (0.4 + 0.6 * random.random::<f64>());
                GaussianSource { at, major, minor, angle: std::f64::consts::PI * random.random::<f64>() }
            })
            .collect();
        let total: f64 = sources.iter().map(|source| source.at.flux).sum();
        for source in &mut sources {
            source.at.flux *= self.gaussian_flux_jy / total;
        }
        sources
    }
}

impl Sky {
    /// Draws a sky of `size` by `size` pixels, on top of `image` \[Jy/pixel\] if there is one (see [`centred`]).
    pub fn draw(recipe: &SkyRecipe, size: usize, image: Option<Array2<f32>>) -> Self {
        let side = size as f64;
        Self { size, points: recipe.draw_points(side), gaussians: recipe.draw_gaussians(side), image }
    }

    /// Flux of everything \[Jy\].
    pub fn flux(&self) -> f64 {
        let image: f64 = self.image.iter().flatten().map(|pixel| f64::from(*pixel)).sum();
        let points: f64 = self.points.iter().map(|source| source.flux).sum();
        let gaussians: f64 = self.gaussians.iter().map(|source| source.at.flux).sum();
        image + points + gaussians
    }

    /// The sky as an image of shape `(size, size)` \[Jy/pixel\]; a source between pixels is put into the nearest one.
    pub fn truth(&self) -> Array2<f32> {
        let mut pixels = Array2::zeros((self.size, self.size));
        self.paint_extended(pixels.view_mut());
        for PointSource { x, y, flux } in &self.points {
            let last = self.size - 1;
            pixels[[(y.round() as usize).min(last), (x.round() as usize).min(last)]] += *flux as f32;
        }
        pixels
    }

    /// The sky as the interferometer sees it, in the first pixels of a plane of `side` by `side` \[Jy/pixel\]: sources
    /// between pixels are spread so that their spectrum is exact up to `band` \[cycles/pixel\].
    pub fn padded(&self, side: usize, band: f64) -> Array2<f32> {
        let mut plane = Array2::zeros((side, side));
        self.paint_extended(plane.slice_mut(ndarray::s![..self.size, ..self.size]));
        let kernel = Kernel::new(band);
        self.points.iter().for_each(|point| kernel.add(&mut plane, (point.y, point.x), point.flux));
        plane
    }

    fn paint_extended(&self, mut pixels: ArrayViewMut2<'_, f32>) {
        if let Some(image) = &self.image {
            pixels.assign(image);
        }
        self.gaussians.iter().for_each(|source| source.paint(pixels.view_mut()));
    }
}

impl GaussianSource {
    /// Adds the source to `pixels`, so that its flux is what it says.
    fn paint(&self, mut pixels: ArrayViewMut2<'_, f32>) {
        let (ny, nx) = pixels.dim();
        let reach = REACH * self.major / FWHM;
        let range = |centre: f64, n: usize| {
            let first = (centre - reach).ceil().max(0.0) as usize;
            first..((centre + reach).floor() as usize + 1).min(n)
        };
        // A position angle of 0 is +y; 90 degrees is east, which is -x.
        let (sin, cos) = self.angle.sin_cos();
        let PointSource { x: x0, y: y0, flux } = self.at;
        let value = |y: usize, x: usize| {
            let (dx, dy) = (x as f64 - x0, y as f64 - y0);
            let (along, across) = ((cos * dy - sin * dx) / self.major, (sin * dy + cos * dx) / self.minor);
            (-0.5 * FWHM * FWHM * (along * along + across * across)).exp()
        };
        let (rows, columns) = (range(y0, ny), range(x0, nx));
        let total: f64 =
            rows.clone().flat_map(|y| columns.clone().map(move |x| (y, x))).map(|(y, x)| value(y, x)).sum();
        for y in rows {
            for x in columns.clone() {
                pixels[[y, x]] += (flux * value(y, x) / total) as f32;
            }
        }
    }
}

/// Puts `image` into the middle of a field of `size` by `size` pixels: middle pixel (`n/2`) on middle pixel, zeros
/// round it, what does not fit cut off. Pixels are never resampled; NaN becomes 0.
pub fn centred(image: &Array2<f32>, size: usize) -> Array2<f32> {
    let (ny, nx) = image.dim();
    let inside = |position: usize, n: usize| (position + n / 2).checked_sub(size / 2).filter(|from| *from < n);
    Array2::from_shape_fn((size, size), |(y, x)| match (inside(y, ny), inside(x, nx)) {
        (Some(y), Some(x)) if !image[[y, x]].is_nan() => image[[y, x]],
        _ => 0.0,
    })
}
