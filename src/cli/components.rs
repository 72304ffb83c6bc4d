//! The components of CLEAN as files.

use std::path::PathBuf;

use clap::ValueEnum;

use super::failure::Failure;
use crate::algorithms::Kind;
use crate::collections::table::TableError;
use crate::pipeline::outcome::PlaneComponents;
use crate::pipeline::{Plan, components};

/// A form of the list of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFile {
    /// text, a line for each component
    Csv,
    /// a binary table of FITS
    Fits,
    /// Parquet
    #[cfg(feature = "parquet")]
    Parquet,
}

/// The name of a binary table of components.
const EXTNAME: &str = "COMPONENTS";

impl ListFile {
    /// Where it stands.
    pub(super) fn path(self, prefix: &str) -> PathBuf {
        let ending = match self {
            Self::Csv => "csv",
            Self::Fits => "fits",
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
        };
        PathBuf::from(format!("{prefix}-components.{ending}"))
    }
}

/// Refuses a list of what is none: a direct method gives every pixel a value.
pub(super) fn check(files: &[ListFile], plan: &Plan) -> Result<(), Failure> {
    if files.is_empty() || matches!(plan.algorithm().kind, Kind::Clean(_)) {
        return Ok(());
    }
    Err(Failure::useless("--save-components", "choose an algorithm of the CLEAN family: see deconv list"))
}

/// Writes the components; that no file is in the way was checked before the run. Returns the files.
pub(super) fn write(
    files: &[ListFile],
    prefix: &str,
    found: (&Plan, &[PlaneComponents]),
) -> Result<Vec<PathBuf>, TableError> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let table = components::table(found.0, found.1)?;
    let write = |file: &ListFile| {
        let path = file.path(prefix);
        match file {
            ListFile::Csv => table.write_csv(&path),
            ListFile::Fits => table.write_fits(&path, EXTNAME, true),
            #[cfg(feature = "parquet")]
            ListFile::Parquet => table.write_parquet(&path),
        }?;
        Ok(path)
    };
    files.iter().map(write).collect()
}
