//! Shapes of graphs that the house builds: changed chunks, overlapping tiles, a CLEAN cycle, a plane of Wiener-Hunt.

use super::super::Key;
use super::{Shape, Sizes};

impl Shape {
    /// Adds one task for each index, with the dependencies that the function gives it.
    fn layer(&mut self, (name, bytes): (&str, u64), count: usize, of: impl Fn(usize) -> Vec<Key>) -> Vec<Key> {
        let keys: Vec<Key> = (0..count).map(|index| self.key(name, index)).collect();
        for (index, key) in keys.iter().enumerate() {
            self.task(key, bytes, &of(index));
        }
        keys
    }

    /// `count` values that are there before.
    fn given(&mut self, name: &str, bytes: u64, count: usize) -> Vec<Key> {
        let keys: Vec<Key> = (0..count).map(|index| self.key(name, index)).collect();
        keys.iter().for_each(|key| self.value(key, bytes));
        keys
    }
}

/// `count` slabs, each cut into a piece for each of `count / 2 + 1` blocks, which gather theirs: all to all.
pub(super) fn rechunk(count: usize, sizes: Sizes, backwards: bool) -> Shape {
    let mut shape = Shape { backwards, ..Shape::default() };
    let blocks = count / 2 + 1;
    let slabs = shape.layer(("slab", sizes[0]), count, |_| vec![]);
    let pieces = shape.layer(("piece", sizes[1]), count * blocks, |at| vec![slabs[at / blocks].clone()]);
    let gathered = |block: usize| (0..count).map(|slab| pieces[slab * blocks + block].clone()).collect();
    shape.targets = shape.layer(("block", sizes[2]), blocks, gathered);
    shape
}

/// Three rounds of tiles in a row, each of which needs itself and its neighbours of the round before.
pub(super) fn overlap(count: usize, sizes: Sizes, backwards: bool) -> Shape {
    let mut shape = Shape { backwards, ..Shape::default() };
    let mut tiles = shape.layer(("tile-0", sizes[0]), count, |_| vec![]);
    for round in 1..4 {
        let last = std::mem::take(&mut tiles);
        let around = |at: usize| last[at.saturating_sub(1)..(at + 2).min(count)].to_vec();
        tiles = shape.layer((&format!("tile-{round}"), sizes[round % 3]), count, around);
    }
    shape.targets = tiles;
    shape
}

/// A major cycle of CLEAN: peaks, the floor of all tiles, components, the model, its residual in slabs and blocks.
pub(super) fn clean_cycle(count: usize, sizes: Sizes, backwards: bool) -> Shape {
    let mut shape = Shape { backwards, ..Shape::default() };
    let [image, spectrum, small] = sizes;
    let (old, dirty) = (shape.given("residual", image, count), shape.given("dirty", image, count));
    let psf = shape.given("psf", spectrum, count + 1);
    let peaks = shape.layer(("peak", small), count, |at| vec![old[at].clone()]);
    let floor = shape.layer(("floor", small), 1, |_| peaks.clone());
    let around = |at: usize| old[at.saturating_sub(1)..(at + 2).min(count)].iter().chain(&floor).cloned().collect();
    let components = shape.layer(("minor", small), count, around);
    let model = shape.layer(("model", image), count, |at| vec![components[at].clone()]);
    let rows = shape.layer(("rows", spectrum), count, |at| vec![model[at].clone()]);
    let filtered = |at: usize| rows.iter().chain([&psf[at]]).cloned().collect();
    let blocks = shape.layer(("block", spectrum), count + 1, filtered);
    let subtracted = |at: usize| blocks.iter().chain([&dirty[at]]).cloned().collect();
    let residual = shape.layer(("residual-new", image), count, subtracted);
    let measured = shape.layer(("measure", small), count, |at| vec![residual[at].clone()]);
    let statistics = shape.layer(("statistics", small), 1, |_| measured.clone());
    shape.targets = [model, residual, statistics].concat();
    shape
}

/// A plane of Wiener-Hunt: slabs of the dirty image and of the PSF, blocks of both, slabs that are written.
pub(super) fn wiener_plane(count: usize, sizes: Sizes, backwards: bool) -> Shape {
    let mut shape = Shape { backwards, ..Shape::default() };
    let [image, spectrum, written] = sizes;
    let [dirty, psf] = ["dirty", "psf"].map(|name| {
        let read = shape.layer((&format!("read-{name}"), image), count, |_| vec![]);
        shape.layer((&format!("rows-{name}"), spectrum), count, |at| vec![read[at].clone()])
    });
    let blocks = shape.layer(("block", spectrum), count / 2 + 1, |_| dirty.iter().chain(&psf).cloned().collect());
    let back = shape.layer(("back", image), count, |_| blocks.clone());
    shape.targets = shape.layer(("write", written), count, |at| vec![back[at].clone()]);
    shape
}
