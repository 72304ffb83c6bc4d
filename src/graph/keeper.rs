//! Where results are shown while they are at hand: caches hang here.

use std::sync::Arc;

use super::Key;

/// Shown every result of a run, on the worker that made it and before any other task sees it.
///
/// Results of a run that was asked to end early are not shown: an operation may have given less than it would have.
pub trait Keeper<V>: Send + Sync {
    /// A task has made its value. What takes long here delays the run.
    fn made(&self, made: &Made<'_, V>);
}

/// A result and what it took.
pub struct Made<'a, V> {
    /// Which task.
    pub key: &'a Key,
    /// Its value.
    pub value: &'a Arc<V>,
    /// Declared size \[bytes\].
    pub bytes: u64,
    /// Time that the operation took \[s\].
    pub seconds: f64,
}
