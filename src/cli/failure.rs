//! How an error is told: what happened, where, what to do.

use std::error::Error;
use std::fmt;

use crate::collections::table::TableError;
use crate::diagnostics::PlotError;
use crate::io::FitsError;
use crate::pipeline::machine::MeasureError;
use crate::pipeline::sweep::SweepError;
use crate::pipeline::{ConfigError, PlanError, RunError};
use crate::simulate::SimulateError;

/// An error on its way to the terminal.
#[derive(Debug)]
pub(super) struct Failure {
    error: Box<dyn Error>,
    hint: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.error)?;
        let mut told = self.error.to_string();
        let mut source = self.error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // a transparent wrapper says what was said already
            if !told.contains(&text) {
                writeln!(f, "  because: {text}")?;
                told.push_str(&text);
            }
            source = cause.source();
        }
        match &self.hint {
            Some(hint) => writeln!(f, "hint: {hint}"),
            None => Ok(()),
        }
    }
}

macro_rules! from {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self { hint: error.hint(), error: Box::new(error) }
            }
        })*
    };
}

from!(ConfigError, MeasureError, PlanError, SweepError, RunError, FitsError, SimulateError);

impl From<PlotError> for Failure {
    fn from(error: PlotError) -> Self {
        Self {
            hint: Some("check that the disk has room; the FITS products are complete".to_owned()),
            error: Box::new(error),
        }
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        Self { hint: Some("check the folder and its permissions".to_owned()), error: Box::new(error) }
    }
}

impl Failure {
    /// A flag that another one needs.
    pub(super) fn missing(flag: &str, by: &str) -> Self {
        Self { error: format!("{by} needs {flag}").into(), hint: Some(format!("give {flag} as well")) }
    }

    /// This program, which cannot be run once more.
    pub(super) fn program(source: &std::io::Error) -> Self {
        let error = format!("cannot run another process of this program\n  {source}");
        Self { error: error.into(), hint: Some("check that the program still stands where it was started".to_owned()) }
    }

    /// Another process of this program that failed.
    pub(super) fn child(what: &str, said: &str) -> Self {
        Self { error: format!("the sweep ended at {what}\n  {said}").into(), hint: None }
    }

    /// A file of text that cannot be written.
    pub(super) fn file(path: &std::path::Path, source: &std::io::Error) -> Self {
        let error = format!("cannot write {}\n  {source}", path.display());
        Self { error: error.into(), hint: Some("check the folder and its permissions".to_owned()) }
    }

    /// A flag that changes nothing in this run.
    pub(super) fn useless(flag: &str, hint: &str) -> Self {
        Self { error: format!("{flag} has no effect in this run").into(), hint: Some(hint.to_owned()) }
    }

    /// A value that is none of those that there are in this run.
    pub(super) fn choice(flag: &str, found: &str, expected: &[&str]) -> Self {
        let error = format!("cannot use {flag} {found} with this algorithm");
        Self { error: error.into(), hint: Some(format!("expected one of {}", expected.join(", "))) }
    }

    /// No folder for what is kept between runs.
    pub(super) fn homeless() -> Self {
        let error = "neither XDG_CONFIG_HOME nor HOME names a folder for what is kept between runs";
        Self {
            error: error.into(),
            hint: Some("name a file: --save machine.toml, and give it to runs with --config".to_owned()),
        }
    }

    /// A product that is in the way.
    pub(super) fn exists(path: &std::path::Path) -> Self {
        let error = format!("{} exists already", path.display());
        Self { error: error.into(), hint: Some("choose another output prefix, or pass --overwrite".to_owned()) }
    }
}
