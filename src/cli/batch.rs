//! Many pairs in one session: each pair is an item of a [`Bag`], and all pairs are one graph.
//!
//! A run is a loop of graphs whose next one depends on what came of the last (has this plane converged?), so a batch
//! cannot be one flat graph of pixels. Planes of one cube go through their loop in step, which fits them: they have one
//! shape, one cut, one file. Pairs have nothing in common, so here a whole run is a task: a pair never waits for another
//! one's longest cycle, one that fails ends alone, and each is by construction what a run of its own would be, to the byte.
//! What they share are the means. The bag's graph admits a pair when its part of the memory is free, which its plan
//! keeps to; the tasks of all pairs under way are performed at one set of [`Slots`], so that as many tasks run at a time
//! as there are workers, of whichever pairs have some ready.

mod pair;
mod pairs;
mod tell;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::Line;
use super::args::RunArgs;
use super::components;
use super::failure::Failure;
use super::interrupt;
use super::keep::KeptSummary;
use super::run::{FOLDER, check_config, write_whole};
use super::shown::{self, Of, Shown};
use crate::collections::Compute;
use crate::collections::bag::Bag;
use crate::diagnostics::{Progress, ProgressMode, TaskCounts};
use crate::graph::{CacheUse, Callback, Cost, RunStart, Slots};
use crate::io::{FitsError, manage_heap};
use crate::pipeline::config::SchedulerChoice;
use crate::pipeline::plan::Means;
use crate::pipeline::record::RunRecord;
use crate::pipeline::{Plan, Products, RunConfig, RunError};
use pair::{Done, Job, Shared};
pub(super) use pairs::{PairError, is_pattern};
use tell::Told;

/// Before what is told of the batch as a whole.
const WHOLE: &str = "batch";

/// What a batch is made of, before any work.
struct Batch {
    /// Where its products go.
    folder: PathBuf,
    jobs: Vec<Arc<Job>>,
    means: Means,
    /// Pairs under way at the same time at the most.
    at_once: usize,
}

/// Runs all pairs of two patterns.
pub(super) fn batch(args: &RunArgs, config: &RunConfig, command: &Line) -> Result<(), Failure> {
    let means = Means::of(config);
    let mut shown = Shown::new(args, config, means.memory)?;
    let memory = means.memory.saturating_sub(shown.drawing());
    let means = Means { memory, record: shown::recording(args), ..means };
    let batch = Batch::new(args, (config, means), command)?;
    batch.plans().try_for_each(|plan| components::check(&args.save_components, plan))?;
    if args.dry_run {
        return super::say(&tell::plans(&batch));
    }
    manage_heap(batch.plans().any(Plan::is_tight));
    let whole = batch.prefix(WHOLE);
    let overwrite = args.overwrite || args.keep.goes_on(&whole)?;
    batch.check_outputs(args, &shown, overwrite)?;
    batch.make_folders()?;
    shown.prepare(batch.means.memory - batch.forecast())?;
    let products: Vec<PathBuf> = batch.jobs.iter().flat_map(|job| Products::paths(&job.prefix, config)).collect();
    let kept = args.keep.open(&whole, config.compute.cache_size, &products)?;
    if let Some(path) = &args.save_config {
        write_whole(path, &config.to_toml())?;
    }
    let shared = Arc::new(Shared {
        progress: Progress::new(if args.quiet { ProgressMode::Quiet } else { ProgressMode::Auto }),
        shown,
        lists: args.save_components.clone(),
        counts: TaskCounts::default(),
        cancel: interrupt::cancel_on_signals(),
        slots: (batch.at_once > 1).then(|| Arc::new(Slots::new(batch.means.workers))),
        kept,
        overwrite,
        verbose: args.verbose,
        quiet: args.quiet,
        pairs: batch.jobs.len(),
        drawing: Mutex::new(()),
        ended: AtomicUsize::new(0),
    });
    let begin = Instant::now();
    let done = batch.run(&shared)?;
    batch.conclude(&shared, &done, (command, config, begin.elapsed().as_secs_f64()))
}

impl Batch {
    fn new(args: &RunArgs, (config, means): (&RunConfig, Means), command: &Line) -> Result<Self, Failure> {
        let pairs = pairs::pairs(&args.plan.dirty, &args.plan.psf)?;
        let folder = PathBuf::from(args.output.as_deref().filter(|folder| !folder.is_empty()).unwrap_or(FOLDER));
        // processes have no common slots: there all of them work on one pair
        let shares = config.compute.scheduler == SchedulerChoice::Threads;
        let at_once = if shares { means.workers.min(pairs.len()) } else { 1 };
        let job = |(number, pair)| Arc::new(Job::new((number, pair), &folder, (config, means, at_once), command));
        let jobs = (0..).zip(pairs).map(job).collect();
        Ok(Self { folder, jobs, means, at_once })
    }

    /// The prefix of what is called so.
    fn prefix(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.jobs.iter().filter_map(|job| job.plan.as_ref().ok())
    }

    /// Refuses a batch that would write over an input, or, unless it may, over what is there.
    fn check_outputs(&self, args: &RunArgs, shown: &Shown, overwrite: bool) -> Result<(), Failure> {
        let sources = self.plans().flat_map(|plan| plan.inputs.paths());
        let inputs: HashSet<PathBuf> = sources.filter_map(|path| path.canonicalize().ok()).collect();
        let whole = self.prefix(WHOLE);
        let of_pairs = self.jobs.iter().filter(|job| job.plan.is_ok());
        let mut own: Vec<PathBuf> = of_pairs.flat_map(|job| job.files(shown, &args.save_components)).collect();
        own.extend(shown.files(&whole, Of::Batch).into_iter().chain([summary_of(&whole)]));
        check_config(args.save_config.as_deref(), &own)?;
        for path in own.into_iter().chain(args.save_config.clone()) {
            if path.canonicalize().is_ok_and(|path| inputs.contains(&path)) {
                return Err(FitsError::IsInput { path }.into());
            }
            if path.is_dir() || (path.exists() && !overwrite) {
                return Err(Failure::exists(&path));
            }
        }
        match self.jobs.iter().find(|job| job.pair.name == WHOLE) {
            Some(job) => Err(Failure::taken(&job.pair.dirty, &summary_of(&whole))),
            None => Ok(()),
        }
    }

    /// Makes the folders of the products.
    fn make_folders(&self) -> Result<(), Failure> {
        let of_jobs = self.jobs.iter().filter_map(|job| Path::new(&job.prefix).parent());
        for folder in of_jobs.chain([self.folder.as_path()]) {
            std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
        }
        Ok(())
    }

    /// Runs all pairs as one graph.
    fn run(&self, shared: &Arc<Shared>) -> Result<Vec<Done>, Failure> {
        let profilers = shared.shown.callbacks();
        let start = RunStart {
            tasks: self.plans().map(|plan| plan.forecast.load + plan.forecast.pass + plan.forecast.finish).sum(),
            workers: self.means.workers,
            memory: Some(self.means.values()),
            ..RunStart::default()
        };
        profilers.iter().for_each(|profiler| profiler.start(&start));
        shared.progress.stage(shared.stage());
        let bar: [&dyn Callback; 1] = [&shared.progress];
        let compute = Compute::new().workers(self.at_once).memory(self.means.values()).callbacks(&bar);
        let runner = Arc::clone(shared);
        let bag = Bag::from_items(self.jobs.iter().cloned(), self.jobs.len()).map("pair", move |job| runner.run(job));
        let done = bag.costing(self.jobs.iter().map(|job| job.cost())).compute_with(&compute);
        profilers.iter().for_each(|profiler| profiler.finish(done.is_ok()));
        Ok(done.map_err(RunError::from)?)
    }

    /// Tells what came of it, and writes that down.
    fn conclude(
        &self,
        shared: &Shared,
        done: &[Done],
        (command, config, wall_s): (&Line, &RunConfig, f64),
    ) -> Result<(), Failure> {
        let whole = self.prefix(WHOLE);
        let kept: Option<KeptSummary> = shared.kept.as_ref().map(|kept| {
            let add = |a: CacheUse, b: CacheUse| CacheUse {
                tasks: a.tasks + b.tasks,
                taken: a.taken + b.taken,
                run: a.run + b.run,
            };
            kept.summary(done.iter().map(|pair| pair.usage).fold(CacheUse::default(), add))
        });
        let profile = shared.shown.profile((self.means.memory, self.forecast()));
        let told = Told {
            command: &command.typed,
            config,
            wall_s,
            tasks: &shared.counts.by_kind(),
            kept: kept.as_ref(),
            parallel: shown::parallelism(profile.as_ref()),
        };
        let file = summary_of(&whole);
        tell::write(&file, self, done, told)?;
        if !shared.quiet {
            tell::table(done).iter().for_each(|line| shared.progress.note(line));
        }
        kept.iter().flat_map(KeptSummary::lines).for_each(|line| shared.progress.note(&line));
        shared.progress.note(&format!("wrote {}", file.display()));
        let record = RunRecord { profile, ..RunRecord::default() };
        shared.shown.draw(&record, &whole, Of::Batch)?;
        if let Some(plan) = self.plans().next() {
            let title = format!("{} pairs of {}", done.len(), self.folder.display());
            if let Some(page) = shared.shown.report(&record, &title, (plan, &command.typed))? {
                shared.progress.note(&format!("wrote {}", page.display()));
            }
        }
        let verdict = tell::verdict(done, shared.cancel.is_aborted());
        // pairs that are not complete may be gone on with
        shared.kept.iter().for_each(|kept| kept.done(verdict.as_ref().is_err_and(|failure| !failure.is_complete())));
        verdict
    }

    /// What the pairs under way hold at the most \[bytes\].
    fn forecast(&self) -> u64 {
        let mut peaks: Vec<u64> = self.plans().map(|plan| plan.forecast.peak_bytes).collect();
        peaks.sort_unstable_by(|a, b| b.cmp(a));
        peaks.iter().take(self.at_once).sum::<u64>().min(self.means.memory)
    }
}

/// What is written of a run or of a batch.
fn summary_of(prefix: &str) -> PathBuf {
    PathBuf::from(format!("{prefix}-summary.json"))
}

impl Job {
    /// What the bag's graph is told of it: the part of the memory that its plan was given, and its pixels for the time
    /// that is left.
    fn cost(&self) -> Cost {
        self.plan.as_ref().map_or_else(
            |_| Cost { flops: 1.0, ..Cost::default() },
            |plan| {
                let (ny, nx) = plan.cut.shape;
                let pixels = (plan.planes.len() * ny * nx) as f64;
                Cost { flops: pixels, scratch_bytes: plan.values(), output_bytes: 0 }
            },
        )
    }
}
