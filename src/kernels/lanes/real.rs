//! Real rows, sixteen side by side: a row of `2 h` numbers is one of `h` pairs, whose transform is unravelled (Press et al. 1992, 12.3).

use std::f64::consts::TAU;
use std::ops::Range;

use rustfft::num_complex::Complex32;

use super::{LaneFft, Row, first, wide};

/// A plan of transforms of real rows of one even length, and the buffers that they take.
#[derive(Debug)]
pub struct LaneRealFft {
    /// The transform of the pairs.
    pairs: LaneFft,
    /// `e^(-2πi k / 2h)` for `k <= h/2`.
    turns: Vec<[f32; 2]>,
    /// The half spectrum, `h + 1` values.
    spectrum: Vec<Row>,
}

impl LaneRealFft {
    /// Plans transforms of rows of `length` numbers; nothing where the machine lacks AVX-512, or the length is odd or has a prime
    /// factor above 7.
    pub fn new(length: usize) -> Option<Self> {
        let half = length / 2;
        let pairs = (length.is_multiple_of(2) && half > 0).then(|| LaneFft::new(half))??;
        let turn = |k: usize| {
            let angle = -TAU * k as f64 / length as f64;
            [angle.cos() as f32, angle.sin() as f32]
        };
        Some(Self { pairs, turns: (0..=half / 2).map(turn).collect(), spectrum: vec![Row::default(); half + 1] })
    }

    /// Transforms sixteen rows of pairs, `stride` apart, of which the first `count` count; [`put`](Self::put) tells what comes out.
    ///
    /// # Panics
    /// If there are fewer than `count` rows.
    pub fn forward(&mut self, rows: &[Complex32], stride: usize, count: usize) {
        let half = self.pairs.length;
        wide::lay::<false>(rows, (stride, count), &mut self.pairs.rows[..half]);
        let from = self.pairs.transform();
        wide::unravel(from, &self.turns, &mut self.spectrum);
    }

    /// Puts these columns of the half spectrum into rows of as many cells, of each row that `kept` has a bit for.
    ///
    /// # Panics
    /// If there is no room for them, or there are not so many.
    pub fn put(&self, columns: Range<usize>, to: &mut [Complex32], kept: u16) {
        let width = columns.len();
        wide::stand::<false>(&self.spectrum[columns], to, (width, kept));
    }

    /// Takes these columns of the half spectrum from `count` rows of as many cells.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn take(&mut self, columns: Range<usize>, from: &[Complex32], count: usize) {
        let width = columns.len();
        wide::lay::<false>(from, (width, count), &mut self.spectrum[columns]);
    }

    /// Makes the half spectrum 0 from column `first` on.
    pub fn clear_from(&mut self, first: usize) {
        self.spectrum[first..].fill(Row::default());
    }

    /// Transforms the half spectrum that was taken back, times `scale`, and puts the first pairs of each of `count` rows into rows
    /// `stride` apart, as many as there is room for. The imaginary parts of the first and the last column do not count.
    ///
    /// # Panics
    /// If there is no room for `count` rows.
    pub fn inverse(&mut self, scale: f32, to: &mut [Complex32], stride: usize, count: usize) {
        let half = self.pairs.length;
        wide::ravel(&self.spectrum, &self.turns, scale, &mut self.pairs.rows[..half]);
        let rows = self.pairs.transform();
        wide::stand::<true>(&rows[..half.min(stride)], to, (stride, first(count)));
    }
}

#[cfg(test)]
mod tests {
    use realfft::RealFftPlanner;

    use super::*;
    use crate::kernels::lanes::{as_pairs, as_pairs_mut};

    #[test]
    fn sixteen_real_rows_or_fewer_are_transformed_as_each_alone_is_and_come_back() {
        for length in [2, 4, 6, 8, 10, 14, 16, 30, 48, 128, 210, 1000, 1024] {
            let Some(mut lanes) = LaneRealFft::new(length) else { continue };
            let half = length / 2;
            let mut plan = RealFftPlanner::<f32>::new();
            let alone = plan.plan_fft_forward(length);
            for count in [1, 7, 16] {
                let value = |i: usize| ((i * i * 5 + 3 * i) % 29) as f32 - 14.0;
                let rows: Vec<f32> = (0..count * length).map(value).collect();
                lanes.forward(as_pairs(&rows), half, count);
                // the last row is left out
                let untouched = Complex32::new(9.0, 9.0);
                let mut spectra = vec![untouched; count * (half + 1)];
                lanes.put(0..half + 1, &mut spectra, first(count - 1));
                for (row, spectrum) in rows.chunks_exact(length).zip(spectra.chunks_exact(half + 1)).take(count - 1) {
                    let mut expected = alone.make_output_vec();
                    alone.process(&mut row.to_vec(), &mut expected).unwrap();
                    let highest = expected.iter().map(|z| z.norm()).fold(1.0, f32::max);
                    let wrong = expected.iter().zip(spectrum).map(|(a, b)| (a - b).norm()).fold(0.0, f32::max);
                    assert!(wrong < 1e-6 * highest, "{length} numbers, {count} rows: {wrong} of {highest}");
                    assert_eq!((spectrum[0].im, spectrum[half].im), (0.0, 0.0));
                }
                assert!(spectra[(count - 1) * (half + 1)..].iter().all(|z| *z == untouched));
                lanes.put(0..half + 1, &mut spectra, first(count));
                lanes.clear_from(0);
                lanes.take(0..half + 1, &spectra, count);
                let mut back = vec![0.0_f32; count * length];
                lanes.inverse(1.0 / length as f32, as_pairs_mut(&mut back), half, count);
                let wrong = back.iter().zip(&rows).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(wrong < 1e-4, "{length} numbers, {count} rows: {wrong}");
            }
        }
    }

    #[test]
    fn an_odd_length_has_no_plan() {
        assert!(LaneRealFft::new(15).is_none() && LaneRealFft::new(1).is_none() && LaneRealFft::new(22).is_none());
    }
}
