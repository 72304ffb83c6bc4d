//! How an error is told: what happened, where, what to do.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;

use super::batch::PairError;
use crate::collections::table::TableError;
use crate::diagnostics::{PlotError, RecordError};
use crate::graph::{CacheError, ScratchError};
use crate::io::FitsError;
use crate::metrics::{CatalogueError, MetricsError};
use crate::pipeline::components::ListError;
use crate::pipeline::config::Bytes;
use crate::pipeline::machine::MeasureError;
use crate::pipeline::sweep::SweepError;
use crate::pipeline::{ConfigError, PlanError, RunError};
use crate::simulate::SimulateError;

/// Exit code of a run that failed.
const FAILED: u8 = 1;

/// Exit code of a command line that asks for what there is not, as it is that of flags that cannot be read.
const USAGE: u8 = 2;

/// Exit code of a run that was asked to end early: its products are consistent, but not complete.
const INTERRUPTED: u8 = 3;

/// Exit code of a run in which a plane diverged: its products are complete, and hold the best state of it.
const DIVERGED: u8 = 4;

/// Exit code of a run that was aborted: it leaves nothing. It is that of a process that Ctrl-C ends.
pub(super) const ABORTED: u8 = 130;

/// Why the program does not exit with 0, on its way to the terminal.
#[derive(Debug)]
pub(super) struct Failure {
    error: Box<dyn Error>,
    hint: Option<String>,
    code: u8,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = if matches!(self.code, FAILED | USAGE) { "error: " } else { "" };
        writeln!(f, "{begin}{}", self.error)?;
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
                let hint = error.hint();
                Self::new(error, hint)
            }
        })*
    };
}

from!(CacheError, MeasureError, PlanError, FitsError, SimulateError, MetricsError);

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hint = error.hint();
        let code = if matches!(error, ConfigError::Invalid { .. }) { USAGE } else { FAILED };
        Self { code, ..Self::new(error, hint) }
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        let is_usage = matches!(error, SweepError::Axis(_) | SweepError::Useless { .. } | SweepError::Criterion { .. });
        let hint = error.hint();
        let code = if is_usage { USAGE } else { FAILED };
        Self { code, ..Self::new(error, hint) }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let code = if matches!(error, RunError::Aborted) { ABORTED } else { FAILED };
        let hint = error.hint();
        Self { code, ..Self::new(error, hint) }
    }
}

impl From<CatalogueError> for Failure {
    fn from(error: CatalogueError) -> Self {
        let hint = error.hint();
        Self::new(error, Some(hint))
    }
}

impl From<PairError> for Failure {
    fn from(error: PairError) -> Self {
        let hint = error.hint().to_owned();
        Self::new(error, Some(hint))
    }
}

impl From<PlotError> for Failure {
    fn from(error: PlotError) -> Self {
        Self::new(error, Some("check that the disk has room; the FITS products are complete".to_owned()))
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        Self::new(error, Some("name a folder that deconv --profile DIR has written".to_owned()))
    }
}

impl From<ScratchError> for Failure {
    fn from(error: ScratchError) -> Self {
        Self::new(error, Some("name a folder that can be written to: --scratch DIR".to_owned()))
    }
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Self {
        let hint = error.hint();
        Self::new(error, Some(hint))
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        let hint = match &error {
            TableError::File { source, .. } => remedy(source).to_owned(),
            TableError::Fits(fits) => fits.hint().unwrap_or_default(),
            _ => "check the folder and its permissions".to_owned(),
        };
        Self::new(error, Some(hint))
    }
}

/// What to do about a file that cannot be written.
fn remedy(source: &std::io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "make room on the disk, or choose another output"
        }
        _ => "check the folder and its permissions",
    }
}

impl Failure {
    fn new(error: impl Into<Box<dyn Error>>, hint: Option<String>) -> Self {
        Self { error: error.into(), hint, code: FAILED }
    }

    /// A command line that does not fit together.
    fn usage(error: impl Into<Box<dyn Error>>, hint: String) -> Self {
        Self { code: USAGE, ..Self::new(error, Some(hint)) }
    }

    /// A flag that another one needs.
    pub(super) fn missing(flag: &str, by: &str) -> Self {
        Self::usage(format!("{by} needs {flag}"), format!("give {flag} as well"))
    }

    /// This program, which cannot be run once more.
    pub(super) fn program(source: &std::io::Error) -> Self {
        let error = format!("cannot run another process of this program\n  {source}");
        Self::new(error, Some("check that the program still stands where it was started".to_owned()))
    }

    /// Another process of this program that failed.
    pub(super) fn child(what: &str, said: &str) -> Self {
        Self::new(format!("the sweep ended at {what}\n  {said}"), None)
    }

    /// A run that ended early with what it had.
    pub(super) fn interrupted() -> Self {
        let error = "interrupted: the products are consistent, but the deconvolution is not complete";
        Self { code: INTERRUPTED, ..Self::new(error, None) }
    }

    /// A run that is complete, and of which some of so many planes diverged.
    pub(super) fn diverged(names: &[impl AsRef<str>], of: usize, what: &str) -> Self {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        let error = format!(
            "diverged: {} of {of} {what}, of which the last good state was kept, or none\n  {}",
            names.len(),
            names.join(", ")
        );
        let hint = "check that the PSF belongs to the image, and its --psf-scale; try a lower --gain and --mgain with CLEAN, a higher --kappa with convex";
        Self { code: DIVERGED, ..Self::new(error, Some(hint.to_owned())) }
    }

    /// Whether all that was asked for was done, well or not.
    pub(super) fn is_complete(&self) -> bool {
        self.code == DIVERGED
    }

    /// A sweep that ended early: of so many points only some were computed.
    pub(super) fn sweep_interrupted(computed: usize, points: usize) -> Self {
        let rest = if computed > 0 { "and the table holds no other" } else { "so there is no table" };
        let error = format!("interrupted: {computed} of {points} points were computed, {rest}");
        Self { code: INTERRUPTED, ..Self::new(error, None) }
    }

    /// A batch of so many pairs that ended early: of some the products are not complete, of others there are none.
    pub(super) fn batch_interrupted(
        (early, not_done, pairs): (usize, usize, usize),
        failed: &[String],
        is_aborted: bool,
    ) -> Self {
        let word = if is_aborted { "aborted" } else { "interrupted" };
        let complete = pairs - early - not_done - failed.len();
        let others = if failed.is_empty() {
            String::new()
        } else {
            format!(", {} failed\n  {}", failed.len(), failed.join("\n  "))
        };
        let error = format!(
            "{word}: {complete} of {pairs} pairs are complete, {early} ended early with consistent products, {not_done} \
             have none{others}"
        );
        Self { code: if is_aborted { ABORTED } else { INTERRUPTED }, ..Self::new(error, None) }
    }

    /// Pairs of a batch that failed, each with its reason and its hint.
    pub(super) fn batch_failed(failed: &[String], pairs: usize) -> Self {
        let others = if failed.len() < pairs { "; the products of the others are complete" } else { "" };
        Self::new(format!("{} of {pairs} pairs failed{others}\n  {}", failed.len(), failed.join("\n  ")), None)
    }

    /// Many files for a job that takes one pair.
    pub(super) fn many(job: &str, spec: &str) -> Self {
        let error = format!("deconv {job} works on one pair\n  {spec} is a pattern for many files");
        Self::usage(error, "name one dirty image and one PSF".to_owned())
    }

    /// An input whose products would take the name of another file.
    pub(super) fn taken(input: &str, path: &std::path::Path) -> Self {
        let error = format!("the summary of {input} would stand in {}\n  which is that of the batch", path.display());
        Self::new(error, Some("rename the image".to_owned()))
    }

    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        self.code
    }

    /// A file of text that cannot be written.
    pub(super) fn file(path: &std::path::Path, source: &std::io::Error) -> Self {
        let error = format!("cannot write {}\n  {source}", path.display());
        Self::new(error, Some(remedy(source).to_owned()))
    }

    /// Plots that take more memory than the run may; `flag` does without them.
    pub(super) fn plotting(needed: Bytes, allowed: Bytes, flag: &str) -> Self {
        let error = format!("not enough memory to draw what is asked for\n  it needs {needed}, and may take {allowed}");
        Self::new(error, Some(format!("raise --memory, or {flag}")))
    }

    /// A flag that changes nothing in this run.
    pub(super) fn useless(flag: &str, hint: &str) -> Self {
        Self::usage(format!("{flag} has no effect in this run"), hint.to_owned())
    }

    /// Records of tasks, none of which is among those that are drawn.
    pub(super) fn foreign_record(folder: &dyn std::fmt::Display, tasks: usize) -> Self {
        let error = format!(
            "cannot colour by the times in {folder}\n  expected records of the {tasks} tasks drawn, found none"
        );
        Self::new(error, Some("give the images and flags of the run that recorded it with --profile".to_owned()))
    }

    /// A value that is none of those that there are in this run.
    pub(super) fn choice(flag: &str, found: &str, expected: &[&str]) -> Self {
        let error = format!("cannot use {flag} {found} with this algorithm");
        Self::usage(error, format!("expected one of {}", expected.join(", ")))
    }

    /// A worker process that cannot do its work.
    pub(super) fn worker(source: &std::io::Error) -> Self {
        let error = format!("cannot work for another process\n  {source}");
        Self::new(error, Some("deconv --scheduler processes starts its workers itself".to_owned()))
    }

    /// No folder for what is kept between runs.
    pub(super) fn homeless() -> Self {
        let error = "neither XDG_CONFIG_HOME nor HOME names a folder for what is kept between runs";
        Self::new(error, Some("name a file: --save machine.toml, and give it to runs with --config".to_owned()))
    }

    /// A file named with a flag that the run writes something else to.
    pub(super) fn own_output(flag: &str, path: &std::path::Path) -> Self {
        let error = format!("cannot use {flag} {}\n  the run itself writes a file of that name", path.display());
        Self::new(error, Some(format!("name another file with {flag}, or choose another output prefix")))
    }

    /// A product that is in the way.
    pub(super) fn exists(path: &std::path::Path) -> Self {
        let error = format!("{} exists already", path.display());
        let hint = Some("choose another name or output prefix, or pass --overwrite".to_owned());
        Self::new(error, hint)
    }
}
