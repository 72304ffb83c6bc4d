//! `deconv worker`: a child of a run with `--scheduler processes`.

use super::failure::Failure;
use crate::graph::serve;
use crate::pipeline::ops::{DeconvOp, OpError};

/// Its name on the command line.
pub(super) const NAME: &str = "worker";

/// Runs the tasks that the parent sends.
pub(super) fn worker() -> Result<(), Failure> {
    serve::<DeconvOp>(OpError::hint).map_err(|error| Failure::worker(&error))
}
