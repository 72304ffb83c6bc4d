//! How an array is cut into chunks.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ArrayError;

/// The chunks along each axis; clones share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid(Arc<Vec<Vec<usize>>>);

impl Serialize for Grid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Grid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|edges| Self(Arc::new(edges)))
    }
}

impl Grid {
    /// The grid of chunks of these lengths along each axis.
    pub fn new(lengths: &[Vec<usize>]) -> Self {
        let edges = lengths.iter().map(|lengths| {
            let ends = lengths.iter().scan(0, |end, length| {
                *end += length;
                Some(*end)
            });
            std::iter::once(0).chain(ends).collect()
        });
        Self(Arc::new(edges.collect()))
    }

    /// Number of axes.
    pub fn axes(&self) -> usize {
        self.0.len()
    }

    /// Shape of the whole array.
    pub fn shape(&self) -> Vec<usize> {
        (0..self.axes()).map(|axis| self.length(axis)).collect()
    }

    /// Length of an axis.
    pub fn length(&self, axis: usize) -> usize {
        self.0[axis].last().copied().unwrap_or(0)
    }

    /// Number of chunks along an axis.
    pub fn count(&self, axis: usize) -> usize {
        self.0[axis].len() - 1
    }

    /// Number of chunks along each axis.
    pub fn counts(&self) -> Vec<usize> {
        (0..self.axes()).map(|axis| self.count(axis)).collect()
    }

    /// Number of chunks.
    pub fn chunks(&self) -> usize {
        self.counts().iter().product()
    }

    /// Where chunk `index` of an axis stands.
    pub fn range(&self, axis: usize, index: usize) -> Range<usize> {
        self.0[axis][index]..self.0[axis][index + 1]
    }

    /// Lengths of the chunks along an axis.
    pub fn lengths(&self, axis: usize) -> Vec<usize> {
        self.0[axis].windows(2).map(|edge| edge[1] - edge[0]).collect()
    }

    /// Lengths of the chunks along each axis.
    pub fn all_lengths(&self) -> Vec<Vec<usize>> {
        (0..self.axes()).map(|axis| self.lengths(axis)).collect()
    }

    /// Shape of the chunk at `index`.
    pub fn shape_of(&self, index: &[usize]) -> Vec<usize> {
        index.iter().enumerate().map(|(axis, &i)| self.range(axis, i).len()).collect()
    }

    /// Elements of the largest chunk.
    pub fn largest(&self) -> usize {
        (0..self.axes()).map(|axis| self.lengths(axis).into_iter().max().unwrap_or(0)).product()
    }

    /// The chunk of an axis that holds element `at`, and its place in the chunk.
    pub fn find(&self, axis: usize, at: usize) -> (usize, usize) {
        let edges = &self.0[axis];
        // empty chunks share their edge with the next one, which holds the element
        let index = edges.partition_point(|&edge| edge <= at) - 1;
        (index, at - edges[index])
    }
}

/// What chunks an array shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunking {
    /// The same length along every axis.
    Each(usize),
    /// A length for each axis.
    Lengths(Vec<usize>),
    /// Every chunk of each axis.
    Lists(Vec<Vec<usize>>),
}

/// As a chunk's length: the whole axis.
pub const WHOLE: usize = usize::MAX;

impl From<usize> for Chunking {
    fn from(length: usize) -> Self {
        Self::Each(length)
    }
}

impl<const N: usize> From<[usize; N]> for Chunking {
    fn from(lengths: [usize; N]) -> Self {
        Self::Lengths(lengths.to_vec())
    }
}

impl From<Vec<usize>> for Chunking {
    fn from(lengths: Vec<usize>) -> Self {
        Self::Lengths(lengths)
    }
}

impl From<Vec<Vec<usize>>> for Chunking {
    fn from(lists: Vec<Vec<usize>>) -> Self {
        Self::Lists(lists)
    }
}

impl Chunking {
    /// The grid for an array of this shape.
    ///
    /// # Errors
    /// [`ArrayError::Chunks`] for chunks of no length, of another number of axes, or that do not fill the shape.
    pub fn grid(&self, shape: &[usize]) -> Result<Grid, ArrayError> {
        let wrong =
            |found: String| ArrayError::Chunks { expected: format!("chunks of an array of shape {shape:?}"), found };
        let lengths = match self {
            Self::Each(length) => vec![*length; shape.len()],
            Self::Lengths(lengths) => lengths.clone(),
            Self::Lists(lists) => {
                let sums: Vec<usize> = lists.iter().map(|list| list.iter().sum()).collect();
                let fills = sums == shape && lists.iter().all(|list| !list.is_empty());
                return if fills { Ok(Grid::new(lists)) } else { Err(wrong(format!("{lists:?}"))) };
            }
        };
        if lengths.len() != shape.len() || lengths.contains(&0) {
            return Err(wrong(format!("chunks of {lengths:?}")));
        }
        let cut = |(&size, &length): (&usize, &usize)| {
            let count = size.div_ceil(length).max(1);
            (0..count).map(|i| size.saturating_sub(i.saturating_mul(length)).min(length)).collect()
        };
        Ok(Grid::new(&shape.iter().zip(&lengths).map(cut).collect::<Vec<Vec<usize>>>()))
    }
}

/// Every index below `counts`, the last axis fastest.
pub(super) fn indices(counts: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let counts = counts.to_vec();
    let total: usize = counts.iter().product();
    (0..total).map(move |mut number| {
        let mut index = vec![0; counts.len()];
        for (place, &count) in index.iter_mut().zip(&counts).rev() {
            (number, *place) = (number / count, number % count);
        }
        index
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_fill_the_shape_and_the_last_is_what_is_left() {
        let grid = Chunking::from([4, WHOLE]).grid(&[10, 3]).unwrap();
        assert_eq!(grid.all_lengths(), [vec![4, 4, 2], vec![3]]);
        assert_eq!((grid.find(0, 4), grid.find(0, 9), grid.find(1, 2)), ((1, 0), (2, 1), (0, 2)));
        assert_eq!((grid.chunks(), grid.largest()), (3, 12));
        assert_eq!(indices(&grid.counts()).collect::<Vec<_>>(), [[0, 0], [1, 0], [2, 0]]);
    }

    #[test]
    fn chunks_that_do_not_fit_are_refused_with_both_numbers() {
        for wrong in [Chunking::from(0), Chunking::from([1, 2, 3]), Chunking::from(vec![vec![4, 4], vec![3]])] {
            let text = wrong.grid(&[10, 3]).unwrap_err().to_string();
            assert!(text.contains("[10, 3]"), "{text}");
        }
    }

    #[test]
    fn an_array_without_elements_has_one_empty_chunk() {
        let grid = Chunking::from(5).grid(&[0, 2]).unwrap();
        assert_eq!(grid.all_lengths(), [vec![0], vec![2]]);
    }
}
