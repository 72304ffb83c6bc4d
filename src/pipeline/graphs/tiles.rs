//! The graph of a minor cycle in tiles: `peaks -> floor -> minor(tile) -> all components`, with the seams before.
//!
//! The floor is a value on an edge: all tiles clean down to one level. Each reads the lists of its own slabs and the PSF as
//! far as its own pixels reach.

use super::{MinorCut, PlaneKeys, Taking, Wiring, key};
use crate::algorithms::{MinorRules, Patch, Scale, TILE_DEPTH, TILE_MARGIN};
use crate::graph::Key;
use crate::images::PsfPeak;
use crate::pipeline::ops::{
    CropColumns, DeconvOp, DrawSeams, LeaveTiles, MakePsf, MergeSteps, MinorTile, PsfPlane, RankTiles, Rows,
    SeamColumns, SeamRows, Select, SelectAbove, TileFloor,
};
use crate::tiling::Tiles;

/// A minor cycle in tiles.
pub struct TiledStep {
    /// What all tiles found.
    pub step: Key,
    /// The floor that they went down to.
    pub rules: Key,
    /// Where they meet.
    pub seams: Key,
}

impl Wiring {
    /// A minor cycle on tiles side by side; the arguments are those of [`Wiring::minor`], with a PSF for each tile,
    /// and the tiles that take smaller steps.
    pub fn tiled_minor<'a>(
        &mut self,
        plane: usize,
        keys: &PlaneKeys,
        around: (&[Key], impl Fn(usize) -> &'a Key),
        cycle: (Tiles, MinorCut, &[usize]),
    ) -> TiledStep {
        let ((weights, psf), (tiles, cut, safe)) = (around, cycle);
        let seams = self.seams(plane, &keys.residual, tiles);
        let ranks = self.tile_ranks(plane, keys, (&seams, weights), (tiles, "", Scale::POINT));
        let op = DeconvOp::TileFloor(TileFloor { tiles, rules: cut.rules, safe: safe.to_vec() });
        let rules = self.task(key("tile-floor", plane, 0), op, ranks);
        let lists = self.tile_lists(plane, keys, (&rules, weights), ("", Scale::POINT, TILE_DEPTH));
        let slabs = self.cut.slabs();
        let minor = |(wiring, tile): (&mut Self, usize)| {
            let (rows, _) = tiles.bounds(tile, TILE_MARGIN);
            let touched = |slab: &Rows| slab.first < rows.end && rows.start < slab.last;
            let own = slabs.iter().zip(&lists).filter(|(slab, _)| touched(slab)).map(|(_, list)| list);
            let inputs = [&rules, &seams].into_iter().chain(own).chain([psf(tile)]).cloned().collect();
            let MinorCut { minor, rules } = cut;
            wiring.task(key("minor", plane, tile), DeconvOp::MinorTile(MinorTile { minor, rules, tile }), inputs)
        };
        let steps: Vec<Key> = (0..tiles.count()).map(|tile| minor((&mut *self, tile))).collect();
        let step = self.task(key("found-tiles", plane, 0), DeconvOp::MergeSteps(MergeSteps), steps);
        TiledStep { step, rules, seams }
    }

    /// The peak of each tile over all scales, as the seams of a cycle have it: rules of which nothing else counts.
    pub fn tile_peaks(&mut self, plane: usize, scales: &[Taking], seams: &Key, tiles: Tiles) -> Key {
        let mut ranks = Vec::new();
        for Taking { scale: (number, scale), keys, weights, .. } in scales {
            let what = (tiles, &*format!("-peaks{number}"), *scale);
            ranks.extend(self.tile_ranks(plane, keys, (seams, weights), what));
        }
        let (patch, signs, asp) = (Patch::default(), self.signs, <_>::default());
        let rules = MinorRules { gain: 0.0, floor: 0.0, niter: 0, patch, signs, asp };
        let op = DeconvOp::TileFloor(TileFloor { tiles, rules, safe: Vec::new() });
        self.task(key("tile-peaks", plane, 0), op, ranks)
    }

    /// Where components may stand without some tiles; `name` tells these rows from others of the graph.
    pub fn leave_tiles(&mut self, plane: usize, rows: (&str, &[Key]), seams: &Key, tiles: &[usize]) -> Vec<Key> {
        let nx = self.cut.shape.1;
        let slabs = self.cut.slabs().into_iter().zip(rows.1).enumerate();
        slabs
            .map(|(index, (slab, allowed))| {
                let op = DeconvOp::LeaveTiles(LeaveTiles { rows: slab, nx, tiles: tiles.to_vec() });
                self.task(key(rows.0, plane, index), op, vec![seams.clone(), allowed.clone()])
            })
            .collect()
    }

    /// Least-cost seams through the residual.
    pub(super) fn seams(&mut self, plane: usize, residual: &[Key], tiles: Tiles) -> Key {
        let slabs: Vec<_> = self.cut.slabs().into_iter().zip(residual).collect();
        let mut inputs: Vec<Key> = Vec::new();
        if tiles.grid().1 > 1 {
            for (index, (rows, slab)) in slabs.iter().enumerate() {
                let from = std::iter::once((*slab).clone()).chain(inputs.last().cloned()).collect();
                let op = DeconvOp::SeamRows(SeamRows { tiles, rows: *rows });
                inputs.push(self.task(key("seam-rows", plane, index), op, from));
            }
        }
        for (seam, band) in tiles.bands_of_rows().into_iter().enumerate() {
            let touched = slabs.iter().filter(|(slab, _)| slab.first < band.end && band.start < slab.last);
            let touched: Vec<_> = touched.collect();
            let first = touched[0].0.first;
            let from = touched.into_iter().map(|(_, slab)| (*slab).clone()).collect();
            let op = DeconvOp::SeamColumns(SeamColumns { tiles, seam, first });
            inputs.push(self.task(key("seam-columns", plane, seam), op, from));
        }
        self.task(key("seams", plane, 0), DeconvOp::DrawSeams(DrawSeams { tiles }), inputs)
    }

    /// What stands out of a residual that is smoothed with a scale, slab by slab; `around` are the seams and the weights,
    /// `what.1` tells the scale from others.
    pub(super) fn tile_ranks(
        &mut self,
        plane: usize,
        keys: &PlaneKeys,
        around: (&Key, &[Key]),
        what: (Tiles, &str, Scale),
    ) -> Vec<Key> {
        let ((seams, weights), (tiles, name, scale)) = (around, what);
        // without a map of floors nothing is weighed
        let weighed = if weights.len() > 1 { weights } else { &[] };
        let slabs = self.cut.slabs().into_iter().enumerate();
        slabs
            .map(|(index, rows)| {
                let bounds = (0..tiles.count()).map(|tile| tiles.bounds(tile, 0).0);
                let most = bounds.filter(|tile| tile.start < rows.last && rows.first < tile.end).count();
                let slab = [seams, &keys.residual[index], &keys.mask[index]];
                let inputs = slab.into_iter().chain(weighed).cloned().collect();
                let (shape, signs) = (self.cut.shape, self.signs);
                let op = DeconvOp::RankTiles(RankTiles { rows, shape, scale, signs, most });
                self.task(key(&format!("tile-rank{name}"), plane, index), op, inputs)
            })
            .collect()
    }

    /// The lists of a residual that is smoothed with a scale, slab by slab, down to a share of the tiles' floor; `around` are
    /// the tiles' rules and the weights.
    pub(super) fn tile_lists(
        &mut self,
        plane: usize,
        keys: &PlaneKeys,
        around: (&Key, &[Key]),
        what: (&str, Scale, f32),
    ) -> Vec<Key> {
        let ((rules, weights), (name, scale, share)) = (around, what);
        let shape = self.cut.shape;
        let slabs = self.cut.slabs().into_iter().enumerate();
        slabs
            .map(|(index, rows)| {
                let slab = [rules, &keys.residual[index], &keys.mask[index]];
                let inputs = slab.into_iter().chain(weights).cloned().collect();
                let select = Select { rows, shape, grid: scale.grid(), signs: self.signs, floor: 0.0 };
                let op = DeconvOp::SelectAbove(SelectAbove { select, share: share / scale.bias });
                self.task(key(&format!("tile-select{name}"), plane, index), op, inputs)
            })
            .collect()
    }

    /// The part of a PSF within `reach` pixels of its peak, for loops that meet no greater distance.
    pub fn psf_within(&mut self, psf: &PsfPlane, peak: PsfPeak, reach: (usize, usize)) -> Key {
        let (rows, columns) = peak.kept(reach.0 + 1, reach.1 + 1);
        let cut = PsfPeak {
            shape: (rows.len(), columns.len()),
            centre: (peak.centre.0 - rows.start, peak.centre.1 - columns.start),
            ..peak
        };
        let slabs: Vec<Rows> = Rows::cut(rows.len(), self.cut.slab);
        let parts = slabs.into_iter().enumerate().map(|(index, slab)| {
            let slab = Rows { first: rows.start + slab.first, last: rows.start + slab.last };
            let read = self.read(key("read-near", psf.number, index), (&psf.source, psf.plane), slab);
            let op = DeconvOp::CropColumns(CropColumns { columns: columns.clone().into(), width: psf.shape().1 });
            self.task(key("crop", psf.number, index), op, vec![read])
        });
        let parts = parts.collect();
        self.task(key("psf", psf.number, 0), DeconvOp::MakePsf(MakePsf { peak: cut }), parts)
    }
}
