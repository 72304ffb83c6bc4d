//! The minor cycle over several scales in one tile.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{CleanScales, OpError, Value, Work};
use crate::algorithms::{Scale, Step, Steps};
use crate::graph::{Cost, Meta, TaskContext};
use crate::kernels::list::ActiveList;
use crate::tiling::Seams;

/// Runs the minor cycle of one tile over several scales; inputs: the rules of the tiles, the seams, of each scale the lists
/// of the slabs that the tile and the scale's margin can touch, the PSF of each scale, the tables between scales.
///
/// A scale's pixels within its margin of the tile ([`Scale::tile_margin`]) are cleaned with it, and what is found there is
/// left to their own tile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScalesTile {
    /// The cycle; floor and components are those of the tiles.
    pub clean: CleanScales,
    /// Number of lists of each scale.
    pub lists: Vec<usize>,
    /// The tile.
    pub tile: usize,
}

impl Work for ScalesTile {
    const KIND: &'static str = "minor-scales";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let lists = &inputs[2..2 + self.lists.iter().sum::<usize>()];
        let bytes: u64 = lists.iter().map(|meta| meta.bytes).sum();
        // a guess: the number of components is not known before
        Cost { flops: 20.0 * bytes as f64, output_bytes: bytes / 8, scratch_bytes: 4 * bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], context: &TaskContext) -> Result<Value, OpError> {
        let (rules, seams) = (inputs[0].tile_rules(), inputs[1].seams());
        let (mut rest, mut lists) = (&inputs[2..], Vec::new());
        for ((_, scale), count) in self.clean.scales.iter().zip(&self.lists) {
            let (own, others) = rest.split_at(*count);
            lists.push(near(seams, self.tile, *scale, own));
            rest = others;
        }
        let rules = rules.of(self.tile, &self.clean.rules);
        if rules.niter == 0 || lists.iter().all(ActiveList::is_empty) {
            return Ok(Value::Steps(Steps(vec![Step::default(); self.clean.count])));
        }
        let (psfs, tables) = rest.split_at(self.clean.scales.len());
        let mut steps = self.clean.on(lists, (psfs, tables), &rules, &context.cancel);
        let is_spent = steps.iterations() >= rules.niter;
        for step in &mut steps.0 {
            let all = step.iterations;
            step.keep(|component| seams.tile_of(component.y, component.x) == self.tile);
            if is_spent {
                step.iterations = all;
            }
        }
        Ok(Value::Steps(steps))
    }
}

/// The pixels of a scale's lists that a tile cleans.
fn near(seams: &Seams, tile: usize, scale: Scale, lists: &[Arc<Value>]) -> ActiveList {
    let mut all = ActiveList::default();
    for part in lists.iter().map(|list| list.active()) {
        for index in 0..part.len() {
            let (y, x) = (part.y[index] as usize, part.x[index] as usize);
            if seams.is_near(tile, scale.tile_margin(), (scale.step * y, scale.step * x)) {
                all.push((y, x), part.value[index], part.weight[index]);
            }
        }
    }
    all
}
