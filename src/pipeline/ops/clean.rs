//! The steps of a CLEAN cycle: minor cycle, model, mask.

use std::sync::Arc;

use ndarray::{Array2, Axis, concatenate, s};
use serde::{Deserialize, Serialize};

use super::scales::add;
use super::{ModelTally, OpError, Rows, SlabTally, Value, Work};
use crate::algorithms::{Blob, Component, Minor, MinorRules, MinorView, Psfs, Step, View};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{Image, Mask, PsfGrid};
use crate::kernels::list::ActiveList;

/// Runs one minor cycle; inputs: lists, or residual rows and then where components may stand, per slab
/// (for Gaussians then where these may reach); the PSF last,
/// or all PSFs of the grid.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MinorPass {
    /// Which loop.
    pub minor: Minor,
    /// How far it goes.
    pub rules: MinorRules,
    /// Number of slabs.
    pub slabs: usize,
    /// Where each of several PSFs holds.
    pub grid: Option<PsfGrid>,
}

impl MinorPass {
    /// How many PSFs there are.
    fn psfs(&self) -> usize {
        self.grid.as_ref().map_or(1, PsfGrid::len)
    }
}

impl Work for MinorPass {
    const KIND: &'static str = "minor";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs[..inputs.len() - self.psfs()].iter().map(|meta| meta.bytes).sum();
        let scratch_bytes = self.minor.cycle().copies() * bytes;
        // a guess: the number of components is not known before
        Cost { flops: 20.0 * bytes as f64, output_bytes: bytes / 8, scratch_bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], context: &TaskContext) -> Result<Value, OpError> {
        let cycle = self.minor.cycle();
        let all: Vec<_> = inputs[inputs.len() - self.psfs()..].iter().map(|psf| psf.psf()).collect();
        let psfs = match &self.grid {
            Some(grid) => Psfs::several(all, grid),
            None => Psfs::one(all[0]),
        };
        let view = match cycle.view() {
            View::List => MinorView::List(join(&inputs[..self.slabs])),
            View::Plane => {
                let (residual, masks) = inputs[..inputs.len() - self.psfs()].split_at(self.slabs);
                plane(residual, masks)
            }
        };
        let step = cycle.run(view, &psfs, &self.rules, &context.cancel);
        Ok(Value::Step(step))
    }
}

pub(super) fn join(lists: &[Arc<Value>]) -> ActiveList {
    let mut all = ActiveList::default();
    lists.iter().for_each(|list| all.append(list.active()));
    all
}

/// The plane of slabs; `masks` are those of where components may stand, then of where wide ones may reach, if they count.
fn plane(residual: &[Arc<Value>], masks: &[Arc<Value>]) -> MinorView {
    let slabs: Vec<_> = residual.iter().map(|slab| slab.residual().pixels().view()).collect();
    let mut masks = masks.chunks_exact(residual.len()).map(|masks| stacked(residual, masks));
    MinorView::Plane {
        residual: concatenate(Axis(0), &slabs).expect("the slabs of a plane are equally wide"),
        allowed: masks.next().flatten(),
        bounds: masks.next().flatten(),
    }
}

/// The masks of slabs in one; none where they leave nothing out.
fn stacked(residual: &[Arc<Value>], masks: &[Arc<Value>]) -> Option<Mask> {
    let is_masked = masks.iter().any(|slab| slab.allowed().is_some());
    let of = |(slab, mask): (&Arc<Value>, &Arc<Value>)| {
        mask.allowed().clone().unwrap_or_else(|| Mask::all(slab.residual().shape()))
    };
    is_masked.then(|| Mask::stack(residual.iter().zip(masks).map(of)))
}

/// Adds points and Gaussians to a slab of the model; inputs: what a minor cycle found, then the model's rows (none yet: zero).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddComponents {
    /// The slab's rows.
    pub rows: Rows,
    /// Columns of the image.
    pub nx: usize,
}

impl Work for AddComponents {
    const KIND: &'static str = "model";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let pixels = self.rows.len() * self.nx;
        Cost { flops: pixels as f64, output_bytes: 4 * pixels as u64, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut model = match inputs.get(1) {
            Some(model) => model.model().clone(),
            None => Image::zeros((self.rows.len(), self.nx)),
        };
        for component in &inputs[0].step().components {
            if self.rows.range().contains(&component.y) {
                model.pixels_mut()[(component.y - self.rows.first, component.x)] += component.flux;
            }
        }
        for Blob { at, scale } in &inputs[0].step().blobs {
            let reach = scale.reach();
            if (self.rows.first.saturating_sub(reach)..self.rows.last + reach).contains(&at.y) {
                add(model.pixels_mut(), self.rows, &scale.kernel(), at);
            }
        }
        Ok(Value::Model(model))
    }
}

/// Adds up each row of a slab of the model; input: the slab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TallyRows;

impl Work for TallyRows {
    const KIND: &'static str = "tally-rows";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 4.0, output_bytes: inputs[0].bytes / 256, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut tally = SlabTally::default();
        for row in inputs[0].model().pixels().rows() {
            let mut flux = 0.0;
            let mut negative = 0.0;
            for value in row.iter().filter(|value| **value != 0.0) {
                flux += f64::from(*value);
                negative += f64::from(value.min(0.0));
                tally.components += 1;
            }
            tally.flux.push((flux, negative));
        }
        Ok(Value::SlabTally(tally))
    }
}

/// Adds up a model, row after row so that the cut does not change the sums; inputs: the tallies of its slabs in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tally;

impl Work for Tally {
    const KIND: &'static str = "tally";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs.iter().map(|meta| meta.bytes).sum();
        Cost { flops: bytes as f64 / 8.0, output_bytes: 64, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut tally = ModelTally::default();
        for slab in inputs.iter().map(|slab| slab.slab_tally()) {
            for (flux, negative) in &slab.flux {
                tally.flux += flux;
                tally.negative += negative;
            }
            tally.components += slab.components;
        }
        Ok(Value::Tally(tally))
    }
}

/// Lists the pixels of a slab of the model that are not 0, row after row; input: the slab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListComponents {
    /// Row of the plane at which the slab begins.
    pub first: usize,
}

impl Work for ListComponents {
    const KIND: &'static str = "components";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64 / 4.0, output_bytes: inputs[0].bytes / 8, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let pixels = inputs[0].model().pixels().indexed_iter().filter(|(_, flux)| **flux != 0.0);
        let found = pixels.map(|((y, x), flux)| Component { y: self.first + y, x, flux: *flux });
        Ok(Value::Step(Step { components: found.collect(), ..Step::default() }))
    }
}

/// Allows the pixels that hold components, and those near them; inputs: where the user lets components stand, then the
/// model's slabs that lie within reach of the rows, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AutoMask {
    /// The slab's rows.
    pub rows: Rows,
    /// Row of the plane at which the first model slab begins.
    pub first: usize,
    /// Pixels by which the mask grows in each direction.
    pub dilate: usize,
}

impl Work for AutoMask {
    const KIND: &'static str = "mask";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs[1..].iter().map(|meta| meta.bytes).sum();
        Cost { flops: bytes as f64 / 4.0, output_bytes: bytes / 4, scratch_bytes: bytes / 4 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let nx = inputs[1].model().shape().1;
        let mut near = Array2::<f32>::zeros((self.rows.len(), nx));
        let rows = inputs[1..].iter().flat_map(|slab| slab.model().pixels().rows());
        for (y, row) in (self.first..).zip(rows) {
            let top = (y.saturating_sub(self.dilate)).max(self.rows.first);
            let bottom = (y + self.dilate + 1).min(self.rows.last);
            if top >= bottom {
                continue;
            }
            for (x, _) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                let columns = x.saturating_sub(self.dilate)..(x + self.dilate + 1).min(nx);
                near.slice_mut(s![top - self.rows.first..bottom - self.rows.first, columns]).fill(1.0);
            }
        }
        let mut mask = Mask::from_pixels(&near);
        if let Some(user) = inputs[0].allowed() {
            mask.intersect(user).expect("the masks of a slab have its shape");
        }
        Ok(Value::Allowed(Some(mask)))
    }
}
