//! Records as JSON lines and CSV.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use crate::pipeline::record::TaskSpan;

/// One JSON object a line.
pub(super) fn json_lines<R: Serialize>(rows: &[R], file: &mut dyn Write) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *file, row)?;
        file.write_all(b"\n")?;
    }
    Ok(())
}

/// Columns named in the first line; an empty table has no line.
pub(super) fn csv<R: Serialize>(rows: &[R], file: &mut dyn Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(file);
    for row in rows {
        writer.serialize(row)?;
    }
    writer.flush()
}

/// Why records could not be read.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// A line is no record of a task.
    #[error("cannot use {} as records of tasks\n  line {line}: found {found:.60}", path.display())]
    NoTask {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What stands there.
        found: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// Reads the tasks that [`super::Report::write`] has written into `folder`.
///
/// # Errors
/// When the file cannot be read, or a line is no record.
pub fn read_tasks(folder: &Path) -> Result<Vec<TaskSpan>, RecordError> {
    let path = folder.join("tasks.jsonl");
    let unreadable = |source| RecordError::Unreadable { path: path.clone(), source };
    let lines = BufReader::new(File::open(&path).map_err(unreadable)?).lines();
    (1..)
        .zip(lines)
        .map(|(line, text)| {
            let text = text.map_err(unreadable)?;
            serde_json::from_str(&text).map_err(|source| RecordError::NoTask {
                path: path.clone(),
                line,
                found: text,
                source,
            })
        })
        .collect()
}
