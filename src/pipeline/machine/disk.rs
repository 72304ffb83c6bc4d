//! The disk: writing and reading scratch files, and reading an image.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Instant;

use super::{MeasureError, undisturbed};
use crate::io::{FitsSource, forget_cached};

/// Side of the image that is written and read \[pixels\]: 64 MiB.
const SIDE: usize = if cfg!(test) { 256 } else { 4096 };
/// Bytes written and read at once.
const PIECE: usize = 1 << 18;
/// Rows read at once: what a slab of a plane this large may have.
const ROWS: usize = 256;

/// Rates of a disk \[GB/s\].
#[derive(Debug)]
pub(super) struct Rates {
    /// Writing until it is on the disk.
    pub(super) write: f64,
    /// Reading what the system's memory has forgotten.
    pub(super) read: f64,
    /// Reading an image as the program does, from wherever the system has it.
    pub(super) input: f64,
}

/// Measures in a folder; nothing is left there.
pub(super) fn rates(folder: &Path) -> Result<Rates, MeasureError> {
    let wrong = |source| MeasureError::Disk { folder: folder.to_owned(), source };
    let file = tempfile::Builder::new().prefix("deconv-tune-").suffix(".fits").tempfile_in(folder).map_err(wrong)?;
    let (write, read) = write_and_read(file.as_file(), file.path()).map_err(wrong)?;
    let source = FitsSource::open(&file.path().to_string_lossy())?;
    let mut failure = None;
    let seconds = undisturbed(|| {
        for first in (0..SIDE).step_by(ROWS) {
            if let Err(error) = source.read_rows(0, first..first + ROWS) {
                failure.get_or_insert(error);
            }
        }
    });
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(Rates { write, read, input: (4 * SIDE * SIDE) as f64 / seconds / 1e9 }),
    }
}

/// Writes an image of ones down to the disk, and reads it back from there \[GB/s\].
fn write_and_read(mut file: &File, path: &Path) -> io::Result<(f64, f64)> {
    let piece = 1.0_f32.to_be_bytes().repeat(PIECE / 4);
    let pieces = 4 * SIDE * SIDE / PIECE;
    let start = Instant::now();
    file.write_all(&header())?;
    for _ in 0..pieces {
        file.write_all(&piece)?;
    }
    // a FITS file is a whole number of blocks
    file.write_all(&vec![0; (4 * SIDE * SIDE).next_multiple_of(2880) - 4 * SIDE * SIDE])?;
    file.sync_data()?;
    let written = start.elapsed().as_secs_f64();
    forget_cached(file)?;
    let mut reader = File::open(path)?;
    let mut buffer = vec![0; PIECE];
    let start = Instant::now();
    for _ in 0..pieces {
        reader.read_exact(&mut buffer)?;
    }
    let read = start.elapsed().as_secs_f64();
    let bytes = (pieces * PIECE) as f64 / 1e9;
    Ok((bytes / written.max(1e-9), bytes / read.max(1e-9)))
}

/// The header of a plane of 32-bit floats.
fn header() -> Vec<u8> {
    let side = SIDE.to_string();
    let cards = [("SIMPLE", "T"), ("BITPIX", "-32"), ("NAXIS", "2"), ("NAXIS1", &side), ("NAXIS2", &side)];
    let cards = cards.map(|(key, value)| format!("{:<80}", format!("{key:<8}= {value:>20}"))).concat();
    format!("{:<2880}", cards + "END").into_bytes()
}
