//! Catalogues of true sources: points and Gaussians, where they are between pixels, as images at the clean beam.

use std::path::Path;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::planes::area;
use crate::images::{BeamShape, Cell, CleanBeam, Sky};

/// A source of the true sky.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrueSource {
    /// Column, counted from 0.
    pub x: f64,
    /// Row, counted from 0.
    pub y: f64,
    /// Flux \[Jy\].
    pub flux: f64,
    /// Its own shape on the pixel grid; none for a point.
    pub shape: Option<BeamShape>,
}

/// Why a catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The file.
    #[error("cannot read {file}\n  {source}")]
    Read {
        /// The file.
        file: String,
        /// What went wrong.
        source: csv::Error,
    },
    /// Columns that are needed are not there.
    #[error("cannot use {file} as a catalogue\n  columns: expected flux, and x and y or ra and dec; found {found}")]
    Columns {
        /// The file.
        file: String,
        /// The columns that it has.
        found: String,
    },
    /// A cell that is no number.
    #[error("cannot use {file} as a catalogue\n  line {line}, {column}: expected a number, found '{found}'")]
    Cell {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What stands there.
        found: String,
    },
    /// A place outside the projection of the image, or an image without coordinates.
    #[error(
        "cannot place the source of line {line} of {file} on the image\n  ra {ra}, dec {dec}: expected a place that the image's WCS covers"
    )]
    Place {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// Right ascension \[deg\].
        ra: f64,
        /// Declination \[deg\].
        dec: f64,
    },
}

impl CatalogueError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let hint = match self {
            Self::Read { .. } => "give a file of text with comma-separated columns",
            Self::Columns { .. } | Self::Cell { .. } => {
                "x and y are pixels counted from 0, ra and dec degrees, flux Jy, major and minor arcsec, pa degrees"
            }
            Self::Place { .. } => "check that the catalogue is of this field, or give x and y",
        };
        hint.to_owned()
    }
}

/// Columns of a file by the names that are known.
struct Columns {
    place: [Option<usize>; 4],
    flux: usize,
    shape: [Option<usize>; 3],
}

impl Columns {
    fn find(names: &csv::StringRecord) -> Option<Self> {
        let at = |wanted: &[&str]| {
            names.iter().position(|name| wanted.iter().any(|wanted| name.trim().eq_ignore_ascii_case(wanted)))
        };
        let place = [at(&["x"]), at(&["y"]), at(&["ra", "ra_deg"]), at(&["dec", "dec_deg"])];
        let has = |first: usize| place[first].is_some() && place[first + 1].is_some();
        let flux = at(&["flux", "flux_jy"]).filter(|_| has(0) || has(2))?;
        Some(Self { place, flux, shape: [at(&["major"]), at(&["minor"]), at(&["pa"])] })
    }
}

/// Reads a catalogue: columns x and y \[pixels from 0\] or ra and dec \[deg\], flux \[Jy\], and for Gaussians major, minor
/// \[arcsec\] and pa \[deg\]. Lines that begin with # are passed over; other columns too.
///
/// # Errors
/// See [`CatalogueError`].
pub fn read(path: &Path, sky: Option<&Sky>, cell: Option<Cell>) -> Result<Vec<TrueSource>, CatalogueError> {
    let file = path.display().to_string();
    let wrong = |source| CatalogueError::Read { file: file.clone(), source };
    let mut reader =
        csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_path(path).map_err(wrong)?;
    let names = reader.headers().map_err(wrong)?.clone();
    let found = || names.iter().collect::<Vec<_>>().join(", ");
    let columns =
        Columns::find(&names).ok_or_else(|| CatalogueError::Columns { file: file.clone(), found: found() })?;
    let mut sources = Vec::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        sources.push(source(&file, &record, &columns, (sky, cell))?);
    }
    Ok(sources)
}

fn source(
    file: &str,
    record: &csv::StringRecord,
    columns: &Columns,
    (sky, cell): (Option<&Sky>, Option<Cell>),
) -> Result<TrueSource, CatalogueError> {
    let line = record.position().map_or(0, csv::Position::line);
    let number = |column: Option<usize>, name: &'static str| -> Result<f64, CatalogueError> {
        let Some(at) = column else { return Ok(0.0) };
        let text = record.get(at).unwrap_or_default();
        let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
        let found = text.to_owned();
        value.ok_or_else(|| CatalogueError::Cell { file: file.to_owned(), line, column: name, found })
    };
    let [x, y, ra, dec] = columns.place;
    let (x, y) = if x.is_some() && y.is_some() {
        (number(x, "x")?, number(y, "y")?)
    } else {
        let (ra, dec) = (number(ra, "ra")?, number(dec, "dec")?);
        let place = sky.and_then(|sky| sky.pixel(ra, dec));
        place.ok_or_else(|| CatalogueError::Place { file: file.to_owned(), line, ra, dec })?
    };
    let [major, minor, pa] = columns.shape;
    let (major, minor, pa) = (number(major, "major")? / 3600.0, number(minor, "minor")? / 3600.0, number(pa, "pa")?);
    let own = CleanBeam::new(major, minor, pa).ok().zip(cell);
    let shape = own.and_then(|(own, cell)| own.shape_in_pixels(cell).ok());
    Ok(TrueSource { x, y, flux: number(Some(columns.flux), "flux")?, shape })
}

/// The sources on a plane of `shape` `(ny, nx)` at a beam \[Jy/beam\], each where it is.
pub(super) fn drawn(sources: &[TrueSource], shape: (usize, usize), beam: BeamShape) -> Array2<f32> {
    let mut plane = Array2::<f64>::zeros(shape);
    for source in sources {
        let (seen, height) = seen(source, beam);
        let reach = 5.0 * seen.widths().0 + 1.0;
        let range = |at: f64, n: usize| {
            let first = (at - reach).floor().clamp(0.0, n as f64) as usize;
            first..((at + reach).ceil() + 1.0).clamp(0.0, n as f64) as usize
        };
        for y in range(source.y, shape.0) {
            for x in range(source.x, shape.1) {
                plane[(y, x)] += height * seen.value(y as f64 - source.y, x as f64 - source.x);
            }
        }
    }
    plane.mapv(|value| value as f32)
}

/// A source as the beam shows it: its shape, and its height \[Jy/beam\].
pub(super) fn seen(source: &TrueSource, beam: BeamShape) -> (BeamShape, f64) {
    let Some(own) = source.shape else { return (beam, source.flux) };
    let (beam_cov, own_cov) = (covariance(beam), covariance(own));
    let sum = [beam_cov[0] + own_cov[0], beam_cov[1] + own_cov[1], beam_cov[2] + own_cov[2]];
    let determinant = sum[0] * sum[2] - sum[1] * sum[1];
    let shape =
        BeamShape { a: 0.5 * sum[2] / determinant, b: -0.5 * sum[1] / determinant, c: 0.5 * sum[0] / determinant };
    (shape, source.flux * area(beam) / area(shape))
}

/// `[xx, xy, yy]` of the Gaussian `exp(-(a x^2 + 2 b x y + c y^2))`.
fn covariance(shape: BeamShape) -> [f64; 3] {
    let determinant = 2.0 * (shape.a * shape.c - shape.b * shape.b);
    [shape.c / determinant, -shape.b / determinant, shape.a / determinant]
}

#[cfg(test)]
mod tests {
    use super::super::planes::blurred;
    use super::*;

    const BEAM: BeamShape = BeamShape { a: 0.2, b: 0.05, c: 0.1 };

    fn read_text(text: &str) -> Result<Vec<TrueSource>, CatalogueError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path(), None, Some(Cell { dx: -1.0 / 3600.0, dy: 1.0 / 3600.0 }))
    }

    #[test]
    fn catalogue_is_read_by_the_names_of_its_columns() {
        let sources = read_text("# note\nid,flux,x,y,major,minor,pa\na, 0.5 ,3.25,4,0,0,0\nb,1,5,6,8,4,0\n").unwrap();
        assert_eq!((sources[0].x, sources[0].y, sources[0].flux, sources[0].shape), (3.25, 4.0, 0.5, None));
        let (major, minor) = sources[1].shape.unwrap().widths();
        assert!((major - 8.0).abs() < 1e-9 && (minor - 4.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_wrong_with_a_catalogue_is_told() {
        let say = |text: &str| read_text(text).unwrap_err().to_string();
        assert!(say("x,flux\n1,2\n").contains("found x, flux"));
        assert!(say("x,y,flux\n1,2,3\n1,2,bright\n").contains("line 3, flux: expected a number, found 'bright'"));
        assert!(say("ra,dec,flux\n1,2,3\n").contains("ra 1, dec 2"));
    }

    #[test]
    fn gaussian_source_at_the_beam_is_the_convolution_of_both() {
        let own = BeamShape { a: 0.03, b: -0.01, c: 0.05 };
        let source = TrueSource { x: 31.0, y: 30.0, flux: 2.0, shape: Some(own) };
        let drawn = drawn(&[source], (64, 64), BEAM);
        let scale = 2.0 / area(own);
        let sky =
            Array2::from_shape_fn((64, 64), |(y, x)| (scale * own.value(y as f64 - 30.0, x as f64 - 31.0)) as f32);
        let expected = blurred(&sky, BEAM, 1.0);
        let worst = drawn.iter().zip(&expected).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
        assert!(worst < 2e-5, "{worst}");
    }

    #[test]
    fn point_between_pixels_is_drawn_where_it_is() {
        let plane = drawn(&[TrueSource { x: 7.5, y: 3.25, flux: 1.0, shape: None }], (8, 12), BEAM);
        assert!((f64::from(plane[(3, 8)]) - BEAM.value(-0.25, 0.5)).abs() < 1e-7);
    }
}
