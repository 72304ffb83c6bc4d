//! Samples of the posterior with the linear boundary: perturbations of the equation, and what comes of their solutions.

use super::Wiring;
use super::wiener::{Solver, SolverKeys, Spectrum};
use crate::algorithms::wiener::{Draw, Equation};
use crate::graph::Key;
use crate::pipeline::ops::{AddSquares, DeconvOp, DrawBlock, FilterStep, Filtered, FilteredRows, SdRows};

impl Solver<'_> {
    /// The state before the first iteration for a sample's deviation from the estimate; `given` are λ and the noise of the
    /// dirty image \[Jy/beam\], if λ is given.
    pub fn draw(&mut self, draw: Draw, given: Option<(f64, f64)>) -> SolverKeys {
        let setting = self.setting;
        let mut r = self.perturb("draw", (draw, given), &[]);
        if setting.equation != Equation::Normal {
            let rows = self.wiring.field_rows("rows-drawn", self.plane, &r, &setting.layout);
            r = self.perturb("draw-all", (draw, given), &rows);
        }
        let x = self.wiring.empty_model(self.plane);
        self.begin_from(x, r)
    }

    /// A perturbation, of the data or, with the row transforms of perturbed `data`, of all.
    fn perturb(&mut self, layer: &str, (draw, given): (Draw, Option<(f64, f64)>), data: &[Key]) -> Vec<Key> {
        let (setting, known) = (self.setting, self.known());
        let transfer = match &self.seen {
            Some(seen) if data.is_empty() => seen.weights.clone(),
            Some(seen) => seen.psf.clone(),
            None => self.transfer.clone(),
        };
        let dirty = self.dirty.clone();
        let blocks = self.each_block(layer, |block| {
            let known = std::iter::once(&transfer[block]).chain(&known);
            let op = DrawBlock { setting, block, draw, given, slabs: data.len() };
            (DeconvOp::DrawBlock(op), data.iter().chain(known).cloned().collect())
        });
        self.each_slab(&format!("{layer}n"), |index, rows| {
            let inputs = std::iter::once(&dirty[index]).chain(&blocks).cloned().collect();
            (DeconvOp::FilteredRows(FilteredRows { setting, rows, result: Filtered::Vector }), inputs)
        })
    }

    /// The sums of squares with those of another sample's deviation, in the modes that carry a datum.
    pub fn add_sample(&mut self, deviation: &[Key], before: &[Key]) -> Vec<Key> {
        let layout = self.setting.layout;
        let rows = self.wiring.field_rows("rows-measured", self.plane, deviation, &layout);
        let measured = self.filter("measured", &Spectrum::Rows(rows), FilterStep::Measured, Filtered::Vector);
        self.each_slab("squares", |index, _| {
            let inputs = std::iter::once(&measured[index]).chain(before.get(index)).cloned().collect();
            (DeconvOp::AddSquares(AddSquares), inputs)
        })
    }
}

impl Wiring {
    /// The standard deviation of a plane's pixels: from sums of squares of so many samples, or the same everywhere.
    pub fn standard_deviation(&mut self, plane: usize, from: &[Key], samples: u32) -> Vec<Key> {
        let nx = self.cut.shape.1;
        self.each_slab(("sd", plane), |index, rows| {
            let input = from.get(index).unwrap_or(&from[0]);
            (DeconvOp::SdRows(SdRows { rows, nx, samples }), vec![input.clone()])
        })
    }

    /// The same from one number for all pixels.
    pub fn even_deviation(&mut self, plane: usize, spread: &Key) -> Vec<Key> {
        self.standard_deviation(plane, std::slice::from_ref(spread), 0)
    }
}
