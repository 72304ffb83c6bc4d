//! A chunk put together from the chunks of another grid: rechunking, and halos.
//!
//! The pieces are read where they stand, in memory or in a scratch file, so that rechunking takes as many tasks as there
//! are new chunks, not one for each meeting of an old chunk with a new one.

use std::collections::BTreeSet;
use std::ops::Range;

use ndarray::{ArrayD, Axis, IxDyn, Slice};
use serde::{Deserialize, Serialize};

use super::element::{Block, Dtype, Element, typed};
use super::error::TaskError;
use super::grid::{Grid, indices};
use super::value::{ArrayValue, part_of};

/// What lies beyond the edge of an array.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Boundary {
    /// Nothing: halos end at the edge.
    None,
    /// The array mirrored, its edge twice: `b a | a b c | c b`.
    Reflect,
    /// The array again: `b c | a b c | a b`.
    Periodic,
    /// The element at the edge: `a a | a b c | c c`.
    Nearest,
    /// This value.
    Constant(f64),
}

/// The elements `start .. start + shape` of the array of `from`; both ends may lie beyond its edges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Gather {
    pub(super) from: Grid,
    pub(super) start: Vec<isize>,
    pub(super) shape: Vec<usize>,
    pub(super) boundary: Boundary,
    pub(super) dtype: Dtype,
}

/// Some elements of one chunk that stand side by side in the result too.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    chunk: usize,
    from: Range<usize>,
    to: usize,
    is_mirrored: bool,
}

impl Gather {
    /// Indices of the chunks that it needs, in the order in which they are its inputs.
    pub(super) fn needs(&self) -> Vec<Vec<usize>> {
        let needed = self.needed();
        let counts: Vec<usize> = needed.iter().map(Vec::len).collect();
        indices(&counts).map(|index| index.iter().zip(&needed).map(|(&i, chunks)| chunks[i]).collect()).collect()
    }

    /// Number of chunks that it needs.
    pub(super) fn arity(&self) -> usize {
        self.needed().iter().map(Vec::len).product()
    }

    /// For each axis the chunks that it needs.
    fn needed(&self) -> Vec<Vec<usize>> {
        let along = |axis| {
            let chunks: BTreeSet<usize> = self.runs(axis).iter().map(|run| run.chunk).collect();
            chunks.into_iter().collect()
        };
        (0..self.shape.len()).map(along).collect()
    }

    /// Runs of elements along an axis.
    fn runs(&self, axis: usize) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let (length, start) = (self.from.length(axis), self.start[axis]);
        let mut to = 0;
        while to < self.shape[axis] {
            let Some((element, is_mirrored)) = self.element(start + to as isize, length) else {
                to += 1;
                continue;
            };
            let (chunk, at) = self.from.find(axis, element);
            let is_inside = (0..length as isize).contains(&(start + to as isize));
            // inside, the rest of the chunk comes in one run
            let count =
                if is_inside { (self.from.range(axis, chunk).len() - at).min(self.shape[axis] - to) } else { 1 };
            runs.push(Run { chunk, from: at..at + count, to, is_mirrored });
            to += count;
        }
        runs
    }

    /// Which element stands at a position, and whether neighbours are mirrored there; `None` for the constant.
    fn element(&self, at: isize, length: usize) -> Option<(usize, bool)> {
        let n = length as isize;
        if (0..n).contains(&at) {
            return Some((at as usize, false));
        }
        match self.boundary {
            Boundary::Constant(_) | Boundary::None => None,
            Boundary::Periodic => Some((at.rem_euclid(n) as usize, false)),
            Boundary::Nearest => Some((at.clamp(0, n - 1) as usize, false)),
            Boundary::Reflect => {
                let around = at.rem_euclid(2 * n);
                Some((if around < n { around } else { 2 * n - 1 - around } as usize, around >= n))
            }
        }
    }

    /// Elements that it takes of input number `input`.
    pub(super) fn elements_of(&self, mut input: usize) -> usize {
        let mut elements = 1;
        for (axis, chunks) in self.needed().iter().enumerate().rev() {
            let Some(chunk) = chunks.get(input % chunks.len().max(1)) else { return 0 };
            input /= chunks.len();
            let runs = self.runs(axis);
            elements *= runs.iter().filter(|run| run.chunk == *chunk).map(|run| run.from.len()).sum::<usize>();
        }
        elements
    }

    /// Puts the chunk together.
    pub(super) fn run(&self, inputs: &[&ArrayValue]) -> Result<Block, TaskError> {
        typed!(self.dtype, T => self.gather::<T>(inputs).map(T::wrap))
    }

    fn gather<T: Element>(&self, inputs: &[&ArrayValue]) -> Result<ArrayD<T>, TaskError> {
        let fill = if let Boundary::Constant(value) = self.boundary { value } else { 0.0 };
        let mut out = ArrayD::from_elem(IxDyn(&self.shape), T::from_real(fill));
        let runs: Vec<Vec<Run>> = (0..self.shape.len()).map(|axis| self.runs(axis)).collect();
        for (number, (index, input)) in self.needs().iter().zip(inputs).enumerate() {
            let own: Vec<Vec<&Run>> = runs
                .iter()
                .zip(index)
                .map(|(runs, chunk)| runs.iter().filter(|run| run.chunk == *chunk).collect())
                .collect();
            let counts: Vec<usize> = own.iter().map(Vec::len).collect();
            for pick in indices(&counts) {
                let piece: Vec<&Run> = pick.iter().zip(&own).map(|(&i, runs)| runs[i]).collect();
                place(input, &piece, &mut out).map_err(|error| {
                    error.unwrap_or_else(|| TaskError::Input {
                        input: number,
                        expected: "a chunk of the array's type",
                        found: input.what(),
                    })
                })?;
            }
        }
        Ok(out)
    }
}

/// Copies a piece to its place; an error of `None` means that the input is none of its kind.
fn place<T: Element>(input: &ArrayValue, piece: &[&Run], out: &mut ArrayD<T>) -> Result<(), Option<TaskError>> {
    let mut to = out.view_mut();
    for (axis, run) in piece.iter().enumerate() {
        let step = if run.is_mirrored { -1 } else { 1 };
        to.slice_axis_inplace(Axis(axis), Slice::from(run.to..run.to + run.from.len()));
        to.slice_axis_inplace(Axis(axis), Slice::new(0, None, step));
    }
    let part: Vec<Range<usize>> = piece.iter().map(|run| run.from.clone()).collect();
    match input {
        ArrayValue::Block(block) => to.assign(&part_of(T::peek(block).ok_or(None)?, &part)),
        ArrayValue::Stored(stored) if stored.dtype() == T::DTYPE => {
            to.assign(&stored.read_part::<T>(&part).map_err(|error| Some(error.into()))?);
        }
        _ => return Err(None),
    }
    Ok(())
}
