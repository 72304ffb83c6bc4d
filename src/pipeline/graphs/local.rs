//! The local rms in the graph.

use std::collections::BTreeMap;

use super::{PlaneKeys, Wiring, key};
use crate::algorithms::LocalRms;
use crate::graph::Key;
use crate::pipeline::ops::{DeconvOp, MapRms, SumCells};

impl Wiring {
    /// Weighs the search for the peak by the local rms, in the planes that have one.
    pub fn weighed_by(self, local: BTreeMap<usize, LocalRms>) -> Self {
        Self { local, ..self }
    }

    /// Whether the search in a plane is weighed by the local rms.
    pub(super) fn is_local(&self, plane: usize) -> bool {
        self.local.contains_key(&plane)
    }

    /// The local rms of a plane's residual, if it is asked for.
    pub(super) fn local_rms(&mut self, plane: usize, keys: &PlaneKeys) -> Option<Key> {
        let ask = *self.local.get(&plane)?;
        let nx = self.cut.shape.1;
        let sum = |(index, (residual, dirty)): (usize, (&Key, &Key))| {
            let op = DeconvOp::SumCells(SumCells { cell: ask.cell(), nx });
            self.task(key("local-sums", plane, index), op, vec![residual.clone(), dirty.clone()])
        };
        let sums = keys.residual.iter().zip(&keys.dirty).enumerate().map(sum).collect();
        let op = DeconvOp::MapRms(MapRms { ask, shape: self.cut.shape });
        Some(self.task(key("local-rms", plane, 0), op, sums))
    }
}
