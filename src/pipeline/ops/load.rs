//! From files to what an algorithm works on: rows, PSF, blanks, masks, beam.

use std::sync::Arc;

use ndarray::{Array2, Axis, concatenate};
use serde::{Deserialize, Serialize, Serializer};

use super::{DirtySlab, OpError, Rows, Value, Work};
use crate::algorithms::{Patch, Shortfall};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{Cell, Image, Mask, Psf, fit_beam};
use crate::io::FitsSource;

/// An open file, written down as its name.
#[derive(Debug, Clone)]
pub struct Source(pub Arc<FitsSource>);

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.spec())
    }
}

/// Reads rows of a plane; no inputs.
#[derive(Debug, Clone, Serialize)]
pub struct ReadRows {
    /// The file.
    pub source: Source,
    /// The plane, in the order of the file.
    pub plane: usize,
    /// The rows.
    pub rows: Rows,
}

impl Work for ReadRows {
    const KIND: &'static str = "read";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let bytes = 4 * (self.rows.len() * self.source.0.geometry().nx) as u64;
        Cost { flops: bytes as f64, output_bytes: bytes, scratch_bytes: bytes }
    }

    fn run(&self, _inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Pixels(self.source.0.read_rows(self.plane, self.rows.range())?))
    }
}

/// Checks and normalises a PSF; inputs: its rows as read, in order.
#[derive(Debug, Clone, Serialize)]
pub struct MakePsf {
    /// The file, for messages.
    pub source: Source,
    /// The plane, for messages.
    pub plane: usize,
    /// Whether a PSF that is none is a value (a plane of a cube) or an error (the only plane).
    pub tolerant: bool,
}

impl Work for MakePsf {
    const KIND: &'static str = "psf";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes = inputs.iter().map(|meta| meta.bytes).sum();
        Cost { flops: bytes as f64, output_bytes: bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        match Psf::new(stack(inputs)) {
            Ok(psf) => Ok(Value::Psf(psf)),
            Err(error) if self.tolerant => Ok(Value::NoPsf(error)),
            Err(source) => Err(OpError::Psf {
                file: self.source.0.spec().to_owned(),
                hdu: self.source.0.hdu_label().to_owned(),
                plane: self.plane,
                source,
            }),
        }
    }
}

/// Puts slabs as read on top of each other.
fn stack(slabs: &[Arc<Value>]) -> Array2<f32> {
    let views: Vec<_> = slabs.iter().map(|slab| slab.pixels().view()).collect();
    concatenate(Axis(0), &views).expect("the slabs of a plane are equally wide")
}

/// Divides dirty rows by the PSF's peak and notes the blanks; inputs: rows as read, PSF.
#[derive(Debug, Clone, Serialize)]
pub struct Prepare {
    /// Whether the dirty image is divided too (a consistent pair), or is in Jy/beam already.
    pub divide: bool,
}

impl Work for Prepare {
    const KIND: &'static str = "prepare";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes = inputs[0].bytes;
        Cost { flops: bytes as f64 / 4.0, output_bytes: bytes, scratch_bytes: bytes / 4 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let pixels = inputs[0].pixels();
        let scale = match (&*inputs[1], self.divide) {
            (Value::Psf(psf), true) => psf.scale(),
            (Value::PsfPeak(peak), true) => *peak,
            _ => 1.0,
        };
        let finite = pixels.iter().any(|value| !value.is_finite()).then(|| Mask::from_blanks(pixels));
        let image = Image::new(pixels.mapv(|value| if value.is_finite() { value / scale } else { 0.0 }));
        Ok(Value::Dirty(DirtySlab { image, finite }))
    }
}

/// Tells where components may stand; inputs: dirty rows, then rows of the mask if there is one.
#[derive(Debug, Clone, Serialize)]
pub struct Allow {
    /// The rows.
    pub rows: Rows,
    /// Shape of the plane, `(ny, nx)`.
    pub shape: (usize, usize),
    /// Border without components \[percent per side\].
    pub border: f64,
}

impl Work for Allow {
    const KIND: &'static str = "allow";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes = inputs[0].bytes;
        Cost { flops: bytes as f64 / 4.0, output_bytes: bytes / 4, scratch_bytes: bytes / 4 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let border = (self.border > 0.0).then(|| Mask::inside_border_rows(self.shape, self.border, self.rows.range()));
        let user = inputs.get(1).map(|mask| Mask::from_pixels(mask.pixels()));
        let masks = [inputs[0].dirty().finite.clone(), user, border.transpose().expect("the border was checked")];
        let all = masks.into_iter().flatten().reduce(|mut all, mask| {
            all.intersect(&mask).expect("the masks of a slab have its shape");
            all
        });
        Ok(Value::Allowed(all))
    }
}

/// Fits the clean beam; input: PSF (without one there is no beam).
#[derive(Debug, Clone, Serialize)]
pub struct FitBeam {
    /// Size of a pixel \[deg\].
    pub cell: Cell,
}

impl Work for FitBeam {
    const KIND: &'static str = "beam";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64, output_bytes: 256, scratch_bytes: inputs[0].bytes / 2 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        match &*inputs[0] {
            Value::Psf(psf) => Ok(Value::Beam(fit_beam(psf, self.cell)?)),
            _ => Ok(Value::Done),
        }
    }
}

/// What the run must know of a PSF.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PsfFacts {
    /// The peak by which it was divided.
    pub scale: f32,
    /// Rows that the image can meet.
    pub rows: Rows,
    /// Columns that the image can meet.
    pub columns: Rows,
    /// Largest distances from the peak among these, `(y, x)`.
    pub reach: (usize, usize),
    /// Odd part over norm.
    pub asymmetry: f64,
    /// Highest absolute value on the outer ring; 0 if it reaches every pixel.
    pub ring: f32,
    /// How it falls short of the image, where the run asks.
    pub shortfall: Option<Shortfall>,
    /// Clark's patch, where the run asks.
    pub patch: Patch,
}

/// Measures a PSF; input: PSF (nothing is known of what is none).
#[derive(Debug, Clone, Serialize)]
pub struct ExaminePsf {
    /// Shape of the image, `(ny, nx)`.
    pub shape: (usize, usize),
    /// Whether to estimate what it does not reach.
    pub shortfall: bool,
    /// Whether to look for Clark's patch.
    pub patch: bool,
}

impl Work for ExaminePsf {
    const KIND: &'static str = "examine";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: 4.0 * inputs[0].bytes as f64, output_bytes: 0, scratch_bytes: inputs[0].bytes / 4 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let Value::Psf(psf) = &*inputs[0] else { return Ok(Value::Done) };
        let (ny, nx) = self.shape;
        let (rows, columns) = psf.kept(ny, nx);
        Ok(Value::PsfFacts(PsfFacts {
            scale: psf.scale(),
            rows: Rows { first: rows.start, last: rows.end },
            columns: Rows { first: columns.start, last: columns.end },
            reach: psf.reach(ny, nx),
            asymmetry: psf.asymmetry(),
            ring: if psf.covers(ny, nx) { 0.0 } else { psf.outer_ring() },
            shortfall: if self.shortfall { Shortfall::of(psf, self.shape, width(psf)) } else { None },
            patch: if self.patch { Patch::of(psf) } else { Patch::default() },
        }))
    }
}

/// Mean width of a PSF's main lobe at half its peak \[pixels\].
fn width(psf: &Psf) -> f64 {
    2.0 * (psf.main_lobe(0.5).len() as f64 / std::f64::consts::PI).sqrt()
}
