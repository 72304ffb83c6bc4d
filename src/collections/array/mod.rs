//! Arrays in chunks, computed when asked.
//!
//! An [`Array`] is a recipe: how it is cut into chunks, and what makes each of them. Operations on it make further
//! recipes; [`Array::compute`] makes a task of each chunk and runs the graph, so that no more than a few chunks need be in
//! memory at one time. The operations are data ([`ArrayOp`]): they can be drawn, forecast, joined
//! where one hands its chunk to just one other, written to a scratch file, and run in another process.
//!
//! ```
//! use deconv::collections::array::{Array, cut};
//!
//! let x = Array::<f64>::normal(7, (10.0, 0.1), [2000, 2000], 500)?;
//! let means = x.mean(&[0])?.slice(&[cut(..).step(100)])?.compute()?;
//! assert_eq!(means.shape(), [20]);
//! assert!(means.iter().all(|mean| (mean - 10.0).abs() < 0.02));
//!
//! let other = Array::<f64>::normal(7, (10.0, 0.1), [2000, 2000], [300, 700])?;
//! assert_eq!(other.mean(&[0])?.slice(&[cut(..).step(100)])?.compute()?, means, "chunks change no bit");
//! # Ok::<(), deconv::collections::array::ArrayError>(())
//! ```
//!
//! **How long should a chunk be?** It must fit into memory a few times over, be cut along the axes that the computation
//! goes through last, and take a millisecond or more: a task costs about a microsecond beyond its work. (Where a reduction
//! stands over a source, neighbours smaller than that are joined when it is computed.) Results do not depend on it: random numbers belong
//! to their place in the whole array, and sums follow one fixed tree (see [`Reduction`]).

mod arithmetic;
mod coarse;
mod element;
mod elementwise;
mod error;
mod fourier;
mod fused;
mod gather;
mod grid;
mod layer;
mod op;
mod rechunk;
mod reduce;
mod shape;
mod source;
mod store;
#[cfg(test)]
mod tests;
mod transforms;
mod value;
mod window;

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use ndarray::{ArrayD, Axis, IxDyn, Slice};

pub use element::{Block, Dtype, Element, RealElement};
pub use error::{ArrayError, TaskError};
pub use gather::Boundary;
pub use grid::{Chunking, Grid, WHOLE};
pub use op::ArrayOp;
pub use reduce::{Partial, Reduction};
pub use store::Store;
pub use transforms::RealOf;
pub use value::{ArrayValue, StoredBlock};
pub use window::{Select, cut};

use self::grid::indices;
use self::layer::Layer;
use self::op::{Kind, What};
use self::source::{Image, Source};
use super::Compute;
use crate::graph::picture::{Look, Picture};
use crate::graph::{Held, Key, TaskGraph};
use crate::io::FitsSource;

/// A chunked array of any number of axes that is computed when asked; clones share the recipe.
#[derive(Clone)]
pub struct Array<T: Element> {
    layer: Arc<Layer>,
    grid: Grid,
    element: PhantomData<T>,
}

/// Elements of a shape.
fn elements(shape: &[usize]) -> usize {
    shape.iter().product()
}

impl ArrayOp {
    /// An operation whose result has so many elements of this type, each of which takes so many operations.
    fn new(what: What, (elements, dtype): (usize, Dtype), flops: f64) -> Self {
        let kind = Kind(what.name());
        let bytes = elements as u64 * dtype.bytes();
        // random numbers are made in f64 first
        let is_narrowed = matches!(&what, What::Make { source: Source::Normal { .. }, .. }) && dtype != Dtype::F64;
        let scratch = if is_narrowed { 8 * elements as u64 } else { 0 };
        Self { what, kind, bytes, scratch, flops: flops * elements as f64 }
    }
}

impl<T: Element> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} of {:?}, {} chunks", self.layer.name(), self.shape(), T::DTYPE, self.grid.chunks())
    }
}

impl<T: Element> Array<T> {
    /// An array of one value.
    ///
    /// # Errors
    /// [`ArrayError::Chunks`].
    pub fn full(value: T, shape: impl AsRef<[usize]>, chunks: impl Into<Chunking>) -> Result<Self, ArrayError> {
        Self::made_by(Source::Full { value: value.parts() }, shape.as_ref(), &chunks.into())
    }

    /// An array of ones.
    ///
    /// # Errors
    /// [`ArrayError::Chunks`].
    pub fn ones(shape: impl AsRef<[usize]>, chunks: impl Into<Chunking>) -> Result<Self, ArrayError> {
        Self::full(T::from_real(1.0), shape, chunks)
    }

    /// The `count` numbers `first`, `first + step`, ... along one axis.
    ///
    /// # Errors
    /// [`ArrayError::Chunks`].
    pub fn line(first: f64, step: f64, count: usize, chunks: impl Into<Chunking>) -> Result<Self, ArrayError> {
        Self::made_by(Source::Line { first, step }, &[count], &chunks.into())
    }

    /// Normal random numbers of this mean and standard deviation. A number depends on the seed and its
    /// place in the array, never on the chunks.
    ///
    /// # Errors
    /// [`ArrayError::Chunks`].
    pub fn normal(
        seed: u64,
        (mean, std): (f64, f64),
        shape: impl AsRef<[usize]>,
        chunks: impl Into<Chunking>,
    ) -> Result<Self, ArrayError> {
        let of = shape.as_ref().to_vec();
        Self::made_by(Source::Normal { seed, mean, std, of: of.clone() }, &of, &chunks.into())
    }

    fn made_by(source: Source, shape: &[usize], chunks: &Chunking) -> Result<Self, ArrayError> {
        let grid = chunks.grid(shape)?;
        let layer = coarse::made_by(source, T::DTYPE, &grid);
        Ok(Self { layer, grid, element: PhantomData })
    }

    /// An array with these tasks.
    fn of(layer: Arc<Layer>, grid: Grid) -> Self {
        Self { layer, grid, element: PhantomData }
    }

    /// Its shape.
    pub fn shape(&self) -> Vec<usize> {
        self.grid.shape()
    }

    /// How it is cut into chunks.
    pub fn chunks(&self) -> &Grid {
        &self.grid
    }

    /// Size that it would have in memory \[bytes\].
    pub fn bytes(&self) -> u64 {
        elements(&self.shape()) as u64 * T::DTYPE.bytes()
    }

    /// The graph that makes its chunks.
    ///
    /// # Errors
    /// [`ArrayError::Graph`], which does not happen.
    pub fn graph(&self) -> Result<(TaskGraph<ArrayOp>, Vec<Key>), ArrayError> {
        Ok((layer::graph(&self.layer)?, self.layer.keys()))
    }

    /// Computes it on all cores.
    ///
    /// # Errors
    /// As [`Array::compute_with`].
    pub fn compute(&self) -> Result<ArrayD<T>, ArrayError> {
        self.compute_with(&Compute::new())
    }

    /// Computes it.
    ///
    /// # Errors
    /// [`ArrayError::Graph`] when a task fails: a file that cannot be read, say, or a function that panics.
    pub fn compute_with(&self, compute: &Compute<'_>) -> Result<ArrayD<T>, ArrayError> {
        self.assemble(&compute.run(layer::lean(&self.layer)?, &self.layer.keys())?)
    }

    /// Puts the chunks together that a scheduler gave for [`Array::graph`].
    ///
    /// # Errors
    /// [`ArrayError::Scratch`] if one cannot be read back, or is none of this array's.
    pub fn assemble(&self, chunks: &[Held<ArrayValue>]) -> Result<ArrayD<T>, ArrayError> {
        let mut whole = ArrayD::from_elem(IxDyn(&self.shape()), T::from_real(0.0));
        for (index, held) in indices(&self.grid.counts()).zip(chunks) {
            let value = held.value().map_err(ArrayError::Scratch)?;
            let block = value.block().map_err(ArrayError::Scratch)?;
            let Some(chunk) = block.as_deref().and_then(T::peek) else {
                let found =
                    std::io::Error::other(format!("expected a chunk of {:?}, found {}", T::DTYPE, value.what()));
                return Err(ArrayError::Scratch(found));
            };
            let mut place = whole.view_mut();
            for (axis, &i) in index.iter().enumerate() {
                place.slice_axis_inplace(Axis(axis), Slice::from(self.grid.range(axis, i)));
            }
            place.assign(chunk);
        }
        Ok(whole)
    }

    /// Draws the graph that makes it, as SVG or as DOT for Graphviz by the file's ending.
    ///
    /// # Errors
    /// [`ArrayError::Write`].
    pub fn visualize(&self, path: impl Into<PathBuf>, look: &Look<'_>) -> Result<(), ArrayError> {
        let path = path.into();
        let (graph, keys) = self.graph()?;
        let picture = Picture::new(self.layer.name(), &graph, &keys, look)?;
        super::draw(picture, &path, look).map_err(|source| ArrayError::Write { path, source })
    }

    /// Writes it, chunk by chunk, without ever holding it whole.
    ///
    /// # Errors
    /// [`ArrayError::Fits`] if the file is there already, [`ArrayError::Write`], [`ArrayError::Graph`].
    pub fn store(&self, to: &Store, compute: &Compute<'_>) -> Result<PathBuf, ArrayError> {
        let open = to.begin(&self.shape(), T::DTYPE)?;
        let (grid, write) = (self.grid.clone(), open.write.clone());
        let layer = Layer::new(("write", &write), grid.counts(), vec![Arc::clone(&self.layer)], {
            let write = write.clone();
            move |index| {
                let start = index.iter().enumerate().map(|(axis, &i)| grid.range(axis, i).start).collect();
                let what = What::Write(write.at(start));
                (ArrayOp::new(what, (0, T::DTYPE), 0.0), vec![(0, index.to_vec())])
            }
        });
        compute.run(layer::lean(&layer)?, &layer.keys())?;
        open.finish()
    }

    /// An array whose chunks each follow from the same chunk of this one.
    fn chunkwise<U: Element>(&self, what: What, flops: f64) -> Array<U> {
        let layer = coarse::chunkwise(what, (U::DTYPE, flops), (&self.layer, &self.grid));
        Array::of(layer, self.grid.clone())
    }

    /// The error that these axes are not what is needed.
    fn wrong_axes(&self, expected: &'static str, found: String) -> ArrayError {
        ArrayError::Axes { shape: self.shape(), expected, found }
    }

    /// Checks that there is such an axis.
    fn check_axis(&self, axis: usize) -> Result<(), ArrayError> {
        if axis < self.grid.axes() { Ok(()) } else { Err(self.wrong_axes("an axis of the array", axis.to_string())) }
    }
}

impl Array<f32> {
    /// A plane of a FITS image, shape `(ny, nx)`, read by the rows of each chunk when it is needed.
    ///
    /// `spec` may name an HDU and a region, as [`FitsSource::open`] says. Blanks are NaN.
    ///
    /// # Errors
    /// [`ArrayError::Fits`], [`ArrayError::Chunks`].
    pub fn from_fits(spec: &str, plane: usize, chunks: impl Into<Chunking>) -> Result<Self, ArrayError> {
        let image = Image::new(Arc::new(FitsSource::open(spec)?))?;
        let geometry = image.source().geometry();
        // a plane that there is not is told here, not by a task
        image.source().read_rows(plane, 0..0)?;
        Self::made_by(Source::Fits { image, plane: Some(plane) }, &[geometry.ny, geometry.nx], &chunks.into())
    }

    /// All planes of a FITS image, shape `(planes, ny, nx)`.
    ///
    /// # Errors
    /// [`ArrayError::Fits`], [`ArrayError::Chunks`].
    pub fn from_fits_cube(spec: &str, chunks: impl Into<Chunking>) -> Result<Self, ArrayError> {
        let image = Image::new(Arc::new(FitsSource::open(spec)?))?;
        let geometry = image.source().geometry();
        let shape = [image.source().planes(), geometry.ny, geometry.nx];
        Self::made_by(Source::Fits { image, plane: None }, &shape, &chunks.into())
    }
}
