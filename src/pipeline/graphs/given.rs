//! Images that are given: read instead of computed.

use super::{Layout, Source, Wiring, key};
use crate::graph::Key;
use crate::pipeline::ops::{DeconvOp, Prepare, TakeModel};

impl Wiring {
    /// Rows of an image in Jy/beam, divided by `scale`, with their blanks.
    pub fn prepared(&mut self, plane: usize, file: (&Source, usize), scale: f32) -> Vec<Key> {
        let slabs: Vec<_> = self.cut.slabs().into_iter().enumerate().collect();
        slabs
            .into_iter()
            .map(|(index, rows)| {
                let raw = self.read(key("read-dirty", plane, index), file, rows);
                self.task(key("prepare", plane, index), DeconvOp::Prepare(Prepare { scale }), vec![raw])
            })
            .collect()
    }

    /// Rows of a model of a file; 0 where they, or the `dirty` rows, are blank.
    pub fn given_model(&mut self, plane: usize, file: (&Source, usize), dirty: &[Key]) -> Vec<Key> {
        let slabs: Vec<_> = self.cut.slabs().into_iter().zip(dirty).enumerate().collect();
        slabs
            .into_iter()
            .map(|(index, (rows, dirty))| {
                let raw = self.read(key("read-model", plane, index), file, rows);
                self.task(key("take", plane, index), DeconvOp::TakeModel(TakeModel), vec![raw, dirty.clone()])
            })
            .collect()
    }

    /// Dirty rows, or rows of a residual that was read like them, as a residual.
    pub fn untouched(&mut self, plane: usize, dirty: &[Key]) -> Vec<Key> {
        let nothing = Layout { ly: 1, lx: 1, block: 1 };
        let rows = dirty.iter().enumerate();
        rows.map(|(index, dirty)| self.residual_slab(plane, index, &nothing, vec![dirty.clone()])).collect()
    }
}
