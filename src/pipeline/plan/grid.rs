//! Several PSFs for one image: their files, and where each holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::{CELL_TOLERANCE, Inputs, Plan, PlanError, mismatch, shape_of};
use crate::algorithms::{Direct, Kind, Minor};
use crate::collections::bag::{GlobError, Pattern};
use crate::images::{PsfGrid, PsfGridError, PsfPeak, Sky};
use crate::io::{FitsError, FitsSource};
use crate::pipeline::RunConfig;
use crate::pipeline::config::Auto;
use crate::pipeline::graphs::KernelCut;
use crate::pipeline::ops::{PsfPlane, Source};

/// PSFs of several directions.
#[derive(Debug, Clone)]
pub struct GridPlan {
    /// Their files, a plane each.
    pub files: Vec<Source>,
    /// Where they hold.
    pub grid: PsfGrid,
    /// Number of the one nearest to the middle, by whose peak all are divided and whose main lobe is the clean beam.
    pub central: usize,
}

/// Why the PSFs of several directions cannot be used.
#[derive(Debug, Error)]
pub enum GridError {
    /// There is no PSF.
    #[error("no PSF is given\n  expected --psf, or PSFs of several directions with --psf-grid")]
    None,
    /// Two ways at once.
    #[error("both a PSF and PSFs of several directions are given\n  psf: {psf}\n  psf_grid: {grid}")]
    Both {
        /// The PSF.
        psf: String,
        /// The others.
        grid: String,
    },
    /// Nothing by that name.
    #[error("no file matches --psf-grid '{pattern}'")]
    Nothing {
        /// The pattern.
        pattern: String,
    },
    /// Files that cannot be listed.
    #[error(transparent)]
    List(#[from] GlobError),
    /// A table that cannot be used.
    #[error("cannot use {} as a table of PSFs\n  line {line}: {found}, expected {expected}", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// The line, from 1; 0 for the file.
        line: u64,
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// A file.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// A PSF whose place is not known.
    #[error("cannot tell where the PSF {file} holds\n  {hdu}: {found}, expected {expected}")]
    NoCentre {
        /// The file.
        file: String,
        /// Its HDU.
        hdu: String,
        /// What there is.
        found: String,
        /// What there should be.
        expected: &'static str,
    },
    /// A PSF of somewhere else.
    #[error(
        "the PSF {file} holds far outside the image\n  its place is pixel (x {x:.1}, y {y:.1}), expected one inside {nx} x {ny} pixels or at most half as far beyond"
    )]
    Outside {
        /// The file.
        file: String,
        /// Column.
        x: f64,
        /// Row.
        y: f64,
        /// Columns of the image.
        nx: usize,
        /// Rows of the image.
        ny: usize,
    },
    /// Places that make no grid.
    #[error("cannot place the PSFs\n  {source}{}", told(files))]
    Places {
        /// The files it is about.
        files: Vec<String>,
        /// Why.
        source: PsfGridError,
    },
    /// A cube.
    #[error("the PSF {file} has {planes} planes\n  {hdu}: expected 1, which serves all planes of the dirty image")]
    Planes {
        /// The file.
        file: String,
        /// Its HDU.
        hdu: String,
        /// Its planes.
        planes: usize,
    },
    /// An algorithm that knows one PSF only.
    #[error("--psf-grid does not work with --algorithm {name}\n  expected multiscale, clean, clark, hogbom or convex")]
    Algorithm {
        /// The algorithm.
        name: &'static str,
    },
}

fn told(files: &[String]) -> String {
    files.iter().fold(String::new(), |told, file| told + "\n  " + file)
}

impl GridError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Fits(error) => return error.hint(),
            Self::None => "give the PSF of the same imaging run with --psf",
            Self::Both { .. } => "give one of them",
            Self::Nothing { .. } => "check the pattern and the folder; * stands for any text without a slash",
            Self::List(_) => "check the folders and their permissions",
            Self::Table { .. } => {
                "the first line is psf,x,y (pixels from 0 of the dirty image) or psf,ra,dec (deg), each other line a PSF; \
                 files are looked for beside the table"
            }
            Self::NoCentre { .. } | Self::Outside { .. } => {
                "give the places in a table: --psf-grid table.csv with the columns psf,x,y or psf,ra,dec"
            }
            Self::Places { source: PsfGridError::Irregular { .. }, .. } => {
                "choose --psf-weighting nearest or inverse-distance"
            }
            Self::Places { .. } => {
                "PSFs of several directions have places of their own in CRVAL and CRPIX; else give the places in a table: \
                 --psf-grid table.csv with the columns psf,x,y or psf,ra,dec"
            }
            Self::Planes { .. } => "choose a plane of it, as in psf.fits[*,*,3]",
            Self::Algorithm { .. } => "choose one of these, or give one PSF with --psf",
        };
        Some(hint.to_owned())
    }
}

/// The PSF of a run, and those of several directions where they are given.
///
/// # Errors
/// [`GridError`]: no PSF or two ways at once, files that cannot be read, places that are not known or do not go together.
pub(super) fn open(
    config: &RunConfig,
    dirty: &FitsSource,
    psf: &str,
) -> Result<(Source, Option<Arc<GridPlan>>), GridError> {
    let spec = &config.input.psf_grid;
    let source = |spec: &str| Ok::<_, FitsError>(Source(Arc::new(FitsSource::open(spec)?)));
    if spec.is_empty() {
        return if psf.is_empty() { Err(GridError::None) } else { Ok((source(psf)?, None)) };
    }
    if !psf.is_empty() {
        return Err(GridError::Both { psf: psf.to_owned(), grid: spec.clone() });
    }
    let algorithm = config.algorithm();
    let takes_several = match algorithm.kind {
        Kind::Clean(minor) => minor != Minor::Asp,
        Kind::Direct(direct) => direct == Direct::Convex,
    };
    if !takes_several {
        return Err(GridError::Algorithm { name: algorithm.name });
    }
    let entries = entries(spec)?;
    let files = entries.iter().map(|entry| source(&entry.file)).collect::<Result<Vec<_>, _>>()?;
    let sky = sky_of(dirty);
    let places = files.iter().zip(&entries).map(|(file, entry)| place(file, entry.at, dirty, sky.as_ref()));
    let centres = places.collect::<Result<Vec<_>, _>>()?;
    let weighting = match config.input.psf_weighting {
        Auto::Auto => None,
        Auto::Given(weighting) => Some(weighting),
    };
    let grid = PsfGrid::new(shape_of(dirty.geometry()), centres, weighting).map_err(|source| {
        let about = match source {
            PsfGridError::Same { first, second, .. } => vec![first, second],
            PsfGridError::Empty | PsfGridError::Irregular { .. } => vec![],
        };
        GridError::Places { files: about.into_iter().map(|psf| entries[psf].file.clone()).collect(), source }
    })?;
    let central = grid.central();
    Ok((files[central].clone(), Some(Arc::new(GridPlan { files, grid, central }))))
}

/// Where a PSF is said to hold.
#[derive(Debug, Clone, Copy)]
enum At {
    /// Its header tells.
    Header,
    /// Pixel `(x, y)` of the dirty image.
    Pixel(f64, f64),
    /// Right ascension and declination \[deg\].
    Sky(f64, f64),
}

/// A PSF as it was named.
struct Entry {
    file: String,
    at: At,
}

/// What a list, a pattern, a folder or a table names.
fn entries(spec: &str) -> Result<Vec<Entry>, GridError> {
    let path = Path::new(spec);
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
        return table(path);
    }
    if path.is_dir() {
        return files(&format!("{}/*.fits", spec.trim_end_matches('/')));
    }
    let mut all = Vec::new();
    for item in split(spec) {
        if Pattern::is_in(item.split('[').next().unwrap_or_default()) && !Path::new(item).exists() {
            all.extend(files(item)?);
        } else {
            all.push(Entry { file: item.to_owned(), at: At::Header });
        }
    }
    Ok(all)
}

/// Splits a list at the commas that are not inside brackets.
fn split(list: &str) -> Vec<&str> {
    let (mut items, mut first, mut depth) = (Vec::new(), 0, 0_i32);
    for (at, letter) in list.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&list[first..at]);
                first = at + 1;
            }
            _ => {}
        }
    }
    items.push(&list[first..]);
    items.into_iter().map(str::trim).filter(|item| !item.is_empty()).collect()
}

fn files(pattern: &str) -> Result<Vec<Entry>, GridError> {
    let found = Pattern::new(pattern).files()?;
    if found.is_empty() {
        return Err(GridError::Nothing { pattern: pattern.to_owned() });
    }
    let entry = |path: PathBuf| Entry { file: path.to_string_lossy().into_owned(), at: At::Header };
    Ok(found.into_iter().map(|found| entry(found.path)).collect())
}

/// Reads `psf,x,y` or `psf,ra,dec`; files are named relative to the table.
fn table(path: &Path) -> Result<Vec<Entry>, GridError> {
    let wrong = |line: u64, found: String, expected| GridError::Table { path: path.to_owned(), line, found, expected };
    let unreadable = |error: csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        wrong(line, error.to_string(), "a table of three columns")
    };
    let mut reader =
        csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_path(path).map_err(unreadable)?;
    let names = reader.headers().map_err(unreadable)?.clone();
    let names: Vec<&str> = names.iter().collect();
    let is_sky = match names[..] {
        ["psf", "x", "y"] => false,
        ["psf", "ra", "dec"] => true,
        _ => return Err(wrong(1, names.join(","), "psf,x,y or psf,ra,dec")),
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut entries = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        let number = |column: usize| {
            let text = record.get(column).unwrap_or_default();
            let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
            value.ok_or_else(|| wrong(line, format!("'{text}' as {}", names[column]), "a number"))
        };
        let (first, second) = (number(1)?, number(2)?);
        let own = record.get(0).unwrap_or_default();
        let file = folder.map_or_else(|| PathBuf::from(own), |folder| folder.join(own));
        let at = if is_sky { At::Sky(first, second) } else { At::Pixel(first, second) };
        entries.push(Entry { file: file.to_string_lossy().into_owned(), at });
    }
    if entries.is_empty() { Err(wrong(1, "no PSF".to_owned(), "a line for each PSF")) } else { Ok(entries) }
}

fn sky_of(source: &FitsSource) -> Option<Sky> {
    let cards = source.header().cards();
    Sky::from_cards(cards.filter_map(|card| Some((card.key(), card.value()?.to_string()))))
}

/// Where a PSF holds, `(y, x)` in pixels of the dirty image; the middle of the PSF by its own header where nothing else tells.
fn place(file: &Source, at: At, dirty: &FitsSource, sky: Option<&Sky>) -> Result<(f64, f64), GridError> {
    let psf = &file.0;
    let (spec, hdu) = (psf.spec().to_owned(), psf.hdu_label().to_owned());
    if psf.planes() != 1 {
        return Err(GridError::Planes { file: spec, hdu, planes: psf.planes() });
    }
    let lost = |found: &str, expected| GridError::NoCentre {
        file: spec.clone(),
        hdu: hdu.clone(),
        found: found.to_owned(),
        expected,
    };
    let on_sky = |lon: f64, lat: f64| {
        let sky = sky.filter(|sky| sky.is_absolute());
        let sky =
            sky.ok_or_else(|| lost("the dirty image has no world coordinates", "CTYPE, CRVAL and CRPIX there"))?;
        sky.pixel(lon, lat).ok_or_else(|| lost(&format!("{lon}, {lat} deg is not in its projection"), "a place there"))
    };
    let (x, y) = match at {
        At::Pixel(x, y) => (x, y),
        At::Sky(ra, dec) => on_sky(ra, dec)?,
        At::Header => {
            let own = sky_of(psf).ok_or_else(|| lost("no CTYPE1 and CTYPE2", "the direction in CRVAL and CRPIX"))?;
            if sky.is_some_and(|sky| sky.frame() != own.frame()) {
                return Err(lost("another system of coordinates than the dirty image", "the same"));
            }
            let (cy, cx) = PsfPeak::usual(shape_of(psf.geometry())).centre;
            let centre = own.lonlat(cx as f64, cy as f64);
            let (lon, lat) = centre.ok_or_else(|| lost("no CRVAL1 and CRVAL2", "the direction in CRVAL and CRPIX"))?;
            on_sky(lon, lat)?
        }
    };
    let (ny, nx) = shape_of(dirty.geometry());
    let is_near = |at: f64, n: usize| (-0.5 * n as f64..1.5 * n as f64).contains(&at);
    if is_near(y, ny) && is_near(x, nx) { Ok((y, x)) } else { Err(GridError::Outside { file: spec, x, y, nx, ny }) }
}

/// Refuses a PSF of another cell than the dirty image's.
pub(super) fn check_cell(psf: &Source, dirty: &FitsSource, warnings: &mut Vec<String>) -> Result<(), PlanError> {
    match (dirty.geometry().cell, psf.0.geometry().cell) {
        (Some(expected), Some(found)) => {
            for (key, expected, found) in [("CDELT1", expected.dx, found.dx), ("CDELT2", expected.dy, found.dy)] {
                if (found - expected).abs() > CELL_TOLERANCE * expected.abs() {
                    let hint = "use the PSF written by the same imaging run, or remake it with the same cell size";
                    let values = (format!("{found:e} deg"), format!("{expected:e} deg"));
                    return Err(mismatch(("PSF", psf), dirty, key, values, hint));
                }
            }
        }
        (None, _) => warnings.push(format!("{} tells no cell size: beams are in pixels of 1 deg", dirty.spec())),
        (_, None) => {
            warnings.push(format!("{} tells no cell size: taken to be the dirty image's", psf.0.spec()));
        }
    }
    warnings.dedup();
    Ok(())
}

impl Inputs {
    /// The files of PSFs: one, or one for each direction.
    pub fn psfs(&self) -> impl Iterator<Item = &Source> {
        let several = self.grid.iter().flat_map(|grid| &grid.files);
        let one = self.grid.is_none().then_some(&self.psf);
        several.chain(one)
    }
}

impl Plan {
    /// Where several PSFs hold, if there are several.
    pub fn grid(&self) -> Option<&PsfGrid> {
        self.inputs.grid.as_ref().map(|grid| &grid.grid)
    }

    /// Several PSFs in words, a line for all and one for each.
    pub fn grid_lines(&self) -> Vec<String> {
        let Some(GridPlan { files, grid, central }) = self.inputs.grid.as_deref() else { return Vec::new() };
        let all = format!("grid of {}, {}, clean beam of number {central}", files.len(), grid.weighting());
        let each = files
            .iter()
            .zip(grid.centres())
            .enumerate()
            .map(|(number, (file, (y, x)))| format!("{number} at pixel (x {x:.2}, y {y:.2}): {}", file.0.spec()));
        [all].into_iter().chain(each).collect()
    }

    /// Numbers of the PSFs that a plane of this PSF is seen with: all of a grid.
    pub fn psf_numbers(&self, psf: usize) -> std::ops::Range<usize> {
        self.grid().map_or(psf..psf + 1, |grid| 0..grid.len())
    }

    /// A PSF by its number: the plane of the PSF file, or the file of a grid.
    pub fn psf_plane(&self, number: usize, tolerant: bool) -> PsfPlane {
        match &self.inputs.grid {
            Some(grid) => PsfPlane { source: grid.files[number].clone(), plane: 0, number, tolerant: false },
            None => PsfPlane { source: self.inputs.psf.clone(), plane: number, number, tolerant },
        }
    }

    /// The transform of a PSF that peaks where it usually does.
    pub(super) fn usual_kernel(&self, number: usize) -> KernelCut {
        let Some(grid) = &self.inputs.grid else { return self.kernel };
        let peak = PsfPeak::usual(shape_of(grid.files[number].0.geometry()));
        KernelCut { layout: self.kernel.layout, ..KernelCut::new(peak, self.cut, false) }
    }

    /// The kernel of the PSF of a plan, with a transform that is wide enough for all.
    pub(super) fn with_common_layout(&self, kernel: KernelCut) -> KernelCut {
        let shapes = self.inputs.psfs().map(|file| PsfPeak::usual(shape_of(file.0.geometry())));
        let circular = self.is_circular();
        shapes.map(|peak| KernelCut::new(peak, self.cut, circular)).fold(kernel, KernelCut::widened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_outside_brackets() {
        assert_eq!(split("a.fits, b.fits[1:9,1:9],c.fits[SCI,2]"), ["a.fits", "b.fits[1:9,1:9]", "c.fits[SCI,2]"]);
        assert_eq!(split(",a.fits,"), ["a.fits"]);
    }
}
