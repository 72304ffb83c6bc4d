//! The plan: what will be read, how it is cut, what it will take. Made from headers, and the main lobe of the PSF.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::{BeamChoice, PsfScale, RunConfig, SchedulerChoice};
use super::graphs::{Cut, KernelCut};
use super::ops::{PsfAsks, Source};
use crate::algorithms::{Algorithm, Direct, Kind, Minor, View};
use crate::fft::{Layout, good_size};
use crate::images::{Cell, Geometry, PsfPeak, UNIT_CELL};
use crate::io::{FitsError, FitsSource};
use crate::tiling::{Choice, Tiles};
use crate::units::Residual;
use pairing::pairing;

mod convex;
mod cut;
mod error;
mod forecast;
pub mod given;
mod grid;
mod masks;
mod memory;
mod natural;
mod noise;
mod pairing;
mod scales;
mod score;
mod show;
mod tiles;
mod time;

pub(in crate::pipeline) use cut::lighter;
pub use error::PlanError;
pub use forecast::Stage;
pub use given::{Given, GivenError, GivenModel, no_noise};
pub use grid::{GridError, GridPlan};
pub use masks::{MaskContent, MaskFile};
pub use memory::{Means, available_memory};
pub use noise::NoiseInput;
pub use score::Scores;
pub use time::TaskSeconds;

/// The files of a run.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The dirty image or cube.
    pub dirty: Source,
    /// The PSF or PSF cube; of several directions the central one.
    pub psf: Source,
    /// PSFs of several directions.
    pub grid: Option<Arc<GridPlan>>,
    /// The files of the mask.
    pub masks: Vec<MaskFile>,
    /// The model to begin with.
    pub model: Option<GivenModel>,
    /// The map of the noise that weighs the search.
    pub noise: Option<Given>,
    /// What tells the spectrum of the noise.
    pub spectrum: Option<NoiseInput>,
}

impl Inputs {
    /// Whether `path` is one of the files, under whatever name.
    pub fn contains(&self, path: &Path) -> bool {
        let Ok(wanted) = path.canonicalize() else { return false };
        self.paths().iter().any(|file| file.canonicalize().is_ok_and(|path| path == wanted))
    }

    /// All files.
    pub fn paths(&self) -> Vec<PathBuf> {
        let model = self.model.as_ref().map(GivenModel::path);
        let images = [&self.dirty].into_iter().chain(self.psfs()).map(|file| file.0.path());
        let noise = self.noise.as_ref().map(|map| map.source.0.path());
        let spectrum = self.spectrum.as_ref().map(|input| input.source.0.path());
        let images = images.chain(model).chain(noise).chain(spectrum).map(Path::to_owned);
        images.chain(self.masks.iter().map(MaskFile::path)).collect()
    }
}

/// One plane of the dirty image, and what goes with it.
#[derive(Debug, Clone)]
pub struct PlanePlan {
    /// Its place in the dirty file.
    pub plane: usize,
    /// What it is called.
    pub label: String,
    /// Plane of the PSF file.
    pub psf: usize,
    /// Plane of each file of the mask; 0 for regions.
    pub masks: Vec<usize>,
}

/// Everything that is decided before the first pixel is computed.
#[derive(Debug)]
pub struct Plan {
    /// The configuration in force.
    pub config: RunConfig,
    /// The files.
    pub inputs: Inputs,
    /// The planes, in the order of the dirty file.
    pub planes: Vec<PlanePlan>,
    /// How planes are cut.
    pub cut: Cut,
    /// The PSF's transform, if its peak stands where it usually does.
    pub kernel: KernelCut,
    /// Mean full width of the beam, as far as it is known \[pixels\].
    pub(super) beam_pixels: f64,
    /// The tiles in which planes are cleaned; none where each is cleaned in one piece.
    pub tiles: Option<Tiles>,
    /// The chunks and why.
    pub chunks: Choice,
    /// Planes that are worked on at the same time.
    pub batch: usize,
    /// Worker threads.
    pub workers: usize,
    /// Cap on memory \[bytes\].
    pub memory: u64,
    /// What of it a record of the run takes \[bytes\].
    pub record: u64,
    /// Forecast of what the largest graph holds \[bytes\], and tasks per graph.
    pub forecast: Forecast,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// What is measured of every result besides.
    pub scores: Scores,
}

/// What the graphs of a batch of planes would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forecast {
    /// Most bytes held at one time.
    pub peak_bytes: u64,
    /// Of these, what the largest graph takes by itself.
    pub graph_bytes: u64,
    /// Bytes written to scratch files, each stage counted once.
    pub spilled_bytes: u64,
    /// Bytes read from scratch files, likewise.
    pub loaded_bytes: u64,
    /// Tasks to load a plane.
    pub load: usize,
    /// Tasks of one pass (of the whole solution, for a direct method).
    pub pass: usize,
    /// Tasks to restore and write a plane.
    pub finish: usize,
}

impl Plan {
    /// Reads the headers and decides, given the whole machine as far as the configuration allows it.
    ///
    /// # Errors
    /// Files that cannot be read or do not go together; too little memory.
    pub fn new(config: RunConfig, dirty: &str, psf: &str) -> Result<Self, PlanError> {
        let means = Means::of(&config);
        Self::within(config, dirty, psf, means)
    }

    /// Reads the headers and decides, given a part of the machine.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn within(config: RunConfig, dirty: &str, psf: &str, means: Means) -> Result<Self, PlanError> {
        let open = |spec: &str| Ok::<_, FitsError>(Source(Arc::new(FitsSource::open(spec)?)));
        let dirty = open(dirty)?;
        let start = config.start_model();
        let model = start.map(|spec| GivenModel::open(spec, &dirty.0)).transpose()?;
        let (masks, notes) = masks::open(&config.clean.mask, &dirty.0)?;
        let (psf, grid) = grid::open(&config, &dirty.0, psf)?;
        let open_noise = |spec: &str| Given::open::<Residual>("map of the noise", spec, &dirty.0);
        let noise = config.noise_map().map(open_noise).transpose()?;
        let open_spectrum = |(file, spec)| NoiseInput::open(file, spec, &psf);
        let spectrum = config.noise_file().map(open_spectrum).transpose()?;
        let inputs = Inputs { dirty, psf, grid, masks, model, noise, spectrum };
        let mut warnings = check(&inputs)?;
        warnings.extend(notes);
        warnings.extend(inputs.model.iter().flat_map(GivenModel::notes).cloned());
        let planes = pairing::planes(&inputs)?;
        let shape = shape_of(inputs.dirty.0.geometry());
        let psf_peak = PsfPeak::usual(shape_of(inputs.psf.0.geometry()));
        let cut = Cut { shape, slab: shape.0, block: shape.1 };
        let kernel = KernelCut::new(psf_peak, cut, is_circular(&config));
        let plan = Self {
            cut,
            beam_pixels: scales::beam_pixels(&config, &inputs),
            tiles: tiles::tiles(&config, shape, inputs.grid.as_ref().map_or(1, |grid| grid.files.len())),
            chunks: Choice::default(),
            batch: 1,
            forecast: Forecast::default(),
            warnings: vec![],
            scores: Scores::None,
            config,
            inputs,
            planes,
            kernel,
            workers: means.workers,
            memory: means.memory,
            record: means.record,
        };
        warnings.extend(plan.beam_warnings().into_iter().chain(plan.tile_warnings()));
        let kernel = plan.with_common_layout(plan.kernel);
        Self { kernel, warnings, ..plan }.cut_to_memory()
    }

    /// The graphs that a batch of planes goes through, with the sizes of values but no values: for pictures.
    pub fn stages(&self) -> Vec<Stage> {
        forecast::stages(self)
    }

    /// The seconds that tasks will take, by the cost model.
    pub fn seconds(&self) -> TaskSeconds {
        TaskSeconds::of(self)
    }

    /// The algorithm's entry in the registry.
    pub fn algorithm(&self) -> &'static Algorithm {
        self.config.algorithm()
    }

    /// Whether the image is taken to repeat beyond its edges.
    pub fn is_circular(&self) -> bool {
        is_circular(&self.config)
    }

    /// Whether all of the deconvolution is a filter, which is done in the graph that writes its estimate.
    pub fn is_filter(&self) -> bool {
        self.is_circular() && matches!(self.algorithm().kind, Kind::Direct(Direct::Wiener))
    }

    /// Size of a pixel, if the header tells it.
    pub fn cell(&self) -> Option<Cell> {
        self.inputs.dirty.0.geometry().cell
    }

    /// What of the memory is left for the values of a graph \[bytes\].
    pub fn values(&self) -> u64 {
        self.means().values().saturating_sub(self.forecast.graph_bytes)
    }

    /// What it may take of the machine.
    fn means(&self) -> Means {
        Means { workers: self.workers, in_processes: self.in_processes(), memory: self.memory, record: self.record }
    }

    /// Whether tasks run in processes of their own.
    fn in_processes(&self) -> bool {
        self.config.compute.scheduler == SchedulerChoice::Processes
    }

    /// Whether the memory is so scarce that what is free must be given back to the system at once, which takes time.
    pub fn is_tight(&self) -> bool {
        self.forecast.spilled_bytes > 0 || self.forecast.peak_bytes > self.memory / 2
    }

    /// Whether one PSF serves all planes.
    pub fn one_psf(&self) -> bool {
        self.inputs.psf.0.planes() == 1
    }

    /// Whether the dirty image is divided by the PSF's peak as well.
    pub fn divides(&self) -> bool {
        self.config.input.psf_scale == PsfScale::Pair
    }

    /// What the run asks of a PSF.
    pub fn psf_asks(&self) -> PsfAsks {
        let minor = self.algorithm().minor();
        // Hogbom's textbook loop does not weigh its search, and without a threshold in units of the noise there is
        // nothing to weigh
        let lists = minor.is_some_and(|minor| minor.cycle().view() == View::List);
        PsfAsks {
            shape: self.cut.shape,
            shortfall: lists && self.config.clean.uses_noise(),
            patch: minor == Some(Minor::Clark),
            // widths are measured by it, whatever beam restores
            cell: Some(self.cell().unwrap_or(UNIT_CELL)),
            must_fit: self.config.restore.asks_for_fit(),
        }
    }

    fn beam_warnings(&self) -> Option<String> {
        let given = matches!(self.config.restore.beam, BeamChoice::Given(_));
        (given && self.cell().is_none()).then(|| {
            "the header tells no cell size, so the beam given with --beam-shape is taken in pixels of 1 deg".to_owned()
        })
    }
}

/// Planes at once at the most: beyond this more planes keep no more workers busy.
const PLANES_AT_ONCE: u64 = 64;

fn is_circular(config: &RunConfig) -> bool {
    let algorithm = config.algorithm();
    algorithm.minor().is_none() && config.wiener.is_circular()
}

fn shape_of(geometry: Geometry) -> (usize, usize) {
    (geometry.ny, geometry.nx)
}

/// The transform that restores with a Gaussian that reaches `reach` pixels.
pub fn restoring_layout(shape: (usize, usize), reach: usize, block: usize) -> Layout {
    Layout { ly: good_size(shape.0 + reach), lx: good_size(shape.1 + reach), block }
}

/// Relative difference of cells above which two images are not of the same imaging run.
const CELL_TOLERANCE: f64 = 1e-3;

/// Checks that the PSF goes with the dirty image; returns what the user should know.
fn check(inputs: &Inputs) -> Result<Vec<String>, PlanError> {
    let dirty = &inputs.dirty.0;
    let mut warnings = Vec::new();
    for psf in inputs.psfs() {
        grid::check_cell(psf, dirty, &mut warnings)?;
    }
    Ok(warnings)
}

/// Refuses an image whose planes have not the dirty image's shape.
fn check_shape(image: (&'static str, &Source), dirty: &FitsSource, hint: &'static str) -> Result<(), PlanError> {
    let (expected, found) = (shape_of(dirty.geometry()), shape_of(image.1.0.geometry()));
    for (key, expected, found) in [("NAXIS1", expected.1, found.1), ("NAXIS2", expected.0, found.0)] {
        if expected != found {
            return Err(mismatch(image, dirty, key, (found.to_string(), expected.to_string()), hint));
        }
    }
    Ok(())
}

fn mismatch(
    (role, file): (&'static str, &Source),
    dirty: &FitsSource,
    key: &'static str,
    values: (String, String),
    hint: &'static str,
) -> PlanError {
    let (found, expected) = values;
    PlanError::Mismatch {
        role,
        file: file.0.spec().to_owned(),
        dirty: dirty.spec().to_owned(),
        hdu: file.0.hdu_label().to_owned(),
        key,
        found,
        expected,
        hint,
    }
}
