//! The steps of a multiscale cycle: the minor cycle over all scales, extended components, what was found so far.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array2, Axis, s};
use serde::{Deserialize, Serialize};

use super::clean::join;
use super::{OpError, Rows, Value, Work};
use crate::algorithms::{Component, Member, MinorRules, Scale, Step, Steps, Table, clean_together};
use crate::graph::{Cancel, Cost, Meta, TaskContext};
use crate::images::Mask;
use crate::kernels::list::ActiveList;

/// Runs one minor cycle over several scales; inputs: the lists of each scale, slab by slab, the PSF of each scale, the
/// tables between scales.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CleanScales {
    /// How far it goes.
    pub rules: MinorRules,
    /// Share of its peak that a scale's turn leaves while others wait.
    pub leaves: f32,
    /// The scales and their numbers.
    pub scales: Vec<(usize, Scale)>,
    /// How many numbers there are.
    pub count: usize,
    /// Of each table: the places of its scales in `scales`, and the pixels from one entry to the next.
    pub tables: Vec<(usize, usize, u32)>,
    /// Number of slabs.
    pub slabs: usize,
}

impl Work for CleanScales {
    const KIND: &'static str = "minor-scales";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let lists = &inputs[..self.scales.len() * self.slabs];
        let bytes: u64 = lists.iter().map(|meta| meta.bytes).sum();
        // a guess: the number of components is not known before
        Cost { flops: 20.0 * bytes as f64, output_bytes: bytes / 8, scratch_bytes: 4 * bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], context: &TaskContext) -> Result<Value, OpError> {
        let (lists, rest) = inputs.split_at(self.scales.len() * self.slabs);
        let lists = lists.chunks_exact(self.slabs).map(join).collect();
        Ok(Value::Steps(self.on(lists, rest.split_at(self.scales.len()), &self.rules, &context.cancel)))
    }
}

impl CleanScales {
    /// The cycle on the lists of the scales, with their PSFs and tables.
    pub(super) fn on(
        &self,
        lists: Vec<ActiveList>,
        (psfs, tables): (&[Arc<Value>], &[Arc<Value>]),
        rules: &MinorRules,
        cancel: &Cancel,
    ) -> Steps {
        let members = self.scales.iter().zip(lists).zip(psfs);
        let mut members: Vec<_> =
            members.map(|(((_, scale), list), psf)| Member { scale: *scale, list, psf: psf.psf() }).collect();
        let tables = self.tables.iter().zip(tables);
        let tables: Vec<_> = tables
            .map(|((one, other, spacing), table)| Table { pair: (*one, *other), table: table.psf(), spacing: *spacing })
            .collect();
        let found = clean_together(&mut members, &tables, rules, self.leaves, cancel);
        let mut steps = Steps(vec![Step::default(); self.count]);
        for ((number, _), step) in self.scales.iter().zip(found.0) {
            steps.0[*number] = step;
        }
        steps
    }
}

/// Adds components of all scales to a slab of the model; inputs: what a minor cycle found, then the model's rows. Wings
/// that leave the image are dropped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddShapes {
    /// The slab's rows.
    pub rows: Rows,
    /// Shapes of the components.
    pub scales: Vec<Scale>,
}

impl Work for AddShapes {
    const KIND: &'static str = "shapes";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let reach = self.scales.iter().map(Scale::reach).max().unwrap_or(0) as u64;
        // a guess: a hundred components
        let flops = 200.0 * ((2 * reach + 1) * self.rows.len() as u64) as f64;
        Cost { flops, output_bytes: inputs[1].bytes, scratch_bytes: 4 * (reach + 1).pow(2) }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut model = inputs[1].model().clone();
        for (scale, step) in self.scales.iter().zip(&inputs[0].steps().0) {
            let reach = scale.reach();
            let near = self.rows.first.saturating_sub(reach)..self.rows.last + reach;
            let mut components = step.components.iter().filter(|component| near.contains(&component.y)).peekable();
            if components.peek().is_some() {
                let mut kernel = HalfRows { scale: *scale, sum: scale.profile_sum(), rows: BTreeMap::new() };
                components.for_each(|component| kernel.add(model.pixels_mut(), self.rows, component));
            }
        }
        Ok(Value::Model(model))
    }
}

/// The rows of a kernel that a slab has met: of a wide one these are few.
struct HalfRows {
    scale: Scale,
    sum: f64,
    rows: BTreeMap<usize, Vec<f32>>,
}

impl HalfRows {
    /// Adds one component to rows of the model: the bits of [`add`] with the whole kernel.
    fn add(&mut self, model: &mut Array2<f32>, rows: Rows, component: &Component) {
        let (Component { y: cy, x: cx, flux }, reach) = (*component, self.scale.reach());
        let end = (cx + reach + 1).min(model.ncols());
        for y in cy.saturating_sub(reach).max(rows.first)..(cy + reach + 1).min(rows.last) {
            let offset = y.abs_diff(cy);
            let half = self.rows.entry(offset).or_insert_with(|| self.scale.half_row(offset, self.sum));
            let mut row = model.row_mut(y - rows.first);
            let (mut left, mut right) = row.view_mut().split_at(Axis(0), cx);
            right.iter_mut().take(end - cx).zip(&*half).for_each(|(pixel, value)| *pixel += flux * value);
            left.iter_mut().rev().zip(&half[1..]).for_each(|(pixel, value)| *pixel += flux * value);
        }
    }
}

/// Adds one component to rows of the model.
pub(super) fn add(model: &mut Array2<f32>, rows: Rows, kernel: &Array2<f32>, component: &Component) {
    let (reach, nx) = (kernel.nrows() / 2, model.ncols());
    let top = component.y.saturating_sub(reach).max(rows.first);
    let bottom = (component.y + reach + 1).min(rows.last);
    let columns = component.x.saturating_sub(reach)..(component.x + reach + 1).min(nx);
    if columns.is_empty() {
        return;
    }
    for y in top..bottom {
        let first = columns.start + reach - component.x;
        let profile = kernel.slice(s![y + reach - component.y, first..first + columns.len()]);
        model.slice_mut(s![y - rows.first, columns.clone()]).scaled_add(component.flux, &profile);
    }
}

/// Adds up what was found, at points or scale by scale; inputs: what each cycle or tile found, all in the same way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MergeSteps;

impl Work for MergeSteps {
    const KIND: &'static str = "found";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs.iter().map(|meta| meta.bytes).sum();
        Cost { flops: bytes as f64, output_bytes: bytes, scratch_bytes: bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        if let Some(Value::Step(_)) = inputs.first().map(|first| &**first) {
            return Ok(Value::Step(Step::merged(inputs.iter().map(|step| step.step()))));
        }
        let scales = inputs.iter().map(|steps| steps.steps().0.len()).max().unwrap_or(0);
        let of = |number: usize| Step::merged(inputs.iter().filter_map(|steps| steps.steps().0.get(number)));
        Ok(Value::Steps(Steps((0..scales).map(of).collect())))
    }
}

/// Allows the places of a scale's components, and those near them; inputs: where the user lets components stand, the
/// components of all scales, and for points the slab's rows of the model, whose bright pixels are allowed too, and of where
/// the restored image stands out, if only that is allowed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MaskFound {
    /// The slab's rows.
    pub rows: Rows,
    /// Columns of the image.
    pub nx: usize,
    /// Pixels by which the mask grows in each direction.
    pub dilate: usize,
    /// Number of the scale.
    pub number: usize,
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
        let found = inputs[1].steps().0.get(self.number).map_or(&[][..], |step| &step.components);
        for Component { y, x, .. } in found {
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
        for other in [Some(&inputs[0]), inputs.get(3)].into_iter().flatten() {
            if let Some(other) = other.allowed() {
                mask.intersect(other).expect("the masks of a slab have its shape");
            }
        }
        Ok(Value::Allowed(Some(mask)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithms::ScaleShape;
    use crate::graph::Cancel;
    use crate::images::Image;

    #[test]
    fn shapes_are_those_of_whole_kernels_whatever_the_slab() {
        let scales = [Scale::POINT, Scale::new(9.0, ScaleShape::TaperedQuadratic, 0.6, 3.0)];
        let at = |y: usize, x: usize, flux: f32| Component { y, x, flux };
        let found = [vec![at(5, 0, 1.0), at(6, 19, -0.5)], vec![at(0, 1, 2.0), at(9, 18, 0.7), at(7, 10, -0.3)]];
        let mut expected = Array2::<f32>::zeros((12, 20));
        for (scale, components) in scales.iter().zip(&found) {
            let kernel = scale.kernel();
            components.iter().for_each(|one| add(&mut expected, Rows { first: 0, last: 12 }, &kernel, one));
        }
        let steps = found.map(|components| Step { components, ..Step::default() });
        let steps = Arc::new(Value::Steps(Steps(steps.into())));
        for (first, last) in [(0, 12), (0, 5), (5, 6), (6, 12)] {
            let op = AddShapes { rows: Rows { first, last }, scales: scales.to_vec() };
            let before = Arc::new(Value::Model(Image::zeros((last - first, 20))));
            let made = op.run(&[steps.clone(), before], &TaskContext::default()).unwrap();
            assert_eq!(made.model().pixels(), expected.slice(s![first..last, ..]), "{first}..{last}");
        }
    }

    #[test]
    fn the_mask_of_points_holds_their_places_and_the_bright_pixels_of_the_model() {
        let found = Step { components: vec![Component { y: 4, x: 1, flux: 0.1 }], iterations: 1, ..Step::default() };
        let found = Steps(vec![Step::default(), found]);
        let mut model = Array2::<f32>::zeros((4, 5));
        (model[(0, 4)], model[(1, 4)], model[(3, 0)]) = (-0.5, 0.4, 0.5);
        let op = MaskFound { rows: Rows { first: 2, last: 6 }, nx: 5, dilate: 1, number: 1, least: 0.5 };
        let inputs = [Value::Allowed(None), Value::Steps(found), Value::Model(Image::new(model))].map(Arc::new);
        let context = TaskContext { cancel: Cancel::default() };
        let mask = op.run(&inputs, &context).unwrap();
        let mask = mask.allowed().clone().unwrap();
        let held: Vec<_> = (0..4).map(|y| mask.row(y).iter().map(|at| u8::from(*at)).collect::<Vec<_>>()).collect();
        assert_eq!(held, [[0, 0, 0, 0, 1], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0]]);
    }
}
