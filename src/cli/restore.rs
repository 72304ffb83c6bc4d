//! `deconv restore`: an image out of a model and a residual.

use std::path::PathBuf;

use clap::{ArgMatches, Args};

use super::args;
use super::failure::Failure;
use super::given::{Told, WorkArgs, check_product};
use super::interrupt;
use super::run::{FOLDER, stem};
use super::scheduler::{Crew, scheduler_of};
use crate::graph::Callback;
use crate::io::{FitsError, FitsTarget};
use crate::pipeline::Tools;
use crate::pipeline::restore::{RestorePlan, RestoredPlane, Restoring, restore as compute};
use crate::units::{Kind as _, Restored};

// The about text stands on the command.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// Model [Jy/pixel] on the grid of the residual, one plane for each of its planes
    #[arg(long, value_name = "FITS", required = true, help_heading = "Input and output")]
    model: String,
    /// Residual [Jy/beam], whose header the image takes; its beam restores unless another is given
    #[arg(long, value_name = "FITS", required = true, help_heading = "Input and output")]
    residual: String,
    /// PSF to fit the beam to, one plane for all or one per plane
    #[arg(long, value_name = "FITS", help_heading = "Input and output")]
    psf: Option<String>,
    /// Clean beam: fit, a width (8asec), or widths and position angle (8asec,6asec,30deg)
    #[arg(long, value_name = "BEAM", value_parser = args::beam, help_heading = "Input and output")]
    beam_shape: Option<String>,
    /// The product is PREFIX-image.fits [default: outputs/ and the residual's name without -residual]
    #[arg(short, long, value_name = "PREFIX", help_heading = "Input and output")]
    output: Option<String>,
    #[command(flatten)]
    work: WorkArgs,
}

/// Restores an image.
pub(super) fn restore(args: &RestoreArgs, matches: &ArgMatches, command: &str) -> Result<(), Failure> {
    let is_given = args.beam_shape.as_deref().is_some_and(|beam| beam != "fit");
    if args.psf.is_some() && is_given {
        return Err(Failure::useless("--psf", "it is there to fit the beam, which --beam-shape gives"));
    }
    let files = Restoring { model: &args.model, residual: &args.residual, psf: args.psf.as_deref() };
    let plan = RestorePlan::new(args.work.load(matches)?, files)?;
    let prefix = prefix(args)?;
    let path = PathBuf::from(format!("{prefix}-{}.fits", Restored::NAME));
    if plan.contains(&path) {
        return Err(FitsError::IsInput { path }.into());
    }
    check_product(&path, args.work.overwrite)?;
    let product = FitsTarget::create(&path, &plan.residual.0, args.work.overwrite)?;
    let progress = args.work.progress();
    let crew = Crew {
        compute: &plan.config.compute,
        workers: plan.workers,
        values: plan.values(),
        spills: plan.footprint.spilled_bytes > 0,
    };
    let tasks = scheduler_of(&crew, &prefix, None)?;
    let callbacks: [&dyn Callback; 1] = [&progress];
    let told = Told(&progress);
    let cancel = interrupt::cancel_on_signals();
    let tools = Tools { scheduler: &*tasks, callbacks: &callbacks, cancel, watch: &told };
    for (plane, done) in compute(&plan, product, command, &tools)?.iter().enumerate() {
        progress.note(&line(plane, done));
    }
    progress.note(&format!("wrote {}", path.display()));
    Ok(())
}

/// The prefix asked for, or that of the run which left the residual, in `outputs/`.
fn prefix(args: &RestoreArgs) -> Result<String, Failure> {
    let file = args.residual.split('[').next().unwrap_or(&args.residual);
    let name = std::path::Path::new(file).file_name().map_or_else(|| "image".into(), |name| name.to_string_lossy());
    let name = stem(&name);
    let name = name.strip_suffix("-residual").unwrap_or(name);
    match args.output.as_deref() {
        Some(prefix) if !prefix.is_empty() && !prefix.ends_with('/') => Ok(prefix.to_owned()),
        Some(folder) => Ok(format!("{folder}{name}")),
        None => {
            std::fs::create_dir_all(FOLDER).map_err(|error| Failure::file(FOLDER.as_ref(), &error))?;
            Ok(format!("{FOLDER}/{name}"))
        }
    }
}

/// What is told of a plane.
fn line(plane: usize, done: &RestoredPlane) -> String {
    let asec = |deg: f64| 3600.0 * deg;
    match done.beam {
        Some(beam) => format!(
            "plane {plane}: model {:.4} Jy, beam {:.4} x {:.4} arcsec at {:.2} deg",
            done.flux_jy,
            asec(beam.bmaj),
            asec(beam.bmin),
            beam.bpa
        ),
        None => format!("plane {plane}: blank"),
    }
}
