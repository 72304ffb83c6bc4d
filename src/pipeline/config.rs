//! The complete configuration of a run: defaults, then a file, then flags.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::algorithms::convex::ConvexParams;
use crate::algorithms::lucy::RlParams;
use crate::algorithms::wiener::{NoiseFile, Uncertainty, WienerParams};
use crate::algorithms::{
    Algorithm, AspParams, CleanParams, Direct, Kind, MultiscaleParams, PARAMS, ParamKind, View, find,
};
use crate::images::{CleanBeam, Weighting};
use crate::tiling::Machine;

/// The defaults, compiled in.
pub const DEFAULTS: &str = include_str!("../../configs/default.toml");

/// Everything that decides a run's results, besides its input files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Name in the registry.
    pub algorithm: String,
    /// How the work is cut and run.
    pub compute: ComputeConfig,
    /// How the input is taken.
    pub input: InputConfig,
    /// How the run is watched.
    pub profile: ProfileConfig,
    /// The CLEAN family.
    pub clean: CleanParams,
    /// The scales of multiscale CLEAN.
    pub multiscale: MultiscaleParams,
    /// The Gaussians of Asp-CLEAN.
    pub asp: AspParams,
    /// The convex solver.
    pub convex: ConvexParams,
    /// Wiener-Hunt.
    pub wiener: WienerParams,
    /// Richardson-Lucy.
    pub rl: RlParams,
    /// The clean beam.
    pub restore: RestoreConfig,
    /// Constants of the machine: they decide how fast a run is, not what comes of it.
    pub machine: Machine,
}

/// The `[compute]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComputeConfig {
    /// Rows of a slab, or whole planes.
    pub chunk: Auto<ChunkRows>,
    /// Worker threads; 0 takes all cores.
    pub threads: usize,
    /// Cap on memory.
    pub memory: Auto<Bytes>,
    /// Who runs the tasks.
    pub scheduler: SchedulerChoice,
    /// Folder for values that have no room in memory or go between processes; else that of the products.
    pub scratch: Auto<PathBuf>,
    /// Cap on the results that are kept in a folder.
    pub cache_size: Auto<Bytes>,
}

/// Who runs the tasks; the results are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SchedulerChoice {
    /// The calling thread, one after the other.
    Sync,
    /// Worker threads.
    Threads,
    /// Child processes.
    Processes,
}

/// The `[profile]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileConfig {
    /// Time between two samples of the process.
    pub dt: Interval,
}

/// The `[input]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputConfig {
    /// What the PSF's peak divides.
    pub psf_scale: PsfScale,
    /// PSFs of several directions in place of one: files, a pattern, a folder or a table; empty for none.
    pub psf_grid: String,
    /// How these are weighed over the image.
    pub psf_weighting: Auto<Weighting>,
}

/// What the PSF's peak divides (ALGORITHMS 0.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PsfScale {
    /// The dirty image and the PSF.
    Pair,
    /// The PSF alone.
    PsfOnly,
}

/// The `[restore]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreConfig {
    /// Fitted, or given.
    pub beam: BeamChoice,
    /// What the residual is multiplied by in the restored image.
    pub residual_scale: ResidualScale,
    /// The beam at which the residual stands in the restored image.
    pub residual_beam: ResidualBeam,
}

impl RestoreConfig {
    /// Whether a beam must be fitted to the PSF.
    pub fn asks_for_fit(&self) -> bool {
        let is_given = matches!(self.beam, BeamChoice::Given(_));
        !is_given || self.residual_scale == ResidualScale::Jvm || self.residual_beam == ResidualBeam::Convolve
    }
}

/// What the residual is multiplied by in the restored image (ALGORITHMS 8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResidualScale {
    /// Nothing.
    None,
    /// The area of the clean beam over that of the PSF's main lobe (Jorsater & van Moorsel 1995).
    Jvm,
}

/// The beam at which the residual stands in the restored image (ALGORITHMS 8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResidualBeam {
    /// The PSF's, whatever the clean beam.
    Keep,
    /// The clean beam: the residual is convolved to it, which it must contain the PSF's for.
    Convolve,
}

/// Chosen by the program, or given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auto<T> {
    /// Chosen by the program.
    Auto,
    /// Given.
    Given(T),
}

/// Rows of a slab as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkRows {
    /// Whole planes.
    Full,
    /// So many rows.
    Rows(NonZeroUsize),
}

/// A number of bytes, as in `4GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// A time between two samples, at least a millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval(pub std::time::Duration);

/// Fitted to the PSF, or given by hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BeamChoice {
    /// Fitted to the PSF's main lobe.
    Fit,
    /// Fitted, then made round with the major axis of the fit.
    Circular,
    /// Given.
    Given(CleanBeam),
}

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file or a flag says something that does not fit.
    #[error("cannot use {origin}\n  {message}")]
    Invalid {
        /// The file, or the flags.
        origin: String,
        /// What does not fit, and what was expected.
        message: String,
    },
}

impl ConfigError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("deconv --help tells every flag; configs/default.toml holds every key with its default".to_owned())
    }
}

impl RunConfig {
    /// Lays the file, then `flags` (a table of the same form), over the defaults.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown key, a value that does not fit.
    ///
    /// # Panics
    /// Never: the compiled defaults are TOML with every key.
    pub fn load(file: Option<&Path>, flags: toml::Table) -> Result<Self, ConfigError> {
        let files: Vec<&Path> = file.into_iter().collect();
        Self::load_layers(&files, flags)
    }

    /// Lays the files over the defaults, one after the other, then `flags`.
    ///
    /// # Errors
    /// See [`RunConfig::load`].
    ///
    /// # Panics
    /// Never: the compiled defaults are TOML with every key.
    pub fn load_layers(files: &[&Path], flags: toml::Table) -> Result<Self, ConfigError> {
        let mut table = DEFAULTS.parse::<toml::Table>().expect("the defaults are TOML; a test reads them");
        for path in files {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
            let invalid = |message: String| ConfigError::Invalid { origin: path.display().to_string(), message };
            let layer = text.parse::<toml::Table>().map_err(|error| invalid(error.to_string()))?;
            overlay(&mut table, layer);
            Self::read(table.clone()).map_err(invalid)?;
        }
        overlay(&mut table, flags);
        Self::read(table).map_err(|message| ConfigError::Invalid { origin: "the flags".to_owned(), message })
    }

    fn read(table: toml::Table) -> Result<Self, String> {
        for param in PARAMS {
            let found = table.get(param.table).and_then(|inner| inner.get(param.key));
            let value = found.ok_or_else(|| format!("{}: expected a table with the key {}", param.table, param.key))?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let is_file = matches!(param.kind, ParamKind::File | ParamKind::Files);
            if !(text.is_empty() && is_file) {
                param.check(&text).map_err(|expected| format!("{}.{} = {text}: {expected}", param.table, param.key))?;
            }
        }
        let config: Self = table.try_into().map_err(|error: toml::de::Error| error.to_string())?;
        config.machine.check()?;
        if find(&config.algorithm).is_some_and(|algorithm| matches!(algorithm.kind, Kind::Direct(Direct::Wiener))) {
            config.wiener.check()?;
        }
        if config.clean.no_negative && config.clean.stop_negative {
            // no negative peak is found that could end the run
            return Err("clean.stop_negative has no effect with clean.no_negative: expected one of them".to_owned());
        }
        if find(&config.algorithm).is_some() {
            return Ok(config);
        }
        let names: Vec<_> = crate::algorithms::ALGORITHMS.iter().map(|a| a.name).collect();
        Err(format!("algorithm = '{}': expected one of {}", config.algorithm, names.join(", ")))
    }

    /// The algorithm's entry in the registry.
    ///
    /// # Panics
    /// Never: [`RunConfig::load`] has looked it up.
    pub fn algorithm(&self) -> &'static Algorithm {
        find(&self.algorithm).expect("the name was looked up when the configuration was read")
    }

    /// The file of the model to begin with, if the algorithm begins with one.
    pub fn start_model(&self) -> Option<&str> {
        let begins = matches!(self.algorithm().kind, Kind::Clean(_) | Kind::Direct(Direct::Convex | Direct::Wiener));
        Some(self.clean.start.as_str()).filter(|file| begins && !file.is_empty())
    }

    /// The map of the noise that weighs the search, if there is one.
    pub fn noise_map(&self) -> Option<&str> {
        let reads = matches!(self.algorithm().kind, Kind::Clean(minor) if minor.cycle().view() == View::List);
        Some(self.clean.local_rms_image.as_str()).filter(|file| reads && !file.is_empty())
    }

    /// The file that tells the spectrum of the noise, and what it tells, if the algorithm reads one.
    pub fn noise_file(&self) -> Option<(NoiseFile, &str)> {
        self.wiener.noise_file().filter(|_| matches!(self.algorithm().kind, Kind::Direct(Direct::Wiener)))
    }

    /// Whether mask, border or window leave less than the whole image to components.
    pub fn restricts_components(&self) -> bool {
        let is_clean = matches!(self.algorithm().kind, Kind::Clean(_));
        is_clean && (!self.clean.mask.is_empty() || self.clean.border() > 0.0)
    }

    /// Whether a map of the posterior standard deviation is written.
    pub fn maps_uncertainty(&self) -> bool {
        matches!(self.algorithm().kind, Kind::Direct(Direct::Wiener)) && self.wiener.uncertainty == Uncertainty::Map
    }

    /// Whether the effective resolution of Wiener-Hunt is written.
    pub fn writes_resolution(&self) -> bool {
        matches!(self.algorithm().kind, Kind::Direct(Direct::Wiener)) && self.wiener.effective_resolution
    }

    /// The configuration as TOML, to be saved and given back with `--config`.
    ///
    /// # Panics
    /// Never: every field is a TOML value.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("every field is a TOML value")
    }
}

/// Lays `layer` over `base`, table by table.
fn overlay(base: &mut toml::Table, layer: toml::Table) {
    for (key, value) in layer {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(more)) => overlay(inner, more),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

mod text;
