//! Errors that come from another process.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// An operation's error as it was told in another process: its message and those of its causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteError {
    message: String,
    hint: Option<String>,
    source: Option<Box<RemoteError>>,
}

impl RemoteError {
    /// What can be said of an error, and what to do about it.
    pub fn of(error: &dyn Error, hint: Option<String>) -> Self {
        let source = error.source().map(|source| Box::new(Self::of(source, None)));
        Self { message: error.to_string(), hint, source }
    }

    /// An error of the other process itself.
    pub(super) fn new(message: String) -> Self {
        Self { message, hint: None, source: None }
    }

    /// What to do about it, where the other process told.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for RemoteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
