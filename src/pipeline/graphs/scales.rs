//! The graphs of multiscale CLEAN: kernels of the scales and tables between them, smooth residuals, the minor cycle.

use super::{PlaneKeys, Rows, Wiring, key};
use crate::algorithms::{MinorRules, Scale, Shortfall, table_blocks, table_reach};
use crate::fft::Layout;
use crate::graph::Key;
use crate::images::PsfPeak;
use crate::pipeline::ops::{
    AddShapes, CleanScales, DeconvOp, EdgeLevel, MapFloor, MaskFound, MergeSteps, Rank, ScaleTable, ScaleTransfer,
    Select, SmoothColumns, SmoothRows, Statistics, TableColumns,
};
use crate::tiling::Tiles;

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

/// The PSF of each scale that takes part, and the tables between them.
#[derive(Clone, Default)]
pub struct Family {
    /// The PSFs.
    pub psfs: Vec<Key>,
    /// The tables: the places of both scales among those that take part, and the lags from one entry to the next.
    pub tables: Vec<((usize, usize, u32), Key)>,
}

/// Kernels, PSFs and tables of scales to be wired.
#[derive(Clone, Copy)]
pub struct FamilyCut<'a> {
    /// The scales.
    pub scales: &'a [Scale],
    /// The PSF's transform.
    pub layout: &'a Layout,
    /// Where the PSF peaks, and how far it reaches from there.
    pub psf: PsfPeak,
    /// How far a PSF reaches that falls short.
    pub reach: Option<[usize; 4]>,
    /// The tiles that it is used in.
    pub tiles: Option<Tiles>,
}

impl FamilyCut<'_> {
    /// The shape whose pixels are no farther apart than those that meet in a table between these scales.
    pub fn extent(&self, whole: (usize, usize), scales: [&Scale; 2]) -> (usize, usize) {
        let (ny, nx) = self.support(whole, scales);
        let margin = scales.map(Scale::tile_margin).into_iter().max().unwrap_or(0);
        self.tiles.map_or((ny, nx), |tiles| {
            let (down, across) = tiles.reach(margin);
            (ny.min(down + 1), nx.min(across + 1))
        })
    }

    /// The same without tiles: beyond what the PSF and both kernels reach a table is 0.
    fn support(&self, whole: (usize, usize), scales: [&Scale; 2]) -> (usize, usize) {
        let (down, across) = self.psf.reach(whole.0, whole.1);
        let kernels: usize = scales.map(Scale::reach).into_iter().sum();
        (whole.0.min(down + kernels + 1), whole.1.min(across + kernels + 1))
    }
}

/// A table to be wired.
struct TableCut {
    /// Name, plane and number.
    key: Key,
    /// What the keys of its blocks begin with.
    columns: String,
    /// The scales.
    scales: [Scale; 2],
    /// Lags from one entry to the next.
    spacing: usize,
    /// The shape whose pixels meet in it.
    shape: (usize, usize),
    /// Whether it is that of one scale, normalised.
    is_own: bool,
}

/// A minor cycle over scales to be wired.
#[derive(Clone, Copy)]
pub struct ScalesCut<'a> {
    /// How far it goes.
    pub rules: MinorRules,
    /// Share of its peak that a scale's turn leaves while others wait.
    pub leaves: f32,
    /// How many scales there are.
    pub count: usize,
    /// Those that take part.
    pub scales: &'a [Taking],
}

/// Lags from one entry of the table between two scales to the next: the wider one's kernel is smooth on its own grid, and
/// between two steps of half of it.
pub fn spacing(one: &Scale, other: &Scale) -> usize {
    (one.step.max(other.step) / 2).max(one.step.min(other.step)).max(1)
}

impl Wiring {
    /// The low frequencies of a scale's kernel, block by block.
    pub fn scale_transfer(&mut self, at: (usize, Numbered), layout: &Layout) -> Vec<Key> {
        let (plane, (number, scale)) = at;
        (0..layout.shrunk(scale.step).blocks())
            .map(|block| {
                let op = DeconvOp::ScaleTransfer(ScaleTransfer { layout: *layout, scale, block });
                self.task(key(&format!("transfer-scale{number}"), plane, block), op, vec![])
            })
            .collect()
    }

    /// A table, given the PSF's transfer function and the kernels of its scales.
    fn table(&mut self, plane: usize, cut: &FamilyCut<'_>, table: TableCut, of: (&[Key], &[&[Key]])) -> Key {
        let (layout, (psf, kernels)) = (*cut.layout, of);
        let TableCut { key: name, columns, scales, spacing, shape, is_own } = table;
        let reach = table_reach(&layout, spacing, shape);
        let blocks = (0..table_blocks(&layout, spacing, scales.iter().map(|scale| scale.step)))
            .map(|block| {
                let op = TableColumns { layout, spacing, block, up: reach.0, is_own };
                let inputs = std::iter::once(&psf[block]).chain(kernels.iter().map(|kernel| &kernel[block]));
                let inputs = inputs.cloned().collect();
                self.task(key(&columns, plane, block), DeconvOp::TableColumns(op), inputs)
            })
            .collect();
        self.task(name, DeconvOp::ScaleTable(ScaleTable { layout, spacing, reach, is_own }), blocks)
    }

    /// A PSF smoothed twice with a scale; `psf` are its transfer function and the scale's kernel. `name` tells it from others.
    fn smooth_psf(&mut self, at: (usize, Numbered), cut: &FamilyCut<'_>, of: (&[Key], &[Key]), name: &str) -> Key {
        let ((plane, (number, scale)), whole) = (at, self.cut.shape);
        let extent = if name.is_empty() { cut.extent(whole, [&scale; 2]) } else { cut.support(whole, [&scale; 2]) };
        let table = TableCut {
            key: key(&format!("scale-table{name}"), plane, number),
            columns: format!("table-columns{number}{name}"),
            scales: [scale; 2],
            spacing: scale.step,
            shape: extent,
            is_own: true,
        };
        self.table(plane, cut, table, (of.0, &[of.1]))
    }

    /// What a component of one scale leaves at another: a PSF smoothed with the kernels of both (a point has none).
    fn scale_table(&mut self, at: (usize, [Numbered; 2]), cut: &FamilyCut<'_>, of: (&[Key], &[&[Key]])) -> Key {
        let (plane, [one, other]) = at;
        let table = TableCut {
            key: key(&format!("scale-table-from{}", one.0), plane, other.0),
            columns: format!("table-columns{}-from{}", other.0, one.0),
            scales: [one.1, other.1],
            spacing: spacing(&one.1, &other.1),
            shape: cut.extent(self.cut.shape, [&one.1, &other.1]),
            is_own: false,
        };
        self.table(plane, cut, table, of)
    }

    /// Kernels, PSFs and tables of scales, given a PSF's transfer function: for each that is no point its kernel, its PSF, how
    /// high this still is near the edges of a PSF that falls short, and the tables from all before it.
    pub fn scale_family(&mut self, plane: usize, cut: &FamilyCut<'_>, psf: &[Key]) -> Vec<Key> {
        let (mut targets, mut kernels): (Vec<Key>, Vec<Option<Vec<Key>>>) = (Vec::new(), Vec::new());
        for numbered in cut.scales.iter().copied().enumerate() {
            if numbered.1.is_point() {
                kernels.push(None);
                continue;
            }
            let kernel = self.scale_transfer((plane, numbered), cut.layout);
            let smooth = self.smooth_psf((plane, numbered), cut, (psf, &kernel), "");
            targets.extend(kernel.iter().chain([&smooth]).cloned());
            if let Some(reach) = cut.reach {
                // that of a tile does not come to the PSF's edge
                let (whole, both) = (self.cut.shape, [&numbered.1; 2]);
                let is_whole = cut.extent(whole, both) == cut.support(whole, both);
                let own = (plane, numbered);
                let whole = if is_whole { smooth } else { self.smooth_psf(own, cut, (psf, &kernel), "-whole") };
                let op = DeconvOp::EdgeLevel(EdgeLevel { reach, step: numbered.1.step });
                targets.push(self.task(key("edge-level", plane, numbered.0), op, vec![whole]));
            }
            for (other, from) in kernels.iter().enumerate() {
                let both: Vec<&[Key]> = from.iter().chain([&kernel]).map(Vec::as_slice).collect();
                let pair = [(other, cut.scales[other]), numbered];
                targets.push(self.scale_table((plane, pair), cut, (psf, &both)));
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

    /// The residual smoothed with a scale, at the steps of its grid; `rows` are its row transforms, `kernel` the blocks of the
    /// scale's kernel.
    pub fn smooth(&mut self, at: (usize, Numbered), layout: &Layout, rows: &[Key], kernel: &[Key]) -> Vec<Key> {
        let (plane, (number, scale)) = at;
        let (step, (ny, nx)) = (scale.step, self.cut.shape);
        let (small, shape) = (layout.shrunk(step), (ny.div_ceil(step), nx.div_ceil(step)));
        let blocks: Vec<Key> = (0..small.blocks())
            .map(|block| {
                let (ny, slabs) = (shape.0, rows.len());
                let op = DeconvOp::SmoothColumns(SmoothColumns { layout: *layout, step, block, ny, slabs });
                let inputs = rows.iter().chain([&kernel[block]]).cloned().collect();
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
    pub fn minor_scales(&mut self, plane: usize, cut: ScalesCut<'_>, family: Family) -> Key {
        let (ScalesCut { rules, leaves, count, scales }, Family { psfs, tables }) = (cut, family);
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
    /// also where the model reaches `growth.1` \[Jy/pixel\], but only where the restored image stands out, if that is told.
    pub fn mask_found(
        &mut self,
        at: (usize, Numbered),
        keys: &PlaneKeys,
        (found, standing): (&Key, &[Key]),
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
                let bright = bright.into_iter().chain(standing.get(index).filter(|_| scale.is_point()).cloned());
                let inputs = [keys.allowed[index].clone(), found.clone()].into_iter().chain(bright).collect();
                self.task(key(&format!("mask-found-scale{number}"), plane, index), op, inputs)
            })
            .collect()
    }
}
