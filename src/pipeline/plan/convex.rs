//! The stages of the convex solver for a forecast.

use super::Plan;
use super::forecast::{Held, Stage, each_psf, held, psfs, psfs_of, slabs};
use crate::algorithms::convex::Splitting;
use crate::graph::Key;
use crate::images::BeamShape;
use crate::pipeline::graphs::{Kept, PlaneKeys, Reweigh, Slabs, Sparse, SparseCut, SparseFacts, SparseKeys, Wiring};
use crate::pipeline::ops::{AtomSetting, PsfPlane};

/// Iterations that stand for all of a cycle: each takes what the others take.
const SHOWN: u32 = 2;

fn cut(plan: &Plan) -> SparseCut {
    let (convex, scales) = (&plan.config.convex, &plan.config.multiscale);
    let dictionary = convex.dictionary(scales, plan.beam_pixels, plan.cut.shape);
    let setting = AtomSetting { layout: plan.kernel.layout, shape: plan.cut.shape, dictionary, mirrors: false };
    let splitting = Splitting { kappa: convex.kappa(), share: 1.0, relaxation: 1.0 };
    SparseCut { setting, splitting, is_steady: false, share_before: 1.0 }
}

/// What an image that ends sees of the PSFs.
pub(super) fn stand_ins(plan: &Plan) -> Option<Stage> {
    let see = |wiring: &mut Wiring, psf: &PsfPlane| {
        wiring.transfer_seen(psf, &plan.usual_kernel(psf.number), Some(plan.cut.shape))
    };
    (!plan.is_circular()).then(|| each_psf(plan, "seen", see))
}

/// Start and iterations.
pub(super) fn solver(plan: &Plan) -> [Stage; 2] {
    // values are of one graph at a time
    let [seen_at_begin, seen_later] =
        [(); 2].map(|()| -> Vec<Slabs> { (0..psfs(plan)).map(|_| blocks(plan)).collect() });
    let (mut begin, mut cycle) = (Wiring::new(plan.cut), Wiring::new(plan.cut));
    let (mut begun, mut cycled) = (Vec::new(), Vec::new());
    for (plane, Held { keys, transfers, .. }) in held(plan, &mut begin).into_iter().enumerate() {
        let planes = planes(plan, &mut begin, (plane, &keys));
        let seen = (transfers.clone(), plan.grid());
        let stand_ins = held_stand_ins(plan, &mut begin, (plane, &transfers), &seen_at_begin);
        begun.extend(stand_ins.iter().flatten().cloned());
        let (state, facts) = Sparse::begin(&mut begin, plane, cut(plan), (&planes, seen), stand_ins);
        begun.extend(facts.transfer.into_iter().chain([facts.usable, facts.powers]));
        begun.extend(state.v.into_iter().flatten().chain(state.noise).chain(state.data));
        begun.extend(
            keys.dirty.into_iter().chain(keys.allowed).chain(planes.model).chain(transfers.into_iter().flatten()),
        );
    }
    for (plane, Held { keys, transfers, .. }) in held(plan, &mut cycle).into_iter().enumerate() {
        let state = state(plan, &mut cycle, plane);
        let mut give = |name: &str| cycle.give(name, plane, 0, &Kept::of_bytes(0));
        let (usable, powers) = (give("held-usable"), give("held-powers"));
        let stand_ins = held_stand_ins(plan, &mut cycle, (plane, &transfers), &seen_later);
        cycled.extend(stand_ins.iter().flatten().cloned());
        let transfer = match plan.grid() {
            Some(_) => cycle.give_all("held-surrogate", plane, &blocks(plan)),
            None => stand_ins[0].clone(),
        };
        cycled.extend(transfer.iter().cloned());
        let facts = SparseFacts { transfer, usable, powers };
        let planes = planes(plan, &mut cycle, (plane, &keys));
        let seen = (transfers.clone(), plan.grid());
        let sparse = Sparse::resume(&mut cycle, plane, cut(plan), (&planes, seen), facts);
        let beam = BeamShape { a: 1.0, b: 0.0, c: 1.0 };
        let (after, measured) = sparse.cycle(&state, SHOWN, &keys.model, Some(Reweigh::Brightness(beam)));
        for SparseKeys { v, weights, noise, data } in [state, after] {
            // the state before is kept: iterations may be taken back
            cycled.extend(v.into_iter().chain(weights).flatten().chain(noise).chain(data));
        }
        cycled.extend(planes.model);
        cycled.extend(measured.model.into_iter().chain([measured.statistics]).chain(measured.numbers));
        cycled.extend(
            keys.dirty.into_iter().chain(keys.allowed).chain(keys.model).chain(transfers.into_iter().flatten()),
        );
    }
    [("start", begin, begun), ("iteration", cycle, cycled)].map(|(name, wiring, mut targets)| {
        targets.sort();
        targets.dedup();
        Stage::new(name, wiring, targets)
    })
}

/// What stands for the transfer functions of a plane's PSFs, which is another thing where the image ends.
fn held_stand_ins(
    plan: &Plan,
    wiring: &mut Wiring,
    (plane, transfers): (usize, &[Vec<Key>]),
    seen: &[Slabs],
) -> Vec<Vec<Key>> {
    if plan.is_circular() {
        return transfers.to_vec();
    }
    psfs_of(plan, plane).map(|number| wiring.give_all("held-seen", number, &seen[number])).collect()
}

/// What a plane begins with: its dirty rows, and the model that was given, if one was.
fn planes(plan: &Plan, wiring: &mut Wiring, (plane, keys): (usize, &PlaneKeys)) -> PlaneKeys {
    let is_given = plan.inputs.model.is_some() || plan.algorithm().first.is_some();
    let given = is_given.then(|| wiring.give_all("held-given", plane, &slabs(plan, 1)));
    PlaneKeys { model: given.unwrap_or_default(), residual: Vec::new(), ..keys.clone() }
}

/// All modes, block by block.
fn blocks(plan: &Plan) -> Slabs {
    let layout = plan.kernel.layout;
    let bytes = |block: usize| 8 * (layout.columns(block).len() * layout.ly) as u64;
    (0..layout.blocks()).map(|block| Kept::of_bytes(bytes(block))).collect()
}

/// The state that is held between two graphs.
fn state(plan: &Plan, wiring: &mut Wiring, plane: usize) -> SparseKeys {
    let dictionary = cut(plan).setting.dictionary;
    let mut each = |name: &str, parts: usize| -> Vec<_> {
        (0..parts).map(|part| wiring.give_all(&format!("held-{name}{part}"), plane, &slabs(plan, 1))).collect()
    };
    let (v, weights) = (each("v", dictionary.count()), each("weights", dictionary.of_weights()));
    let noise = (0..v.len()).map(|part| wiring.give("held-noise", plane, part, &Kept::of_bytes(0))).collect();
    SparseKeys { v, weights, noise, data: wiring.give_all("held-data", plane, &blocks(plan)) }
}
