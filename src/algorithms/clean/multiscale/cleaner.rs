//! Högbom's loop over a list, a few of the brightest pixels at a time.

use super::super::Signs;
use super::super::list::PATIENCE;
use crate::graph::Cancel;
use crate::kernels::list::{ActiveList, Lookup, subtract_and_peak};
use crate::kernels::sources::{Source, Spacing, subtract_sources};

/// Shares of a list's peak at which one pass over its brightest pixels ends: of the whole list, then of the brightest.
const PASSES: &[f32] = &[0.5, 0.75];
/// A pass pays where no more than this share of the list is in it.
const FEW: usize = 3;
/// Side of the squares that sources are sorted into \[pixels\].
const TILE: i32 = 16;
/// A list this short is cleaned as a whole: it stays in the nearest cache.
const SHORT: usize = 256;

/// What was taken of a pixel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    /// Flux \[Jy\].
    pub flux: f64,
    /// How often.
    pub times: u32,
}

/// Takes components off a list.
pub(super) struct Cleaner<'a> {
    /// What is looked up.
    pub psf: &'a Lookup<'a>,
    /// How high that peaks.
    pub peak: f32,
    /// Share of a peak that one component takes.
    pub gain: f32,
    /// Components at the most.
    pub limit: u64,
    /// Which signs components may have.
    pub signs: Signs,
    /// A peak this high is a sign of divergence.
    pub rise: f32,
    /// Components taken.
    pub iterations: u64,
    /// Whether it ended at a negative peak that must not be cleaned.
    pub is_negative: bool,
    /// Whether to give up.
    pub cancel: &'a Cancel,
}

impl Cleaner<'_> {
    /// Cleans a list down to a floor, and adds what it takes to `taken`, pixel by pixel.
    ///
    /// The loop runs over the few pixels near the peak; what a pass over them found is then taken from the whole list at
    /// once. As long as no other pixel rises above where the pass ends, the components are those of the loop over the whole
    /// list, up to the order of sums.
    pub(super) fn clean(&mut self, list: &mut ActiveList, taken: &mut [Taken], floor: f32) {
        self.descend(list, taken, floor, PASSES);
    }

    /// The same in one loop over the whole list: the bytes of `clean`.
    pub(super) fn clean_plainly(&mut self, list: &mut ActiveList, taken: &mut [Taken], floor: f32) {
        self.pass(list, taken, floor);
    }

    /// Cleans a list down to a floor, pass after pass.
    fn descend(&mut self, list: &mut ActiveList, taken: &mut [Taken], floor: f32, passes: &[f32]) {
        let Some((share, passes)) = passes.split_first() else { return self.pass(list, taken, floor) };
        while let Some(peak) = self.next(list, floor) {
            let goal = floor.max(share * list.height(peak));
            let is_near = |at: &usize| self.signs.may_list(list.value[*at]) && list.height(*at) > goal;
            let near: Vec<u32> = (0..list.len()).filter(is_near).map(|at| at as u32).collect();
            if FEW * near.len() > list.len() || list.len() < SHORT {
                self.descend(list, taken, if list.len() < SHORT { floor } else { goal }, passes);
                continue;
            }
            let mut bright = list.of(&near);
            let before: Vec<Taken> = near.iter().map(|index| taken[*index as usize]).collect();
            let mut after = before.clone();
            self.descend(&mut bright, &mut after, goal, passes);
            let factor = |at: usize| (after[at].flux - before[at].flux) as f32;
            let of = |at: usize| Source { y: bright.y[at], x: bright.x[at], factor: factor(at) };
            let mut sources: Vec<_> = (0..near.len()).map(of).filter(|source| source.factor != 0.0).collect();
            in_tiles(&mut sources);
            subtract_sources(list, self.psf, Spacing { list: 1, table: 1 }, &sources);
            near.iter().zip(&after).for_each(|(index, after)| taken[*index as usize] = *after);
        }
    }

    /// Högbom's loop over a list down to a floor.
    fn pass(&mut self, list: &mut ActiveList, taken: &mut [Taken], floor: f32) {
        let mut next = self.next(list, floor);
        while let Some(peak) = next {
            let factor = self.gain * list.value[peak] / self.peak;
            taken[peak].flux += f64::from(factor);
            taken[peak].times += 1;
            let highest = subtract_and_peak(list, self.psf, peak, factor);
            self.iterations += 1;
            next = self.judge(list, highest, floor);
        }
    }

    /// The pixel to clean next, if the list is not done.
    fn next(&mut self, list: &ActiveList, floor: f32) -> Option<usize> {
        list.peak().and_then(|peak| self.judge(list, peak, floor))
    }

    /// The same where the pixel of the highest absolute value is known.
    fn judge(&mut self, list: &ActiveList, highest: usize, floor: f32) -> Option<usize> {
        let peak = self.signs.next(list, highest)?;
        let height = list.height(peak);
        if height <= floor || height > self.rise || self.is_done() {
            return None;
        }
        self.is_negative = self.signs.ends_at(list.value[peak]);
        (!self.is_negative).then_some(peak)
    }

    fn is_done(&self) -> bool {
        let tired = self.iterations.is_multiple_of(PATIENCE) && self.cancel.is_requested();
        self.iterations >= self.limit || self.is_negative || tired
    }
}

/// Sorts sources into squares: neighbours are subtracted one after the other, as they look up the same cache lines.
pub(super) fn in_tiles(sources: &mut [Source]) {
    sources.sort_by_key(|source| (source.y / TILE, source.x / TILE));
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    /// Pixels of a plane with some sources seen through a PSF.
    fn field(psf: &Array2<f32>, n: usize) -> ActiveList {
        let middle = psf.nrows() / 2;
        let sources = [(10, 12, 1.0), (11, 30, 0.6), (33, 20, -0.4), (40, 41, 0.9), (22, 8, 0.2)];
        let mut list = ActiveList::default();
        for (y, x) in (0..n * n).map(|at| (at / n, at % n)) {
            let seen = |(sy, sx, flux): &(usize, usize, f32)| flux * psf[(middle + y - sy, middle + x - sx)];
            list.push((y, x), sources.iter().map(seen).sum(), 1.0);
        }
        list
    }

    #[test]
    fn passes_over_the_brightest_pixels_find_what_one_loop_over_all_finds() {
        let psf = Array2::from_shape_fn((101, 101), |(y, x)| {
            let (dy, dx) = (y as f32 - 50.0, x as f32 - 50.0);
            (-(dy * dy + dx * dx) / 8.0).exp() + 0.02 * (0.9 * dy + 0.2 * dx).cos()
                - 0.02 * f32::from(u8::from(dy == dx))
        });
        let lookup = Lookup::new(psf.view(), (50, 50), (101, 101));
        let (gain, floor, cancel) = (0.1, 0.05, Cancel::default());
        let mut cleaner = Cleaner {
            psf: &lookup,
            peak: 1.0,
            gain,
            limit: 10_000,
            signs: Signs::Both,
            rise: f32::INFINITY,
            iterations: 0,
            is_negative: false,
            cancel: &cancel,
        };
        let (mut passed, mut found) = (field(&psf, 48), vec![Taken::default(); 48 * 48]);
        cleaner.clean(&mut passed, &mut found, floor);
        let mut list = field(&psf, 48);
        let mut flux = vec![0.0_f32; list.len()];
        let mut iterations = 0;
        while let Some(peak) = list.peak().filter(|peak| list.height(*peak) > floor) {
            let factor = gain * list.value[peak];
            flux[peak] += factor;
            subtract_and_peak(&mut list, &lookup, peak, factor);
            iterations += 1;
        }
        assert_eq!(cleaner.iterations, iterations);
        assert_eq!(found.iter().map(|taken| u64::from(taken.times)).sum::<u64>(), iterations);
        for (found, flux) in found.into_iter().zip(flux) {
            assert!((found.flux as f32 - flux).abs() < 1e-5, "{found:?}: {flux}");
        }
    }
}
