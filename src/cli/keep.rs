//! Where a run keeps its results: to go on after a kill (`--resume`), or for other runs (`--cache`).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::Args;
use serde::Serialize;

use super::args::memory;
use super::failure::Failure;
use crate::graph::{Cache, CacheUse, Op};
use crate::io::{free_bytes, remove_unfinished};
use crate::pipeline::config::{Auto, Bytes};
use crate::pipeline::ops::{DeconvOp, Value};

// The about text stands on the command: a doc comment here would replace it.
#[derive(Debug, Args)]
pub(super) struct KeepArgs {
    /// Keep what is computed in PREFIX.resume/ until the run ends, the state of each major cycle among it, and go on from
    /// there after a kill
    #[arg(long, visible_alias = "checkpoint", group = "keep", help_heading = "Work")]
    pub resume: bool,
    /// Keep what is computed in this folder, and take from there what earlier runs have computed
    #[arg(long, value_name = "DIR", group = "keep", help_heading = "Work")]
    pub cache: Option<PathBuf>,
    /// Cap on what is kept, as 20GiB, or auto [default: auto, half of what is free on the disk]
    #[arg(long, value_name = "SIZE|auto", value_parser = memory, requires = "keep", help_heading = "Work")]
    pub cache_size: Option<String>,
}

/// What a run keeps.
pub(super) struct Kept {
    pub cache: Cache<Value>,
    folder: PathBuf,
    /// Whether it is for this run alone.
    is_own: bool,
    /// Whether somebody may go on with it, once the run has written its products.
    is_wanted: OnceLock<bool>,
}

impl KeepArgs {
    /// The folder of results, if there is to be one.
    fn folder(&self, prefix: &str) -> Option<PathBuf> {
        self.cache.clone().or_else(|| self.resume.then(|| PathBuf::from(format!("{prefix}.resume"))))
    }

    /// Whether this run goes on where another was killed, and so may replace products that it wrote.
    ///
    /// # Errors
    /// When the folder of results holds files of somebody else.
    pub(super) fn goes_on(&self, prefix: &str) -> Result<bool, Failure> {
        let is_there = self.folder(prefix).map(|folder| Cache::<Value>::is_at(&folder)).transpose()?;
        Ok(self.resume && is_there == Some(true))
    }

    /// Opens the folder of results, if there is to be one; clears away what killed runs left of the
    /// `outputs`.
    ///
    /// # Errors
    /// When the folder cannot be used, or another run is using it.
    pub(super) fn open(&self, prefix: &str, size: Auto<Bytes>, outputs: &[PathBuf]) -> Result<Option<Kept>, Failure> {
        for output in outputs {
            remove_unfinished(output).map_err(|error| Failure::file(output, &error))?;
        }
        let Some(folder) = self.folder(prefix) else { return Ok(None) };
        let limit = match size {
            Auto::Given(Bytes(bytes)) => bytes,
            Auto::Auto => free(&folder).map_err(|error| Failure::file(&folder, &error))? / 2,
        };
        let codec = DeconvOp::codec().expect("the values of a run can be written");
        let cache = Cache::on_disk(&folder, limit, codec)?;
        Ok(Some(Kept { cache, folder, is_own: self.resume, is_wanted: OnceLock::new() }))
    }
}

/// Whether a run of the same command has ended well: its outputs are all there, and newer than its inputs.
pub(super) fn has_ended(summary: &Path, command: &str, (inputs, outputs): (&[PathBuf], &[PathBuf])) -> bool {
    let told = fs::read(summary).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    let is_same = told.is_some_and(|told| told["command"] == command && told["interrupted"] == false);
    let changed = |path: &PathBuf| fs::metadata(path).and_then(|data| data.modified()).ok();
    let (newest, oldest) = (inputs.iter().map(changed).max(), outputs.iter().map(changed).min());
    is_same && oldest.flatten() > newest.flatten()
}

/// Room on the disk that holds, or will hold, a folder.
fn free(folder: &Path) -> std::io::Result<u64> {
    let there = folder.ancestors().find(|path| path.is_dir());
    free_bytes(there.unwrap_or_else(|| Path::new(".")))
}

/// What the results that were kept were good for.
#[derive(Debug, Serialize)]
pub(super) struct KeptSummary {
    folder: PathBuf,
    /// Tasks that the run's graphs consist of.
    tasks: u64,
    /// Tasks that were run.
    run: u64,
    /// Results that were taken instead.
    taken: u64,
    /// Results that the folder holds, and their bytes.
    results: usize,
    bytes: u64,
    /// Results that could not be written.
    failed: u64,
}

impl Kept {
    /// What came of it.
    pub(super) fn summary(&self, usage: CacheUse) -> KeptSummary {
        let (CacheUse { tasks, taken, run }, stats) = (usage, self.cache.stats());
        let (results, bytes, failed) = (stats.results, stats.bytes, stats.failed);
        KeptSummary { folder: self.folder.clone(), tasks, run, taken, results, bytes, failed }
    }

    /// The products are written; those that are not complete can be gone on with.
    pub(super) fn done(&self, is_wanted: bool) {
        // told once, at the end
        let _ = self.is_wanted.set(is_wanted);
    }
}

impl KeptSummary {
    /// The same in words.
    pub(super) fn lines(&self) -> Vec<String> {
        let Self { folder, tasks, run, taken, failed, .. } = self;
        let spared = tasks.saturating_sub(*run);
        let folder = folder.display();
        let mut lines = Vec::new();
        if *taken > 0 {
            lines.push(format!("{spared} of {tasks} tasks spared by {taken} results from {folder}"));
        }
        if *failed > 0 {
            lines.push(format!("warning: {failed} results could not be written to {folder}; is the disk full?"));
        }
        lines
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let is_wanted = self.is_wanted.get().copied().unwrap_or_else(|| self.cache.stats().results > 0);
        if self.is_own && !is_wanted && self.cache.clear().is_err() {
            tracing::debug!("cannot remove {}", self.folder.display());
        }
    }
}
