//! Tiles: how a plane is divided for minor cycles side by side.
//!
//! The plane is a grid of equal boxes. Their common sides are only where the search for a boundary begins: a seam runs
//! anywhere within a quarter of a box of them (see [`super::Seams`]). Nothing here depends on pixels, threads or chunks.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Side below which a plane is not divided further \[pixels\]: seams need room to go round a source.
const LEAST_SIDE: usize = 16;

/// A grid of tiles, numbered row after row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tiles {
    /// Shape of the plane, `(ny, nx)`.
    shape: (usize, usize),
    /// Tiles down and across.
    grid: (usize, usize),
}

impl Tiles {
    /// So many tiles down and across a plane of shape `(ny, nx)`, fewer where they would have less than 16 pixels.
    pub fn of_grid(shape: (usize, usize), grid: (usize, usize)) -> Self {
        let most = |n: usize, parts: usize| parts.clamp(1, (n / LEAST_SIDE).max(1));
        Self { shape, grid: (most(shape.0, grid.0), most(shape.1, grid.1)) }
    }

    /// As few tiles as are needed for none to be larger than `side` pixels before the seams are drawn.
    pub fn of_side(shape: (usize, usize), side: usize) -> Self {
        Self::of_grid(shape, (shape.0.div_ceil(side.max(1)), shape.1.div_ceil(side.max(1))))
    }

    /// Shape of the plane, `(ny, nx)`.
    pub fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// Tiles down and across.
    pub fn grid(&self) -> (usize, usize) {
        self.grid
    }

    /// Number of tiles.
    pub fn count(&self) -> usize {
        self.grid.0 * self.grid.1
    }

    /// Rows in which each seam from left to right may run, from the top one on.
    pub fn bands_of_rows(&self) -> Vec<Range<usize>> {
        bands(self.shape.0, self.grid.0)
    }

    /// Columns in which each seam from top to bottom may run, from the left one on.
    pub fn bands_of_columns(&self) -> Vec<Range<usize>> {
        bands(self.shape.1, self.grid.1)
    }

    /// Row and column of a tile in the grid.
    pub fn place(&self, tile: usize) -> (usize, usize) {
        (tile / self.grid.1, tile % self.grid.1)
    }

    /// Rows and columns in which pixels of a tile can lie, and those within `margin` of it.
    pub fn bounds(&self, tile: usize, margin: usize) -> (Range<usize>, Range<usize>) {
        let (down, across) = self.place(tile);
        (
            bounds(&self.bands_of_rows(), self.shape.0, down, margin),
            bounds(&self.bands_of_columns(), self.shape.1, across, margin),
        )
    }

    /// Greatest distance per axis between two pixels within `margin` of one tile.
    pub fn reach(&self, margin: usize) -> (usize, usize) {
        let longest = |bands: &[Range<usize>], n: usize| {
            (0..=bands.len()).map(|at| bounds(bands, n, at, margin).len() - 1).max().unwrap_or(0)
        };
        (longest(&self.bands_of_rows(), self.shape.0), longest(&self.bands_of_columns(), self.shape.1))
    }
}

/// A quarter of a tile on both sides of each line between tiles.
fn bands(n: usize, parts: usize) -> Vec<Range<usize>> {
    let line = |at: usize| at * n / parts;
    let play = (n / parts / 4).max(1);
    (1..parts).map(|at| line(at) - play..line(at) + play).collect()
}

/// From where the seam before can begin to where the one after can end.
fn bounds(bands: &[Range<usize>], n: usize, at: usize, margin: usize) -> Range<usize> {
    let first = if at == 0 { 0 } else { bands[at - 1].start };
    let last = bands.get(at).map_or(n, |band| band.end);
    first.saturating_sub(margin)..(last + margin).min(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_tiles_that_are_small_enough_are_taken() {
        assert_eq!(Tiles::of_side((4096, 3000), 1024).grid(), (4, 3));
        assert_eq!(Tiles::of_side((4096, 4097), 4096).grid(), (1, 2));
        assert_eq!(Tiles::of_side((100, 40), 4096).count(), 1);
        assert_eq!(Tiles::of_grid((64, 31), (9, 9)).grid(), (4, 1), "no side below 16 pixels");
    }

    #[test]
    fn seams_of_neighbours_never_meet_and_bounds_hold_them() {
        for (n, parts) in [(64, 4), (67, 4), (1000, 7), (33, 2)] {
            let tiles = Tiles::of_grid((n, n), (parts, parts));
            let bands = tiles.bands_of_rows();
            assert_eq!(bands.len() + 1, tiles.grid().0);
            assert!(bands.windows(2).all(|pair| pair[0].end < pair[1].start), "{bands:?}");
            assert!(bands[0].start > 0 && bands.last().unwrap().end < n);
            for tile in 0..tiles.count() {
                let (rows, columns) = tiles.bounds(tile, 5);
                let reach = tiles.reach(5);
                assert!(rows.len() <= reach.0 + 1 && columns.len() <= reach.1 + 1);
            }
        }
        assert_eq!(Tiles::of_grid((64, 64), (1, 1)).bounds(0, 9), (0..64, 0..64));
    }
}
