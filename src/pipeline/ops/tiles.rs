//! Minor cycles on tiles side by side: what stands out in each, the floor of all, their lists, their loops.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::measure::Weights;
use super::{OpError, Rows, Select, Value, Work};
use crate::algorithms::{Minor, MinorRules, MinorView, Psfs, Scale, Signs, Step, TILE_MARGIN, TileRank, TileRules};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::Mask;
use crate::kernels::list::ActiveList;
use crate::tiling::Tiles;

/// Bytes of what is known of a tile: its levels above all.
const RANK_BYTES: u64 = 8300;

/// Finds what stands out of a slab in each tile that it touches; inputs: the seams, residual rows, where components may
/// stand now; the plane's noise and the map of floors if the PSF falls short.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RankTiles {
    /// The slab's rows.
    pub rows: Rows,
    /// Shape of the plane, `(ny, nx)`.
    pub shape: (usize, usize),
    /// The scale that the residual is smoothed with; its pixels lie on the scale's grid, and count by its bias.
    pub scale: Scale,
    /// Signs that count.
    pub signs: Signs,
    /// Tiles that it may touch at the most.
    pub most: usize,
}

impl Work for RankTiles {
    const KIND: &'static str = "tile-rank";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let output_bytes = RANK_BYTES * self.most as u64;
        Cost { flops: inputs[1].bytes as f64, output_bytes, scratch_bytes: output_bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (seams, residual, allowed) = (inputs[0].seams(), inputs[1].residual(), inputs[2].allowed());
        let ((ny, nx), first, grid) = (self.shape, self.rows.first, self.scale.grid());
        let mut weights = Weights::new(&inputs[3..], first, nx);
        let mut labels = vec![0; nx];
        let mut ranks: Vec<Option<Box<TileRank>>> = vec![None; seams.tiles().count()];
        for y in 0..self.rows.len() {
            let weights = weights.next_row();
            if !grid.holds(first + y, ny) {
                continue;
            }
            let row = residual.pixels().row((first + y) / grid.step - first.div_ceil(grid.step));
            seams.label(first + y, &mut labels);
            let allowed = allowed.as_ref().map(|mask| mask.row(y));
            for x in grid.along(nx).filter(|x| allowed.is_none_or(|allowed| allowed[*x])) {
                let height = self.scale.bias * self.signs.height(row[x / grid.step]) * weights[x];
                let tile = labels[x] as usize;
                let new = || Box::new(TileRank { tile, ..TileRank::default() });
                let rank = ranks[tile].get_or_insert_with(new);
                rank.peak = rank.peak.max(height);
                rank.levels.add(height);
            }
        }
        Ok(Value::TileRanks(ranks.into_iter().flatten().map(|rank| *rank).collect()))
    }
}

/// The floor of all tiles, and the components that each may take; inputs: the ranks of every slab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TileFloor {
    /// The grid.
    pub tiles: Tiles,
    /// What they keep to together.
    pub rules: MinorRules,
    /// Tiles that take smaller steps.
    pub safe: Vec<usize>,
}

impl Work for TileFloor {
    const KIND: &'static str = "tile-floor";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs.iter().map(|meta| meta.bytes).sum();
        let tiles = self.tiles.count() as u64;
        Cost {
            flops: bytes as f64,
            output_bytes: 12 * tiles + 8 * self.safe.len() as u64,
            scratch_bytes: 2 * RANK_BYTES * tiles,
        }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let ranks = inputs.iter().flat_map(|slab| slab.tile_ranks().iter().cloned());
        Ok(Value::TileRules(TileRules::new(self.tiles.count(), &self.rules, ranks).with_safe(&self.safe)))
    }
}

/// Lists the pixels that may rise above the floor of the tiles; inputs: their rules, then those of [`Select`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SelectAbove {
    /// What is selected; its floor does not count.
    pub select: Select,
    /// Share of the tiles' floor down to which pixels are listed.
    pub share: f32,
}

impl Work for SelectAbove {
    const KIND: &'static str = "tile-select";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        self.select.cost(&inputs[1..])
    }

    fn run(&self, inputs: &[Arc<Value>], context: &TaskContext) -> Result<Value, OpError> {
        let floor = self.share * inputs[0].tile_rules().floor;
        Select { floor, ..self.select.clone() }.run(&inputs[1..], context)
    }
}

/// Runs the minor cycle of one tile; inputs: the rules of the tiles, the seams, the lists of the slabs that the tile and
/// its margin can touch, the PSF as far as they reach.
///
/// Pixels within [`TILE_MARGIN`] of the tile are cleaned with it, and what is found there is left to their own tile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MinorTile {
    /// Which loop.
    pub minor: Minor,
    /// How far it goes; floor and components are those of the tiles.
    pub rules: MinorRules,
    /// The tile.
    pub tile: usize,
}

impl Work for MinorTile {
    const KIND: &'static str = "minor";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs[2..inputs.len() - 1].iter().map(|meta| meta.bytes).sum();
        // a guess: the number of components is not known before
        Cost { flops: 20.0 * bytes as f64, output_bytes: bytes / 8, scratch_bytes: 2 * bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], context: &TaskContext) -> Result<Value, OpError> {
        let (rules, seams) = (inputs[0].tile_rules(), inputs[1].seams());
        let (lists, psf) = (&inputs[2..inputs.len() - 1], inputs[inputs.len() - 1].psf());
        let mut list = ActiveList::default();
        for part in lists.iter().map(|list| list.active()) {
            for index in 0..part.len() {
                let (y, x) = (part.y[index] as usize, part.x[index] as usize);
                if seams.is_near(self.tile, TILE_MARGIN, (y, x)) {
                    list.push((y, x), part.value[index], part.weight[index]);
                }
            }
        }
        let rules = rules.of(self.tile, &self.rules);
        if list.is_empty() || rules.niter == 0 {
            return Ok(Value::Step(Step::default()));
        }
        let mut step = self.minor.cycle().run(MinorView::List(list), &Psfs::one(psf), &rules, &context.cancel);
        let all = step.iterations;
        step.keep(|component| seams.tile_of(component.y, component.x) == self.tile);
        if all >= rules.niter {
            // a tile that uses up its share counts all of it, so that the plane comes to its limit
            step.iterations = all;
        }
        Ok(Value::Step(step))
    }
}

/// Takes tiles out of where components may stand; inputs: the seams, where they may in a slab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeaveTiles {
    /// The slab.
    pub rows: Rows,
    /// Columns of the plane.
    pub nx: usize,
    /// The tiles.
    pub tiles: Vec<usize>,
}

impl Work for LeaveTiles {
    const KIND: &'static str = "leave-tiles";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let pixels = (self.rows.len() * self.nx) as u64;
        Cost { flops: pixels as f64, output_bytes: pixels, scratch_bytes: 4 * self.nx as u64 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (seams, allowed) = (inputs[0].seams(), inputs[1].allowed());
        let mut labels = vec![0; self.nx];
        let mut flags = Vec::with_capacity(self.rows.len() * self.nx);
        for (y, row) in self.rows.range().enumerate() {
            seams.label(row, &mut labels);
            let allowed = allowed.as_ref().map(|mask| mask.row(y));
            let stays = |x: usize| allowed.is_none_or(|row| row[x]) && !self.tiles.contains(&(labels[x] as usize));
            flags.extend((0..self.nx).map(stays));
        }
        Ok(Value::Allowed(Mask::from_flags((self.rows.len(), self.nx), flags)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiling::Seams;

    #[test]
    fn tiles_that_are_left_hold_no_components_and_the_others_what_they_held() {
        let seams = Seams::new(Tiles::of_grid((6, 8), (1, 2)), vec![vec![1; 6]], Vec::new());
        let held = Mask::from_flags((2, 8), (0..16).map(|index| index != 1).collect()).unwrap();
        let op = LeaveTiles { rows: Rows { first: 3, last: 5 }, nx: 8, tiles: vec![1] };
        let of = |allowed: Option<Mask>| {
            let inputs = [Arc::new(Value::Seams(seams.clone())), Arc::new(Value::Allowed(allowed))];
            op.run(&inputs, &TaskContext::default()).unwrap().allowed().clone().unwrap()
        };
        for ((y, x), before) in (0..2).flat_map(|y| (0..8).map(move |x| (y, x))).map(|at| (at, held.allows(at.0, at.1)))
        {
            let stays = seams.tile_of(3 + y, x) == 0;
            assert_eq!(of(None).allows(y, x), stays);
            assert_eq!(of(Some(held.clone())).allows(y, x), stays && before);
        }
        assert!(of(None).count() > 0 && of(None).count() < 16);
    }
}
