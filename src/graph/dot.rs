//! The graph as text for Graphviz.

use std::collections::BTreeMap;

use super::task_graph::Node;
use super::{Key, Op, TaskGraph};

/// Writes the graph in the DOT language: tasks are ellipses coloured by kind, given values are boxes, aliases are
/// text at the end of a dashed line.
pub fn dot<O: Op>(graph: &TaskGraph<O>) -> String {
    let hues = hues(graph);
    let mut lines = vec!["digraph tasks {".to_string(), "rankdir=LR; node [style=filled];".to_string()];
    for (key, node) in graph.nodes() {
        let name = quoted(key);
        match node {
            Node::Value(_) => lines.push(format!("{name} [shape=box, fillcolor=\"gray90\"];")),
            Node::Task { op, dependencies } => {
                let (kind, hue) = (op.kind(), hues[op.kind()]);
                lines.push(format!("{name} [tooltip={kind:?}, fillcolor=\"{hue:.3} 0.400 0.950\"];"));
                lines.extend(dependencies.iter().map(|dependency| format!("{} -> {name};", quoted(dependency))));
            }
        }
    }
    for (key, of) in graph.aliases() {
        lines.push(format!("{} [shape=plain, fillcolor=white];", quoted(key)));
        lines.push(format!("{} -> {} [style=dashed];", quoted(of), quoted(key)));
    }
    lines.push("}\n".to_string());
    lines.join("\n")
}

/// A hue between 0 and 1 for each kind: steps of the golden ratio keep neighbours apart.
fn hues<O: Op>(graph: &TaskGraph<O>) -> BTreeMap<&'static str, f64> {
    let mut hues: BTreeMap<_, f64> = graph.tasks().map(|(_, kind, _)| (kind, 0.0)).collect();
    for (place, hue) in hues.values_mut().enumerate() {
        *hue = (place as f64 * 0.618_034).fract();
    }
    hues
}

fn quoted(key: &Key) -> String {
    format!("{:?}", key.to_string())
}
