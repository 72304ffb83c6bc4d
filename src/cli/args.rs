//! The flags of the main job, and the parameters of the algorithms as flags.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command};

use super::batch::is_pattern;
use super::beam::{self, BeamArgs};
use super::components::ListFile;
use super::keep::KeepArgs;
use super::psf_grid::GridArgs;
use super::{foreign, wiener};
use crate::algorithms::{ALGORITHMS, Algorithm, PARAMS, Param, ParamKind};
use crate::diagnostics::PLOTS;
use crate::pipeline::config::{Auto, Bytes, ChunkRows, Interval, SchedulerChoice};
use crate::pipeline::machine::saved_at;
use crate::pipeline::{ConfigError, RunConfig};

// The about text stands on the command: a doc comment on one of these would replace it.

// What the plan is made of: the main job, and every other that makes a plan.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Dirty image or cube, as d.fits, d.fits[SCI] or d.fits[SCI][1:512,1:512]; many as 'night*/*-dirty.fits'
    #[arg(long, value_name = "FITS", required = true, help_heading = "Input and output")]
    pub dirty: String,
    /// PSF: one plane for all, or one per plane of the dirty cube; of many images one for all, or 'night*/*-psf.fits'
    #[arg(long, value_name = "FITS", default_value = "", hide_default_value = true, required_unless_present_any = ["psf_grid", "config"], help_heading = "Input and output")]
    pub psf: String,
    #[command(flatten)]
    pub grid: GridArgs,
    /// What the PSF's peak divides: dirty image and PSF (pair), or the PSF alone (psf-only)
    #[arg(long, value_name = "WHAT", value_parser = ["pair", "psf-only"], help_heading = "Input and output")]
    pub psf_scale: Option<String>,
    #[command(flatten)]
    pub beam: BeamArgs,
    /// Configuration laid over the defaults; flags are laid over it
    #[arg(long, value_name = "TOML", help_heading = "Input and output")]
    pub config: Option<PathBuf>,
    /// How to deconvolve; see deconv list [default: multiscale]
    #[arg(long, alias = "deconvolver", value_name = "NAME", value_parser = names(), help_heading = "Work")]
    pub algorithm: Option<String>,
    /// Rows of a slab (and columns of a block), full for whole planes, or auto [default: auto]
    #[arg(long, value_name = "N|full|auto", value_parser = chunk, help_heading = "Work")]
    pub chunk: Option<String>,
    /// Worker threads; 0 takes all cores [default: 0]
    #[arg(short = 'j', long, alias = "deconvolution-threads", value_name = "N", help_heading = "Work")]
    pub threads: Option<usize>,
    /// Cap on memory, as 4GiB, or auto [default: auto, four fifths of what is free]
    #[arg(long, value_name = "SIZE|auto", value_parser = memory, help_heading = "Work")]
    pub memory: Option<String>,
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // a flag that is given or not is a bool
pub(super) struct RunArgs {
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Products are PREFIX-image.fits and so on [default: outputs/ and the dirty image's name]; of many images the folder, in which folders that were matched are kept
    #[arg(short, long, value_name = "PREFIX", help_heading = "Input and output")]
    pub output: Option<String>,
    /// Replace products that exist
    #[arg(long, help_heading = "Input and output")]
    pub overwrite: bool,
    /// Write the components of CLEAN, scale by scale, as PREFIX-components.csv and so on: csv, fits, parquet (where built in), wsclean (PREFIX-sources.txt), by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum, help_heading = "Input and output")]
    pub save_components: Vec<ListFile>,
    /// Write the configuration in force to this file
    #[arg(long, value_name = "TOML", help_heading = "Input and output")]
    pub save_config: Option<PathBuf>,
    /// Who runs the tasks: threads, sync (one after the other) or processes [default: threads]
    #[arg(long, value_name = "NAME", value_parser = ["sync", "threads", "processes"], help_heading = "Work")]
    pub scheduler: Option<String>,
    /// Folder for values that have no room in memory or go between processes [default: beside the products, where one is needed]
    #[arg(long, value_name = "DIR", help_heading = "Work")]
    pub scratch: Option<String>,
    #[command(flatten)]
    pub keep: KeepArgs,
    /// Plots to draw, separated by commas, or none [default: all; see deconv list]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = plots(), help_heading = "Diagnostics")]
    pub plots: Option<Vec<String>>,
    /// Write what the run took, task by task, and a page that shows it, into this folder
    #[arg(long, value_name = "DIR", help_heading = "Diagnostics")]
    pub profile: Option<PathBuf>,
    /// Time between two samples of memory, CPU and files, as 0.05 or 50ms [default: 0.05]
    #[arg(long, value_name = "SECONDS", value_parser = interval, help_heading = "Diagnostics")]
    pub profile_dt: Option<String>,
    /// Show the plan and do nothing else
    #[arg(long, help_heading = "Work")]
    pub dry_run: bool,
    /// Print errors only
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Work")]
    pub quiet: bool,
    /// Print every pass
    #[arg(short, long, help_heading = "Work")]
    pub verbose: bool,
}

impl PlanArgs {
    /// The first of the two that stands for many files.
    pub(super) fn pattern(&self) -> Option<&str> {
        [&self.dirty, &self.psf].into_iter().map(String::as_str).find(|spec| is_pattern(spec))
    }

    /// The configuration in force: defaults, the constants that `deconv tune` saved, file, flags.
    ///
    /// # Errors
    /// A file or a flag that cannot be used.
    pub(super) fn load(&self, command: &mut Command, matches: &ArgMatches) -> Result<RunConfig, ConfigError> {
        let machine = saved_at().filter(|path| path.is_file());
        let files: Vec<&Path> = machine.as_deref().into_iter().chain(self.config.as_deref()).collect();
        let config = RunConfig::load_layers(&files, flags(matches))?;
        check_parameters(command, matches, config.algorithm()).unwrap_or_else(|error| error.exit());
        check_local(command, matches, &config).unwrap_or_else(|error| error.exit());
        wiener::check(command, matches, &config).unwrap_or_else(|error| error.exit());
        check_trim(command, matches, &config).unwrap_or_else(|error| error.exit());
        check_threads(command, matches, config.compute.scheduler).unwrap_or_else(|error| error.exit());
        self.grid.check(command, &config).unwrap_or_else(|error| error.exit());
        Ok(config)
    }
}

/// Keeps a text that reads as `T`.
pub(super) fn checked<T: FromStr>(text: &str, expected: &str) -> Result<String, String> {
    text.parse::<T>().map(|_| text.to_owned()).map_err(|_| format!("expected {expected}"))
}

pub(super) fn chunk(text: &str) -> Result<String, String> {
    checked::<Auto<ChunkRows>>(text, "auto, full or a whole number from 1")
}

pub(super) fn memory(text: &str) -> Result<String, String> {
    checked::<Auto<Bytes>>(text, "auto or a size such as 4GiB or 500MB")
}

fn interval(text: &str) -> Result<String, String> {
    checked::<Interval>(text, "seconds from 0.001, such as 0.05 or 50ms")
}

fn plots() -> Vec<&'static str> {
    PLOTS.iter().map(|plot| plot.name).chain(["none"]).collect()
}

fn names() -> Vec<&'static str> {
    ALGORITHMS.iter().map(|algorithm| algorithm.name).collect()
}

/// Adds every parameter of every algorithm as a flag.
pub(super) fn with_parameters(command: Command) -> Command {
    PARAMS.iter().fold(command, |command, param| command.arg(flag(param)))
}

fn flag(param: &'static Param) -> Arg {
    let heading = match param.table {
        "clean" => "CLEAN (clean, multiscale, asp, clark, hogbom)",
        "multiscale" => "Scales (multiscale; convex)",
        "asp" => "Adaptive scales (asp)",
        "convex" => "Sparsity (convex)",
        "rl" => "Richardson-Lucy (richardson-lucy)",
        _ => "Wiener-Hunt (wiener)",
    };
    let parser = move |text: &str| param.check(text).map(|()| text.to_owned());
    let arg = Arg::new(param.flag).long(param.flag).aliases(foreign::elsewhere(param.flag)).value_parser(parser);
    let arg = arg.help_heading(heading);
    if param.kind == ParamKind::Switch {
        return arg.action(ArgAction::SetTrue).help(param.help);
    }
    let action = if param.kind == ParamKind::Files { ArgAction::Append } else { ArgAction::Set };
    let help = format!("{} [default: {}]", param.help, default_of(param));
    arg.value_name(param.value_name).action(action).allow_hyphen_values(true).help(help)
}

fn default_of(param: &Param) -> String {
    let defaults: toml::Table =
        crate::pipeline::config::DEFAULTS.parse().expect("the defaults are TOML; a test reads them");
    match &defaults[param.table][param.key] {
        toml::Value::String(text) if text.is_empty() => "none".to_owned(),
        toml::Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// The flags that were given, as a layer of the configuration.
pub(super) fn flags(matches: &ArgMatches) -> toml::Table {
    let mut layer = toml::Table::new();
    let text = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    let mut put = |table: &str, key: &str, value: toml::Value| {
        let entry = layer.entry(table).or_insert_with(|| toml::Table::new().into());
        entry.as_table_mut().expect("the layer holds tables under these names").insert(key.to_owned(), value);
    };
    for (table, key, flag) in [
        ("compute", "chunk", "chunk"),
        ("compute", "memory", "memory"),
        ("compute", "scheduler", "scheduler"),
        ("compute", "scratch", "scratch"),
        ("compute", "cache_size", "cache_size"),
        ("input", "psf_scale", "psf_scale"),
        ("input", "psf_grid", "psf_grid"),
        ("input", "psf_weighting", "psf_weighting"),
        ("restore", "residual_scale", "residual_scale"),
        ("restore", "residual_beam", "residual_beam"),
        ("profile", "dt", "profile_dt"),
    ] {
        if let Some(value) = text(flag) {
            put(table, key, value.into());
        }
    }
    if let Some(beam) = beam::asked(matches) {
        put("restore", "beam", beam.into());
    }
    if let Some(threads) = matches.get_one::<usize>("threads") {
        put("compute", "threads", (*threads as i64).into());
    }
    for param in PARAMS {
        // files may be given one by one
        let files = |name: &str| {
            let given = matches.try_get_many::<String>(name).ok().flatten()?;
            Some(given.cloned().collect::<Vec<_>>().join(","))
        };
        let value = if param.kind == ParamKind::Files { files(param.flag) } else { text(param.flag) };
        if let Some(value) = value.filter(|_| is_given(matches, param)) {
            put(param.table, param.key, literal(&value, param));
        }
    }
    if let Some(algorithm) = text("algorithm") {
        layer.insert("algorithm".to_owned(), algorithm.into());
    }
    layer
}

/// A value as TOML has it: a number where the defaults have one, else text.
fn literal(text: &str, param: &Param) -> toml::Value {
    match param.kind {
        ParamKind::Number { .. } => text.trim().parse::<f64>().map_or_else(|_| text.into(), Into::into),
        ParamKind::Switch => (text == "true").into(),
        ParamKind::Count { .. } => text.trim().parse::<i64>().map_or_else(|_| text.into(), Into::into),
        _ => text.into(),
    }
}

/// Whether a parameter's flag stands on the command line; a switch has a value otherwise too.
pub(super) fn is_given(matches: &ArgMatches, param: &Param) -> bool {
    matches!(matches.try_contains_id(param.flag), Ok(true))
        && matches.value_source(param.flag) == Some(ValueSource::CommandLine)
}

/// Refuses parameters that the algorithm in force does not read.
///
/// # Errors
/// Names the flag, and the algorithms that read it.
fn check_parameters(command: &mut Command, matches: &ArgMatches, algorithm: &Algorithm) -> Result<(), clap::Error> {
    let useless = PARAMS.iter().find(|param| !algorithm.reads(param) && is_given(matches, param));
    let Some(param) = useless else { return Ok(()) };
    let readers: Vec<_> = ALGORITHMS.iter().filter(|reader| reader.reads(param)).map(|reader| reader.name).collect();
    let (flag, name, readers) = (param.flag, algorithm.name, readers.join(", "));
    let why = match (flag, name) {
        ("tile", "hogbom") => ": its loop looks at every pixel of the plane for each component",
        ("tile", "asp") => ": its Gaussians are fitted to the plane as a whole",
        _ => "",
    };
    let message = format!("--{flag} has no effect with --algorithm {name}{why}; it is read by {readers}");
    Err(command.error(ErrorKind::ArgumentConflict, message))
}

/// Refuses what tells more of the local rms where there is none.
fn check_local(command: &mut Command, matches: &ArgMatches, config: &RunConfig) -> Result<(), clap::Error> {
    let is_of_local = |param: &&Param| param.flag.starts_with("local-rms-") && is_given(matches, param);
    match PARAMS.iter().find(is_of_local) {
        Some(param)
            if !config.clean.local_rms_image.is_empty()
                && !["strength", "image"].iter().any(|end| param.flag.ends_with(end)) =>
        {
            let message =
                format!("--{} has no effect with --local-rms-image, which tells the noise of each pixel", param.flag);
            Err(command.error(ErrorKind::ArgumentConflict, message))
        }
        Some(param) if !config.clean.local_rms && config.clean.local_rms_image.is_empty() => {
            let message = format!("--{} has no effect without --local-rms", param.flag);
            Err(command.error(ErrorKind::ArgumentConflict, message))
        }
        _ => Ok(()),
    }
}

/// Refuses a level for the final model where there is no auto-mask to tell what stands out.
fn check_trim(command: &mut Command, matches: &ArgMatches, config: &RunConfig) -> Result<(), clap::Error> {
    let is_trim = |param: &&Param| param.flag == "multiscale-trim" && is_given(matches, param);
    if config.clean.has_auto_mask() || config.multiscale.trim == 0.0 || !PARAMS.iter().any(|param| is_trim(&param)) {
        return Ok(());
    }
    let message = "--multiscale-trim has no effect without --auto-mask or --abs-auto-mask";
    Err(command.error(ErrorKind::ArgumentConflict, message))
}

/// Refuses a number of threads where there is one in any case.
fn check_threads(command: &mut Command, matches: &ArgMatches, scheduler: SchedulerChoice) -> Result<(), clap::Error> {
    if scheduler != SchedulerChoice::Sync || !matches.contains_id("threads") {
        return Ok(());
    }
    let message = "--threads has no effect with --scheduler sync, which runs one task after the other";
    Err(command.error(ErrorKind::ArgumentConflict, message))
}
