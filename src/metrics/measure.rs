//! The graph that measures a plane, and what came of it.

use std::thread::available_parallelism;

use serde::Serialize;

use super::catalogue::TrueSource;
use super::detections::SourceReport;
use super::flags::{Flag, flags};
use super::number::{Number, find};
use super::op::{Measured, MetricOp};
use super::planes::area;
use crate::graph::{GraphError, Key, RunContext, Scheduler, TaskGraph, Threads};
use crate::images::{BeamShape, Cell};
use crate::io::{FitsError, FitsSource};

/// What an image is measured with. All but the PSF are on the grid of the image.
pub struct Files {
    /// The restored image \[Jy/beam\], with its beam in the header.
    pub image: FitsSource,
    /// The residual \[Jy/beam\]; without one the image stands for it.
    pub residual: Option<FitsSource>,
    /// The model \[Jy/pixel\].
    pub model: Option<FitsSource>,
    /// The PSF.
    pub psf: Option<FitsSource>,
    /// The dirty image \[Jy/beam\].
    pub dirty: Option<FitsSource>,
    /// The truth.
    pub truth: Option<Truth>,
    /// The noise in whose units errors are told and sources found, unless it is the robust noise of the residual
    /// \[Jy/beam\].
    pub sigma: Option<f64>,
    /// Tiles of each plane, where the run tells them: 0 for a plane in one piece; empty where it does not.
    pub tiles: Vec<usize>,
}

/// The true sky.
pub enum Truth {
    /// An image \[Jy/pixel\].
    Image(Box<FitsSource>),
    /// Sources, each where it is; the same in all planes.
    Catalogue(Vec<TrueSource>),
}

/// What was measured of a plane.
#[derive(Debug, Clone, Serialize)]
pub struct PlaneMetrics {
    /// What it is called.
    pub label: String,
    /// The numbers.
    pub numbers: Vec<Number>,
    /// What calls for attention.
    pub flags: Vec<Flag>,
    /// What came of each true source, the brightest first.
    pub sources: Vec<SourceReport>,
}

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// A file.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// A graph; a panic in a task is a defect of the program.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Two images of which one is not on the other's grid.
    #[error("{file} does not fit the image\n  {hdu}, shape: expected {expected}, found {found}")]
    Shape {
        /// The file.
        file: String,
        /// Its HDU.
        hdu: String,
        /// What fits.
        expected: String,
        /// What it has.
        found: String,
    },
    /// A truth that was seen by a beam already.
    #[error("cannot use {file} as the truth\n  {hdu}, BUNIT: expected Jy/pixel, found {found}")]
    Unit {
        /// The file.
        file: String,
        /// Its HDU.
        hdu: String,
        /// What it has.
        found: String,
    },
    /// The truth can only be compared at a beam.
    #[error("{file} has no clean beam\n  {hdu}: expected BMAJ, BMIN, BPA (or a BEAMS table) and CDELT, found none")]
    NoBeam {
        /// The file.
        file: String,
        /// Its HDU.
        hdu: String,
    },
}

impl MetricsError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Fits(error) => error.hint(),
            Self::Graph(error) => error.hint(),
            Self::Shape { .. } => Some("give files of the same run; only the PSF may have another size".to_owned()),
            Self::Unit { .. } => Some("give the true sky before it was seen by any beam, or a catalogue".to_owned()),
            Self::NoBeam { .. } => Some("give the restored image, PREFIX-image.fits of deconv".to_owned()),
        }
    }
}

impl Files {
    /// Checks that all are on the grid of the image.
    ///
    /// # Errors
    /// [`MetricsError::Shape`], [`MetricsError::Unit`], [`MetricsError::NoBeam`].
    fn check(&self) -> Result<(), MetricsError> {
        let of = |source: &FitsSource| (source.geometry().ny, source.geometry().nx, source.planes());
        let own = of(&self.image);
        let text = |(ny, nx, planes): (usize, usize, usize)| format!("({ny}, {nx}) in {planes} planes");
        let truth = match &self.truth {
            Some(Truth::Image(source)) => Some(&**source),
            _ => None,
        };
        let wrong = |source: &FitsSource| MetricsError::Shape {
            file: source.spec().to_owned(),
            hdu: source.hdu_label().to_owned(),
            expected: text(own),
            found: text(of(source)),
        };
        let exact = [&self.residual, &self.model, &self.dirty];
        if let Some(source) = exact.into_iter().flatten().find(|source| of(source) != own) {
            return Err(wrong(source));
        }
        let is_one_or_all = |source: &FitsSource| [1, own.2].contains(&source.planes());
        if let Some(source) = truth.filter(|source| (of(source).0, of(source).1) != (own.0, own.1)) {
            return Err(wrong(source));
        }
        if let Some(source) = truth.into_iter().chain(&self.psf).find(|source| !is_one_or_all(source)) {
            return Err(wrong(source));
        }
        let site = |source: &FitsSource| (source.spec().to_owned(), source.hdu_label().to_owned());
        let is_seen = |unit: &&str| unit.to_ascii_uppercase().contains("BEAM");
        if let Some((truth, unit)) = truth.and_then(|truth| Some((truth, truth.unit().filter(is_seen)?))) {
            let (file, hdu) = site(truth);
            return Err(MetricsError::Unit { file, hdu, found: unit.to_owned() });
        }
        if self.truth.is_some() && (0..own.2).all(|plane| self.beam(plane).is_none()) {
            let (file, hdu) = site(&self.image);
            return Err(MetricsError::NoBeam { file, hdu });
        }
        Ok(())
    }

    /// The beam of a plane on its grid.
    fn beam(&self, plane: usize) -> Option<(BeamShape, Cell)> {
        let cell = self.image.geometry().cell?;
        let beam = self.image.beam(plane)?.shape_in_pixels(cell).ok()?;
        Some((beam, cell))
    }
}

/// Measures every plane.
///
/// # Errors
/// See [`MetricsError`].
pub fn measure(files: &Files) -> Result<Vec<PlaneMetrics>, MetricsError> {
    files.check()?;
    (0..files.image.planes()).map(|plane| measure_plane(files, plane)).collect()
}

fn measure_plane(files: &Files, plane: usize) -> Result<PlaneMetrics, MetricsError> {
    let (graph, targets) = wire(files, plane)?;
    let workers = available_parallelism().map_or(1, usize::from);
    let values = Threads::new(workers).execute(graph, &targets, &RunContext::default()).map_err(failed)?;
    let (mut numbers, mut sources) = (Vec::new(), Vec::new());
    if let Some((beam, _)) = files.beam(plane) {
        let (major, minor) = beam.widths();
        numbers.push(Number::new("beam_major", major, "pixel"));
        numbers.push(Number::new("beam_minor", minor, "pixel"));
        numbers.push(Number::new("beam_area", area(beam), "pixel"));
    }
    for held in values {
        let value = held.value().map_err(|source| FitsError::Write { path: "a scratch file".into(), source })?;
        if let Measured::Numbers(found, reports) = &*value {
            numbers.extend(found.iter().cloned());
            sources.extend(reports.iter().cloned());
        }
    }
    if let Some((noise, sigma)) = find(&numbers, "res_mad").zip(files.sigma) {
        numbers.push(Number::plain("noise_excess", noise / sigma));
    }
    numbers.extend(files.tiles.get(plane).map(|tiles| Number::plain("tiles", *tiles as f64)));
    let label = label(&files.image, plane);
    Ok(PlaneMetrics { label, flags: flags(&numbers), numbers, sources })
}

/// What a plane is called.
fn label(image: &FitsSource, plane: usize) -> String {
    let of = &image.plane_labels()[plane];
    let stokes = of.stokes.as_ref().map(|stokes| format!(" {stokes}"));
    let frequency = of.freq_hz.map(|hertz| format!(" {:.6} GHz", 1e-9 * hertz));
    format!("plane {plane}{}{}", stokes.unwrap_or_default(), frequency.unwrap_or_default())
}

fn failed(error: GraphError) -> MetricsError {
    match error.into_task_error::<FitsError>() {
        Ok((_, source)) => MetricsError::Fits(source),
        Err(error) => MetricsError::Graph(error),
    }
}

/// A graph under construction.
struct Wiring {
    graph: TaskGraph<MetricOp>,
    plane: usize,
    targets: Vec<Key>,
}

impl Wiring {
    fn add(&mut self, name: &str, op: MetricOp, inputs: Vec<Key>) -> Result<Key, GraphError> {
        let key = Key::new(name, [self.plane as u32]);
        self.graph.insert(key.clone(), op, inputs)?;
        Ok(key)
    }

    fn ask(&mut self, name: &str, op: MetricOp, inputs: Vec<Key>) -> Result<(), GraphError> {
        let key = self.add(name, op, inputs)?;
        self.targets.push(key);
        Ok(())
    }

    /// Reads a plane of a file, or its only one.
    fn read(&mut self, name: &str, source: Option<&FitsSource>) -> Result<Option<Key>, GraphError> {
        let Some(source) = source else { return Ok(None) };
        let plane = self.plane.min(source.planes() - 1);
        self.add(name, MetricOp::Read { spec: source.spec().to_owned(), plane }, Vec::new()).map(Some)
    }
}

/// The graph of a plane, and the tasks that give its numbers.
fn wire(files: &Files, plane: usize) -> Result<(TaskGraph<MetricOp>, Vec<Key>), GraphError> {
    let mut wiring = Wiring { graph: TaskGraph::new(), plane, targets: Vec::new() };
    let image = wiring.read("read-image", Some(&files.image))?.expect("an image is always given");
    let residual = wiring.read("read-residual", files.residual.as_ref())?;
    let model = wiring.read("read-model", files.model.as_ref())?;
    let psf = wiring.read("read-psf", files.psf.as_ref())?;
    let dirty = wiring.read("read-dirty", files.dirty.as_ref())?;
    let beam = files.beam(plane);
    let smooth = match (&model, beam) {
        (Some(model), Some((beam, _))) => {
            Some(wiring.add("blur-model", MetricOp::Blur { beam }, vec![model.clone()])?)
        }
        _ => None,
    };
    let left = residual.clone().unwrap_or_else(|| image.clone());
    let (sigma, shape) = (files.sigma, beam.map(|(beam, _)| beam));
    wiring.ask("noise", MetricOp::Noise, [left.clone()].into_iter().chain(smooth.clone()).collect())?;
    wiring.ask("contrast", MetricOp::Contrast { sigma }, vec![image.clone(), left.clone()])?;
    wire_truth(&mut wiring, files, (&image, &left), (model.as_ref(), smooth.as_ref()))?;
    wiring.ask(
        "whiteness",
        MetricOp::Whiteness { beam: shape },
        [left.clone()].into_iter().chain(psf.clone()).collect(),
    )?;
    wiring.ask("seam", MetricOp::Seam, vec![left.clone()])?;
    if let (Some(residual), Some(dirty)) = (&residual, dirty) {
        wiring.ask(
            "leftover",
            MetricOp::Leftover,
            [residual.clone(), dirty].into_iter().chain(psf.clone()).collect(),
        )?;
    }
    if let (Some(residual), Some(smooth)) = (residual, smooth) {
        wiring.ask("restoring", MetricOp::Restoring, vec![image.clone(), smooth, residual])?;
    }
    if let Some((beam, cell)) = beam {
        wiring.ask("bowl", MetricOp::Bowl { beam }, vec![image.clone(), left])?;
        if let Some(psf) = psf {
            wiring.ask("psf", MetricOp::Psf { beam, cell }, vec![psf, image])?;
        }
    }
    Ok((wiring.graph, wiring.targets))
}

/// What is compared with the truth.
fn wire_truth(
    wiring: &mut Wiring,
    files: &Files,
    (image, left): (&Key, &Key),
    (model, smooth): (Option<&Key>, Option<&Key>),
) -> Result<(), GraphError> {
    let beam = files.beam(wiring.plane).map(|(beam, _)| beam);
    let sigma = files.sigma;
    let (pixels, sources) = match &files.truth {
        Some(Truth::Image(source)) => (wiring.read("read-truth", Some(source))?, None),
        Some(Truth::Catalogue(sources)) => (None, Some(sources.clone())),
        None => (None, None),
    };
    if let Some(model) = model {
        let truth = sources.as_ref().map(|sources| sources.iter().map(|source| source.flux).sum());
        let inputs = [model.clone()].into_iter().chain(pixels.clone()).collect();
        wiring.ask("flux", MetricOp::Flux { truth }, inputs)?;
    }
    let Some(beam) = beam else { return Ok(()) };
    let truth = match (pixels, &sources) {
        (Some(pixels), _) => wiring.add("blur-truth", MetricOp::Blur { beam }, vec![pixels])?,
        (None, Some(sources)) => {
            wiring.add("draw-truth", MetricOp::Draw { beam, sources: sources.clone() }, vec![image.clone()])?
        }
        (None, None) => return Ok(()),
    };
    let inputs = vec![truth, image.clone(), left.clone()];
    let compared = inputs.iter().chain(smooth).cloned().collect();
    wiring.ask("accuracy", MetricOp::Accuracy { sigma }, compared)?;
    wiring.ask("detect", MetricOp::Detect { beam, sources, sigma }, inputs)
}
