//! What the user should know of a cut before it runs, with a number and a remedy each.

use thiserror::Error;

/// More tasks than this in one graph are worth a warning: their keys and edges alone fill memory.
const MANY_TASKS: usize = 100_000;
/// A task below this is not much longer than what it costs to hand it out \[s\].
const SHORT: f64 = 1e-3;
/// A halo above this share of a tile is computed more often than it is used.
const WIDE_HALO: f64 = 0.25;

/// A cut that will disappoint.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum Caution {
    /// Too many tasks.
    #[error(
        "a graph of {tasks} tasks (more than {MANY_TASKS}): chunks of {rows} rows or more would keep it below; try --chunk {rows}"
    )]
    ManyTasks {
        /// Tasks of the largest graph.
        tasks: usize,
        /// Rows that would do.
        rows: usize,
    },
    /// Tasks shorter than a millisecond.
    #[error("tasks of {} by forecast (less than {}): larger chunks cost less to hand out; try --chunk {rows}", short(*seconds), short(SHORT))]
    ShortTasks {
        /// Forecast of a mean task \[s\].
        seconds: f64,
        /// Rows that would do.
        rows: usize,
    },
    /// A halo that is a large part of its tile.
    #[error(
        "a halo of {halo} pixels round tiles of {tile}, {:.0} % of them (more than {:.0} %): every pixel of it is computed again in the next tile; make tiles of {enough} or more",
        100.0 * *halo as f64 / *tile as f64, 100.0 * WIDE_HALO
    )]
    WideHalo {
        /// Pixels beyond each side of the tile.
        halo: usize,
        /// Pixels along the tile.
        tile: usize,
        /// Pixels along a tile that would do.
        enough: usize,
    },
    /// Chunks that do not fit the memory once for each worker.
    #[error(
        "chunks of {} MiB, one for each of {workers} workers, make {} MiB, more than the {} MiB that values may take; try --chunk {rows} or --threads {fewer}",
        chunk >> 20, (chunk * *workers as u64) >> 20, memory >> 20
    )]
    LargeChunks {
        /// A chunk with what its task reads and writes \[bytes\].
        chunk: u64,
        /// Workers.
        workers: usize,
        /// Memory for values \[bytes\].
        memory: u64,
        /// Rows that would do.
        rows: usize,
        /// Workers that would do.
        fewer: usize,
    },
}

/// A time of some milliseconds or less, in a unit that shows it.
pub(super) fn short(seconds: f64) -> String {
    if seconds < 1e-4 { format!("{:.2} us", 1e6 * seconds) } else { format!("{:.2} ms", 1e3 * seconds) }
}

/// What is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Rows of a slab.
    pub rows: usize,
    /// Rows of a plane.
    pub ny: usize,
    /// Tasks of the largest graph.
    pub tasks: usize,
    /// Forecast of a mean task \[s\].
    pub task_seconds: f64,
    /// A chunk with what its task reads and writes \[bytes\].
    pub chunk_bytes: u64,
    /// Workers.
    pub workers: usize,
    /// Memory for values \[bytes\].
    pub memory: u64,
}

/// What to warn of; nothing that a larger or smaller chunk could not mend.
pub fn cautions(load: &Load) -> Vec<Caution> {
    let Load { rows, ny, tasks, task_seconds, chunk_bytes, workers, memory } = *load;
    let larger = |factor: f64| ((rows as f64 * factor).ceil() as usize).next_power_of_two().min(ny);
    let mut found = Vec::new();
    if tasks > MANY_TASKS && rows < ny {
        found.push(Caution::ManyTasks { tasks, rows: larger(tasks as f64 / MANY_TASKS as f64) });
    }
    if task_seconds < SHORT && rows < ny {
        found.push(Caution::ShortTasks { seconds: task_seconds, rows: larger(SHORT / task_seconds) });
    }
    if chunk_bytes.saturating_mul(workers as u64) > memory && (rows > 1 || workers > 1) {
        let each = memory / workers.max(1) as u64;
        let rows = ((rows as u64).saturating_mul(each) / chunk_bytes).max(1) as usize;
        let fewer = (memory / chunk_bytes).max(1) as usize;
        found.push(Caution::LargeChunks { chunk: chunk_bytes, workers, memory, rows, fewer });
    }
    found
}

/// Whether a halo of so many pixels beyond each side is too wide for tiles of so many pixels.
pub fn halo(tile: usize, halo: usize) -> Option<Caution> {
    let is_wide = halo as f64 > WIDE_HALO * tile as f64;
    is_wide.then(|| Caution::WideHalo { halo, tile, enough: (halo as f64 / WIDE_HALO).ceil() as usize })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is wrong with it.
    const FINE: Load =
        Load { rows: 128, ny: 4096, tasks: 500, task_seconds: 4e-3, chunk_bytes: 1 << 22, workers: 2, memory: 1 << 30 };

    #[test]
    fn a_cut_without_a_fault_is_not_warned_of() {
        assert_eq!(cautions(&FINE), []);
        assert_eq!(cautions(&Load { tasks: 100_000, task_seconds: 1e-3, chunk_bytes: 1 << 29, ..FINE }), []);
    }

    #[test]
    fn more_than_100k_tasks_name_their_number_and_a_chunk_that_makes_fewer() {
        let found = cautions(&Load { tasks: 250_000, rows: 1, ..FINE });
        assert_eq!(found, [Caution::ManyTasks { tasks: 250_000, rows: 4 }]);
        let text = found[0].to_string();
        assert!(text.contains("250000") && text.contains("--chunk 4"), "{text}");
    }

    #[test]
    fn tasks_under_a_millisecond_name_their_time_and_a_chunk_that_makes_them_longer() {
        let found = cautions(&Load { task_seconds: 3e-4, rows: 16, ..FINE });
        assert_eq!(found, [Caution::ShortTasks { seconds: 3e-4, rows: 64 }]);
        let text = found[0].to_string();
        assert!(
            text.contains("0.30 ms") && text.contains("less than 1.00 ms") && text.contains("--chunk 64"),
            "{text}"
        );
        let text = Caution::ShortTasks { seconds: 4e-7, rows: 64 }.to_string();
        assert!(text.contains("tasks of 0.40 us by forecast"), "{text}");
        assert_eq!(
            cautions(&Load { task_seconds: 1e-4, rows: 256, ny: 256, ..FINE }),
            [],
            "a whole plane has no remedy"
        );
    }

    #[test]
    fn chunks_that_do_not_fit_once_for_each_worker_name_both_remedies() {
        let found = cautions(&Load { chunk_bytes: 600 << 20, rows: 1024, ..FINE });
        assert_eq!(
            found,
            [Caution::LargeChunks { chunk: 600 << 20, workers: 2, memory: 1 << 30, rows: 873, fewer: 1 }]
        );
        let text = found[0].to_string();
        for needle in ["600 MiB", "1200 MiB", "1024 MiB", "--chunk 873", "--threads 1"] {
            assert!(text.contains(needle), "{needle}: {text}");
        }
    }

    #[test]
    fn halo_over_a_quarter_of_its_tile_names_its_share_and_a_tile_that_is_large_enough() {
        assert_eq!((halo(64, 16), halo(64, 0)), (None, None));
        let found = halo(64, 17).expect("more than a quarter");
        assert_eq!(found, Caution::WideHalo { halo: 17, tile: 64, enough: 68 });
        let text = found.to_string();
        assert!(text.contains("27 %") && text.contains("25 %") && text.contains("68 or more"), "{text}");
        assert_eq!(halo(68, 17), None, "the remedy is one");
    }
}
