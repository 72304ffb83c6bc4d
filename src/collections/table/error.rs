//! What can be wrong with a table.

use std::io;
use std::path::PathBuf;

use arrow_schema::ArrowError;

use crate::io::FitsError;

/// Why a table could not be made, asked or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A column is longer or shorter than the others.
    #[error("column {column}: expected {expected} rows, found {found}")]
    Length {
        /// The column.
        column: String,
        /// Rows of the table.
        expected: usize,
        /// Rows of the column.
        found: usize,
    },
    /// The table has a column of this name already.
    #[error("column {column} is there already")]
    Duplicate {
        /// The column.
        column: String,
    },
    /// There is no such column.
    #[error("no column {column}: expected one of {columns}")]
    Absent {
        /// The column.
        column: String,
        /// Those there are.
        columns: String,
    },
    /// A column holds something else than is needed.
    #[error("column {column}: expected {expected}, found {found}")]
    Type {
        /// The column.
        column: String,
        /// What would have been right.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// A record is not a flat list of named values.
    #[error("record {record}: expected named numbers, texts and booleans, found {found}")]
    Record {
        /// Its number, from 0.
        record: usize,
        /// What it is, or holds.
        found: String,
    },
    /// A record cannot be taken apart.
    #[error("record {record} cannot be taken apart")]
    Serialise {
        /// Its number, from 0.
        record: usize,
        /// The reason.
        source: serde_json::Error,
    },
    /// A file is not a table.
    #[error("cannot read {} as a table", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The reason, with the line where it is known.
        source: ArrowError,
    },
    /// A file cannot be read or written.
    #[error("cannot {what} {}", path.display())]
    File {
        /// `read` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A FITS table cannot be written.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// A Parquet file cannot be written.
    #[cfg(feature = "parquet")]
    #[error("cannot write {}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: parquet::errors::ParquetError,
    },
    /// The columnar library refused.
    #[error("cannot {what}")]
    Columns {
        /// What was tried.
        what: &'static str,
        /// Its reason.
        source: ArrowError,
    },
}

impl TableError {
    /// Wraps what the columnar library says when it cannot do `what`.
    pub(super) fn columns(what: &'static str) -> impl Fn(ArrowError) -> Self {
        move |source| Self::Columns { what, source }
    }
}
