//! What the inner problem takes for the transfer function and for the residual.
//!
//! A transfer function has phases where the PSF is not even (a w term), and negative values where it was cut off. With noise of the
//! spectrum `|H|` the likelihood is `½ Σ |D − HX|² / |H|`: its curvature is `|H|`, and its gradient the residual turned by the phase,
//! `−conj(H)/|H| (D − HX)`. So it has a minimum whatever `H`, and the residual itself is its gradient where `H` is positive.

use rustfft::num_complex::Complex32;

/// Transfer over its highest value below which modes count less. What is left there of a residual is misfit of the PSF and rounding, which
/// nothing but the thresholds holds back. Double PSFs, error of the model in noise units with 0.001 and 0.01 (negative modes mirrored in both):
/// offgrid-vla 0.460 and 0.450, points-meerkat 0.358 and 0.351, extended-m31-vla 0.707 and 0.704. With 0.003 offgrid-vla ends as `held` at a
/// `κ` of 0.01, where it does not with 0.01.
const LEAST: f32 = 0.01;

/// Transfer of a mode in the inner problem: `|H|`, or 0 where `Re H` is negative, unless such modes are mirrored.
pub fn surrogate(h: Complex32, mirrors: bool) -> f32 {
    if mirrors || h.re > 0.0 { h.norm() } else { 0.0 }
}

/// Turns a column of a residual's spectrum into that of the likelihood's gradient, down: less than that in modes of little weight, and nothing
/// where [`surrogate`] is 0.
pub fn turn(residual: &mut [Complex32], h: &[Complex32], (max_transfer, mirrors): (f64, bool)) {
    let least = LEAST * max_transfer as f32;
    residual.iter_mut().zip(h).for_each(|(r, h)| {
        *r *= if mirrors || h.re > 0.0 { h.conj() / h.norm().max(least) } else { Complex32::ZERO };
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|d − h x|² / |h|`, of one mode.
    fn misfit(h: Complex32, d: Complex32, x: Complex32) -> f64 {
        f64::from((d - h * x).norm_sqr() / h.norm())
    }

    #[test]
    fn turned_residual_is_the_gradient_of_the_likelihood_and_the_surrogate_its_curvature() {
        let (d, x, step) = (Complex32::new(0.3, -1.2), Complex32::new(0.8, 0.5), 1e-2_f32);
        for h in [(3.0, 0.0), (0.4, 2.0), (-1.5, 0.7), (-2.0, 0.0)].map(|(re, im)| Complex32::new(re, im)) {
            let mut gradient = [d - h * x];
            turn(&mut gradient, &[h], (3.0, true));
            for direction in [Complex32::ONE, Complex32::I] {
                let [before, at, after] = [-step, 0.0, step].map(|step| 0.5 * misfit(h, d, x + direction * step));
                let slope = (after - before) / f64::from(2.0 * step);
                let told = -f64::from((gradient[0] * direction.conj()).re);
                assert!((slope - told).abs() < 1e-3, "H {h}: slope {slope}, gradient {told}");
                let curvature = (after - 2.0 * at + before) / f64::from(step * step);
                let told = f64::from(surrogate(h, true));
                assert!((curvature - told).abs() < 2e-2 * told, "H {h}: curvature {curvature}, {told}");
            }
        }
    }

    #[test]
    fn modes_of_negative_transfer_are_left_alone_unless_mirrored_and_weak_ones_count_less() {
        let h = [-2.0, -0.001, 0.001, 2.0].map(|re| Complex32::new(re, 0.0));
        let turned = |mirrors: bool| {
            let mut ones = [Complex32::ONE; 4];
            turn(&mut ones, &h, (2.0, mirrors));
            ones.map(|one| one.re)
        };
        let near = |found: [f32; 4], expected: [f32; 4]| {
            found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6)
        };
        assert!(near(turned(false), [0.0, 0.0, 0.05, 1.0]), "{:?}", turned(false));
        assert!(near(turned(true), [-1.0, -0.05, 0.05, 1.0]), "{:?}", turned(true));
        assert_eq!(h.map(|h| surrogate(h, false)), [0.0, 0.0, 0.001, 2.0]);
    }
}
