//! Boundaries of tiles: paths through a plane along which the sum of absolute values is least, so that they go round what
//! is bright.
//!
//! A seam from top to bottom has one pixel in each row, at most one column from that of the row before; one from left to
//! right the same with rows and columns exchanged. With `c` the cost of a pixel, line after line
//! ```text
//! C(i, x) = c(i, x) + min(C(i-1, x-1), C(i-1, x), C(i-1, x+1))
//! ```
//! and the path is read back from the least end. Lines are taken one by one, so the cut of the plane changes nothing; among
//! equals the straight step comes first, then the lower index, and at the end the place nearest to the middle.
//!
//! # Source
//! Radler's parallel deconvolution (Offringa), which searches freely within the same quarter of a tile; monotone paths are
//! found in one pass (ALGORITHMS 9.3).

use serde::{Deserialize, Serialize};

use super::Tiles;

/// Lines of a strip on the way to its least-cost path.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Strip {
    /// Cost of the best path to each place of the last line.
    costs: Vec<f64>,
    /// From where the best path came to each place of each line: 0, 1, 2 for the place before, the same, the one after.
    steps: Vec<u8>,
}

impl Strip {
    /// Before the first line of a strip of so many places.
    pub fn new(width: usize) -> Self {
        Self { costs: vec![0.0; width], steps: Vec::new() }
    }

    /// What follows the lines of `before`, without them.
    pub fn after(before: &Self) -> Self {
        Self { costs: before.costs.clone(), steps: Vec::new() }
    }

    /// A strip as it was: what [`Self::costs`] and [`Self::steps`] gave.
    pub fn from_parts(costs: Vec<f64>, steps: Vec<u8>) -> Self {
        Self { costs, steps }
    }

    /// Cost of the best path to each place of the last line.
    pub fn costs(&self) -> &[f64] {
        &self.costs
    }

    /// From where it came, line after line.
    pub fn steps(&self) -> &[u8] {
        &self.steps
    }

    /// Size in memory \[bytes\].
    pub fn bytes(&self) -> u64 {
        (8 * self.costs.len() + self.steps.len()) as u64
    }

    /// Takes the next line: the cost of each place.
    pub fn push(&mut self, line: impl Iterator<Item = f32>) {
        let before = self.costs.clone();
        for (x, cost) in line.take(before.len()).enumerate() {
            let (mut best, mut step) = (before[x], 1);
            if x > 0 && before[x - 1] < best {
                (best, step) = (before[x - 1], 0);
            }
            if before.get(x + 1).is_some_and(|after| *after < best) {
                (best, step) = (before[x + 1], 2);
            }
            self.costs[x] = best + f64::from(cost);
            self.steps.push(step);
        }
    }

    /// The place of the least-cost path in each line of these parts of one strip, in order.
    pub fn trace(parts: &[&Self]) -> Vec<u32> {
        let Some(last) = parts.last() else { return Vec::new() };
        let width = last.costs.len();
        let rank = |x: usize| (last.costs[x], (2 * x + 1).abs_diff(width));
        let ends = (0..width).min_by(|a, b| rank(*a).partial_cmp(&rank(*b)).unwrap_or(std::cmp::Ordering::Equal));
        let mut at = ends.unwrap_or(0);
        let mut path = Vec::new();
        for line in parts.iter().rev().flat_map(|part| part.steps.chunks_exact(width).rev()) {
            path.push(at as u32);
            at = at + usize::from(line[at]) - 1;
        }
        path.reverse();
        path
    }
}

/// The boundaries of all tiles of a plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seams {
    tiles: Tiles,
    /// Column at which the tile after each seam from top to bottom begins, for each row.
    columns: Vec<Vec<u32>>,
    /// Row at which the tile after each seam from left to right begins, for each column.
    rows: Vec<Vec<u32>>,
}

impl Seams {
    /// Seams through the bands of a grid: paths from top to bottom with a place for each row, and from left to right with
    /// one for each column, each counted from the start of its band ([`Strip::trace`]).
    pub fn new(tiles: Tiles, columns: Vec<Vec<u32>>, rows: Vec<Vec<u32>>) -> Self {
        let shift = |mut paths: Vec<Vec<u32>>, bands: Vec<std::ops::Range<usize>>| {
            for (path, band) in paths.iter_mut().zip(bands) {
                path.iter_mut().for_each(|place| *place += band.start as u32);
            }
            paths
        };
        Self { columns: shift(columns, tiles.bands_of_columns()), rows: shift(rows, tiles.bands_of_rows()), tiles }
    }

    /// The grid.
    pub fn tiles(&self) -> Tiles {
        self.tiles
    }

    /// Size in memory \[bytes\].
    pub fn bytes(&self) -> u64 {
        4 * self.columns.iter().chain(&self.rows).map(Vec::len).sum::<usize>() as u64
    }

    /// The tile of pixel `(y, x)`.
    pub fn tile_of(&self, y: usize, x: usize) -> usize {
        let down = self.rows.iter().filter(|seam| seam[x] as usize <= y).count();
        let across = self.columns.iter().filter(|seam| seam[y] as usize <= x).count();
        down * self.tiles.grid().1 + across
    }

    /// Writes the tile of each pixel of row `y`.
    pub fn label(&self, y: usize, tiles: &mut [u32]) {
        let across = self.tiles.grid().1 as u32;
        tiles.fill(0);
        for (seam, band) in self.rows.iter().zip(self.tiles.bands_of_rows()) {
            if band.end <= y {
                tiles.iter_mut().for_each(|tile| *tile += across);
            } else if band.start <= y {
                tiles
                    .iter_mut()
                    .zip(seam)
                    .filter(|(_, begin)| **begin as usize <= y)
                    .for_each(|(tile, _)| *tile += across);
            }
        }
        for seam in &self.columns {
            tiles[seam[y] as usize..].iter_mut().for_each(|tile| *tile += 1);
        }
    }

    /// Whether pixel `(y, x)` lies in a tile or within `margin` of it, measured along its row and its column.
    pub fn is_near(&self, tile: usize, margin: usize, (y, x): (usize, usize)) -> bool {
        let (down, across) = self.tiles.place(tile);
        let holds = |seams: &[Vec<u32>], at: usize, along: usize, place: usize| {
            let first = if at == 0 { 0 } else { seams[at - 1][along] as usize };
            let last = seams.get(at).map_or(usize::MAX, |seam| seam[along] as usize);
            place + margin >= first && place < last.saturating_add(margin)
        };
        holds(&self.columns, across, y, x) && holds(&self.rows, down, x, y)
    }

    /// The seams as lines of pixel edges `(y, x)`, every `step` pixels and at the end.
    pub fn lines(&self, step: usize) -> Vec<Vec<(f64, f64)>> {
        let sampled = |seam: &Vec<u32>| -> Vec<(f64, f64)> {
            let at = (0..seam.len()).step_by(step.max(1)).chain(seam.len().checked_sub(1));
            at.map(|along| (along as f64 + 0.5, f64::from(seam[along]))).collect()
        };
        let columns = self.columns.iter().map(sampled);
        let rows =
            self.rows.iter().map(|seam| sampled(seam).into_iter().map(|(along, place)| (place, along)).collect());
        columns.chain(rows).collect()
    }

    /// Whether a seam passes within `distance` pixels of `(y, x)`, measured along its row or its column.
    pub fn passes(&self, distance: usize, (y, x): (usize, usize)) -> bool {
        let near = |seam: &Vec<u32>, along: usize, place: usize| {
            // between the last pixel before it and the first after
            let begin = seam[along] as usize;
            place + distance >= begin && place < begin + distance
        };
        self.columns.iter().any(|seam| near(seam, y, x)) || self.rows.iter().any(|seam| near(seam, x, y))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    /// The least sum over all monotone paths, place by place from the end back.
    fn least(costs: &Array2<f32>) -> f64 {
        let (lines, width) = costs.dim();
        let mut best = vec![0.0_f64; width];
        for line in (0..lines).rev() {
            let after = best.clone();
            for x in 0..width {
                let near = after[x.saturating_sub(1)..(x + 2).min(width)].iter().copied().fold(f64::MAX, f64::min);
                best[x] = f64::from(costs[(line, x)]) + near;
            }
        }
        best.into_iter().fold(f64::MAX, f64::min)
    }

    fn field(shape: (usize, usize)) -> Array2<f32> {
        Array2::from_shape_fn(shape, |(y, x)| ((y * 7919 + x * 104_729 + y * x * 31) % 1009) as f32 / 1009.0)
    }

    fn strip(lines: &Array2<f32>) -> Strip {
        let mut strip = Strip::new(lines.ncols());
        lines.rows().into_iter().for_each(|line| strip.push(line.iter().copied()));
        strip
    }

    #[test]
    fn path_costs_no_more_than_any_other_and_steps_one_place_at_most() {
        for shape in [(40, 9), (7, 30), (1, 5), (20, 1)] {
            let costs = field(shape);
            let path = Strip::trace(&[&strip(&costs)]);
            let sum: f64 = path.iter().enumerate().map(|(line, x)| f64::from(costs[(line, *x as usize)])).sum();
            assert!((sum - least(&costs)).abs() < 1e-9, "{sum} against {}", least(&costs));
            assert!(path.windows(2).all(|pair| pair[0].abs_diff(pair[1]) <= 1));
        }
    }

    #[test]
    fn the_cut_of_the_lines_does_not_change_the_path() {
        let costs = field((50, 12));
        let whole = Strip::trace(&[&strip(&costs)]);
        for cut in [1, 7, 20] {
            let mut parts: Vec<Strip> = Vec::new();
            for first in (0..50).step_by(cut) {
                let mut part = parts.last().map_or_else(|| Strip::new(12), Strip::after);
                (first..(first + cut).min(50)).for_each(|y| part.push(costs.row(y).iter().copied()));
                parts.push(part);
            }
            assert_eq!(Strip::trace(&parts.iter().collect::<Vec<_>>()), whole);
        }
    }

    #[test]
    fn seam_goes_straight_down_the_middle_of_nothing_and_round_what_is_bright() {
        assert_eq!(Strip::trace(&[&strip(&Array2::zeros((30, 10)))]), vec![4; 30]);
        let mut costs = Array2::from_elem((30, 11), 0.01);
        costs.slice_mut(ndarray::s![12..18, 2..9]).fill(1.0);
        let path = Strip::trace(&[&strip(&costs)]);
        assert!((12..18).all(|y| !(2..9).contains(&path[y])), "{path:?}");
    }

    /// Seams of a plane that is 0 but for a bright cross where they would meet.
    fn seams(tiles: Tiles) -> Seams {
        let (ny, nx) = tiles.shape();
        let costs = field((ny, nx));
        let columns = tiles.bands_of_columns().into_iter().map(|band| {
            let mut strip = Strip::new(band.len());
            (0..ny).for_each(|y| strip.push(band.clone().map(|x| costs[(y, x)])));
            Strip::trace(&[&strip])
        });
        let rows = tiles.bands_of_rows().into_iter().map(|band| {
            let mut strip = Strip::new(band.len());
            (0..nx).for_each(|x| strip.push(band.clone().map(|y| costs[(y, x)])));
            Strip::trace(&[&strip])
        });
        Seams::new(tiles, columns.collect(), rows.collect())
    }

    #[test]
    fn every_pixel_has_one_tile_within_its_bounds() {
        let tiles = Tiles::of_grid((80, 97), (3, 4));
        let seams = seams(tiles);
        let mut labels = vec![0; 97];
        let mut seen = vec![0; tiles.count()];
        for y in 0..80 {
            seams.label(y, &mut labels);
            for (x, label) in labels.iter().enumerate() {
                let tile = seams.tile_of(y, x);
                assert_eq!(*label as usize, tile, "({y}, {x})");
                let (rows, columns) = tiles.bounds(tile, 0);
                assert!(rows.contains(&y) && columns.contains(&x), "({y}, {x}) in tile {tile}");
                let near = (0..tiles.count()).filter(|tile| seams.is_near(*tile, 0, (y, x)));
                assert_eq!(near.collect::<Vec<_>>(), [tile]);
                seen[tile] += 1;
            }
        }
        assert!(seen.iter().all(|pixels| *pixels > 100), "{seen:?}");
    }

    #[test]
    fn margin_reaches_into_neighbours_and_stays_in_bounds() {
        let tiles = Tiles::of_grid((80, 97), (3, 4));
        let seams = seams(tiles);
        for tile in 0..tiles.count() {
            let (rows, columns) = tiles.bounds(tile, 6);
            let inside = |margin: usize| {
                let all = (0..80).flat_map(|y| (0..97).map(move |x| (y, x)));
                all.filter(|at| seams.is_near(tile, margin, *at)).collect::<Vec<_>>()
            };
            let (own, wide) = (inside(0), inside(6));
            assert!(wide.len() > own.len() && own.iter().all(|at| wide.contains(at)));
            assert!(wide.iter().all(|(y, x)| rows.contains(y) && columns.contains(x)));
        }
    }
}
