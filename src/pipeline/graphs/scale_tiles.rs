//! The graph of a minor cycle over several scales in tiles, as that of points: one floor, lists, a loop for each tile.

use super::{Family, ScalesCut, Taking, TiledStep, Wiring, key};
use crate::algorithms::{SCALES_DEPTH, Scale, TILE_DEPTH};
use crate::graph::Key;
use crate::pipeline::ops::{CleanScales, DeconvOp, MergeSteps, Rows, ScalesTile, TileFloor};
use crate::tiling::Tiles;

impl Wiring {
    /// A minor cycle over several scales on tiles side by side; `residual` is not smoothed, `family` gives the PSFs of a tile,
    /// and the last of the cut are the tiles that take smaller steps.
    pub fn tiled_scales<'a>(
        &mut self,
        (plane, residual): (usize, &[Key]),
        (tiles, cut, safe): (Tiles, ScalesCut<'_>, &[usize]),
        family: impl Fn(usize) -> &'a Family,
    ) -> TiledStep {
        let ScalesCut { rules, scales, .. } = cut;
        let seams = self.seams(plane, residual, tiles);
        let mut ranks = Vec::new();
        for Taking { scale: (number, scale), keys, weights, .. } in scales {
            let what = (tiles, &*format!("-scale{number}"), *scale);
            ranks.extend(self.tile_ranks(plane, keys, (&seams, weights), what));
        }
        let op = DeconvOp::TileFloor(TileFloor { tiles, rules, safe: safe.to_vec() });
        let rules = self.task(key("tile-floor", plane, 0), op, ranks);
        // points alone are cleaned as `clean` does
        let share = if scales.len() > 1 { SCALES_DEPTH } else { TILE_DEPTH };
        let mut lists = Vec::new();
        for Taking { scale: (number, scale), keys, weights, .. } in scales {
            let what = (&*format!("-scale{number}"), *scale, share);
            lists.push(self.tile_lists(plane, keys, (&rules, weights), what));
        }
        let around = (&rules, &seams, &lists[..]);
        let steps = (0..tiles.count())
            .map(|tile| self.scales_tile((plane, tile), (tiles, cut), around, family(tile)))
            .collect();
        let step = self.task(key("found-tiles", plane, 0), DeconvOp::MergeSteps(MergeSteps), steps);
        TiledStep { step, rules, seams }
    }

    /// The loop of one tile: it reads the lists of the slabs that it touches, those of wide scales from farther around.
    fn scales_tile(
        &mut self,
        (plane, tile): (usize, usize),
        (tiles, cut): (Tiles, ScalesCut<'_>),
        around: (&Key, &Key, &[Vec<Key>]),
        family: &Family,
    ) -> Key {
        let (rules, seams, lists) = around;
        let mut inputs = vec![rules.clone(), seams.clone()];
        let slabs = self.cut.slabs();
        let mut counts = Vec::new();
        for (Taking { scale: (_, scale), .. }, lists) in cut.scales.iter().zip(lists) {
            let (rows, _) = tiles.bounds(tile, scale.tile_margin());
            let touched = |slab: &Rows| slab.first < rows.end && rows.start < slab.last;
            let own = slabs.iter().zip(lists).filter(|(slab, _)| touched(slab));
            let before = inputs.len();
            inputs.extend(own.map(|(_, list)| list.clone()));
            counts.push(inputs.len() - before);
        }
        inputs.extend(family.psfs.iter().cloned());
        inputs.extend(family.tables.iter().map(|(_, key)| key.clone()));
        let scales: Vec<(usize, Scale)> = cut.scales.iter().map(|taking| taking.scale).collect();
        let tables = family.tables.iter().map(|(about, _)| *about).collect();
        let clean = CleanScales { rules: cut.rules, leaves: cut.leaves, scales, count: cut.count, tables, slabs: 0 };
        self.task(
            key("minor-scales", plane, tile),
            DeconvOp::ScalesTile(ScalesTile { clean, lists: counts, tile }),
            inputs,
        )
    }
}
