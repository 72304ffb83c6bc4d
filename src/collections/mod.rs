//! Collections: what people compute with, over the task graph.
//!
//! | collection | what it is |
//! |---|---|
//! | [`array::Array`] | chunked arrays that are computed when asked, larger than memory if need be |
//! | [`table::Table`] | typed columns: from CSV or records; filter, group, aggregate; to CSV, FITS and Parquet |

pub mod array;
mod compute;
pub mod table;

pub use compute::Compute;

use std::path::Path;
use std::{fs, io};

use crate::graph::picture::{Look, Picture, dot, svg};

/// Writes a picture, as DOT or, by any other ending, as SVG.
fn draw(picture: Picture, path: &Path, look: &Look<'_>) -> io::Result<()> {
    let pictures = [picture];
    let is_dot = path.extension().is_some_and(|ending| ending == "dot" || ending == "gv");
    fs::write(path, if is_dot { dot(&pictures, look) } else { svg(&pictures, look) })
}
