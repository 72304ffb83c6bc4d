//! Chunks too small for a task of their own.
//!
//! A source makes any part of an array, and a reduction gives the same bytes for any chunks. So a reduction over a source,
//! with operations on each element between them, may be done in other chunks than those of the array: neighbours along
//! the axis are joined until a task has about a millisecond of work. What the array is cut into stays as it is for everybody
//! else, in pictures too; [`super::layer::lean`] takes the coarse form where nobody else needs a part of the fine one.

use std::sync::Arc;

use super::element::Dtype;
use super::elements;
use super::grid::Grid;
use super::layer::Layer;
use super::op::{ArrayOp, What};
use super::source::Source;
use super::window::Cut;

/// Work of a task that is worth being one \[floating-point operations\]: about a millisecond, a thousand times what the
/// scheduler takes for it.
const GRAIN: f64 = 1e7;

/// Makes a layer with the chunks of a grid.
type Make = Box<dyn Fn(&Grid) -> Arc<Layer> + Send + Sync>;

/// How a layer is made over again in other chunks.
pub(super) struct Recut {
    make: Make,
    /// Operations for each element.
    flops: f64,
}

/// The tasks of a source, one for each chunk.
pub(super) fn made_by(source: Source, dtype: Dtype, grid: &Grid) -> Arc<Layer> {
    let (own, kind, flops) = (grid.clone(), source.kind(), source.flops());
    let again = source.clone();
    let layer =
        Layer::new((kind, &(source.clone(), dtype, grid.all_lengths())), grid.counts(), Vec::new(), move |index| {
            let window: Vec<Cut> = index.iter().enumerate().map(|(axis, &i)| Cut::run(own.range(axis, i))).collect();
            let count = window.iter().map(|cut| cut.count).product();
            let what = What::Make { source: source.clone(), dtype, window };
            (ArrayOp::new(what, (count, dtype), flops), Vec::new())
        });
    let make = Box::new(move |grid: &Grid| made_by(again.clone(), dtype, grid));
    layer.recut.set(Recut { make, flops }).ok();
    layer
}

/// Tasks that each follow from the same chunk of the layer below.
pub(super) fn chunkwise(what: What, (dtype, flops): (Dtype, f64), (below, grid): (&Arc<Layer>, &Grid)) -> Arc<Layer> {
    let (own, again) = (what.clone(), what.clone());
    let cut = grid.clone();
    let layer = Layer::new((what.name(), &what), grid.counts(), vec![Arc::clone(below)], move |index| {
        let count = elements(&cut.shape_of(index));
        (ArrayOp::new(own.clone(), (count, dtype), flops), vec![(0, index.to_vec())])
    });
    // an operation of the user may look at the whole chunk
    if let (What::Unary(_), Some(recut)) = (&what, below.recut.get()) {
        let (all, below) = (recut.flops + flops, Arc::clone(below));
        let make = Box::new(move |grid: &Grid| {
            let below = below.recut.get().map_or_else(|| Arc::clone(&below), |recut| (recut.make)(grid));
            chunkwise(again.clone(), (dtype, flops), (&below, grid))
        });
        layer.recut.set(Recut { make, flops: all }).ok();
    }
    layer
}

/// What a layer is in chunks joined along an axis; `None` where it cannot be, or its chunks are large enough.
pub(super) fn joined(layer: &Layer, grid: &Grid, axis: usize) -> Option<(Arc<Layer>, Grid)> {
    let Recut { make, flops } = layer.recut.get()?;
    let work = (flops + 1.0) * grid.largest() as f64;
    let neighbours = (GRAIN / work.max(1.0)) as usize;
    if neighbours < 2 || grid.count(axis) < 2 {
        return None;
    }
    let mut lengths = grid.all_lengths();
    lengths[axis] = lengths[axis].chunks(neighbours).map(|chunks| chunks.iter().sum()).collect();
    let coarse = Grid::new(&lengths);
    Some((make(&coarse), coarse))
}
