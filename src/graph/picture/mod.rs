//! Pictures of graphs: DOT for Graphviz, and an SVG laid out here.
//!
//! A column is a topological level, and rows follow the static order, so that the picture reads as the run goes; the
//! layout takes time in proportion to the edges. Graphs of more than [`Look::most`] nodes are drawn by layers: tasks of
//! one layer at one level become one box with their number, their bytes and times summed.
//!
//! ```
//! # use deconv::graph::{Cost, Key, Meta, Op, TaskContext, TaskGraph};
//! # use std::{convert::Infallible, sync::Arc};
//! # struct One;
//! # impl Op for One {
//! #     type Value = f64;
//! #     type Error = Infallible;
//! #     fn kind(&self) -> &'static str { "one" }
//! #     fn cost(&self, _inputs: &[Meta]) -> Cost { Cost::default() }
//! #     fn run(&self, _inputs: &[Arc<f64>], _context: &TaskContext) -> Result<f64, Infallible> { Ok(1.0) }
//! # }
//! use deconv::graph::picture::{Look, Picture, dot, svg};
//!
//! let mut graph = TaskGraph::new();
//! let (one, two) = (Key::new("one", [0]), Key::new("two", [0]));
//! graph.insert(one.clone(), One, vec![])?;
//! graph.insert(two.clone(), One, vec![one])?;
//! let look = Look::default();
//! let picture = Picture::new("two tasks", &graph, &[two], &look)?;
//! assert!(svg(std::slice::from_ref(&picture), &look).starts_with("<svg"));
//! assert!(dot(&[picture], &look).contains("\"one(0)\" -> \"two(0)\""));
//! # Ok::<(), deconv::graph::GraphError>(())
//! ```

mod colour;
mod dot;
mod layout;
mod sketch;
mod svg;
#[cfg(test)]
mod tests;

pub use colour::{Rgb, category};
pub use dot::dot;
pub use svg::svg;

use super::{Cost, GraphError, Key, Op, TaskGraph};
use sketch::Sketch;

/// What the colours tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourBy {
    /// The kind of operation.
    #[default]
    Kind,
    /// The place in the static order.
    Order,
    /// For how many tasks of the static order the result stays.
    Age,
    /// The declared size of the result.
    Bytes,
    /// The seconds that the task takes, as far as [`Look::seconds`] tells them.
    Time,
}

/// Which way a graph reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Inputs at the left, targets at the right.
    #[default]
    LeftRight,
    /// Inputs above, targets below.
    TopDown,
}

/// Tells the seconds that a task takes, by its key and kind and what it declares, where they are known.
pub type Seconds<'a> = &'a dyn Fn(&Key, &str, &Cost) -> Option<f64>;

/// How a picture looks.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// What the colours tell.
    pub colour: ColourBy,
    /// Which way it reads.
    pub direction: Direction,
    /// Kinds that take the first colours, in this order: lets several pictures agree.
    pub kinds: &'a [String],
    /// Seconds that a task takes.
    pub seconds: Option<Seconds<'a>>,
    /// A graph of more nodes than this is drawn by layers.
    pub most: usize,
}

impl Default for Look<'_> {
    fn default() -> Self {
        Self { colour: ColourBy::Kind, direction: Direction::LeftRight, kinds: &[], seconds: None, most: 500 }
    }
}

/// What will be drawn of one graph.
#[derive(Debug, Clone)]
pub struct Picture {
    title: String,
    sketch: Sketch,
}

impl Picture {
    /// Looks over the part of the graph that the targets need.
    ///
    /// # Errors
    /// [`GraphError::Missing`] and [`GraphError::Cycle`].
    pub fn new<O: Op>(
        title: impl Into<String>,
        graph: &TaskGraph<O>,
        targets: &[Key],
        look: &Look<'_>,
    ) -> Result<Self, GraphError> {
        let sketch = Sketch::new(graph, targets, look.seconds)?;
        Ok(Self { title: title.into(), sketch: sketch.collapsed(look.most) })
    }

    /// Boxes that it has.
    pub fn boxes(&self) -> usize {
        self.sketch.nodes.len()
    }

    /// Tasks that it stands for.
    pub fn tasks(&self) -> usize {
        self.sketch.nodes.iter().filter(|node| node.kind.is_some()).map(|node| node.count).sum()
    }
}
