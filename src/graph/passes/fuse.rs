//! Fusion: a task and its only user become one.
//!
//! A chain becomes one task, and an expression of element-wise operations too. The producer must not be a target, and
//! its result must stand in one place of its user. A fused task waits with the producer's inputs where the user would
//! have waited with its result; so where the user waits for other tasks, the producer's inputs may not be larger than
//! its result, or what was made small early would be kept large until late.

use super::super::Op;
use super::draft::{Content, Draft};

/// Fuses until nothing fuses, and returns how many tasks went.
pub(super) fn run<O: Op>(draft: &mut Draft<O>) -> usize {
    let users = draft.users();
    let mut counts: Vec<u32> = (0..draft.keys.len() as u32).map(|node| users.of(node).len() as u32).collect();
    let mut gone = 0;
    for at in 0..draft.topological.len() {
        let user = draft.topological[at];
        // A fused task may take up what its parts refused, so it is looked at again.
        while let more @ 1.. = pull_all(draft, &mut counts, user) {
            gone += more;
        }
    }
    gone
}

/// Fuses what fuses of a task's inputs and of theirs, from the first to the last, and returns how many tasks went.
fn pull_all<O: Op>(draft: &mut Draft<O>, counts: &mut [u32], user: u32) -> usize {
    let (mut place, mut gone) = (0, 0);
    while let Some(&producer) = draft.task(user).and_then(|(_, inputs)| inputs.get(place)) {
        let is_free = counts[producer as usize] == 1 && !draft.is_target[producer as usize];
        let fused = if is_free { draft.fused(producer, user, place) } else { None };
        match fused.filter(|_| may_fuse(draft, producer, user)) {
            None => place += 1,
            Some(fused) => {
                for input in shared_inputs(draft, producer, user) {
                    counts[input as usize] -= 1;
                }
                draft.put(user, fused);
                draft.contents[producer as usize] = Content::Gone;
                gone += 1;
            }
        }
    }
    gone
}

fn may_fuse<O: Op>(draft: &Draft<O>, producer: u32, user: u32) -> bool {
    let inputs = draft.task(user).map_or(&[][..], |(_, inputs)| inputs);
    let waits = inputs.iter().any(|&input| input != producer && draft.task(input).is_some());
    draft.only_place(producer, user).is_some() && !(waits && draft.widens(producer))
}

/// Inputs that both have, each once: as one task they are one user.
fn shared_inputs<O: Op>(draft: &Draft<O>, producer: u32, user: u32) -> Vec<u32> {
    let (Some((_, taken)), Some((_, inputs))) = (draft.task(producer), draft.task(user)) else { return Vec::new() };
    let mut shared: Vec<u32> = taken.iter().copied().filter(|input| inputs.contains(input)).collect();
    shared.sort_unstable();
    shared.dedup();
    shared
}
