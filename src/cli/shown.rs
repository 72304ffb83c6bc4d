//! What is shown of a run besides its products: plots, and the folder of its profile.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::RunArgs;
use super::failure::Failure;
use super::graph::pictures;
use crate::diagnostics::{PLOTS, Parallelism, Plot, Profilers, Report};
use crate::graph::picture::{Look, svg};
use crate::graph::{Callback, Cost, Key};
use crate::io::{FitsError, trim_heap};
use crate::pipeline::config::Bytes;
use crate::pipeline::record::{RunProfile, RunRecord};
use crate::pipeline::{Outcome, Plan, Products, RunConfig};

/// The plots and the profile that were asked for.
pub(super) struct Shown {
    plots: Vec<&'static Plot>,
    folder: Option<PathBuf>,
    /// How often the process is looked at; nothing is recorded where nothing would show it.
    interval: Option<Duration>,
    /// What of the memory is free while the plots are drawn \[bytes\].
    spare: u64,
    profilers: Option<Profilers>,
}

/// Room that a record always has beside the values of graphs, for eight thousand spans of tasks and as many changes of what
/// is held as these make: the picture is a thousand pixels wide \[bytes\].
pub(super) const RECORD: u64 = 2 << 20;
/// What drawing takes for a record beside the record itself, in units of it: its texts and the points of its curves.
const COPIES: u64 = 4;

/// Memory of the process while plots are drawn, most of it for the page of previews, which is as large for any image:
/// 41 MiB were measured at 1024 x 1024, and 37 MiB for planes of 256 x 256 after 250 000 tasks \[bytes\].
const PLOTTING: u64 = 46 << 20;
/// What a panel of the standard deviation makes the page larger by: 5 MiB were measured \[bytes\].
const PANEL: u64 = 6 << 20;
/// The same where charts are drawn and no page: with `--plots profile` 29 MiB were measured for 360 tasks, and 36 MiB for
/// 250 000, in a process that had 25 to 32 MiB before \[bytes\].
const CHARTING: u64 = 38 << 20;
/// What of that is not there without plots \[bytes\].
const DRAWING: u64 = 30 << 20;
/// The same with the report of a profile: 40 MiB were measured for 250 000 tasks \[bytes\].
const REPORTING: u64 = 52 << 20;

/// Whose plots are meant: a batch has one profile, and its pairs have all else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// All of a run by itself.
    Run,
    /// Those of one run of a batch.
    Pair,
    /// Those of a batch as a whole.
    Batch,
}

impl Of {
    fn has(self, plot: &Plot) -> bool {
        self == Self::Run || (self == Self::Batch) == (plot.name == PROFILE)
    }
}

/// The plot that shows tasks and resources.
pub(super) const PROFILE: &str = "profile";
/// The page of previews.
const PREVIEW: &str = "preview";

/// Every file of every plot.
pub(super) fn all_plots(prefix: &str) -> impl Iterator<Item = PathBuf> {
    PLOTS.iter().flat_map(|plot| plot.suffixes).map(move |suffix| PathBuf::from(format!("{prefix}-{suffix}")))
}

/// What of the memory the record of a run takes that is asked for so \[bytes\].
pub(super) fn recording(args: &RunArgs) -> u64 {
    if records(args) { RECORD } else { 0 }
}

/// Whether anything shows the tasks and the resources of the run.
fn records(args: &RunArgs) -> bool {
    args.profile.is_some() || args.plots.as_ref().is_none_or(|names| names.iter().any(|name| name == PROFILE))
}

/// Refuses a profile, without which `flag` does, in a process of less memory \[bytes\] than that takes.
pub(super) fn check_room_for_profile(memory: u64, flag: &str) -> Result<(), Failure> {
    if CHARTING <= memory { Ok(()) } else { Err(Failure::plotting(Bytes(CHARTING), Bytes(memory), flag)) }
}

/// Whether every plot can be drawn in a process of so much memory \[bytes\].
pub(super) fn has_room_for_plots(memory: u64) -> bool {
    PLOTTING <= memory
}

impl Shown {
    /// What drawing the plots of one pair takes beside what other pairs hold \[bytes\].
    pub(super) fn drawing(&self) -> u64 {
        if self.plots.is_empty() { 0 } else { DRAWING }
    }

    /// Begins the products of a run, which computes what the plots draw.
    ///
    /// # Errors
    /// See [`Products::create`].
    pub(super) fn products(&self, plan: &Plan, prefix: &str, overwrite: bool) -> Result<Products, FitsError> {
        let draws_criteria = self.plots.iter().any(|plot| plot.name == "lambda");
        Ok(Products::create(plan, prefix, overwrite)?.comparing_criteria(draws_criteria))
    }

    /// What is to be shown, in a process of so much memory \[bytes\].
    pub(super) fn new(args: &RunArgs, config: &RunConfig, memory: u64) -> Result<Self, Failure> {
        let is_wanted =
            |plot: &&Plot| args.plots.as_ref().is_none_or(|names| names.iter().any(|name| name == plot.name));
        let plots: Vec<&Plot> = PLOTS.iter().filter(is_wanted).collect();
        let folder = args.profile.clone();
        let profiles = records(args);
        if args.profile_dt.is_some() && !profiles {
            return Err(Failure::useless("--profile-dt", "give --profile DIR, or --plots profile"));
        }
        let (needed, flag) = match (&folder, &plots[..]) {
            (Some(_), _) => (REPORTING, "leave out --profile"),
            (None, []) => (0, ""),
            (None, plots) if plots.iter().any(|plot| plot.name == PREVIEW) => {
                (PLOTTING + if config.maps_uncertainty() { PANEL } else { 0 }, "pass --plots none")
            }
            (None, _) => (CHARTING, "pass --plots none"),
        };
        if needed > memory {
            return Err(Failure::plotting(Bytes(needed), Bytes(memory), flag));
        }
        let interval = profiles.then_some(config.profile.dt.0);
        Ok(Self { plots, folder, interval, spare: memory - needed, profilers: None })
    }

    /// Every file that will be written.
    pub(super) fn files(&self, prefix: &str, of: Of) -> Vec<PathBuf> {
        let suffixes = self.plots.iter().filter(|plot| of.has(plot)).flat_map(|plot| plot.suffixes);
        let plots = suffixes.map(|suffix| PathBuf::from(format!("{prefix}-{suffix}")));
        let report = self
            .folder
            .iter()
            .filter(|_| of != Of::Pair)
            .flat_map(|folder| Report::FILES.map(|name| folder.join(name)));
        plots.chain(report).collect()
    }

    /// Makes the folder of the profile, so that one that cannot be made is told before the work, and begins to record. What
    /// the plan leaves of the memory is room for a longer record, but for the copies that drawing makes \[bytes\].
    pub(super) fn prepare(&mut self, left: u64) -> Result<(), Failure> {
        let room = RECORD + left.min(self.spare) / COPIES;
        self.profilers = self.interval.map(|interval| Profilers::new(interval, room));
        match &self.folder {
            Some(folder) => std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error)),
            None => Ok(()),
        }
    }

    /// The profilers, to be given to the run.
    pub(super) fn callbacks(&self) -> Vec<&dyn Callback> {
        self.profilers.iter().flat_map(Profilers::callbacks).collect()
    }

    /// What was recorded so far, beside the memory that was allowed and that was forecast \[bytes\].
    pub(super) fn profile(&self, (allowed, forecast): (u64, u64)) -> Option<RunProfile> {
        let profile = self.profilers.as_ref()?.record();
        let (memory_limit, memory_forecast) = (Some(allowed), Some(forecast));
        Some(RunProfile { memory_limit, memory_forecast, ..profile })
    }

    /// Draws the plots, in the memory that values of graphs were in.
    pub(super) fn draw(&self, record: &RunRecord, prefix: &str, of: Of) -> Result<(), Failure> {
        trim_heap();
        for plot in self.plots.iter().filter(|plot| of.has(plot)) {
            (plot.draw)(record, Path::new(prefix))?;
        }
        Ok(())
    }

    /// Writes the report, if that is wanted; returns where the page stands.
    pub(super) fn report(
        &self,
        record: &RunRecord,
        title: &str,
        about: (&Plan, &str),
    ) -> Result<Option<PathBuf>, Failure> {
        let (Some(folder), Some(profile)) = (&self.folder, &record.profile) else { return Ok(None) };
        let (plan, command) = about;
        let facts =
            [("command", command), ("algorithm", &plan.config.algorithm), ("version", env!("CARGO_PKG_VERSION"))];
        let report = Report {
            title: title.to_owned(),
            facts: facts.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            graph: graph(plan, profile),
            record,
        };
        Ok(report.write(folder)?.pop())
    }
}

/// The record of a run that has ended, and how its workers were used.
pub(super) fn record(profile: Option<RunProfile>, outcome: Outcome) -> RunRecord {
    let Outcome { convergence, preview, beam, inference, .. } = outcome;
    RunRecord { profile, convergence: Some(convergence), preview, beam, inference }
}

/// How well the workers were used, where that was recorded.
pub(super) fn parallelism(profile: Option<&RunProfile>) -> Option<Parallelism> {
    profile.map(Parallelism::of)
}

/// The plan's graphs, their kinds coloured as in the profile, with the times that they took.
fn graph(plan: &Plan, profile: &RunProfile) -> String {
    let seconds = mean_seconds(&profile.tasks);
    let mut kinds: Vec<(&str, f64)> = Vec::new();
    for task in &profile.tasks {
        match kinds.iter_mut().find(|(kind, _)| *kind == task.kind) {
            Some((_, busy)) => *busy += task.busy,
            None => kinds.push((&task.kind, task.busy)),
        }
    }
    kinds.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    let kinds: Vec<String> = kinds.into_iter().map(|(kind, _)| kind.to_owned()).collect();
    let look = Look { kinds: &kinds, seconds: Some(&seconds), ..Look::default() };
    svg(&pictures(plan.stages().iter(), &look), &look)
}

/// Mean seconds of a task, by its key if that was met, else of its kind.
pub(super) fn mean_seconds(
    tasks: &[crate::pipeline::record::TaskSpan],
) -> impl Fn(&Key, &str, &Cost) -> Option<f64> + use<> {
    let mut sums: HashMap<String, (f64, u64)> = HashMap::new();
    for task in tasks {
        for name in [&*task.kind, &task.key] {
            let sum = sums.entry(name.to_owned()).or_default();
            *sum = (sum.0 + task.busy, sum.1 + task.count);
        }
    }
    move |key, kind, _| {
        let sum = sums.get(&key.to_string()).or_else(|| sums.get(kind))?;
        Some(sum.0 / sum.1 as f64)
    }
}
