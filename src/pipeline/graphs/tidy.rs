//! The graphs of the last steps of multiscale CLEAN.

use super::{PlaneKeys, Wiring, key};
use crate::graph::Key;
use crate::images::BeamShape;
use crate::pipeline::ops::{AtPoints, DeconvOp, MergeSteps, Refit, Rows, SmoothRows, Standing, TakeOut, Trim, Trimmed};
use crate::pipeline::plan::restoring_layout;

impl Wiring {
    /// Where the restored image of a model stands out: slab by slab. `least` is the lowest brightness \[Jy/beam\], `side` the
    /// share of a brighter pixel below which one on its side does not ([`Standing`]).
    pub fn standing(&mut self, plane: usize, keys: &PlaneKeys, beam: BeamShape, (least, side): (f32, f32)) -> Vec<Key> {
        let reach = beam.reach();
        let layout = restoring_layout(self.cut.shape, reach, self.cut.block);
        let restored = self.restored(plane, keys, &layout, (beam, reach));
        let (around, slabs) = (Standing::reach(&beam, side), self.cut.slabs());
        let of = |wiring: &mut Self, index: usize, rows: Rows| {
            let is_near = |slab: &Rows| slab.first < rows.last + around && rows.first < slab.last + around;
            let near: Vec<usize> = (0..slabs.len()).filter(|slab| is_near(&slabs[*slab])).collect();
            let op = Standing { rows, first: slabs[near[0]].first, beam, least, side };
            let inputs = near.iter().map(|slab| restored[*slab].clone()).collect();
            wiring.task(key("standing", plane, index), DeconvOp::Standing(op), inputs)
        };
        slabs.iter().enumerate().map(|(index, rows)| of(self, index, *rows)).collect()
    }

    /// What takes the points out that were found where nothing stands out; `number` is that of points among the scales.
    pub fn take_out(&mut self, plane: usize, number: usize, found: &Key, standing: &[Key]) -> Key {
        let slabs = standing.len();
        let parts = self.each_slab(("take-out", plane), |index, rows| {
            (DeconvOp::TakeOut(TakeOut { rows, slabs, number }), vec![found.clone(), standing[index].clone()])
        });
        self.task(key("found-out", plane, 0), DeconvOp::MergeSteps(MergeSteps), parts)
    }

    /// What fits the points anew next to which others were taken out, also at pixels beside them where the image stands out.
    ///
    /// `slabs` are residual, where the image stands out, and where components may stand; `around` is what was taken out, the
    /// PSF, how far apart points belong together \[pixels\], and what may be left at one \[Jy/beam\].
    pub fn refit(
        &mut self,
        at: (usize, usize),
        found: &Key,
        slabs: [&[Key]; 3],
        around: (&Key, &Key, (f64, f64)),
    ) -> Key {
        let ((plane, number), (taken, psf, (gap, most))) = (at, around);
        let count = slabs[0].len();
        let mut inputs = self.each_slab(("at-points", plane), |index, rows| {
            let inputs = std::iter::once(found).chain(slabs.iter().map(|slabs| &slabs[index])).cloned().collect();
            (DeconvOp::AtPoints(AtPoints { rows, slabs: count, number }), inputs)
        });
        inputs.extend([taken.clone(), psf.clone()]);
        self.task(key("refit", plane, 0), DeconvOp::Refit(Refit { number, gap, most }), inputs)
    }

    /// A model without what stands below a level at the resolution of the beam where components may stand.
    pub fn trimmed(&mut self, plane: usize, keys: &PlaneKeys, beam: BeamShape, level: f32) -> Vec<Key> {
        let (model, allowed) = (&keys.model, &keys.allowed);
        let shape = self.cut.shape;
        let reach = beam.reach();
        let layout = restoring_layout(shape, reach, self.cut.block);
        let blocks = self.at_beam(plane, model, &layout, (beam, reach));
        let seen = self.each_slab(("smooth-model", plane), |_, rows| {
            (DeconvOp::SmoothRows(SmoothRows { layout, rows, shape }), blocks.clone())
        });
        self.each_slab(("trim", plane), |index, _| {
            (DeconvOp::Trim(Trim { level }), vec![model[index].clone(), seen[index].clone(), allowed[index].clone()])
        })
    }

    /// What was trimmed off a model, as points of opposite flux.
    pub fn trimmings(&mut self, plane: usize, number: usize, models: (&[Key], &[Key])) -> Key {
        let parts = self.each_slab(("trimmed", plane), |index, rows| {
            let slabs = vec![models.0[index].clone(), models.1[index].clone()];
            (DeconvOp::Trimmed(Trimmed { rows, number }), slabs)
        });
        self.task(key("found-trimmed", plane, 0), DeconvOp::MergeSteps(MergeSteps), parts)
    }
}
