//! The steps of a multiscale cycle: kernels and PSFs of a scale, the smooth residual, extended components.

use std::sync::Arc;

use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};

use super::convolve::{complex, piece_of_block, rows_back, transform};
use super::{FieldRows, OpError, Rows, Value, Work};
use crate::algorithms::{Component, PlaneStats, Scale, Step, smooth_psf, smoothing_layout};
use crate::fft::{Layout, Placement, forward_rows};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{Image, Mask, PsfPeak};

/// Row transforms of a scale's kernel, its centre at the origin; no inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScaleRows {
    /// The transform.
    pub layout: Layout,
    /// The scale.
    pub scale: Scale,
}

impl Work for ScaleRows {
    const KIND: &'static str = "scale-rows";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let side = 2 * self.scale.reach() + 1;
        let cost = FieldRows { layout: self.layout, rows: Rows { first: 0, last: side } }.cost(inputs);
        Cost { scratch_bytes: cost.scratch_bytes + 12 * (side * side) as u64, ..cost }
    }

    fn run(&self, _inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let origin = -(self.scale.reach() as isize);
        let placement = Placement { y: origin, x: origin };
        Ok(Value::Spectrum(forward_rows(self.scale.kernel().view(), &self.layout, placement)))
    }
}

/// Smooths a PSF twice with a scale, at the lags between the scale's centres; input: the PSF.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SmoothPsf {
    /// The scale.
    pub scale: Scale,
    /// Where the PSF peaks, and its shape.
    pub peak: PsfPeak,
    /// Shape of the image, `(ny, nx)`.
    pub shape: (usize, usize),
}

impl Work for SmoothPsf {
    const KIND: &'static str = "smooth-psf";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let layout = smoothing_layout(&self.peak, self.shape, &self.scale);
        let cells = layout.ly * layout.half();
        let step = self.scale.grid().step;
        let (rows, columns) = self.peak.kept(self.shape.0, self.shape.1);
        Cost {
            flops: 3.0 * transform(layout.ly * layout.lx, true),
            output_bytes: 4 * (rows.len().div_ceil(step) * columns.len().div_ceil(step)) as u64,
            // row transforms of PSF and kernel, the columns of a block and what comes back, the plane
            scratch_bytes: 4 * complex(cells),
        }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let smooth = smooth_psf(inputs[0].psf(), self.shape, &self.scale)?;
        Ok(smooth.map_or(Value::Done, Value::Psf))
    }
}

/// Measures how high a smooth PSF still is near its edges \[Jy per Jy of the scale\]; input: the smooth PSF.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EdgeLevel;

impl Work for EdgeLevel {
    const KIND: &'static str = "edge-level";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 2.0, output_bytes: 0, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let level = match &*inputs[0] {
            Value::Psf(smooth) => smooth.edge_rms() * f64::from(smooth.scale()),
            _ => 0.0,
        };
        Ok(Value::Noise(PlaneStats { rms: level, ..PlaneStats::default() }))
    }
}

/// Rows of the residual smoothed with a scale; inputs: the blocks of the convolution.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SmoothRows {
    /// The transform.
    pub layout: Layout,
    /// The slab's rows.
    pub rows: Rows,
    /// Shape of the image, `(ny, nx)`.
    pub shape: (usize, usize),
}

impl Work for SmoothRows {
    const KIND: &'static str = "smooth";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let rows = self.rows.len();
        Cost {
            flops: rows as f64 * transform(self.layout.lx, true),
            output_bytes: 4 * (rows * self.shape.1) as u64,
            scratch_bytes: complex(2 * self.layout.lx),
        }
    }

    fn load_bytes(&self, _input: usize, meta: Meta) -> u64 {
        piece_of_block(meta, self.rows, self.shape.0)
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Residual(Image::new(rows_back(inputs, &self.layout, self.rows, self.shape.1)?)))
    }
}

/// Adds extended components to a slab of the model; inputs: what a minor cycle found, then the model's rows. Wings that
/// leave the image are dropped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddShapes {
    /// The slab's rows.
    pub rows: Rows,
    /// Shape of the components.
    pub scale: Scale,
}

impl Work for AddShapes {
    const KIND: &'static str = "shapes";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let side = 2 * self.scale.reach() + 1;
        // a guess: a hundred components
        let flops = 200.0 * (side * side) as f64;
        Cost { flops, output_bytes: inputs[1].bytes, scratch_bytes: 12 * (side * side) as u64 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut model = inputs[1].model().clone();
        let kernel = self.scale.kernel();
        for component in &inputs[0].step().components {
            add(model.pixels_mut(), self.rows, &kernel, component);
        }
        Ok(Value::Model(model))
    }
}

/// Adds one component to rows of the model.
fn add(model: &mut Array2<f32>, rows: Rows, kernel: &Array2<f32>, component: &Component) {
    let (reach, nx) = (kernel.nrows() / 2, model.ncols());
    let top = component.y.saturating_sub(reach).max(rows.first);
    let bottom = (component.y + reach + 1).min(rows.last);
    let columns = component.x.saturating_sub(reach)..(component.x + reach + 1).min(nx);
    for y in top..bottom {
        let first = columns.start + reach - component.x;
        let profile = kernel.slice(s![y + reach - component.y, first..first + columns.len()]);
        model.slice_mut(s![y - rows.first, columns.clone()]).scaled_add(component.flux, &profile);
    }
}

/// Adds what a minor cycle found to what earlier ones found; inputs: a step each.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MergeSteps;

impl Work for MergeSteps {
    const KIND: &'static str = "found";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs.iter().map(|meta| meta.bytes).sum();
        Cost { flops: bytes as f64, output_bytes: bytes, scratch_bytes: bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut all: Vec<Component> = inputs.iter().flat_map(|step| step.step().components.iter().copied()).collect();
        // a stable order: equal places keep that of the steps
        all.sort_by_key(|component| (component.y, component.x));
        all.dedup_by(|later, first| {
            let is_same = (later.y, later.x) == (first.y, first.x);
            first.flux += if is_same { later.flux } else { 0.0 };
            is_same
        });
        let iterations = inputs.iter().map(|step| step.step().iterations).sum();
        let is_negative = inputs.iter().any(|step| step.step().is_negative);
        Ok(Value::Step(Step { components: all, iterations, is_negative }))
    }
}

/// Allows the places of components, and those near them; inputs: where the user lets components stand, the components,
/// and for points the slab's rows of the model, whose bright pixels are allowed too.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MaskFound {
    /// The slab's rows.
    pub rows: Rows,
    /// Columns of the image.
    pub nx: usize,
    /// Pixels by which the mask grows in each direction.
    pub dilate: usize,
    /// Absolute brightness from which a pixel of the model is allowed \[Jy/pixel\].
    pub least: f32,
}

impl Work for MaskFound {
    const KIND: &'static str = "mask-found";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let pixels = (self.rows.len() * self.nx) as u64;
        Cost { flops: inputs[1].bytes as f64, output_bytes: pixels, scratch_bytes: 4 * pixels }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut near = Array2::<f32>::zeros((self.rows.len(), self.nx));
        for Component { y, x, .. } in &inputs[1].step().components {
            let top = y.saturating_sub(self.dilate).max(self.rows.first);
            let bottom = (y + self.dilate + 1).min(self.rows.last);
            if top < bottom {
                let columns = x.saturating_sub(self.dilate)..(x + self.dilate + 1).min(self.nx);
                near.slice_mut(s![top - self.rows.first..bottom - self.rows.first, columns]).fill(1.0);
            }
        }
        if let Some(model) = inputs.get(2) {
            near.zip_mut_with(model.model().pixels(), |near, value| {
                if value.abs() >= self.least {
                    *near = 1.0;
                }
            });
        }
        let mut mask = Mask::from_pixels(&near);
        if let Some(user) = inputs[0].allowed() {
            mask.intersect(user).expect("the masks of a slab have its shape");
        }
        Ok(Value::Allowed(Some(mask)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Cancel;

    #[test]
    fn the_mask_of_points_holds_their_places_and_the_bright_pixels_of_the_model() {
        let found = Step { components: vec![Component { y: 4, x: 1, flux: 0.1 }], iterations: 1, is_negative: false };
        let mut model = Array2::<f32>::zeros((4, 5));
        (model[(0, 4)], model[(1, 4)], model[(3, 0)]) = (-0.5, 0.4, 0.5);
        let op = MaskFound { rows: Rows { first: 2, last: 6 }, nx: 5, dilate: 1, least: 0.5 };
        let inputs = [Value::Allowed(None), Value::Step(found), Value::Model(Image::new(model))].map(Arc::new);
        let context = TaskContext { cancel: Cancel::default() };
        let mask = op.run(&inputs, &context).unwrap();
        let mask = mask.allowed().clone().unwrap();
        let held: Vec<_> = (0..4).map(|y| mask.row(y).iter().map(|at| u8::from(*at)).collect::<Vec<_>>()).collect();
        assert_eq!(held, [[0, 0, 0, 0, 1], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0]]);
    }
}
