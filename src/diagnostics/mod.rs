//! What a run shows of itself: progress on the terminal, a profile, and the plots drawn from its record.
//!
//! [`Progress`] and the three profilers ([`Profiler`], [`ResourceProfiler`], [`CacheProfiler`]; all on one clock as
//! [`Profilers`]) are callbacks of the task graph like any other: who wants something else implements
//! [`Callback`](crate::graph::Callback). Plots are functions from a
//! [`RunRecord`](crate::pipeline::record::RunRecord) to files, listed in [`PLOTS`]; they lay out a scene of plain marks, and one place turns scenes
//! into PNG and SVG with the font in `fonts/` (`DejaVu` Sans 2.37, its licence beside it). [`Report`] puts all of it into
//! one page that opens in a browser, beside the records themselves.
//! Nothing here changes a result: a run without callbacks and plots computes the same bytes.

mod beam;
mod cache;
mod chart;
mod colour;
mod convergence;
mod counts;
mod inference;
mod member;
mod parallel;
mod plot;
mod preview;
mod profile;
mod profiler;
mod profilers;
mod progress;
mod report;
mod resources;
mod scene;
mod stretch;
mod sweep;
mod ticks;

pub use cache::CacheProfiler;
pub use counts::{Moved, TaskCounts};
pub use member::Member;
pub use parallel::Parallelism;
pub use plot::{PLOTS, Plot, PlotError};
pub use profiler::Profiler;
pub use profilers::Profilers;
pub use progress::{Progress, ProgressMode};
pub use report::{RecordError, Report, read_tasks};
pub use resources::ResourceProfiler;
pub use sweep::{SWEEP_SUFFIXES, draw_sweep};
