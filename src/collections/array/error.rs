//! What can be wrong with an array.

use std::io;
use std::path::PathBuf;

use crate::graph::GraphError;
use crate::io::FitsError;

/// Why an array could not be made, computed or stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// Chunks that do not fit the array.
    #[error("wrong chunks: expected {expected}, found {found}")]
    Chunks {
        /// What would have been right.
        expected: String,
        /// What was given.
        found: String,
    },
    /// An axis that there is not, or a wrong number of them.
    #[error("wrong axes for shape {shape:?}: expected {expected}, found {found}")]
    Axes {
        /// Shape of the array.
        shape: Vec<usize>,
        /// What would have been right.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// Two arrays that do not go together.
    #[error("shapes {one:?} and {other:?} differ")]
    Shapes {
        /// Shape of the first.
        one: Vec<usize>,
        /// Shape of the other.
        other: Vec<usize>,
    },
    /// A FITS file cannot be used.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The graph did not come to its end.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A result that stands in a scratch file cannot be read.
    #[error("cannot read a result back from its scratch file")]
    Scratch(#[source] io::Error),
}

/// Why a task of an array failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// A FITS file cannot be read.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// A file cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A value in a scratch file cannot be read.
    #[error("cannot read an input back from its scratch file")]
    Scratch(#[from] io::Error),
    /// An input is not what the operation takes: a graph made by hand, or by another version.
    #[error("input {input}: expected {expected}, found {found}")]
    Input {
        /// Its number, from 0.
        input: usize,
        /// What would have been right.
        expected: &'static str,
        /// What it is.
        found: String,
    },
}
