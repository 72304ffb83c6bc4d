//! A tour for newcomers: from `inc` and `add` to a Fourier transform in chunks.
//!
//! # A graph is data
//!
//! Dask's tutorial begins with a dictionary, `{'x': 1, 'y': (inc, 'x'), 'z': (add, 'y', 10)}`, and `get(dsk, 'z')`. Here a
//! graph has keys too, and behind each a value or a task: an operation and the keys that it depends on. Operations
//! are types of yours; most often an enum, so that a graph can be printed, drawn, stored and sent.
//!
//! ```
//! use std::{convert::Infallible, sync::Arc};
//! use deconv::graph::{Cost, Held, Key, Meta, Op, RunContext, Scheduler, Serial, TaskContext, TaskGraph};
//!
//! enum Step {
//!     Inc,
//!     Add(i64),
//! }
//!
//! impl Op for Step {
//!     type Value = i64;
//!     type Error = Infallible;
//!     fn kind(&self) -> &'static str {
//!         match self {
//!             Step::Inc => "inc",
//!             Step::Add(_) => "add",
//!         }
//!     }
//!     fn cost(&self, _inputs: &[Meta]) -> Cost {
//!         Cost { flops: 1.0, output_bytes: 8, scratch_bytes: 0 }
//!     }
//!     fn run(&self, inputs: &[Arc<i64>], _context: &TaskContext) -> Result<i64, Infallible> {
//!         Ok(match self {
//!             Step::Inc => *inputs[0] + 1,
//!             Step::Add(number) => *inputs[0] + number,
//!         })
//!     }
//! }
//!
//! let mut graph = TaskGraph::new();
//! let [x, y, z] = ["x", "y", "z"].map(|name| Key::new(name, []));
//! graph.insert_value(x.clone(), Held::new(Arc::new(1), 8))?;
//! graph.insert(y.clone(), Step::Inc, vec![x])?;
//! graph.insert(z.clone(), Step::Add(10), vec![y])?;
//!
//! let values = Serial.execute(graph, &[z], &RunContext::default())?;
//! assert_eq!(*values[0].small(), 12);
//! # Ok::<(), deconv::graph::GraphError>(())
//! ```
//!
//! Nothing ran before [`execute`](super::Scheduler::execute). What no target needs never runs, and a value goes as soon as
//! its last user has started.
//!
//! # Functions, called later
//!
//! To write a graph by hand is instructive, and soon tiresome. [`delayed`](crate::collections::delayed) makes the calls of
//! any function tasks. Closures are not data: such a graph stays in its process.
//!
//! ```
//! use deconv::collections::delayed::{delayed, delayed_many, value};
//!
//! let inc = delayed("inc", |x: &i64| x + 1);
//! let add = delayed("add", |x: &i64, y: &i64| x + y);
//! let z = add.call(&inc.call(&value(1)), &value(10));
//! assert_eq!(z.compute()?, 12);
//!
//! let sum = delayed_many("sum", |all: &[&i64]| all.iter().copied().sum::<i64>());
//! let all: Vec<_> = (1..=5).map(|x| inc.call(&value(x))).collect();
//! assert_eq!(sum.call(&all).compute()?, 20);
//! # Ok::<(), deconv::graph::GraphError>(())
//! ```
//!
//! # What a run will take, before it runs
//!
//! An operation declares what it costs, so a graph tells its memory before it runs: [`forecast`](super::forecast()) follows
//! the schedule on paper. [`Threads`](super::Threads) keeps to a budget; with a scratch folder, values that are
//! needed late wait in files. The order of the tasks is chosen so that values go early, and is the same in each run.
//!
//! ```
//! use deconv::collections::array::Array;
//! use deconv::graph::{RunContext, Scheduler, Threads, forecast, optimise};
//!
//! let x = Array::<f64>::normal(7, (10.0, 0.1), [1000, 1000], 250)?;
//! let mean = x.mean(&[0])?;
//! let (graph, keys) = mean.graph()?;
//! assert_eq!(forecast(&graph, &keys, 2)?.by_kind["normal"].tasks, 16);
//!
//! // random numbers and the sums of each chunk become one task
//! let optimised = optimise(graph, &keys)?.graph;
//! let plan = forecast(&optimised, &keys, 2)?;
//! assert!(plan.peak_bytes < x.bytes() / 2);
//! let threads = Threads::new(2).with_memory(plan.peak_bytes);
//! let chunks = threads.execute(optimised, &keys, &RunContext::default())?;
//! assert_eq!(mean.assemble(&chunks)?, mean.compute()?);
//! # Ok::<(), deconv::collections::array::ArrayError>(())
//! ```
//!
//! [`Array`](crate::collections::array::Array) builds graphs of chunks from operations on the whole; `compute` is the three
//! steps above in one.
//!
//! # To watch it
//!
//! Hooks, each of which may be left out, make a [`Callback`](super::Callback): progress bars, profilers and reports are nothing else.
//!
//! ```
//! use std::sync::Mutex;
//! use deconv::collections::{Compute, array::Array};
//! use deconv::graph::{Callback, TaskStart};
//!
//! #[derive(Default)]
//! struct Keys(Mutex<Vec<String>>);
//! impl Callback for Keys {
//!     fn pretask(&self, task: &TaskStart) {
//!         self.0.lock().unwrap().push(task.key.to_string());
//!     }
//! }
//!
//! let keys = Keys::default();
//! let a = Array::<f64>::normal(1, (0.0, 1.0), [60, 60], 30)?;
//! a.t().add(&a)?.mean(&[0])?.compute_with(&Compute::new().workers(2).callbacks(&[&keys]))?;
//! assert!(keys.0.lock().unwrap().iter().any(|key| key.starts_with("normal-")));
//! # Ok::<(), deconv::collections::array::ArrayError>(())
//! ```
//!
//! [`picture`](super::picture) draws any graph, and `visualize` that of an array, a delayed value or a bag.
//!
//! # A Fourier transform in chunks
//!
//! A transform needs whole rows, then whole columns. So the rows are transformed in slabs, the array is cut anew, each
//! block of columns gathering its part of every slab, and the columns are transformed in blocks. With slabs and blocks
//! in scratch files the image may be larger than memory: a block reads only its part of each.
//!
//! ```text
//! slab i ─> rows ─┐              ┌─> columns ─> block j
//!                 ├─> rechunk j ─┤
//! slab k ─> rows ─┘              └─> columns ─> block l
//! ```
//!
//! ```
//! use deconv::collections::{Compute, array::{Array, cut}};
//!
//! let image = Array::<f64>::normal(3, (0.0, 1.0), [120, 90], 30)?;
//! let spectrum = image.rfft2()?;
//! assert_eq!(spectrum.shape(), [120, 46]);
//! assert!(spectrum.chunks().count(1) > 1, "blocks of columns");
//!
//! // the first element is the sum, and there and back again is where one was
//! let first = spectrum.slice(&[cut(0), cut(0)])?.real().compute()?[[]];
//! assert!((first - image.sum(&[0, 1])?.compute()?[[]]).abs() < 1e-10);
//! let apart = spectrum.irfft2(90)?.sub(&image)?.abs().max(&[0, 1])?;
//! assert!(apart.compute_with(&Compute::new().workers(2))?[[]] < 1e-13);
//! # Ok::<(), deconv::collections::array::ArrayError>(())
//! ```
//!
//! No bit of any of these results depends on workers, schedulers or budgets, nor those of the mean on the chunks.
//! `examples/` has a program for each of these, and for bags, futures, tables and more. In this program the same engine deconvolves:
//! Wiener-Hunt is the transform above with a filter on the columns, CLEAN a graph for each major cycle.
