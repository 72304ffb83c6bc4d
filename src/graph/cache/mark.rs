//! The mark of a folder of results: a folder that bears none is somebody else's, and stays as it is.
//!
//! It is the tag by which backup programs know a cache (<https://bford.info/cachedir/>), with this program's name.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::CacheError;

/// The file that marks a folder.
pub(super) const TAG: &str = "CACHEDIR.TAG";
/// What it says.
const CONTENT: &str = concat!(
    "Signature: 8a477f597d28d172789f06886806bc55\n",
    "# Results that ",
    env!("CARGO_PKG_NAME"),
    " keeps: this folder may be removed when no run uses it.\n",
    "# See https://bford.info/cachedir/\n"
);

/// Whether the folder is one of results; one that is empty, or not there, may become one.
///
/// # Errors
/// [`CacheError::Foreign`] when it holds something and bears no mark; [`CacheError::Folder`] when it cannot be read.
pub(super) fn is_marked(folder: &Path) -> Result<bool, CacheError> {
    let failed = |source| CacheError::Folder { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    let found = fs::read(folder.join(TAG)).unwrap_or_default();
    if found == CONTENT.as_bytes() {
        return Ok(true);
    }
    // a kill, or a full disk, may have left the first bytes of the mark and nothing else
    let is_begun = CONTENT.as_bytes().starts_with(&found);
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_name() != TAG || !is_begun || !entry.path().is_file() {
            return Err(CacheError::Foreign { path: folder.to_owned(), found: entry.file_name().into() });
        }
    }
    Ok(false)
}

/// Marks a folder.
pub(super) fn mark(folder: &Path) -> io::Result<()> {
    // not truncated: another run that marks it at the same time writes the same bytes
    let mut tag = File::options().write(true).create(true).truncate(false).open(folder.join(TAG))?;
    tag.write_all(CONTENT.as_bytes())
}
