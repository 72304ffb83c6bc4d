//! `deconv simulate`: from the command line to a simulation.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use ndarray::Array2;

use super::tell;
use crate::io::FitsSource;
use crate::simulate::{
    Array, Observation, Output, Plan, PsfSize, Recipe, Report, SimulateError, SkyRecipe, Weighting, Wide, centred,
};

/// `LOW:HIGH`, or one number for both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    low: f64,
    high: f64,
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (low, high) = text.split_once(':').unwrap_or((text, text));
        let number =
            |part: &str| part.trim().parse::<f64>().map_err(|_| format!("'{part}' is not a number; expected LOW:HIGH"));
        Ok(Self { low: number(low)?, high: number(high)? })
    }
}

/// Two counts, as `3,3`.
fn counts(text: &str) -> Result<(usize, usize), String> {
    let count = |part: &str| part.trim().parse::<usize>().ok().filter(|count| *count > 0);
    let both = text.split_once(',').and_then(|(across, up)| Some((count(across)?, count(up)?)));
    both.ok_or_else(|| format!("'{text}': expected two whole numbers from 1, as in 3,3"))
}

/// The weighting of the visibilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum WeightName {
    /// Every visibility counts the same: lowest noise.
    Natural,
    /// Every sampled uv cell counts the same: narrowest beam.
    Uniform,
    /// In between, see --robust.
    Briggs,
}

/// The size of the PSF that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PsfSizeName {
    /// The image's own size, as imagers write it: the dirty image then holds sidelobes that this PSF does not reach.
    #[value(name = "1x")]
    Same,
    /// Twice that: dirty = truth (*) psf + noise holds exactly.
    #[value(name = "2x")]
    Double,
    /// The image's own size, for a sky that repeats beyond its edges: dirty = truth (*) psf + noise holds exactly for
    /// the convolution that wraps around, as --boundary circular has it.
    Period,
}

impl PsfSizeName {
    fn size(self) -> PsfSize {
        match self {
            Self::Same => PsfSize::Same,
            Self::Double => PsfSize::Double,
            Self::Period => PsfSize::Period,
        }
    }
}

/// Simulates a sky and its dirty image and PSF, as a real array would see it.
///
/// Writes PREFIX-dirty.fits [Jy/beam], PREFIX-psf.fits, PREFIX-truth.fits [Jy/pixel], PREFIX-truth.csv (the sources) and
/// PREFIX-simulate.json (every parameter). Earth rotation carries the baselines over a uv plane without w term, so that
/// dirty = truth (*) psf + noise is an exact linear convolution with the double-size PSF; the noise is that of the
/// visibilities, seen through the same weights. The same command and seed make the same bytes on the same machine.
///
/// Memory: 48 bytes per pixel of the image, 0.8 GB at 4096, 12.9 GB at 16384.
#[derive(Debug, Clone, Args)]
#[allow(clippy::struct_excessive_bools)] // a flag that is given or not is a bool
pub(super) struct SimulateArgs {
    /// Number of point sources [default: 100, or 0 beside --gaussians or --truth]
    #[arg(long, value_name = "N", help_heading = "Sky")]
    points: Option<usize>,
    /// Flux of the faintest point sources [Jy]
    #[arg(long, value_name = "JY", default_value_t = 1e-3, help_heading = "Sky")]
    flux_min: f64,
    /// Flux of the brightest point source [Jy]; there always is one
    #[arg(long, value_name = "JY", default_value_t = 1.0, help_heading = "Sky")]
    flux_max: f64,
    /// Slope of the source counts, dN/dS ~ S^-SLOPE
    #[arg(long, value_name = "SLOPE", default_value_t = 1.7, help_heading = "Sky")]
    flux_slope: f64,
    /// Put point sources between pixels; the dirty image has their exact positions (1e-7), truth.fits the nearest pixel
    #[arg(long, help_heading = "Sky")]
    off_grid: bool,
    /// Number of elliptical Gaussians
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Sky")]
    gaussians: usize,
    /// Flux of all Gaussians together [Jy]
    #[arg(long, value_name = "JY", default_value_t = 1.0, requires = "gaussians", help_heading = "Sky")]
    gaussian_flux: f64,
    /// Smallest and largest full width at half maximum [pixels]
    #[arg(long, value_name = "SMALL:LARGE", default_value = "4:40", requires = "gaussians", help_heading = "Sky")]
    gaussian_fwhm: Span,
    /// Sky image [Jy/pixel] under the sources, first plane: its pixels are taken as they are, centred, padded with zeros or
    /// cut to --size, never resampled
    #[arg(long, value_name = "FITS", help_heading = "Sky")]
    truth: Option<String>,
    /// Seed of sources and noise
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Sky")]
    seed: u64,

    /// Array: meerkat, vla-a, vla-b, vla-c, vla-d or ska-mid
    #[arg(long, value_name = "NAME", default_value = "meerkat", help_heading = "Observation")]
    array: String,
    /// Antenna positions of your own, 'X Y Z' per line [m]: geocentric ITRF, or east north up (see data/layouts/)
    #[arg(long, value_name = "FILE", conflicts_with = "array", help_heading = "Observation")]
    layout: Option<PathBuf>,
    /// Set the array up at this latitude [deg] [default: its own]
    #[arg(long, value_name = "DEG", allow_negative_numbers = true, help_heading = "Observation")]
    latitude: Option<f64>,
    /// Declination of the field [deg] [default: the latitude, so that it passes overhead]
    #[arg(long, value_name = "DEG", allow_negative_numbers = true, help_heading = "Observation")]
    declination: Option<f64>,
    /// Right ascension of the field [deg]
    #[arg(
        long,
        value_name = "DEG",
        default_value_t = 60.0,
        allow_negative_numbers = true,
        help_heading = "Observation"
    )]
    right_ascension: f64,
    /// Range of hour angles [h]
    #[arg(
        long,
        value_name = "FROM:TO",
        default_value = "-4:4",
        allow_hyphen_values = true,
        help_heading = "Observation"
    )]
    hour_angle: Span,
    /// Number of integrations in that range
    #[arg(long, value_name = "N", default_value_t = 240, help_heading = "Observation")]
    integrations: usize,
    /// Band [Hz]
    #[arg(long, value_name = "LOW:HIGH", default_value = "1.1e9:1.5e9", help_heading = "Observation")]
    freq: Span,
    /// Number of channels in the band
    #[arg(long, value_name = "N", default_value_t = 8, help_heading = "Observation")]
    channels: usize,
    /// Make each channel a plane with its own PSF; the sky is the same in all
    #[arg(long, help_heading = "Observation")]
    cube: bool,
    /// Keep the w term: the field then looks as an imager without w correction shows it, and each direction has a PSF of its
    /// own; an exact sum over visibilities, of points alone, up to 200000 (see --integrations, --channels)
    #[arg(long, conflicts_with_all = ["gaussians", "truth", "cube"], help_heading = "Observation")]
    w_term: bool,
    /// Write the PSFs of so many directions along x and y as PREFIX-psf-ROW-COLUMN.fits, each direction in the header
    #[arg(long, value_name = "GX,GY", value_parser = counts, requires = "w_term", help_heading = "Image")]
    psf_grid: Option<(usize, usize)>,
    /// Noise of the dirty image, rms [Jy/beam]
    #[arg(
        long,
        value_name = "JY",
        default_value_t = 1e-4,
        allow_negative_numbers = true,
        help_heading = "Observation"
    )]
    noise: f64,

    /// Pixels along a side, up to 16384 [default: 1024, or those of --truth]
    #[arg(long, value_name = "N", help_heading = "Image")]
    size: Option<usize>,
    /// Pixel [arcsec] [default: a quarter of the beam's minor axis, to two digits]
    #[arg(long, value_name = "ARCSEC", allow_negative_numbers = true, help_heading = "Image")]
    cell: Option<f64>,
    /// Weights of the visibilities
    #[arg(long, value_enum, default_value_t = WeightName::Briggs, help_heading = "Image")]
    weight: WeightName,
    /// Briggs' robustness, -2 (uniform) to 2 (natural) [default: 0]
    #[arg(long, value_name = "R", allow_negative_numbers = true, help_heading = "Image")]
    robust: Option<f64>,
    /// Size of the PSF against that of the image
    #[arg(long, value_enum, default_value_t = PsfSizeName::Double, help_heading = "Image")]
    psf_size: PsfSizeName,

    /// Files are PREFIX-dirty.fits and so on
    #[arg(short, long, value_name = "PREFIX", default_value = "outputs/simulated", help_heading = "Output")]
    output: PathBuf,
    /// Replace existing files
    #[arg(long, help_heading = "Output")]
    overwrite: bool,
    /// Most memory to use [GB] [default: what the machine has free]
    #[arg(long, value_name = "GB", help_heading = "Output")]
    memory: Option<f64>,
}

impl SimulateArgs {
    /// Simulates, and returns the record of it; `command` is kept in the products, `available` is the memory of the
    /// machine that is free \[bytes\].
    ///
    /// # Errors
    /// [`SimulateError`]: a value out of range before any work, or a file that cannot be read or written.
    pub(super) fn run(&self, command: String, available: u64) -> Result<Report, SimulateError> {
        let source = self.truth.as_deref().map(FitsSource::open).transpose()?;
        let array = self.array()?;
        let recipe = self.recipe(&array, source.as_ref())?;
        let memory = self.memory.map_or(available, |gigabytes| (gigabytes * 1e9) as u64);
        let plan = Plan::new(recipe, array, memory)?;
        let (image, notes) = source.as_ref().map(|source| given_image(source, &plan)).transpose()?.unzip();
        let output = Output {
            prefix: self.output.clone(),
            overwrite: self.overwrite,
            right_ascension_deg: self.right_ascension,
            command,
            notes: notes.unwrap_or_default(),
        };
        output.write(&plan, image)
    }

    fn array(&self) -> Result<Array, SimulateError> {
        let array = match &self.layout {
            Some(path) => Array::read(path)?,
            None => Array::named(&self.array)?,
        };
        match self.latitude {
            Some(degrees) if degrees.abs() <= 90.0 => Ok(array.at_latitude(degrees)),
            Some(degrees) => Err(SimulateError::Value {
                flag: "--latitude",
                found: degrees.to_string(),
                expected: "-90 to 90 degrees",
            }),
            None => Ok(array),
        }
    }

    fn recipe(&self, array: &Array, source: Option<&FitsSource>) -> Result<Recipe, SimulateError> {
        let points = self.points.unwrap_or(if self.gaussians > 0 || source.is_some() { 0 } else { 100 });
        let weighting = match (self.weight, self.robust) {
            (WeightName::Briggs, robust) => Weighting::Briggs(robust.unwrap_or(0.0)),
            (_, Some(_)) => return Err(SimulateError::Useless { flag: "--robust", needs: "--weight briggs" }),
            (WeightName::Natural, None) => Weighting::Natural,
            (WeightName::Uniform, None) => Weighting::Uniform,
        };
        if self.off_grid && points == 0 {
            return Err(SimulateError::Useless { flag: "--off-grid", needs: "--points" });
        }
        let of_source = source.map(FitsSource::geometry).map(|geometry| geometry.ny.max(geometry.nx));
        Ok(Recipe {
            size: self.size.or(of_source).unwrap_or(1024),
            cell_arcsec: self.cell,
            psf_size: self.psf_size.size(),
            observation: Observation {
                declination_deg: self.declination.unwrap_or(array.latitude().to_degrees()),
                hour_angle_h: (self.hour_angle.low, self.hour_angle.high),
                integrations: self.integrations,
                band_hz: (self.freq.low, self.freq.high),
                channels: self.channels,
            },
            is_cube: self.cube,
            weighting,
            noise: self.noise,
            wide: self.w_term.then_some(Wide { psf_grid: self.psf_grid }),
            sky: SkyRecipe {
                points,
                flux_jy: (self.flux_min, self.flux_max),
                slope: self.flux_slope,
                is_off_grid: self.off_grid,
                gaussians: self.gaussians,
                gaussian_flux_jy: self.gaussian_flux,
                gaussian_fwhm: (self.gaussian_fwhm.low, self.gaussian_fwhm.high),
                seed: self.seed,
            },
        })
    }
}

/// Reads the first plane of `source` into the field of `plan`, and says what was done to it.
fn given_image(source: &FitsSource, plan: &Plan) -> Result<(Array2<f32>, Vec<String>), SimulateError> {
    let (geometry, size) = (source.geometry(), plan.recipe().size);
    let mut notes = Vec::new();
    if source.planes() > 1 {
        notes.push(format!("{} has {} planes: the first was used", source.spec(), source.planes()));
    }
    if (geometry.ny, geometry.nx) != (size, size) {
        notes.push(format!(
            "{} is {} x {} pixels: centred in {size} x {size}, padded with zeros or cut, not resampled",
            source.spec(),
            geometry.nx,
            geometry.ny
        ));
    }
    let own = geometry.cell.map(|cell| cell.dy.abs() * 3600.0);
    if let Some(own) = own.filter(|own| (own / plan.cell_arcsec() - 1.0).abs() > 1e-3) {
        notes.push(format!(
            "{} has pixels of {own:.4} arcsec: taken to be {} arcsec",
            source.spec(),
            plan.cell_arcsec()
        ));
    }
    Ok((centred(&source.read_rows(0, 0..geometry.ny)?, size), notes))
}

/// What a finished simulation has to say, a line each.
pub(super) fn summary(report: &Report) -> Vec<String> {
    let Report { array, antennas, recipe, cell_arcsec, psf_pixels, flux_jy, planes, .. } = report;
    let size = recipe.size;
    let mut lines = vec![
        format!(
            "{array}, {antennas} antennas: {size} x {size} pixels of {cell_arcsec} arcsec, PSF {psf_pixels} x {psf_pixels}"
        ),
        format!("sky of {flux_jy:.4} Jy, noise {:.3e} Jy/beam", recipe.noise),
    ];
    lines.extend(planes.iter().map(|plane| {
        let beam = plane.beam.map_or("no beam fits".to_owned(), |beam| {
            format!("beam {:.3} x {:.3} arcsec, PA {:.1} deg", beam.bmaj * 3600.0, beam.bmin * 3600.0, beam.bpa)
        });
        format!("{:.4} GHz: {beam}, {} visibilities", plane.frequency_hz / 1e9, plane.uv.visibilities)
    }));
    lines
}

#[cfg(test)]
mod tests;

/// Runs the subcommand and tells what it made.
pub(super) fn simulate(args: &SimulateArgs, command: &str) -> Result<(), super::failure::Failure> {
    let report = args.run(command.to_owned(), crate::pipeline::plan::available_memory())?;
    for line in summary(&report) {
        tell(&line);
    }
    for warning in &report.warnings {
        tell(&format!("warning: {warning}"));
    }
    Ok(())
}
