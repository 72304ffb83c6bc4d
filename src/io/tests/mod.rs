//! Files made by cfitsio, read by us, and the other way round.

#![allow(clippy::float_cmp, reason = "pixels that are copied stay the same bits")]

mod errors;
mod headers;
mod pixels;
mod planes;
mod products;

use std::ffi::CString;
use std::path::{Path, PathBuf};

use fitsio::FitsFile;
use fitsio::images::{ImageDescription, ImageType, WriteImage};
use fitsio::sys;
use tempfile::TempDir;

use super::{Card, FitsError, FitsSource};

/// A folder of its own for each test, removed with everything in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Names of all files, hidden ones too.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.0.path().read_dir().unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Writes an image by cfitsio; `shape` is slowest first, `pixels` are as stored, whatever `cards` say of scaling.
    fn image<T: WriteImage>(&self, name: &str, image: (ImageType, &[usize], &[T]), cards: &[Card]) -> PathBuf {
        let path = self.path(name);
        let (data_type, dimensions, pixels) = image;
        let mut file =
            FitsFile::create(&path).with_custom_primary(&ImageDescription { data_type, dimensions }).open().unwrap();
        let hdu = file.primary_hdu().unwrap();
        hdu.write_image(&mut file, pixels).unwrap();
        write_cards(&mut file, 0, cards);
        path
    }

    /// Writes an image of 32-bit floats by cfitsio, of which pixel `i` is `i`.
    fn ramp(&self, name: &str, shape: &[usize], cards: &[Card]) -> PathBuf {
        self.image(name, (ImageType::Float, shape, &ramp(shape)), cards)
    }
}

fn ramp(shape: &[usize]) -> Vec<f32> {
    (0..shape.iter().product()).map(|i: usize| i as f32).collect()
}

/// Puts cards into the header of an HDU as they are, in the place of those of the same key.
fn write_cards(file: &mut FitsFile, hdu: usize, cards: &[Card]) {
    file.hdu(hdu).unwrap();
    for card in cards {
        let key = CString::new(card.key()).unwrap();
        let mut status = 0;
        for (i, record) in card.as_bytes().chunks(80).enumerate() {
            let record = CString::new(record).unwrap();
            // SAFETY: the file is open at the HDU; cfitsio reads the two C strings during the call.
            unsafe {
                if i == 0 {
                    sys::ffucrd(file.as_raw(), key.as_ptr(), record.as_ptr(), &raw mut status);
                } else {
                    sys::ffprec(file.as_raw(), record.as_ptr(), &raw mut status);
                }
            }
        }
        assert_eq!(status, 0, "{}", card.key());
    }
}

/// The cards of one linear axis.
fn axis(n: usize, ctype: &str, crpix: f64, crval: f64, cdelt: f64) -> Vec<Card> {
    let key = |stem: &str| format!("{stem}{n}");
    vec![
        Card::new(&key("CTYPE"), ctype, ""),
        Card::new(&key("CRPIX"), crpix, ""),
        Card::new(&key("CRVAL"), crval, ""),
        Card::new(&key("CDELT"), cdelt, ""),
    ]
}

/// The cards of the two sky axes.
fn sky() -> Vec<Card> {
    [axis(1, "RA---SIN", 3.0, 187.7, -5.555_555_555_556_9e-10), axis(2, "DEC--SIN", 2.0, 12.4, 5.555_555_555_556_9e-10)]
        .concat()
}

fn open(path: &Path) -> FitsSource {
    FitsSource::open(path.to_str().unwrap()).unwrap()
}

fn open_part(path: &Path, brackets: &str) -> Result<FitsSource, FitsError> {
    FitsSource::open(&format!("{}{brackets}", path.display()))
}

/// All rows of a plane, as a list.
fn plane(source: &FitsSource, plane: usize) -> Vec<f32> {
    source.read_rows(plane, 0..source.geometry().ny).unwrap().into_raw_vec_and_offset().0
}

/// Bit for bit equality, any NaN being equal to any.
fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
}
