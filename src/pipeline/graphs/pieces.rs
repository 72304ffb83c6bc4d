//! The pieces of a plane, tasks of one kind for each, and what solvers make of them.

use super::{Rows, Wiring, key};
use crate::graph::Key;
use crate::pipeline::ops::{DeconvOp, ModeSurvey, RowDots, Setting, Total, UsableModes};

/// Keys of a plane's slabs.
#[derive(Debug, Clone, Default)]
pub struct PlaneKeys {
    /// Dirty rows.
    pub dirty: Vec<Key>,
    /// Where the user lets components stand.
    pub allowed: Vec<Key>,
    /// Where components may stand now.
    pub mask: Vec<Key>,
    /// Model rows.
    pub model: Vec<Key>,
    /// Residual rows.
    pub residual: Vec<Key>,
    /// Restored rows; empty until the plane is finished.
    pub restored: Vec<Key>,
    /// Rows of the posterior standard deviation, where asked.
    pub sd: Vec<Key>,
    /// Rows of the filter's response to a point source, where asked.
    pub response: Vec<Key>,
}

impl Wiring {
    /// A task for each block of a transform; `at` are the layer and the plane.
    pub(super) fn each_block(
        &mut self,
        at: (&str, usize),
        blocks: usize,
        make: impl Fn(usize) -> (DeconvOp, Vec<Key>),
    ) -> Vec<Key> {
        let mut wire = |block| {
            let (op, inputs) = make(block);
            self.task(key(at.0, at.1, block), op, inputs)
        };
        (0..blocks).map(&mut wire).collect()
    }

    /// A task for each slab; `at` are the layer and the plane.
    pub(super) fn each_slab(
        &mut self,
        at: (&str, usize),
        make: impl Fn(usize, Rows) -> (DeconvOp, Vec<Key>),
    ) -> Vec<Key> {
        let slabs = self.cut.slabs().into_iter().enumerate();
        let wire = |(index, rows)| {
            let (op, inputs) = make(index, rows);
            self.task(key(at.0, at.1, index), op, inputs)
        };
        slabs.map(wire).collect()
    }

    /// The inner product of two vectors.
    pub fn dot(&mut self, (name, plane): (&str, usize), a: &[Key], b: &[Key]) -> Key {
        let sums = self.each_slab((&format!("dots-{name}"), plane), |index, _| {
            (DeconvOp::RowDots(RowDots), vec![a[index].clone(), b[index].clone()])
        });
        self.task(key(&format!("total-{name}"), plane, 0), DeconvOp::Total(Total), sums)
    }

    /// The modes that carry a datum, given the PSF's transfer function and, where their power counts, the dirty image's.
    pub fn usable_modes(&mut self, plane: usize, setting: Setting, spectra: (&[Key], &[Key])) -> Key {
        let (transfer, dirty) = spectra;
        let surveys = self.each_block(("mode-survey", plane), setting.layout.blocks(), |block| {
            let inputs = transfer.get(block).into_iter().chain(dirty.get(block)).cloned().collect();
            (DeconvOp::ModeSurvey(ModeSurvey { setting, block }), inputs)
        });
        self.task(key("usable", plane, 0), DeconvOp::UsableModes(UsableModes { setting }), surveys)
    }
}
