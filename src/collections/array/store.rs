//! Arrays into files, chunk by chunk.

use std::fmt;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::TempPath;

use super::ArrayError;
use super::element::{Block, Dtype, Element, each};
use super::error::TaskError;
use super::grid::indices;
use crate::graph::Plain;
use crate::io::{Card, FitsError, array_header, block_len};

/// Bytes written at once.
const PIECE: usize = 1 << 20;

/// Where an array goes: a `NumPy` file, or the image of a FITS file. It appears under its name when it is complete.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
    form: Form,
    overwrite: bool,
    cards: Vec<Card>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Form {
    Npy,
    Fits,
}

impl Store {
    /// A file that `numpy.load` opens.
    pub fn npy(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), form: Form::Npy, overwrite: false, cards: Vec::new() }
    }

    /// A FITS file with the array as its image; real numbers only.
    pub fn fits(path: impl AsRef<Path>) -> Self {
        Self { form: Form::Fits, ..Self::npy(path) }
    }

    /// Takes the place of a file that is there already.
    pub fn overwrite(self) -> Self {
        Self { overwrite: true, ..self }
    }

    /// Adds a card to the header of a FITS file.
    pub fn card(mut self, card: Card) -> Self {
        self.cards.push(card);
        self
    }

    /// Makes the file, all zeros, under another name.
    pub(super) fn begin(&self, shape: &[usize], dtype: Dtype) -> Result<Open, ArrayError> {
        let failed = |source| ArrayError::Write { path: self.path.clone(), source };
        if self.path.exists() && !self.overwrite {
            return Err(FitsError::Exists { path: self.path.clone() }.into());
        }
        let head = match (self.form, dtype) {
            (Form::Npy, _) => npy_head(shape, dtype),
            (Form::Fits, Dtype::F32) => array_header(shape, -32, &self.cards),
            (Form::Fits, Dtype::F64) => array_header(shape, -64, &self.cards),
            (Form::Fits, Dtype::C32 | Dtype::C64) => {
                return Err(failed(io::Error::new(ErrorKind::Unsupported, "FITS images hold real numbers only")));
            }
        };
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (file, temporary) = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(".part")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(failed)?
            .into_parts();
        let bytes = dtype.bytes() * shape.iter().product::<usize>() as u64;
        let data = if self.form == Form::Fits { block_len(bytes) } else { bytes };
        file.write_all_at(&head, 0).and_then(|()| file.set_len(head.len() as u64 + data)).map_err(failed)?;
        let write = Write {
            path: temporary.to_path_buf(),
            start: Vec::new(),
            shape: shape.to_vec(),
            data_start: head.len() as u64,
            is_big_endian: self.form == Form::Fits,
        };
        Ok(Open { temporary, write, store: self.clone() })
    }
}

/// A file that is being written; removed unless it is finished.
pub(super) struct Open {
    temporary: TempPath,
    /// What a chunk at the array's beginning is written by.
    pub(super) write: Write,
    store: Store,
}

impl Open {
    /// Gives the file its name.
    pub(super) fn finish(self) -> Result<PathBuf, ArrayError> {
        let Store { path, overwrite, .. } = self.store;
        let renamed = if overwrite { self.temporary.persist(&path) } else { self.temporary.persist_noclobber(&path) };
        match renamed {
            Ok(()) => Ok(path),
            Err(error) => Err(ArrayError::Write { path, source: error.error }),
        }
    }
}

/// Writes a chunk to its place in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Write {
    path: PathBuf,
    /// The chunk's first element.
    start: Vec<usize>,
    /// Shape of the whole array.
    shape: Vec<usize>,
    data_start: u64,
    is_big_endian: bool,
}

impl Write {
    /// The same for the chunk that begins there.
    pub(super) fn at(&self, start: Vec<usize>) -> Self {
        Self { start, ..self.clone() }
    }

    pub(super) fn run(&self, block: &Block) -> Result<(), TaskError> {
        let failed = |source| TaskError::File { path: self.path.clone(), source };
        let file = OpenOptions::new().write(true).open(&self.path).map_err(failed)?;
        each!(block, array => {
            let array = array.as_standard_layout();
            self.write(&file, array.shape(), array.as_slice().expect("an array in row order")).map_err(failed)
        })
    }

    fn write<T: Element>(&self, file: &File, shape: &[usize], elements: &[T]) -> io::Result<()> {
        // axes that the chunk has whole come in one run with the one before them
        let whole = (0..shape.len()).rev().take_while(|&axis| shape[axis] == self.shape[axis]).count();
        let outer = shape.len().saturating_sub(whole + 1);
        let run: usize = shape[outer..].iter().product();
        for (index, run) in indices(&shape[..outer]).zip(elements.chunks(run.max(1))) {
            let at = |axis: usize| self.start[axis] + index.get(axis).copied().unwrap_or(0);
            let first = (0..shape.len()).fold(0, |first, axis| first * self.shape[axis] as u64 + at(axis) as u64);
            self.write_run(file, self.data_start + first * T::BYTES as u64, run)?;
        }
        Ok(())
    }

    fn write_run<T: Element>(&self, file: &File, mut at: u64, run: &[T]) -> io::Result<()> {
        let number = T::BYTES / if matches!(T::DTYPE, Dtype::C32 | Dtype::C64) { 2 } else { 1 };
        let mut bytes = Vec::new();
        for piece in run.chunks(PIECE / T::BYTES) {
            bytes.resize(piece.len() * T::BYTES, 0);
            bytes.chunks_exact_mut(T::BYTES).zip(piece).for_each(|(to, value)| Plain::put(*value, to));
            if self.is_big_endian {
                bytes.chunks_exact_mut(number).for_each(<[u8]>::reverse);
            }
            file.write_all_at(&bytes, at)?;
            at += bytes.len() as u64;
        }
        Ok(())
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "to {} at {:?}", self.path.display(), self.start)
    }
}

/// The head of a `NumPy` file, version 1.0.
fn npy_head(shape: &[usize], dtype: Dtype) -> Vec<u8> {
    /// Bytes before the text.
    const BEFORE: usize = 10;
    let descr = match dtype {
        Dtype::F32 => "<f4",
        Dtype::F64 => "<f8",
        Dtype::C32 => "<c8",
        Dtype::C64 => "<c16",
    };
    let lengths: Vec<String> = shape.iter().map(|length| format!("{length},")).collect();
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", lengths.join(" "));
    // the numbers begin at a multiple of 64 bytes, after a line end
    while !(BEFORE + text.len() + 1).is_multiple_of(64) {
        text.push(' ');
    }
    text.push('\n');
    let mut head = b"\x93NUMPY\x01\x00".to_vec();
    head.extend((text.len() as u16).to_le_bytes());
    head.extend(text.as_bytes());
    head
}
