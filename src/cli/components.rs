//! The components of CLEAN as files.

use std::path::PathBuf;

use clap::ValueEnum;

use super::failure::Failure;
use super::run::write_whole;
use crate::algorithms::Kind;
use crate::pipeline::components::{check_sources, lists_pixels};
use crate::pipeline::outcome::PlaneComponents;
use crate::pipeline::{Lists, Plan, Products, components};

/// A form of the list of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFile {
    /// text, a line for each component
    Csv,
    /// a binary table of FITS
    Fits,
    #[value(help = "the text of WSClean: PREFIX-sources.txt")]
    Wsclean,
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
            Self::Wsclean => return PathBuf::from(format!("{prefix}-sources.txt")),
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
        };
        PathBuf::from(format!("{prefix}-components.{ending}"))
    }
}

/// Refuses a list of what is none: a direct method gives every pixel a value.
pub(super) fn check(files: &[ListFile], plan: &Plan) -> Result<(), Failure> {
    if files.is_empty() || matches!(plan.algorithm().kind, Kind::Clean(_)) {
        let is_text = files.contains(&ListFile::Wsclean);
        return if is_text { check_sources(plan).map_err(Failure::from) } else { Ok(()) };
    }
    Err(Failure::useless("--save-components", "choose an algorithm of the CLEAN family: see deconv list"))
}

/// Products that also list components, if any list was asked for.
pub(super) fn listed(products: Products, files: &[ListFile], plan: &Plan) -> Products {
    let lists = Lists { pixels: files.contains(&ListFile::Wsclean) && lists_pixels(plan) };
    if files.is_empty() { products } else { products.listing_components(lists) }
}

/// Writes the components; that no file is in the way was checked before the run. Returns the files.
pub(super) fn write(
    files: &[ListFile],
    prefix: &str,
    found: (&Plan, &[PlaneComponents]),
) -> Result<Vec<PathBuf>, Failure> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let table = components::table(found.0, found.1)?;
    let write = |file: &ListFile| {
        let path = file.path(prefix);
        match file {
            ListFile::Csv => table.write_csv(&path),
            ListFile::Fits => table.write_fits(&path, EXTNAME, true),
            ListFile::Wsclean => {
                write_whole(&path, &components::sources(found.0, found.1))?;
                Ok(())
            }
            #[cfg(feature = "parquet")]
            ListFile::Parquet => table.write_parquet(&path),
        }?;
        Ok(path)
    };
    files.iter().map(write).collect()
}
