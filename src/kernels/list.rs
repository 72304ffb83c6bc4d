//! The active list of CLEAN: values of a few pixels, cleaned by looking the PSF up at their mutual distances.

use ndarray::ArrayView2;

/// Pixels that may be cleaned, in row order, with their residuals.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ActiveList {
    /// Row of each pixel.
    pub y: Vec<i32>,
    /// Column of each pixel.
    pub x: Vec<i32>,
    /// Residual at each pixel \[Jy/beam\].
    pub value: Vec<f32>,
    /// What the residual counts for in the search for the peak, above 0 and at most 1.
    pub weight: Vec<f32>,
}

impl ActiveList {
    /// Number of pixels.
    pub fn len(&self) -> usize {
        self.value.len()
    }

    /// Whether no pixel is listed.
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// Adds a pixel; pixels must come in row order.
    pub fn push(&mut self, (y, x): (usize, usize), value: f32, weight: f32) {
        self.y.push(y as i32);
        self.x.push(x as i32);
        self.value.push(value);
        self.weight.push(weight);
    }

    /// Adds the pixels of a later slab.
    pub fn append(&mut self, later: &Self) {
        self.y.extend_from_slice(&later.y);
        self.x.extend_from_slice(&later.x);
        self.value.extend_from_slice(&later.value);
        self.weight.extend_from_slice(&later.weight);
    }

    /// Some of the pixels, in their order.
    pub fn of(&self, indices: &[u32]) -> Self {
        let mut some = Self::default();
        for index in indices.iter().map(|index| *index as usize) {
            some.y.push(self.y[index]);
            some.x.push(self.x[index]);
            some.value.push(self.value[index]);
            some.weight.push(self.weight[index]);
        }
        some
    }

    /// The weighted absolute value of a pixel.
    #[inline]
    pub fn height(&self, index: usize) -> f32 {
        self.value[index].abs() * self.weight[index]
    }

    /// Index of the highest weighted absolute value, the lowest index among equals; `None` for an empty list.
    pub fn peak(&self) -> Option<usize> {
        let mut best: Option<(usize, f32)> = None;
        for index in 0..self.len() {
            let height = self.height(index);
            if best.is_none_or(|(_, peak)| height > peak) {
                best = Some((index, height));
            }
        }
        best.map(|(index, _)| index)
    }
}

/// A PSF to look up: its values, and which distances from its centre count.
#[derive(Debug, Clone, Copy)]
pub struct Lookup<'a> {
    values: &'a [f32],
    width: i32,
    centre: i32,
    low: (i32, i32),
    extent: (u32, u32),
}

impl<'a> Lookup<'a> {
    /// Looks up in `psf`, shape `(ny, nx)`, around the pixel `centre` (y, x), at distances up to `reach` on each side
    /// of each axis; beyond it, or beyond the PSF's edge, the PSF counts as 0.
    ///
    /// # Panics
    /// If the PSF is not in row order, has 2^31 pixels or more, or does not hold its centre.
    pub fn new(psf: ArrayView2<'a, f32>, centre: (usize, usize), reach: (usize, usize)) -> Self {
        let (ny, nx) = psf.dim();
        let values = psf.to_slice().expect("a PSF is stored in row order");
        assert!(i32::try_from(values.len()).is_ok() && centre.0 < ny && centre.1 < nx, "a PSF that can be indexed");
        let side = |middle: usize, length: usize, reach: usize| {
            let (before, after) = (reach.min(middle), reach.min(length - 1 - middle));
            (-(before as i32), (before + after) as u32)
        };
        let (low_y, extent_y) = side(centre.0, ny, reach.0);
        let (low_x, extent_x) = side(centre.1, nx, reach.1);
        Self {
            values,
            width: nx as i32,
            centre: (centre.0 * nx + centre.1) as i32,
            low: (low_y, low_x),
            extent: (extent_y, extent_x),
        }
    }

    /// The PSF at distances from its centre, 0 beyond its reach, sixteen at once.
    ///
    /// # Safety
    /// The machine must have AVX-512F.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) unsafe fn gather(
        &self,
        dy: std::arch::x86_64::__m512i,
        dx: std::arch::x86_64::__m512i,
    ) -> std::arch::x86_64::__m512 {
        use std::arch::x86_64::{
            _mm512_add_epi32, _mm512_cmple_epu32_mask, _mm512_mask_i32gather_ps, _mm512_mullo_epi32, _mm512_set1_epi32,
            _mm512_setzero_ps, _mm512_sub_epi32,
        };
        let is_inside = |distance, low: i32, extent: u32| {
            let past = _mm512_sub_epi32(distance, _mm512_set1_epi32(low));
            _mm512_cmple_epu32_mask(past, _mm512_set1_epi32(extent as i32))
        };
        let inside = is_inside(dy, self.low.0, self.extent.0) & is_inside(dx, self.low.1, self.extent.1);
        let row = _mm512_mullo_epi32(dy, _mm512_set1_epi32(self.width));
        let place = _mm512_add_epi32(_mm512_add_epi32(row, dx), _mm512_set1_epi32(self.centre));
        // SAFETY: a lane is gathered only where both distances lie inside the PSF, so its index is inside `values`.
        unsafe { _mm512_mask_i32gather_ps::<4>(_mm512_setzero_ps(), inside, place, self.values.as_ptr()) }
    }

    /// The PSF at distance `(dy, dx)` from its centre.
    #[inline]
    pub(super) fn at(&self, dy: i32, dx: i32) -> f32 {
        let inside =
            dy.wrapping_sub(self.low.0) as u32 <= self.extent.0 && dx.wrapping_sub(self.low.1) as u32 <= self.extent.1;
        if inside { self.values[(self.centre + dy * self.width + dx) as usize] } else { 0.0 }
    }
}

/// Subtracts `factor` times the PSF centred on pixel `source` from the whole list, and returns the index of the
/// highest weighted absolute value that is left (the lowest index among equals).
///
/// # Panics
/// If the list does not hold `source`.
pub fn subtract_and_peak(list: &mut ActiveList, psf: &Lookup<'_>, source: usize, factor: f32) -> usize {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && list.len() >= 16 {
        let origin = (list.y[source], list.x[source]);
        let is_even = [list.y.len(), list.x.len(), list.weight.len()].iter().all(|length| *length == list.len());
        assert!(is_even, "a list keeps its columns equally long");
        // SAFETY: AVX-512F was detected, and the columns were just seen to be equally long.
        return unsafe { subtract_and_peak_avx512(list, psf, origin, factor) };
    }
    subtract_and_peak_plain(list, psf, source, factor)
}

/// The reference of [`subtract_and_peak`].
pub fn subtract_and_peak_plain(list: &mut ActiveList, psf: &Lookup<'_>, source: usize, factor: f32) -> usize {
    let (y0, x0) = (list.y[source], list.x[source]);
    let (mut best, mut peak) = (0, -1.0);
    for index in 0..list.len() {
        list.value[index] -= factor * psf.at(list.y[index] - y0, list.x[index] - x0);
        let height = list.height(index);
        if height > peak {
            (best, peak) = (index, height);
        }
    }
    best
}

/// # Safety
/// The machine must have AVX-512F, and the columns of `list` must be equally long.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[allow(clippy::cast_ptr_alignment)] // the unaligned loads and stores ask for no alignment
unsafe fn subtract_and_peak_avx512(list: &mut ActiveList, psf: &Lookup<'_>, origin: (i32, i32), factor: f32) -> usize {
    use std::arch::x86_64::{
        __m512i, _CMP_GT_OQ, _mm512_abs_ps, _mm512_add_epi32, _mm512_cmp_ps_mask, _mm512_loadu_ps, _mm512_loadu_si512,
        _mm512_mask_blend_epi32, _mm512_mask_blend_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps,
        _mm512_setr_epi32, _mm512_storeu_ps, _mm512_storeu_si512, _mm512_sub_epi32, _mm512_sub_ps,
    };
    const WIDTH: usize = 16;
    let whole = list.len() / WIDTH * WIDTH;
    let (y0, x0) = (_mm512_set1_epi32(origin.0), _mm512_set1_epi32(origin.1));
    let factors = _mm512_set1_ps(factor);
    let mut peaks = _mm512_set1_ps(-1.0);
    let mut places = _mm512_set1_epi32(0);
    let mut indices = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for at in (0..whole).step_by(WIDTH) {
        // SAFETY: `at + 16 <= len` for each of the equally long columns.
        unsafe {
            let dy = _mm512_sub_epi32(_mm512_loadu_si512(list.y.as_ptr().add(at).cast::<__m512i>()), y0);
            let dx = _mm512_sub_epi32(_mm512_loadu_si512(list.x.as_ptr().add(at).cast::<__m512i>()), x0);
            let h = psf.gather(dy, dx);
            let pointer = list.value.as_mut_ptr().add(at);
            let value = _mm512_sub_ps(_mm512_loadu_ps(pointer), _mm512_mul_ps(factors, h));
            _mm512_storeu_ps(pointer, value);
            let height = _mm512_mul_ps(_mm512_abs_ps(value), _mm512_loadu_ps(list.weight.as_ptr().add(at)));
            let higher = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(height, peaks);
            peaks = _mm512_mask_blend_ps(higher, peaks, height);
            places = _mm512_mask_blend_epi32(higher, places, indices);
            indices = _mm512_add_epi32(indices, _mm512_set1_epi32(WIDTH as i32));
        }
    }
    let (mut lane_peaks, mut lane_places) = ([0.0_f32; WIDTH], [0_i32; WIDTH]);
    // SAFETY: both arrays hold sixteen 4-byte values.
    unsafe {
        _mm512_storeu_ps(lane_peaks.as_mut_ptr(), peaks);
        _mm512_storeu_si512(lane_places.as_mut_ptr().cast::<__m512i>(), places);
    }
    let (mut best, mut peak) = (usize::MAX, -1.0);
    for (lane_peak, lane_place) in lane_peaks.into_iter().zip(lane_places) {
        if lane_peak > peak || (lane_peak.to_bits() == f32::to_bits(peak) && (lane_place as usize) < best) {
            (best, peak) = (lane_place as usize, lane_peak);
        }
    }
    for index in whole..list.len() {
        list.value[index] -= factor * psf.at(list.y[index] - origin.0, list.x[index] - origin.1);
        let height = list.height(index);
        if height > peak {
            (best, peak) = (index, height);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn field(pixels: usize) -> ActiveList {
        let mut list = ActiveList::default();
        for index in 0..pixels {
            let place = index * 37;
            let value = ((index * 7919 % 1009) as f32 - 500.0) / 250.0;
            list.push((place / 100, place % 100), value, 1.0 - (index % 5) as f32 / 10.0);
        }
        list
    }

    #[test]
    fn the_vector_version_gives_the_bits_of_the_reference() {
        let psf = Array2::from_shape_fn((61, 83), |(y, x)| ((y * 31 + x * 17) % 97) as f32 / 97.0 - 0.4);
        for pixels in [1, 15, 16, 17, 130] {
            for reach in [(100, 100), (9, 4)] {
                let lookup = Lookup::new(psf.view(), (30, 41), reach);
                let (mut fast, mut plain) = (field(pixels), field(pixels));
                let mut source = pixels / 2;
                for _ in 0..5 {
                    let next = subtract_and_peak(&mut fast, &lookup, source, 0.3);
                    assert_eq!(next, subtract_and_peak_plain(&mut plain, &lookup, source, 0.3));
                    assert_eq!(fast, plain);
                    assert_eq!(Some(next), fast.peak());
                    source = next;
                }
            }
        }
    }

    #[test]
    fn among_equal_peaks_the_first_is_taken() {
        let psf = Array2::from_elem((1, 1), 1.0_f32);
        let lookup = Lookup::new(psf.view(), (0, 0), (0, 0));
        let mut list = ActiveList::default();
        (0..40).for_each(|x| list.push((0, x), if x == 20 || x == 35 || x == 7 { -2.0 } else { 1.0 }, 1.0));
        assert_eq!(subtract_and_peak(&mut list, &lookup, 39, 0.5), 7);
        assert_eq!(subtract_and_peak_plain(&mut list, &lookup, 39, 0.5), 7);
    }

    #[test]
    fn beyond_the_reach_the_psf_counts_as_nothing() {
        let psf = Array2::from_elem((5, 5), 1.0_f32);
        let lookup = Lookup::new(psf.view(), (2, 2), (1, 2));
        assert_eq!([lookup.at(1, 2), lookup.at(2, 0), lookup.at(0, -2), lookup.at(0, 3)], [1.0, 0.0, 1.0, 0.0]);
    }
}
