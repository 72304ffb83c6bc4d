//! What can go wrong with a graph; every error names the keys.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::{Held, Key, Place};

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
    #[error("task {} ({}) {}{task}", task.key, task.kind, failed(task.attempts))]
    Task {
        /// Which task, and where it stands.
        task: Box<TaskSite>,
        /// The operation's own error, an [`super::Op::Error`]; see [`GraphError::into_task_error`].
        source: Box<dyn Error + Send + Sync>,
    },
    /// A task (or a callback called for it) that panicked.
    #[error("task {} ({}) panicked: {message}{task}", task.key, task.kind)]
    Panic {
        /// Which task, and where it stands.
        task: Box<TaskSite>,
        /// What the panic said.
        message: String,
    },
    /// A task whose worker processes ended in its midst, each time it was tried.
    #[error("task {} ({}) was given up: {losses} worker processes were lost in its midst, the last one {how}{task}", task.key, task.kind)]
    Lost {
        /// Which task, and where it stands.
        task: Box<TaskSite>,
        /// How many processes were lost.
        losses: u32,
        /// What the last one did, with the signal.
        how: String,
    },
    /// A value that cannot be written to its file or read back.
    #[error("cannot {access} the value of {key}\n  file {}{}", path.display(), asked_by(task.as_deref(), *access))]
    Scratch {
        /// Whose value.
        key: Key,
        /// The file; the scratch folder for one that could not be made.
        path: PathBuf,
        /// What was tried.
        access: Access,
        /// The task that made the value or wanted it, where one did.
        task: Option<Box<TaskSite>>,
        /// What the file system said.
        source: io::Error,
    },
    /// A task that has no room in the budget, even with all that can stand in files there.
    #[error("no room for task {key} ({kind})\n  it needs {}, but the budget is {}", Bytes(*needs), Bytes(*memory))]
    Budget {
        /// The task that needs most.
        key: Key,
        /// [`super::Op::kind`] of its operation.
        kind: &'static str,
        /// Its inputs, result and scratch, and what cannot leave memory \[bytes\].
        needs: u64,
        /// The budget \[bytes\].
        memory: u64,
    },
    /// A run that was aborted.
    #[error("aborted: {done} of {tasks} tasks were done")]
    Cancelled {
        /// Tasks that had ended.
        done: usize,
        /// All tasks of the run.
        tasks: usize,
    },
}

/// What was done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A value was written.
    Write,
    /// A value was read.
    Read,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write => "write",
            Self::Read => "read",
        })
    }
}

/// A task that failed: what it is, what it was given, and what for.
///
/// Its display is the lines that follow the task's name in a message.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSite {
    /// Which task.
    pub key: Key,
    /// [`super::Op::kind`] of its operation.
    pub kind: &'static str,
    /// [`super::Op::describe`] of its operation.
    pub parameters: String,
    /// Its inputs, as the operation takes them.
    pub inputs: Vec<InputSite>,
    /// The keys from the task to a target of the run, both included.
    pub path: Vec<Key>,
    /// How often it was tried.
    pub attempts: u32,
}

/// An input of a task that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSite {
    /// Which value.
    pub key: Key,
    /// Its declared size \[bytes\].
    pub bytes: u64,
    /// [`super::Op::shape`] of it, where that can still be told.
    pub shape: Option<String>,
}

impl fmt::Display for InputSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)?;
        if let Some(shape) = &self.shape {
            write!(f, " {shape}")?;
        }
        write!(f, " of {}", Bytes(self.bytes))
    }
}

/// So many keys are named in a message.
const NAMED: usize = 4;

impl fmt::Display for TaskSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.parameters.is_empty() {
            write!(f, "\n  parameters: {}", self.parameters)?;
        }
        if !self.inputs.is_empty() {
            let inputs = self.inputs.iter().map(ToString::to_string);
            write!(f, "\n  inputs: {}", listed(inputs.collect(), ", "))?;
        }
        if self.path.len() > 1 {
            let path = self.path.iter().map(ToString::to_string);
            write!(f, "\n  wanted for: {}", listed(path.collect(), " -> "))?;
        }
        Ok(())
    }
}

/// The names, the middle ones left out where they are many.
fn listed(mut names: Vec<String>, between: &str) -> String {
    if names.len() > NAMED + 1 {
        let middle = NAMED / 2..names.len() - NAMED / 2;
        let left_out = format!("({} more)", middle.len());
        names.splice(middle, [left_out]);
    }
    names.join(between)
}

/// A number of bytes in the unit that suits it.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match units.iter().find(|(unit, _)| self.0 >= *unit) {
            Some((unit, name)) => write!(f, "{:.1} {name}", self.0 as f64 / *unit as f64),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

fn asked_by(task: Option<&TaskSite>, access: Access) -> String {
    match task {
        Some(task) => format!("\n  for task {} ({}){task}", task.key, task.kind),
        None if access == Access::Write => "\n  which no task of this graph takes: it is kept for a later one".into(),
        None => String::new(),
    }
}

fn failed(attempts: u32) -> String {
    if attempts > 1 { format!("failed {attempts} times") } else { "failed".into() }
}

impl GraphError {
    /// Gives the operation's own error back, with the task that failed.
    ///
    /// # Errors
    /// Returns the error itself when it is not the failure of a task, or when `E` is not the type of the operation's error.
    pub fn into_task_error<E: Error + Send + Sync + 'static>(self) -> Result<(Box<TaskSite>, E), Self> {
        match self {
            Self::Task { task, source } => match source.downcast() {
                Ok(own) => Ok((task, *own)),
                Err(source) => Err(Self::Task { task, source }),
            },
            other => Err(other),
        }
    }

    /// The same with the shapes of the inputs of the task that failed, in their order.
    pub(super) fn with_shapes(mut self, shapes: impl Iterator<Item = Option<String>>) -> Self {
        if let Self::Task { task, .. }
        | Self::Panic { task, .. }
        | Self::Lost { task, .. }
        | Self::Scratch { task: Some(task), .. } = &mut self
        {
            task.inputs.iter_mut().zip(shapes).for_each(|(input, shape)| input.shape = shape);
        }
        self
    }

    /// The same with the task that wanted the file.
    pub(super) fn wanted_by(mut self, site: impl FnOnce() -> TaskSite) -> Self {
        if let Self::Scratch { task: task @ None, .. } = &mut self {
            *task = Some(Box::new(site()));
        }
        self
    }

    /// A value whose file cannot be read.
    pub(super) fn unreadable<V>(key: Key, held: &Held<V>, source: io::Error) -> Self {
        let path = match held.place() {
            Place::File(stored, _) => stored.path().to_owned(),
            Place::Memory(_) => PathBuf::new(),
        };
        Self::Scratch { key, path, access: Access::Read, task: None, source }
    }

    /// What to do about it, where that can be told.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Budget { needs, .. } => {
                Some(format!("allow at least {} of memory, or cut the work into smaller pieces", Bytes(*needs)))
            }
            Self::Scratch { access: Access::Write, source, path, .. } => Some(match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                    format!("free space around {}, name another scratch folder, or allow more memory", path.display())
                }
                _ => "check that the scratch folder is there and can be written to while the run lasts".to_owned(),
            }),
            Self::Lost { .. } => Some(
                "see what ends the processes: too little memory (try fewer workers), or somebody's hand".to_owned(),
            ),
            Self::Scratch { access: Access::Read, .. } => {
                Some("check that nobody removes files of the run, and that the disk is sound".to_owned())
            }
            _ => None,
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
