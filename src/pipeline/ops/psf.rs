//! From a PSF's slabs to what the run must know of it; no operation but [`MakePsf`] holds the whole.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{OpError, Source, Value, Work};
use crate::algorithms::{Patch, Shortfall};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{BeamFit, Cell, CoreFacts, PartAsks, Psf, PsfCore, PsfError, PsfPart, PsfPeak, PsfSurvey};

/// A plane that holds a PSF.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PsfPlane {
    /// The file.
    pub source: Source,
    /// The plane, in the order of the file.
    pub plane: usize,
    /// Its number among the PSFs of the run.
    pub number: usize,
    /// Whether a PSF that is none is a value (a plane of a cube) or an error (the only plane).
    pub tolerant: bool,
}

impl PsfPlane {
    /// Shape `(py, px)`.
    pub fn shape(&self) -> (usize, usize) {
        let geometry = self.source.0.geometry();
        (geometry.ny, geometry.nx)
    }

    fn refuse(&self, source: PsfError) -> Result<Value, OpError> {
        if self.tolerant {
            return Ok(Value::NoPsf(source));
        }
        Err(OpError::Psf {
            file: self.source.0.spec().to_owned(),
            hdu: self.source.0.hdu_label().to_owned(),
            plane: self.plane,
            source,
        })
    }
}

/// Looks for the peak in rows of a PSF; input: the rows as read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SurveyPsf {
    /// First row.
    pub first: usize,
    /// Shape of the PSF, `(py, px)`.
    pub shape: (usize, usize),
}

impl Work for SurveyPsf {
    const KIND: &'static str = "psf-survey";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 4.0, output_bytes: 64, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::PsfSurvey(PsfSurvey::of(inputs[0].pixels().view(), self.first, self.shape)))
    }
}

/// Finds the peak; inputs: the surveys of all rows, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LocatePsf {
    /// The PSF.
    pub psf: PsfPlane,
}

impl Work for LocatePsf {
    const KIND: &'static str = "psf-peak";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs.len() as f64, output_bytes: 64, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut survey = *inputs[0].psf_survey();
        inputs[1..].iter().for_each(|later| survey.merge(later.psf_survey()));
        survey.peak(self.psf.shape()).map(Value::PsfPeak).or_else(|error| self.psf.refuse(error))
    }
}

/// Reads the cut-out around the peak, measures the main lobe and fits the clean beam; no inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExamineCore {
    /// The PSF.
    pub psf: PsfPlane,
    /// Its peak.
    pub peak: PsfPeak,
    /// Size of a pixel, if the beam is to be fitted \[deg\].
    pub cell: Option<Cell>,
}

impl Work for ExamineCore {
    const KIND: &'static str = "psf-core";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let (rows, columns) = (PsfCore::rows(&self.peak, PsfCore::HALF).len(), self.peak.shape.1);
        let bytes = 4 * (rows * columns) as u64;
        Cost { flops: bytes as f64, output_bytes: 512, scratch_bytes: 2 * bytes }
    }

    fn run(&self, _inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let PsfPlane { source, plane, .. } = &self.psf;
        let mut half = PsfCore::HALF;
        loop {
            let rows = source.0.read_rows(*plane, PsfCore::rows(&self.peak, half))?;
            // a lobe that does not end in the cut-out is seldom; a cut-out of the whole holds every lobe
            match PsfCore::new(&self.peak, half, rows.view()).measure(self.cell) {
                Some(facts) => return Ok(Value::PsfCore(facts)),
                None => half *= 2,
            }
        }
    }
}

/// Measures rows of a PSF outside its core; inputs: the rows as read, the core, and the rows opposite to them
/// ([`PsfPeak::opposite`]) if there are any.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MeasurePsf {
    /// First row.
    pub first: usize,
    /// The peak.
    pub peak: PsfPeak,
    /// What is to be measured.
    pub asks: PartAsks,
}

impl Work for MeasurePsf {
    const KIND: &'static str = "psf-part";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let rows = inputs[0].bytes / (4 * self.peak.shape.1 as u64).max(1);
        let boxes = if self.asks.boxes { 4 * self.peak.shape.0.max(self.peak.shape.1) as u64 } else { 0 };
        let scratch_bytes = 8 * self.peak.shape.1 as u64;
        Cost { flops: inputs[0].bytes as f64, output_bytes: 32 * rows + boxes, scratch_bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let rows = (self.first, inputs[0].pixels().view());
        let opposite = inputs.get(2).map(|rows| rows.pixels().view());
        Ok(Value::PsfPart(PsfPart::of(&self.peak, inputs[1].psf_core(), self.asks, rows, opposite)))
    }
}

/// What the run must know of a PSF.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PsfFacts {
    /// Where the peak is, and the value by which it was divided.
    pub peak: PsfPeak,
    /// Norm of the odd part over that of the PSF.
    pub asymmetry: f64,
    /// The same near the peak.
    pub core_asymmetry: f64,
    /// Highest absolute value on the outer ring; 0 if it reaches every pixel.
    pub ring: f32,
    /// How it falls short of the image, where the run asks.
    pub shortfall: Option<Shortfall>,
    /// Clark's patch, where the run asks.
    pub patch: Patch,
    /// The fitted clean beam, where the run asks.
    pub fit: Option<BeamFit>,
}

/// What is asked of a PSF.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PsfAsks {
    /// Shape of the image, `(ny, nx)`.
    pub shape: (usize, usize),
    /// Whether to estimate what it does not reach.
    pub shortfall: bool,
    /// Whether to look for Clark's patch.
    pub patch: bool,
    /// Size of a pixel, if the beam is to be fitted \[deg\].
    pub cell: Option<Cell>,
    /// Whether a beam that cannot be fitted ends the run.
    pub must_fit: bool,
}

impl PsfAsks {
    /// What the parts of a PSF with this peak must measure.
    pub fn of_parts(&self, peak: &PsfPeak) -> PartAsks {
        PartAsks { boxes: self.patch, edge: self.shortfall && !peak.covers(self.shape.0, self.shape.1) }
    }
}

/// Puts together what was measured of a PSF; inputs: its core, then its parts in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExaminePsf {
    /// The PSF.
    pub psf: PsfPlane,
    /// Its peak.
    pub peak: PsfPeak,
    /// What is asked.
    pub asks: PsfAsks,
}

impl ExaminePsf {
    fn facts(&self, core: &CoreFacts, part: &PsfPart) -> Result<PsfFacts, OpError> {
        let (peak, PsfAsks { shape, shortfall, patch, must_fit, .. }) = (self.peak, self.asks);
        let is_short = !peak.covers(shape.0, shape.1);
        Ok(PsfFacts {
            peak,
            asymmetry: part.asymmetry(),
            core_asymmetry: core.asymmetry,
            ring: if is_short { part.outer_ring() } else { 0.0 },
            shortfall: if shortfall { Shortfall::of(&peak, shape, core.width, part.edge_rms()) } else { None },
            patch: if patch { Patch::of(&part.outside_boxes()) } else { Patch::default() },
            fit: if must_fit { part.beam(core)? } else { part.beam(core).unwrap_or(None) },
        })
    }
}

impl Work for ExaminePsf {
    const KIND: &'static str = "examine";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes = inputs.iter().map(|meta| meta.bytes).sum();
        Cost { flops: bytes as f64, output_bytes: 512, scratch_bytes: bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let core = inputs[0].psf_core();
        let mut part = PsfPart::default();
        inputs[1..].iter().for_each(|later| part.merge(later.psf_part()));
        match part.check(&self.peak, core) {
            Ok(()) => self.facts(core, &part).map(Value::PsfFacts),
            Err(error) => self.psf.refuse(error),
        }
    }
}

/// Puts a PSF together for the loops that subtract it everywhere; inputs: its rows as read, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MakePsf {
    /// The peak.
    pub peak: PsfPeak,
}

impl Work for MakePsf {
    const KIND: &'static str = "psf";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes = inputs.iter().map(|meta| meta.bytes).sum();
        Cost { flops: bytes as f64 / 4.0, output_bytes: bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Psf(Psf::from_slabs(self.peak, inputs.iter().map(|slab| slab.pixels().view()))))
    }
}
