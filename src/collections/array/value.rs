//! What travels on the edges of an array's graph.

use std::borrow::Cow;
use std::io::{self, Write};
use std::ops::Range;

use ndarray::{ArrayD, Axis, Slice};
use serde::{Deserialize, Serialize};

use super::element::{Block, Dtype, Element, each, in_row_order, shaped, typed};
use super::reduce::Partial;
use crate::graph::{Codec, Packer, Stored, Unpacker, read_all};

/// A chunk, or what a task makes on the way to one.
#[derive(Debug, Clone)]
pub enum ArrayValue {
    /// A chunk in memory.
    Block(Block),
    /// A chunk in a scratch file, read by region.
    Stored(StoredBlock),
    /// Sums, or the like, of parts of an axis.
    Partial(Partial),
    /// What a write gives.
    Written,
}

/// A chunk in a scratch file.
#[derive(Debug, Clone)]
pub struct StoredBlock {
    head: Head,
    elements: Stored,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head {
    dtype: Dtype,
    shape: Vec<usize>,
}

/// The form of a value in a file.
#[derive(Serialize, Deserialize)]
enum Form {
    Block(Head),
    Partial(Partial),
    Written,
}

impl ArrayValue {
    /// The chunk, read if it stands in a file; `None` if it is something else.
    pub(super) fn block(&self) -> io::Result<Option<Cow<'_, Block>>> {
        match self {
            Self::Block(block) => Ok(Some(Cow::Borrowed(block))),
            Self::Stored(stored) => stored.read_whole().map(|block| Some(Cow::Owned(block))),
            Self::Partial(_) | Self::Written => Ok(None),
        }
    }

    /// What it is, in words.
    pub(super) fn what(&self) -> String {
        match self {
            Self::Block(block) => format!("a chunk {:?} of {:?}", block.shape(), block.dtype()),
            Self::Stored(stored) => format!("a chunk {:?} of {:?}", stored.head.shape, stored.head.dtype),
            Self::Partial(_) => "a partial result".to_owned(),
            Self::Written => "what a write gives".to_owned(),
        }
    }
}

impl StoredBlock {
    fn read_whole(&self) -> io::Result<Block> {
        typed!(self.head.dtype, T => read_all::<T>(&self.elements).map(|all| T::wrap(shaped(&self.head.shape, all))))
    }

    /// Type of its elements.
    pub(super) fn dtype(&self) -> Dtype {
        self.head.dtype
    }

    /// Reads a part, run by run of the last axis.
    pub(super) fn read_part<T: Element>(&self, part: &[Range<usize>]) -> io::Result<ArrayD<T>> {
        let shape: Vec<usize> = part.iter().map(Range::len).collect();
        let mut elements = Vec::with_capacity(shape.iter().product());
        let (run, outer) = match shape.split_last() {
            Some((run, outer)) => (*run, outer),
            None => (1, &[][..]),
        };
        for index in super::grid::indices(outer) {
            let mut at = 0;
            for (axis, &length) in self.head.shape.iter().enumerate() {
                at = at * length + part[axis].start + index.get(axis).copied().unwrap_or(0);
            }
            let bytes = |elements: usize| (elements * T::BYTES) as u64;
            elements.extend(read_all::<T>(&self.elements.part(bytes(at), bytes(run))?)?);
        }
        Ok(shaped(&shape, elements))
    }
}

/// How values leave memory and come back.
pub(super) const CODEC: Codec<ArrayValue> = Codec { write, read };

fn write(value: &ArrayValue, to: &mut dyn Write) -> io::Result<()> {
    let mut packer = Packer::new(to);
    match value {
        ArrayValue::Block(block) => {
            packer.put(&Form::Block(Head { dtype: block.dtype(), shape: block.shape().to_vec() }))?;
            each!(block, array => match array.as_slice() {
                Some(elements) => packer.put_all(elements),
                None => packer.put_all(&in_row_order(array.clone())),
            })
        }
        ArrayValue::Stored(stored) => write(&ArrayValue::Block(stored.read_whole()?), to),
        ArrayValue::Partial(partial) => packer.put(&Form::Partial(partial.clone())),
        ArrayValue::Written => packer.put(&Form::Written),
    }
}

fn read(stored: &Stored) -> io::Result<ArrayValue> {
    let mut unpacker = Unpacker::new(stored);
    Ok(match unpacker.get()? {
        Form::Block(head) => {
            let count = head.shape.iter().product();
            let elements = typed!(head.dtype, T => unpacker.skip::<T>(count))?;
            ArrayValue::Stored(StoredBlock { head, elements })
        }
        Form::Partial(partial) => ArrayValue::Partial(partial),
        Form::Written => ArrayValue::Written,
    })
}

/// The part of an array in these ranges.
pub(super) fn part_of<'a, T>(array: &'a ArrayD<T>, part: &[Range<usize>]) -> ndarray::ArrayViewD<'a, T> {
    let mut view = array.view();
    for (axis, range) in part.iter().enumerate() {
        view.slice_axis_inplace(Axis(axis), Slice::from(range.clone()));
    }
    view
}
