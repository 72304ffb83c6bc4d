//! Many sources at once off an active list: what a pass over a few pixels found is taken from all the others.

use std::ops::Range;

use super::list::{ActiveList, Lookup};

/// A source to be subtracted, in pixels of the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Source {
    /// Row \[pixels\].
    pub y: i32,
    /// Column \[pixels\].
    pub x: i32,
    /// What multiplies the table.
    pub factor: f32,
}

/// How the places of a list and the entries of a table lie, in pixels; both are powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spacing {
    /// From one place of the list to the next.
    pub list: u32,
    /// From one entry of the table to the next; between entries it is interpolated linearly along both axes.
    pub table: u32,
}

impl Spacing {
    /// Bits that hold the place between two entries, those of a step of the list, and `1 / table`.
    fn bits(self) -> (u32, u32, f32) {
        debug_assert!(self.list.is_power_of_two() && self.table.is_power_of_two());
        (self.table.trailing_zeros(), self.list.trailing_zeros(), 1.0 / self.table as f32)
    }
}

/// Pixels of a list that all sources are taken from before the next ones: what neighbouring sources look up for them is
/// near each other, and stays in the nearest cache.
const CHUNK: usize = 1024;

/// Subtracts the sources one after the other: `value(p) -= factor table(p - source)`. Beyond the table there is nothing.
///
/// # Panics
/// If the list's columns are not equally long.
pub fn subtract_sources(list: &mut ActiveList, table: &Lookup<'_>, spacing: Spacing, sources: &[Source]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && list.len() >= 16 {
        let is_even = [list.y.len(), list.x.len()].iter().all(|length| *length == list.len());
        assert!(is_even, "a list keeps its columns equally long");
        for first in (0..list.len()).step_by(CHUNK) {
            let part = first..list.len().min(first + CHUNK);
            for source in sources {
                // SAFETY: AVX-512F was detected, and the columns were just seen to be equally long.
                unsafe {
                    if spacing.table == 1 {
                        subtract_avx512::<false>(list, table, spacing, (source, part.clone()));
                    } else {
                        subtract_avx512::<true>(list, table, spacing, (source, part.clone()));
                    }
                }
            }
        }
        return;
    }
    subtract_sources_plain(list, table, spacing, sources);
}

/// The reference of [`subtract_sources`].
pub fn subtract_sources_plain(list: &mut ActiveList, table: &Lookup<'_>, spacing: Spacing, sources: &[Source]) {
    for source in sources {
        for index in 0..list.len() {
            subtract_one(list, table, spacing, (source, index));
        }
    }
}

#[inline]
fn subtract_one(list: &mut ActiveList, table: &Lookup<'_>, spacing: Spacing, at: (&Source, usize)) {
    let ((shift, step, unit), (source, index)) = (spacing.bits(), at);
    let (dy, dx) = ((list.y[index] << step) - source.y, (list.x[index] << step) - source.x);
    let (y, x) = (dy >> shift, dx >> shift);
    let h = if shift == 0 {
        table.at(y, x)
    } else {
        let (fy, fx) = ((dy - (y << shift)) as f32 * unit, (dx - (x << shift)) as f32 * unit);
        let row = |y: i32| table.at(y, x) * (1.0 - fx) + table.at(y, x + 1) * fx;
        row(y) * (1.0 - fy) + row(y + 1) * fy
    };
    list.value[index] -= source.factor * h;
}

/// # Safety
/// The machine must have AVX-512F, and the columns of `list` must be equally long.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[allow(clippy::cast_ptr_alignment)] // the unaligned loads and stores ask for no alignment
unsafe fn subtract_avx512<const BETWEEN: bool>(
    list: &mut ActiveList,
    table: &Lookup<'_>,
    spacing: Spacing,
    at: (&Source, Range<usize>),
) {
    use std::arch::x86_64::{
        __m512i, _mm_cvtsi32_si128, _mm512_add_epi32, _mm512_add_ps, _mm512_cvtepi32_ps, _mm512_loadu_ps,
        _mm512_loadu_si512, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_sll_epi32, _mm512_sra_epi32,
        _mm512_storeu_ps, _mm512_sub_epi32, _mm512_sub_ps,
    };
    const WIDTH: usize = 16;
    let (source, part) = at;
    let whole = part.start + part.len() / WIDTH * WIDTH;
    let (shift, step, unit) = spacing.bits();
    let (left, right) = (_mm_cvtsi32_si128(step as i32), _mm_cvtsi32_si128(shift as i32));
    let (y0, x0) = (_mm512_set1_epi32(source.y), _mm512_set1_epi32(source.x));
    let (factor, unit, ones) = (_mm512_set1_ps(source.factor), _mm512_set1_ps(unit), _mm512_set1_ps(1.0));
    let next = _mm512_set1_epi32(1);
    for at in (part.start..whole).step_by(WIDTH) {
        // SAFETY: `at + 16 <= part.end <= len` for each of the equally long columns; `gather` looks inside the table only.
        unsafe {
            let place = |column: &[i32]| _mm512_loadu_si512(column.as_ptr().add(at).cast::<__m512i>());
            let dy = _mm512_sub_epi32(_mm512_sll_epi32(place(&list.y), left), y0);
            let dx = _mm512_sub_epi32(_mm512_sll_epi32(place(&list.x), left), x0);
            let (y, x) = (_mm512_sra_epi32(dy, right), _mm512_sra_epi32(dx, right));
            let h = if BETWEEN {
                let part = |d, whole| {
                    _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(d, _mm512_sll_epi32(whole, right))), unit)
                };
                let (fy, fx) = (part(dy, y), part(dx, x));
                let (gy, gx) = (_mm512_sub_ps(ones, fy), _mm512_sub_ps(ones, fx));
                let row = |y| {
                    let (near, far) = (table.gather(y, x), table.gather(y, _mm512_add_epi32(x, next)));
                    _mm512_add_ps(_mm512_mul_ps(near, gx), _mm512_mul_ps(far, fx))
                };
                _mm512_add_ps(_mm512_mul_ps(row(y), gy), _mm512_mul_ps(row(_mm512_add_epi32(y, next)), fy))
            } else {
                table.gather(y, x)
            };
            let pointer = list.value.as_mut_ptr().add(at);
            _mm512_storeu_ps(pointer, _mm512_sub_ps(_mm512_loadu_ps(pointer), _mm512_mul_ps(factor, h)));
        }
    }
    for index in whole..part.end {
        subtract_one(list, table, spacing, (source, index));
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn field(pixels: usize) -> ActiveList {
        let mut list = ActiveList::default();
        (0..pixels).for_each(|index| list.push((index * 37 / 100, index * 37 % 100), (index % 13) as f32 / 7.0, 1.0));
        list
    }

    fn sources() -> Vec<Source> {
        let source = |index: i32| Source { y: index * 19 % 90, x: index * 43 % 300, factor: 0.1 + index as f32 / 9.0 };
        (0..7).map(source).collect()
    }

    #[test]
    fn the_vector_version_gives_the_bits_of_the_reference() {
        let table = Array2::from_shape_fn((61, 83), |(y, x)| ((y * 31 + x * 17) % 97) as f32 / 97.0 - 0.4);
        let lookup = Lookup::new(table.view(), (30, 41), (100, 100));
        for pixels in [1, 15, 16, 17, 130, 1024, 1050] {
            for (list, table) in [(1, 1), (1, 2), (4, 1), (2, 8), (4, 4)] {
                let (mut fast, mut plain) = (field(pixels), field(pixels));
                subtract_sources(&mut fast, &lookup, Spacing { list, table }, &sources());
                subtract_sources_plain(&mut plain, &lookup, Spacing { list, table }, &sources());
                assert_eq!(fast, plain, "{pixels} {list} {table}");
            }
        }
    }

    #[test]
    fn a_table_is_interpolated_between_its_entries() {
        // a plane is interpolated exactly
        let table = Array2::from_shape_fn((21, 21), |(y, x)| 2.0 * y as f32 - x as f32);
        let lookup = Lookup::new(table.view(), (10, 10), (10, 10));
        let mut list = ActiveList::default();
        list.push((5, 6), 0.0, 1.0);
        let source = Source { y: 7, x: 9, factor: -1.0 };
        subtract_sources(&mut list, &lookup, Spacing { list: 2, table: 4 }, &[source]);
        let (dy, dx) = ((10.0 - 7.0) / 4.0, (12.0 - 9.0) / 4.0);
        assert!((list.value[0] - (2.0 * (10.0 + dy) - (10.0 + dx))).abs() < 1e-5, "{}", list.value[0]);
    }
}
