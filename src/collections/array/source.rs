//! Where chunks come from: constants, random numbers, files.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use ndarray::{Array2, ArrayD, Axis, IxDyn, Slice, s};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::element::{Block, Dtype, Element, shaped, typed};
use super::error::TaskError;
use super::window::Cut;
use crate::io::{FitsError, FitsSource};
use crate::kernels::normal::{Columns, fill_normal};

/// Something that gives any part of an array, whatever the chunks are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Source {
    /// The same value everywhere.
    Full {
        /// Its real and imaginary part.
        value: (f64, f64),
    },
    /// Normal random numbers: a number depends on the seed and its place in the whole array only.
    Normal {
        /// Which numbers.
        seed: u64,
        /// Their mean.
        mean: f64,
        /// Their standard deviation.
        std: f64,
        /// Shape of the whole array.
        of: Vec<usize>,
    },
    /// Numbers `first + step * i` along one axis.
    Line {
        /// The first.
        first: f64,
        /// From one to the next.
        step: f64,
    },
    /// Pixels of a FITS image: `(ny, nx)` of one plane, or `(planes, ny, nx)`.
    Fits {
        /// The image.
        image: Image,
        /// The plane, or all of them.
        plane: Option<usize>,
    },
}

/// A FITS image that is open; clones share it. Another process opens it anew.
#[derive(Debug, Clone)]
pub(super) struct Image {
    source: Arc<FitsSource>,
    stamp: Stamp,
}

/// What tells that a file is still the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: PathBuf,
    bytes: u64,
    /// When it was last written, since 1970 \[ns\].
    modified: u128,
}

impl Image {
    pub(super) fn new(source: Arc<FitsSource>) -> Result<Self, FitsError> {
        let path = source.path().to_owned();
        let stamp = Stamp::of(&path).map_err(|error| FitsError::Open { path, source: error })?;
        Ok(Self { source, stamp })
    }

    pub(super) fn source(&self) -> &FitsSource {
        &self.source
    }
}

impl Stamp {
    fn of(path: &std::path::Path) -> io::Result<Self> {
        let about = fs::metadata(path)?;
        let modified = about.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        Ok(Self { path: fs::canonicalize(path)?, bytes: about.len(), modified })
    }
}

impl PartialEq for Image {
    fn eq(&self, other: &Self) -> bool {
        self.stamp == other.stamp && self.source.spec() == other.source.spec()
    }
}

impl Serialize for Image {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.source.spec(), &self.stamp).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Image {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (spec, stamp): (String, Stamp) = Deserialize::deserialize(deserializer)?;
        let source = FitsSource::open(&spec).map_err(D::Error::custom)?;
        Ok(Self { source: Arc::new(source), stamp })
    }
}

impl Source {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Full { .. } => "full",
            Self::Normal { .. } => "normal",
            Self::Line { .. } => "line",
            Self::Fits { .. } => "read",
        }
    }

    /// Floating-point operations per element: what a random number takes about.
    pub(super) fn flops(&self) -> f64 {
        if matches!(self, Self::Normal { .. }) { 50.0 } else { 1.0 }
    }

    /// The elements of a window.
    pub(super) fn make(&self, dtype: Dtype, window: &[Cut]) -> Result<Block, TaskError> {
        let shape: Vec<usize> = window.iter().map(|cut| cut.count).collect();
        match self {
            Self::Full { value: (re, im) } => {
                Ok(typed!(dtype, T => T::wrap(ArrayD::from_elem(IxDyn(&shape), T::from_parts(*re, *im)))))
            }
            Self::Normal { seed, mean, std, of } => {
                let numbers = normal(*seed, of, window, (*mean, *std));
                Ok(if dtype == Dtype::F64 {
                    Block::F64(shaped(&shape, numbers))
                } else {
                    typed!(dtype, T => T::wrap(shaped(&shape, numbers.into_iter().map(T::from_real).collect())))
                })
            }
            Self::Line { first, step } => {
                let at = |i: usize| first + step * i as f64;
                let numbers = window.first().into_iter().flat_map(|cut| cut.elements()).map(at);
                Ok(typed!(dtype, T => T::wrap(shaped(&shape, numbers.map(T::from_real).collect()))))
            }
            Self::Fits { image, plane } => Ok(Block::F32(read(image.source(), *plane, window)?)),
        }
    }
}

fn normal(seed: u64, of: &[usize], window: &[Cut], (mean, std): (f64, f64)) -> Vec<f64> {
    let Some((columns, leading)) = window.split_last() else { return Vec::new() };
    // numbers of the rows in the whole array, axis by axis
    let mut rows = vec![0_u64];
    for (cut, &length) in leading.iter().zip(of) {
        let along = |row: u64| cut.elements().map(move |at| row * length as u64 + at as u64);
        rows = rows.into_iter().flat_map(along).collect();
    }
    let columns = Columns { start: columns.start, step: columns.step, count: columns.count };
    let mut numbers = vec![0.0; rows.len() * columns.count];
    fill_normal(seed, &rows, columns, &mut numbers);
    numbers.iter_mut().for_each(|z| *z = mean + std * *z);
    numbers
}

/// Reads the rows of a window, a run at a time where there are no steps, and keeps its columns.
fn read(source: &FitsSource, plane: Option<usize>, window: &[Cut]) -> Result<ArrayD<f32>, FitsError> {
    let (planes, rows, columns) = match (plane, window) {
        (Some(plane), [rows, columns]) => (Cut::run(plane..plane + 1), *rows, *columns),
        (None, [planes, rows, columns]) => (*planes, *rows, *columns),
        _ => unreachable!("a window has an axis for each of the image's"),
    };
    let mut pixels = ndarray::Array3::zeros((planes.count, rows.count, columns.count));
    let taken = Slice::new(columns.start as isize, None, columns.step as isize);
    let keep = |mut to: ndarray::ArrayViewMut2<f32>, read: Array2<f32>| {
        to.assign(&read.slice_axis(Axis(1), taken).slice(s![.., ..columns.count]));
    };
    for (mut to, plane) in pixels.outer_iter_mut().zip(planes.elements()) {
        if rows.step == 1 {
            keep(to, source.read_rows(plane, rows.start..rows.start + rows.count)?);
        } else {
            for (at, row) in rows.elements().enumerate() {
                keep(to.slice_mut(s![at..=at, ..]), source.read_rows(plane, row..row + 1)?);
            }
        }
    }
    Ok(match plane {
        Some(_) => pixels.index_axis_move(Axis(0), 0).into_dyn(),
        None => pixels.into_dyn(),
    })
}
