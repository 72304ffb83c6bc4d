//! How good an image is: noise, contrast and errors against the truth, and signs that something is wrong with it.
//!
//! Definitions are those of ALGORITHMS 10; all sums are in f64 and leave blanks out. Whatever is compared with the truth is
//! compared at the resolution of the clean beam. Every number is found by a task of a graph of [`MetricOp`]s: one reads a
//! plane, others bring model or truth to the beam, the rest measure.

mod accuracy;
mod catalogue;
mod detections;
mod flags;
mod measure;
mod number;
mod op;
mod planes;
mod residual;
mod signs;

pub use catalogue::{CatalogueError, TrueSource, read as read_catalogue};
pub use detections::SourceReport;
pub use flags::{Flag, flags};
pub use measure::{Files, MetricsError, PlaneMetrics, Truth, measure};
pub use number::{Number, find};
pub use op::{Measured, MetricOp};
