//! From the transform of pairs to that of the real numbers they are made of, and back.

use super::super::Row;
use super::{Wide, is_wide};

/// The spectrum `X` of `2 h` real numbers from that of their `h` pairs `Z`, with `W = e^(-2πi k / 2h)`:
/// `X[k] = E − i W O`, `X[h − k] = conj(E + i W O)`, `E, O = (Z[k] ± conj Z[h − k]) / 2`.
pub(in super::super) fn unravel(from: &[Row], turns: &[[f32; 2]], to: &mut [Row]) {
    let half = from.len();
    assert!(is_wide() && half > 0 && turns.len() == half / 2 + 1 && to.len() == half + 1, "buffers of one plan");
    // SAFETY: AVX-512 and the lengths were checked above.
    unsafe { unravel_rows(from, turns, to) }
}

/// # Safety
/// AVX-512, and buffers of one plan.
#[target_feature(enable = "avx512f")]
unsafe fn unravel_rows(from: &[Row], turns: &[[f32; 2]], to: &mut [Row]) {
    let half = from.len();
    // SAFETY: the caller's promise; rows are references.
    unsafe {
        let z = Wide::get(&raw const from[0]);
        let (sum, apart) = z.sum_and_difference();
        sum.put(&raw mut to[0]);
        apart.put(&raw mut to[half]);
        for k in 1..=half / 2 {
            let (a, b) = (Wide::get(&raw const from[k]), Wide::get(&raw const from[half - k]).conj());
            let (even, odd) = (a.plus(b).scaled(0.5), a.minus(b).scaled(0.5).times(turns[k]));
            even.minus_i(odd).put(&raw mut to[k]);
            even.plus_i(odd).conj().put(&raw mut to[half - k]);
        }
    }
}

/// Twice the spectrum of pairs, times `scale`, real and imaginary parts in each other's place, from that of the real numbers:
/// `2 Z[k] = S + i conj(W) D`, `2 Z[h − k] = conj(S − i conj(W) D)`, `S, D = X[k] ± conj X[h − k]`.
pub(in super::super) fn ravel(from: &[Row], turns: &[[f32; 2]], scale: f32, to: &mut [Row]) {
    let half = to.len();
    assert!(is_wide() && half > 0 && turns.len() == half / 2 + 1 && from.len() == half + 1, "buffers of one plan");
    // SAFETY: AVX-512 and the lengths were checked above.
    unsafe { ravel_rows(from, turns, scale, to) }
}

/// # Safety
/// AVX-512, and buffers of one plan.
#[target_feature(enable = "avx512f")]
unsafe fn ravel_rows(from: &[Row], turns: &[[f32; 2]], scale: f32, to: &mut [Row]) {
    let half = to.len();
    // SAFETY: the caller's promise; rows are references.
    unsafe {
        let (first, last) = (Wide::get(&raw const from[0]), Wide::get(&raw const from[half]));
        let (sum, apart) = Wide { re: first.re, im: last.re }.sum_and_difference();
        Wide { re: apart.re, im: sum.re }.scaled(scale).put(&raw mut to[0]);
        for k in 1..=half / 2 {
            let (a, b) = (Wide::get(&raw const from[k]), Wide::get(&raw const from[half - k]).conj());
            let [c, s] = turns[k];
            let (sum, apart) = (a.plus(b).scaled(scale), a.minus(b).scaled(scale).times([c, -s]));
            sum.plus_i(apart).swapped().put(&raw mut to[k]);
            sum.minus_i(apart).conj().swapped().put(&raw mut to[half - k]);
        }
    }
}
