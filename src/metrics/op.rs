//! The operations of the graph that measures a plane: plain data, whole planes in and numbers out.

use std::sync::Arc;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::accuracy::{accuracy, contrast, flux};
use super::catalogue::{TrueSource, drawn};
use super::detections::{SourceReport, compare};
use super::number::Number;
use super::planes::{blurred, robust};
use super::residual::{noise, whiteness};
use super::signs;
use crate::graph::{Cost, Meta, Op, TaskContext};
use crate::images::{BeamShape, Cell};
use crate::io::{FitsError, FitsSource};

/// What travels on the edges.
#[derive(Debug)]
pub enum Measured {
    /// A plane, shape `(ny, nx)`.
    Plane(Array2<f32>),
    /// Numbers, and what came of each true source.
    Numbers(Vec<Number>, Vec<SourceReport>),
}

impl Measured {
    fn plane(&self) -> &Array2<f32> {
        match self {
            Self::Plane(plane) => plane,
            Self::Numbers(..) => unreachable!("graphs are wired by the kinds of their values"),
        }
    }
}

/// An operation; what its inputs are is said with each.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum MetricOp {
    /// Reads a plane; no inputs.
    Read {
        /// The file, as [`FitsSource::open`] takes it.
        spec: String,
        /// The plane, in the order of the file.
        plane: usize,
    },
    /// A model at the beam; input: the model.
    Blur {
        /// The beam.
        beam: BeamShape,
    },
    /// A catalogue at the beam; input: the image, for its shape.
    Draw {
        /// The beam.
        beam: BeamShape,
        /// The sources.
        sources: Vec<TrueSource>,
    },
    /// Noise of the residual; inputs: residual, and if it is known the sky at the beam.
    Noise,
    /// Its spectrum; inputs: residual, and if it is known the PSF.
    Whiteness {
        /// The beam.
        beam: Option<BeamShape>,
    },
    /// Contrast of the restored image; inputs: image, residual.
    Contrast {
        /// The noise, unless it is that of the residual \[Jy/beam\].
        sigma: Option<f64>,
    },
    /// Flux of the model; inputs: model, and if it is known the true image \[Jy/pixel\].
    Flux {
        /// The true flux, where a catalogue tells it \[Jy\].
        truth: Option<f64>,
    },
    /// Errors against the truth; inputs: truth at the beam, image, residual, and if there is one the model at the beam.
    Accuracy {
        /// The noise, unless it is that of the residual \[Jy/beam\].
        sigma: Option<f64>,
    },
    /// Sources; inputs: truth at the beam, image, residual.
    Detect {
        /// The beam.
        beam: BeamShape,
        /// The true sources, where a catalogue tells them.
        sources: Option<Vec<TrueSource>>,
        /// The noise, unless it is that of the residual \[Jy/beam\].
        sigma: Option<f64>,
    },
    /// Negative bowls; inputs: image, residual.
    Bowl {
        /// The beam.
        beam: BeamShape,
    },
    /// Seams; input: residual.
    Seam,
    /// What was left; inputs: residual, dirty image, and if it is known the PSF, for its peak.
    Leftover,
    /// Whether image, model and residual belong together; inputs: image, model at the beam, residual.
    Restoring,
    /// The PSF; inputs: PSF, image for its shape.
    Psf {
        /// The beam of the image.
        beam: BeamShape,
        /// The cell.
        cell: Cell,
    },
}

impl MetricOp {
    fn measure(&self, inputs: &[Arc<Measured>]) -> Vec<Number> {
        let plane = |at: usize| inputs[at].plane();
        let further = |at: usize| inputs.get(at).map(|value| value.plane());
        let level = |sigma: &Option<f64>, at: usize| sigma.unwrap_or_else(|| robust(plane(at).iter().copied()));
        match self {
            Self::Noise => noise(plane(0), further(1)),
            Self::Whiteness { beam } => whiteness(plane(0), further(1), *beam),
            Self::Contrast { sigma } => contrast(plane(0), level(sigma, 1)),
            Self::Flux { truth } => {
                let sum = |plane: &Array2<f32>| plane.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v)).sum();
                flux(plane(0), further(1).map(sum).or(*truth))
            }
            Self::Accuracy { sigma } => accuracy(plane(0), plane(1), further(3), level(sigma, 2)),
            Self::Bowl { beam } => signs::bowl(plane(0), plane(1), *beam),
            Self::Seam => signs::seam(plane(0)),
            Self::Leftover => signs::leftover(plane(0), plane(1), further(2)),
            Self::Restoring => signs::restoring(plane(0), plane(1), plane(2)),
            Self::Psf { beam, cell } => signs::psf(plane(0), plane(1).dim(), *beam, *cell),
            Self::Read { .. } | Self::Blur { .. } | Self::Draw { .. } | Self::Detect { .. } => Vec::new(),
        }
    }

    /// Planes in f64 that it holds while it runs.
    fn scratch_planes(&self) -> u64 {
        match self {
            Self::Read { .. } | Self::Contrast { .. } | Self::Flux { .. } | Self::Restoring => 1,
            Self::Blur { .. } | Self::Bowl { .. } | Self::Whiteness { .. } | Self::Leftover => 6,
            _ => 2,
        }
    }
}

impl Op for MetricOp {
    type Value = Measured;
    type Error = FitsError;

    fn kind(&self) -> &'static str {
        match self {
            Self::Read { .. } => "read",
            Self::Blur { .. } => "blur",
            Self::Draw { .. } => "draw",
            Self::Noise => "noise",
            Self::Whiteness { .. } => "whiteness",
            Self::Contrast { .. } => "contrast",
            Self::Flux { .. } => "flux",
            Self::Accuracy { .. } => "accuracy",
            Self::Detect { .. } => "detect",
            Self::Bowl { .. } => "bowl",
            Self::Seam => "seam",
            Self::Leftover => "leftover",
            Self::Restoring => "restoring",
            Self::Psf { .. } => "psf",
        }
    }

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let largest = inputs.iter().map(|meta| meta.bytes).max().unwrap_or(0);
        let output_bytes = match self {
            Self::Blur { .. } | Self::Draw { .. } => largest,
            _ => 0,
        };
        Cost { flops: 100.0 * largest as f64, output_bytes, scratch_bytes: 2 * self.scratch_planes() * largest }
    }

    fn run(&self, inputs: &[Arc<Measured>], _context: &TaskContext) -> Result<Measured, FitsError> {
        Ok(match self {
            Self::Read { spec, plane } => {
                let source = FitsSource::open(spec)?;
                Measured::Plane(source.read_rows(*plane, 0..source.geometry().ny)?)
            }
            Self::Blur { beam } => Measured::Plane(blurred(inputs[0].plane(), *beam, 1.0)),
            Self::Draw { beam, sources } => Measured::Plane(drawn(sources, inputs[0].plane().dim(), *beam)),
            Self::Detect { beam, sources, sigma } => {
                let [truth, image, residual] = [0, 1, 2].map(|at: usize| inputs[at].plane());
                let noise = sigma.unwrap_or_else(|| robust(residual.iter().copied()));
                let (numbers, reports) = compare((truth, image), sources.as_deref(), *beam, noise);
                Measured::Numbers(numbers, reports)
            }
            _ => Measured::Numbers(self.measure(inputs), Vec::new()),
        })
    }

    fn shape(value: &Measured) -> Option<String> {
        match value {
            Measured::Plane(plane) => Some(format!("({}, {})", plane.nrows(), plane.ncols())),
            Measured::Numbers(..) => None,
        }
    }
}
