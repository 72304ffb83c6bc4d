//! The command line: flags in, exit code out.
//!
//! `deconv --dirty d.fits --psf p.fits` is the main job; other jobs are subcommands. Messages and progress go to
//! stderr, data to stdout. Exit codes: 0 done, 1 failed, 2 usage, 3 ended early by a signal with consistent products,
//! 4 complete but with a plane that diverged, 130 aborted by a second signal without any.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::exit)]

mod args;
mod batch;
mod beam;
mod components;
mod failure;
mod foreign;
mod given;
mod graph;
mod interrupt;
mod keep;
mod list;
mod metrics;
mod psf_grid;
mod residual;
mod restore;
mod run;
mod scheduler;
mod shown;
mod simulate;
mod sweep;
mod tune;
mod wiener;
mod worker;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{ArgMatches, Args, Command, FromArgMatches};

pub use crate::io::Heap;

use args::RunArgs;
use graph::GraphArgs;
use metrics::MetricsArgs;
use residual::ResidualArgs;
use restore::RestoreArgs;
use simulate::SimulateArgs;
use sweep::SweepArgs;
use tune::TuneArgs;

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    interrupt::meet_size_limits();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let mut command = command();
    let matches = match command.try_get_matches_from_mut(with_long_dashes(&command.clone(), arguments.clone())) {
        Ok(matches) => matches,
        Err(error) => explained(&mut command, error).exit(),
    };
    let words: Vec<String> = arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let line = Line::new(&words);
    match dispatch(&mut command, &matches, &line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(failure.to_string().trim_end());
            ExitCode::from(failure.code())
        }
    }
}

/// The command line as text.
struct Line {
    /// As it was typed.
    typed: String,
    /// Without what tells where results were kept: products do not depend on it, and do not tell it.
    recorded: String,
    /// The words of the latter.
    words: Vec<String>,
}

impl Line {
    fn new(words: &[String]) -> Self {
        let mut recorded = Vec::new();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match flag(word) {
                Some(("resume" | "checkpoint", _) | ("cache" | "cache-size", true)) => {}
                Some(("cache" | "cache-size", false)) => drop(rest.next()),
                _ => recorded.push(word.clone()),
            }
        }
        Self { typed: format!("deconv {}", words.join(" ")), recorded: line(&recorded), words: recorded }
    }

    /// The command that does for one pair, its products under `prefix`, what this one does for many.
    fn of_pair(&self, (dirty, psf): (&str, &str), prefix: &str) -> Self {
        let (mut words, mut has_output) = (Vec::new(), false);
        let mut rest = self.words.iter();
        while let Some(word) = rest.next() {
            let value = match flag(word) {
                Some(("dirty", joined)) => Some((dirty, joined)),
                Some(("psf", joined)) => Some((psf, joined)),
                Some(("o" | "output", joined)) => Some((prefix, joined)),
                _ => None,
            };
            let is_attached = word.starts_with("-o") && !word.starts_with("-output") && word.len() > 2;
            has_output |= is_attached || matches!(flag(word), Some(("o" | "output", _)));
            match value {
                None if is_attached => words.push(format!("-o{prefix}")),
                Some((value, true)) => words.push(format!("{}={value}", word.split('=').next().unwrap_or(word))),
                Some((value, false)) => {
                    words.extend([word.clone(), value.to_owned()]);
                    rest.next();
                }
                None => words.push(word.clone()),
            }
        }
        // where a run by itself would put its products elsewhere
        if !has_output && run::default_prefix(dirty) != prefix {
            words.extend(["-o".to_owned(), prefix.to_owned()]);
        }
        Self { typed: line(&words), recorded: line(&words), words }
    }
}

/// The name of a flag, whatever its dashes, and whether its value is joined to it.
fn flag(word: &str) -> Option<(&str, bool)> {
    let name = word.strip_prefix('-')?;
    let name = name.strip_prefix('-').unwrap_or(name);
    Some(name.split_once('=').map_or((name, false), |(name, _)| (name, true)))
}

fn line(words: &[String]) -> String {
    format!("deconv {}", words.join(" "))
}

fn dispatch(command: &mut Command, matches: &ArgMatches, line: &Line) -> Result<(), failure::Failure> {
    match matches.subcommand() {
        Some(("list", _)) => list::list(),
        Some((worker::NAME, _)) => worker::worker(),
        Some(("simulate", matches)) => {
            let args = SimulateArgs::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
            simulate::simulate(&args, &line.typed)
        }
        Some(("residual", matches)) => {
            let args = ResidualArgs::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
            residual::residual(&args, matches, &line.recorded)
        }
        Some(("restore", matches)) => {
            let args = RestoreArgs::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
            restore::restore(&args, matches, &line.recorded)
        }
        Some(("metrics", matches)) => {
            metrics::metrics(&MetricsArgs::from_arg_matches(matches).unwrap_or_else(|error| error.exit()))
        }
        Some(("tune", matches)) => {
            tune::tune(&TuneArgs::from_arg_matches(matches).unwrap_or_else(|error| error.exit()))
        }
        Some(("sweep", matches)) => {
            let args = SweepArgs::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
            one_pair("sweep", &args.plan)?;
            let config = args.plan.load(command, matches)?;
            sweep::sweep(&args, &config, matches)
        }
        Some(("graph", matches)) => {
            let args = GraphArgs::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
            one_pair("graph", &args.plan)?;
            let config = args.plan.load(command, matches)?;
            graph::graph(&args, config)
        }
        _ => {
            let args = RunArgs::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
            let config = args.plan.load(command, matches)?;
            beam::check(&config.restore)?;
            if args.plan.pattern().is_some() {
                return batch::batch(&args, &config, line);
            }
            run::run(&args, config, line)
        }
    }
}

/// Refuses patterns for a job that takes one pair.
fn one_pair(job: &str, plan: &args::PlanArgs) -> Result<(), failure::Failure> {
    plan.pattern().map_or(Ok(()), |spec| Err(failure::Failure::many(job, spec)))
}

/// The whole command line: the main job's flags, the algorithms' parameters, the subcommands.
fn command() -> Command {
    let base = Command::new("deconv")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Deconvolves radio images: two FITS files in, a restored image and plots out")
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .subcommand(Command::new("list").about("Lists the algorithms with their parameters, and the plots"));
    let simulate = Command::new("simulate").about("Makes a test sky as a real array would see it: dirty, psf, truth");
    let graph = Command::new("graph").about("Draws the task graphs of a run, without running them");
    let metrics = Command::new("metrics").about("Measures an image: noise, errors against a truth, signs of faults");
    let tune = Command::new("tune").about("Measures this machine, so that runs choose their chunks by it");
    let sweep = Command::new("sweep").about("Runs over all combinations of some parameters: times, results, the best");
    let residual = Command::new("residual").about("Computes what a model leaves of a dirty image");
    let restore = Command::new("restore").about("Makes an image out of a model, a residual and a beam");
    let base = base
        .subcommand(ResidualArgs::augment_args(residual))
        .subcommand(RestoreArgs::augment_args(restore))
        .subcommand(args::with_parameters(sweep::augment(sweep)))
        .subcommand(MetricsArgs::augment_args(metrics))
        .subcommand(TuneArgs::augment_args(tune))
        .subcommand(Command::new(worker::NAME).about("Runs tasks for another deconv, which starts it").hide(true))
        .subcommand(SimulateArgs::augment_args(simulate))
        .subcommand(args::with_parameters(GraphArgs::augment_args(graph)));
    args::with_parameters(RunArgs::augment_args(base))
}

/// Writes a line to stderr; that nobody reads it is no reason to end.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes data to stdout; a reader that has gone away is no failure.
fn say(text: &str) -> Result<(), failure::Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(failure::Failure::file("stdout".as_ref(), &error)),
        _ => Ok(()),
    }
}

/// Short flags that stand alone, and those whose value may follow without a space.
const SWITCHES: &str = "hVqv";
const VALUED: &str = "oj";

/// What to tell of a command line that is not understood.
fn explained(command: &mut Command, error: clap::Error) -> clap::Error {
    if let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidArg)
        && let Some(does) = flag(given).and_then(|(name, _)| foreign::here(name))
        && error.kind() == clap::error::ErrorKind::UnknownArgument
    {
        let message = format!("unexpected argument '{given}' of another tool\n  here it takes {does}");
        return command.error(clap::error::ErrorKind::UnknownArgument, message);
    }
    let stray = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(name)) if command.find_subcommand(name).is_none() => name.clone(),
        _ => return error,
    };
    if crate::algorithms::find(&stray).is_some() {
        let plot = if stray == "wiener" {
            ", and its criteria over lambda with the L-curve are drawn by --plots lambda"
        } else {
            ""
        };
        let message =
            format!("unexpected word '{stray}'\n  algorithms are chosen by a flag: --algorithm {stray}{plot}");
        return command.error(clap::error::ErrorKind::UnknownArgument, message);
    }
    let message = format!(
        "unexpected word '{stray}'\n  no flag takes it: values of one flag are joined by commas, as in --beam-shape 8asec,6asec,30deg, \
         and patterns are quoted, as in --dirty 'night*/*-dirty.fits'"
    );
    command.error(clap::error::ErrorKind::UnknownArgument, message)
}

/// Turns `-niter` into `--niter`: the older tools of the field take one dash.
fn with_long_dashes(command: &Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let aliases = command.get_arguments().filter_map(clap::Arg::get_all_aliases).flatten();
    let longs: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).chain(aliases).collect();
    let mend = |argument: OsString| {
        let text = argument.to_string_lossy();
        let name = text.strip_prefix('-').map(|rest| rest.split('=').next().unwrap_or(rest));
        // what is no flag of ours is told whole, and not by its first letter: `-horizon-mask` is no call for help
        let is_word = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_alphabetic() && !VALUED.contains(first))
                && !name.chars().all(|letter| SWITCHES.contains(letter))
        };
        let is_long = name.is_some_and(|name| name.len() > 1 && (longs.contains(&name) || is_word(name)));
        if is_long { OsString::from(format!("-{text}")) } else { argument }
    };
    arguments.into_iter().map(mend).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn what_products_tell_of_the_command_leaves_out_where_results_were_kept() {
        let given =
            "--dirty d.fits --resume --cache my --cache-size=3GiB -cache=x -resume --niter 5 --cache-size 2GiB -q";
        let line = Line::new(&given.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(line.typed, format!("deconv {given}"));
        assert_eq!(line.recorded, "deconv --dirty d.fits --niter 5 -q");
    }

    #[test]
    fn line_of_a_pair_names_its_files_and_products() {
        let line = |given: &str| Line::new(&given.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let of = |given: &str, prefix: &str| line(given).of_pair(("n1/d.fits", "n1/p.fits"), prefix).recorded;
        let given = "--dirty n*/d.fits -psf=n*/p.fits --niter 5 --resume -q";
        assert_eq!(of(given, "outputs/d"), "deconv --dirty n1/d.fits -psf=n1/p.fits --niter 5 -q");
        assert_eq!(of(given, "outputs/n1/d"), "deconv --dirty n1/d.fits -psf=n1/p.fits --niter 5 -q -o outputs/n1/d");
        assert_eq!(of("--dirty n*/d.fits -oout", "out/n1/d"), "deconv --dirty n1/d.fits -oout/n1/d");
        let given = "-o out --psf p.fits --dirty=n*/d.fits --sigma -1";
        assert_eq!(of(given, "out/n1/d"), "deconv -o out/n1/d --psf n1/p.fits --dirty=n1/d.fits --sigma -1");
    }

    #[test]
    fn one_dash_is_taken_for_two_where_a_long_flag_is_meant() {
        let mended = |given: &[&str]| with_long_dashes(&command(), given.iter().map(OsString::from).collect());
        let given = ["deconv", "-niter", "5", "-o", "x", "-v", "-gain=0.2", "--mgain", "-0.5"];
        assert_eq!(mended(&given), ["deconv", "--niter", "5", "-o", "x", "-v", "--gain=0.2", "--mgain", "-0.5"]);
        let given = ["-qv", "-j2", "-oout", "-horizon-mask", "-casa-mask=x", "-inf"];
        assert_eq!(mended(&given), ["-qv", "-j2", "-oout", "--horizon-mask", "--casa-mask=x", "--inf"]);
    }
}
