//! What can be wrong with a FITS file, and what to do about it.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A place in a FITS file where something else was expected than is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The file.
    pub path: PathBuf,
    /// The HDU, as in `HDU 2 [SCI]`.
    pub hdu: String,
    /// The header key, or the part of the HDU, that is wrong.
    pub key: String,
    /// What would have been right.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, hdu, key, expected, found } = self;
        write!(f, "{}\n  {hdu}, {key}: expected {expected}, found {found}", path.display())
    }
}

/// Why a FITS file could not be read or written.
///
/// `Display` tells what happened and, on a second line, where: expected and found. [`FitsError::hint`]
/// tells what to do. The cause, where there is one below, is `source()`.
#[derive(Debug, thiserror::Error)]
pub enum FitsError {
    /// What follows the file name in brackets is neither an HDU nor a region.
    #[error("cannot understand {spec}\n  [{found}]: expected an HDU name, an HDU number or a region")]
    Spec {
        /// The specification as given.
        spec: String,
        /// The part that makes no sense.
        found: String,
    },
    /// There is no such file.
    #[error("there is no file {}", path.display())]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// The file exists but the system does not let us read it.
    #[error("cannot read {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is something else than FITS.
    #[error("{} is not a FITS file\n  start of the file: expected SIMPLE  =, found {found}", path.display())]
    NotFits {
        /// The file.
        path: PathBuf,
        /// How it begins.
        found: String,
    },
    /// The file ends before the data its header announces.
    #[error("{} is truncated\n  {hdu}: expected at least {expected} bytes in the file, found {found}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The HDU that is cut.
        hdu: String,
        /// Bytes the file must have at least, unpacked.
        expected: u64,
        /// Bytes it has, unpacked.
        found: u64,
    },
    /// A gzip file is damaged or ends early.
    #[error("cannot unpack {}", path.display())]
    Unpack {
        /// The packed file.
        path: PathBuf,
        /// The unpacker's reason.
        source: io::Error,
    },
    /// There is no room, or no permission, for the unpacked copy of a gzip file.
    #[error("cannot unpack {} into the temporary folder {}", path.display(), folder.display())]
    Scratch {
        /// The packed file.
        path: PathBuf,
        /// The temporary folder.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// No HDU of the file, or not the one that was named, holds an image.
    #[error("no image in {}\n  {wanted}: expected an image of 2 to 4 axes, found {found}", path.display())]
    NoImage {
        /// The file.
        path: PathBuf,
        /// The HDU that was asked for, or `any HDU`.
        wanted: String,
        /// What the file holds.
        found: String,
    },
    /// The HDU that was named does not exist.
    #[error("no HDU [{wanted}] in {}\n  HDUs: expected [{wanted}], found {found}", path.display())]
    HduAbsent {
        /// The file.
        path: PathBuf,
        /// The HDU that was asked for.
        wanted: String,
        /// The HDUs there are.
        found: String,
    },
    /// The axes are not those of a sky image.
    #[error("cannot use the axes of {0}")]
    Axes(Box<Mismatch>),
    /// A header key cannot be read.
    #[error("cannot understand the header of {0}")]
    Key(Box<Mismatch>),
    /// A region leaves the image.
    #[error("cannot cut the region out of {0}")]
    Region(Box<Mismatch>),
    /// Rows, planes or beams that the image does not have.
    #[error("cannot address {0}")]
    Shape(Box<Mismatch>),
    /// Pixels or table cells could not be read.
    #[error("cannot read pixels or tables of {}\n  {hdu}: {what}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The HDU.
        hdu: String,
        /// What was being read.
        what: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The output exists already.
    #[error("{} exists already", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// The output is the file that is to be read.
    #[error("{} is an input and cannot be the output too", path.display())]
    IsInput {
        /// The file.
        path: PathBuf,
    },
    /// The output folder does not exist.
    #[error("cannot write {}\n  the folder {} does not exist", path.display(), folder.display())]
    FolderMissing {
        /// The output.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
    },
    /// No file can be made in the output folder.
    #[error("cannot write {}\n  no file can be made in the folder {}", path.display(), folder.display())]
    Folder {
        /// The output.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Writing failed on the way: most often the disk is full.
    #[error("cannot write {}", path.display())]
    Write {
        /// The output.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl FitsError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Spec { .. } => "write d.fits[SCI], d.fits[1] (0 is the primary HDU) or d.fits[SCI][11:50,1:100]",
            Self::NotFound { .. } => "check the name and the folder; quote names with brackets in the shell",
            Self::Open { .. } | Self::Read { .. } => "check the permissions, and that the disk is healthy",
            Self::NotFits { .. } => "give a FITS image; CASA images are exported with exportfits",
            Self::Truncated { .. } | Self::Unpack { .. } => "the copy is incomplete or damaged: fetch it again",
            Self::Scratch { .. } => "set TMPDIR to a folder with room for the unpacked file",
            Self::NoImage { .. } => "give an image; visibilities must be imaged first",
            Self::HduAbsent { .. } => "name one of the HDUs found, by name or by number (0 is the primary HDU)",
            Self::Axes(_) => "images have the two sky axes first, then STOKES and FREQ in either order",
            Self::Key(_) => "correct the key in the header",
            Self::Region(_) => {
                "regions count pixels from 1, first and last included: [x1:x2,y1:y2], * for a whole axis"
            }
            Self::Exists { .. } => "choose another output prefix, or pass --overwrite",
            Self::FolderMissing { .. } => "make the folder first, or choose another output prefix",
            Self::Folder { .. } => "check the folder's permissions, or choose another output prefix",
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "make room on the disk, or choose another output prefix"
            }
            Self::Write { source, .. } if source.kind() == io::ErrorKind::FileTooLarge => {
                "allow longer files (ulimit -f), or choose an output prefix on another file system"
            }
            Self::IsInput { .. } | Self::Write { .. } => "choose another output prefix",
            Self::Shape(_) => return None,
        };
        Some(hint.to_owned())
    }
}

/// One HDU of one file: makes the errors that name it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) hdu: String,
}

impl Place {
    pub(super) fn new(path: &Path, hdu: &str) -> Self {
        Self { path: path.to_owned(), hdu: hdu.to_owned() }
    }

    /// The mismatch at `key`, wrapped in the variant that says what it spoils.
    pub(super) fn wrong(
        &self,
        spoilt: impl FnOnce(Box<Mismatch>) -> FitsError,
        key: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> FitsError {
        spoilt(Box::new(Mismatch {
            path: self.path.clone(),
            hdu: self.hdu.clone(),
            key: key.to_owned(),
            expected: expected.into(),
            found: found.into(),
        }))
    }

    /// Whether an image of so many planes and rows has this plane and these rows.
    ///
    /// # Errors
    /// [`FitsError::Shape`].
    pub(super) fn check_region(
        &self,
        (planes, ny): (usize, usize),
        plane: usize,
        rows: &Range<usize>,
    ) -> Result<(), FitsError> {
        if plane >= planes {
            let found = format!("plane {plane}");
            return Err(self.wrong(FitsError::Shape, "planes", format!("0 to {}", planes - 1), found));
        }
        if rows.start > rows.end || rows.end > ny {
            return Err(self.wrong(FitsError::Shape, "rows", format!("0..{ny} or a part"), format!("{rows:?}")));
        }
        Ok(())
    }

    /// A failed read of `what`.
    pub(super) fn read(
        &self,
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> FitsError {
        FitsError::Read { path: self.path.clone(), hdu: self.hdu.clone(), what: what.into(), source: source.into() }
    }
}
