//! `deconv tune`: measures the machine and keeps its constants for the runs to come.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use super::run::write_whole;
use super::tell;
use crate::pipeline::machine::{measure, saved_at, to_toml};
use crate::tiling::Machine;

// The about text stands on the command.
#[derive(Debug, Args)]
pub(super) struct TuneArgs {
    /// Keep the constants in this file, to be given with --config [default: the user's own, which every run reads]
    #[arg(long, value_name = "TOML")]
    save: Option<PathBuf>,
    /// Replace the file of --save if it exists
    #[arg(long, requires = "save")]
    overwrite: bool,
    /// Folder on the disk that scratch files will use [default: the folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    /// Measure and print, and keep nothing
    #[arg(long, conflicts_with = "save")]
    dry_run: bool,
}

const TAKES: &str = "a String takes every text";

/// Measures, prints, saves.
pub(super) fn tune(args: &TuneArgs) -> Result<(), Failure> {
    if let Some(path) = args.save.as_ref().filter(|path| path.is_dir() || (path.exists() && !args.overwrite)) {
        return Err(Failure::exists(path));
    }
    let scratch = args.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let machine = measure(&scratch, &mut |step| tell(&format!("measuring: {step}")))?;
    super::say(&table(&machine))?;
    if args.dry_run {
        return Ok(());
    }
    let path = args.save.clone().or_else(saved_at).ok_or_else(Failure::homeless)?;
    save(&path, &machine)?;
    tell(&format!("wrote {}", path.display()));
    Ok(())
}

/// Writes the constants under a temporary name and renames it: a run may read them at any time.
fn save(path: &Path, machine: &Machine) -> Result<(), Failure> {
    let wrong = |error: std::io::Error| Failure::file(path, &error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(wrong)?;
    write_whole(path, &to_toml(machine))
}

/// The constants with their units.
fn table(machine: &Machine) -> String {
    let Machine { origin, cores, fft, columns, values, .. } = machine;
    let mut text = format!("{origin}\n");
    let mut line = |name: &str, value: String, unit: &str| {
        writeln!(text, "  {name:<44} {value:>8} {unit}").expect(TAKES);
    };
    line("cores", cores.to_string(), "");
    fft.iter().for_each(|(points, rate)| line(&format!("transform of {points} points"), rate.to_string(), "GFlop/s"));
    let rates = [
        ("copy in the cache of a core", machine.cached_gbs),
        ("copy in memory, one worker", machine.memory_gbs),
        ("copy in memory, all workers together", machine.memory_all_gbs),
    ];
    rates.into_iter().for_each(|(name, rate)| line(name, rate.to_string(), "GB/s read + written"));
    for (bytes, rate) in columns {
        line(&format!("columns out of rows of {bytes} bytes"), rate.to_string(), "GB/s read + written");
    }
    for (bytes, rate) in values {
        line(&format!("new values of {} KiB", bytes >> 10), rate.to_string(), "GB/s written");
    }
    line("task of the graph", machine.task_us.to_string(), "us");
    line("input of a task beyond the first", machine.edge_us.to_string(), "us");
    line("scratch file, written to the disk", machine.scratch_write_gbs.to_string(), "GB/s");
    line("scratch file, read from the disk", machine.scratch_read_gbs.to_string(), "GB/s");
    line("image, read from the system's memory", machine.input_gbs.to_string(), "GB/s");
    text
}
