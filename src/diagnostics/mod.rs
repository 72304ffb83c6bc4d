//! What a run shows of itself: progress on the terminal, a profile, and the plots drawn from its record.
//!
//! [`Progress`] and [`Profiler`] are callbacks of the task graph. Plots are functions from a
//! [`RunRecord`](crate::pipeline::record::RunRecord) to files, listed in [`PLOTS`]; they lay out a scene of plain marks, and one place turns scenes
//! into PNG and SVG with the font in `fonts/` (`DejaVu` Sans 2.37, its licence beside it).
//! Nothing here changes a result: a run without callbacks and plots computes the same bytes.

mod chart;
mod colour;
mod convergence;
mod plot;
mod preview;
mod profile;
mod profiler;
mod progress;
mod resources;
mod scene;
mod stretch;
mod ticks;

pub use plot::{PLOTS, Plot, PlotError};
pub use profiler::Profiler;
pub use progress::{Progress, ProgressMode};
pub use resources::ResourceSampler;
