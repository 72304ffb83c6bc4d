//! Rows of a whole residual: subtract a scaled row of the PSF and find the highest absolute value, in one pass.

// A body is compiled once per instruction set, which it only is where it is inlined into that set's twin.
#![allow(clippy::inline_always)]

use super::dispatch;

/// Lanes of the running maximum; a maximum does not depend on their order.
const LANES: usize = 16;

dispatch! {
    /// Highest absolute value of a row; 0 for an empty one.
    pub fn peak(row: &[f32]) -> f32 = peak_body
}

dispatch! {
    /// Highest absolute value of a row where `allowed` says so; 0 where nothing is.
    pub fn peak_allowed(row: &[f32], allowed: &[bool]) -> f32 = peak_allowed_body
}

dispatch! {
    /// `row -= factor * psf`, element by element; returns the highest absolute value that it leaves.
    pub fn subtract_and_peak(row: &mut [f32], psf: &[f32], factor: f32) -> f32 = subtract_and_peak_body
}

dispatch! {
    /// [`subtract_and_peak`], with the peak taken only where `allowed` says so.
    pub fn subtract_and_peak_allowed(row: &mut [f32], psf: &[f32], factor: f32, allowed: &[bool]) -> f32
        = subtract_and_peak_allowed_body
}

#[inline(always)]
fn higher(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

#[inline(always)]
fn highest(lanes: [f32; LANES]) -> f32 {
    lanes.into_iter().fold(0.0, higher)
}

#[inline(always)]
fn peak_body(row: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder().iter().fold(0.0, |best, value| higher(best, value.abs()));
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = higher(lanes[lane], chunk[lane].abs());
        }
    }
    higher(highest(lanes), rest)
}

#[inline(always)]
fn peak_allowed_body(row: &[f32], allowed: &[bool]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (chunks, masks) = (row.chunks_exact(LANES), allowed.chunks_exact(LANES));
    let rest = chunks
        .remainder()
        .iter()
        .zip(masks.remainder())
        .fold(0.0, |best, (value, mask)| higher(best, if *mask { value.abs() } else { 0.0 }));
    for (chunk, mask) in chunks.zip(masks) {
        for lane in 0..LANES {
            lanes[lane] = higher(lanes[lane], if mask[lane] { chunk[lane].abs() } else { 0.0 });
        }
    }
    higher(highest(lanes), rest)
}

#[inline(always)]
fn subtract_and_peak_body(row: &mut [f32], psf: &[f32], factor: f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let mut rest = 0.0;
    let mut chunks = row.chunks_exact_mut(LANES);
    let kernels = psf.chunks_exact(LANES);
    let tail = kernels.remainder();
    for (chunk, kernel) in chunks.by_ref().zip(kernels) {
        for lane in 0..LANES {
            chunk[lane] -= factor * kernel[lane];
            lanes[lane] = higher(lanes[lane], chunk[lane].abs());
        }
    }
    for (value, h) in chunks.into_remainder().iter_mut().zip(tail) {
        *value -= factor * h;
        rest = higher(rest, value.abs());
    }
    higher(highest(lanes), rest)
}

#[inline(always)]
fn subtract_and_peak_allowed_body(row: &mut [f32], psf: &[f32], factor: f32, allowed: &[bool]) -> f32 {
    row.iter_mut().zip(psf).for_each(|(value, h)| *value -= factor * h);
    peak_allowed_body(row, allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    #[test]
    fn every_width_gives_the_bits_of_the_reference() {
        for n in [0, 1, 15, 16, 17, 31, 100, 1023] {
            let (row, psf) = (values(n, 1), values(n, 2));
            let allowed: Vec<bool> = values(n, 3).iter().map(|v| *v > 0.3).collect();
            let (mut fast, mut plain) = (row.clone(), row.clone());
            assert_eq!(
                subtract_and_peak(&mut fast, &psf, 0.37).to_bits(),
                subtract_and_peak_body(&mut plain, &psf, 0.37).to_bits(),
            );
            assert_eq!(fast, plain);
            let expected: Vec<f32> = row.iter().zip(&psf).map(|(r, h)| r - 0.37 * h).collect();
            assert_eq!(fast, expected, "one multiplication and one subtraction, rounded apart");
            assert_eq!(peak(&row), row.iter().fold(0.0_f32, |best, v| best.max(v.abs())));
            let masked = row.iter().zip(&allowed).map(|(v, m)| if *m { v.abs() } else { 0.0 });
            assert_eq!(peak_allowed(&row, &allowed), masked.fold(0.0_f32, f32::max));
            let mut masked_row = row.clone();
            let masked_peak = subtract_and_peak_allowed(&mut masked_row, &psf, 0.37, &allowed);
            assert_eq!(masked_row, expected);
            assert_eq!(masked_peak, peak_allowed(&expected, &allowed));
        }
    }
}
