//! Lists of components that cannot be read or written.

use std::path::PathBuf;

use thiserror::Error;

use crate::collections::table::TableError;
use crate::io::FitsError;

/// What is wrong with a list of components.
#[derive(Debug, Error)]
pub enum ListError {
    /// The file.
    #[error("cannot read the components of {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The binary table.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// What it says.
    #[error("cannot read the components of {}\n  {place}: {found}, expected {expected}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Line or row, and column.
        place: String,
        /// What stands there.
        found: String,
        /// What should.
        expected: String,
    },
    /// A list that the text of `WSClean` cannot hold.
    #[error("cannot list the components as WSClean does\n  {found}, expected {expected}")]
    Sources {
        /// What the image is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl ListError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::File { .. } => "check the name; lists end in .txt (WSClean), .csv or .fits".to_owned(),
            Self::Sources { .. } => "list them as a table: --save-components csv,fits".to_owned(),
            Self::Fits(error) => error.hint().unwrap_or_default(),
            Self::Table(_) | Self::Content { .. } => {
                "give a list as --save-components writes it, or as WSClean does with -save-source-list".to_owned()
            }
        }
    }
}
