//! Images that are given instead of computed.

use std::sync::Arc;

use ndarray::{Array2, Zip};
use serde::{Deserialize, Serialize};

use super::scales::add;
use super::wiener::clear_blanks;
use super::{DirtySlab, OpError, Rows, Value, Work};
use crate::algorithms::Scale;
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{BeamShape, Image};

/// Takes rows of a file, or of listed components, for rows of a model \[Jy/pixel\]: 0 where they are blank, or where the
/// dirty image is; inputs: the rows as read or listed, the dirty rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TakeModel;

impl Work for TakeModel {
    const KIND: &'static str = "take";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 4.0, output_bytes: inputs[0].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let given = match &*inputs[0] {
            Value::Pixels(pixels) => pixels,
            listed => listed.model().pixels(),
        };
        let mut model = given.mapv(|value| if value.is_finite() { value } else { 0.0 });
        if let Some(finite) = &inputs[1].dirty().finite {
            for (y, row) in model.rows_mut().into_iter().enumerate() {
                Zip::from(row).and(finite.row(y)).for_each(|value, finite| *value = if *finite { *value } else { 0.0 });
            }
        }
        Ok(Value::Model(Image::new(model)))
    }
}

/// Takes rows of a residual for those of a dirty image, 0 where these are blank; inputs: the residual's, the dirty image's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Remainder;

impl Work for Remainder {
    const KIND: &'static str = "remainder";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 4.0, output_bytes: inputs[1].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (mut image, finite) = (inputs[0].residual().clone(), inputs[1].dirty().finite.clone());
        if let Some(finite) = &finite {
            clear_blanks(image.pixels_mut(), finite);
        }
        Ok(Value::Dirty(DirtySlab { image: Image::new(image.into_pixels()), finite }))
    }
}

/// Rows of two models together; inputs: these.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sum;

impl Work for Sum {
    const KIND: &'static str = "sum";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 4.0, output_bytes: inputs[0].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut sum = inputs[0].model().clone();
        *sum.pixels_mut() += inputs[1].model().pixels();
        Ok(Value::Model(sum))
    }
}

/// The shape of listed components.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum ListedShape {
    /// A scale of CLEAN.
    Scale(Scale),
    /// An elliptical Gaussian.
    Ellipse(BeamShape),
}

/// An elliptical Gaussian ends at so many times its full width at half maximum: 6 standard deviations.
const ELLIPSE_REACH: f64 = 2.55;

impl ListedShape {
    /// Distance from the centre to the sides of the box that holds it \[pixels\].
    pub fn reach(&self) -> usize {
        match self {
            Self::Scale(scale) => scale.reach(),
            Self::Ellipse(shape) => (ELLIPSE_REACH * shape.widths().0).ceil() as usize,
        }
    }

    /// Jy/pixel for a component of 1 Jy, shape `(2 reach + 1, 2 reach + 1)`.
    pub fn kernel(&self) -> Array2<f32> {
        match self {
            Self::Scale(scale) => scale.kernel(),
            Self::Ellipse(shape) => {
                let reach = self.reach();
                let offset = |at: usize| at as f64 - reach as f64;
                let side = 2 * reach + 1;
                let plane = Array2::from_shape_fn((side, side), |(y, x)| shape.value(offset(y), offset(x)));
                let sum = plane.sum();
                plane.mapv(|value| (value / sum) as f32)
            }
        }
    }
}

/// Adds listed components of one shape to rows of a model; inputs: the components, then the model's rows (none yet: zero).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddListed {
    /// The rows.
    pub rows: Rows,
    /// Columns of the image.
    pub nx: usize,
    /// The shape.
    pub shape: ListedShape,
}

impl Work for AddListed {
    const KIND: &'static str = "listed";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let pixels = (self.rows.len() * self.nx) as u64;
        let box_pixels = (2 * self.shape.reach() as u64 + 1).pow(2);
        let components = inputs[0].bytes / 24;
        let flops = pixels as f64 + 2.0 * (components * box_pixels) as f64;
        Cost { flops, output_bytes: 4 * pixels, scratch_bytes: 12 * box_pixels }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut model = match inputs.get(1) {
            Some(model) => model.model().clone(),
            None => Image::zeros((self.rows.len(), self.nx)),
        };
        let kernel = self.shape.kernel();
        for component in &inputs[0].step().components {
            add(model.pixels_mut(), self.rows, &kernel, component);
        }
        Ok(Value::Model(model))
    }
}
