//! A product: a FITS file that appears when it is complete.

use std::fs::{File, Permissions};
use std::io::{self, ErrorKind};
use std::marker::PhantomData;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ndarray::ArrayView2;
use tempfile::TempPath;

use super::axes::Axes;
use super::beams::{self, Written};
use super::card::Card;
use super::error::{FitsError, Place};
use super::header::{BLOCK, Header, to_blocks};
use super::new_header::NewHeader;
use super::product;
use super::source::FitsSource;
use super::writer::{FitsWriter, PRIMARY, Site, WRITE_BYTES};
use crate::images::CleanBeam;
use crate::units::Kind;

/// Bytes kept free in a header for what is only known at the end (108 cards).
const HEADER_ROOM: u64 = 3 * BLOCK as u64;

/// What is known of a product only when its pixels are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Finish<'a> {
    /// The beam of each plane, one for all of them, or none at all (empty).
    pub beams: &'a [Option<CleanBeam>],
    /// Lines for the HISTORY, after that of the source.
    pub history: &'a [String],
    /// Cards to add; a card of the same key is replaced.
    pub cards: &'a [Card],
}

/// One product of the unit of `K`, under a temporary name in its folder until [`FitsTarget::finish`].
///
/// Threads may write to it at once. If it is dropped unfinished, nothing is left of it.
#[derive(Debug)]
pub struct FitsTarget<K> {
    overwrite: bool,
    temporary: TempPath,
    writer: FitsWriter,
    header: Header,
    axes: Axes,
    /// First byte of the pixels.
    data_start: u64,
    kind: PhantomData<K>,
}

impl<K: Kind> FitsTarget<K> {
    /// Begins the product `path` with the axes and the header of `template`: every card as it stands there,
    /// except what is no longer true (see [`FitsTarget::finish`] for the beams). Pixels are 32-bit floats, all
    /// zero until written. Other HDUs of the source are not copied.
    ///
    /// # Errors
    /// [`FitsError::Exists`] without `overwrite`, [`FitsError::IsInput`] for the template's own file (it is
    /// still to be read), [`FitsError::FolderMissing`], [`FitsError::Folder`] if no
    /// file can be made there, [`FitsError::Write`] if the disk has no room for the whole product.
    pub fn create(path: &Path, template: &FitsSource, overwrite: bool) -> Result<Self, FitsError> {
        let is_input = |output| template.path().canonicalize().is_ok_and(|input| input == output);
        if path.canonicalize().is_ok_and(is_input) {
            return Err(FitsError::IsInput { path: path.to_owned() });
        }
        let header = product::derive(template.header(), K::BUNIT);
        Self::begin(path, header, template.axes().clone(), overwrite)
    }

    /// Begins a product that comes from no other file.
    ///
    /// # Errors
    /// As [`FitsTarget::create`]; also [`FitsError::Axes`] for an image without pixels.
    pub fn create_new(path: &Path, header: &NewHeader, overwrite: bool) -> Result<Self, FitsError> {
        let header = header.to_header(K::BUNIT);
        let axes = Axes::from_header(&header, &Place::new(path, PRIMARY))?;
        Self::begin(path, header, axes, overwrite)
    }

    fn begin(path: &Path, header: Header, axes: Axes, overwrite: bool) -> Result<Self, FitsError> {
        if path.is_dir() {
            return Err(FitsError::Write { path: path.to_owned(), source: ErrorKind::IsADirectory.into() });
        }
        if path.exists() && !overwrite {
            return Err(FitsError::Exists { path: path.to_owned() });
        }
        let (file, temporary) = temporary_beside(path)?;
        let data_start = to_blocks(header.byte_len() as u64 + HEADER_ROOM);
        let shape = (axes.planes(), axes.geometry.ny, axes.geometry.nx);
        let site = Site { path: path.to_owned(), temporary: temporary.to_path_buf(), data_start, shape };
        let writer = FitsWriter::new(site, file);
        let target = Self { overwrite, temporary, writer, header, axes, data_start, kind: PhantomData };
        let len = data_start + to_blocks(target.data_len());
        reserve(target.writer.file(), len).map_err(|source| target.writer.failed(source))?;
        Ok(target)
    }

    /// The product's name when it is finished.
    pub fn path(&self) -> &Path {
        self.writer.path()
    }

    /// Bytes of the pixels.
    fn data_len(&self) -> u64 {
        let geometry = self.axes.geometry;
        4 * (geometry.nx * geometry.ny) as u64 * self.axes.planes() as u64
    }

    /// Writes rows of a plane; see [`FitsWriter::write_rows`].
    ///
    /// # Errors
    /// Those of [`FitsWriter::write_rows`].
    pub fn write_rows(&self, plane: usize, first_row: usize, pixels: ArrayView2<f32>) -> Result<(), FitsError> {
        self.writer.write_rows(plane, first_row, pixels)
    }

    /// What writes to the product from elsewhere; all of them must have ended when the product is finished.
    pub fn writer(&self) -> FitsWriter {
        self.writer.clone()
    }

    /// Completes the header and gives the file its name, which is returned.
    ///
    /// Beams that are the same for all planes that have one become BMAJ, BMIN and BPA \[deg\]; others become
    /// the table that CASA writes: CASAMBM, and an HDU `BEAMS` with a row for each channel and polarisation
    /// (sizes \[arcsec\]; zero for a plane without a beam).
    ///
    /// # Errors
    /// [`FitsError::Shape`] if there are neither as many beams as planes, nor one, nor none;
    /// [`FitsError::Exists`] if the output has come into being in the meantime; [`FitsError::Write`].
    pub fn finish(mut self, finish: Finish) -> Result<PathBuf, FitsError> {
        let Finish { beams, history, cards } = finish;
        let planes = self.axes.planes();
        if ![0, 1, planes].contains(&beams.len()) {
            let place = Place::new(self.path(), PRIMARY);
            let found = format!("{} beams", beams.len());
            return Err(place.wrong(FitsError::Shape, "beams", format!("none, 1 or {planes} beams"), found));
        }
        let written = beams::write(beams, &self.axes);
        let table = match written {
            Written::Keys(cards) => {
                for card in cards {
                    self.header.set(card);
                }
                Vec::new()
            }
            Written::Table(table) => {
                let last_axis = format!("NAXIS{}", self.axes.beyond.len() + 2);
                self.header.insert_after(&last_axis, Card::new("EXTEND", true, ""));
                self.header.set(Card::new("CASAMBM", true, "the beams are in the table BEAMS"));
                table
            }
        };
        for card in cards {
            self.header.set(card.clone());
        }
        for card in history.iter().flat_map(|line| Card::history(line)) {
            self.header.push(card);
        }
        self.write_header_and(&table).map_err(|source| self.writer.failed(source))?;
        self.persist()
    }

    /// Writes the header before the pixels, which move if it has outgrown its room, and `table` after them.
    fn write_header_and(&mut self, table: &[u8]) -> io::Result<()> {
        let data_len = to_blocks(self.data_len());
        let needed = to_blocks(self.header.byte_len() as u64);
        if needed > self.data_start {
            move_up(self.writer.file(), self.data_start..self.data_start + data_len, needed - self.data_start)?;
            self.data_start = needed;
        }
        let file = self.writer.file();
        file.write_all_at(&self.header.to_bytes(self.data_start as usize), 0)?;
        file.write_all_at(table, self.data_start + data_len)
    }

    fn persist(self) -> Result<PathBuf, FitsError> {
        let Self { writer, overwrite, temporary, .. } = self;
        let path = writer.path().to_owned();
        let renamed = if overwrite { temporary.persist(&path) } else { temporary.persist_noclobber(&path) };
        match renamed {
            Ok(()) => Ok(path),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Err(FitsError::Exists { path }),
            Err(error) => Err(FitsError::Write { path, source: error.error }),
        }
    }
}

/// The folder of `path`, and how the name of a file begins and ends that is to become it.
pub(super) fn temporary_names(path: &Path) -> (&Path, (String, &'static str)) {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    (folder, (format!(".{name}."), ".part"))
}

/// Makes a file in the folder of `path`, hidden by its name, with the permissions of any other new file.
pub(super) fn temporary_beside(path: &Path) -> Result<(File, TempPath), FitsError> {
    let folder = temporary_names(path).0;
    if !folder.exists() {
        return Err(FitsError::FolderMissing { path: path.to_owned(), folder: folder.to_owned() });
    }
    hidden_beside(path).map_err(|source| FitsError::Folder { path: path.to_owned(), folder: folder.to_owned(), source })
}

/// The same, locked as long as it is open: see [`super::remove_unfinished`].
pub(super) fn hidden_beside(path: &Path) -> io::Result<(File, TempPath)> {
    let (folder, (prefix, suffix)) = temporary_names(path);
    let builder = &mut tempfile::Builder::new();
    let builder = builder.prefix(&prefix).suffix(suffix).permissions(Permissions::from_mode(0o666));
    let (file, hidden) = builder.tempfile_in(folder)?.into_parts();
    // a file system without locks cannot tell the files of a run from what a killed one left
    let _ = file.try_lock();
    Ok((file, hidden))
}

/// Gives `file` its length, and its room on the disk where the file system can promise it, so that a full
/// disk is found now and not after the work.
fn reserve(file: &File, len: u64) -> io::Result<()> {
    file.set_len(len)?;
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        // SAFETY: the descriptor belongs to `file`, which is open.
        let failed = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, len as libc::off_t) } != 0;
        let error = io::Error::last_os_error();
        if failed && matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            return Err(error);
        }
    }
    Ok(())
}

/// Moves the bytes of `range` up by `shift`, the last first, so that none is overwritten before it is read.
fn move_up(file: &File, range: std::ops::Range<u64>, shift: u64) -> io::Result<()> {
    let mut buffer = vec![0; WRITE_BYTES];
    let mut end = range.end;
    while end > range.start {
        let len = (end - range.start).min(WRITE_BYTES as u64);
        end -= len;
        let bytes = &mut buffer[..len as usize];
        file.read_exact_at(bytes, end)?;
        file.write_all_at(bytes, end + shift)?;
    }
    Ok(())
}
