//! The cost model: how long one pass over a plane takes when it is cut in a given way.
//!
//! A pass is what every algorithm repeats: rows of the slabs forward, columns of the blocks forward, product and back,
//! rows of the slabs back, and the work on pixels that goes with it. Each stage waits for the one before.
//!
//! | stage | tasks | a task's time |
//! |---|---|---|
//! | rows | slabs | real transforms + reading pixels + writing a spectrum, in pieces as wide as a block |
//! | columns | blocks | two complex transforms a column + turning columns upright and back + the transfer function + writing a block |
//! | rows back | slabs | real transforms + gathering a row from every block + writing pixels |
//! | pixels | slabs | values of a slab, written anew |
//!
//! Small chunks cost tasks and edges; large ones leave workers idle at the end of a stage, stride over pages, and are so
//! large that the allocator gives their memory back to the system each time.

use super::machine::Machine;
use super::{Chunks, Task};

/// Values of a slab that a pass writes besides spectra: the model, the residual, statistics and what is written.
const PIXEL_VALUES: f64 = 4.0;
/// Columns that are turned upright together, and the bytes of a row that they take.
const STRIP_BYTES: f64 = 128.0;
/// Distance of rows at which every row is on a page of its own \[bytes\].
const PAGES_APART: usize = 16 << 10;

/// Forecast of one pass over all planes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pass {
    /// Wall time \[s\].
    pub seconds: f64,
    /// Of it, what the graph takes beyond the work \[s\].
    pub overhead: f64,
    /// Tasks.
    pub tasks: usize,
    /// Time of a mean task of the transforms \[s\].
    pub task_seconds: f64,
}

/// Equal tasks, the last of them cut short.
struct Stage {
    tasks: usize,
    /// Time of a whole task \[s\].
    seconds: f64,
}

impl Stage {
    /// Time until all tasks of all planes have ended \[s\].
    fn span(&self, planes: usize, workers: usize) -> f64 {
        (self.tasks * planes).div_ceil(workers.max(1)) as f64 * self.seconds
    }
}

/// Forecasts a pass over planes cut like this.
pub fn pass(task: &Task<'_>, chunks: &Chunks) -> Pass {
    let (ny, _) = task.shape;
    let (slabs, blocks) = (ny.div_ceil(chunks.slab), task.layout.half().div_ceil(chunks.block));
    let cost = Cost::new(task, chunks);
    let rows = ny as f64 / slabs as f64;
    let columns = task.layout.half() as f64 / blocks as f64;
    let stages = [
        Stage { tasks: slabs, seconds: cost.rows(rows) },
        Stage { tasks: blocks, seconds: cost.columns(columns) },
        Stage { tasks: slabs, seconds: cost.rows_back(rows) },
    ];
    let pixels = Stage { tasks: slabs, seconds: cost.pixels(rows) };
    let tasks = task.planes * (2 * slabs + blocks);
    let edges = task.planes * 2 * slabs * blocks;
    let overhead = 1e-6 * (tasks as f64 * task.machine.task_us + edges as f64 * task.machine.edge_us);
    let busy: f64 = stages.iter().map(|stage| stage.tasks as f64 * stage.seconds).sum();
    let span: f64 = stages.iter().chain([&pixels]).map(|stage| stage.span(task.planes, task.workers)).sum();
    let task_seconds = busy / (2 * slabs + blocks) as f64;
    Pass { seconds: span + overhead, overhead, tasks, task_seconds }
}

/// What tasks cost on a machine.
pub(super) struct Cost<'a> {
    task: &'a Task<'a>,
    machine: &'a Machine,
    /// A worker's share of the memory's rate \[bytes/s\].
    pub(super) memory: f64,
    /// Columns of a block.
    block: usize,
}

impl<'a> Cost<'a> {
    pub(super) fn new(task: &'a Task<'a>, chunks: &Chunks) -> Self {
        Self { task, machine: task.machine, memory: task.machine.memory(task.workers), block: chunks.block }
    }
}

impl Cost<'_> {
    /// Time of the transform of a row.
    pub(super) fn row_transform(&self) -> f64 {
        0.5 * self.machine.fft_seconds(self.task.layout.lx)
    }

    /// Bytes of a spectrum's rows.
    pub(super) fn spectrum(&self, rows: f64) -> f64 {
        8.0 * rows * self.task.layout.half() as f64
    }

    pub(super) fn pixel_bytes(&self, rows: f64) -> f64 {
        4.0 * rows * self.task.shape.1 as f64
    }

    /// Time to write so many bytes as a new value.
    pub(super) fn renew(&self, bytes: f64) -> f64 {
        bytes / self.machine.renewal(bytes as u64).min(self.memory)
    }

    /// Time to move so many bytes in pieces as wide as a block, each on a page of its own.
    fn pieces(&self, bytes: f64) -> f64 {
        let run = 8.0 * self.block as f64;
        bytes / (self.machine.turning(PAGES_APART) * (run / STRIP_BYTES).max(1.0)).min(self.memory)
    }

    pub(super) fn rows(&self, rows: f64) -> f64 {
        let spectrum = self.spectrum(rows);
        let reading = self.pixel_bytes(rows) / self.memory;
        rows * self.row_transform() + reading + self.pieces(spectrum) + self.renew(spectrum)
    }

    pub(super) fn columns(&self, columns: f64) -> f64 {
        let (ny, ly) = (self.task.shape.0 as f64, self.task.layout.ly as f64);
        let transforms = 2.0 * columns * self.machine.fft_seconds(self.task.layout.ly);
        let turning = 8.0 * columns * (2.0 * ny) / self.machine.turning(8 * self.block).min(self.memory);
        transforms + turning + 8.0 * columns * ly / self.memory + self.renew(8.0 * columns * ny)
    }

    pub(super) fn rows_back(&self, rows: f64) -> f64 {
        let gathering = self.pieces(self.spectrum(rows));
        rows * self.row_transform() + gathering + self.renew(self.pixel_bytes(rows))
    }

    fn pixels(&self, rows: f64) -> f64 {
        PIXEL_VALUES * self.renew(self.pixel_bytes(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::tests::machine;
    use super::*;
    use crate::fft::Layout;

    fn forecast(n: usize, chunk: usize, workers: usize) -> Pass {
        let machine = machine();
        let layout = Layout { ly: n, lx: n, block: 0 };
        let task = Task { shape: (n, n), layout, planes: 1, workers, memory: u64::MAX, machine: &machine };
        pass(&task, &Chunks::square(&task, chunk))
    }

    #[test]
    fn dust_costs_tasks_and_whole_planes_cost_pages_and_idle_workers() {
        let [dust, middle, whole] = [4, 128, 4096].map(|chunk| forecast(4096, chunk, 2));
        assert!(dust.overhead > 10.0 * middle.overhead, "{dust:?} {middle:?}");
        assert!(middle.seconds < dust.seconds, "{dust:?} {middle:?}");
        assert!(middle.seconds < 0.7 * whole.seconds, "{middle:?} {whole:?}");
        assert_eq!(whole.tasks, 3, "a slab forward and back, and one block: {whole:?}");
    }

    #[test]
    fn second_worker_halves_the_transforms_but_not_what_the_memory_gives() {
        let ratio = forecast(4096, 128, 1).seconds / forecast(4096, 128, 2).seconds;
        assert!((1.5..2.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn fewer_tasks_than_workers_leave_workers_idle() {
        let [idle, busy] = [512, 128].map(|chunk| forecast(1024, chunk, 8));
        assert!(idle.seconds > 2.0 * busy.seconds, "two slabs for eight workers: {idle:?} {busy:?}");
    }
}
