//! An image of a FITS file, read by region.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ndarray::Array2;

use super::axes::{Axes, PlaneAxis, PlaneLabel, Window};
use super::beams;
use super::cfitsio::{CfitsioError, Handle, Region};
use super::error::{FitsError, Place};
use super::hdu::{self, Content, Hdu};
use super::header::Header;
use super::spec::{HduChoice, Spec};
use super::unpack::Plain;
use crate::images::{CleanBeam, Geometry};

/// Bytes read at once from a plain file: large enough for the disk, small enough for the cache.
const READ_BYTES: usize = 1 << 17;

/// One image of a FITS file: everything its header tells, and its pixels by rows.
///
/// Reading opens the file anew each time, so threads may share a source. Of a gzip file there is an
/// unpacked copy in the temporary folder as long as the source lives.
#[derive(Debug)]
pub struct FitsSource {
    spec: String,
    file: Plain,
    place: Place,
    index: usize,
    /// First byte of the pixels, if they are plain 32-bit floats that can be read straight from the file.
    floats_at: Option<u64>,
    header: Header,
    axes: Axes,
    window: Window,
    beams: Vec<Option<CleanBeam>>,
    unit: Option<String>,
}

impl FitsSource {
    /// Opens the image that `spec` names and checks all that can be checked without reading pixels:
    ///
    /// - `d.fits`: the first HDU that holds an image of at least two axes, compressed in tiles or not;
    /// - `d.fits[SCI]`, `d.fits[SCI,2]`: the HDU of that EXTNAME (and EXTVER); `d.fits[1]`: the HDU of that
    ///   number, 0 being the primary HDU;
    /// - `d.fits[11:50,1:100]`, also after an HDU: a region, pixels from 1, first and last included, `*` for
    ///   a whole axis; more than two ranges choose planes. The header is that of the region.
    ///
    /// A name with brackets that exists as it stands is a file. Files packed by gzip are unpacked here.
    ///
    /// # Errors
    /// [`FitsError`] for everything that is wrong with the file: absent, not FITS, truncated, no image, no
    /// such HDU, unusable axes, unreadable keys, a region outside the image.
    pub fn open(spec: &str) -> Result<Self, FitsError> {
        let parsed = Spec::parse(spec)?;
        let file = Plain::open(&parsed.path)?;
        let open = |source| FitsError::Open { path: parsed.path.clone(), source };
        let plain = File::open(file.path()).map_err(open)?;
        let file_len = plain.metadata().map_err(open)?.len();
        let hdus = hdu::scan(&plain, &parsed.path)?;
        let hdu = choose(&hdus, &parsed.hdu, &parsed.path)?;
        hdu.check_complete(&parsed.path, file_len)?;
        let place = Place::new(&parsed.path, &hdu.label());
        let mut header = hdu.image_header();
        let window = Window::cut(&mut header, parsed.region.as_deref(), &place)?;
        let axes = Axes::from_header(&header, &place)?;
        let beams = beams::read(file.path(), &hdus, (&header, &axes, &window), &place)?;
        let scaling = (header.number("BSCALE", 1.0, &place)?, header.number("BZERO", 0.0, &place)?);
        let is_plain = hdu.content == Content::Image && header.get_i64("BITPIX") == Some(-32) && scaling == (1.0, 0.0);
        let floats_at = is_plain.then_some(hdu.data_start);
        let index = hdu.index;
        let unit = header.get_str("BUNIT").filter(|unit| !unit.is_empty());
        Ok(Self { spec: spec.to_owned(), file, place, index, floats_at, header, axes, window, beams, unit })
    }

    /// The file, without HDU and region.
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    /// What was opened, as it was given.
    pub fn spec(&self) -> &str {
        &self.spec
    }

    /// The HDU as messages name it, the primary being 1: `HDU 1`, `HDU 2 [SCI]`.
    pub fn hdu_label(&self) -> &str {
        &self.place.hdu
    }

    /// The header of the image: of a compressed image as it was before, of a region with its own `NAXISn` and `CRPIXn`.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Shape `(ny, nx)` of a plane, and the cell where the header tells it.
    pub fn geometry(&self) -> Geometry {
        self.axes.geometry
    }

    /// Number of planes: 1 for an image of two axes.
    pub fn planes(&self) -> usize {
        self.axes.planes()
    }

    /// What each plane is, in the order of the file.
    pub fn plane_labels(&self) -> &[PlaneLabel] {
        &self.axes.labels
    }

    /// The axes beyond the first two: axis 3, which is the fastest, then axis 4.
    pub fn plane_shape(&self) -> &[PlaneAxis] {
        &self.axes.beyond
    }

    /// The clean beam that the header, or the BEAMS table, gives for a plane; `None` if it gives none, or one of size zero.
    pub fn beam(&self, plane: usize) -> Option<CleanBeam> {
        self.beams.get(plane).copied().flatten()
    }

    /// BUNIT as it is written.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    pub(super) fn axes(&self) -> &Axes {
        &self.axes
    }

    /// Reads rows of a plane, shape `(rows.len(), nx)`: physical values in the unit of the file, BSCALE and
    /// BZERO applied. Blanks (BLANK, NaN), infinities and numbers too large for `f32` are NaN; numbers too
    /// small for a normal `f32` are zero.
    ///
    /// # Errors
    /// [`FitsError::Shape`] for a plane or rows that there are not, [`FitsError::Read`] if reading fails.
    pub fn read_rows(&self, plane: usize, rows: Range<usize>) -> Result<Array2<f32>, FitsError> {
        self.axes.check(plane, &rows, &self.place)?;
        let shape = (rows.len(), self.axes.geometry.nx);
        if rows.is_empty() {
            return Ok(Array2::zeros(shape));
        }
        let what = || format!("plane {plane}, rows {rows:?}");
        let pixels = if let Some(start) = self.floats_at {
            self.read_floats(start, plane, &rows).map_err(|source| self.place.read(what(), source))?
        } else {
            let pixels = self.read_by_cfitsio(plane, &rows).map_err(|source| self.place.read(what(), source))?;
            pixels.into_iter().map(|pixel| finite(pixel.to_bits())).collect()
        };
        Array2::from_shape_vec(shape, pixels).map_err(|source| self.place.read(what(), source))
    }

    /// Reads big-endian floats that begin at byte `start` of the file.
    fn read_floats(&self, start: u64, plane: usize, rows: &Range<usize>) -> io::Result<Vec<f32>> {
        let file = File::open(self.file.path())?;
        let nx = self.axes.geometry.nx;
        let full_nx = self.window.full[0];
        let mut pixels = Vec::with_capacity(rows.len() * nx);
        let rows_at_once = if nx == full_nx { (READ_BYTES / (4 * nx)).max(1) } else { 1 };
        let mut bytes = Vec::new();
        for first in rows.clone().step_by(rows_at_once) {
            let len = rows_at_once.min(rows.end - first);
            bytes.resize(len * nx * 4, 0);
            file.read_exact_at(&mut bytes, start + 4 * self.pixel_offset(plane, first))?;
            pixels.extend(bytes.chunks_exact(4).map(|b| finite(u32::from_be_bytes([b[0], b[1], b[2], b[3]]))));
        }
        Ok(pixels)
    }

    /// Pixels of the whole image before the first of `row`.
    fn pixel_offset(&self, plane: usize, row: usize) -> u64 {
        let mut position = vec![0, row];
        position.extend(self.axes.position(plane));
        let axes = position.iter().zip(&self.window.first).zip(&self.window.full).rev();
        axes.fold(0, |offset, ((&at, &first), &full)| offset * full as u64 + (at + first) as u64)
    }

    fn read_by_cfitsio(&self, plane: usize, rows: &Range<usize>) -> Result<Vec<f32>, CfitsioError> {
        let mut first: Vec<usize> = self.window.first.iter().map(|first| first + 1).collect();
        let position = self.axes.position(plane);
        first.iter_mut().skip(2).zip(position).for_each(|(first, at)| *first += at);
        let mut last = first.clone();
        last[0] += self.axes.geometry.nx - 1;
        last[1] += rows.end - 1;
        first[1] += rows.start;
        Handle::open(self.file.path(), self.index)?.read_region(&Region { first, last })
    }

    #[cfg(test)]
    pub(super) fn floats_at(&self) -> Option<u64> {
        self.floats_at
    }

    #[cfg(test)]
    pub(super) fn data_path(&self) -> &Path {
        self.file.path()
    }

    /// Reads rows by cfitsio even where they can be read straight from the file.
    #[cfg(test)]
    pub(super) fn read_rows_by_cfitsio(&self, plane: usize, rows: &Range<usize>) -> Vec<f32> {
        self.read_by_cfitsio(plane, rows).unwrap()
    }
}

/// The float of these bits, by the rule that cfitsio has for files with blanks (`fffr4r4`): an exponent of
/// all ones (infinity, NaN) is a blank, an exponent of zero (subnormal) is zero.
fn finite(bits: u32) -> f32 {
    const EXPONENT: u32 = 0x7f80_0000;
    let exponent = bits & EXPONENT;
    let bits = if exponent == 0 { 0 } else { bits };
    f32::from_bits(if exponent == EXPONENT { f32::NAN.to_bits() } else { bits })
}

/// Finds the HDU that was asked for, which must hold an image.
fn choose<'a>(hdus: &'a [Hdu], choice: &HduChoice, path: &Path) -> Result<&'a Hdu, FitsError> {
    let list = || hdus.iter().map(Hdu::summary).collect::<Vec<_>>().join(", ");
    let absent = |wanted| FitsError::HduAbsent { path: path.to_owned(), wanted, found: list() };
    let no_image = |wanted, found| FitsError::NoImage { path: path.to_owned(), wanted, found };
    let hdu = match choice {
        HduChoice::FirstImage => {
            return hdus.iter().find(|hdu| hdu.is_image()).ok_or_else(|| no_image("any HDU".to_owned(), list()));
        }
        HduChoice::Number(number) => hdus.get(*number).ok_or_else(|| absent(number.to_string()))?,
        HduChoice::Name(name, version) => {
            let is_named = |hdu: &&Hdu| {
                let own =
                    hdu.name().unwrap_or_else(|| if hdu.index == 0 { "PRIMARY".to_owned() } else { String::new() });
                own.eq_ignore_ascii_case(name)
                    && version.is_none_or(|version| hdu.header.get_i64("EXTVER").unwrap_or(1) == version)
            };
            let wanted = || version.map_or_else(|| name.clone(), |version| format!("{name},{version}"));
            hdus.iter().find(is_named).ok_or_else(|| absent(wanted()))?
        }
    };
    if hdu.is_image() { Ok(hdu) } else { Err(no_image(hdu.label(), hdu.summary())) }
}
