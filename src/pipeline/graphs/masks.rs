//! Masks in the graph: the files of the user's, and the auto-mask.

use super::{PlaneKeys, Wiring, key};
use crate::graph::Key;
use crate::pipeline::ops::{AutoMask, DeconvOp, RegridRows, Rows, StampRows};
use crate::pipeline::plan::{MaskContent, MaskFile};

impl Wiring {
    /// The rows of a slab of each file of the mask, with its plane: as read, or as selected.
    pub(super) fn mask_files(&mut self, plane: usize, index: usize, files: &[(&MaskFile, usize)]) -> Vec<Key> {
        let (rows, nx) = (self.cut.slabs()[index], self.cut.shape.1);
        let wire = |(number, (file, own)): (usize, &(&MaskFile, usize))| match &file.content {
            MaskContent::Same(source) => {
                self.read(key(&format!("read-mask{number}"), plane, index), (source, *own), rows)
            }
            MaskContent::Other { source, from, to } => {
                let (from, to) = (from.clone(), to.clone());
                let op = RegridRows { source: source.clone(), plane: *own, from, to, rows, nx };
                self.task(key(&format!("mask-image{number}"), plane, index), DeconvOp::RegridRows(op), vec![])
            }
            MaskContent::Stamps(stamps) => {
                let op = StampRows { rows, nx, stamps: stamps.clone() };
                self.task(key(&format!("mask-regions{number}"), plane, index), DeconvOp::StampRows(op), vec![])
            }
        };
        files.iter().enumerate().map(wire).collect()
    }

    /// The auto-mask of a plane: where its model holds components, and near them.
    pub fn auto_mask(&mut self, plane: usize, keys: &PlaneKeys, dilate: usize) -> Vec<Key> {
        let slabs = self.cut.slabs();
        let near = |rows: Rows| {
            let (top, bottom) = (rows.first.saturating_sub(dilate), rows.last + dilate);
            let first = top / self.cut.slab;
            (first, bottom.div_ceil(self.cut.slab).min(slabs.len()))
        };
        let wanted: Vec<_> = slabs.iter().map(|rows| (*rows, near(*rows))).collect();
        wanted
            .into_iter()
            .enumerate()
            .map(|(index, (rows, (from, to)))| {
                let inputs = std::iter::once(&keys.allowed[index]).chain(&keys.model[from..to]).cloned().collect();
                let op = DeconvOp::AutoMask(AutoMask { rows, first: from * self.cut.slab, dilate });
                self.task(key("mask", plane, index), op, inputs)
            })
            .collect()
    }
}
