//! What the jobs on given images share: where the product goes, and how the work is done.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args};

use super::args::{self, chunk, memory};
use super::failure::Failure;
use crate::diagnostics::{Progress, ProgressMode};
use crate::pipeline::machine::saved_at;
use crate::pipeline::{ConfigError, RunConfig, Watch};

// The about text stands on the command: a doc comment here would replace it.
#[derive(Debug, Args)]
pub(super) struct WorkArgs {
    /// Replace products that exist
    #[arg(long, help_heading = "Input and output")]
    pub overwrite: bool,
    /// Configuration laid over the defaults; flags are laid over it
    #[arg(long, value_name = "TOML", help_heading = "Input and output")]
    pub config: Option<PathBuf>,
    /// Rows of a slab (and columns of a block), full for whole planes, or auto [default: auto]
    #[arg(long, value_name = "N|full|auto", value_parser = chunk, help_heading = "Work")]
    pub chunk: Option<String>,
    /// Worker threads; 0 takes all cores [default: 0]
    #[arg(short = 'j', long, value_name = "N", help_heading = "Work")]
    pub threads: Option<usize>,
    /// Cap on memory, as 4GiB, or auto [default: auto, four fifths of what is free]
    #[arg(long, value_name = "SIZE|auto", value_parser = memory, help_heading = "Work")]
    pub memory: Option<String>,
    /// Who runs the tasks: threads, sync (one after the other) or processes [default: threads]
    #[arg(long, value_name = "NAME", value_parser = ["sync", "threads", "processes"], help_heading = "Work")]
    pub scheduler: Option<String>,
    /// Folder for values that have no room in memory or go between processes [default: beside the products, where one is needed]
    #[arg(long, value_name = "DIR", help_heading = "Work")]
    pub scratch: Option<String>,
    /// Print errors only
    #[arg(short, long, help_heading = "Work")]
    pub quiet: bool,
}

impl WorkArgs {
    /// The configuration in force: defaults, the constants that `deconv tune` saved, file, flags.
    ///
    /// # Errors
    /// A file or a flag that cannot be used.
    pub(super) fn load(&self, matches: &ArgMatches) -> Result<RunConfig, ConfigError> {
        self.load_with(args::flags(matches))
    }

    /// The same with further values over all others.
    ///
    /// # Errors
    /// A file or a value that cannot be used.
    pub(super) fn load_with(&self, flags: toml::Table) -> Result<RunConfig, ConfigError> {
        let machine = saved_at().filter(|path| path.is_file());
        let files: Vec<&Path> = machine.as_deref().into_iter().chain(self.config.as_deref()).collect();
        RunConfig::load_layers(&files, flags)
    }

    /// Tells how the work goes.
    pub(super) fn progress(&self) -> Progress {
        Progress::new(if self.quiet { ProgressMode::Quiet } else { ProgressMode::Auto })
    }
}

/// Refuses a product that is there already, or a folder.
pub(super) fn check_product(path: &Path, overwrite: bool) -> Result<(), Failure> {
    if path.is_dir() || (path.exists() && !overwrite) { Err(Failure::exists(path)) } else { Ok(()) }
}

/// Tells how a job goes, on stderr.
pub(super) struct Told<'a>(pub &'a Progress);

impl Watch for Told<'_> {
    fn stage(&self, name: &str) {
        self.0.stage(name);
    }

    fn warn(&self, text: &str) {
        self.0.note(&format!("warning: {text}"));
    }
}
