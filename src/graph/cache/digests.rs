//! Digests of the tasks of a graph.

use super::super::net::Net;
use super::super::task_graph::Node;
use super::super::{Digest, Op, TaskGraph};

/// For each node of the net the digest of its value, where all that it depends on has one.
pub(super) fn digests<O: Op>(graph: &TaskGraph<O>, net: &Net) -> Vec<Option<Digest>> {
    let mut digests = vec![None; net.len()];
    for &node in &net.topological {
        digests[node as usize] = match graph.at(net.places[node as usize]).1 {
            Node::Value(held) => held.digest,
            Node::Task { op, .. } => {
                let inputs = net.inputs.of(node).iter().map(|&input| digests[input as usize]);
                let parts: Option<Vec<Digest>> = std::iter::once(op.digest()).chain(inputs).collect();
                parts.map(Digest::join)
            }
        };
    }
    digests
}
