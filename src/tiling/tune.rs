//! The choice of the chunk size, with its reasons.

use crate::fft::Layout;

/// How a plane is cut: slabs of rows, blocks of spectrum columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunks {
    /// Rows of a slab.
    pub slab: usize,
    /// Columns of a block.
    pub block: usize,
    /// Why, one line each.
    pub reasons: Vec<String>,
}

/// What is to be cut.
#[derive(Debug, Clone, Copy)]
pub struct Task {
    /// Shape of a plane, `(ny, nx)`.
    pub shape: (usize, usize),
    /// The transform, its blocks not chosen yet.
    pub layout: Layout,
    /// Planes that are worked on at the same time.
    pub planes: usize,
    /// Worker threads.
    pub workers: usize,
}

/// Tasks of a stage per worker: enough that the last ones do not leave workers idle for long.
const TASKS_PER_WORKER: usize = 4;
/// Bytes below which a slab is not cut further: a task should take milliseconds, not microseconds.
const SMALLEST: usize = 1 << 20;
/// Bytes above which a slab is cut: a worker's L2 cache holds no more, and a buffer of this size is reused soon.
const LARGEST: usize = 32 << 20;
/// Columns of a block are a multiple of this: the strip that shares cache lines.
const STRIP: usize = 16;

/// Cuts as asked (`chunk` rows, and as many columns), or by the cost model.
pub fn tune(task: &Task, chunk: Option<usize>) -> Chunks {
    let (ny, _) = task.shape;
    let half = task.layout.half();
    if let Some(rows) = chunk {
        let slab = rows.clamp(1, ny);
        let block = rows.next_multiple_of(STRIP).min(half.next_multiple_of(STRIP));
        let reasons = vec![format!("{slab} rows and {block} spectrum columns, as asked by --chunk {rows}")];
        return Chunks { slab, block, reasons };
    }
    let row_bytes = 8 * half;
    let stages = (TASKS_PER_WORKER * task.workers).div_ceil(task.planes.min(TASKS_PER_WORKER * task.workers));
    let even = ny.div_ceil(stages);
    let least = (SMALLEST / row_bytes).max(1);
    let most = (LARGEST / row_bytes).max(1);
    let slab = even.max(least).min(most).clamp(1, ny);
    let wide =
        half.div_ceil(stages).max(SMALLEST / (8 * task.layout.ly)).min((LARGEST / (8 * task.layout.ly)).max(STRIP));
    let block = wide.next_multiple_of(STRIP).min(half.next_multiple_of(STRIP));
    let mut reasons = vec![format!(
        "{} workers, {} planes at a time: {stages} slabs of a plane keep every worker busy ({even} rows each)",
        task.workers, task.planes
    )];
    if slab > even {
        reasons
            .push(format!("raised to {slab} rows: below {} KiB a task is shorter than its overhead", SMALLEST >> 10));
    } else if slab < even {
        reasons.push(format!("lowered to {slab} rows: above {} MiB a slab's spectrum leaves the cache", LARGEST >> 20));
    }
    reasons.push(format!("{block} spectrum columns a block: whole strips of {STRIP} columns share their cache lines"));
    Chunks { slab, block, reasons }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(n: usize, planes: usize, workers: usize) -> Task {
        let layout = Layout { ly: 3 * n / 2, lx: 3 * n / 2, block: 0 };
        Task { shape: (n, n), layout, planes, workers }
    }

    #[test]
    fn a_large_plane_gets_several_slabs_per_worker() {
        let chunks = tune(&task(4096, 1, 2), None);
        assert!(4096_usize.div_ceil(chunks.slab) >= 2 * 2, "{chunks:?}");
        assert!(!chunks.reasons.is_empty());
    }

    #[test]
    fn a_small_plane_is_not_cut_to_dust() {
        let chunks = tune(&task(256, 1, 16), None);
        assert_eq!(chunks.slab, 256, "{chunks:?}");
    }

    #[test]
    fn a_chunk_that_was_asked_for_is_kept_within_the_plane() {
        assert_eq!(tune(&task(512, 1, 2), Some(100)).slab, 100);
        assert_eq!(tune(&task(512, 1, 2), Some(100)).block, 112);
        assert_eq!(tune(&task(512, 1, 2), Some(99_999)).slab, 512);
    }
}
