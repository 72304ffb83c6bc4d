//! The main job: plan, run, products, summary, plots.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Line;
use super::args::RunArgs;
use super::failure::Failure;
use super::interrupt;
use super::keep::KeptSummary;
use super::scheduler::scheduler;
use super::shown::{self, Shown};
use crate::diagnostics::{Moved, Parallelism, Progress, ProgressMode, TaskCounts};
use crate::graph::{Cached, Callback, Scheduler};
use crate::io::{FitsError, give_back_at_once};
use crate::pipeline::ops::DeconvOp;
use crate::pipeline::outcome::Phase;
use crate::pipeline::{Outcome, Plan, PlaneOutcome, Products, RunConfig, Tools, Watch, run as run_plan};

/// Runs the main job.
pub(super) fn run(args: &RunArgs, config: RunConfig, command: &Line) -> Result<(), Failure> {
    let plan = Plan::new(config, &args.plan.dirty, &args.plan.psf)?;
    if args.dry_run {
        return super::say(&format!("{plan}\n"));
    }
    let prefix = prefix(args.output.as_deref(), &args.plan.dirty)?;
    if plan.is_tight() {
        give_back_at_once();
    }
    let shown = Shown::new(args, &plan)?;
    let summary = PathBuf::from(format!("{prefix}-summary.json"));
    let overwrite = args.overwrite || args.keep.goes_on(&prefix);
    for path in shown.files(&prefix).iter().chain([&summary]).chain(&args.save_config) {
        check_output(path, &plan, overwrite)?;
    }
    shown.prepare()?;
    let kept = args.keep.open(&prefix, plan.config.compute.cache_size, &Products::paths(&prefix))?;
    let products = Products::create(&plan, &prefix, overwrite)?;
    if let Some(path) = &args.save_config {
        write_whole(path, &plan.config.to_toml())?;
    }
    let progress = Progress::new(if args.quiet { ProgressMode::Quiet } else { ProgressMode::Auto });
    let teller = Teller { progress: &progress, verbose: args.verbose, quiet: args.quiet };
    plan.warnings.iter().for_each(|warning| teller.warn(warning));
    let counts = TaskCounts::default();
    let own: [&dyn Callback; 2] = [&progress, &counts];
    let callbacks: Vec<&dyn Callback> = own.into_iter().chain(shown.callbacks()).collect();
    let cancel = interrupt::cancel_on_signals();
    let tasks = scheduler(&plan, &prefix)?;
    let cached = kept.as_ref().map(|kept| Cached::new(&*tasks, &kept.cache));
    let scheduler: &dyn Scheduler<DeconvOp> = cached.as_ref().map_or(&*tasks, |cached| cached);
    let tools = Tools { scheduler, callbacks: &callbacks, cancel, watch: &teller };
    let outcome = run_plan(&plan, products, &command.recorded, &tools)?;
    teller.tell(&outcome);
    let kept_summary = kept.as_ref().zip(cached.as_ref()).map(|(kept, cached)| kept.summary(cached));
    kept_summary.iter().flat_map(KeptSummary::lines).for_each(|line| progress.note(&line));
    let profile = shown.profile(&plan);
    let course = Course {
        command: &command.typed,
        tasks: &counts.by_kind(),
        scratch: counts.moved(),
        kept: kept_summary.as_ref(),
        parallel: shown::parallelism(profile.as_ref()),
    };
    write_summary(&summary, &plan, &outcome, course)?;
    let interrupted = outcome.interrupted;
    let record = shown::record(profile, outcome);
    if let Some(page) = shown.draw(&record, &prefix, (&plan, &command.typed))? {
        teller.progress.note(&format!("wrote {}", page.display()));
    }
    kept.iter().for_each(|kept| kept.done(interrupted));
    if interrupted { Err(Failure::interrupted()) } else { Ok(()) }
}

/// The prefix asked for; in a folder that was named alone, or in `outputs/`, which is made, the dirty image's name.
pub(super) fn prefix(output: Option<&str>, dirty: &str) -> Result<String, Failure> {
    let folder = match output {
        Some(prefix) if !prefix.is_empty() && !prefix.ends_with('/') => return Ok(prefix.to_owned()),
        Some(folder) => folder,
        None => {
            let folder = Path::new("outputs");
            std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
            "outputs/"
        }
    };
    let file = dirty.split('[').next().unwrap_or(dirty);
    let name = Path::new(file).file_name().map_or_else(|| "image".into(), |name| name.to_string_lossy());
    let endings = [".gz", ".fz", ".fits", ".fit"];
    let stem = endings.iter().fold(&*name, |stem, ending| stem.strip_suffix(ending).unwrap_or(stem));
    Ok(format!("{folder}{stem}"))
}

/// Refuses an output that is an input, a folder, or there already.
pub(super) fn check_output(path: &Path, plan: &Plan, overwrite: bool) -> Result<(), Failure> {
    if plan.inputs.contains(path) {
        return Err(FitsError::IsInput { path: path.to_owned() }.into());
    }
    if path.is_dir() || (path.exists() && !overwrite) {
        return Err(Failure::exists(path));
    }
    Ok(())
}

/// Tells how the run goes, on stderr.
struct Teller<'a> {
    progress: &'a Progress,
    verbose: bool,
    quiet: bool,
}

impl Watch for Teller<'_> {
    fn stage(&self, name: &str) {
        self.progress.stage(name);
    }

    fn note(&self, text: &str) {
        if self.verbose {
            self.progress.note(text);
        }
    }

    fn warn(&self, text: &str) {
        if !self.quiet {
            self.progress.note(&format!("warning: {text}"));
        }
    }
}

impl Teller<'_> {
    fn tell(&self, outcome: &Outcome) {
        for plane in &outcome.planes {
            let PlaneOutcome { label, message, iterations, cycles, flux_jy, residual, .. } = plane;
            let work =
                if *cycles > 0 { format!("{iterations} components in {cycles} cycles, ") } else { String::new() };
            self.progress.note(&format!(
                "{label}: {message}; {work}model {flux_jy:.4} Jy, residual rms {:.3e} Jy/beam",
                residual.rms
            ));
        }
        for path in &outcome.products {
            self.progress.note(&format!("wrote {}", path.display()));
        }
    }
}

/// `PREFIX-summary.json`.
#[derive(Serialize)]
struct Summary<'a> {
    version: &'static str,
    command: &'a str,
    interrupted: bool,
    algorithm: &'a str,
    workers: usize,
    chunk_rows: usize,
    chunk_columns: usize,
    memory_allowed_bytes: u64,
    memory_forecast_bytes: u64,
    memory_peak_bytes: u64,
    phases: &'a [Phase],
    tasks: &'a BTreeMap<&'static str, u64>,
    scratch: Moved,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<&'a KeptSummary>,
    parallel: Option<Parallelism>,
    warnings: &'a [String],
    planes: &'a [PlaneOutcome],
    config: &'a RunConfig,
}

/// How a run went, apart from what came of it.
struct Course<'a> {
    /// The command as it was typed.
    command: &'a str,
    /// The tasks that were run, by kind.
    tasks: &'a BTreeMap<&'static str, u64>,
    /// What went to scratch files and came back.
    scratch: Moved,
    kept: Option<&'a KeptSummary>,
    parallel: Option<Parallelism>,
}

fn write_summary(path: &Path, plan: &Plan, outcome: &Outcome, course: Course<'_>) -> Result<(), Failure> {
    let Course { command, tasks, scratch, kept, parallel } = course;
    let summary = Summary {
        version: env!("CARGO_PKG_VERSION"),
        command,
        interrupted: outcome.interrupted,
        algorithm: &plan.config.algorithm,
        workers: plan.workers,
        chunk_rows: plan.cut.slab,
        chunk_columns: plan.cut.block,
        memory_allowed_bytes: plan.memory,
        memory_forecast_bytes: plan.forecast.peak_bytes,
        memory_peak_bytes: outcome.peak_memory,
        phases: &outcome.phases,
        tasks,
        scratch,
        kept,
        parallel,
        warnings: &plan.warnings,
        planes: &outcome.planes,
        config: &plan.config,
    };
    let text = serde_json::to_string_pretty(&summary).expect("every field is a JSON value");
    write_whole(path, &(text + "\n"))
}

/// Writes a text under a temporary name, then renames: nobody ever sees half of it.
fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    let mut hidden = path.as_os_str().to_owned();
    hidden.push(".part");
    let hidden = PathBuf::from(hidden);
    std::fs::write(&hidden, text).and_then(|()| std::fs::rename(&hidden, path)).map_err(|error| {
        // that it cannot be removed either adds nothing to the error
        let _ = std::fs::remove_file(&hidden);
        Failure::file(path, &error)
    })
}
