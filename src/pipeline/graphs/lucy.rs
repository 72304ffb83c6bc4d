//! The graphs of Richardson-Lucy: its begin, and an iteration.

use super::{PlaneKeys, Wiring, key};
use crate::fft::Layout;
use crate::graph::Key;
use crate::pipeline::ops::{Correlate, DeconvOp, Kernel, LucyRows, LucyStep};

impl Wiring {
    /// A plane's model of ones and its sensitivity; `transfer` is the PSF's transfer function.
    pub fn lucy_begin(&mut self, plane: usize, keys: &PlaneKeys, at: (&Layout, &[Key])) -> [Vec<Key>; 2] {
        let ones = self.lucy(("lucy-begin", plane), keys, (at.0, LucyStep::Begin), (&[], &[]));
        let blocks = self.correlated(("lucy-seen", plane), &ones, at);
        let sensitivity = self.lucy(("lucy-sensitivity", plane), keys, (at.0, LucyStep::Sensitivity), (&[], &blocks));
        [ones, sensitivity]
    }

    /// The model after an iteration.
    pub fn lucy_iterate(
        &mut self,
        plane: usize,
        keys: &PlaneKeys,
        at: (&Layout, &[Key]),
        sensitivity: &[Key],
    ) -> Vec<Key> {
        let rows = self.field_rows("rows-lucy", plane, &keys.model, at.0);
        let blocks = self.columns(("lucy-columns", plane), at.0, &rows, (Kernel::Transfer, at.1));
        let ratio = self.lucy(("lucy-ratio", plane), keys, (at.0, LucyStep::Ratio), (&[], &blocks));
        let blocks = self.correlated(("lucy-back", plane), &ratio, at);
        self.lucy(("lucy-update", plane), keys, (at.0, LucyStep::Update), (&[&keys.model, sensitivity], &blocks))
    }

    fn lucy(
        &mut self,
        at: (&str, usize),
        keys: &PlaneKeys,
        (layout, step): (&Layout, LucyStep),
        (slabs, blocks): (&[&[Key]], &[Key]),
    ) -> Vec<Key> {
        let (shape, layout) = (self.cut.shape, *layout);
        self.each_slab(at, |index, rows| {
            let first = std::iter::once(&keys.dirty[index]).chain(slabs.iter().map(|slabs| &slabs[index]));
            let inputs = first.chain(blocks).cloned().collect();
            (DeconvOp::LucyRows(LucyRows { layout, rows, shape, step }), inputs)
        })
    }

    /// Column stages of a correlation with the PSF.
    fn correlated(&mut self, (layer, plane): (&str, usize), image: &[Key], at: (&Layout, &[Key])) -> Vec<Key> {
        let rows = self.field_rows(&format!("rows-{layer}"), plane, image, at.0);
        let (layout, ny) = (*at.0, self.cut.shape.0);
        let block = |(block, transfer): (usize, &Key)| {
            let inputs = rows.iter().chain([transfer]).cloned().collect();
            let op = Correlate { layout, block, ny, slabs: rows.len() };
            self.task(key(layer, plane, block), DeconvOp::Correlate(op), inputs)
        };
        at.1.iter().enumerate().map(block).collect()
    }
}
