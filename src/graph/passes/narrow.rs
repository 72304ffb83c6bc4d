//! Push-down: a task of which each user takes a part is done by each user, for its part alone.
//!
//! A whole read with a slice of it for every user becomes a small read for each, if all users fuse with it. Doing it
//! several times must be worth it:
//!
//! - together the fused tasks declare no more operations than the task and its users did,
//! - each holds less, result and scratch, than the task did,
//! - together they hold at most [`REPEATED`] times as much, so that slices which overlap are fine and a hundred users of
//!   nearly the whole are not,
//! - the task's inputs, which now stay for all users, are no larger than its result, which goes.
//!
//! The task must not be a target and must have a digest: what has none may have an effect, which is not repeated.

use super::super::{Cost, Op};
use super::draft::{Content, Draft, Fused};

/// How much more may be read in parts than as a whole. Taking a part from the whole copies it, and reading a byte costs
/// about twice as much as copying one, so up to here the parts cost no more even where memory does not matter.
const REPEATED: u64 = 2;

/// Pushes every task down to its users that may be, once; returns how many tasks went.
pub(super) fn run<O: Op>(draft: &mut Draft<O>) -> usize {
    let users = draft.users();
    // These have other users than `users` says: they have their turn when the pass comes again.
    let mut is_stale = vec![false; draft.keys.len()];
    let mut gone = 0;
    for at in 0..draft.topological.len() {
        let node = draft.topological[at];
        let users = users.of(node);
        if users.len() < 2 || is_stale[node as usize] || draft.is_target[node as usize] || draft.widens(node) {
            continue;
        }
        let Some(parts) = parts(draft, node, users) else { continue };
        users.iter().zip(parts).for_each(|(&user, part)| draft.put(user, part));
        if let Content::Task { inputs, .. } = std::mem::replace(&mut draft.contents[node as usize], Content::Gone) {
            inputs.into_iter().for_each(|input| is_stale[input as usize] = true);
        }
        gone += 1;
    }
    gone
}

/// The task done in each of its users, if all of them can and it is worth it.
fn parts<O: Op>(draft: &Draft<O>, node: u32, users: &[u32]) -> Option<Vec<Fused<O>>> {
    let whole = draft.costs[node as usize];
    let (mut parts, mut bytes) = (Vec::with_capacity(users.len()), 0);
    let (mut before, mut after) = (whole.flops, 0.0);
    for &user in users {
        let part = draft.fused(node, user, draft.only_place(node, user)?)?;
        before += draft.costs[user as usize].flops;
        after += part.cost.flops;
        bytes += held(&part.cost);
        if held(&part.cost) >= held(&whole) || bytes > REPEATED * held(&whole) {
            return None;
        }
        parts.push(part);
    }
    let has_no_effect = draft.task(node)?.0.digest().is_some();
    (after <= before && has_no_effect).then_some(parts)
}

fn held(cost: &Cost) -> u64 {
    cost.output_bytes + cost.scratch_bytes
}
