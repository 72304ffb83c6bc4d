//! `--profile DIR`: the records of a run, and one page that shows them.

mod page;
mod records;
mod trace;

use std::path::{Path, PathBuf};

use crate::pipeline::record::{RunProfile, RunRecord};

use super::plot::{PlotError, write_whole};
use super::profile;
pub use records::{RecordError, read_tasks};

/// What the report of a run is made of, besides its record.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// What was run, in a line.
    pub title: String,
    /// Name and value of whatever should stand under the title.
    pub facts: Vec<(String, String)>,
    /// The graphs of the run, as SVG; empty where there is no picture.
    pub graph: String,
    /// Profile, convergence and previews.
    pub record: &'a RunRecord,
}

impl Report<'_> {
    /// The names of the files that [`Report::write`] writes.
    pub const FILES: [&'static str; 12] = [
        "tasks.jsonl",
        "tasks.csv",
        "resources.jsonl",
        "resources.csv",
        "cache.jsonl",
        "cache.csv",
        "graphs.jsonl",
        "graphs.csv",
        "trace.json",
        "profile.svg",
        "profile.png",
        "report.html",
    ];

    /// Writes all files into the folder, which must exist, and returns their paths; the page comes last.
    ///
    /// # Errors
    /// When a picture cannot be drawn or a file not be written.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, PlotError> {
        let empty = RunProfile::default();
        let profile = self.record.profile.as_ref().unwrap_or(&empty);
        let scene = profile::scene(profile);
        Self::FILES
            .iter()
            .map(|name| {
                let path = folder.join(name);
                let draw = |source| PlotError::Draw { path: path.clone(), source };
                let bytes = match *name {
                    "tasks.jsonl" => records::json_lines(&profile.tasks),
                    "tasks.csv" => records::csv(&profile.tasks),
                    "resources.jsonl" => records::json_lines(&profile.resources),
                    "resources.csv" => records::csv(&profile.resources),
                    "cache.jsonl" => records::json_lines(&profile.cache),
                    "cache.csv" => records::csv(&profile.cache),
                    "graphs.jsonl" => records::json_lines(&profile.graphs),
                    "graphs.csv" => records::csv(&profile.graphs),
                    "trace.json" => trace::trace(profile),
                    "profile.svg" => scene.svg().map_err(draw)?,
                    "profile.png" => scene.png().map_err(draw)?,
                    _ => page::page(self, profile).map_err(draw)?.into_bytes(),
                };
                write_whole(&path, &bytes)?;
                Ok(path)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
