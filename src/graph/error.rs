//! What can go wrong with a graph; every error names the keys.

use std::error::Error;

use super::Key;

/// A graph that cannot run, or a task that failed.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// Tasks that wait for each other.
    #[error("tasks need each other in a circle: {}", circle(keys))]
    Cycle {
        /// Each key needs the next one, and the last one needs the first.
        keys: Vec<Key>,
    },
    /// A dependency or a target that the graph does not hold.
    #[error("no task or value named {key} in the graph, but {} it", asker(wanted_by.as_ref()))]
    Missing {
        /// What was asked for.
        key: Key,
        /// The task that depends on it; `None` if it was asked for as a target.
        wanted_by: Option<Key>,
    },
    /// A key inserted a second time.
    #[error("{key} is already in the graph: a key names one task or value")]
    Duplicate {
        /// The key that stands twice; the first insertion is kept.
        key: Key,
    },
    /// A task whose operation returned an error.
    #[error("task {key} ({kind}) failed")]
    Task {
        /// Which task.
        key: Key,
        /// [`super::Op::kind`] of its operation.
        kind: &'static str,
        /// The operation's own error, an [`super::Op::Error`]; see [`GraphError::into_task_error`].
        source: Box<dyn Error + Send + Sync>,
    },
    /// A value in a scratch file that cannot be written or read back.
    #[error("the value of {key} is lost: {source}")]
    Scratch {
        /// Whose value.
        key: Key,
        /// What the file system said.
        source: std::io::Error,
    },
    /// A task whose worker processes ended in its midst, each time it was tried.
    #[error("task {key} ({kind}) was lost {losses} times; the last worker process {how}")]
    Lost {
        /// Which task.
        key: Key,
        /// [`super::Op::kind`] of its operation.
        kind: &'static str,
        /// How often it was tried.
        losses: u32,
        /// How the last process ended, with the signal.
        how: String,
    },
    /// A task (or a callback called for it) that panicked.
    #[error("task {key} ({kind}) panicked: {message}")]
    Panic {
        /// Which task.
        key: Key,
        /// [`super::Op::kind`] of its operation.
        kind: &'static str,
        /// What the panic said.
        message: String,
    },
}

impl GraphError {
    /// Gives the operation's own error back, with the key of the task that failed.
    ///
    /// # Errors
    /// Returns the error itself when it is not the failure of a task, or when `E` is not the type of the operation's error.
    pub fn into_task_error<E: Error + Send + Sync + 'static>(self) -> Result<(Key, E), Self> {
        match self {
            Self::Task { key, kind, source } => match source.downcast() {
                Ok(own) => Ok((key, *own)),
                Err(source) => Err(Self::Task { key, kind, source }),
            },
            other => Err(other),
        }
    }
}

fn circle(keys: &[Key]) -> String {
    let around = keys.iter().chain(keys.first());
    around.map(ToString::to_string).collect::<Vec<_>>().join(" needs ")
}

fn asker(wanted_by: Option<&Key>) -> String {
    wanted_by.map_or_else(|| "the run asks for".into(), |key| format!("{key} depends on"))
}
