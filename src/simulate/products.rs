//! The files of a simulation: dirty image, PSF, truth, catalogue, and the record of how they were made.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::Serialize;
use tracing::info;

use super::error::SimulateError;
use super::observe::Window;
use super::plan::{Plan, Recipe};
use super::sky::{PointSource, Sky};
use super::uvplane::Tally;
use super::wide::directions;
use crate::images::{Cell, CleanBeam, Psf, fit_beam};
use crate::io::{Card, Finish, FitsError, FitsTarget, FrequencyAxis, NewHeader};
use crate::units::{Dirty, Kind, Model};

/// Where a simulation goes, and what it is called.
#[derive(Debug, Clone)]
pub struct Output {
    /// Files are `PREFIX-dirty.fits`, `PREFIX-psf.fits`, `PREFIX-truth.fits`, `PREFIX-truth.csv`, `PREFIX-simulate.json`, and
    /// the PSFs of several directions `PREFIX-psf-0-0.fits` and so on.
    pub prefix: PathBuf,
    /// Whether existing files may be replaced.
    pub overwrite: bool,
    /// Right ascension of the field \[deg\].
    pub right_ascension_deg: f64,
    /// The command, for the record.
    pub command: String,
    /// What the user should know already; the warnings of the record begin with it.
    pub notes: Vec<String>,
}

/// What one plane came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaneReport {
    /// Middle frequency \[Hz\].
    pub frequency_hz: f64,
    /// Its visibilities.
    pub uv: Tally,
    /// The Gaussian fitted to its PSF, if one fits.
    pub beam: Option<CleanBeam>,
}

/// The record of a simulation, written as `PREFIX-simulate.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Version of this program.
    pub version: &'static str,
    /// The command.
    pub command: String,
    /// Name of the array.
    pub array: String,
    /// Number of antennas.
    pub antennas: usize,
    /// Latitude of the array \[deg\].
    pub latitude_deg: f64,
    /// Longest baseline \[m\].
    pub longest_baseline_m: f64,
    /// Every parameter.
    pub recipe: Recipe,
    /// The pixel \[arcsec\].
    pub cell_arcsec: f64,
    /// Shape of the PSF along a side.
    pub psf_pixels: usize,
    /// Flux of the sky \[Jy\].
    pub flux_jy: f64,
    /// Plane by plane.
    pub planes: Vec<PlaneReport>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// A beam of fewer pixels than this across its minor axis is badly sampled.
const COARSE: f64 = 2.5;
/// More than this part of the visibilities in the cell of the zero spacing is worth a warning.
const UNRESOLVED: f64 = 0.01;
/// The beam is fitted to at most this many pixels along a side of the PSF's middle.
const FIT_PIXELS: usize = 1024;

/// The PSFs of several directions, and the pixel `(x, y)` of each.
type Directions = Vec<(FitsTarget<Dirty>, (usize, usize))>;

impl Output {
    /// The file of a product: `PREFIX-NAME`.
    fn file(&self, name: &str) -> PathBuf {
        let mut path = self.prefix.clone().into_os_string();
        path.push(format!("-{name}"));
        path.into()
    }

    /// Simulates `plan`, with `image` \[Jy/pixel\] of the field's shape under the sources, and writes the products.
    ///
    /// Files are opened before any work, written under temporary names, and renamed when all are complete.
    ///
    /// # Errors
    /// If a file cannot be written, or no visibility falls on the uv plane.
    pub fn write(&self, plan: &Plan, image: Option<Array2<f32>>) -> Result<Report, SimulateError> {
        let planes = plan.planes();
        let dirty: FitsTarget<Dirty> = self.begin("dirty.fits", plan, plan.recipe().size)?;
        let psf: FitsTarget<Dirty> = self.begin("psf.fits", plan, plan.psf_size())?;
        let truth: FitsTarget<Model> = self.begin("truth.fits", plan, plan.recipe().size)?;
        let directions = self.begin_directions(plan)?;
        let catalogue = TextFile::begin(self.file("truth.csv"), self.overwrite)?;
        let record = TextFile::begin(self.file("simulate.json"), self.overwrite)?;

        let sky = plan.sky(image);
        truth.write_rows(0, 0, sky.truth().view())?;
        let mut report = self.report(plan, &sky);
        for (index, frequencies_hz) in planes.iter().enumerate() {
            info!("plane {} of {}: visibilities", index + 1, planes.len());
            let instrument = plan.instrument(frequencies_hz)?;
            info!("plane {} of {}: PSF", index + 1, planes.len());
            let Recipe { size, noise, .. } = *plan.recipe();
            let wide = plan.wide_field(&instrument, frequencies_hz)?;
            let middle = ((size / 2) as f64, (size / 2) as f64);
            let of_middle = match &wide {
                Some(wide) => wide.psf(middle, plan.psf_size()),
                None => instrument.psf(plan.psf_size()),
            };
            let beam = write_psf(plan, &of_middle, &psf, index)?;
            for (target, (x, y)) in &directions {
                info!("PSF of pixel ({x}, {y})");
                let own = wide.as_ref().map(|wide| wide.psf((*x as f64, *y as f64), plan.psf_size()));
                own.map_or(Ok(()), |own| target.write_rows(0, 0, own.view()))?;
            }
            info!("plane {} of {}: dirty image", index + 1, planes.len());
            let random = &mut plan.noise_generator(index);
            let pixels = match &wide {
                Some(wide) => wide.dirty(&sky, size, noise, random),
                None => instrument.dirty(&sky, size, noise, random),
            };
            dirty.write_rows(index, 0, pixels.view())?;
            let frequency_hz = frequencies_hz.iter().sum::<f64>() / frequencies_hz.len() as f64;
            report.planes.push(PlaneReport { frequency_hz, uv: instrument.uv_plane().tally(), beam });
        }
        report.warnings.extend(warnings(plan, &report.planes));

        let beams: Vec<Option<CleanBeam>> = report.planes.iter().map(|plane| plane.beam).collect();
        let history = [self.command.clone()];
        dirty.finish(Finish { beams: &beams, history: &history, cards: &[] })?;
        psf.finish(Finish { beams: &beams, history: &history, cards: &[] })?;
        for (target, _) in directions {
            target.finish(Finish { beams: &[], history: &history, cards: &[] })?;
        }
        truth.finish(Finish { beams: &[], history: &history, cards: &[] })?;
        catalogue.finish(&self.catalogue(plan, &sky))?;
        record.finish(&report.to_json())?;
        Ok(report)
    }

    /// Opens an image product of `pixels` by `pixels`; the truth has one plane, since the sky is the same in all.
    fn begin<K: Kind>(&self, name: &str, plan: &Plan, pixels: usize) -> Result<FitsTarget<K>, FitsError> {
        let middle = (self.right_ascension_deg, plan.recipe().observation.declination_deg);
        self.begin_at(name, plan, (pixels, middle))
    }

    /// Opens the PSFs of all directions, with the pixel of each: the middle of `PREFIX-psf-ROW-COLUMN.fits` is that direction.
    fn begin_directions(&self, plan: &Plan) -> Result<Directions, FitsError> {
        let Some(grid) = plan.recipe().wide.and_then(|wide| wide.psf_grid) else { return Ok(Vec::new()) };
        let places = directions(grid, plan.recipe().size).into_iter().enumerate();
        let begin = |(index, (x, y)): (usize, (usize, usize))| {
            let name = format!("psf-{}-{}.fits", index / grid.0, index % grid.0);
            let place = self.on_sky(plan, x as f64, y as f64);
            Ok((self.begin_at(&name, plan, (plan.psf_size(), place))?, (x, y)))
        };
        places.map(begin).collect()
    }

    /// Opens an image product whose middle pixel is at `crval`.
    fn begin_at<K: Kind>(
        &self,
        name: &str,
        plan: &Plan,
        (pixels, crval): (usize, (f64, f64)),
    ) -> Result<FitsTarget<K>, FitsError> {
        let observation = &plan.recipe().observation;
        let (low, high) = observation.band_hz;
        let channels = if plan.recipe().is_cube && K::BUNIT != Model::BUNIT { observation.channels } else { 1 };
        // A band without width still needs a step: an axis of step 0 is no axis.
        let step_hz = if high > low { (high - low) / channels as f64 } else { 1.0 };
        let degrees = plan.cell_arcsec() / 3600.0;
        let header = NewHeader {
            ny: pixels,
            nx: pixels,
            cell: Cell { dx: -degrees, dy: degrees },
            crval,
            crpix: None,
            frequency: Some(FrequencyAxis { first_hz: low + step_hz.min(high - low) / 2.0, step_hz, planes: channels }),
            cards: vec![
                Card::new("OBJECT", "simulated sky", ""),
                Card::new("TELESCOP", plan.array().name(), "array whose antenna positions were used"),
            ],
        };
        FitsTarget::create_new(&self.file(name), &header, self.overwrite)
    }

    fn report(&self, plan: &Plan, sky: &Sky) -> Report {
        Report {
            version: env!("CARGO_PKG_VERSION"),
            command: self.command.clone(),
            array: plan.array().name().to_owned(),
            antennas: plan.array().antennas(),
            latitude_deg: plan.array().latitude().to_degrees(),
            longest_baseline_m: plan.array().longest_baseline(),
            recipe: *plan.recipe(),
            cell_arcsec: plan.cell_arcsec(),
            psf_pixels: plan.psf_size(),
            flux_jy: sky.flux(),
            planes: Vec::new(),
            warnings: self.notes.clone(),
        }
    }

    /// The sources as a table; a given image is not in it.
    fn catalogue(&self, plan: &Plan, sky: &Sky) -> String {
        let cell = plan.cell_arcsec();
        let mut text = String::from(
            "# x, y: zero-based pixels; ra, dec: deg; flux: Jy; major, minor: FWHM in arcsec, 0 for a point; pa: deg\n\
             x,y,ra,dec,flux,major,minor,pa\n",
        );
        let points = sky.points.iter().map(|point| (*point, [0.0; 3]));
        let gaussians = sky
            .gaussians
            .iter()
            .map(|source| (source.at, [source.major * cell, source.minor * cell, source.angle.to_degrees()]));
        for (at, [major, minor, angle]) in points.chain(gaussians) {
            let PointSource { x, y, flux } = at;
            let (ra, dec) = self.on_sky(plan, x, y);
            writeln!(text, "{x:.4},{y:.4},{ra:.8},{dec:.8},{flux:.6e},{major:.3},{minor:.3},{angle:.2}")
                .expect("a String takes everything");
        }
        text
    }

    /// Right ascension and declination \[deg\] of a pixel: the orthographic projection (Calabretta & Greisen 2002, 5.1.5).
    fn on_sky(&self, plan: &Plan, x: f64, y: f64) -> (f64, f64) {
        let centre = (plan.recipe().size / 2) as f64;
        let pixel = (plan.cell_arcsec() / 3600.0).to_radians();
        let (l, m) = (-(x - centre) * pixel, (y - centre) * pixel);
        let n = (1.0 - l * l - m * m).max(0.0).sqrt();
        let (sin, cos) = plan.recipe().observation.declination_deg.to_radians().sin_cos();
        let ra = self.right_ascension_deg + l.atan2(n * cos - m * sin).to_degrees();
        (ra.rem_euclid(360.0), (m * cos + n * sin).clamp(-1.0, 1.0).asin().to_degrees())
    }
}

impl Report {
    fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report holds nothing that JSON does not") + "\n"
    }
}

/// Writes the PSF of plane `index` and fits its main lobe.
fn write_psf(
    plan: &Plan,
    psf: &Window,
    target: &FitsTarget<Dirty>,
    index: usize,
) -> Result<Option<CleanBeam>, FitsError> {
    let size = plan.psf_size();
    target.write_rows(index, 0, psf.view())?;
    let cut = size.min(FIT_PIXELS);
    let first = size / 2 - cut / 2;
    let middle = psf.view().slice_move(ndarray::s![first..first + cut, first..first + cut]).to_owned();
    let degrees = plan.cell_arcsec() / 3600.0;
    let cell = Cell { dx: -degrees, dy: degrees };
    Ok(Psf::new(middle).ok().and_then(|psf| fit_beam(&psf, cell).ok()).map(|fit| fit.beam))
}

fn warnings(plan: &Plan, planes: &[PlaneReport]) -> Vec<String> {
    let recipe = plan.recipe();
    let cell = plan.cell_arcsec();
    let mut warnings = Vec::new();
    let up = recipe.observation.hour_angles(plan.array()).map_or(0, |hour_angles| hour_angles.len());
    if up < recipe.observation.integrations {
        let below = recipe.observation.integrations - up;
        warnings.push(format!(
            "{below} of {} integrations left out: the field is below the horizon",
            recipe.observation.integrations
        ));
    }
    let sum = |count: fn(&Tally) -> u64| planes.iter().map(|plane| count(&plane.uv)).sum::<u64>();
    let (visibilities, outside, origin) = (sum(|uv| uv.visibilities), sum(|uv| uv.outside), sum(|uv| uv.origin));
    if outside > 0 {
        warnings.push(format!("{outside} of {visibilities} visibilities left out: pixels of {cell} arcsec are too coarse for their baselines"));
    }
    if origin as f64 > UNRESOLVED * visibilities as f64 {
        warnings.push(format!("{origin} of {visibilities} visibilities left out: the field of {:.0} arcsec is too narrow to tell them from the zero spacing", cell * recipe.size as f64));
    }
    let narrowest = planes
        .iter()
        .filter_map(|plane| plane.beam)
        .map(|beam| beam.bmin * 3600.0 / cell)
        .fold(f64::INFINITY, f64::min);
    if narrowest < COARSE {
        warnings.push(format!(
            "the beam is only {narrowest:.1} pixels of {cell} arcsec across: choose a smaller --cell, or leave it out"
        ));
    }
    if planes.iter().any(|plane| plane.beam.is_none()) {
        warnings.push("no Gaussian fits the main lobe of the PSF: no BMAJ is written".to_owned());
    }
    warnings
}

/// A text file under a temporary name until it is complete.
struct TextFile {
    path: PathBuf,
    file: tempfile::NamedTempFile,
    overwrite: bool,
}

impl TextFile {
    fn begin(path: PathBuf, overwrite: bool) -> Result<Self, SimulateError> {
        if path.exists() && !overwrite {
            return Err(FitsError::Exists { path }.into());
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A temporary file is private by default; this one becomes an ordinary file.
        let made = tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder);
        match made {
            Ok(file) => Ok(Self { path, file, overwrite }),
            Err(source) => Err(SimulateError::Write { path, source }),
        }
    }

    fn finish(self, text: &str) -> Result<(), SimulateError> {
        let Self { path, mut file, overwrite } = self;
        let written = file.write_all(text.as_bytes()).and_then(|()| {
            let renamed = if overwrite { file.persist(&path) } else { file.persist_noclobber(&path) };
            renamed.map(drop).map_err(|error| error.error)
        });
        written.map_err(|source| SimulateError::Write { path, source })
    }
}
