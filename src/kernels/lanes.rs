//! Transforms of sixteen columns side by side, a column for each lane of an AVX-512 register.
//!
//! Rows of a plane are then loaded as they lie, and nothing is shuffled between the steps of a transform. Stockham's form, which sorts
//! itself (Van Loan 1992, algorithm 1.7.2), goes back and forth between two buffers that fit the second level of cache.
//! On a machine without AVX-512 there is no plan, and the caller transforms column by column, which is also the reference of the tests.

#[cfg_attr(not(target_arch = "x86_64"), path = "lanes/absent.rs")]
mod wide;

mod real;

use std::f64::consts::TAU;
use std::ops::Range;

use rustfft::num_complex::Complex32;

pub use real::LaneRealFft;

/// Columns that are transformed side by side.
pub const LANES: usize = 16;

/// A row of sixteen columns.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub struct Row {
    re: [f32; LANES],
    im: [f32; LANES],
}

/// Numbers as pairs, each the real and the imaginary part of one; a last one without another is left out.
pub fn as_pairs(numbers: &[f32]) -> &[Complex32] {
    // SAFETY: a complex number is two `f32`s, aligned as they are.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), numbers.len() / 2) }
}

/// [`as_pairs`], to be written to.
pub fn as_pairs_mut(numbers: &mut [f32]) -> &mut [Complex32] {
    // SAFETY: as above, and nothing else refers to them.
    unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), numbers.len() / 2) }
}

/// Rows of cells in memory, each `pitch` cells after the one before, of which columns `columns` are meant (sixteen at the most).
pub struct Cells<T> {
    /// The cells.
    pub cells: T,
    /// Cells from a row to the next.
    pub pitch: usize,
    /// The columns.
    pub columns: Range<usize>,
}

/// A step of a transform: its radix, and for each of its butterflies the twiddle factors of all outputs but the first.
#[derive(Debug)]
struct Step {
    radix: usize,
    twiddles: Vec<[f32; 2]>,
}

/// The radices of a length, 8 before 4; nothing where another prime factor than 2, 3, 5 and 7 divides it.
fn radices(length: usize) -> Option<Vec<usize>> {
    let twos = length.trailing_zeros() as usize;
    let (fours, pairs) = match (twos % 3, twos) {
        (0, _) => (0, 0),
        (1, 1) => (0, 1),
        (1, _) => (2, 0),
        _ => (1, 0),
    };
    let mut radices = vec![8; (twos - 2 * fours - pairs) / 3];
    radices.extend(std::iter::repeat_n(4, fours).chain(std::iter::repeat_n(2, pairs)));
    let mut rest = length >> twos;
    for prime in [3, 5, 7] {
        while rest.is_multiple_of(prime) {
            radices.push(prime);
            rest /= prime;
        }
    }
    (rest == 1).then_some(radices)
}

/// The bits of the first `count` lanes.
fn first(count: usize) -> u16 {
    u16::MAX.checked_shr((LANES - count) as u32).unwrap_or(0)
}

/// A plan of transforms of one length, and the buffers that they take.
#[derive(Debug)]
pub struct LaneFft {
    length: usize,
    steps: Vec<Step>,
    rows: Vec<Row>,
}

/// Rows between the two buffers, so that they do not meet in the same sets of the cache.
const APART: usize = 5;

impl LaneFft {
    /// Plans transforms of `length` rows, 1 or more; nothing where the machine lacks AVX-512 or a prime factor is above 7.
    pub fn new(length: usize) -> Option<Self> {
        if !wide::is_wide() {
            return None;
        }
        let (mut steps, mut rest) = (Vec::new(), length);
        for radix in radices(length)? {
            let angle = |k: usize, p: usize| -TAU * (k * p) as f64 / rest as f64;
            let twiddles = (0..rest / radix).flat_map(|p| (1..radix).map(move |k| angle(k, p)));
            let twiddles = twiddles.map(|angle| [angle.cos() as f32, angle.sin() as f32]).collect();
            steps.push(Step { radix, twiddles });
            rest /= radix;
        }
        Some(Self { length, steps, rows: vec![Row::default(); 2 * length + APART] })
    }

    /// Makes all rows 0.
    pub fn clear(&mut self) {
        self.rows[..self.length].fill(Row::default());
    }

    /// Takes rows `first ..` from `from`, or adds them to what is there.
    ///
    /// # Panics
    /// If they pass the plan's length, or the columns a row's end.
    pub fn load(&mut self, first: usize, from: &Cells<&[Complex32]>, adds: bool) {
        let rows = from.cells.len() / from.pitch;
        wide::load(from, &mut self.rows[..self.length][first..][..rows], adds);
    }

    /// Transforms what was loaded, and puts the first `count` columns upright: column `c` from `columns[c * stride]` on.
    ///
    /// # Panics
    /// If there is no room for them.
    pub fn forward(&mut self, columns: &mut [Complex32], stride: usize, count: usize) {
        let rows = self.transform();
        wide::stand::<false>(rows, columns, (stride, first(count)));
    }

    /// Transforms upright columns back, not scaled, and puts rows `rows` into `to`.
    ///
    /// # Panics
    /// If there are fewer than sixteen columns, or fewer rows than asked for.
    pub fn inverse(
        &mut self,
        columns: &[Complex32],
        stride: usize,
        rows: &[Range<usize>],
        to: &mut Cells<&mut [Complex32]>,
    ) {
        wide::lay::<true>(columns, (stride, LANES), &mut self.rows[..self.length]);
        let lying = self.transform();
        let mut first = 0;
        for rows in rows.iter().filter(|rows| !rows.is_empty()) {
            wide::store(&lying[rows.clone()], first, to);
            first += rows.len();
        }
    }

    /// The transform of the first buffer, in either.
    fn transform(&mut self) -> &[Row] {
        let (first, second) = self.rows.split_at_mut(self.length + APART);
        wide::transform(&self.steps, &mut first[..self.length], second)
    }
}

#[cfg(test)]
mod tests {
    use rustfft::FftPlanner;

    use super::*;

    const PITCH: usize = 20;

    /// `length` rows of [`PITCH`] cells.
    fn plane(length: usize) -> Vec<Complex32> {
        let value = |i: usize| Complex32::new(((i * 7 + i * i) % 101) as f32 - 50.0, ((i * 3) % 17) as f32 - 8.0);
        (0..length * PITCH).map(value).collect()
    }

    fn cells(cells: &[Complex32], columns: Range<usize>) -> Cells<&[Complex32]> {
        Cells { cells, pitch: PITCH, columns }
    }

    #[test]
    fn sixteen_columns_or_fewer_are_transformed_as_each_alone_is_and_come_back_where_they_belong() {
        for length in [1, 2, 3, 4, 5, 6, 7, 8, 10, 15, 16, 30, 32, 60, 64, 128, 210, 256, 1024, 1500, 2048] {
            let Some(mut lanes) = LaneFft::new(length) else { continue };
            let (plane, alone) = (plane(length), FftPlanner::new().plan_fft_forward(length));
            let stride = length + 8;
            for width in [1, 5, 16] {
                let mut columns = vec![Complex32::new(7.0, 7.0); LANES * stride];
                lanes.load(0, &cells(&plane, 3..3 + width), false);
                lanes.forward(&mut columns, stride, width);
                for (c, column) in columns.chunks_exact(stride).take(width).enumerate() {
                    let mut expected: Vec<Complex32> = plane.iter().skip(3 + c).step_by(PITCH).copied().collect();
                    alone.process(&mut expected);
                    let highest = expected.iter().map(|z| z.norm()).fold(1.0, f32::max);
                    let wrong = expected.iter().zip(column).map(|(a, b)| (a - b).norm()).fold(0.0, f32::max);
                    assert!(wrong < 1e-6 * highest, "{length} rows, column {c} of {width}: {wrong} of {highest}");
                }
                let untouched = Complex32::new(9.0, 9.0);
                let (top, bottom) = (length.div_ceil(2), length / 3);
                let mut back = vec![untouched; (top + bottom) * PITCH];
                let mut to = Cells { cells: &mut back[..], pitch: PITCH, columns: 2..2 + width };
                lanes.inverse(&columns, stride, &[0..top, length - bottom..length], &mut to);
                let rows = (0..top).chain(length - bottom..length);
                for (y, back) in rows.zip(back.chunks_exact(PITCH)) {
                    for (x, value) in back.iter().enumerate() {
                        if (2..2 + width).contains(&x) {
                            let wrong = (value / length as f32 - plane[y * PITCH + x + 1]).norm();
                            assert!(wrong < 1e-4, "{length} rows, row {y}, column {x}: {wrong}");
                        } else {
                            assert_eq!(*value, untouched);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn rows_add_up_and_rows_that_are_not_loaded_are_zero() {
        let Some(mut lanes) = LaneFft::new(12) else { return };
        let plane = plane(12);
        let part = |rows: Range<usize>| cells(&plane[rows.start * PITCH..rows.end * PITCH], 0..16);
        let (mut once, mut twice) = (vec![Complex32::default(); 16 * 12], vec![Complex32::default(); 16 * 12]);
        lanes.clear();
        lanes.load(4, &part(4..9), true);
        lanes.load(4, &part(4..9), true);
        lanes.forward(&mut twice, 12, 16);
        lanes.clear();
        lanes.load(4, &part(4..9), false);
        lanes.forward(&mut once, 12, 16);
        assert!(once.iter().any(|z| *z != Complex32::default()));
        assert!(once.iter().zip(&twice).all(|(one, two)| (two - 2.0 * one).norm() < 1e-3));
        let sum: Complex32 = (4..9).map(|y| plane[y * PITCH + 6]).sum();
        assert!((once[6 * 12] - sum).norm() < 1e-3);
    }

    #[test]
    fn a_length_with_a_large_prime_has_no_plan() {
        assert!(LaneFft::new(11).is_none() && LaneFft::new(4099).is_none());
        assert_eq!(radices(4096), Some(vec![8; 4]));
        assert_eq!(radices(6144), Some(vec![8, 8, 8, 4, 3]));
        assert_eq!(radices(2 * 16 * 35), Some(vec![8, 4, 5, 7]));
        assert_eq!(radices(128), Some(vec![8, 4, 4]));
    }
}
