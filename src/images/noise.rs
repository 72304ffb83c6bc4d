//! Robust noise: median and median absolute deviation, by selection.

/// σ of a Gaussian over its median absolute deviation: `1 / Φ⁻¹(3/4)`.
pub const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// Above this many pixels a strided sample stands for all of them (ALGORITHMS 0.7 has 2²⁴: at 4096 x 4096 the
/// selection would then take longer than the transforms of a cycle).
const SAMPLE_ABOVE: usize = 1 << 22;

/// Least number of pixels of such a sample: the error of σ is then about `1.2 σ / 1000`.
const SAMPLE_PIXELS: usize = 1_000_000;

/// Median of `values`, which are reordered; the mean of the middle two where their number is even.
///
/// `None` if there are none. NaN must have been left out: it would count as the highest (or lowest) value.
pub fn median(values: &mut [f32]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let (middle, is_odd) = (values.len() / 2, values.len() % 2 == 1);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    if is_odd {
        return Some(f64::from(upper));
    }
    let lower = below.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    Some(f64::midpoint(f64::from(lower), f64::from(upper)))
}

/// `σ = 1.4826 · median(|v − median(v)|)` of `values`, which are overwritten by their deviations.
///
/// `None` if there are none; NaN must have been left out.
pub fn sigma_mad(values: &mut [f32]) -> Option<f64> {
    let centre = median(values)?;
    for value in values.iter_mut() {
        *value = (f64::from(*value) - centre).abs() as f32;
    }
    Some(MAD_TO_SIGMA * median(values)?)
}

/// Every how many pixels, counted through a plane of shape `(ny, nx)` in row order, one enters the robust noise.
///
/// 1 up to 2²² pixels; above that a stride that depends on the shape only, so on no chunk or thread.
pub fn sample_step(shape: (usize, usize)) -> usize {
    if shape.0 * shape.1 > SAMPLE_ABOVE { stride(shape) } else { 1 }
}

/// Stride that leaves [`SAMPLE_PIXELS`] or more, and that does not walk down the same columns of every row.
fn stride((ny, nx): (usize, usize)) -> usize {
    let mut step = (ny * nx / SAMPLE_PIXELS).max(1);
    while step > 1 && greatest_common_divisor(step, nx) != 1 {
        step -= 1;
    }
    step
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal};

    use super::*;

    #[test]
    fn median_is_the_middle_or_the_mean_of_the_middle_two() {
        assert_eq!(median(&mut [3.0, -1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut [7.0]), Some(7.0));
        assert_eq!(median(&mut []), None);
    }

    #[test]
    fn sigma_of_gaussian_noise_ignores_offset_and_bright_sources() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let normal = Normal::new(5.0_f32, 0.25).unwrap();
        let mut values: Vec<f32> = (0..100_000).map(|_| normal.sample(&mut rng)).collect();
        values[..200].fill(1e4);
        // Standard error of σ_MAD is 1.17 σ/√n = 0.4 %; the sources shift it by 0.3 %.
        assert!((sigma_mad(&mut values).unwrap() / 0.25 - 1.0).abs() < 0.015);
    }

    #[test]
    fn stride_of_a_huge_image_visits_all_columns() {
        let step = stride((32768, 32768));
        assert!(step % 2 == 1 && (500..=1073).contains(&step), "{step}");
        assert_eq!(sample_step((2048, 2048)), 1);
        assert!(sample_step((4096, 4096)) > 1);
    }
}
