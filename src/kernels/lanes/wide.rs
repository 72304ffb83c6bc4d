//! The steps and the ways in and out, in AVX-512. Each function checks once that its indices stay inside, then works on pointers.

#![allow(clippy::inline_always)]

use std::ops::Range;

use std::arch::x86_64::{
    __m512, __m512i, _mm512_add_ps, _mm512_castpd_ps, _mm512_castps_pd, _mm512_load_ps, _mm512_loadu_ps,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_mul_ps, _mm512_permutex2var_ps, _mm512_set1_ps,
    _mm512_setr_epi32, _mm512_setzero_ps, _mm512_shuffle_f64x2, _mm512_store_ps, _mm512_storeu_ps, _mm512_sub_ps,
    _mm512_unpackhi_pd, _mm512_unpacklo_pd,
};

use rustfft::num_complex::Complex32;

use super::{Cells, LANES, Row, Step};

/// Rows that are transposed together.
const EIGHT: usize = 8;

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
                for j in 1..N {
                    z[j] = Wide::get(from.add(q + j * far));
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

/// Which lanes of two registers of pairs count, for `width` pairs.
fn masks(width: usize) -> (u16, u16) {
    let all = u32::MAX.checked_shr(u32::BITS - 2 * width as u32).unwrap_or(0);
    (all as u16, (all >> u16::BITS) as u16)
}

/// Real and imaginary parts of sixteen pairs.
#[inline(always)]
fn split(low: __m512, high: __m512) -> Wide {
    // SAFETY: there is AVX-512 where there are registers.
    unsafe {
        let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
        Wide { re: _mm512_permutex2var_ps(low, even, high), im: _mm512_permutex2var_ps(low, odd, high) }
    }
}

/// Sixteen pairs of real and imaginary parts: the first eight, the last eight.
#[inline(always)]
fn join(re: __m512, im: __m512) -> (__m512, __m512) {
    // SAFETY: as above.
    unsafe {
        let low: __m512i = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let high: __m512i = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        (_mm512_permutex2var_ps(re, low, im), _mm512_permutex2var_ps(re, high, im))
    }
}

/// Eight times eight pairs, transposed.
#[inline(always)]
fn transpose(rows: [__m512; 8]) -> [__m512; 8] {
    // SAFETY: as above.
    unsafe {
        let mut pairs = [_mm512_castps_pd(rows[0]); 8];
        for j in 0..4 {
            let (a, b) = (_mm512_castps_pd(rows[2 * j]), _mm512_castps_pd(rows[2 * j + 1]));
            (pairs[j], pairs[4 + j]) = (_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
        }
        let mut columns = rows;
        for j in 0..2 {
            let [a, b, c, d] = [pairs[4 * j], pairs[4 * j + 1], pairs[4 * j + 2], pairs[4 * j + 3]];
            let (ab, cd) = (_mm512_shuffle_f64x2::<0x88>(a, b), _mm512_shuffle_f64x2::<0x88>(c, d));
            columns[j] = _mm512_castpd_ps(_mm512_shuffle_f64x2::<0x88>(ab, cd));
            columns[4 + j] = _mm512_castpd_ps(_mm512_shuffle_f64x2::<0xdd>(ab, cd));
            let (ab, cd) = (_mm512_shuffle_f64x2::<0xdd>(a, b), _mm512_shuffle_f64x2::<0xdd>(c, d));
            columns[2 + j] = _mm512_castpd_ps(_mm512_shuffle_f64x2::<0x88>(ab, cd));
            columns[6 + j] = _mm512_castpd_ps(_mm512_shuffle_f64x2::<0xdd>(ab, cd));
        }
        columns
    }
}

/// Takes rows as they lie in `from` into `rows`, or adds them to what is there.
pub(super) fn load(from: &Cells<&[Complex32]>, rows: &mut [Row], adds: bool) {
    check(from.cells.len(), from.pitch, &from.columns, rows.len());
    // SAFETY: AVX-512 and the cells were checked above.
    unsafe { load_rows(from.cells[from.columns.start..].as_ptr(), (from.pitch, from.columns.len()), rows, adds) }
}

/// Panics unless so many rows of these columns lie in the cells, and the machine has what is needed.
fn check(cells: usize, pitch: usize, columns: &Range<usize>, rows: usize) {
    assert!(columns.len() <= LANES && columns.end <= pitch, "columns of a row, sixteen at the most");
    assert!(is_wide() && pitch * rows <= cells, "the rows lie in the cells");
}

/// # Safety
/// AVX-512; `shape.1` pairs from `from` on may be read, and after each `shape.0` again, for every row.
#[target_feature(enable = "avx512f")]
unsafe fn load_rows(from: *const Complex32, shape: (usize, usize), rows: &mut [Row], adds: bool) {
    let ((pitch, width), from) = (shape, from.cast::<f32>());
    let (low, high) = masks(width);
    for (y, row) in rows.iter_mut().enumerate() {
        // SAFETY: the caller's promise; what a mask leaves out is not read.
        unsafe {
            let from = from.add(2 * pitch * y);
            let parts = split(_mm512_maskz_loadu_ps(low, from), _mm512_maskz_loadu_ps(high, from.add(LANES)));
            if adds { Wide::get(row).plus(parts) } else { parts }.put(row);
        }
    }
}

/// Puts rows into rows `first ..` of `to`, real and imaginary parts in each other's place.
pub(super) fn store(rows: &[Row], first: usize, to: &mut Cells<&mut [Complex32]>) {
    check(to.cells.len(), to.pitch, &to.columns, first + rows.len());
    let cells = &mut to.cells[first * to.pitch + to.columns.start..];
    // SAFETY: AVX-512 and the cells were checked above.
    unsafe { store_rows(rows, cells.as_mut_ptr(), (to.pitch, to.columns.len())) }
}

/// # Safety
/// AVX-512; `shape.1` pairs from `to` on may be written, and after each `shape.0` again, for every row.
#[target_feature(enable = "avx512f")]
unsafe fn store_rows(rows: &[Row], to: *mut Complex32, shape: (usize, usize)) {
    let ((pitch, width), to) = (shape, to.cast::<f32>());
    let (low, high) = masks(width);
    for (y, row) in rows.iter().enumerate() {
        // SAFETY: the caller's promise; what a mask leaves out is not written.
        unsafe {
            let (to, row) = (to.add(2 * pitch * y), Wide::get(row));
            let parts = join(row.im, row.re);
            _mm512_mask_storeu_ps(to, low, parts.0);
            _mm512_mask_storeu_ps(to.add(LANES), high, parts.1);
        }
    }
}

/// Puts rows upright: column `c` from `columns[c * stride]` on.
pub(super) fn stand(rows: &[Row], columns: &mut [Complex32], stride: usize) {
    check_columns(columns.len(), stride, rows.len());
    // SAFETY: AVX-512 and the columns were checked above.
    unsafe { stand_rows(rows, columns.as_mut_ptr(), stride) }
}

/// Panics unless sixteen columns have so many rows, and the machine has what is needed.
fn check_columns(cells: usize, stride: usize, rows: usize) {
    assert!(is_wide() && rows <= stride && (LANES - 1) * stride + rows <= cells, "sixteen columns");
}

/// # Safety
/// AVX-512; sixteen columns, `stride` apart, that may be written for all rows.
#[target_feature(enable = "avx512f")]
unsafe fn stand_rows(rows: &[Row], columns: *mut Complex32, stride: usize) {
    let mut eights = rows.chunks_exact(EIGHT);
    for (index, rows) in eights.by_ref().enumerate() {
        // SAFETY: eight rows from `EIGHT * index` on are among all.
        unsafe {
            let (mut low, mut high) = ([_mm512_setzero_ps(); EIGHT], [_mm512_setzero_ps(); EIGHT]);
            for (y, row) in rows.iter().enumerate() {
                let row = Wide::get(row);
                (low[y], high[y]) = join(row.re, row.im);
            }
            let (low, high) = (transpose(low), transpose(high));
            for c in 0..EIGHT {
                _mm512_storeu_ps(columns.add(c * stride + EIGHT * index).cast(), low[c]);
                _mm512_storeu_ps(columns.add((EIGHT + c) * stride + EIGHT * index).cast(), high[c]);
            }
        }
    }
    let done = rows.len() / EIGHT * EIGHT;
    for (y, row) in eights.remainder().iter().enumerate() {
        for c in 0..LANES {
            // SAFETY: row `done + y` is among all.
            unsafe { *columns.add(c * stride + done + y) = Complex32::new(row.re[c], row.im[c]) };
        }
    }
}

/// Lays upright columns down in rows, real and imaginary parts in each other's place.
pub(super) fn lay(columns: &[Complex32], stride: usize, rows: &mut [Row]) {
    check_columns(columns.len(), stride, rows.len());
    // SAFETY: AVX-512 and the columns were checked above.
    unsafe { lay_columns(columns.as_ptr(), stride, rows) }
}

/// # Safety
/// AVX-512; sixteen columns, `stride` apart, that may be read for all rows.
#[target_feature(enable = "avx512f")]
unsafe fn lay_columns(columns: *const Complex32, stride: usize, rows: &mut [Row]) {
    let done = rows.len() / EIGHT * EIGHT;
    let (eights, rest) = rows.split_at_mut(done);
    for (index, rows) in eights.chunks_exact_mut(EIGHT).enumerate() {
        // SAFETY: eight rows from `EIGHT * index` on are among all.
        unsafe {
            let (mut low, mut high) = ([_mm512_setzero_ps(); EIGHT], [_mm512_setzero_ps(); EIGHT]);
            for c in 0..EIGHT {
                low[c] = _mm512_loadu_ps(columns.add(c * stride + EIGHT * index).cast());
                high[c] = _mm512_loadu_ps(columns.add((EIGHT + c) * stride + EIGHT * index).cast());
            }
            let (low, high) = (transpose(low), transpose(high));
            for (y, row) in rows.iter_mut().enumerate() {
                let Wide { re, im } = split(low[y], high[y]);
                Wide { re: im, im: re }.put(row);
            }
        }
    }
    for (y, row) in rest.iter_mut().enumerate() {
        for c in 0..LANES {
            // SAFETY: row `done + y` is among all.
            let cell = unsafe { *columns.add(c * stride + done + y) };
            (row.re[c], row.im[c]) = (cell.im, cell.re);
        }
    }
}
