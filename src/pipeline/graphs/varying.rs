//! The graphs of an image that is seen with several PSFs (ALGORITHMS 9.1; Nagy & O'Leary 1998).

use super::{KernelCut, PlaneKeys, Wiring, key};
use crate::fft::Layout;
use crate::graph::Key;
use crate::images::{PsfGrid, PsfPeak};
use crate::pipeline::ops::{
    ConvolveSum, Correlate, DeconvOp, Kernel, PlacePsf, PsfPlane, Rows, WeightedRows, WeightedSum,
};
use crate::tiling::Tiles;

/// Several PSFs: where each holds, and the keys of its transfer function, a block each; all have one layout.
#[derive(Clone, Copy)]
pub struct VaryingKernel<'a> {
    /// Where each holds.
    pub grid: &'a PsfGrid,
    /// The transform.
    pub layout: &'a Layout,
    /// Transfer functions in the order of the grid.
    pub transfers: &'a [Vec<Key>],
}

/// The PSF that a plane is seen with, or all of the grid.
pub type Seen<'a> = (&'a [Key], Option<&'a PsfGrid>);

/// Number of the PSF that is nearest to the middle of a tile; without a grid the only one.
pub fn nearest(grid: Option<&PsfGrid>, tiles: Tiles, tile: usize) -> usize {
    let (rows, columns) = tiles.bounds(tile, 0);
    let middle = |range: std::ops::Range<usize>| (range.start + range.end) as f64 / 2.0;
    grid.map_or(0, |grid| grid.nearest(middle(rows), middle(columns)))
}

/// Whether rows have a row in common.
fn meet(rows: Rows, others: &std::ops::Range<usize>) -> bool {
    rows.first < others.end && others.start < rows.last
}

impl KernelCut {
    /// The same in a transform that is wide enough for another kernel too.
    pub fn widened(mut self, other: Self) -> Self {
        self.layout.ly = self.layout.ly.max(other.layout.ly);
        self.layout.lx = self.layout.lx.max(other.layout.lx);
        self
    }
}

impl Wiring {
    /// The peak of a PSF, moved to pixel `at` if that one stands for its place.
    pub fn place_psf(&mut self, psf: &PsfPlane, peak: PsfPeak, at: (usize, usize)) -> Key {
        let op = DeconvOp::PlacePsf(PlacePsf { psf: psf.clone(), peak, at });
        self.task(key("psf-place", psf.number, 0), op, vec![])
    }

    /// The exact residual of a model that is seen with a PSF, given its transfer function, or with all of a grid.
    pub fn seen_residual(
        &mut self,
        plane: usize,
        keys: &PlaneKeys,
        (layout, (transfers, grid)): (&Layout, (&[Vec<Key>], Option<&PsfGrid>)),
    ) -> Vec<Key> {
        match grid {
            Some(grid) => self.varying_residual(plane, keys, VaryingKernel { grid, layout, transfers }),
            None => self.residual(plane, keys, layout, (Kernel::Transfer, &transfers[0])),
        }
    }

    /// The exact residual of a model that is seen with several PSFs: `dirty - sum_i h_i (*) (w_i model)`.
    pub fn varying_residual(&mut self, plane: usize, keys: &PlaneKeys, kernel: VaryingKernel<'_>) -> Vec<Key> {
        let blocks = self.convolve_varying(plane, &keys.model, kernel);
        let dirty = keys.dirty.iter().enumerate();
        dirty
            .map(|(index, dirty)| {
                let inputs = std::iter::once(dirty).chain(&blocks).cloned().collect();
                self.residual_slab(plane, index, kernel.layout, inputs)
            })
            .collect()
    }

    /// `sum_i h_i (*) (w_i x)`, block by block; of each PSF only the slabs where it holds are transformed.
    pub fn convolve_varying(&mut self, plane: usize, image: &[Key], kernel: VaryingKernel<'_>) -> Vec<Key> {
        let VaryingKernel { grid, layout, transfers } = kernel;
        let slabs = self.cut.slabs();
        let mut parts: Vec<(usize, Vec<Key>)> = Vec::new();
        for psf in 0..grid.len() {
            let own = slabs.iter().zip(image).enumerate().filter(|(_, (rows, _))| meet(**rows, &grid.rows(psf)));
            let mut rows_of = Vec::new();
            for (index, (rows, slab)) in own {
                let op = WeightedRows { layout: *layout, rows: *rows, psf, grid: grid.clone() };
                let key = key(&format!("weighted-rows{psf}"), plane, index);
                rows_of.push(self.task(key, DeconvOp::WeightedRows(op), vec![slab.clone()]));
            }
            if !rows_of.is_empty() {
                parts.push((psf, rows_of));
            }
        }
        let counts: Vec<usize> = parts.iter().map(|(_, rows)| rows.len()).collect();
        (0..layout.blocks())
            .map(|block| {
                let inputs = parts.iter().flat_map(|(psf, rows)| rows.iter().chain([&transfers[*psf][block]]));
                let inputs = inputs.cloned().collect();
                let op = ConvolveSum { layout: *layout, block, ny: self.cut.shape.0, slabs: counts.clone() };
                self.task(key("columns-sum", plane, block), DeconvOp::ConvolveSum(op), inputs)
            })
            .collect()
    }

    /// The adjoint of [`Self::convolve_varying`], slab by slab: `sum_i w_i (h_i correlated with y)`; `image` are slabs.
    pub fn correlate_varying(&mut self, plane: usize, image: &[Key], kernel: VaryingKernel<'_>) -> Vec<Key> {
        let VaryingKernel { grid, layout, transfers } = kernel;
        let rows = self.field_rows("rows-adjoint", plane, image, layout);
        let mut correlated: Vec<Vec<Key>> = Vec::new();
        for (psf, transfer) in transfers.iter().enumerate() {
            let own = transfer.iter().enumerate().map(|(block, transfer)| {
                let inputs = rows.iter().chain([transfer]).cloned().collect();
                let op = Correlate { layout: *layout, block, ny: self.cut.shape.0, slabs: rows.len() };
                self.task(key(&format!("correlate{psf}"), plane, block), DeconvOp::Correlate(op), inputs)
            });
            correlated.push(own.collect());
        }
        let slabs = self.cut.slabs().into_iter().enumerate();
        slabs
            .map(|(index, rows)| {
                let psfs: Vec<usize> = (0..grid.len()).filter(|psf| meet(rows, &grid.rows(*psf))).collect();
                let inputs = psfs.iter().flat_map(|psf| correlated[*psf].iter().cloned()).collect();
                let shape = self.cut.shape;
                let op = WeightedSum { layout: *layout, rows, shape, psfs, grid: grid.clone() };
                self.task(key("weighted-sum", plane, index), DeconvOp::WeightedSum(op), inputs)
            })
            .collect()
    }
}
