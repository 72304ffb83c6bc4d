//! Measuring the machine: the constants that forecasts and the choice of chunks are made of.
//!
//! Each is a short kernel, repeated; the lower quartile of its CPU times counts (the disk aside), so that what else
//! runs beside it matters little. All of it takes a few seconds.

mod disk;
mod graph;
mod kernels;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::io::FitsError;
use crate::kernels::clock::thread_seconds;
use crate::tiling::Machine;

/// Why the machine could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The scratch folder takes no file, or gives it not back.
    #[error("cannot measure the disk in {}", folder.display())]
    Disk {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The image written for the purpose cannot be read.
    #[error(transparent)]
    Image(#[from] FitsError),
}

impl MeasureError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("name a folder with 100 MB of room: --scratch FOLDER".to_owned())
    }
}

/// Measures the machine; the disk in the folder `scratch`. `watch` is told each step.
///
/// # Errors
/// [`MeasureError`]: the disk only.
pub fn measure(scratch: &Path, watch: &mut dyn FnMut(&str)) -> Result<Machine, MeasureError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    watch("transforms");
    let fft = kernels::transforms();
    watch("memory");
    let (cached_gbs, memory_gbs, memory_all_gbs) = kernels::copies(cores);
    let columns = kernels::columns();
    let values = kernels::values();
    watch("task graph");
    let (task_us, edge_us) = graph::overhead();
    watch("disk");
    let disk = disk::rates(scratch)?;
    let table = |table: Vec<(u64, f64)>| table.into_iter().map(|(at, rate)| (at, rounded(rate))).collect();
    Ok(Machine {
        origin: format!("deconv tune: {cores} cores of {}", processor()),
        cores,
        fft: table(fft),
        cached_gbs: rounded(cached_gbs),
        memory_gbs: rounded(memory_gbs),
        memory_all_gbs: rounded(memory_all_gbs),
        columns: table(columns),
        values: table(values),
        task_us: rounded(task_us),
        edge_us: rounded(edge_us),
        scratch_write_gbs: rounded(disk.write),
        scratch_read_gbs: rounded(disk.read),
        input_gbs: rounded(disk.input),
    })
}

/// Where the user's constants are kept: `deconv/machine.toml` in `XDG_CONFIG_HOME`, or in `.config` of the home folder;
/// unknown without either.
pub fn saved_at() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = folder("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    Some(config.or_else(|| folder("HOME").map(|home| home.join(".config")))?.join("deconv/machine.toml"))
}

/// The constants as a layer of the configuration.
///
/// # Panics
/// Never: every constant is a TOML value.
pub fn to_toml(machine: &Machine) -> String {
    #[derive(Serialize)]
    struct Layer<'a> {
        machine: &'a Machine,
    }
    toml::to_string(&Layer { machine }).expect("every constant is a TOML value")
}

/// Time that a kernel is repeated for; a test only looks that it runs.
const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 0 } else { 150 });
/// Repetitions at the least.
const LEAST: usize = 3;

/// The lower quartile of the repetitions \[s of CPU time\]: other work makes some slower, and the clock of a virtual
/// machine, which takes away what its host gave to others, makes some seem quicker than they were.
fn undisturbed(mut work: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < LEAST || begin.elapsed() < PATIENCE {
        let start = thread_seconds();
        work();
        times.push(thread_seconds() - start);
    }
    times.sort_by(f64::total_cmp);
    times[(times.len() - 1) / 4].max(1e-9)
}

/// Three digits: more are not reproducible.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// What the processor calls itself.
fn processor() -> String {
    let mut system = sysinfo::System::new();
    system.refresh_cpu_all();
    let brand = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
    brand.filter(|brand| !brand.is_empty()).unwrap_or_else(|| "an unknown processor".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_constants_are_usable_and_survive_their_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut steps = Vec::new();
        let machine = measure(folder.path(), &mut |step| steps.push(step.to_owned())).expect("constants");
        assert_eq!(machine.check(), Ok(()));
        assert_eq!(steps.len(), 4);
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0, "nothing is left on the disk");
        let path = folder.path().join("machine.toml");
        std::fs::write(&path, to_toml(&machine)).expect("written");
        let config = crate::pipeline::RunConfig::load(Some(&path), toml::Table::new()).expect("a layer");
        assert_eq!(config.machine, machine);
    }

    #[test]
    fn folder_that_takes_no_file_is_named() {
        let error = disk::rates(Path::new("/nowhere/at/all")).expect_err("no such folder");
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
