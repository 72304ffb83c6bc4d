//! FITS in and out.
//!
//! A [`FitsSource`] is one image of a FITS file: its header is read and checked when it is opened, its
//! pixels by region whenever they are asked for. A [`FitsTarget`] is one product: its header is the
//! source's, card for card, and its pixels go straight to their place in the file, from any thread.
//!
//! The policy in four lines:
//! - Everything that can be wrong with a file is found when it is opened or created, before any work,
//!   and told by a [`FitsError`] that names file, HDU and key, what was expected and what was found.
//! - Headers are parsed here and kept as the bytes they are, so that what we do not understand
//!   survives. Pixels of plain 32-bit floats are read straight from the file; every other form
//!   (integers, scaling, blanks, compressed tiles) goes through cfitsio, by region too.
//! - No handle outlives a call: each read opens, reads and closes, so a source can be shared by threads.
//! - A product appears under its name when it is complete: it is written under a temporary name in the
//!   same folder, renamed at the end, and removed if the end is never reached.

mod axes;
mod beams;
mod bintable;
mod card;
mod cfitsio;
mod cold;
mod disk;
mod error;
mod hdu;
mod header;
mod heap;
mod new_header;
mod place;
mod plain;
mod product;
mod regions;
mod source;
mod spec;
mod tables;
mod target;
#[cfg(test)]
mod tests;
mod unpack;
mod writer;

pub use axes::{AxisKind, PlaneAxis, PlaneLabel};
pub use bintable::{Cells, TableColumn, write_table};
pub use card::{Card, Value};
pub use cold::forget_cached;
pub use disk::{free_bytes, remove_unfinished, write_through, write_whole};
pub use error::{FitsError, Mismatch};
pub use header::Header;
pub use heap::{Heap, manage_heap, trim_heap};
pub use new_header::{FrequencyAxis, NewHeader};
pub use plain::{array_header, block_len};
pub use regions::{RegionError, RegionFormat, Regions};
pub use source::FitsSource;
pub use tables::read_table;
pub use target::{Finish, FitsTarget};
pub use writer::FitsWriter;
