//! Deduplication: the same operation on the same inputs is done once.

use rustc_hash::FxHashMap;

use super::super::{Digest, Op};
use super::draft::{Content, Draft};

/// Joins tasks with the same digest and the same inputs, and given values with the same digest.
///
/// Inputs are compared after they were joined themselves, so equal sub-graphs become one. The first of several, each
/// node after its inputs, stays; the order depends on targets and dependencies alone. Returns how many went.
pub(super) fn run<O: Op>(draft: &mut Draft<O>) -> usize {
    let mut kept: Vec<u32> = (0..draft.keys.len() as u32).collect();
    // A value's digest names the value, a task's the operation: they are kept apart.
    let mut first: FxHashMap<(bool, Digest, Vec<u32>), u32> = FxHashMap::default();
    let mut gone = 0;
    for &node in &draft.topological {
        let content = &mut draft.contents[node as usize];
        let name = match content {
            Content::Task { op, inputs } => {
                inputs.iter_mut().for_each(|input| *input = kept[*input as usize]);
                op.digest().map(|digest| (true, digest, inputs.clone()))
            }
            Content::Value(held) => held.digest.map(|digest| (false, digest, Vec::new())),
            Content::Gone => None,
        };
        let Some(name) = name else { continue };
        kept[node as usize] = *first.entry(name).or_insert(node);
        if kept[node as usize] != node {
            *content = Content::Gone;
            gone += 1;
        }
    }
    for (_, node) in &mut draft.targets {
        *node = kept[*node as usize];
        draft.is_target[*node as usize] = true;
    }
    gone
}
