//! The files of the user's mask in the graph.

use super::{Wiring, key};
use crate::graph::Key;
use crate::pipeline::ops::{DeconvOp, RegridRows, StampRows};
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
}
