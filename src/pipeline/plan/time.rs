//! The seconds that tasks will take: what progress is counted in, and what a picture is coloured by before the run.

use super::Plan;
use crate::graph::KindForecast;
use crate::tiling::{Chunks, Sort, Task, Weights};

/// Forecasts tasks of a plan's graphs by the cost model of [`crate::tiling`].
#[derive(Debug, Clone, Copy)]
pub struct TaskSeconds(Weights);

impl TaskSeconds {
    pub(super) fn of(plan: &Plan) -> Self {
        let Plan { cut, kernel, batch, workers, memory, ref config, .. } = *plan;
        let task =
            Task { shape: cut.shape, layout: kernel.layout, planes: batch, workers, memory, machine: &config.machine };
        Self(Weights::new(&task, &Chunks { slab: cut.slab, block: cut.block }))
    }

    /// Time of tasks of a kind, by what they declare together \[s\].
    pub fn of_tasks(&self, kind: &str, declared: KindForecast) -> f64 {
        let KindForecast { tasks, flops, output_bytes } = declared;
        self.0.seconds(sort(kind), tasks, flops, output_bytes)
    }
}

/// Which of the model's tasks an operation is like.
fn sort(kind: &str) -> Sort {
    match kind {
        "rows" | "weighted-rows" | "psf-rows" | "beam-rows" | "atom-rows" => Sort::Rows,
        "columns" | "columns-sum" | "transfer" | "filter" | "atom-columns" | "atom-data" => Sort::Columns,
        "residual" | "restore" | "filtered" | "atom-advance" | "atom-model" | "atom-band" | "atom-weights" => {
            Sort::RowsBack
        }
        "read" => Sort::Read,
        _ => Sort::Pixels,
    }
}
