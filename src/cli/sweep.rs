//! `deconv sweep`: one run for every combination of some parameters; a table, a picture, and the best of them.

mod tell;
mod time;

use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::{ArgMatches, Args, Command};

use super::args::PlanArgs;
use super::failure::Failure;
use super::interrupt::cancel_on_signals;
use super::run::{check_output, prefix};
use super::shown::{all_plots, has_room_for_plots};
use super::tell;
use crate::collections::table::Table;
use crate::diagnostics::{Progress, ProgressMode, SWEEP_SUFFIXES, draw_sweep};
use crate::graph::Cancel;
use crate::pipeline::sweep::{
    Axis, Criterion, Curves, Numbers, Places, Selection, Shared, Sweep, explore_points, select,
};
use crate::pipeline::{Plan, Products, RunConfig, RunError};

// The about text stands on the command.
#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Parameter and its values: lambda=0.1,1,10, a range of equal ratios as lambda=1e-3..1e3:13, or several of these
    #[arg(long = "sweep", value_name = "NAME=VALUES", help_heading = "Sweep")]
    axes: Vec<String>,
    /// Runs of every point of a sweep of times, interleaved; the quickest counts [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Sweep")]
    repeat: Option<u32>,
    /// Choose the best point: by generalised cross-validation (wiener), or by the misfit with --held-out
    #[arg(long, value_name = "gcv|held-out", value_parser = ["gcv", "held-out"], help_heading = "Sweep")]
    select: Option<String>,
    /// Another dirty image of the same sky, its noise independent
    #[arg(long, value_name = "FITS", requires = "select", help_heading = "Sweep")]
    held_out: Option<String>,
    /// Run the best point once more and keep its products as PREFIX-best-image.fits and so on
    #[arg(long, requires = "select", help_heading = "Sweep")]
    save_best: bool,
    /// Table and picture are PREFIX-sweep.csv, .svg and .png [default: outputs/ and the dirty image's name]
    #[arg(short, long, value_name = "PREFIX", help_heading = "Input and output")]
    output: Option<String>,
    /// Replace files that exist
    #[arg(long, help_heading = "Input and output")]
    overwrite: bool,
    /// Folder for values of a sweep of times that have no room in memory [default: beside the table]
    #[arg(long, value_name = "DIR", help_heading = "Work")]
    scratch: Option<String>,
    /// Print the table and errors only
    #[arg(short, long, help_heading = "Work")]
    quiet: bool,
}

/// The flags, `--chunk` and `--threads` taking several values between commas.
pub(super) fn augment(command: Command) -> Command {
    let several = |arg: clap::Arg| arg.value_delimiter(',');
    SweepArgs::augment_args(command)
        .mut_arg("chunk", |arg| {
            several(arg).value_name("N,..").help("Rows of a slab: values to sweep, full and auto among them")
        })
        .mut_arg("threads", |arg| several(arg).value_name("N,..").help("Worker threads: values to sweep"))
}

/// A sweep that is about to begin.
struct Job<'a> {
    args: &'a SweepArgs,
    sweep: Sweep,
    /// The plan of the first point.
    plan: &'a Plan,
    prefix: String,
    criterion: Option<Criterion>,
}

/// Runs the sweep.
pub(super) fn sweep(args: &SweepArgs, config: &RunConfig, matches: &ArgMatches) -> Result<(), Failure> {
    let sweep = Sweep::new(axes(args, matches)?, config)?;
    let is_timed = sweep.is_of_timing() || args.repeat.is_some();
    let criterion = criterion(args)?;
    if is_timed && criterion.is_some() {
        return Err(Failure::useless(
            "--select",
            "leave out --chunk, --threads and --repeat: times have no best model",
        ));
    }
    if args.scratch.is_some() && !is_timed {
        return Err(Failure::useless("--scratch", "leave it out: only a sweep of times keeps values in files"));
    }
    let plan = Plan::new(sweep.points[0].config.clone(), &args.plan.dirty, &args.plan.psf)?;
    let prefix = prefix(args.output.as_deref(), &args.plan.dirty)?;
    let job = Job { args, sweep, plan: &plan, prefix, criterion };
    job.check_outputs()?;
    if is_timed { job.time() } else { job.explore() }
}

/// `--threads` and `--chunk` where they have several values, then every `--sweep`.
fn axes(args: &SweepArgs, matches: &ArgMatches) -> Result<Vec<Axis>, Failure> {
    let threads = matches.get_many::<usize>("threads").into_iter().flatten().map(ToString::to_string);
    let chunks = matches.get_many::<String>("chunk").into_iter().flatten().cloned();
    let lists = [("threads", threads.collect::<Vec<_>>()), ("chunk", chunks.collect())];
    let mut axes = Vec::new();
    for (name, values) in lists.iter().filter(|(_, values)| values.len() > 1) {
        axes.push(Axis::of(name, &values.join(",")).map_err(crate::pipeline::sweep::SweepError::from)?);
    }
    for text in &args.axes {
        axes.push(Axis::parse(text).map_err(crate::pipeline::sweep::SweepError::from)?);
    }
    Ok(axes)
}

fn criterion(args: &SweepArgs) -> Result<Option<Criterion>, Failure> {
    match (args.select.as_deref(), &args.held_out) {
        (None, _) => Ok(None),
        (Some("gcv"), None) => Ok(Some(Criterion::Gcv)),
        (Some("gcv"), Some(_)) => Err(Failure::useless("--held-out", "give --select held-out")),
        (Some(_), Some(file)) => Ok(Some(Criterion::HeldOut(file.clone()))),
        (Some(_), None) => Err(Failure::missing("--held-out FITS", "--select held-out")),
    }
}

impl Job<'_> {
    fn table_path(&self) -> PathBuf {
        PathBuf::from(format!("{}-sweep.csv", self.prefix))
    }

    fn best_prefix(&self) -> String {
        format!("{}-best", self.prefix)
    }

    fn best_summary(&self) -> PathBuf {
        PathBuf::from(format!("{}-summary.json", self.best_prefix()))
    }

    /// Every output that would be in the way is told before any work.
    fn check_outputs(&self) -> Result<(), Failure> {
        let overwrite = self.args.overwrite;
        let pictures = SWEEP_SUFFIXES.map(|suffix| PathBuf::from(format!("{}-{suffix}", self.prefix)));
        for path in pictures.iter().chain([&self.table_path()]) {
            check_output(path, self.plan, overwrite)?;
        }
        if self.args.save_best {
            for path in [self.best_config(), self.best_summary()].into_iter().chain(all_plots(&self.best_prefix())) {
                check_output(&path, self.plan, overwrite)?;
            }
            // begun and dropped: what was in the way would have been told
            Products::create(self.plan, &self.best_prefix(), overwrite)?;
        }
        Ok(())
    }

    fn note(&self, text: &str) {
        if !self.args.quiet {
            tell(text);
        }
    }

    /// Results: all points in this process.
    fn explore(&self) -> Result<(), Failure> {
        let progress = Progress::new(ProgressMode::Quiet);
        let (dirty, psf) = (&*self.args.plan.dirty, &*self.args.plan.psf);
        let cancel = cancel_on_signals();
        let criterion = self.criterion.as_ref();
        let shared = Shared { dirty, psf, criterion, callbacks: &[&progress], cancel: cancel.clone() };
        let (count, of) = (AtomicUsize::new(0), self.sweep.points.len());
        let done = |point: &crate::pipeline::sweep::Point, numbers: &Numbers| {
            let number = 1 + count.fetch_add(1, Ordering::Relaxed);
            let score = numbers.score.map(|score| format!(", score {score:.6e}")).unwrap_or_default();
            let label = self.sweep.label(point);
            self.note(&format!("[{number}/{of}] {label}: {}{score}, {:.2} s", numbers.stop, numbers.wall_s));
        };
        let explored = explore_points(&self.sweep, &shared, &done);
        if cancel.is_aborted() {
            return Err(RunError::Aborted.into());
        }
        let (results, used) = explored?;
        if results.iter().any(Option::is_none) {
            let part = self.part(&results);
            if !part.sweep.points.is_empty() {
                let computed: Vec<_> = results.into_iter().flatten().map(Some).collect();
                let table = tell::results(&part.sweep, &computed, criterion)?;
                part.finish(&table, &part.result_curves(&computed, None))?;
            }
            return Err(Failure::sweep_interrupted(part.sweep.points.len(), self.sweep.points.len()));
        }
        self.note(&format!("{} tasks, {} of them run: the others were shared", used.tasks, used.run));
        let table = tell::results(&self.sweep, &results, criterion)?;
        let best = match criterion {
            Some(_) => Some(select(&results, self.sweep.axes.len() == 1)?),
            None => None,
        };
        self.finish(&table, &self.result_curves(&results, best))?;
        match best {
            Some(best) => self.tell_best(best, &cancel),
            None => Ok(()),
        }
    }

    /// The points alone of which there is something, of a sweep that ended early.
    fn part<T>(&self, of: &[Option<T>]) -> Self {
        let (prefix, criterion) = (self.prefix.clone(), self.criterion.clone());
        Self { sweep: self.sweep.keeping(|place| of[place].is_some()), prefix, criterion, ..*self }
    }

    fn result_curves(&self, results: &[Option<Numbers>], best: Option<Selection>) -> Curves {
        let places = Places::new(&self.sweep, |_| None);
        let panel = |name: &str, value: fn(&Numbers) -> Option<f64>| {
            places.panel(name, |point| results[point].as_ref().and_then(value).map(|value| (value, value)))
        };
        let score = self.criterion.as_ref().map(|criterion| panel(criterion.title(), |numbers| numbers.score));
        let panels = [
            panel("residual rms [Jy/beam]", |numbers| Some(numbers.residual_rms)),
            panel("peak [Jy/beam]", |numbers| Some(numbers.residual_peak)),
            panel("model flux [Jy]", |numbers| Some(numbers.flux_jy)),
        ];
        let marks = best.map(|best| crate::pipeline::sweep::Mark {
            x: places.x_of(best.place),
            label: format!("best: {}", self.sweep.label(&self.sweep.points[best.place])),
        });
        self.curves(&places, score.into_iter().chain(panels).collect(), marks.into_iter().collect())
    }

    /// Panels and marks under a heading that tells what was not swept.
    fn curves(
        &self,
        places: &Places,
        panels: Vec<crate::pipeline::sweep::Panel>,
        marks: Vec<crate::pipeline::sweep::Mark>,
    ) -> Curves {
        let (ny, nx) = self.plan.cut.shape;
        let planes = match self.plan.planes.len() {
            1 => "one plane".to_owned(),
            count => format!("{count} planes"),
        };
        let is_swept = self.sweep.axes.iter().any(|axis| axis.target.key == "algorithm");
        let algorithm = if is_swept { String::new() } else { format!("{}, ", self.plan.config.algorithm) };
        let file = Path::new(self.plan.inputs.dirty.0.spec());
        let name = file.file_name().map_or_else(|| file.to_string_lossy(), |name| name.to_string_lossy());
        Curves {
            title: format!("Sweep over {} of {name}", names(&self.sweep)),
            subtitle: format!("{algorithm}{planes} of {ny} x {nx}"),
            x_name: places.x_name.clone(),
            x: places.x.clone(),
            x_labels: places.x_labels.clone(),
            panels,
            marks,
        }
    }

    /// The table on stdout and as a file, and the picture.
    fn finish(&self, table: &Table, curves: &Curves) -> Result<(), Failure> {
        super::say(&table.to_string())?;
        let path = self.table_path();
        table.write_csv(&path)?;
        self.note(&format!("wrote {}", path.display()));
        for path in draw_sweep(curves, Path::new(&self.prefix))? {
            self.note(&format!("wrote {}", path.display()));
        }
        Ok(())
    }

    fn best_config(&self) -> PathBuf {
        PathBuf::from(format!("{}.toml", self.best_prefix()))
    }

    /// Says which is the best point, and runs it for its products if that is wanted.
    fn tell_best(&self, best: Selection, cancel: &Cancel) -> Result<(), Failure> {
        let point = &self.sweep.points[best.place];
        super::say(&format!("best: {} (score {:.6e})\n", self.sweep.label(point), best.score))?;
        if best.is_at_end {
            self.note("warning: the best value is the first or the last of its range: a better one may lie beyond");
        }
        if !self.args.save_best {
            return Ok(());
        }
        let config = self.best_config();
        std::fs::write(&config, point.config.to_toml()).map_err(|error| Failure::file(&config, &error))?;
        let has_room = has_room_for_plots(self.plan.memory);
        if !has_room {
            self.note("warning: no plots of the best point: there is no memory for them");
        }
        let status = program()?
            .args(["--dirty", &self.args.plan.dirty, "--psf", &self.args.plan.psf])
            .args(self.args.overwrite.then_some("--overwrite"))
            .args((!has_room).then_some("--plots=none"))
            .arg("--output")
            .arg(self.best_prefix())
            .arg("--config")
            .arg(&config)
            .args(self.args.quiet.then_some("--quiet"))
            .status()
            .map_err(|error| Failure::program(&error))?;
        match status.code() {
            Some(0) => Ok(()),
            _ if cancel.is_aborted() => Err(RunError::Aborted.into()),
            // it got the signal as well, and has said what it leaves
            _ if cancel.is_requested() => Err(Failure::interrupted()),
            _ => Err(Failure::child("the run of the best point", "see above")),
        }
    }
}

/// The swept parameters in words.
fn names(sweep: &Sweep) -> String {
    sweep.axes.iter().map(|axis| axis.target.to_string()).collect::<Vec<_>>().join(" and ")
}

/// This program, to be run once more.
fn program() -> Result<Process, Failure> {
    std::env::current_exe().map(Process::new).map_err(|error| Failure::program(&error))
}
