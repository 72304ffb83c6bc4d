//! Why a future has no value.

use std::error::Error;
use std::sync::Arc;

/// Why a future has no value; clones share the cause.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FutureError {
    /// The function returned an error.
    #[error("{name} failed")]
    Failed {
        /// Name of the task.
        name: &'static str,
        /// The error.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The function panicked.
    #[error("{name} panicked: {message}")]
    Panic {
        /// Name of the task.
        name: &'static str,
        /// What it said.
        message: String,
    },
    /// It was cancelled before it started.
    #[error("{name} was cancelled")]
    Cancelled {
        /// Name of the task.
        name: &'static str,
    },
    /// A future that it waited for has no value.
    #[error("{name} has no input")]
    Input {
        /// Name of the task.
        name: &'static str,
        /// Why the input has none.
        source: Box<FutureError>,
    },
}
