//! The graphs of multiscale CLEAN: PSFs and kernels of the scales, smooth residuals, extended components.

use super::{Kernel, PlaneKeys, Rows, Wiring, key};
use crate::algorithms::{Grid, Scale, Shortfall};
use crate::fft::{Layout, good_size};
use crate::graph::Key;
use crate::images::PsfPeak;
use crate::pipeline::ops::{
    AddShapes, DeconvOp, EdgeLevel, KernelTransfer, MapFloor, MaskFound, MergeSteps, Rank, ScaleRows, SmoothPsf,
    SmoothRows, Statistics,
};

/// Number of a scale in the list, and what it is.
pub type Numbered = (usize, Scale);

impl Wiring {
    /// The transform that smooths a plane with any of the scales.
    pub fn scale_layout(&self, scales: &[Scale]) -> Layout {
        let reach = scales.iter().map(Scale::reach).max().unwrap_or(0);
        let (ny, nx) = self.cut.shape;
        Layout { ly: good_size(ny + reach), lx: good_size(nx + reach), block: self.cut.block }
    }

    /// A PSF smoothed twice with a scale; `psf` is the whole PSF.
    pub fn smooth_psf(&mut self, at: (usize, Numbered), psf: &Key, peak: PsfPeak) -> Key {
        let (plane, (number, scale)) = at;
        let op = DeconvOp::SmoothPsf(SmoothPsf { scale, peak, shape: self.cut.shape });
        self.task(key("smooth-psf", plane, number), op, vec![psf.clone()])
    }

    /// How high a smooth PSF still is near its edges.
    pub fn edge_level(&mut self, at: (usize, usize), smooth: &Key) -> Key {
        self.task(key("edge-level", at.0, at.1), DeconvOp::EdgeLevel(EdgeLevel), vec![smooth.clone()])
    }

    /// The map of floors of a scale, its weights in units of that of the points.
    pub fn scale_floor(&mut self, at: (usize, usize), shortfall: Shortfall, from: (&Key, &[Key])) -> Key {
        let (points, model) = from;
        let op = DeconvOp::MapFloor(MapFloor { shortfall, shape: self.cut.shape, against: true });
        let inputs = std::iter::once(points).chain(model).cloned().collect();
        self.task(key(&format!("floor-scale{}", at.1), at.0, 0), op, inputs)
    }

    /// A scale's transfer function, block by block.
    pub fn scale_transfer(&mut self, at: (usize, Numbered), layout: &Layout) -> Vec<Key> {
        let (plane, (number, scale)) = at;
        let op = DeconvOp::ScaleRows(ScaleRows { layout: *layout, scale });
        let rows = self.task(key("scale-rows", plane, number), op, vec![]);
        (0..layout.blocks())
            .map(|block| {
                let op = DeconvOp::KernelTransfer(KernelTransfer { layout: *layout, block });
                self.task(key(&format!("transfer-scale{number}"), plane, block), op, vec![rows.clone()])
            })
            .collect()
    }

    /// The residual smoothed with a scale; `rows` are its row transforms.
    pub fn smooth(&mut self, at: (usize, usize), layout: &Layout, rows: &[Key], transfer: &[Key]) -> Vec<Key> {
        let (plane, number) = at;
        let blocks =
            self.columns((&format!("columns-scale{number}"), plane), layout, rows, (Kernel::Transfer, transfer));
        let shape = self.cut.shape;
        self.cut
            .slabs()
            .into_iter()
            .enumerate()
            .map(|(index, rows)| {
                let op = DeconvOp::SmoothRows(SmoothRows { layout: *layout, rows, shape });
                self.task(key(&format!("smooth-scale{number}"), plane, index), op, blocks.clone())
            })
            .collect()
    }

    /// Statistics of a plane smoothed with a scale: `keys` with the smooth residual and the scale's mask; `weights` are
    /// the noise of the residual itself, and the scale's map of floors if the PSF falls short.
    pub fn scale_statistics(&mut self, at: (usize, usize), grid: Grid, keys: &PlaneKeys, weights: &[Key]) -> Key {
        let (plane, number) = at;
        let has_floor = weights.len() > 1 + usize::from(self.is_local(plane));
        let weighed = if weights.len() > 1 { weights } else { &[] };
        let mut inputs = weights.to_vec();
        for (index, rows) in self.cut.slabs().into_iter().enumerate() {
            let slab = [&keys.residual, &keys.mask, &keys.allowed].map(|slabs| slabs[index].clone());
            let op = DeconvOp::Rank(Rank { first: rows.first, ny: self.cut.shape.0, grid, signs: self.signs });
            let all = slab.into_iter().chain(weighed.iter().cloned()).collect();
            inputs.push(self.task(key(&format!("rank-scale{number}"), plane, index), op, all));
        }
        let op = DeconvOp::Statistics(Statistics { floor: has_floor });
        self.task(key("statistics-scale", plane, number), op, inputs)
    }

    /// The model with a step's extended components added.
    pub fn add_shapes(&mut self, plane: usize, scale: Scale, model: &[Key], step: &Key) -> Vec<Key> {
        let slabs = self.cut.slabs().into_iter().zip(model).enumerate();
        slabs
            .map(|(index, (rows, model))| {
                let op = DeconvOp::AddShapes(AddShapes { rows, scale });
                self.task(key("shapes", plane, index), op, vec![step.clone(), model.clone()])
            })
            .collect()
    }

    /// A step's components together with those found before.
    pub fn merge_steps(&mut self, at: (usize, usize), before: Option<Key>, step: &Key) -> Key {
        let inputs = before.into_iter().chain([step.clone()]).collect();
        self.task(key("found", at.0, at.1), DeconvOp::MergeSteps(MergeSteps), inputs)
    }

    /// The auto-mask of a scale: where components of it are, and up to `growth.0` steps of its grid from there; for points
    /// also where the model reaches `growth.1` \[Jy/pixel\].
    pub fn mask_found(
        &mut self,
        at: (usize, Numbered),
        keys: &PlaneKeys,
        found: &Key,
        growth: (usize, f32),
    ) -> Vec<Key> {
        let (plane, (number, scale)) = at;
        let (nx, dilate, least) = (self.cut.shape.1, growth.0 * scale.grid().step, growth.1);
        let slabs: Vec<(usize, Rows)> = self.cut.slabs().into_iter().enumerate().collect();
        slabs
            .into_iter()
            .map(|(index, rows)| {
                let op = DeconvOp::MaskFound(MaskFound { rows, nx, dilate, least });
                let bright = scale.is_point().then(|| keys.model[index].clone());
                let inputs = [keys.allowed[index].clone(), found.clone()].into_iter().chain(bright).collect();
                self.task(key(&format!("mask-found-scale{number}"), plane, index), op, inputs)
            })
            .collect()
    }
}
