//! Slices, transposes, halos, and reductions: what changes an array's shape.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayD, ArrayViewD};

use super::coarse::joined;
use super::gather::{Boundary, Gather};
use super::layer::Layer;
use super::op::{Finish, Kind, What};
use super::reduce::{Fold, Reduction, parts};
use super::window::{Cut, Select};
use super::{Array, ArrayError, ArrayOp, Dtype, Element, Grid, RealElement, elements};
use crate::tiling::{Caution, halo};

/// Partial results that one task puts together: a tree of sixteen keeps each worker busy and the tree flat.
const FAN_IN: usize = 16;

impl<T: Element> Array<T> {
    /// Takes a part: a range, every so many elements or one element of each axis; axes not named are taken whole.
    ///
    /// Of random numbers and files only what is asked for is made or read.
    ///
    /// # Errors
    /// [`ArrayError::Axes`] for elements that there are not.
    pub fn slice(&self, selects: &[Select]) -> Result<Self, ArrayError> {
        let axes = self.grid.axes();
        if selects.len() > axes {
            return Err(self.wrong_axes("no more ranges than axes", format!("{} ranges", selects.len())));
        }
        // for each axis the old chunks that have a part in the new array, and the part
        let mut taken: Vec<Vec<(usize, Cut)>> = Vec::with_capacity(axes);
        let mut kept = vec![true; axes];
        for (axis, is_kept) in kept.iter_mut().enumerate() {
            let select = selects.get(axis).copied().unwrap_or_else(|| Select::from(..));
            let length = self.grid.length(axis);
            let cut = select
                .of(length)
                .ok_or_else(|| self.wrong_axes("elements of the array, a step above 0", format!("{select:?}")))?;
            *is_kept = !select.is_one;
            taken.push(self.parts_of(axis, cut));
        }
        let lengths: Vec<Vec<usize>> =
            taken.iter().map(|parts| parts.iter().map(|(_, cut)| cut.count).collect()).collect();
        let grid =
            Grid::new(&lengths.iter().zip(&kept).filter(|(_, k)| **k).map(|(l, _)| l.clone()).collect::<Vec<_>>());
        let (parameters, inputs) = ((taken.clone(), kept.clone()), vec![Arc::clone(&self.layer)]);
        let layer = Layer::new(("slice", &parameters), grid.counts(), inputs, move |index| {
            let mut places = index.iter();
            let place = |(parts, kept): (&Vec<(usize, Cut)>, &bool)| {
                parts[if *kept { places.next().copied().unwrap_or(0) } else { 0 }]
            };
            let (chunks, cuts): (Vec<usize>, Vec<Cut>) = taken.iter().zip(&kept).map(place).unzip();
            let count = cuts.iter().map(|cut| cut.count).product();
            let what = What::Slice { cuts, kept: kept.clone() };
            (ArrayOp::new(what, (count, T::DTYPE), 1.0), vec![(0, chunks)])
        });
        Ok(Self::of(layer, grid))
    }

    /// The chunks of an axis that a cut takes from, and what it takes of each; an empty cut takes nothing of the first.
    fn parts_of(&self, axis: usize, cut: Cut) -> Vec<(usize, Cut)> {
        let mut parts = Vec::new();
        let mut next = 0;
        while next < cut.count {
            let first = cut.start + next * cut.step;
            let (chunk, start) = self.grid.find(axis, first);
            let left = self.grid.range(axis, chunk).end - first;
            let count = left.div_ceil(cut.step).min(cut.count - next);
            parts.push((chunk, Cut { start, step: cut.step, count }));
            next += count;
        }
        if parts.is_empty() {
            parts.push((0, Cut { start: 0, step: 1, count: 0 }));
        }
        parts
    }

    /// The array with its axes in the opposite order.
    pub fn t(&self) -> Self {
        let axes: Vec<usize> = (0..self.grid.axes()).rev().collect();
        self.permuted(axes)
    }

    /// The array with its axes in this order.
    ///
    /// # Errors
    /// [`ArrayError::Axes`] unless each axis is named once.
    pub fn transpose(&self, axes: &[usize]) -> Result<Self, ArrayError> {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        if sorted != (0..self.grid.axes()).collect::<Vec<_>>() {
            return Err(self.wrong_axes("each axis once", format!("{axes:?}")));
        }
        Ok(self.permuted(axes.to_vec()))
    }

    fn permuted(&self, axes: Vec<usize>) -> Self {
        let lengths: Vec<Vec<usize>> = axes.iter().map(|&axis| self.grid.lengths(axis)).collect();
        let grid = Grid::new(&lengths);
        let (own, parameters) = (grid.clone(), axes.clone());
        let layer =
            Layer::new(("transpose", &parameters), grid.counts(), vec![Arc::clone(&self.layer)], move |index| {
                let mut from = vec![0; index.len()];
                axes.iter().zip(index).for_each(|(&axis, &i)| from[axis] = i);
                let what = What::Transpose(axes.clone());
                (ArrayOp::new(what, (elements(&own.shape_of(index)), T::DTYPE), 1.0), vec![(0, from)])
            });
        Self::of(layer, grid)
    }

    /// Each chunk with `depth` elements of its neighbours on either side of each axis, and beyond the edges what
    /// `boundary` says. The chunks of the result overlap: work on them, then [`Array::trim`].
    ///
    /// A depth of more than a quarter of a chunk is told to the log ([`Caution::WideHalo`]).
    ///
    /// # Errors
    /// [`ArrayError::Axes`] unless there is a depth for each axis.
    pub fn overlap(&self, depth: &[usize], boundary: Boundary) -> Result<Self, ArrayError> {
        if depth.len() != self.grid.axes() || self.shape().contains(&0) {
            return Err(self.wrong_axes("a depth for each axis of an array with elements", format!("{depth:?}")));
        }
        self.halo_cautions(depth).iter().for_each(|caution| tracing::warn!("{caution}"));
        let spans = self.spans(depth, boundary);
        let lengths: Vec<Vec<usize>> =
            spans.iter().map(|spans| spans.iter().map(|(_, len, _)| *len).collect()).collect();
        let grid = Grid::new(&lengths);
        let parameters = (&self.grid, depth, boundary);
        let (from, inputs) = (self.grid.clone(), vec![Arc::clone(&self.layer)]);
        let layer = Layer::new(("overlap", &parameters), grid.counts(), inputs, move |index| {
            let own = || index.iter().zip(&spans).map(|(&i, spans)| spans[i]);
            let (start, shape): (Vec<isize>, Vec<usize>) = own().map(|(start, len, _)| (start, len)).unzip();
            let count = elements(&shape);
            let gather = Gather { from: from.clone(), start, shape, boundary, dtype: T::DTYPE };
            let needs = gather.needs().into_iter().map(|index| (0, index)).collect();
            (ArrayOp::new(What::Gather(gather), (count, T::DTYPE), 1.0), needs)
        });
        Ok(Self::of(layer, grid))
    }

    /// What the user should know of an overlap: axes along which the halo is wide for the chunks that it is cut into.
    pub(super) fn halo_cautions(&self, depth: &[usize]) -> Vec<Caution> {
        let along = |(axis, &depth): (usize, &usize)| {
            let count = self.grid.count(axis);
            // the last chunk of an axis may be cut short, and one alone has no neighbour
            let longest = (0..count).map(|i| self.grid.range(axis, i).len()).max().filter(|_| count > 1)?;
            halo(longest, depth)
        };
        depth.iter().enumerate().filter_map(along).collect()
    }

    /// For each axis and chunk where its overlapping form starts, its length, and where the chunk stands in it.
    fn spans(&self, depth: &[usize], boundary: Boundary) -> Vec<Vec<(isize, usize, usize)>> {
        let along = |(axis, &depth): (usize, &usize)| {
            let length = self.grid.length(axis);
            let span = |i: usize| {
                let range = self.grid.range(axis, i);
                let (before, after) = match boundary {
                    Boundary::None => (depth.min(range.start), depth.min(length - range.end)),
                    _ => (depth, depth),
                };
                (range.start as isize - before as isize, before + range.len() + after, before)
            };
            (0..self.grid.count(axis)).map(span).collect()
        };
        depth.iter().enumerate().map(along).collect()
    }

    /// What is left of chunks that overlap when their halos are cut off: the inverse of [`Array::overlap`], whose array
    /// is `like`.
    ///
    /// # Errors
    /// [`ArrayError::Axes`] unless this array has the chunks that `like.overlap(depth, boundary)` has.
    pub fn trim<U: Element>(&self, like: &Array<U>, depth: &[usize], boundary: Boundary) -> Result<Self, ArrayError> {
        if like.overlap(depth, boundary)?.grid != self.grid {
            return Err(self.wrong_axes("the chunks of an overlap of this depth", format!("depth {depth:?}")));
        }
        let (spans, grid) = (like.spans(depth, boundary), like.grid.clone());
        let (own, inputs) = (grid.clone(), vec![Arc::clone(&self.layer)]);
        let layer = Layer::new(("trim", &(&like.grid, depth, boundary)), grid.counts(), inputs, move |index| {
            let cut = |(axis, &i): (usize, &usize)| {
                let start = spans[axis][i].2;
                Cut::run(start..start + own.range(axis, i).len())
            };
            let cuts: Vec<Cut> = index.iter().enumerate().map(cut).collect();
            let (count, kept) = (elements(&own.shape_of(index)), vec![true; cuts.len()]);
            (ArrayOp::new(What::Slice { cuts, kept }, (count, T::DTYPE), 1.0), vec![(0, index.to_vec())])
        });
        Ok(Self::of(layer, like.grid.clone()))
    }

    /// A function of each chunk with its halo, which keeps its shape; the halos are cut off its results.
    ///
    /// # Errors
    /// [`ArrayError::Axes`] unless there is a depth for each axis.
    pub fn map_overlap<U: Element>(
        &self,
        (depth, boundary): (&[usize], Boundary),
        name: &'static str,
        function: impl Fn(ArrayViewD<'_, T>) -> ArrayD<U> + Send + Sync + 'static,
    ) -> Result<Array<U>, ArrayError> {
        self.overlap(depth, boundary)?.map_blocks(name, function).trim(self, depth, boundary)
    }

    /// One number from all along these axes, which are gone then. The bytes of the result do not depend on the chunks.
    ///
    /// # Errors
    /// [`ArrayError::Axes`] for axes that there are not, or that are named twice.
    fn reduce_axes(&self, reduction: Reduction, axes: &[usize]) -> Result<Self, ArrayError> {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        sorted.dedup();
        if sorted.len() != axes.len() || sorted.first().is_some_and(|&last| last >= self.grid.axes()) {
            return Err(self.wrong_axes("axes of the array, each once", format!("{axes:?}")));
        }
        let wide = if T::DTYPE.real() == T::DTYPE { Dtype::F64 } else { Dtype::C64 };
        let (mut layer, mut grid) = (Arc::clone(&self.layer), self.grid.clone());
        for (place, &axis) in sorted.iter().enumerate() {
            let is_last = place + 1 == sorted.len();
            let finish =
                Finish { reduction, dtype: if is_last { T::DTYPE } else { wide }, length: grid.length(axis) as u64 };
            (layer, grid) = reduced((layer, grid), axis, finish);
        }
        Ok(Self::of(layer, grid))
    }

    /// The sum along these axes.
    ///
    /// # Errors
    /// [`ArrayError::Axes`] for axes that there are not, or that are named twice.
    pub fn sum(&self, axes: &[usize]) -> Result<Self, ArrayError> {
        self.reduce_axes(Reduction::Sum, axes)
    }

    /// The mean along these axes.
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn mean(&self, axes: &[usize]) -> Result<Self, ArrayError> {
        self.reduce_axes(Reduction::Mean, axes)
    }
}

impl<T: RealElement> Array<T> {
    /// One number from all along these axes.
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn reduce(&self, reduction: Reduction, axes: &[usize]) -> Result<Self, ArrayError> {
        match (reduction, axes) {
            // of equal groups: the mean of their variances and the variance of their means
            (Reduction::Variance, [first, rest @ ..]) if !rest.is_empty() => {
                self.check_axis(*first)?;
                let left: Vec<usize> = rest.iter().map(|&axis| if axis > *first { axis - 1 } else { axis }).collect();
                if rest.contains(first) {
                    return Err(self.wrong_axes("axes of the array, each once", format!("{axes:?}")));
                }
                let wide: Array<f64> = self.cast();
                let within = wide.reduce(Reduction::Variance, &[*first])?.mean(&left)?;
                let between = wide.mean(&[*first])?.reduce(Reduction::Variance, &left)?;
                Ok(within.add(&between)?.cast())
            }
            (Reduction::Std, [_, _, ..]) => Ok(self.cast::<f64>().reduce(Reduction::Variance, axes)?.sqrt().cast()),
            _ => self.reduce_axes(reduction, axes),
        }
    }

    /// The smallest along these axes; NaN if there is one.
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn min(&self, axes: &[usize]) -> Result<Self, ArrayError> {
        self.reduce(Reduction::Min, axes)
    }

    /// The largest along these axes; NaN if there is one.
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn max(&self, axes: &[usize]) -> Result<Self, ArrayError> {
        self.reduce(Reduction::Max, axes)
    }

    /// The standard deviation along these axes, divided by the number of elements.
    ///
    /// # Errors
    /// As [`Array::sum`].
    pub fn std(&self, axes: &[usize]) -> Result<Self, ArrayError> {
        self.reduce(Reduction::Std, axes)
    }
}

/// Reduces along one axis, and notes how it is done in fewer tasks where the chunks are small.
fn reduced((below, grid): (Arc<Layer>, Grid), axis: usize, finish: Finish) -> (Arc<Layer>, Grid) {
    let coarse = joined(&below, &grid, axis).map(|joined| tree(joined, axis, finish).0);
    let (layer, grid) = tree((below, grid), axis, finish);
    if let Some(coarse) = coarse {
        layer.coarse.set(coarse).ok();
    }
    (layer, grid)
}

/// The tasks of a reduction: each chunk by itself, then sixteen neighbours at a time.
fn tree((below, grid): (Arc<Layer>, Grid), axis: usize, finish: Finish) -> (Arc<Layer>, Grid) {
    let fold = finish.reduction.fold();
    let own = grid.clone();
    let kind = finish.reduction.name();
    let mut layer = Layer::new((kind, &(axis, fold)), grid.counts(), vec![below], move |index| {
        let range = own.range(axis, index[axis]);
        let elements = elements(&own.shape_of(index));
        let what = What::Reduce { fold, axis, first: range.start as u64 };
        let mut op = ArrayOp::new(what, (elements, Dtype::F64), 1.0);
        op.kind = Kind(kind);
        op.bytes = partial_bytes((fold, finish.dtype), elements / range.len().max(1), range);
        (op, vec![(0, index.to_vec())])
    });
    let (mut units, mut span) = (grid.count(axis), 1);
    loop {
        layer = combined(layer, (&grid, axis), (units, span), finish);
        (units, span) = (units.div_ceil(FAN_IN), span * FAN_IN);
        if units == 1 {
            break;
        }
    }
    let mut lengths = grid.all_lengths();
    lengths.remove(axis);
    (layer, Grid::new(&lengths))
}

/// The next level of a tree over `units`, each of `span` chunks.
fn combined(
    below: Arc<Layer>,
    (grid, axis): (&Grid, usize),
    (units, span): (usize, usize),
    finish: Finish,
) -> Arc<Layer> {
    let (grid, fold, is_last) = (grid.clone(), finish.reduction.fold(), units <= FAN_IN);
    let mut counts = grid.counts();
    counts[axis] = units.div_ceil(FAN_IN);
    // at the end the axis is gone
    if is_last {
        counts.remove(axis);
    }
    let ending = is_last.then_some(finish);
    let parameters = (axis, fold, ending.map(|finish| (finish.reduction, finish.dtype)));
    Layer::new(("combine", &parameters), counts, vec![below], move |index| {
        let mut index = index.to_vec();
        if is_last {
            index.insert(axis, 0);
        }
        let group = index[axis] * FAN_IN..((index[axis] + 1) * FAN_IN).min(units);
        let first = grid.range(axis, group.start * span).start;
        let last = grid.range(axis, (group.end * span).min(grid.count(axis)) - 1).end;
        index[axis] = 0;
        let cells = elements(&grid.shape_of(&index)) / grid.range(axis, 0).len().max(1);
        let what = What::Combine { count: group.len(), finish: ending };
        let mut op = ArrayOp::new(what, (cells, finish.dtype), group.len() as f64);
        if !is_last {
            op.bytes = partial_bytes((fold, finish.dtype), cells, first..last);
        }
        let below = |place| {
            let mut below = index.clone();
            below[axis] = place;
            (0, below)
        };
        (op, group.map(below).collect())
    })
}

/// Bytes of the complete parts of a stretch of an axis.
fn partial_bytes((fold, dtype): (Fold, Dtype), cells: usize, stretch: Range<usize>) -> u64 {
    let planes = if fold == Fold::Moments || dtype != dtype.real() { 2 } else { 1 };
    planes * 8 * cells as u64 * parts(stretch.start as u64, stretch.len() as u64)
}
