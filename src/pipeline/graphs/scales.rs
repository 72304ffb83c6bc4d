//! The graphs of multiscale CLEAN: kernels of the scales and tables between them, smooth residuals, the minor cycle.

use super::{PlaneKeys, Rows, Wiring, key};
use crate::algorithms::{MinorRules, Scale, Shortfall};
use crate::fft::Layout;
use crate::graph::Key;
use crate::pipeline::ops::{
    AddShapes, CleanScales, DeconvOp, EdgeLevel, MapFloor, MaskFound, MergeSteps, Rank, ScaleTable, ScaleTransfer,
    Select, SmoothColumns, SmoothRows, Statistics,
};

/// Number of a scale in the list, and what it is.
pub type Numbered = (usize, Scale);

/// A scale that takes part in a minor cycle.
pub struct Taking {
    /// Which it is.
    pub scale: Numbered,
    /// Residual and mask.
    pub keys: PlaneKeys,
    /// What weighs its pixels.
    pub weights: Vec<Key>,
    /// Level from which on its pixels are listed \[Jy/beam\].
    pub lowest: f32,
}

/// A minor cycle over scales to be wired.
pub struct ScalesCut<'a> {
    /// How far it goes.
    pub rules: MinorRules,
    /// Share of its peak that a scale's turn leaves while others wait.
    pub leaves: f32,
    /// How many scales there are.
    pub count: usize,
    /// Those that take part.
    pub scales: &'a [Taking],
    /// The PSF of each.
    pub psfs: Vec<Key>,
    /// The tables between them: the places of both in `scales`, and the lags from one entry to the next.
    pub tables: Vec<((usize, usize, u32), Key)>,
}

/// Lags from one entry of the table between two scales to the next: the wider one's kernel is smooth on its own grid, and
/// between two steps of half of it.
pub fn spacing(one: &Scale, other: &Scale) -> usize {
    (one.step.max(other.step) / 2).max(one.step.min(other.step)).max(1)
}

impl Wiring {
    /// The low frequencies of a scale's kernel.
    pub fn scale_transfer(&mut self, at: (usize, Numbered), layout: &Layout) -> Key {
        let (plane, (number, scale)) = at;
        let op = DeconvOp::ScaleTransfer(ScaleTransfer { layout: *layout, scale });
        self.task(key("transfer-scale", plane, number), op, vec![])
    }

    /// A PSF smoothed twice with a scale; `psf` is its transfer function, `kernel` the scale's.
    pub fn smooth_psf(&mut self, at: (usize, Numbered), layout: &Layout, psf: &[Key], kernel: &Key) -> Key {
        let (plane, (number, scale)) = at;
        let (layout, shape) = (*layout, self.cut.shape);
        let op = DeconvOp::ScaleTable(ScaleTable { layout, spacing: scale.step, shape, is_own: true });
        let inputs = psf.iter().chain([kernel]).cloned().collect();
        self.task(key("scale-table", plane, number), op, inputs)
    }

    /// What a component of one scale leaves at another: a PSF smoothed with the kernels of both (a point has none).
    pub fn scale_table(&mut self, at: (usize, [Numbered; 2]), layout: &Layout, psf: &[Key], kernels: &[Key]) -> Key {
        let (plane, [one, other]) = at;
        let (layout, shape, spacing) = (*layout, self.cut.shape, spacing(&one.1, &other.1));
        let op = DeconvOp::ScaleTable(ScaleTable { layout, spacing, shape, is_own: false });
        let inputs = psf.iter().chain(kernels).cloned().collect();
        self.task(key(&format!("scale-table-from{}", one.0), plane, other.0), op, inputs)
    }

    /// Kernels, PSFs and tables of scales: for each that is no point its kernel, its PSF, how high this still is near the
    /// edges of a PSF that falls short, of which `at.1` is the reach, and the tables from all before it.
    pub fn scale_family(
        &mut self,
        at: (usize, Option<[usize; 4]>),
        scales: &[Scale],
        layout: &Layout,
        psf: &[Key],
    ) -> Vec<Key> {
        let (plane, reach) = at;
        let (mut targets, mut kernels): (Vec<Key>, Vec<Option<Key>>) = (Vec::new(), Vec::new());
        for numbered in scales.iter().copied().enumerate() {
            if numbered.1.is_point() {
                kernels.push(None);
                continue;
            }
            let kernel = self.scale_transfer((plane, numbered), layout);
            let smooth = self.smooth_psf((plane, numbered), layout, psf, &kernel);
            targets.extend([kernel.clone(), smooth.clone()]);
            targets.extend(reach.map(|reach| {
                let op = DeconvOp::EdgeLevel(EdgeLevel { reach, step: numbered.1.step });
                self.task(key("edge-level", plane, numbered.0), op, vec![smooth])
            }));
            for (other, from) in kernels.iter().enumerate() {
                let both: Vec<Key> = from.iter().chain([&kernel]).cloned().collect();
                let pair = [(other, scales[other]), numbered];
                targets.push(self.scale_table((plane, pair), layout, psf, &both));
            }
            kernels.push(Some(kernel));
        }
        targets
    }

    /// The map of floors of a scale, its weights in units of that of the points.
    pub fn scale_floor(&mut self, at: (usize, usize), shortfall: Shortfall, from: (&Key, &[Key])) -> Key {
        let (points, model) = from;
        let op = DeconvOp::MapFloor(MapFloor { shortfall, shape: self.cut.shape, against: true });
        let inputs = std::iter::once(points).chain(model).cloned().collect();
        self.task(key(&format!("floor-scale{}", at.1), at.0, 0), op, inputs)
    }

    /// The residual smoothed with a scale, at the steps of its grid; `rows` are its row transforms.
    pub fn smooth(&mut self, at: (usize, Numbered), layout: &Layout, rows: &[Key], kernel: &Key) -> Vec<Key> {
        let (plane, (number, scale)) = at;
        let (step, (ny, nx)) = (scale.step, self.cut.shape);
        let (small, shape) = (layout.shrunk(step), (ny.div_ceil(step), nx.div_ceil(step)));
        let blocks: Vec<Key> = (0..small.blocks())
            .map(|block| {
                let op = DeconvOp::SmoothColumns(SmoothColumns { layout: *layout, step, block, ny: shape.0 });
                let inputs = rows.iter().chain([kernel]).cloned().collect();
                self.task(key(&format!("columns-smooth{number}"), plane, block), op, inputs)
            })
            .collect();
        let slabs = self.cut.slabs().into_iter().enumerate();
        slabs
            .map(|(index, rows)| {
                let rows = Rows { first: rows.first.div_ceil(step), last: rows.last.div_ceil(step) };
                let op = DeconvOp::SmoothRows(SmoothRows { layout: small, rows, shape });
                self.task(key(&format!("smooth-scale{number}"), plane, index), op, blocks.clone())
            })
            .collect()
    }

    /// Statistics of a plane smoothed with a scale: `keys` with the smooth residual and the scale's mask; `weights` are
    /// the noise of the residual itself, and the scale's map of floors if the PSF falls short.
    pub fn scale_statistics(&mut self, at: (usize, Numbered), keys: &PlaneKeys, weights: &[Key]) -> Key {
        let (plane, (number, scale)) = at;
        let (shape, grid, signs) = (self.cut.shape, scale.grid(), self.signs);
        let has_floor = weights.len() > 1 + usize::from(self.is_local(plane));
        let weighed = if weights.len() > 1 { weights } else { &[] };
        let mut inputs = weights.to_vec();
        for (index, rows) in self.cut.slabs().into_iter().enumerate() {
            let slab = [&keys.residual, &keys.mask, &keys.allowed].map(|slabs| slabs[index].clone());
            let all = slab.into_iter().chain(weighed.iter().cloned()).collect();
            let op = DeconvOp::Rank(Rank { rows, shape, grid, signs });
            inputs.push(self.task(key(&format!("rank-scale{number}"), plane, index), op, all));
        }
        let op = DeconvOp::Statistics(Statistics { floor: has_floor });
        self.task(key("statistics-scale", plane, number), op, inputs)
    }

    /// A minor cycle over several scales: what it found at each.
    pub fn minor_scales(&mut self, plane: usize, cut: ScalesCut<'_>) -> Key {
        let ScalesCut { rules, leaves, count, scales, psfs, tables } = cut;
        let mut inputs = Vec::new();
        for Taking { scale: (number, scale), keys, weights, lowest } in scales {
            let (grid, floor, shape) = (scale.grid(), *lowest, self.cut.shape);
            for (index, rows) in self.cut.slabs().into_iter().enumerate() {
                let slab = [&keys.residual[index], &keys.mask[index]];
                let all = slab.into_iter().chain(weights).cloned().collect();
                let op = DeconvOp::Select(Select { rows, shape, grid, signs: self.signs, floor });
                inputs.push(self.task(key(&format!("select-scale{number}"), plane, index), op, all));
            }
        }
        let (tables, keys): (Vec<_>, Vec<Key>) = tables.into_iter().unzip();
        inputs.extend(psfs.into_iter().chain(keys));
        let scales = scales.iter().map(|taking| taking.scale).collect();
        let slabs = self.cut.slabs().len();
        let op = DeconvOp::CleanScales(CleanScales { rules, leaves, scales, count, tables, slabs });
        self.task(key("minor-scales", plane, 0), op, inputs)
    }

    /// The model with the components of all scales added.
    pub fn add_shapes(&mut self, plane: usize, scales: &[Scale], model: &[Key], steps: &Key) -> Vec<Key> {
        let slabs = self.cut.slabs().into_iter().zip(model).enumerate();
        slabs
            .map(|(index, (rows, model))| {
                let op = DeconvOp::AddShapes(AddShapes { rows, scales: scales.to_vec() });
                self.task(key("shapes", plane, index), op, vec![steps.clone(), model.clone()])
            })
            .collect()
    }

    /// The components of a cycle together with those found before.
    pub fn merge_steps(&mut self, plane: usize, before: Option<Key>, steps: &Key) -> Key {
        let inputs = before.into_iter().chain([steps.clone()]).collect();
        self.task(key("found", plane, 0), DeconvOp::MergeSteps(MergeSteps), inputs)
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
        let (nx, dilate, least) = (self.cut.shape.1, growth.0 * scale.step, growth.1);
        let slabs: Vec<(usize, Rows)> = self.cut.slabs().into_iter().enumerate().collect();
        slabs
            .into_iter()
            .map(|(index, rows)| {
                let op = DeconvOp::MaskFound(MaskFound { rows, nx, dilate, number, least });
                let bright = scale.is_point().then(|| keys.model[index].clone());
                let inputs = [keys.allowed[index].clone(), found.clone()].into_iter().chain(bright).collect();
                self.task(key(&format!("mask-found-scale{number}"), plane, index), op, inputs)
            })
            .collect()
    }
}
