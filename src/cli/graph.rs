//! `deconv graph`: pictures of the graphs that a run would go through.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::args::PlanArgs;
use super::failure::Failure;
use super::run::{check_output, write_whole};
use super::shown::mean_seconds;
use super::tell;
use crate::diagnostics::read_tasks;
use crate::graph::picture::{ColourBy, Direction, Look, Picture, dot, svg};
use crate::graph::{Cost, Key, KindForecast};
use crate::pipeline::plan::Stage;
use crate::pipeline::record::TaskSpan;
use crate::pipeline::{Plan, RunConfig};

// The about text stands on the command.
#[derive(Debug, Args)]
pub(super) struct GraphArgs {
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Picture to write: FILE.svg, or FILE.dot for Graphviz
    #[arg(short, long, value_name = "FILE", required = true, value_parser = picture_file, help_heading = "Picture")]
    output: PathBuf,
    /// Replace a picture that exists
    #[arg(long, help_heading = "Picture")]
    overwrite: bool,
    /// Graph to draw: one of those of the algorithm, as load, cycle (CLEAN), filter or iteration (Wiener-Hunt) or restore, of which a wrong name is told all; or all
    #[arg(long, value_name = "NAME", default_value = "all", help_heading = "Picture")]
    stage: String,
    /// What the colours tell
    #[arg(long, alias = "color", value_name = "WHAT", value_enum, default_value = "kind", help_heading = "Picture")]
    colour: Colour,
    /// With --colour time: colour by what a run took that recorded it with --profile DIR [default: by the forecast]
    #[arg(long, value_name = "DIR", help_heading = "Picture")]
    profile: Option<PathBuf>,
    /// Whether it reads from left to right or from top to bottom
    #[arg(long, value_name = "LR|TB", value_enum, default_value = "LR", help_heading = "Picture")]
    rankdir: Rankdir,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colour {
    /// the kind of operation
    Kind,
    /// the place in the static order
    Order,
    /// for how many tasks the result stays
    Age,
    /// the size of the result
    Bytes,
    /// the seconds that it takes: forecast, or measured with --profile
    Time,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Rankdir {
    #[value(name = "LR")]
    LeftRight,
    #[value(name = "TB")]
    TopBottom,
}

fn picture_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let is_known = path.extension().is_some_and(|ending| ending == "svg" || ending == "dot");
    if is_known { Ok(path) } else { Err("expected a name that ends in .svg or .dot".to_owned()) }
}

/// Draws the graphs of the plan.
pub(super) fn graph(args: &GraphArgs, config: RunConfig) -> Result<(), Failure> {
    let plan = Plan::new(config, &args.plan.dirty, &args.plan.psf)?;
    check_output(&args.output, &plan, args.overwrite)?;
    let stages = plan.stages();
    let names: Vec<&str> = stages.iter().map(|stage| stage.name).collect();
    if args.stage != "all" && !names.contains(&args.stage.as_str()) {
        return Err(Failure::choice("--stage", &args.stage, &names));
    }
    let wanted: Vec<&Stage> = stages.iter().filter(|stage| args.stage == "all" || args.stage == stage.name).collect();
    let seconds = seconds(args, &plan, &wanted)?;
    let look = Look {
        colour: match args.colour {
            Colour::Kind => ColourBy::Kind,
            Colour::Order => ColourBy::Order,
            Colour::Age => ColourBy::Age,
            Colour::Bytes => ColourBy::Bytes,
            Colour::Time => ColourBy::Time,
        },
        direction: match args.rankdir {
            Rankdir::LeftRight => Direction::LeftRight,
            Rankdir::TopBottom => Direction::TopDown,
        },
        seconds: (args.colour == Colour::Time).then_some(&*seconds),
        ..Look::default()
    };
    let pictures = pictures(wanted.into_iter(), &look);
    let is_dot = args.output.extension().is_some_and(|ending| ending == "dot");
    let text = if is_dot { dot(&pictures, &look) } else { svg(&pictures, &look) };
    write_whole(&args.output, &text)
}

/// Tells the seconds of a task, by its key and kind and what it declares.
type Times = Box<dyn Fn(&Key, &str, &Cost) -> Option<f64>>;

/// What tells the seconds of a task of these stages: the records of a run, or the cost model.
fn seconds(args: &GraphArgs, plan: &Plan, stages: &[&Stage]) -> Result<Times, Failure> {
    let Some(folder) = &args.profile else {
        let forecast = plan.seconds();
        return Ok(Box::new(move |_, kind, cost| {
            let Cost { flops, output_bytes, .. } = *cost;
            Some(forecast.of_tasks(kind, KindForecast { tasks: 1, flops, output_bytes }))
        }));
    };
    if args.colour != Colour::Time {
        return Err(Failure::useless("--profile", "give --colour time"));
    }
    let tasks = read_tasks(folder)?;
    check_record(folder, &tasks, stages)?;
    Ok(Box::new(mean_seconds(&tasks)))
}

/// Refuses the record of a run that had other tasks, and tells how many of those drawn it does not have.
fn check_record(folder: &Path, tasks: &[TaskSpan], stages: &[&Stage]) -> Result<(), Failure> {
    let recorded: HashSet<&str> = tasks.iter().map(|task| task.key.as_str()).collect();
    let drawn: Vec<String> =
        stages.iter().flat_map(|stage| stage.graph.tasks()).map(|(key, ..)| key.to_string()).collect();
    let missing: Vec<&String> = drawn.iter().filter(|key| !recorded.contains(key.as_str())).collect();
    let (folder, all, missing, first) = (folder.display(), drawn.len(), missing.len(), missing.first());
    // short tasks of a long record stand under the name of their first
    let is_merged = tasks.iter().any(|task| task.count > 1);
    if missing == all && !is_merged {
        return Err(Failure::foreign_record(&folder, all));
    }
    if let Some(first) = first {
        let remedy = if is_merged { "" } else { "; was the run given the same images and flags?" };
        tell(&format!(
            "note: {missing} of {all} tasks ({first} is the first) are not in {folder} and are drawn as the mean of their \
             kind{remedy}"
        ));
    }
    Ok(())
}

/// Boxes that each of several stages may show at the least.
const LEAST_BOXES: usize = 40;

/// The pictures of stages.
pub(super) fn pictures<'s>(stages: impl Iterator<Item = &'s Stage>, look: &Look<'_>) -> Vec<Picture> {
    let stages: Vec<&Stage> = stages.collect();
    // all stages stand in one picture: what each may show of the boxes is its share of the tasks
    let tasks: usize = stages.iter().map(|stage| stage.graph.len()).sum();
    let picture = |stage: &Stage| {
        let share = (look.most * stage.graph.len() / tasks.max(1)).max(LEAST_BOXES);
        let look = if tasks > look.most { &Look { most: share, ..*look } } else { look };
        Picture::new(stage.name, &stage.graph, &stage.computed(), look)
    };
    stages.into_iter().map(|stage| picture(stage).expect("the plan's graphs are complete")).collect()
}
