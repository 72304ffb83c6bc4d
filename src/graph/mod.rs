//! The lazy task graph: a node is a key, an operation that is plain data, and the keys it depends on.
//!
//! New here? Take the [`tour`], from `inc` and `add` to a Fourier transform in chunks.
//!
//! [`TaskGraph`] is data; [`order()`] gives every task its place, [`forecast()`] tells what the run would hold in memory,
//! a [`Scheduler`] ([`Serial`], [`Threads`] or [`Processes`]) computes the targets, and [`Callback`]s watch. Nothing here knows what
//! the operations do. The path of a run:
//!
//! ```text
//! TaskGraph --check, cull, number--> Net --order--> ranks --State (pure)--> workers --> values of the targets
//! ```
//!
//! The result never depends on the schedule: a task sees the values of its dependencies, in their order, and nothing else.
//!
//! Memory is planned, not watched. Operations declare what they make and need; under a budget a task starts only where it
//! has room, and with a [`Scratch`] folder the values that have none stand in files from birth, chosen before the run and
//! told by [`forecast_within`]. Any budget that fits the largest task is kept; a smaller one is an error that names what
//! would do.
//!
//! ```
//! use std::{convert::Infallible, sync::Arc};
//! use deconv::graph::{Cost, Held, Key, Meta, Op, RunContext, Scheduler, TaskContext, TaskGraph, Threads};
//!
//! struct Sum;
//! impl Op for Sum {
//!     type Value = f64;
//!     type Error = Infallible;
//!     fn kind(&self) -> &'static str {
//!         "sum"
//!     }
//!     fn cost(&self, inputs: &[Meta]) -> Cost {
//!         Cost { flops: inputs.len() as f64, output_bytes: 8, scratch_bytes: 0 }
//!     }
//!     fn run(&self, inputs: &[Arc<f64>], _context: &TaskContext) -> Result<f64, Infallible> {
//!         Ok(inputs.iter().map(|value| **value).sum())
//!     }
//! }
//!
//! let mut graph = TaskGraph::new();
//! let (one, two, total) = (Key::new("given", [0]), Key::new("given", [1]), Key::new("sum", []));
//! graph.insert_value(one.clone(), Held::new(Arc::new(1.0), 8))?;
//! graph.insert_value(two.clone(), Held::new(Arc::new(2.0), 8))?;
//! graph.insert(total.clone(), Sum, vec![one, two])?;
//! let values = Threads::new(2).execute(graph, &[total], &RunContext::default())?;
//! assert_eq!(*values[0].value().unwrap(), 3.0);
//! # Ok::<(), deconv::graph::GraphError>(())
//! ```

mod budget;
mod cache;
mod callback;
mod course;
mod desk;
mod digest;
mod elsewhere;
mod engine;
mod error;
mod forecast;
mod held;
mod keeper;
mod key;
mod ledger;
mod net;
mod op;
mod order;
mod pack;
mod passes;
mod perform;
pub mod picture;
mod places;
mod processes;
mod residence;
mod scheduler;
mod scratch;
mod slots;
mod spill;
mod state;
mod stored;
mod task_graph;
#[cfg(test)]
mod tests;
pub mod tour;

pub use cache::{Cache, CacheError, CacheStats, CacheUse, Cached, WORTH};
pub use callback::{Callback, GIVEN, RetryRecord, RunStart, SpillRecord, TaskRecord, TaskStart, ValueRecord};
pub use course::Limits;
pub use digest::Digest;
pub use error::{Access, GraphError, InputSite, TaskSite};
pub use forecast::{Forecast, KindForecast, forecast, forecast_elsewhere, forecast_within};
pub use held::{Held, HeldBy, Place, SMALL};
pub use keeper::{Keeper, Made};
pub use key::Key;
pub use op::{Cancel, Cost, Meta, Op, TaskContext};
pub use order::order;
pub use pack::{Packer, Plain, Unpacker, read_all};
pub use passes::{Optimised, PassReport, optimise};
pub use processes::{Processes, RemoteError, WorkerCommand, serve};
pub use scheduler::{RunContext, Scheduler, Serial, Threads, fetch};
pub use scratch::{Scratch, ScratchError, ScratchFile};
pub use slots::Slots;
pub use stored::{Codec, Stored};
pub use task_graph::TaskGraph;
