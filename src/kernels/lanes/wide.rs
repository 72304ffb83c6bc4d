//! The steps of a transform in AVX-512, and the ways in and out. Each function checks once that its indices stay inside, then works on
//! pointers.

#![allow(clippy::inline_always)]

mod half;
mod ways;

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_load_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_store_ps,
    _mm512_sub_ps,
};

use super::{LANES, Row, Step};

pub(super) use half::{ravel, unravel};
pub(super) use ways::{lay, load, stand, store};

/// Whether the machine has what this module needs.
pub(super) fn is_wide() -> bool {
    is_x86_feature_detected!("avx512f")
}

/// A row in two registers.
#[derive(Clone, Copy)]
struct Wide {
    re: __m512,
    im: __m512,
}

impl Wide {
    /// # Safety
    /// AVX-512, and a valid row.
    #[inline(always)]
    unsafe fn get(row: *const Row) -> Self {
        // SAFETY: the caller's promise; a row is aligned to 64 bytes, its real parts first.
        unsafe { Self { re: _mm512_load_ps(row.cast()), im: _mm512_load_ps(row.cast::<f32>().add(LANES)) } }
    }

    /// # Safety
    /// AVX-512, and a row that may be written.
    #[inline(always)]
    unsafe fn put(self, row: *mut Row) {
        // SAFETY: as above.
        unsafe {
            _mm512_store_ps(row.cast(), self.re);
            _mm512_store_ps(row.cast::<f32>().add(LANES), self.im);
        }
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        // SAFETY: there is AVX-512 wherever a `Wide` is made.
        unsafe { Self { re: _mm512_add_ps(self.re, other.re), im: _mm512_add_ps(self.im, other.im) } }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { Self { re: _mm512_sub_ps(self.re, other.re), im: _mm512_sub_ps(self.im, other.im) } }
    }

    /// `self − i other`.
    #[inline(always)]
    fn minus_i(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { Self { re: _mm512_add_ps(self.re, other.im), im: _mm512_sub_ps(self.im, other.re) } }
    }

    /// `self + i other`.
    #[inline(always)]
    fn plus_i(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { Self { re: _mm512_sub_ps(self.re, other.im), im: _mm512_add_ps(self.im, other.re) } }
    }

    /// The sum and the difference of real and imaginary part, both real.
    #[inline(always)]
    fn sum_and_difference(self) -> (Self, Self) {
        // SAFETY: as above.
        unsafe {
            let im = _mm512_setzero_ps();
            (Self { re: _mm512_add_ps(self.re, self.im), im }, Self { re: _mm512_sub_ps(self.re, self.im), im })
        }
    }

    #[inline(always)]
    fn conj(self) -> Self {
        // SAFETY: as above.
        Self { re: self.re, im: unsafe { _mm512_sub_ps(_mm512_setzero_ps(), self.im) } }
    }

    /// Real and imaginary part in each other's place.
    #[inline(always)]
    fn swapped(self) -> Self {
        Self { re: self.im, im: self.re }
    }

    #[inline(always)]
    fn scaled(self, factor: f32) -> Self {
        // SAFETY: as above.
        unsafe {
            let factor = _mm512_set1_ps(factor);
            Self { re: _mm512_mul_ps(self.re, factor), im: _mm512_mul_ps(self.im, factor) }
        }
    }

    #[inline(always)]
    fn times(self, [c, s]: [f32; 2]) -> Self {
        // SAFETY: as above.
        unsafe {
            let (c, s) = (_mm512_set1_ps(c), _mm512_set1_ps(s));
            Self {
                re: _mm512_sub_ps(_mm512_mul_ps(self.re, c), _mm512_mul_ps(self.im, s)),
                im: _mm512_add_ps(_mm512_mul_ps(self.re, s), _mm512_mul_ps(self.im, c)),
            }
        }
    }
}

/// The transform of `N` numbers.
trait Radix<const N: usize> {
    fn of(&self, z: [Wide; N]) -> [Wide; N];
}

/// Radices 2, 4 and 8.
struct Even;

/// An odd radix: cosine and sine of `2π j / N`.
struct Odd<const N: usize>([[f32; 2]; N]);

#[inline(always)]
fn two([a, b]: [Wide; 2]) -> [Wide; 2] {
    [a.plus(b), a.minus(b)]
}

#[inline(always)]
fn four([a, b, c, d]: [Wide; 4]) -> [Wide; 4] {
    let ([s, t], [u, v]) = (two([a, c]), two([b, d]));
    [s.plus(u), t.minus_i(v), s.minus(u), t.plus_i(v)]
}

impl Radix<2> for Even {
    #[inline(always)]
    fn of(&self, z: [Wide; 2]) -> [Wide; 2] {
        two(z)
    }
}

impl Radix<4> for Even {
    #[inline(always)]
    fn of(&self, z: [Wide; 4]) -> [Wide; 4] {
        four(z)
    }
}

impl Radix<8> for Even {
    #[inline(always)]
    fn of(&self, [a, b, c, d, e, f, g, h]: [Wide; 8]) -> [Wide; 8] {
        const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
        let (even, odd) = (four([a, c, e, g]), four([b, d, f, h]));
        // (1 − i) z and −(1 + i) z = −i (1 − i) z
        let first = odd[1].minus_i(odd[1]).scaled(HALF);
        let third = odd[3].minus_i(odd[3]).scaled(HALF);
        [
            even[0].plus(odd[0]),
            even[1].plus(first),
            even[2].minus_i(odd[2]),
            even[3].minus_i(third),
            even[0].minus(odd[0]),
            even[1].minus(first),
            even[2].plus_i(odd[2]),
            even[3].plus_i(third),
        ]
    }
}

impl<const N: usize> Odd<N> {
    fn new() -> Self {
        Self(std::array::from_fn(|j| {
            let angle = std::f64::consts::TAU * j as f64 / N as f64;
            [angle.cos() as f32, angle.sin() as f32]
        }))
    }
}

impl<const N: usize> Radix<N> for Odd<N> {
    /// The plain sum, numbers of equal cosine together.
    #[inline(always)]
    fn of(&self, z: [Wide; N]) -> [Wide; N] {
        let mut out = z;
        for j in 1..=N / 2 {
            out[0] = out[0].plus(z[j].plus(z[N - j]));
        }
        for k in 1..=N / 2 {
            let [cos, sin] = self.0[k];
            let mut even = z[0].plus(z[1].plus(z[N - 1]).scaled(cos));
            let mut odd = z[1].minus(z[N - 1]).scaled(sin);
            for j in 2..=N / 2 {
                let [cos, sin] = self.0[j * k % N];
                even = even.plus(z[j].plus(z[N - j]).scaled(cos));
                odd = odd.plus(z[j].minus(z[N - j]).scaled(sin));
            }
            out[k] = even.minus_i(odd);
            out[N - k] = even.plus_i(odd);
        }
        out
    }
}

/// Transforms the rows of `from`; what comes out is in one of the two, which is returned.
pub(super) fn transform<'a>(steps: &[Step], from: &'a mut [Row], to: &'a mut [Row]) -> &'a [Row] {
    assert!(is_wide() && from.len() == to.len(), "two buffers of a plan's length, made where there is AVX-512");
    let (mut from, mut to, mut done) = (from, to, 1);
    for step in steps {
        assert_eq!((from.len() / done) % step.radix, 0, "the radices of a plan make up its length");
        // SAFETY: AVX-512 and the lengths were checked above.
        unsafe { take_step(step, from, to, done) };
        done *= step.radix;
        (from, to) = (to, from);
    }
    from
}

/// # Safety
/// AVX-512, buffers of one length that the radix times `done` divides.
#[target_feature(enable = "avx512f")]
unsafe fn take_step(step: &Step, from: &[Row], to: &mut [Row], done: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match step.radix {
            8 => butterflies::<8>(step, from, to, done, &Even),
            4 => butterflies::<4>(step, from, to, done, &Even),
            2 => butterflies::<2>(step, from, to, done, &Even),
            3 => butterflies::<3>(step, from, to, done, &Odd::new()),
            5 => butterflies::<5>(step, from, to, done, &Odd::new()),
            _ => butterflies::<7>(step, from, to, done, &Odd::new()),
        }
    }
}

/// A step of radix `N`: `to[q + done (N p + k)] = w^(k p) Σ_j from[q + done (p + j m)] e^(-2πi j k / N)`.
///
/// # Safety
/// As for [`take_step`].
#[inline(always)]
unsafe fn butterflies<const N: usize>(step: &Step, from: &[Row], to: &mut [Row], done: usize, radix: &impl Radix<N>) {
    let (far, from, to) = (from.len() / N, from.as_ptr(), to.as_mut_ptr());
    for (p, twiddles) in step.twiddles.chunks_exact(N - 1).enumerate() {
        for q in done * p..done * (p + 1) {
            // SAFETY: `q < far`, so that reads stay below `N far` and writes below `N done (p + 1)`, both the length.
            unsafe {
                let mut z = [Wide::get(from.add(q)); N];
                for (j, z) in z.iter_mut().enumerate().skip(1) {
                    *z = Wide::get(from.add(q + j * far));
                }
                let out = radix.of(z);
                let to = to.add(q + (N - 1) * done * p);
                out[0].put(to);
                for k in 1..N {
                    let out = if p == 0 { out[k] } else { out[k].times(twiddles[k - 1]) };
                    out.put(to.add(k * done));
                }
            }
        }
    }
}
