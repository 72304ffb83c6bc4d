//! What a column of Fourier modes is looked over for.

// A body is compiled once per instruction set, which it only is where it is inlined into that set's twin.
#![allow(clippy::inline_always)]

use rustfft::num_complex::Complex32;

use super::dispatch;

/// Running values that a column is looked over with: one alone would wait for itself.
const LANES: usize = 16;

dispatch! {
    /// Largest `|z|²` and least `Re z`: 0 and infinity for no mode.
    pub fn extremes(modes: &[Complex32]) -> (f32, f32) = extremes_body
}

dispatch! {
    /// Sum of `max(Re z, 0)`.
    pub fn positive_sum(modes: &[Complex32]) -> f64 = positive_sum_body
}

#[inline(always)]
fn extremes_body(modes: &[Complex32]) -> (f32, f32) {
    let (mut largest, mut least) = ([0.0_f32; LANES], [f32::INFINITY; LANES]);
    let chunks = modes.chunks_exact(LANES);
    let rest = chunks.remainder();
    let mut look = |lane: usize, z: &Complex32| {
        let power = z.re * z.re + z.im * z.im;
        largest[lane] = if power > largest[lane] { power } else { largest[lane] };
        least[lane] = if z.re < least[lane] { z.re } else { least[lane] };
    };
    for chunk in chunks {
        chunk.iter().enumerate().for_each(|(lane, z)| look(lane, z));
    }
    rest.iter().enumerate().for_each(|(lane, z)| look(lane, z));
    (largest.into_iter().fold(0.0, f32::max), least.into_iter().fold(f32::INFINITY, f32::min))
}

#[inline(always)]
fn positive_sum_body(modes: &[Complex32]) -> f64 {
    let mut sums = [0.0_f64; LANES];
    let chunks = modes.chunks_exact(LANES);
    let rest = chunks.remainder();
    let mut add = |lane: usize, z: &Complex32| sums[lane] += f64::from(if z.re > 0.0 { z.re } else { 0.0 });
    for chunk in chunks {
        chunk.iter().enumerate().for_each(|(lane, z)| add(lane, z));
    }
    rest.iter().enumerate().for_each(|(lane, z)| add(lane, z));
    sums.into_iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_sees_what_a_plain_loop_sees() {
        for n in [0, 1, 15, 16, 17, 40, 333] {
            let value =
                |i: usize| Complex32::new(((i * i * 7 + 3) % 31) as f32 - 20.0, ((i * 5) % 13) as f32 / 3.0 - 2.0);
            let modes: Vec<Complex32> = (0..n).map(value).collect();
            let largest = modes.iter().map(Complex32::norm_sqr).fold(0.0, f32::max);
            let least = modes.iter().map(|z| z.re).fold(f32::INFINITY, f32::min);
            assert_eq!(extremes(&modes), (largest, least));
            let sum: f64 = modes.iter().map(|z| f64::from(z.re.max(0.0))).sum();
            assert_eq!(positive_sum(&modes), sum, "whole numbers add up exactly");
            assert_eq!(positive_sum(&modes).to_bits(), positive_sum_body(&modes).to_bits());
        }
    }
}
