//! Collections: what people compute with, over the task graph.
//!
//! | collection | what it is |
//! |---|---|
//! | [`array::Array`] | chunked arrays that are computed when asked, larger than memory if need be |
//! | [`delayed::Delayed`] | any function of any values, called later |
//! | [`bag::Bag`] | many items in partitions: map, filter, fold, group |
//! | [`futures::Client`] | tasks that start at once |
//! | [`table::Table`] | typed columns: from CSV or records; filter, group, aggregate; to CSV, FITS and Parquet |
//!
//! Arrays are plain data, so that their graphs can be forecast, cached and run in other processes; delayed calls, bags and
//! futures take closures and stay in this process. Programs for each stand in `examples/`.

pub mod array;
pub mod bag;
mod call;
mod compute;
pub mod delayed;
pub mod futures;
pub mod table;

use std::path::Path;
use std::{fs, io};

pub use call::{AnyError, Call, CallError, Function};
pub use compute::Compute;

use crate::graph::picture::{Look, Picture, dot, svg};

/// Writes a picture, as DOT or, by any other ending, as SVG.
fn draw(picture: Picture, path: &Path, look: &Look<'_>) -> io::Result<()> {
    let pictures = [picture];
    let is_dot = path.extension().is_some_and(|ending| ending == "dot" || ending == "gv");
    fs::write(path, if is_dot { dot(&pictures, look) } else { svg(&pictures, look) })
}
