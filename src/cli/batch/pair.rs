//! One pair of a batch, as a run of its own would do it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

use super::pairs::Pair;
use super::summary_of;
use crate::cli::Line;
use crate::cli::components::{self, ListFile};
use crate::cli::failure::Failure;
use crate::cli::keep::Kept;
use crate::cli::run::{Course, verdict, write_summary};
use crate::cli::scheduler::scheduler;
use crate::cli::shown::{Of, Shown};
use crate::diagnostics::{Member, Progress, TaskCounts};
use crate::graph::{CacheUse, Cached, Callback, Cancel, Scheduler, Slots};
use crate::pipeline::ops::DeconvOp;
use crate::pipeline::plan::Means;
use crate::pipeline::record::RunRecord;
use crate::pipeline::{Outcome, Plan, PlanError, Products, RunConfig, Tools, Watch, run};

/// What is decided of a pair before any work.
pub(super) struct Job {
    pub(super) number: u32,
    pub(super) pair: Pair,
    pub(super) prefix: String,
    /// The command that does the same for this pair alone.
    command: Line,
    /// Its plan, or why there is none, in words.
    pub(super) plan: Result<Plan, String>,
}

impl Job {
    /// Plans a pair for its part of what there is for `at_once` pairs: the smallest in which it needs no scratch files,
    /// else all.
    pub(super) fn new(
        (number, pair): (u32, Pair),
        folder: &Path,
        (config, means, at_once): (&RunConfig, Means, usize),
        command: &Line,
    ) -> Self {
        let prefix = folder.join(&pair.name).to_string_lossy().into_owned();
        let command = command.of_pair((&pair.dirty, &pair.psf), &prefix);
        let mut sharing = at_once;
        let plan = loop {
            let plan = Plan::within(config.clone(), &pair.dirty, &pair.psf, means.part(sharing));
            let has_no_room = match &plan {
                Ok(plan) => plan.forecast.spilled_bytes > 0,
                Err(error) => matches!(error, PlanError::Memory { .. }),
            };
            if sharing == 1 || !has_no_room {
                break plan;
            }
            sharing /= 2;
        };
        Self { number, pair, prefix, command, plan: plan.map_err(|error| told(error.into())) }
    }

    /// Every file that it writes.
    pub(super) fn files(&self, shown: &Shown, lists: &[ListFile]) -> Vec<PathBuf> {
        let plots = shown.files(&self.prefix, Of::Pair);
        let lists = lists.iter().map(|file| file.path(&self.prefix));
        let products = self.plan.iter().flat_map(|plan| Products::paths(&self.prefix, &plan.config));
        plots.into_iter().chain(products).chain(lists).chain([summary_of(&self.prefix)]).collect()
    }
}

/// A failure as it would stand on the terminal, without the word that begins it.
fn told(failure: Failure) -> String {
    let text = failure.to_string();
    text.trim_end().strip_prefix("error: ").unwrap_or(text.trim_end()).to_owned()
}

/// What the pairs of a batch share.
pub(super) struct Shared {
    pub(super) progress: Progress,
    pub(super) shown: Shown,
    /// Lists of components that each pair writes.
    pub(super) lists: Vec<ListFile>,
    pub(super) counts: TaskCounts,
    pub(super) cancel: Cancel,
    pub(super) slots: Option<Arc<Slots>>,
    pub(super) kept: Option<Kept>,
    pub(super) overwrite: bool,
    pub(super) verbose: bool,
    pub(super) quiet: bool,
    pub(super) pairs: usize,
    /// Held while plots are drawn: one pair at a time, for drawing takes memory that no plan knows of (50 MiB for the
    /// previews of 512 x 512 pixels).
    pub(super) drawing: Mutex<()>,
    /// Pairs that have ended, well or not.
    pub(super) ended: AtomicUsize,
}

/// How a pair ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum End {
    /// By itself.
    Done,
    /// Early, with products that fit each other.
    Interrupted,
    /// Without products: the batch was ended before it began, or was given up.
    NotDone,
    /// Without products, by an error.
    Failed,
}

/// What came of a pair.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Done {
    pub(super) name: String,
    dirty: String,
    psf: String,
    prefix: String,
    pub(super) end: End,
    /// The stop reasons of its planes.
    pub(super) verdict: String,
    /// How many of its planes diverged.
    pub(super) diverged: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    planes: usize,
    /// Highest absolute value of the residual, of all planes \[Jy/beam\].
    pub(super) residual_peak: Option<f32>,
    /// Robust noise of the residual, of the noisiest plane \[Jy/beam\].
    pub(super) noise: Option<f64>,
    /// Sum of the models of all planes \[Jy\].
    pub(super) flux_jy: Option<f64>,
    /// From its first read to its last picture, beside others that were under way \[s\].
    pub(super) wall_s: f64,
    #[serde(skip)]
    pub(super) peak_memory: u64,
    /// What the cache was good for.
    #[serde(skip)]
    pub(super) usage: CacheUse,
}

impl Done {
    fn new(job: &Job, end: End, wall_s: f64) -> Self {
        let Pair { name, dirty, psf } = job.pair.clone();
        Self {
            name,
            dirty,
            psf,
            prefix: job.prefix.clone(),
            end,
            verdict: if end == End::Failed { "failed" } else { "not done" }.to_owned(),
            diverged: 0,
            error: None,
            planes: 0,
            residual_peak: None,
            noise: None,
            flux_jy: None,
            wall_s,
            peak_memory: 0,
            usage: CacheUse::default(),
        }
    }

    fn of(job: &Job, outcome: &Outcome, usage: CacheUse, wall_s: f64) -> Self {
        let planes = &outcome.planes;
        let end = if outcome.interrupted { End::Interrupted } else { End::Done };
        Self {
            verdict: reasons(outcome),
            planes: planes.len(),
            diverged: outcome.diverged().len(),
            residual_peak: planes
                .iter()
                .map(|plane| plane.residual.max.max(-plane.residual.min))
                .filter(|peak| peak.is_finite())
                .reduce(f32::max),
            noise: planes.iter().map(|plane| plane.residual.sigma).reduce(f64::max),
            flux_jy: Some(planes.iter().map(|plane| plane.flux_jy).sum()),
            peak_memory: outcome.peak_memory,
            usage,
            ..Self::new(job, end, wall_s)
        }
    }
}

/// The stop reasons of the planes: one for all, or how often each, in the order of their first planes.
fn reasons(outcome: &Outcome) -> String {
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for name in outcome.planes.iter().map(|plane| plane.stop.name()) {
        match reasons.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => reasons.push((name, 1)),
        }
    }
    match &reasons[..] {
        [(name, _)] => (*name).to_owned(),
        many => many.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", "),
    }
}

impl Shared {
    /// Runs a pair; whatever it meets is told, and ends nothing but itself.
    pub(super) fn run(&self, job: &Job) -> Done {
        let begin = Instant::now();
        let end = |end| Done::new(job, end, begin.elapsed().as_secs_f64());
        let done = match &job.plan {
            Err(error) => Done { error: Some(error.clone()), ..end(End::Failed) },
            Ok(_) if self.cancel.is_requested() => end(End::NotDone),
            Ok(plan) => match self.work(job, plan) {
                Ok((outcome, usage)) => Done::of(job, &outcome, usage, begin.elapsed().as_secs_f64()),
                Err(_) if self.cancel.is_aborted() => end(End::NotDone),
                Err(failure) => Done { error: Some(told(failure)), ..end(End::Failed) },
            },
        };
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.progress.stage(self.stage());
        done
    }

    /// How far the batch is.
    pub(super) fn stage(&self) -> String {
        format!("{} of {} pairs done", self.ended.load(Ordering::Relaxed), self.pairs)
    }

    /// The run itself: its products, its summary, its plots.
    fn work(&self, job: &Job, plan: &Plan) -> Result<(Outcome, CacheUse), Failure> {
        let watch = PairWatch { shared: self, name: &job.pair.name };
        plan.warnings.iter().for_each(|warning| watch.warn(warning));
        let products = self.shown.products(plan, &job.prefix, self.overwrite)?;
        let products = components::listed(products, &self.lists, plan);
        let tasks = scheduler(plan, &job.prefix, self.slots.as_ref())?;
        let cached = self.kept.as_ref().map(|kept| Cached::new(&*tasks, &kept.cache));
        let scheduler: &dyn Scheduler<DeconvOp> = cached.as_ref().map_or(&*tasks, |cached| cached);
        let counts = TaskCounts::default();
        let member = Member::new(job.number, self.shown.callbacks());
        let all: [&dyn Callback; 3] = [&counts, &self.counts, &member];
        // without a profile nobody asks for births and frees
        let callbacks = if self.shown.callbacks().is_empty() { &all[..2] } else { &all[..] };
        let tools = Tools { scheduler, callbacks, cancel: self.cancel.clone(), watch: &watch };
        let mut outcome = run(plan, products, &job.command.recorded, &tools)?;
        outcome.products.extend(components::write(&self.lists, &job.prefix, (plan, &outcome.components))?);
        outcome.planes.iter().for_each(|plane| watch.note(&verdict(plane)));
        let tasks = counts.by_kind();
        let course = Course {
            command: &job.command.recorded,
            tasks: &tasks,
            scratch: counts.moved(),
            kept: None,
            parallel: None,
        };
        write_summary(&summary_of(&job.prefix), plan, &outcome, course)?;
        let (convergence, preview) = (std::mem::take(&mut outcome.convergence), outcome.preview.take());
        let (beam, inference) = (outcome.beam.take(), std::mem::take(&mut outcome.inference));
        let record = RunRecord { profile: None, convergence: Some(convergence), preview, beam, inference };
        let drawing = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        self.shown.draw(&record, &job.prefix, Of::Pair)?;
        drop(drawing);
        Ok((outcome, cached.map(|cached| cached.usage()).unwrap_or_default()))
    }
}

/// Tells of a pair on stderr, under its name.
struct PairWatch<'a> {
    shared: &'a Shared,
    name: &'a str,
}

impl Watch for PairWatch<'_> {
    fn note(&self, text: &str) {
        if self.shared.verbose {
            self.shared.progress.note(&format!("{}: {text}", self.name));
        }
    }

    fn warn(&self, text: &str) {
        if !self.shared.quiet {
            self.shared.progress.note(&format!("warning: {}: {text}", self.name));
        }
    }
}
