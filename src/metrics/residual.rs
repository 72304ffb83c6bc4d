//! What the residual tells: its noise, how Gaussian and how white it is (ALGORITHMS 10).

use ndarray::Array2;
use rustfft::num_complex::Complex64;

use super::number::Number;
use super::planes::{alone, padded, power, rms, robust};
use crate::fft::{Real2d, column_weight};
use crate::images::BeamShape;

/// Rings of spatial frequency from 0 to half a cycle per pixel.
const RINGS: usize = 30;
/// Modes that carry less than this share of the largest transfer of the PSF were not measured.
const SAMPLED: f64 = 0.01;
/// Lags up to so many full widths of the beam are compared in the autocorrelation.
const LAGS: f64 = 3.0;

/// Noise of a residual, whole and where the sky at the beam lies below it, and the KS distance.
pub(super) fn noise(residual: &Array2<f32>, sky: Option<&Array2<f32>>) -> Vec<Number> {
    let values = || residual.iter().copied();
    let sigma = robust(values());
    let mut numbers = level("res", values());
    let off: Vec<f32> = sky.map_or_else(Vec::new, |sky| off_source(residual, sky, sigma));
    let finite = values().filter(|value| value.is_finite()).count();
    if sky.is_some() {
        numbers.extend(level("off", off.iter().copied()));
        numbers.push(Number::plain("off_share", off.len() as f64 / finite as f64));
    }
    let of_noise = if off.is_empty() { values().filter(|value| value.is_finite()).collect() } else { off };
    let own = robust(of_noise.iter().copied());
    numbers.push(Number::plain("ks_distance", distance_to_normal(of_noise, own)));
    numbers
}

fn level(name: &str, values: impl Iterator<Item = f32> + Clone) -> Vec<Number> {
    let wide = || values.clone().map(f64::from);
    let highest = wide().filter(|value| value.is_finite()).fold(f64::NAN, |max, value| max.max(value.abs()));
    vec![
        Number::brightness(&format!("{name}_rms"), rms(wide())),
        Number::brightness(&format!("{name}_max"), highest),
        Number::brightness(&format!("{name}_mad"), robust(values)),
    ]
}

/// Pixels of the residual where the sky at the beam is below the noise.
fn off_source(residual: &Array2<f32>, sky: &Array2<f32>, sigma: f64) -> Vec<f32> {
    let pairs = residual.iter().zip(sky);
    let off = pairs.filter(|(value, sky)| value.is_finite() && f64::from(sky.abs()) < sigma);
    off.map(|(value, _)| *value).collect()
}

/// Kolmogorov-Smirnov distance of `values / sigma` from the normal distribution.
fn distance_to_normal(mut values: Vec<f32>, sigma: f64) -> f64 {
    if values.is_empty() || sigma <= 0.0 || sigma.is_nan() {
        return f64::NAN;
    }
    values.sort_unstable_by(f32::total_cmp);
    let count = values.len() as f64;
    let step = |(rank, value): (usize, &f32)| {
        let expected = normal(f64::from(*value) / sigma);
        (expected - rank as f64 / count).abs().max((expected - (rank + 1) as f64 / count).abs())
    };
    values.iter().enumerate().map(step).fold(0.0, f64::max)
}

/// Distribution function of the normal distribution, to 1e-7 (Abramowitz & Stegun 1964, 7.1.26).
fn normal(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let upper = 0.5 * series.iter().fold(0.0, |sum, factor| (sum + factor) * t) * (-z * z).exp();
    if x > 0.0 { 1.0 - upper } else { upper }
}

/// `rho = |R|^2 / (sigma^2 S)` in rings, where `S` is the PSF's transfer, or 1 without a PSF: 1 where the residual is
/// noise of that spectrum. And the autocorrelation against the PSF.
pub(super) fn whiteness(residual: &Array2<f32>, psf: Option<&Array2<f32>>, beam: Option<BeamShape>) -> Vec<Number> {
    alone(|| {
        let shape = residual.dim();
        let transform = Real2d::<f64>::new(shape);
        let valid = residual.iter().filter(|value| value.is_finite()).count() as f64;
        let mut spectrum = transform.forward(&padded(residual, shape));
        let measured = power(&spectrum, valid);
        let folded = psf.map(|psf| folded(psf, shape));
        let expected = folded.as_ref().map(|psf| transform.forward(psf).mapv(|value| value.re.max(0.0)));
        let sigma = robust(residual.iter().copied());
        let mut numbers = Rings::of(&measured, expected.as_ref(), sigma * sigma, shape.1).numbers();
        if let (Some(psf), Some(beam)) = (&folded, beam) {
            spectrum.mapv_inplace(|value| Complex64::new(value.norm_sqr(), 0.0));
            let correlation = transform.inverse(&mut spectrum);
            numbers.push(Number::plain("autocorrelation_misfit", misfit(&correlation, psf, beam)));
        }
        numbers
    })
}

/// The PSF on a plane of another shape, its peak of 1 in the corner: lags beyond half the plane are left out.
fn folded(psf: &Array2<f32>, (ny, nx): (usize, usize)) -> Array2<f64> {
    let mut plane = Array2::zeros((ny, nx));
    let (mut centre, mut peak) = ((0, 0), f32::NEG_INFINITY);
    for (at, value) in psf.indexed_iter() {
        if *value > peak {
            (centre, peak) = (at, *value);
        }
    }
    for ((y, x), value) in psf.indexed_iter().filter(|(_, value)| value.is_finite()) {
        let (dy, dx) = (y as isize - centre.0 as isize, x as isize - centre.1 as isize);
        if 2 * dy.unsigned_abs() < ny && 2 * dx.unsigned_abs() < nx {
            let at = (dy.rem_euclid(ny as isize) as usize, dx.rem_euclid(nx as isize) as usize);
            plane[at] = f64::from(*value) / f64::from(peak);
        }
    }
    plane
}

/// Rms difference of two autocorrelations, each over its value at lag 0, near that lag.
fn misfit(correlation: &Array2<f64>, psf: &Array2<f64>, beam: BeamShape) -> f64 {
    let (ny, nx) = correlation.dim();
    let reach = (LAGS * beam.widths().0).ceil() as isize;
    let (zero, one) = (correlation[(0, 0)], psf[(0, 0)]);
    let lags = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dy, dx)));
    let near = lags.filter(|(dy, dx)| 2 * dy.unsigned_abs() < ny && 2 * dx.unsigned_abs() < nx);
    let at = near.map(|(dy, dx)| (dy.rem_euclid(ny as isize) as usize, dx.rem_euclid(nx as isize) as usize));
    rms(at.map(|at| correlation[at] / zero - psf[at] / one))
}

/// Sums in rings of spatial frequency.
#[derive(Default)]
struct Rings {
    modes: Vec<f64>,
    ratios: Vec<f64>,
    energy: f64,
    explained: f64,
}

impl Rings {
    fn of(measured: &Array2<f64>, expected: Option<&Array2<f64>>, variance: f64, nx: usize) -> Self {
        let ny = measured.nrows();
        let largest = expected.map_or(1.0, |shape| shape.iter().copied().fold(0.0, f64::max));
        let mut rings = Self { modes: vec![0.0; RINGS], ratios: vec![0.0; RINGS], ..Self::default() };
        for ((ky, kx), power) in measured.indexed_iter() {
            let shape = expected.map_or(1.0, |shape| shape[(ky, kx)]);
            let frequency = (ky.min(ny - ky) as f64 / ny as f64).hypot(kx as f64 / nx as f64);
            let ring = (2.0 * frequency * RINGS as f64) as usize;
            if (ky, kx) == (0, 0) || ring >= RINGS || shape <= SAMPLED * largest {
                continue;
            }
            let weight = column_weight(kx, nx);
            rings.modes[ring] += weight;
            rings.ratios[ring] += weight * power / (variance * shape);
            rings.energy += weight * power;
            rings.explained += weight * variance * shape;
        }
        rings
    }

    fn numbers(self) -> Vec<Number> {
        let rings: Vec<(usize, f64, f64)> = (0..RINGS)
            .filter(|ring| self.modes[*ring] > 0.0)
            .map(|ring| (ring, self.ratios[ring] / self.modes[ring], 2.0 / self.modes[ring].sqrt()))
            .collect();
        let within = rings.iter().filter(|(_, ratio, width)| (ratio - 1.0).abs() <= *width).count();
        let extreme = |pick: fn(f64, f64) -> f64| rings.iter().map(|(_, ratio, _)| *ratio).fold(f64::NAN, pick);
        let mut numbers = vec![
            Number::plain("white_rings", rings.len() as f64),
            Number::plain("white_rings_within", within as f64),
            Number::plain("white_lowest", extreme(f64::min)),
            Number::plain("white_highest", extreme(f64::max)),
            Number::plain("energy_explained", self.explained / self.energy),
        ];
        let ring = |(ring, ratio, _): &(usize, f64, f64)| Number::plain(&format!("white_ring_{ring:02}"), *ratio);
        numbers.extend(rings.iter().map(ring));
        numbers
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal};

    use super::super::number::find;
    use super::*;

    fn noise_plane(sigma: f64) -> Array2<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let normal = Normal::new(0.0, sigma).unwrap();
        Array2::from_shape_simple_fn((128, 96), || normal.sample(&mut random) as f32)
    }

    #[test]
    fn white_noise_is_normal_and_white() {
        let plane = noise_plane(2e-3);
        let numbers = [noise(&plane, None), whiteness(&plane, None, None)].concat();
        let get = |name: &str| find(&numbers, name).unwrap();
        assert!((get("res_rms") / 2e-3 - 1.0).abs() < 0.02 && (get("res_mad") / 2e-3 - 1.0).abs() < 0.03);
        // 12288 pixels: 1.63 / sqrt(n) is exceeded once in a hundred
        assert!(get("ks_distance") < 0.0147, "{}", get("ks_distance"));
        assert!((get("energy_explained") - 1.0).abs() < 0.06, "{}", get("energy_explained"));
        // two standard errors and the error of sigma: most rings are inside
        assert!(get("white_rings_within") >= 22.0, "{}", get("white_rings_within"));
    }

    #[test]
    fn smooth_residual_is_not_white_and_a_uniform_one_not_normal() {
        let smooth = super::super::planes::blurred(&noise_plane(1.0), BeamShape { a: 0.1, b: 0.0, c: 0.1 }, 1.0);
        let numbers = whiteness(&smooth, None, None);
        assert!(find(&numbers, "white_highest").unwrap() > 3.0 && find(&numbers, "white_lowest").unwrap() < 0.1);
        let uniform = Array2::from_shape_fn((50, 50), |(y, x)| (50 * y + x) as f32 / 2500.0 - 0.5);
        assert!(find(&noise(&uniform, None), "ks_distance").unwrap() > 0.05);
    }

    #[test]
    fn noise_with_the_spectrum_of_the_psf_is_explained_by_it() {
        // noise blurred by g has the spectrum |G|^2, which is that of the PSF g * g: a Gaussian sqrt(2) as wide
        let narrow = BeamShape { a: 0.4, b: 0.0, c: 0.4 };
        let residual = super::super::planes::blurred(&noise_plane(1.0), narrow, 1.0);
        let psf = Array2::from_shape_fn((129, 97), |(y, x)| {
            super::super::planes::widened(narrow, std::f64::consts::SQRT_2).value(y as f64 - 64.0, x as f64 - 48.0)
                as f32
        });
        let numbers = whiteness(&residual, Some(&psf), Some(narrow));
        let get = |name: &str| find(&numbers, name).unwrap();
        assert!((get("energy_explained") - 1.0).abs() < 0.1, "{}", get("energy_explained"));
        assert!(get("autocorrelation_misfit") < 0.05, "{}", get("autocorrelation_misfit"));
    }

    #[test]
    fn distribution_of_the_normal_has_its_known_values() {
        for (x, value) in [(0.0, 0.5), (1.0, 0.841_344_746), (-1.959_964, 0.025), (3.0, 0.998_650_102)] {
            assert!((normal(x) - value).abs() < 2e-7, "{x}");
        }
    }

    #[test]
    fn off_source_is_where_the_sky_is_below_the_noise() {
        let mut plane = noise_plane(1.0);
        let mut sky = Array2::zeros(plane.dim());
        sky.row_mut(3).fill(9.0);
        plane.row_mut(3).fill(50.0);
        let numbers = noise(&plane, Some(&sky));
        assert!(find(&numbers, "off_max").unwrap() < 6.0 && find(&numbers, "res_max").unwrap() == 50.0);
        assert!((find(&numbers, "off_share").unwrap() - 127.0 / 128.0).abs() < 1e-12);
    }
}
