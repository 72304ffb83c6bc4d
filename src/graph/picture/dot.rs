//! Graphs as text for Graphviz.

use std::fmt::Write;

use super::colour::{Palette, hex, is_dark};
use super::sketch::Node;
use super::svg::told;
use super::{Direction, Look, Picture};

/// Writes the pictures in the DOT language, each as a cluster: tasks are ellipses, given values boxes, targets bold.
pub fn dot(pictures: &[Picture], look: &Look<'_>) -> String {
    let palette = Palette::new(pictures, look);
    let rankdir = match look.direction {
        Direction::LeftRight => "LR",
        Direction::TopDown => "TB",
    };
    let mut text = format!("digraph tasks {{\nrankdir={rankdir}; node [style=filled];\n");
    for (number, picture) in pictures.iter().enumerate() {
        // the same key may stand in several graphs
        let name = |node: &Node| match pictures.len() {
            1 => format!("{:?}", title(node)),
            _ => format!("{:?}", format!("{} {}", picture.title, title(node))),
        };
        if pictures.len() > 1 {
            let _ = writeln!(text, "subgraph cluster_{number} {{ label={:?};", picture.title);
        }
        for node in &picture.sketch.nodes {
            let fill = palette.of(node);
            let shape = if node.kind.is_some() { "ellipse" } else { "box" };
            let font = if is_dark(fill) { "white" } else { "black" };
            let width = if node.is_target { 3 } else { 1 };
            let _ = writeln!(
                text,
                "{} [shape={shape}, label={:?}, tooltip={:?}, fillcolor=\"{}\", fontcolor={font}, penwidth={width}];",
                name(node),
                title(node),
                told(node),
                hex(fill)
            );
        }
        for &(from, to, count) in &picture.sketch.edges {
            let [from, to] = [from, to].map(|end| name(&picture.sketch.nodes[end as usize]));
            let label = if count > 1 { format!(" [label=\"{count}\"]") } else { String::new() };
            let _ = writeln!(text, "{from} -> {to}{label};");
        }
        text.push_str(if pictures.len() > 1 { "}\n" } else { "" });
    }
    text.push_str("}\n");
    text
}

fn title(node: &Node) -> String {
    if node.count > 1 {
        format!("{} {} (level {})", node.layer, node.place, node.level)
    } else {
        format!("{}{}", node.layer, node.place)
    }
}
