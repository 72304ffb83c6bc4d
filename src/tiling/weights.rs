//! Seconds of single tasks, by the same model that forecasts a pass.

use super::Chunks;
use super::model::Cost;
use super::tune::Task;

/// Bytes of the value that an operation on pixels takes up.
const PIXEL: f64 = 4.0;

/// What a task does, as the model tells tasks apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Transforms rows of a slab forward.
    Rows,
    /// Transforms columns of a block.
    Columns,
    /// Gathers rows out of the blocks and transforms them back.
    RowsBack,
    /// Reads a file.
    Read,
    /// Anything else that goes over pixels.
    Pixels,
}

/// What a task takes for each declared operation and each declared byte of its result.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Weight {
    /// \[s\]
    per_flop: f64,
    /// \[s\]
    per_byte: f64,
}

/// Seconds of tasks of planes that are cut in a given way, from what they declare.
///
/// For a whole slab or block they are the times of the model's stages; what is smaller takes its part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    rows: Weight,
    columns: Weight,
    rows_back: Weight,
    read: Weight,
    pixels: Weight,
    /// What the graph takes for any task \[s\].
    task: f64,
}

impl Weights {
    /// Weights for planes cut like this.
    pub fn new(task: &Task<'_>, chunks: &Chunks) -> Self {
        let cost = Cost::new(task, chunks);
        let (rows, columns) = (chunks.slab as f64, chunks.block as f64);
        let (spectrum, pixels) = (cost.spectrum(rows), cost.pixel_bytes(rows));
        let block = 8.0 * columns * task.shape.0 as f64;
        // of the stage's time the transforms go with the operations, the rest with the bytes
        let weight = |seconds: f64, transforms: f64, per_flop: f64, bytes: f64| Weight {
            per_flop,
            per_byte: (seconds - transforms) / bytes,
        };
        let row = |seconds: f64, bytes: f64| {
            let transforms = rows * cost.row_transform();
            weight(seconds, transforms, per_flop(task.machine.fft_seconds(task.layout.lx), task.layout.lx), bytes)
        };
        let column = task.machine.fft_seconds(task.layout.ly);
        Self {
            rows: row(cost.rows(rows), spectrum),
            columns: weight(cost.columns(columns), 2.0 * columns * column, per_flop(column, task.layout.ly), block),
            rows_back: row(cost.rows_back(rows), pixels),
            read: Weight { per_flop: 0.0, per_byte: 1e-9 / task.machine.input_gbs },
            pixels: Weight { per_flop: PIXEL / cost.memory, per_byte: cost.renew(pixels) / pixels },
            task: 1e-6 * task.machine.task_us,
        }
    }

    /// Time of tasks that declare together so many operations, and results of so many bytes \[s\].
    pub fn seconds(&self, sort: Sort, tasks: usize, flops: f64, output_bytes: u64) -> f64 {
        let Weight { per_flop, per_byte } = match sort {
            Sort::Rows => self.rows,
            Sort::Columns => self.columns,
            Sort::RowsBack => self.rows_back,
            Sort::Read => self.read,
            Sort::Pixels => self.pixels,
        };
        self.task * tasks as f64 + per_flop * flops + per_byte * output_bytes as f64
    }
}

/// Time of an operation, of which a transform has `5 n log2 n` \[s\].
fn per_flop(transform: f64, points: usize) -> f64 {
    let n = points.max(2) as f64;
    transform / (5.0 * n * n.log2())
}

#[cfg(test)]
mod tests {
    use super::super::machine::tests::machine;
    use super::super::pass;
    use super::*;
    use crate::fft::Layout;

    #[test]
    fn tasks_of_a_pass_take_together_what_the_model_says_of_it() {
        let machine = machine();
        // 2049 columns of a half spectrum are cut into three blocks of 683
        let layout = Layout { ly: 8192, lx: 4096, block: 683 };
        let task = Task { shape: (4096, 4000), layout, planes: 1, workers: 2, memory: u64::MAX, machine: &machine };
        let chunks = Chunks { slab: 128, block: 683 };
        let weights = Weights::new(&task, &chunks);
        let flops = |n: usize| 5.0 * n as f64 * (n as f64).log2();
        let (slabs, blocks, half) = (32.0, 3.0, layout.half() as f64);
        let row = 128.0 * 0.5 * flops(4096);
        let rows = weights.seconds(Sort::Rows, 1, row, (128.0 * 8.0 * half) as u64);
        let columns = weights.seconds(Sort::Columns, 1, 683.0 * 2.0 * flops(8192), 683 * 8 * 4096);
        let back = weights.seconds(Sort::RowsBack, 1, row, 128 * 4 * 4000);
        let model = pass(&task, &chunks);
        let busy = model.task_seconds * (2.0 * slabs + blocks);
        let graph = 1e-6 * machine.task_us * model.tasks as f64;
        let sum = slabs * (rows + back) + blocks * columns;
        assert!((sum / (busy + graph) - 1.0).abs() < 1e-9, "{sum} {busy} {graph}");
    }

    #[test]
    fn slow_files_and_long_transforms_weigh_more() {
        let quick = machine();
        let slow = super::super::Machine { input_gbs: 0.15, fft: vec![(256, 0.8)], ..machine() };
        let seconds = |machine: &super::super::Machine, sort| {
            let layout = Layout { ly: 1024, lx: 1024, block: 128 };
            let task = Task { shape: (1024, 1024), layout, planes: 1, workers: 1, memory: u64::MAX, machine };
            Weights::new(&task, &Chunks { slab: 128, block: 128 }).seconds(sort, 1, 1e9, 1 << 20)
        };
        let ratio = |sort| seconds(&slow, sort) / seconds(&quick, sort);
        assert!((ratio(Sort::Read) - 10.0).abs() < 0.1, "{}", ratio(Sort::Read));
        assert!((9.0..10.1).contains(&ratio(Sort::Columns)), "{}", ratio(Sort::Columns));
        assert_eq!(ratio(Sort::Pixels), 1.0);
    }
}
