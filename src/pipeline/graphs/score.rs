//! The graph of a score: how well a model fits a dirty image that it was not made from.

use super::{PlaneKeys, Wiring, key};
use crate::graph::Key;
use crate::pipeline::ops::{DeconvOp, Misfit, MisfitRms, Prepare, Source};

impl Wiring {
    /// Root of the mean square of `other - psf * model`, `keys` being those of a plane that is done; `other` is divided by
    /// the scale that comes with it.
    pub fn misfit(&mut self, plane: usize, keys: &PlaneKeys, other: ((&Source, usize), f32)) -> Key {
        let (file, scale) = other;
        let slabs: Vec<_> = self.cut.slabs().into_iter().enumerate().collect();
        let misfits = slabs
            .into_iter()
            .map(|(index, rows)| {
                let raw = self.read(key("read-held-out", plane, index), file, rows);
                let prepare = DeconvOp::Prepare(Prepare { scale });
                let held_out = self.task(key("prepare-held-out", plane, index), prepare, vec![raw]);
                let inputs = vec![keys.dirty[index].clone(), keys.residual[index].clone(), held_out];
                self.task(key("misfit", plane, index), DeconvOp::Misfit(Misfit), inputs)
            })
            .collect();
        self.task(key("misfit-rms", plane, 0), DeconvOp::MisfitRms(MisfitRms), misfits)
    }
}
