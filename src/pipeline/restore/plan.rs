//! What is restored, and how the work is cut; made from headers alone.

use std::path::Path;
use std::sync::Arc;

use super::RestoreError;
use crate::graph::{self, GraphError, Limits};
use crate::images::{BeamChange, BeamError, BeamFit, BeamShape, CleanBeam, UNIT_CELL};
use crate::io::FitsSource;
use crate::pipeline::config::{Auto, BeamChoice, Bytes, ChunkRows, ResidualBeam, RunConfig, SchedulerChoice};
use crate::pipeline::graphs::{Cut, PlaneKeys, Treatment, Wiring};
use crate::pipeline::ops::Source;
use crate::pipeline::plan::given::{Given, check_unit};
use crate::pipeline::plan::{GivenModel, Means, PlanError, lighter, restoring_layout};
use crate::tiling::{Chunks, Footprint, Task, Wish, tune};
use crate::units::{Model, Residual};

/// Relative difference of two beams that are the same, as headers round them.
const SAME: f64 = 1e-4;
/// The same beam made round with its major axis.
pub(super) fn round(beam: CleanBeam) -> CleanBeam {
    CleanBeam { bmin: beam.bmaj, bpa: 0.0, ..beam }
}

/// Reach of the clean beam assumed where it is still to be fitted: that of one of 4 pixels \[pixels\].
const USUAL_REACH: usize = 20;

/// The files of a restored image.
#[derive(Debug, Clone, Copy)]
pub struct Restoring<'a> {
    /// The model, or a list of components.
    pub model: ModelFile<'a>,
    /// The residual, whose header the image takes.
    pub residual: &'a str,
    /// The PSF to fit the beam to.
    pub psf: Option<&'a str>,
}

/// Where a model comes from.
#[derive(Debug, Clone, Copy)]
pub enum ModelFile<'a> {
    /// An image.
    Image(&'a str),
    /// A list of components.
    List(&'a str),
}

/// Everything that is decided before the first pixel is read.
#[derive(Debug)]
pub struct RestorePlan {
    /// The configuration in force.
    pub config: RunConfig,
    /// The residual.
    pub residual: Source,
    /// The model.
    pub model: GivenModel,
    /// The PSF to fit the beam to.
    pub psf: Option<Given>,
    /// How planes are cut.
    pub cut: Cut,
    /// Worker threads.
    pub workers: usize,
    /// Cap on memory \[bytes\].
    pub memory: u64,
    /// Forecast of the peak, and of what goes to scratch files \[bytes\].
    pub footprint: Footprint,
}

impl RestorePlan {
    /// Reads the headers and decides.
    ///
    /// # Errors
    /// Files that cannot be read or do not go together; no beam; too little memory.
    pub fn new(config: RunConfig, files: Restoring<'_>) -> Result<Self, PlanError> {
        let residual = Source(Arc::new(FitsSource::open(files.residual)?));
        check_unit::<Residual>("residual", &residual, &residual.0)?;
        let model = match files.model {
            ModelFile::Image(spec) => GivenModel::Image(Given::open::<Model>("model", spec, &residual.0)?),
            ModelFile::List(spec) => GivenModel::list(spec, &residual.0)?,
        };
        let psf = files.psf.map(|spec| Given::psf(spec, &residual.0)).transpose()?;
        let means = Means::of(&config);
        let geometry = residual.0.geometry();
        let shape = (geometry.ny, geometry.nx);
        let cut = Cut { shape, slab: shape.0, block: shape.1 };
        let (workers, memory) = (means.workers, means.memory);
        let plan = Self { config, residual, model, psf, cut, workers, memory, footprint: Footprint::default() };
        plan.check_beam()?;
        plan.cut_to_memory(means)
    }

    /// Whether `path` is one of the files, under whatever name.
    pub fn contains(&self, path: &Path) -> bool {
        let Ok(wanted) = path.canonicalize() else { return false };
        let files = [Some(&self.residual), self.psf.as_ref().map(|psf| &psf.source)].into_iter().flatten();
        let mut paths = files.map(|file| file.0.path()).chain([self.model.path()]);
        paths.any(|path| path.canonicalize().is_ok_and(|path| path == wanted))
    }

    /// What of the memory is left for the values of a graph \[bytes\].
    pub fn values(&self) -> u64 {
        self.means().values()
    }

    fn means(&self) -> Means {
        let in_processes = self.config.compute.scheduler == SchedulerChoice::Processes;
        Means { workers: self.workers, in_processes, memory: self.memory, record: 0 }
    }

    /// The beam of a plane that is known without a look at a PSF.
    pub(super) fn known_beam(&self, plane: usize) -> Option<CleanBeam> {
        match self.config.restore.beam {
            BeamChoice::Given(beam) => Some(beam),
            BeamChoice::Fit | BeamChoice::Circular if self.psf.is_some() => None,
            BeamChoice::Fit => self.residual.0.beam(plane),
            BeamChoice::Circular => self.residual.0.beam(plane).map(round),
        }
    }

    /// How the residual of a plane stands in the image, seen with the PSF's beam: the fit, or what the header tells.
    ///
    /// # Errors
    /// A beam that it cannot be convolved to.
    pub(super) fn treatment(
        &self,
        plane: usize,
        fit: Option<BeamFit>,
        clean: &BeamShape,
    ) -> Result<Treatment, PlanError> {
        let restore = &self.config.restore;
        if let Some(fit) = fit {
            return Ok(Treatment::new(restore, &fit, clean)?);
        }
        let Some(own) = self.residual.0.beam(plane).filter(|_| restore.residual_beam == ResidualBeam::Convolve) else {
            return Ok(Treatment::Keep);
        };
        let own = self.shape_of(own)?;
        let is_same = |(a, b): (f64, f64)| (a / b - 1.0).abs() < SAME;
        if is_same((own.a, clean.a)) && is_same((own.c, clean.c)) {
            let (file, hdu) = (self.residual.0.spec().to_owned(), self.residual.0.hdu_label().to_owned());
            return Err(RestoreError::SameBeam { file, hdu }.into());
        }
        let narrower = BeamError::Narrower { from: own.widths(), to: clean.widths() };
        Ok(Treatment::Convolve(BeamChange::new(&own, clean).ok_or(narrower)?))
    }

    /// A beam on the pixel grid.
    ///
    /// # Errors
    /// A cell of no size.
    pub(super) fn shape_of(&self, beam: CleanBeam) -> Result<BeamShape, PlanError> {
        let cell = self.residual.0.geometry().cell.unwrap_or(UNIT_CELL);
        Ok(beam.shape_in_pixels(cell)?)
    }

    fn check_beam(&self) -> Result<(), PlanError> {
        let is_given = matches!(self.config.restore.beam, BeamChoice::Given(_)) || self.psf.is_some();
        let is_told = || (0..self.residual.0.planes()).any(|plane| self.residual.0.beam(plane).is_some());
        if is_given || is_told() {
            return Ok(());
        }
        let (file, hdu) = (self.residual.0.spec().to_owned(), self.residual.0.hdu_label().to_owned());
        Err(RestoreError::NoBeam { file, hdu }.into())
    }

    fn cut_to_memory(mut self, means: Means) -> Result<Self, PlanError> {
        let widest = (0..self.residual.0.planes()).filter_map(|plane| self.known_beam(plane));
        let shapes: Vec<BeamShape> = widest.map(|beam| self.shape_of(beam)).collect::<Result<_, _>>()?;
        let reach = shapes.iter().map(BeamShape::reach).max().unwrap_or(USUAL_REACH);
        let machine = self.config.machine.clone();
        let (shape, workers, memory) = (self.cut.shape, self.workers, self.memory);
        let layout = restoring_layout(shape, reach, self.cut.block);
        let wish = match self.config.compute.chunk {
            Auto::Auto => Wish::Auto,
            Auto::Given(ChunkRows::Full) => Wish::Full,
            Auto::Given(ChunkRows::Rows(rows)) => Wish::Rows(rows.get()),
        };
        let task = Task { shape, layout, planes: 1, workers, memory, machine: &machine };
        let choice = tune(&task, wish, |chunks| self.footprint(chunks, reach, means));
        let Chunks { slab, block } = choice.chosen.chunks;
        self.footprint = self.footprint(choice.chosen.chunks, reach, means);
        self.cut = Cut { shape, slab, block };
        let Footprint { peak_bytes, .. } = self.footprint;
        if peak_bytes > memory {
            let (ny, nx) = shape;
            let (needed, less) = (Bytes(peak_bytes).told_upwards(), lighter(&self.config));
            return Err(PlanError::Memory { needed, allowed: Bytes(memory), ny, nx, less });
        }
        Ok(self)
    }

    /// What the graph of a plane takes when it is cut like this.
    fn footprint(&self, chunks: Chunks, reach: usize, means: Means) -> Footprint {
        let Chunks { slab, block } = chunks;
        let cut = Cut { shape: self.cut.shape, slab, block };
        let mut wiring = Wiring::new(cut);
        let keys = self.wire(&mut wiring, 0);
        let layout = restoring_layout(cut.shape, reach, block);
        let shape = BeamShape { a: 1.0, b: 0.0, c: 1.0 };
        let mut targets = wiring.restored(0, &keys, &layout, (shape, reach));
        targets.push(wiring.tally(0, &keys.model));
        let graph = wiring.into_graph(&targets);
        let limits = Limits { workers: means.workers, memory: Some(means.values()), spills: true };
        let forecast = if means.in_processes { graph::forecast_elsewhere } else { graph::forecast_within };
        let (peak, spilled_bytes) = match forecast(&graph, &targets, limits) {
            Ok(forecast) => (forecast.peak_bytes, forecast.spilled_bytes),
            Err(GraphError::Budget { needs, .. }) => (needs, 0),
            Err(error) => unreachable!("the plan's graphs are complete: {error}"),
        };
        Footprint { peak_bytes: means.holding(peak), spilled_bytes }
    }

    /// Reads a plane: its residual, as dirty rows too, and its model.
    pub(super) fn wire(&self, wiring: &mut Wiring, plane: usize) -> PlaneKeys {
        let dirty = wiring.prepared(plane, (&self.residual, plane), 1.0);
        let model = wiring.model_of(plane, &self.model, &dirty);
        let residual = wiring.untouched(plane, &dirty);
        PlaneKeys { dirty, model, residual, ..PlaneKeys::default() }
    }
}
