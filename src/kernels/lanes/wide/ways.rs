//! The ways in and out: rows of a plane as they lie, and upright columns.

#![allow(clippy::inline_always)]

use std::arch::x86_64::{
    __m512, __m512i, _mm512_castpd_ps, _mm512_castps_pd, _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_permutex2var_ps, _mm512_setr_epi32, _mm512_setzero_ps, _mm512_shuffle_f64x2, _mm512_storeu_ps,
    _mm512_unpackhi_pd, _mm512_unpacklo_pd,
};
use std::ops::Range;

use rustfft::num_complex::Complex32;

use super::super::{Cells, LANES, Row};
use super::{Wide, is_wide};

/// Rows that are transposed together.
const EIGHT: usize = 8;

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
pub(in super::super) fn load(from: &Cells<&[Complex32]>, rows: &mut [Row], adds: bool) {
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
pub(in super::super) fn store(rows: &[Row], first: usize, to: &mut Cells<&mut [Complex32]>) {
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

/// Puts rows upright, real and imaginary parts in each other's place if `SWAPS`: column `c` from `columns[c * stride]` on, if `kept` has
/// bit `c`.
pub(in super::super) fn stand<const SWAPS: bool>(
    rows: &[Row],
    columns: &mut [Complex32],
    (stride, kept): (usize, u16),
) {
    let count = u16::BITS - kept.leading_zeros();
    check_columns(columns.len(), stride, (rows.len(), count as usize));
    // SAFETY: AVX-512 and the columns were checked above.
    unsafe { stand_rows::<SWAPS>(rows, columns.as_mut_ptr(), stride, kept) }
}

/// Panics unless so many columns have so many rows, and the machine has what is needed.
fn check_columns(cells: usize, stride: usize, (rows, count): (usize, usize)) {
    assert!(is_wide() && rows <= stride && count <= LANES, "sixteen columns at the most, that do not meet");
    assert!(count == 0 || (count - 1) * stride + rows <= cells, "all of them in the cells");
}

/// # Safety
/// AVX-512; columns, `stride` apart, of which those with a bit in `kept` may be written for all rows.
#[target_feature(enable = "avx512f")]
unsafe fn stand_rows<const SWAPS: bool>(rows: &[Row], columns: *mut Complex32, stride: usize, kept: u16) {
    let mut eights = rows.chunks_exact(EIGHT);
    for (index, rows) in eights.by_ref().enumerate() {
        // SAFETY: eight rows from `EIGHT * index` on are among all.
        unsafe {
            let (mut low, mut high) = ([_mm512_setzero_ps(); EIGHT], [_mm512_setzero_ps(); EIGHT]);
            for (y, row) in rows.iter().enumerate() {
                let Wide { re, im } = Wide::get(row);
                (low[y], high[y]) = if SWAPS { join(im, re) } else { join(re, im) };
            }
            let (low, high) = (transpose(low), transpose(high));
            for c in 0..EIGHT {
                if kept & (1 << c) != 0 {
                    _mm512_storeu_ps(columns.add(c * stride + EIGHT * index).cast(), low[c]);
                }
                if kept & (1 << (EIGHT + c)) != 0 {
                    _mm512_storeu_ps(columns.add((EIGHT + c) * stride + EIGHT * index).cast(), high[c]);
                }
            }
        }
    }
    let done = rows.len() / EIGHT * EIGHT;
    for (y, row) in eights.remainder().iter().enumerate() {
        for c in (0..LANES).filter(|c| kept & (1 << c) != 0) {
            let (re, im) = if SWAPS { (row.im[c], row.re[c]) } else { (row.re[c], row.im[c]) };
            // SAFETY: row `done + y` is among all.
            unsafe { *columns.add(c * stride + done + y) = Complex32::new(re, im) };
        }
    }
}

/// Lays upright columns down in rows, real and imaginary parts in each other's place if `SWAPS`. Lanes beyond the `count` columns get the
/// last of them.
pub(in super::super) fn lay<const SWAPS: bool>(
    columns: &[Complex32],
    (stride, count): (usize, usize),
    rows: &mut [Row],
) {
    assert!(count > 0, "a column at least");
    check_columns(columns.len(), stride, (rows.len(), count));
    // SAFETY: AVX-512 and the columns were checked above.
    unsafe { lay_columns::<SWAPS>(columns.as_ptr(), (stride, count), rows) }
}

/// # Safety
/// AVX-512; `shape.1` columns, `shape.0` apart, that may be read for all rows.
#[target_feature(enable = "avx512f")]
unsafe fn lay_columns<const SWAPS: bool>(columns: *const Complex32, shape: (usize, usize), rows: &mut [Row]) {
    let (stride, last) = (shape.0, shape.1 - 1);
    let done = rows.len() / EIGHT * EIGHT;
    let (eights, rest) = rows.split_at_mut(done);
    for (index, rows) in eights.chunks_exact_mut(EIGHT).enumerate() {
        // SAFETY: eight rows from `EIGHT * index` on are among all.
        unsafe {
            let (mut low, mut high) = ([_mm512_setzero_ps(); EIGHT], [_mm512_setzero_ps(); EIGHT]);
            for c in 0..EIGHT {
                low[c] = _mm512_loadu_ps(columns.add(last.min(c) * stride + EIGHT * index).cast());
                high[c] = _mm512_loadu_ps(columns.add(last.min(EIGHT + c) * stride + EIGHT * index).cast());
            }
            let (low, high) = (transpose(low), transpose(high));
            for (y, row) in rows.iter_mut().enumerate() {
                let Wide { re, im } = split(low[y], high[y]);
                if SWAPS { Wide { re: im, im: re } } else { Wide { re, im } }.put(row);
            }
        }
    }
    for (y, row) in rest.iter_mut().enumerate() {
        for c in 0..LANES {
            // SAFETY: row `done + y` is among all.
            let cell = unsafe { *columns.add(last.min(c) * stride + done + y) };
            (row.re[c], row.im[c]) = if SWAPS { (cell.im, cell.re) } else { (cell.re, cell.im) };
        }
    }
}
