//! Signs that an image is not what it seems: bowls, seams, sidelobes that were left, a beam that is not its own.

use ndarray::{Array2, Axis, Zip};

use super::number::Number;
use super::planes::{alone, area, blurred, extremes, padded, rms, robust, widened};
use crate::fft::Real2d;
use crate::images::{BeamShape, Cell, Psf, fit_beam};

/// A bowl is looked for at so many beams (ALGORITHMS 10).
const BOWL_BEAMS: f64 = 5.0;
/// Least length of a run of pixels along which a seam is looked for.
const SEAM_RUN: usize = 64;
/// A place in a correlation counts as far from lag 0 beyond this share of the image.
const FAR: f64 = 0.1;
/// How far the peak of a PSF may be from 1 before it matters whether the dirty image was divided by it.
const UNIT_PEAK: f64 = 0.005;
/// The outer part of the PSF, whose highest value stands for what lies beyond.
const RIM: f64 = 0.1;

/// Depth of the lowest place of a restored image seen with five beams, the noise there, and its highest place.
///
/// The kernel that widens the beam to five has a sum of 1, so that a wide bowl keeps its depth in Jy per original beam.
pub(super) fn bowl(image: &Array2<f32>, residual: &Array2<f32>, beam: BeamShape) -> Vec<Number> {
    let kernel = widened(beam, (BOWL_BEAMS * BOWL_BEAMS - 1.0).sqrt());
    let scale = 1.0 / area(kernel);
    let wide = blurred(image, kernel, scale);
    let (low, high) = extremes(&wide);
    let noise = robust(blurred(residual, kernel, scale).into_iter());
    vec![
        Number::brightness("bowl_depth", (-low).max(0.0)),
        Number::brightness("bowl_noise", noise),
        Number::brightness("bowl_peak", high),
    ]
}

/// The greatest median step over a straight line of pixels, against those beside it, and where: rows and columns from 1.
pub(super) fn seam(residual: &Array2<f32>) -> Vec<Number> {
    let mut best = (0.0, f64::NAN, f64::NAN);
    for axis in [Axis(0), Axis(1)] {
        let (ratio, at) = worst_line(residual, axis);
        if ratio > best.0 {
            best = if axis == Axis(0) { (ratio, at, f64::NAN) } else { (ratio, f64::NAN, at) };
        }
    }
    vec![
        Number::plain("seam_ratio", best.0),
        Number::new("seam_row", best.1, "pixel"),
        Number::new("seam_column", best.2, "pixel"),
    ]
}

/// Over the lines across `axis`: the greatest ratio of a run's median step to the mean of those near it.
fn worst_line(plane: &Array2<f32>, axis: Axis) -> (f64, f64) {
    let (lines, length) = (plane.len_of(axis), plane.len_of(Axis(1 - axis.0)));
    let run = (length / 4).max(SEAM_RUN).min(length);
    let mut worst = (0.0, f64::NAN);
    for first in (0..=length.saturating_sub(run)).step_by((run / 2).max(1)) {
        let step = |line: usize| {
            let (one, other) = (plane.index_axis(axis, line), plane.index_axis(axis, line + 1));
            let pairs = (first..first + run).map(|at| f64::from((other[at] - one[at]).abs()));
            let mut steps: Vec<f64> = pairs.filter(|step| step.is_finite()).collect();
            if 2 * steps.len() < run { f64::NAN } else { super::planes::median(&mut steps) }
        };
        let steps: Vec<f64> = (0..lines.saturating_sub(1)).map(step).collect();
        let usual =
            super::planes::median(&mut steps.iter().copied().filter(|step| step.is_finite()).collect::<Vec<_>>());
        for (line, step) in steps.iter().enumerate().filter(|(_, step)| step.is_finite()) {
            let near = [-4_isize, -3, -2, 2, 3, 4].iter().filter_map(|offset| {
                steps.get(line.checked_add_signed(*offset)?).copied().filter(|step| step.is_finite())
            });
            let (sum, count) = near.fold((0.0, 0.0), |(sum, count), step| (sum + step, count + 1.0));
            // quiet surroundings, as where blanks were filled, make no seam; nor does the rim, which has neighbours on one side
            let reference = f64::max(sum / count, 0.2 * usual);
            if count >= 5.0 && step / reference > worst.0 {
                worst = (step / reference, line as f64 + 1.0);
            }
        }
    }
    worst
}

/// Whether the residual still looks like what was taken out of it: its correlation with `dirty - residual` at lag 0,
/// against that at far lags, and the share of it that is left. Not told where the PSF's peak is not 1: whether the run
/// divided the dirty image by it cannot be seen here.
pub(super) fn leftover(residual: &Array2<f32>, dirty: &Array2<f32>, psf: Option<&Array2<f32>>) -> Vec<Number> {
    if psf.is_some_and(|psf| (extremes(psf).1 - 1.0).abs() > UNIT_PEAK) {
        return Vec::new();
    }
    let mut taken = dirty - residual;
    Zip::from(&mut taken).and(residual).for_each(|taken, left| {
        if !left.is_finite() {
            *taken = f32::NAN;
        }
    });
    let (correlation, energy) = alone(|| {
        let shape = residual.dim();
        let transform = Real2d::<f64>::new(shape);
        let mut product = transform.forward(&padded(residual, shape));
        let taken = padded(&taken, shape);
        let energy = taken.iter().map(|value| value * value).sum::<f64>();
        let other = transform.forward(&taken);
        Zip::from(&mut product).and(&other).for_each(|one, other| *one *= other.conj());
        (transform.inverse(&mut product), energy)
    });
    let (ny, nx) = correlation.dim();
    let is_far = |(y, x): (usize, usize)| {
        let lag = (y.min(ny - y) as f64 / ny as f64).max(x.min(nx - x) as f64 / nx as f64);
        lag > FAR
    };
    let far = rms(correlation.indexed_iter().filter(|(at, _)| is_far(*at)).map(|(_, value)| *value));
    vec![
        Number::plain("leftover_share", correlation[(0, 0)] / energy),
        Number::plain("leftover_significance", correlation[(0, 0)] / far),
    ]
}

/// How well the restored image is model at the beam plus residual: the factor of the residual, and the largest misfit.
pub(super) fn restoring(image: &Array2<f32>, smooth: &Array2<f32>, residual: &Array2<f32>) -> Vec<Number> {
    let all = || {
        let triples = image.iter().zip(smooth).zip(residual);
        let triples = triples.map(|((image, sky), left)| (f64::from(*image) - f64::from(*sky), f64::from(*left)));
        triples.filter(|(rest, left)| rest.is_finite() && left.is_finite())
    };
    let (cross, square) =
        all().fold((0.0, 0.0), |(cross, square), (rest, left)| (cross + rest * left, square + left * left));
    let factor = if square > 0.0 { cross / square } else { 1.0 };
    let misfit = all().map(|(rest, left)| (rest - factor * left).abs()).fold(0.0, f64::max);
    let (_, peak) = extremes(smooth);
    vec![
        Number::plain("residual_factor", factor),
        Number::brightness("restoring_misfit", misfit),
        Number::brightness("model_peak", peak),
    ]
}

/// The PSF's own beam against that of the image, its peak, and what its sidelobes beyond the file may leave.
pub(super) fn psf(psf: &Array2<f32>, (ny, nx): (usize, usize), beam: BeamShape, cell: Cell) -> Vec<Number> {
    let Ok(psf) = Psf::new(psf.clone()) else { return vec![Number::plain("psf_peak", f64::NAN)] };
    let mut numbers = vec![Number::plain("psf_peak", f64::from(psf.scale()))];
    if let Ok(fit) = fit_beam(&psf, cell) {
        numbers.push(Number::plain("psf_misfit", fit.misfit));
        numbers.push(Number::new("psf_major", fit.pixels.0, "pixel"));
        numbers.push(Number::new("psf_minor", fit.pixels.1, "pixel"));
        numbers.push(Number::plain("beam_difference", difference(beam, fit.shape)));
    }
    let is_whole = psf.peak().covers(ny, nx);
    numbers.push(Number::plain("psf_rim", if is_whole { 0.0 } else { rim(psf.pixels()) }));
    numbers
}

/// `|one - other| / |other|` of two Gaussians of peak 1, in closed form.
fn difference(one: BeamShape, other: BeamShape) -> f64 {
    let sum = |p: BeamShape, q: BeamShape| area(BeamShape { a: p.a + q.a, b: p.b + q.b, c: p.c + q.c });
    let square = sum(one, one) - 2.0 * sum(one, other) + sum(other, other);
    (square.max(0.0) / sum(other, other)).sqrt()
}

/// Highest absolute value of the outer part of a PSF.
fn rim(psf: &Array2<f32>) -> f64 {
    let (ny, nx) = psf.dim();
    let edge = |at: usize, n: usize| (at.min(n - 1 - at) as f64) < 0.5 * RIM * n as f64;
    let outer = psf.indexed_iter().filter(|((y, x), _)| edge(*y, ny) || edge(*x, nx));
    outer.map(|(_, value)| f64::from(value.abs())).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal};

    use super::super::number::find;
    use super::*;

    const BEAM: BeamShape = BeamShape { a: 0.2, b: 0.03, c: 0.15 };

    fn noise(shape: (usize, usize)) -> Array2<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let normal = Normal::new(0.0, 1e-3).unwrap();
        Array2::from_shape_simple_fn(shape, || normal.sample(&mut random) as f32)
    }

    #[test]
    fn wide_hollow_is_a_bowl_of_its_depth_and_noise_is_none() {
        let quiet = noise((128, 128));
        let numbers = bowl(&quiet, &quiet, BEAM);
        assert!(find(&numbers, "bowl_depth").unwrap() < 5.0 * find(&numbers, "bowl_noise").unwrap());
        let mut hollow = quiet.clone();
        hollow.slice_mut(ndarray::s![40..90, 40..90]).mapv_inplace(|value| value - 2e-3);
        let numbers = bowl(&hollow, &quiet, BEAM);
        assert!((find(&numbers, "bowl_depth").unwrap() / 2e-3 - 1.0).abs() < 0.15, "{numbers:?}");
    }

    #[test]
    fn step_along_a_line_is_a_seam_wherever_it_is_and_noise_has_none() {
        let quiet = noise((160, 200));
        assert!(find(&seam(&quiet), "seam_ratio").unwrap() < 2.0, "{:?}", seam(&quiet));
        let mut torn = quiet.clone();
        torn.slice_mut(ndarray::s![.., 120..]).mapv_inplace(|value| value + 5e-3);
        let numbers = seam(&torn);
        assert!(find(&numbers, "seam_ratio").unwrap() > 3.0, "{numbers:?}");
        assert_eq!((find(&numbers, "seam_column"), find(&numbers, "seam_row")), (Some(120.0), None));
        let numbers = seam(&torn.reversed_axes());
        assert_eq!(find(&numbers, "seam_row"), Some(120.0));
    }

    #[test]
    fn residual_with_a_share_of_what_was_taken_tells_it() {
        let left = noise((100, 90));
        let mut taken = Array2::<f32>::zeros((100, 90));
        for k in 0..30 {
            taken[((k * 37) % 100, (k * 53) % 90)] = 0.1 + 0.01 * k as f32;
        }
        let taken = blurred(&taken, BEAM, 1.0);
        let clean = leftover(&left, &(&taken + &left), None);
        assert!(find(&clean, "leftover_share").unwrap().abs() < 0.01, "{clean:?}");
        assert!(find(&clean, "leftover_significance").unwrap().abs() < 5.0, "{clean:?}");
        let poor = &left + &(&taken * 0.1);
        let numbers = leftover(&poor, &(&taken + &left), None);
        let share = find(&numbers, "leftover_share").unwrap();
        assert!((share - 0.1 / 0.9).abs() < 0.02, "{numbers:?}");
        assert!(find(&numbers, "leftover_significance").unwrap() > 5.0, "{numbers:?}");
    }

    #[test]
    fn restoring_tells_the_factor_of_the_residual_and_a_beam_that_is_not_the_images() {
        let residual = noise((64, 64));
        let mut model = Array2::<f32>::zeros((64, 64));
        model[(30, 30)] = 1.0;
        let image = blurred(&model, BEAM, 1.0) + &residual * 0.7;
        let own = restoring(&image, &blurred(&model, BEAM, 1.0), &residual);
        assert!((find(&own, "residual_factor").unwrap() - 0.7).abs() < 1e-3);
        assert!(find(&own, "restoring_misfit").unwrap() < 1e-6);
        let other = restoring(&image, &blurred(&model, widened(BEAM, 1.2), 1.0), &residual);
        assert!(find(&other, "restoring_misfit").unwrap() > 0.05, "{other:?}");
    }

    #[test]
    fn psf_tells_its_peak_its_beam_and_what_lies_beyond_it() {
        let cell = Cell { dx: -1.0, dy: 1.0 };
        let of = |n: usize| {
            let c = (n / 2) as f64;
            Array2::from_shape_fn((n, n), |(y, x)| {
                (1.3 * BEAM.value(y as f64 - c, x as f64 - c) + if x == 1 && y > n / 2 { 0.026 } else { 0.0 }) as f32
            })
        };
        let numbers = psf(&of(64), (64, 64), BEAM, cell);
        let get = |name: &str| find(&numbers, name).unwrap();
        assert!((get("psf_peak") - 1.3).abs() < 1e-6 && get("beam_difference") < 0.01);
        assert!((get("psf_rim") - 0.02).abs() < 1e-6);
        let wide = psf(&of(130), (64, 64), widened(BEAM, 1.3), cell);
        assert_eq!(find(&wide, "psf_rim"), Some(0.0));
        assert!(find(&wide, "beam_difference").unwrap() > 0.2);
    }
}
