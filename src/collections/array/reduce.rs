//! Reductions along an axis, whose result does not depend on the chunks.
//!
//! Numbers are put together along one fixed tree: over the element numbers of the *whole* axis, elements `2 k` and `2 k + 1`
//! first, then the pairs, and so on (pairwise summation, whose error grows as the logarithm). A chunk holds some
//! complete parts of the tree and hands on one number for each; two parts meet as soon as both are there. So the bytes
//! of the result are the same for any chunks and any order. Numbers are `f64` on the way, whatever the array is.

use std::mem;

use serde::{Deserialize, Serialize};

use super::element::{Block, Dtype, Element, each, shaped, typed};

/// One number from all along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reduction {
    /// The sum.
    Sum,
    /// The mean.
    Mean,
    /// The smallest; NaN if there is one.
    Min,
    /// The largest; NaN if there is one.
    Max,
    /// The variance, divided by the number of elements.
    Variance,
    /// The root of the variance.
    Std,
}

/// How two numbers are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fold {
    Sum,
    Min,
    Max,
    /// Mean and sum of squared deviations.
    Moments,
}

impl Reduction {
    pub(super) fn fold(self) -> Fold {
        match self {
            Self::Sum | Self::Mean => Fold::Sum,
            Self::Min => Fold::Min,
            Self::Max => Fold::Max,
            Self::Variance | Self::Std => Fold::Moments,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::Variance => "variance",
            Self::Std => "std",
        }
    }
}

/// A complete part of the tree: `2^level` elements of the axis from `first` on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Node {
    first: u64,
    level: u32,
    /// Real and imaginary parts, or mean and squares, of every cell beside the axis.
    planes: [Vec<f64>; 2],
}

/// What a stretch of the axis comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partial {
    fold: Fold,
    /// Shape without the axis.
    shape: Vec<usize>,
    /// Complete parts in their order, none of which make a larger one.
    nodes: Vec<Node>,
    /// Buffers to use again.
    #[serde(skip)]
    spare: Vec<[Vec<f64>; 2]>,
}

/// Number of complete parts of the tree in a stretch of an axis.
pub(super) fn parts(first: u64, length: u64) -> u64 {
    let (mut at, end, mut count) = (first, first + length, 0);
    while at < end {
        let aligned = if at == 0 { u64::MAX } else { 1 << at.trailing_zeros() };
        at += aligned.min(1 << (end - at).ilog2());
        count += 1;
    }
    count
}

impl Partial {
    /// Before the first element.
    pub(super) fn new(fold: Fold, shape: Vec<usize>) -> Self {
        Self { fold, shape, nodes: Vec::new(), spare: Vec::new() }
    }

    /// Reduces a block along `axis`, whose first element is number `first` of the whole axis.
    pub(super) fn of(fold: Fold, axis: usize, first: u64, block: &Block) -> Self {
        let mut shape = block.shape().to_vec();
        let length = shape.remove(axis);
        let (outer, inner): (usize, usize) = (shape[..axis].iter().product(), shape[axis..].iter().product());
        let mut whole = Self::new(fold, shape);
        each!(block, array => {
            let array = array.as_standard_layout();
            let elements = array.as_slice().expect("an array in row order");
            for o in 0..outer {
                let mut row = Self::new(fold, Vec::new());
                row.spare = mem::take(&mut whole.spare);
                row.push_rows(first, inner, &elements[o * length * inner..(o + 1) * length * inner]);
                whole.append_cells(row);
            }
        });
        whole.done()
    }

    /// Lets go of what was kept to work with.
    pub(super) fn done(self) -> Self {
        Self { spare: Vec::new(), ..self }
    }

    /// Puts the cells of another stretch of the cells beside these: both hold the same elements of the axis.
    pub(super) fn append_cells(&mut self, mut other: Self) {
        if self.nodes.is_empty() {
            self.nodes = other.nodes;
        } else {
            for (node, other) in self.nodes.iter_mut().zip(&mut other.nodes) {
                for (plane, more) in node.planes.iter_mut().zip(&mut other.planes) {
                    plane.append(more);
                }
            }
            other.spare.extend(other.nodes.into_iter().map(|node| node.planes));
        }
        self.spare = other.spare;
        self.spare.truncate(64);
    }

    /// Takes in rows of `width` cells, the first being element `first` of the axis.
    pub(super) fn push_rows<T: Element>(&mut self, mut first: u64, width: usize, mut rows: &[T]) {
        const EIGHT: usize = 8;
        if width == 0 {
            return;
        }
        while !rows.is_empty() {
            let is_eight = self.fold == Fold::Sum && first.is_multiple_of(8) && rows.len() >= EIGHT * width;
            let count = if is_eight { EIGHT } else { 1 };
            let (now, later) = rows.split_at(count * width);
            let mut planes = self.spare.pop().unwrap_or_default();
            if is_eight {
                sum_of_eight(now, width, &mut planes);
            } else {
                leaf(self.fold, now, &mut planes);
            }
            self.push(Node { first, level: count.ilog2(), planes });
            (first, rows) = (first + count as u64, later);
        }
    }

    /// Numbers that it holds, of real ones.
    #[cfg(test)]
    pub(super) fn cells(&self) -> u64 {
        self.nodes.iter().map(|node| node.planes[0].len() as u64).sum()
    }

    /// Takes in the next stretch of the axis.
    pub(super) fn push_partial(&mut self, next: &Self) {
        next.nodes.iter().for_each(|node| self.push(node.clone()));
    }

    fn push(&mut self, mut node: Node) {
        while let Some(last) = self.nodes.last()
            && last.level == node.level
            && (last.first >> last.level).is_multiple_of(2)
            && last.first + (1 << last.level) == node.first
            && let Some(mut last) = self.nodes.pop()
        {
            let count = 2.0_f64.powi(node.level as i32);
            merge(self.fold, (&mut last.planes, count), (&node.planes, count));
            self.spare.push(mem::replace(&mut node, last).planes);
            node.level += 1;
        }
        self.nodes.push(node);
    }

    /// What is asked for, of an axis of `length` that is complete.
    pub(super) fn finish(mut self, reduction: Reduction, dtype: Dtype, length: u64) -> Block {
        let width: usize = self.shape.iter().product();
        let (mut planes, mut count) = if self.nodes.is_empty() {
            (empty(self.fold, width), 0.0)
        } else {
            let first = self.nodes.remove(0);
            (first.planes, 2.0_f64.powi(first.level as i32))
        };
        for node in &self.nodes {
            let more = 2.0_f64.powi(node.level as i32);
            merge(self.fold, (&mut planes, count), (&node.planes, more));
            count += more;
        }
        let [first, second] = planes;
        let length = length as f64;
        typed!(dtype, T => {
            let second = second.into_iter().chain(std::iter::repeat(0.0));
            let cell = |(one, two): (f64, f64)| match reduction {
                Reduction::Sum => T::from_parts(one, two),
                Reduction::Mean => T::from_parts(one / length, two / length),
                Reduction::Min | Reduction::Max => T::from_real(one),
                Reduction::Variance => T::from_real(two / length),
                Reduction::Std => T::from_real((two / length).sqrt()),
            };
            T::wrap(shaped(&self.shape, first.into_iter().zip(second).map(cell).collect()))
        })
    }
}

/// What nothing at all comes to.
fn empty(fold: Fold, width: usize) -> [Vec<f64>; 2] {
    match fold {
        Fold::Sum => [vec![0.0; width], vec![0.0; width]],
        Fold::Min | Fold::Max | Fold::Moments => [vec![f64::NAN; width], vec![f64::NAN; width]],
    }
}

fn is_complex<T: Element>() -> bool {
    matches!(T::DTYPE, Dtype::C32 | Dtype::C64)
}

/// One row as a part of the tree.
fn leaf<T: Element>(fold: Fold, row: &[T], planes: &mut [Vec<f64>; 2]) {
    planes.iter_mut().for_each(Vec::clear);
    planes[0].extend(row.iter().map(|x| x.parts().0));
    if fold == Fold::Moments {
        planes[1].resize(row.len(), 0.0);
    } else if is_complex::<T>() {
        planes[1].extend(row.iter().map(|x| x.parts().1));
    }
}

/// Eight rows at once: the same tree as row by row, in one pass.
fn sum_of_eight<T: Element>(rows: &[T], width: usize, planes: &mut [Vec<f64>; 2]) {
    planes.iter_mut().for_each(Vec::clear);
    let mut row = rows.chunks_exact(width);
    let r: [&[T]; 8] = std::array::from_fn(|_| row.next().unwrap_or_default());
    let sum = |part: fn(T) -> f64| {
        move |j: usize| {
            let x = |k: usize| part(r[k][j]);
            ((x(0) + x(1)) + (x(2) + x(3))) + ((x(4) + x(5)) + (x(6) + x(7)))
        }
    };
    planes[0].extend((0..width).map(sum(|x| x.parts().0)));
    if is_complex::<T>() {
        planes[1].extend((0..width).map(sum(|x| x.parts().1)));
    }
}

/// Puts `more` of so many elements to `to` of so many.
fn merge(fold: Fold, to: (&mut [Vec<f64>; 2], f64), more: (&[Vec<f64>; 2], f64)) {
    let ([one, two], n) = to;
    let ([other, others], m) = more;
    match fold {
        Fold::Sum => {
            one.iter_mut().zip(other).for_each(|(a, b)| *a += b);
            two.iter_mut().zip(others).for_each(|(a, b)| *a += b);
        }
        Fold::Min => one.iter_mut().zip(other).for_each(|(a, b)| *a = if *b < *a || b.is_nan() { *b } else { *a }),
        Fold::Max => one.iter_mut().zip(other).for_each(|(a, b)| *a = if *b > *a || b.is_nan() { *b } else { *a }),
        // Chan, Golub & LeVeque (1983), equations 2.1
        Fold::Moments => {
            let cells = one.iter_mut().zip(two.iter_mut()).zip(other.iter().zip(others));
            cells.for_each(|((mean, squares), (other, others))| {
                let apart = other - *mean;
                *mean += apart * (m / (n + m));
                *squares += others + apart * apart * (n * m / (n + m));
            });
        }
    }
}
