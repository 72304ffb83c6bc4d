//! The graph of the map of floors: estimated from the model, held against the residual.

use super::{PlaneKeys, Wiring, key};
use crate::algorithms::Shortfall;
use crate::graph::Key;
use crate::pipeline::ops::{CompareFloor, DeconvOp, HoldFloor, MapFloor};

impl Wiring {
    /// The sidelobes that the PSF does not reach, as far as the residual bears them out.
    pub(super) fn floor(&mut self, plane: usize, (keys, noise): (&PlaneKeys, &Key), shortfall: Shortfall) -> Key {
        let (shape, slabs) = (self.cut.shape, self.cut.slabs());
        let op = DeconvOp::MapFloor(MapFloor { shortfall, shape, against: false });
        let map = self.task(key("floor", plane, 0), op, keys.model.clone());
        let mut inputs = vec![map.clone()];
        for (index, rows) in slabs.into_iter().enumerate() {
            let seen = vec![map.clone(), noise.clone(), keys.residual[index].clone(), keys.dirty[index].clone()];
            let op = DeconvOp::CompareFloor(CompareFloor { rows });
            inputs.push(self.task(key("compare-floor", plane, index), op, seen));
        }
        self.task(key("floor-checked", plane, 0), DeconvOp::HoldFloor(HoldFloor), inputs)
    }
}
