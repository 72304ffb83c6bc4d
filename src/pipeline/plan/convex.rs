//! The stages of the convex solver for a forecast.

use super::Plan;
use super::forecast::{Held, Stage, held, slabs};
use crate::algorithms::convex::{ConvexParams, Splitting};
use crate::images::BeamShape;
use crate::pipeline::graphs::{Kept, Slabs, Sparse, SparseCut, SparseKeys, Wiring};
use crate::pipeline::ops::AtomSetting;

/// Iterations that stand for all of a cycle: each takes what the others take.
const SHOWN: u32 = 2;

fn cut(plan: &Plan) -> SparseCut {
    let widths = ConvexParams::widths(&plan.config.multiscale, plan.beam_pixels, plan.cut.shape);
    let setting = AtomSetting { layout: plan.kernel.layout, shape: plan.cut.shape, widths };
    let splitting = Splitting {
        kappa: plan.config.convex.kappa,
        share: 1.0,
        relaxation: 1.0,
        positive_only: false,
        is_positive: false,
    };
    SparseCut { setting, splitting, is_steady: false }
}

/// Start and iterations.
pub(super) fn solver(plan: &Plan) -> [Stage; 2] {
    let (mut begin, mut cycle) = (Wiring::new(plan.cut), Wiring::new(plan.cut));
    let (mut begun, mut cycled) = (Vec::new(), Vec::new());
    for (plane, Held { keys, mut transfers, .. }) in held(plan, &mut begin).into_iter().enumerate() {
        let transfer = transfers.remove(0);
        let (state, usable) = Sparse::begin(&mut begin, plane, cut(plan), (&keys, transfer.clone()));
        begun.push(usable);
        begun.extend(state.v.into_iter().flatten().chain(state.noise).chain(state.data));
        begun.extend(keys.dirty.into_iter().chain(keys.allowed).chain(transfer));
    }
    for (plane, Held { keys, mut transfers, .. }) in held(plan, &mut cycle).into_iter().enumerate() {
        let transfer = transfers.remove(0);
        let state = state(plan, &mut cycle, plane);
        let usable = cycle.give("held-usable", plane, 0, &Kept::of_bytes(0));
        let sparse = Sparse::resume(&mut cycle, plane, cut(plan), (&keys, transfer.clone()), usable);
        let beam = BeamShape { a: 1.0, b: 0.0, c: 1.0 };
        let (after, measured) = sparse.cycle(&state, SHOWN, &keys.model, Some(beam));
        for SparseKeys { v, weights, noise, data } in [state, after] {
            // the state before is kept: iterations may be taken back
            cycled.extend(v.into_iter().chain(weights).flatten().chain(noise).chain(data));
        }
        cycled.extend(measured.model.into_iter().chain([measured.statistics]).chain(measured.products));
        cycled.extend(keys.dirty.into_iter().chain(keys.allowed).chain(keys.model).chain(transfer));
    }
    [("start", begin, begun), ("iteration", cycle, cycled)].map(|(name, wiring, mut targets)| {
        targets.sort();
        targets.dedup();
        Stage::new(name, wiring, targets)
    })
}

/// The state that is held between two graphs.
fn state(plan: &Plan, wiring: &mut Wiring, plane: usize) -> SparseKeys {
    let layout = plan.kernel.layout;
    let widths = cut(plan).setting.widths.len();
    let data: Slabs = (0..layout.blocks())
        .map(|block| Kept::of_bytes(8 * (layout.columns(block).len() * layout.ly) as u64))
        .collect();
    let mut each = |name: &str| -> Vec<_> {
        (0..widths).map(|width| wiring.give_all(&format!("held-{name}{width}"), plane, &slabs(plan, 1))).collect()
    };
    let (v, weights) = (each("v"), each("weights"));
    let noise = (0..widths).map(|width| wiring.give("held-noise", plane, width, &Kept::of_bytes(0))).collect();
    SparseKeys { v, weights, noise, data: wiring.give_all("held-data", plane, &data) }
}
