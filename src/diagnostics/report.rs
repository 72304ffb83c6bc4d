//! `--profile DIR`: the records of a run, and one page that shows them.

mod page;
mod records;
mod trace;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::pipeline::record::{RunProfile, RunRecord};

use super::plot::{PlotError, write_through, write_whole};
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
        let paths = Self::FILES.iter().map(|name| {
            let path = folder.join(name);
            let draw = |source| PlotError::Draw { path: path.clone(), source };
            match *name {
                "profile.svg" => write_whole(&path, &scene.svg().map_err(draw)?)?,
                "profile.png" => write_whole(&path, &scene.png().map_err(draw)?)?,
                "report.html" => write_whole(&path, page::page(self, profile).map_err(draw)?.as_bytes())?,
                table => write_through(&path, |file| write_table(table, profile, file))?,
            }
            Ok(path)
        });
        paths.collect()
    }
}

/// Writes the table of this name row by row: as text they are several times as large as the record.
fn write_table(name: &str, profile: &RunProfile, file: &mut dyn Write) -> io::Result<()> {
    match name {
        "tasks.jsonl" => records::json_lines(&profile.tasks, file),
        "tasks.csv" => records::csv(&profile.tasks, file),
        "resources.jsonl" => records::json_lines(&profile.resources, file),
        "resources.csv" => records::csv(&profile.resources, file),
        "cache.jsonl" => records::json_lines(&profile.cache, file),
        "cache.csv" => records::csv(&profile.cache, file),
        "graphs.jsonl" => records::json_lines(&profile.graphs, file),
        "graphs.csv" => records::csv(&profile.graphs, file),
        _ => trace::write(profile, file),
    }
}

#[cfg(test)]
mod tests;
