//! The pixels of a product that is being written, by region.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::error::{FitsError, Place};

/// Bytes written at once.
pub(super) const WRITE_BYTES: usize = 1 << 20;
/// Label of the HDU that a product is in.
pub(super) const PRIMARY: &str = "HDU 1";

/// Writes rows of a product under way, from any thread; clones share the file.
///
/// Written down, it is the product's name, its temporary name and its shape: another process that reads this opens the
/// file again and writes to it too. Who began the product sees to it that all have ended before it is finished.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Site", into = "Site")]
pub struct FitsWriter {
    site: Arc<Site>,
    file: Arc<File>,
}

/// Where the pixels of a product go.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Site {
    /// Name of the finished product.
    pub(super) path: PathBuf,
    /// Its name until then.
    pub(super) temporary: PathBuf,
    /// First byte of the pixels.
    pub(super) data_start: u64,
    /// Planes, rows and columns.
    pub(super) shape: (usize, usize, usize),
}

impl From<FitsWriter> for Site {
    fn from(writer: FitsWriter) -> Self {
        Arc::unwrap_or_clone(writer.site)
    }
}

impl TryFrom<Site> for FitsWriter {
    type Error = FitsError;

    fn try_from(site: Site) -> Result<Self, FitsError> {
        match OpenOptions::new().read(true).write(true).open(&site.temporary) {
            Ok(file) => Ok(Self::new(site, file)),
            Err(source) => Err(FitsError::Write { path: site.path, source }),
        }
    }
}

impl FitsWriter {
    pub(super) fn new(site: Site, file: File) -> Self {
        Self { site: Arc::new(site), file: Arc::new(file) }
    }

    /// The product's name when it is finished.
    pub fn path(&self) -> &Path {
        &self.site.path
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn failed(&self, source: io::Error) -> FitsError {
        FitsError::Write { path: self.site.path.clone(), source }
    }

    /// Writes rows of a plane, shape `(rows, nx)`, from `first_row` on; NaN is a blank. Any number of threads
    /// may do this at once, in any order; rows never written are zero.
    ///
    /// # Errors
    /// [`FitsError::Shape`] for a plane, rows or columns that the product does not have; [`FitsError::Write`].
    #[expect(clippy::needless_pass_by_value, reason = "a view is a reference")]
    pub fn write_rows(&self, plane: usize, first_row: usize, pixels: ArrayView2<f32>) -> Result<(), FitsError> {
        let (rows, nx) = (pixels.nrows(), pixels.ncols());
        self.check(plane, first_row, (rows, nx))?;
        let mut offset = self.site.data_start + 4 * (nx * (plane * self.site.shape.1 + first_row)) as u64;
        let mut bytes = Vec::with_capacity(WRITE_BYTES.min(4 * pixels.len()));
        for row in pixels.rows() {
            let start = bytes.len();
            bytes.resize(start + 4 * nx, 0);
            bytes[start..].chunks_exact_mut(4).zip(row).for_each(|(b, pixel)| b.copy_from_slice(&pixel.to_be_bytes()));
            if bytes.len() >= WRITE_BYTES {
                self.file.write_all_at(&bytes, offset).map_err(|source| self.failed(source))?;
                offset += bytes.len() as u64;
                bytes.clear();
            }
        }
        self.file.write_all_at(&bytes, offset).map_err(|source| self.failed(source))
    }

    fn check(&self, plane: usize, first_row: usize, (rows, columns): (usize, usize)) -> Result<(), FitsError> {
        let place = Place::new(self.path(), PRIMARY);
        let (planes, ny, nx) = self.site.shape;
        place.check_region((planes, ny), plane, &(first_row..first_row.saturating_add(rows)))?;
        if columns == nx {
            return Ok(());
        }
        Err(place.wrong(FitsError::Shape, "columns", nx.to_string(), columns.to_string()))
    }
}
