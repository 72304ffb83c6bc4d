//! What is done to a residual before it is added to a restored model, and the PSF beside its beam.

use std::sync::Arc;

use ndarray::Array2;
use rustfft::num_complex::Complex32;
use serde::{Deserialize, Serialize};

use super::convolve::complex;
use super::{OpError, PsfPlane, Value, Work};
use crate::fft::{Layout, Transfer};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{BeamChange, Image, PsfCore, PsfPeak};

/// Multiplies rows of a residual; input: the rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScaleResidual {
    /// By what.
    pub factor: f32,
}

impl Work for ScaleResidual {
    const KIND: &'static str = "scale-residual";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 4.0, output_bytes: inputs[0].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Residual(Image::new(inputs[0].residual().pixels() * self.factor)))
    }
}

/// The transfer function, on a block of columns, that turns one beam into another; no inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeBeam {
    /// The transform.
    pub layout: Layout,
    /// The block of columns.
    pub block: usize,
    /// The beams' kernel.
    pub change: BeamChange,
}

impl Work for ChangeBeam {
    const KIND: &'static str = "change-beam";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let cells = self.layout.columns(self.block).len() * self.layout.ly;
        Cost { flops: 30.0 * cells as f64, output_bytes: complex(cells), scratch_bytes: 0 }
    }

    fn run(&self, _inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let Layout { ly, lx, .. } = self.layout;
        let columns = self.layout.columns(self.block);
        let frequency = |at: usize, length: usize| {
            let signed = if 2 * at > length { at as f64 - length as f64 } else { at as f64 };
            signed / length as f64
        };
        let values = columns.clone().flat_map(|x| (0..ly).map(move |y| (y, x)));
        let values = values.map(|(y, x)| self.change.transfer(frequency(y, ly), frequency(x, lx)));
        let values: Vec<Complex32> = values.map(|value| Complex32::new(value as f32, 0.0)).collect();
        Ok(Value::Transfer(Transfer::from_parts(columns.start, ly, values)))
    }
}

/// Cuts a square around its peak out of a PSF, peak 1, 0 beyond its edges; no inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CutPsf {
    /// The PSF.
    pub psf: PsfPlane,
    /// Its peak.
    pub peak: PsfPeak,
    /// Pixels from the peak to the sides.
    pub half: usize,
}

impl Work for CutPsf {
    const KIND: &'static str = "cut-psf";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let (side, columns) = (2 * self.half + 1, self.peak.shape.1);
        let output_bytes = 4 * (side * side) as u64;
        Cost { flops: output_bytes as f64, output_bytes, scratch_bytes: 4 * (side * columns) as u64 + output_bytes }
    }

    fn run(&self, _inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let rows = PsfCore::rows(&self.peak, self.half);
        let (cy, cx) = self.peak.centre;
        let pixels = self.psf.source.0.read_rows(self.psf.plane, rows.clone())?;
        let pixels = self.peak.normalise(pixels.view(), &(0..self.peak.shape.1));
        let side = 2 * self.half + 1;
        let at = |centre: usize, first: usize, offset: usize| (centre + offset).checked_sub(self.half + first);
        Ok(Value::Pixels(Array2::from_shape_fn((side, side), |(y, x)| {
            let place = at(cy, rows.start, y).zip(at(cx, 0, x));
            place.and_then(|place| pixels.get(place)).copied().unwrap_or(0.0)
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fft::{Placement, forward_rows, inverse_rows, map_columns};
    use crate::images::{BeamShape, CleanBeam, UNIT_CELL};

    fn shape(bmaj: f64, bmin: f64, bpa: f64) -> BeamShape {
        CleanBeam::new(bmaj, bmin, bpa).unwrap().shape_in_pixels(UNIT_CELL).unwrap()
    }

    fn sampled(shape: &BeamShape, (ny, nx): (usize, usize)) -> Array2<f32> {
        Array2::from_shape_fn((ny, nx), |(y, x)| {
            shape.value(y as f64 - (ny / 2) as f64, x as f64 - (nx / 2) as f64) as f32
        })
    }

    #[test]
    fn a_sampled_beam_becomes_the_wider_one_with_peak_1() {
        for (from, to) in [
            (shape(4.0, 3.0, 20.0), shape(8.0, 6.0, 70.0)),
            (shape(3.0, 2.5, 110.0), shape(3.2, 3.0, 100.0)),
            (shape(5.0, 4.0, 0.0), shape(5.0, 5.0, 0.0)),
            (shape(5.0, 4.0, 33.0), shape(5.0, 4.0, 33.0)),
            (shape(3.0, 2.0, 45.0), shape(20.0, 12.0, 150.0)),
        ] {
            let full = (91, 96);
            let change = BeamChange::new(&from, &to).unwrap();
            let layout = restoring(full, change.reach());
            let image = sampled(&from, full);
            let spectrum = forward_rows(image.view(), &layout, Placement::default());
            let blocks: Vec<_> = (0..layout.blocks())
                .map(|block| {
                    let op = ChangeBeam { layout, block, change };
                    let value = op.run(&[], &TaskContext::default()).unwrap();
                    map_columns([&[&spectrum], &[]], &layout, block, full.0, |column| {
                        let transfer = value.transfer().column(column.kx);
                        column.first.iter_mut().zip(transfer).for_each(|(value, h)| *value *= h);
                    })
                    .unwrap()
                })
                .collect();
            let found = inverse_rows(&blocks.iter().collect::<Vec<_>>(), &layout, 0..full.0, full.1).unwrap();
            let expected = sampled(&to, full);
            let misfit = (&found - &expected).iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            let (folding, rounding) = (folding(&from, &change, &layout), rounding(&image, &change, &layout));
            assert!(f64::from(misfit) < folding + rounding, "{from:?} {to:?}: {misfit:e}, {folding:e} + {rounding:e}");
            assert!(folding < 1.5e-4, "no more than a beam of 2.5 pixels in a kernel as narrow: {folding:e}");
        }
    }

    /// The most that is wrong since pixels fold the beam's transform: what comes to a frequency `f` from `f + n` is
    /// multiplied by the kernel's transform at `f` instead of that at `f + n`, in any precision.
    fn folding(from: &BeamShape, change: &BeamChange, layout: &Layout) -> f64 {
        let (ly, lx) = (layout.ly, layout.lx);
        let mut sum = 0.0;
        for (ky, kx) in (0..ly).flat_map(|ky| (0..lx).map(move |kx| (ky, kx))) {
            let signed = |at: usize, length: usize| {
                (at as f64 - if 2 * at > length { length as f64 } else { 0.0 }) / length as f64
            };
            let (fy, fx) = (signed(ky, ly), signed(kx, lx));
            for (ny, nx) in (-2..=2).flat_map(|ny| (-2..=2).map(move |nx| (f64::from(ny), f64::from(nx)))) {
                let wrong = change.transfer(fy + ny, fx + nx) - change.transfer(fy, fx);
                sum += from.area() * from.transfer(fy + ny, fx + nx) * wrong.abs();
            }
        }
        sum / (ly * lx) as f64
    }

    /// `eps log2(n) norm` of the transforms, the kernel's largest factor between them.
    fn rounding(image: &Array2<f32>, change: &BeamChange, layout: &Layout) -> f64 {
        let norm = image.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        f64::from(f32::EPSILON) * ((layout.ly * layout.lx) as f64).log2() * norm * change.sum
    }

    fn restoring(shape: (usize, usize), reach: usize) -> Layout {
        crate::pipeline::plan::restoring_layout(shape, reach, 17)
    }
}
