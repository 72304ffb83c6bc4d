//! Unpacks gzip files once, so that they can be read by region like any other.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tempfile::TempPath;

use super::error::FitsError;

/// A file that can be read by region: the user's own, or its unpacked copy.
#[derive(Debug)]
pub(super) struct Plain {
    path: PathBuf,
    /// Removes the copy when the source is dropped.
    scratch: Option<TempPath>,
}

impl Plain {
    /// Opens `path`, unpacking it into the system's temporary folder if it is a gzip file (told by its
    /// first bytes, not by its name).
    ///
    /// # Errors
    /// [`FitsError::NotFound`], [`FitsError::Open`], [`FitsError::NotFits`] for a folder,
    /// [`FitsError::Unpack`] for a damaged or truncated gzip file, [`FitsError::Scratch`] if there is no room.
    pub(super) fn open(path: &Path) -> Result<Self, FitsError> {
        let open = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => FitsError::NotFound { path: path.to_owned() },
            _ => FitsError::Open { path: path.to_owned(), source },
        };
        if path.is_dir() {
            return Err(FitsError::NotFits { path: path.to_owned(), found: "a folder".to_owned() });
        }
        let mut magic = Vec::with_capacity(2);
        File::open(path).map_err(open)?.take(2).read_to_end(&mut magic).map_err(open)?;
        let scratch = if magic == [0x1f, 0x8b] { Some(unpack(path)?) } else { None };
        Ok(Self { path: path.to_owned(), scratch })
    }

    /// The file to read.
    pub(super) fn path(&self) -> &Path {
        self.scratch.as_deref().unwrap_or(&self.path)
    }
}

fn unpack(path: &Path) -> Result<TempPath, FitsError> {
    let folder = std::env::temp_dir();
    let scratch = |source| FitsError::Scratch { path: path.to_owned(), folder: folder.clone(), source };
    let unpack = |source| FitsError::Unpack { path: path.to_owned(), source };
    let packed = File::open(path).map_err(|source| FitsError::Open { path: path.to_owned(), source })?;
    let mut packed = MultiGzDecoder::new(BufReader::new(packed));
    let (file, scratch_path) = tempfile::Builder::new()
        .prefix("deconv-unpacked-")
        .suffix(".fits")
        .tempfile_in(&folder)
        .map_err(scratch)?
        .into_parts();
    let mut file = BufWriter::new(file);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let len = packed.read(&mut buffer).map_err(unpack)?;
        if len == 0 {
            break;
        }
        file.write_all(&buffer[..len]).map_err(scratch)?;
    }
    file.flush().map_err(scratch)?;
    Ok(scratch_path)
}
