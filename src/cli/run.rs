//! The main job: plan, run, products, summary, plots.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Line;
use super::args::RunArgs;
use super::components;
use super::failure::Failure;
use super::interrupt;
use super::keep::{KeptSummary, has_ended};
use super::scheduler::scheduler;
use super::shown::{self, Of, Shown};
use crate::diagnostics::{Moved, Parallelism, Progress, ProgressMode, TaskCounts};
use crate::graph::{Cached, Callback, Scheduler};
use crate::io::{FitsError, manage_heap};
use crate::pipeline::ops::DeconvOp;
use crate::pipeline::outcome::{GridOutcome, Phase};
use crate::pipeline::plan::Means;
use crate::pipeline::{Outcome, Plan, PlaneOutcome, Products, RunConfig, Tools, Watch, run as run_plan};

/// Where products go without `--output`.
pub(super) const FOLDER: &str = "outputs";

/// Runs the main job.
pub(super) fn run(args: &RunArgs, config: RunConfig, command: &Line) -> Result<(), Failure> {
    let means = Means { record: shown::recording(args), ..Means::of(&config) };
    let plan = Plan::within(config, &args.plan.dirty, &args.plan.psf, means)?;
    if args.dry_run {
        return super::say(&format!("{plan}\n"));
    }
    components::check(&args.save_components, &plan)?;
    let prefix = prefix(args.output.as_deref(), &args.plan.dirty)?;
    manage_heap(plan.is_tight());
    let progress = progress(args.quiet, &plan);
    let mut shown = Shown::new(args, &plan.config, plan.memory)?;
    let summary = PathBuf::from(format!("{prefix}-summary.json"));
    let overwrite = args.overwrite || args.keep.goes_on(&prefix)?;
    let lists: Vec<PathBuf> = args.save_components.iter().map(|file| file.path(&prefix)).collect();
    let products = Products::paths(&prefix, &plan.config);
    let own = [shown.files(&prefix, Of::Run), lists.clone(), vec![summary.clone()], products.clone()].concat();
    check_config(args.save_config.as_deref(), &own)?;
    if args.keep.resume && !overwrite && has_ended(&summary, &command.typed, (&plan.inputs.paths(), &own)) {
        progress.note(&format!("{} is of a run that has ended; --overwrite repeats it", summary.display()));
        return Ok(());
    }
    own.iter().chain(&args.save_config).try_for_each(|path| check_output(path, &plan, overwrite))?;
    shown.prepare(plan.memory - plan.forecast.peak_bytes)?;
    let kept = args.keep.open(&prefix, plan.config.compute.cache_size, &own)?;
    let products = components::listed(shown.products(&plan, &prefix, overwrite)?, &args.save_components, &plan);
    if let Some(path) = &args.save_config {
        write_whole(path, &plan.config.to_toml())?;
    }
    let teller = Teller { progress: &progress, verbose: args.verbose, quiet: args.quiet };
    plan.warnings.iter().for_each(|warning| teller.warn(warning));
    let counts = TaskCounts::default();
    let own: [&dyn Callback; 2] = [&progress, &counts];
    let callbacks: Vec<&dyn Callback> = own.into_iter().chain(shown.callbacks()).collect();
    let cancel = interrupt::cancel_on_signals();
    let tasks = scheduler(&plan, &prefix, None)?;
    let cached = kept.as_ref().map(|kept| Cached::new(&*tasks, &kept.cache));
    let scheduler: &dyn Scheduler<DeconvOp> = cached.as_ref().map_or(&*tasks, |cached| cached);
    let tools = Tools { scheduler, callbacks: &callbacks, cancel, watch: &teller };
    let mut outcome = run_plan(&plan, products, &command.recorded, &tools)?;
    outcome.products.extend(components::write(&args.save_components, &prefix, (&plan, &outcome.components))?);
    teller.tell(&outcome);
    let kept_summary = kept.as_ref().zip(cached.as_ref()).map(|(kept, cached)| kept.summary(cached.usage()));
    kept_summary.iter().flat_map(KeptSummary::lines).for_each(|line| progress.note(&line));
    let profile = shown.profile((plan.memory, plan.forecast.peak_bytes));
    let course = Course {
        command: &command.typed,
        tasks: &counts.by_kind(),
        scratch: counts.moved(),
        kept: kept_summary.as_ref(),
        parallel: shown::parallelism(profile.as_ref()),
    };
    write_summary(&summary, &plan, &outcome, course)?;
    let ended = ended(&outcome);
    let record = shown::record(profile, outcome);
    shown.draw(&record, &prefix, Of::Run)?;
    if let Some(page) = shown.report(&record, plan.inputs.dirty.0.spec(), (&plan, &command.typed))? {
        teller.progress.note(&format!("wrote {}", page.display()));
    }
    kept.iter().for_each(|kept| kept.done(ended.as_ref().is_err_and(|failure| !failure.is_complete())));
    ended
}

/// Tells of the tasks that end, weighed by the seconds that they are forecast to take.
fn progress(quiet: bool, plan: &Plan) -> Progress {
    let seconds = plan.seconds();
    let mode = if quiet { ProgressMode::Quiet } else { ProgressMode::Auto };
    Progress::new(mode).weighed_by(move |kind: &str, declared| seconds.of_tasks(kind, declared))
}

/// The exit of the program.
fn ended(outcome: &Outcome) -> Result<(), Failure> {
    match outcome.diverged() {
        _ if outcome.interrupted => Err(Failure::interrupted()),
        labels if labels.is_empty() => Ok(()),
        labels => Err(Failure::diverged(&labels, outcome.planes.len(), "planes")),
    }
}

/// The prefix asked for; in a folder that was named alone, or in `outputs/`, which is made, the dirty image's name.
pub(super) fn prefix(output: Option<&str>, dirty: &str) -> Result<String, Failure> {
    match output {
        Some(prefix) if !prefix.is_empty() && !prefix.ends_with('/') => Ok(prefix.to_owned()),
        Some(folder) => Ok(prefix_in(folder, dirty)),
        None => {
            let folder = Path::new(FOLDER);
            std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
            Ok(default_prefix(dirty))
        }
    }
}

/// The prefix of a run that is given none.
pub(super) fn default_prefix(dirty: &str) -> String {
    prefix_in(&format!("{FOLDER}/"), dirty)
}

/// The dirty image's name after that of a folder, which ends in a slash or is empty.
fn prefix_in(folder: &str, dirty: &str) -> String {
    let file = dirty.split('[').next().unwrap_or(dirty);
    let name = Path::new(file).file_name().map_or_else(|| "image".into(), |name| name.to_string_lossy());
    format!("{folder}{}", stem(&name))
}

/// An image's file name without its endings.
pub(super) fn stem(name: &str) -> &str {
    let endings = [".gz", ".fz", ".fits", ".fit"];
    endings.iter().fold(name, |stem, ending| stem.strip_suffix(ending).unwrap_or(stem))
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

/// Refuses a file for the configuration that is one of the run's own outputs.
pub(super) fn check_config(config: Option<&Path>, own: &[PathBuf]) -> Result<(), Failure> {
    let Some(config) = config else { return Ok(()) };
    let wanted = resolved(config);
    if own.iter().any(|path| resolved(path) == wanted) {
        Err(Failure::own_output("--save-config", config))
    } else {
        Ok(())
    }
}

/// The path of a file that need not be there, whatever way its folder was named.
fn resolved(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    folder.join(path.file_name().unwrap_or_default())
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
        outcome.planes.iter().for_each(|plane| self.progress.note(&verdict(plane)));
        for path in &outcome.products {
            self.progress.note(&format!("wrote {}", path.display()));
        }
    }
}

/// What came of a plane, in a line.
pub(super) fn verdict(plane: &PlaneOutcome) -> String {
    let PlaneOutcome { label, message, iterations, cycles, flux_jy, residual, selected_pixels, .. } = plane;
    let mask = selected_pixels.map_or_else(String::new, |selected| {
        format!(", mask of {selected} pixels ({:.2} %)", 100.0 * selected as f64 / residual.pixels.max(1) as f64)
    });
    let work = if *cycles > 0 { format!("{iterations} components in {cycles} cycles, ") } else { String::new() };
    format!("{label}: {message}; {work}model {flux_jy:.4} Jy, residual rms {:.3e} Jy/beam{mask}", residual.rms)
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
    #[serde(skip_serializing_if = "Option::is_none")]
    psf_grid: Option<&'a GridOutcome>,
    planes: &'a [PlaneOutcome],
    config: &'a RunConfig,
}

/// How a run went, apart from what came of it.
pub(super) struct Course<'a> {
    /// The command as it was typed.
    pub command: &'a str,
    /// The tasks that were run, by kind.
    pub tasks: &'a BTreeMap<&'static str, u64>,
    /// What went to scratch files and came back.
    pub scratch: Moved,
    pub kept: Option<&'a KeptSummary>,
    pub parallel: Option<Parallelism>,
}

pub(super) fn write_summary(path: &Path, plan: &Plan, outcome: &Outcome, course: Course<'_>) -> Result<(), Failure> {
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
        psf_grid: outcome.psf_grid.as_ref(),
        planes: &outcome.planes,
        config: &plan.config,
    };
    write_json(path, &summary)
}

/// Writes a file of JSON that appears when it is whole.
pub(super) fn write_json(path: &Path, content: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(content).expect("every field is a JSON value");
    write_whole(path, &(text + "\n"))
}

/// Writes a text under a temporary name, then renames: nobody ever sees half of it.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    crate::io::write_whole(path, text.as_bytes()).map_err(|error| Failure::file(path, &error))
}
