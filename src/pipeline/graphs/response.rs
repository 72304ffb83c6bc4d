//! The effective resolution of Wiener-Hunt.

use super::key;
use super::wiener::Solver;
use crate::graph::Key;
use crate::images::Cell;
use crate::pipeline::ops::{DeconvOp, Filtered, FilteredRows, FitResponse, ResponseBlock, Rows};

impl Solver<'_> {
    /// What the filter makes of a point source in the middle, and the beam that this is like.
    pub fn response(&mut self, cell: Cell) -> (Vec<Key>, Key) {
        let (setting, known, lambda) = (self.setting, self.known(), self.lambda);
        let transfer = self.transfer.clone();
        let blocks = self.each_block("response", |block| {
            let inputs = std::iter::once(transfer[block].clone()).chain(known.clone()).collect();
            (DeconvOp::ResponseBlock(ResponseBlock { setting, block, lambda }), inputs)
        });
        let dirty = self.dirty.clone();
        let slabs = self.each_slab("response-rows", |index, rows| {
            let inputs = std::iter::once(&dirty[index]).chain(&blocks).cloned().collect();
            (DeconvOp::FilteredRows(FilteredRows { setting, rows, result: Filtered::Response }), inputs)
        });
        let window = FitResponse::window(setting.shape.0);
        let cut = self.wiring.cut.slabs();
        let near = || cut.iter().zip(&slabs).filter(|(rows, _)| rows.first < window.1 && window.0 < rows.last);
        let first = near().map(|(rows, _)| rows.first).next().unwrap_or(0);
        let end = near().map(|(rows, _)| rows.last).next_back().unwrap_or(first);
        let inputs = near().map(|(_, slab)| slab.clone()).collect();
        let op = FitResponse { rows: Rows { first, last: end }, shape: setting.shape, cell };
        let fit = self.wiring.task(key("fit-response", self.plane, 0), DeconvOp::FitResponse(op), inputs);
        (slabs, fit)
    }
}
