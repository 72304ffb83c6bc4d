//! The choice of the chunk size: candidates, what the cost model forecasts of each, and the reasons.

use std::fmt;

use super::caution::short;
use super::machine::Machine;
use super::model::{Pass, pass};
use crate::fft::Layout;

/// How a plane is cut: slabs of rows, blocks of spectrum columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chunks {
    /// Rows of a slab.
    pub slab: usize,
    /// Columns of a block.
    pub block: usize,
}

/// What is to be cut.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// Shape of a plane, `(ny, nx)`.
    pub shape: (usize, usize),
    /// The transform, its blocks not chosen yet.
    pub layout: Layout,
    /// Planes that are worked on at the same time.
    pub planes: usize,
    /// Worker threads.
    pub workers: usize,
    /// Cap on memory \[bytes\].
    pub memory: u64,
    /// The machine.
    pub machine: &'a Machine,
}

/// What the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The cost model's choice.
    Auto,
    /// So many rows, and as many columns.
    Rows(usize),
    /// Whole planes.
    Full,
}

/// What the graphs of a cut take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Footprint {
    /// Most memory of the process \[bytes\].
    pub peak_bytes: u64,
    /// What goes to scratch files and comes back, in a pass \[bytes\].
    pub spilled_bytes: u64,
}

/// A way to cut, and what is forecast of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Candidate {
    /// The cut.
    pub chunks: Chunks,
    /// Slabs of a plane.
    pub slabs: usize,
    /// Blocks of a plane.
    pub blocks: usize,
    /// A pass, spilling included.
    pub pass: Pass,
    /// Memory; not asked for where the time is far from the best.
    pub footprint: Option<Footprint>,
}

/// The choice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Choice {
    /// What was chosen.
    pub chosen: Candidate,
    /// Every candidate in order of size, the chosen one too; that one alone where the user decided.
    pub candidates: Vec<Candidate>,
    /// Why this one, in words.
    pub reason: String,
}

/// Columns of a block are a multiple of this: the strip that shares cache lines.
const STRIP: usize = 16;
/// Rows of a candidate at the least: edges grow with the square of the pieces, and with them the time to plan.
const LEAST_ROWS: usize = 2 * STRIP;
/// Mean time of a task below which the choice does not go where it need not: waking a worker takes some of it \[s\].
const SHORTEST: f64 = 2.5e-4;
/// The memory of a candidate is forecast where its time is at most so many times the best.
const NEAR: f64 = 1.5;
/// Times that differ by less are the same: the smallest chunks decide then, since what a pass does not count (reading, writing,
/// statistics) finds them in the caches still.
const SAME: f64 = 1.05;
/// Mean time of a task from which making it longer brings nothing \[s\].
const LONG: f64 = 5e-4;

impl Chunks {
    /// `rows` rows, and as many columns in whole strips, within the plane.
    pub fn square(task: &Task<'_>, rows: usize) -> Self {
        let half = task.layout.half().next_multiple_of(STRIP);
        Self { slab: rows.clamp(1, task.shape.0), block: rows.next_multiple_of(STRIP).clamp(STRIP, half) }
    }

    /// The whole plane in one piece.
    pub fn full(task: &Task<'_>) -> Self {
        Self { slab: task.shape.0, block: task.layout.half().next_multiple_of(STRIP) }
    }
}

impl Candidate {
    fn new(task: &Task<'_>, chunks: Chunks) -> Self {
        let (slabs, blocks) = (task.shape.0.div_ceil(chunks.slab), task.layout.half().div_ceil(chunks.block));
        Self { chunks, slabs, blocks, pass: pass(task, &chunks), footprint: None }
    }

    /// Takes note of what it holds, and of the time to spill and load.
    fn hold(&mut self, task: &Task<'_>, footprint: Footprint) {
        let Machine { scratch_write_gbs, scratch_read_gbs, .. } = task.machine;
        self.footprint = Some(footprint);
        self.pass.seconds += footprint.spilled_bytes as f64 / 1e9 * (1.0 / scratch_write_gbs + 1.0 / scratch_read_gbs);
    }

    fn fits(&self, memory: u64) -> bool {
        self.footprint.is_some_and(|footprint| footprint.peak_bytes <= memory)
    }
}

/// Cuts as wished; `footprint` forecasts what the graphs of a cut hold, and is asked only where the time is near the best.
pub fn tune(task: &Task<'_>, wish: Wish, mut footprint: impl FnMut(Chunks) -> Footprint) -> Choice {
    let given = match wish {
        Wish::Auto => None,
        Wish::Rows(rows) => Some((Chunks::square(task, rows), format!("as asked by --chunk {rows}"))),
        Wish::Full => Some((Chunks::full(task), "as asked by --chunk full".to_owned())),
    };
    if let Some((chunks, reason)) = given {
        let mut chosen = Candidate::new(task, chunks);
        chosen.hold(task, footprint(chunks));
        return Choice { chosen, candidates: vec![chosen], reason };
    }
    let whole = Candidate::new(task, Chunks::full(task));
    let mut candidates: Vec<Candidate> =
        sizes(task).into_iter().map(|rows| Candidate::new(task, Chunks::square(task, rows))).collect();
    candidates.retain(|candidate| candidate.pass.task_seconds >= SHORTEST && candidate.chunks != whole.chunks);
    candidates.push(whole);
    let seconds: Vec<f64> = candidates.iter().map(|candidate| candidate.pass.seconds).collect();
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|one, two| seconds[*one].total_cmp(&seconds[*two]));
    // the least time of one that fits, scratch files included: what is slower without them need not be asked about
    let mut best = f64::INFINITY;
    for place in order {
        if seconds[place] > NEAR * best {
            break;
        }
        let candidate = &mut candidates[place];
        candidate.hold(task, footprint(candidate.chunks));
        if candidate.fits(task.memory) {
            best = best.min(candidate.pass.seconds);
        }
    }
    let (chosen, reason) = decide(task, &candidates);
    Choice { chosen, candidates, reason }
}

/// Rows of the candidates, ascending: powers of two, and what gives every worker 1, 2, 4 or 8 slabs.
fn sizes(task: &Task<'_>) -> Vec<usize> {
    let (ny, _) = task.shape;
    let doubles = std::iter::successors(Some(LEAST_ROWS), |rows| Some(2 * rows)).take_while(|rows| *rows < ny);
    let even =
        [1, 2, 4, 8].into_iter().map(|each| ny.div_ceil(each * task.workers.max(1))).filter(|rows| *rows >= LEAST_ROWS);
    let mut sizes: Vec<usize> = doubles.chain(even).filter(|rows| *rows < ny).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// Of what fits the memory the quickest; of what is as quick, the smallest chunks with tasks that are long enough.
fn decide(task: &Task<'_>, candidates: &[Candidate]) -> (Candidate, String) {
    let known = || candidates.iter().filter(|candidate| candidate.footprint.is_some());
    let fitting = || known().filter(|candidate| candidate.fits(task.memory));
    let quickest = fitting().map(|candidate| candidate.pass.seconds).fold(f64::INFINITY, f64::min);
    let alike: Vec<&Candidate> = fitting().filter(|candidate| candidate.pass.seconds <= SAME * quickest).collect();
    if let [only] = candidates {
        return (
            *only,
            "a plane this small is not cut: its tasks would be shorter than it takes to hand them out".to_owned(),
        );
    }
    match alike[..] {
        [] => {
            let held = |candidate: &&Candidate| candidate.footprint.map(|footprint| footprint.peak_bytes);
            let least = known().min_by_key(held).unwrap_or(&candidates[0]);
            (*least, "none fits the memory; it holds the least".to_owned())
        }
        [only] => (*only, "the quickest that fits the memory".to_owned()),
        [.., last] => {
            let small = alike.iter().find(|candidate| candidate.pass.task_seconds >= LONG);
            let which = small.map_or("the one of the fewest tasks", |_| "the smallest chunks with tasks over 0.5 ms");
            (**small.unwrap_or(&last), format!("of {} within 5 % of the quickest {which}", alike.len()))
        }
    }
}

impl fmt::Display for Candidate {
    /// One line: size, pieces, tasks, time, overhead, memory.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chunks, slabs, blocks, pass, footprint } = self;
        write!(
            f,
            "{:6} rows: {slabs} slabs, {blocks} blocks, {} tasks of {}, {:.3} s a pass ({:.1} % overhead)",
            chunks.slab,
            pass.tasks,
            short(pass.task_seconds),
            pass.seconds,
            100.0 * pass.overhead / pass.seconds
        )?;
        match footprint {
            Some(footprint) if footprint.spilled_bytes > 0 => {
                write!(f, ", {} MiB held, {} MiB to scratch", footprint.peak_bytes >> 20, footprint.spilled_bytes >> 20)
            }
            Some(footprint) => write!(f, ", {} MiB held", footprint.peak_bytes >> 20),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::tests::machine;
    use super::*;

    const ROOMY: Footprint = Footprint { peak_bytes: 1, spilled_bytes: 0 };

    fn with_task<R>(n: usize, workers: usize, work: impl FnOnce(Task<'_>) -> R) -> R {
        let machine = machine();
        let layout = Layout { ly: n, lx: n, block: 0 };
        work(Task { shape: (n, n), layout, planes: 1, workers, memory: 1 << 30, machine: &machine })
    }

    #[test]
    fn a_large_plane_is_cut_finely_enough_for_every_worker_and_says_why() {
        let choice = with_task(4096, 2, |task| tune(&task, Wish::Auto, |_| ROOMY));
        assert!(choice.chosen.slabs >= 4 && choice.chosen.slabs <= 256, "{choice:?}");
        assert!(choice.candidates.contains(&choice.chosen) && choice.candidates.len() > 4, "{choice:?}");
        let least = choice.candidates.iter().map(|candidate| candidate.pass.seconds).fold(f64::INFINITY, f64::min);
        assert!(choice.chosen.pass.seconds <= SAME * least, "{choice:?}");
        assert!(!choice.reason.is_empty());
    }

    #[test]
    fn a_small_plane_is_not_cut_to_dust() {
        let choice = |n| with_task(n, 16, |task| tune(&task, Wish::Auto, |_| ROOMY));
        let (small, tiny) = (choice(256), choice(96));
        assert!(small.candidates.iter().all(|candidate| candidate.pass.task_seconds >= SHORTEST), "{small:?}");
        assert_eq!((tiny.chosen.chunks.slab, tiny.chosen.slabs), (96, 1), "{tiny:?}");
        assert!(tiny.reason.contains("not cut"), "{tiny:?}");
    }

    #[test]
    fn of_cuts_as_quick_the_smallest_with_long_tasks_is_taken() {
        let candidate = |slab, task_seconds| Candidate {
            chunks: Chunks { slab, block: slab },
            pass: Pass { seconds: 1.0, task_seconds, ..Pass::default() },
            footprint: Some(ROOMY),
            ..Candidate::default()
        };
        let taken = |of: &[Candidate]| with_task(4096, 2, |task| decide(&task, of)).0.chunks.slab;
        assert_eq!(taken(&[candidate(32, 0.5 * LONG), candidate(64, LONG), candidate(128, 2.0 * LONG)]), 64);
        assert_eq!(taken(&[candidate(32, 0.25 * LONG), candidate(64, 0.5 * LONG)]), 64);
        let slow =
            Candidate { pass: Pass { seconds: 1.1, task_seconds: LONG, ..Pass::default() }, ..candidate(32, LONG) };
        assert_eq!(taken(&[slow, candidate(64, LONG), candidate(128, 2.0 * LONG)]), 64);
    }

    #[test]
    fn a_chunk_that_was_asked_for_is_kept_within_the_plane() {
        let cut = |wish| with_task(512, 2, |task| tune(&task, wish, |_| ROOMY)).chosen.chunks;
        assert_eq!(cut(Wish::Rows(100)), Chunks { slab: 100, block: 112 });
        assert_eq!(cut(Wish::Rows(99_999)), cut(Wish::Full));
        assert_eq!(cut(Wish::Full), Chunks { slab: 512, block: 272 });
    }

    #[test]
    fn little_memory_makes_the_chunks_smaller() {
        let held = |chunks: Chunks| Footprint { peak_bytes: (chunks.slab as u64) << 22, spilled_bytes: 0 };
        // where a task is dear, small chunks are not the quickest
        let dear = Machine { task_us: 2000.0, ..machine() };
        let narrow =
            |memory| with_task(4096, 2, |task| tune(&Task { memory, machine: &dear, ..task }, Wish::Auto, held));
        let roomy = narrow(1 << 40).chosen;
        let tight = narrow(64 << 22);
        assert!(tight.chosen.chunks.slab <= 64 && tight.chosen.chunks.slab < roomy.chunks.slab, "{tight:?}");
        let nothing = narrow(1);
        let least = nothing.candidates.iter().map(|candidate| candidate.chunks.slab).min();
        assert_eq!(Some(nothing.chosen.chunks.slab), least, "{nothing:?}");
        assert!(nothing.reason.contains("none fits"), "{nothing:?}");
    }

    #[test]
    fn what_would_go_to_scratch_counts_with_the_rate_of_the_disk() {
        let held =
            |chunks: Chunks| Footprint { peak_bytes: 1, spilled_bytes: if chunks.slab < 1024 { 1 << 30 } else { 0 } };
        let choice = with_task(4096, 2, |task| tune(&task, Wish::Auto, held));
        assert!(choice.chosen.chunks.slab >= 1024, "{choice:?}");
        let spilling =
            choice.candidates.iter().find(|candidate| candidate.footprint.is_some_and(|f| f.spilled_bytes > 0));
        assert!(spilling.is_some_and(|candidate| candidate.pass.seconds > 3.0), "{choice:?}");
        assert!(spilling.is_some_and(|candidate| candidate.to_string().contains("1024 MiB to scratch")), "{choice:?}");
    }

    #[test]
    fn candidates_suit_workers_whose_number_is_no_power_of_two() {
        let sizes = with_task(6000, 3, |task| sizes(&task));
        assert!([2000, 1000, 500, 250, 32, 4096].iter().all(|rows| sizes.contains(rows)), "{sizes:?}");
        assert!(sizes.is_sorted() && sizes.iter().all(|rows| (32..6000).contains(rows)), "{sizes:?}");
    }
}
