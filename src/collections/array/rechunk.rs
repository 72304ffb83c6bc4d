//! Other chunks for the same array, in a few steps where one would take too many pieces.
//!
//! A new chunk gathers its pieces from the old ones, so a step costs as many edges as old and new chunks meet. Going
//! straight from thin rows to thin columns, each of `n` meets each of `n`. The planner (after Dask's `plan_rechunk`) goes
//! through chunks that are larger along some axes than either, as long as they keep to a size: then two steps of about
//! `n * sqrt(n)` meetings do.

use std::sync::Arc;

use super::gather::{Boundary, Gather};
use super::layer::Layer;
use super::op::What;
use super::{Array, ArrayError, ArrayOp, Chunking, Element, Grid, elements};

/// A step of at most so many pieces for each old and new chunk needs no further step.
const PIECES: usize = 16;
/// Chunks on the way have no more elements than the largest old or new chunk, or than this (64 MiB of `f64`).
const LARGEST: usize = 1 << 23;

impl<T: Element> Array<T> {
    /// The same array in other chunks.
    ///
    /// # Errors
    /// [`ArrayError::Chunks`].
    pub fn rechunk(&self, chunks: impl Into<Chunking>) -> Result<Self, ArrayError> {
        let to = chunks.into().grid(&self.shape())?;
        let mut now = self.clone();
        for grid in plan(&self.grid, &to) {
            now = now.regridded(grid);
        }
        Ok(now)
    }

    fn regridded(&self, to: Grid) -> Self {
        let (from, own) = (self.grid.clone(), to.clone());
        let parameters = (&self.grid, &to);
        let layer = Layer::new(("rechunk", &parameters), to.counts(), vec![Arc::clone(&self.layer)], move |index| {
            let shape = own.shape_of(index);
            let start = index.iter().enumerate().map(|(axis, &i)| own.range(axis, i).start as isize).collect();
            let count = elements(&shape);
            let gather = Gather { from: from.clone(), start, shape, boundary: Boundary::None, dtype: T::DTYPE };
            let needs = gather.needs().into_iter().map(|index| (0, index)).collect();
            (ArrayOp::new(What::Gather(gather), (count, T::DTYPE), 1.0), needs)
        });
        Self::of(layer, to)
    }
}

/// The grids to go through, the last being `to`; none if it is `from` already.
fn plan(from: &Grid, to: &Grid) -> Vec<Grid> {
    let mut steps = Vec::new();
    if from == to {
        return steps;
    }
    let largest = LARGEST.max(from.largest()).max(to.largest());
    let mut now = from.clone();
    while pieces(&now, to) > PIECES * (now.chunks() + to.chunks()) {
        let Some(between) = merged(&now, to, largest) else { break };
        steps.push(between.clone());
        now = between;
    }
    steps.push(to.clone());
    steps
}

/// How often a chunk of one grid meets a chunk of the other.
fn pieces(from: &Grid, to: &Grid) -> usize {
    let along = |axis| {
        // a meeting ends where a chunk of either ends
        let mut ends: Vec<usize> = [from, to].iter().flat_map(|grid| ends(grid, axis)).collect();
        ends.sort_unstable();
        ends.dedup();
        ends.len()
    };
    (0..from.axes()).map(along).product()
}

fn ends(grid: &Grid, axis: usize) -> Vec<usize> {
    (0..grid.count(axis)).map(|i| grid.range(axis, i).end).collect()
}

/// A grid between two: chunks of `from` put together, along the axes where `to` has longer ones, until they reach
/// `to`'s or the size allowed. `None` if that changes nothing.
fn merged(from: &Grid, to: &Grid, largest: usize) -> Option<Grid> {
    let mut lengths = from.all_lengths();
    let longest = |lengths: &[usize]| lengths.iter().copied().max().unwrap_or(1).max(1);
    let mut axes: Vec<usize> = (0..from.axes()).filter(|&axis| to.count(axis) < from.count(axis)).collect();
    // the axis that gains most goes first
    axes.sort_by_key(|&axis| std::cmp::Reverse(from.count(axis) / to.count(axis)));
    for axis in axes {
        let size: usize = lengths.iter().map(|lengths| longest(lengths)).product();
        let own = longest(&lengths[axis]);
        let room = (largest / (size / own).max(1)).max(own);
        if room >= longest(&to.lengths(axis)) {
            lengths[axis] = to.lengths(axis);
        } else {
            // half way in steps of the same factor: both steps then meet about as often
            let wanted = ((own as f64 * longest(&to.lengths(axis)) as f64).sqrt() as usize).clamp(own, room);
            lengths[axis] = grouped(&lengths[axis], wanted);
        }
    }
    let between = Grid::new(&lengths);
    (between != *from && between != *to).then_some(between)
}

/// Neighbours put together as long as they are no longer than `most`.
fn grouped(lengths: &[usize], most: usize) -> Vec<usize> {
    let mut groups: Vec<usize> = Vec::new();
    for &length in lengths {
        match groups.last_mut() {
            Some(group) if *group + length <= most => *group += length,
            _ => groups.push(length),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(shape: [usize; 2], chunks: [usize; 2]) -> Grid {
        Chunking::from(chunks).grid(&shape).unwrap()
    }

    #[test]
    fn a_few_chunks_change_in_one_step() {
        let (rows, columns) = (grid([4096, 4096], [512, 4096]), grid([4096, 4096], [4096, 512]));
        assert_eq!(plan(&rows, &columns), vec![columns.clone()]);
        assert!(plan(&rows, &rows).is_empty());
    }

    #[test]
    fn thousands_of_thin_rows_become_thin_columns_by_a_step_between_of_bounded_size() {
        let size = 20_000;
        let (rows, columns) = (grid([size, size], [10, size]), grid([size, size], [size, 10]));
        let steps = plan(&rows, &columns);
        assert!(steps.len() > 1, "{} steps", steps.len());
        let (mut now, mut met) = (&rows, 0);
        for step in &steps {
            assert!(step.largest() <= LARGEST, "{} elements", step.largest());
            met += pieces(now, step);
            now = step;
        }
        let straight = pieces(&rows, &columns);
        assert!(4 * met < straight, "{met} meetings against {straight}");
        assert_eq!(*now, columns);
    }
}
