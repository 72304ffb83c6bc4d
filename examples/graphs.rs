//! The graph of the tutorial, as data: x = 1, y = inc(x), z = add(y, 10). It is computed and drawn.
//!
//! `cargo run --example graphs`
#![allow(clippy::print_stdout)]

use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::sync::Arc;

use deconv::graph::picture::{Look, Picture, dot, svg};
use deconv::graph::{Cost, Held, Key, Meta, Op, RunContext, Scheduler, Serial, TaskContext, TaskGraph};

/// What a task does: plain data, which can be printed, compared and drawn.
enum Step {
    Inc,
    Add(i64),
}

impl Op for Step {
    type Value = i64;
    type Error = Infallible;

    fn kind(&self) -> &'static str {
        match self {
            Self::Inc => "inc",
            Self::Add(_) => "add",
        }
    }

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { flops: 1.0, output_bytes: 8, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<i64>], _context: &TaskContext) -> Result<i64, Infallible> {
        Ok(match self {
            Self::Inc => *inputs[0] + 1,
            Self::Add(number) => *inputs[0] + number,
        })
    }
}

/// Runs the example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let mut graph = TaskGraph::new();
    let [x, y, z] = ["x", "y", "z"].map(|name| Key::new(name, []));
    graph.insert_value(x.clone(), Held::new(Arc::new(1), 8))?;
    graph.insert(y.clone(), Step::Inc, vec![x])?;
    graph.insert(z.clone(), Step::Add(10), vec![y])?;

    let look = Look::default();
    let picture = Picture::new("inc and add", &graph, std::slice::from_ref(&z), &look)?;
    fs::write("outputs/graphs.dot", dot(std::slice::from_ref(&picture), &look))?;
    fs::write("outputs/graphs.svg", svg(&[picture], &look))?;

    let values = Serial.execute(graph, &[z], &RunContext::default())?;
    println!("z = {}; drawn in outputs/graphs.svg", values[0].small());
    assert_eq!(*values[0].small(), 12);
    Ok(())
}
