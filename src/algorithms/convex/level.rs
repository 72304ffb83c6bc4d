//! The noise that thresholds are made of.
//!
//! Where sidelobes fill the image, under natural weights or with a few antennas, the robust noise of the residual is that of the sidelobes,
//! a hundred times the noise, and no threshold made of it lets a source through. Divided by the transfer function the residual is one of
//! compact sources on noise, whose robust noise is right; noise that went through the PSF then tells that of every part.

use rustfft::num_complex::Complex32;

use super::Frame;

/// Transfer over its highest value below which modes are not divided up all the way. Tried: 0.1 leaves eleven times the noise in the
/// circular benchmark under natural weights, 0.01 three times, and 0.001 takes the misfit of the VLA's PSFs for less than it is.
const FLOOR: f32 = 0.01;

fn gain(h: Complex32, max_transfer: f32) -> f32 {
    if h.re > 0.0 { 1.0 / (h.re + FLOOR * max_transfer) } else { 0.0 }
}

/// Divides a column of a residual's spectrum by the transfer function, as far as that is sensible.
pub fn whiten(residual: &mut [Complex32], h: &[Complex32], max_transfer: f64) {
    residual.iter_mut().zip(h).for_each(|(r, h)| *r *= gain(*h, max_transfer as f32));
}

/// Power of noise that went through the PSF on the modes of column `kx`: what [`whiten`] leaves of it, and what each of `count` parts
/// sees of it, in units of its power where the transfer function is 1.
pub fn powers(frame: &Frame, (kx, count): (usize, usize), h: &[Complex32], max_transfer: f64) -> Vec<f64> {
    let mut seen = vec![vec![Complex32::ONE; h.len()]; count];
    frame.see(kx, &mut seen.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>());
    let total = |gain: &dyn Fn(usize) -> f32| {
        h.iter().enumerate().map(|(ky, h)| f64::from(h.re.max(0.0)) * f64::from(gain(ky))).sum::<f64>()
    };
    let white = total(&|ky| gain(h[ky], max_transfer as f32).powi(2));
    let parts = seen.iter().map(|part| total(&|ky| part[ky].norm_sqr()));
    std::iter::once(white).chain(parts).collect()
}

/// Noise of a part whose residual shows `sigma`, the whitened residual showing `white`, given the sums of [`powers`] over all modes:
/// half way, in logarithms, from the former down to what the latter tells. They meet as the residual comes down to the noise; all the way at
/// once lowers the thresholds of wide atoms so far that they run away under a PSF that is cut (extended-m31-vla, same size).
pub fn noise(part: usize, (sigma, white): (f64, f64), powers: &[f64]) -> f64 {
    let told = white * (powers[1 + part] / powers[0]).sqrt();
    if told.is_finite() { (sigma * sigma.min(told)).sqrt() } else { sigma }
}
