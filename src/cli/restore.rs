//! `deconv restore`: an image out of a model and a residual.

use std::path::PathBuf;

use clap::{ArgMatches, Args};

use super::beam::{self, BeamArgs};
use super::failure::Failure;
use super::given::{Told, WorkArgs, check_product};
use super::interrupt;
use super::run::{FOLDER, stem};
use super::scheduler::{Crew, scheduler_of};
use crate::graph::Callback;
use crate::io::{FitsError, FitsTarget};
use crate::pipeline::Tools;
use crate::pipeline::config::{BeamChoice, ResidualScale};
use crate::pipeline::restore::{
    ModelFile, RestorePlan, RestoredPlane, RestoredProducts, Restoring, restore as compute,
};
use crate::units::{Kind, Model, Restored};

// The about text stands on the command.
#[derive(Debug, Args)]
#[allow(clippy::doc_markdown)] // the text of --help, where backticks would be seen
pub(super) struct RestoreArgs {
    /// Model [Jy/pixel] on the grid of the residual, one plane for each of its planes
    #[arg(long, value_name = "FITS", required_unless_present = "components", help_heading = "Input and output")]
    model: Option<String>,
    /// Components instead of a model: a source list of WSClean (.txt), or a table of --save-components (.csv, .fits); PREFIX-model.fits is written too
    #[arg(long, value_name = "LIST", conflicts_with = "model", help_heading = "Input and output")]
    components: Option<String>,
    /// Residual [Jy/beam], whose header the image takes; its beam restores unless another is given
    #[arg(long, value_name = "FITS", required = true, help_heading = "Input and output")]
    residual: String,
    /// PSF to fit the beam to, one plane for all or one per plane
    #[arg(long, value_name = "FITS", help_heading = "Input and output")]
    psf: Option<String>,
    #[command(flatten)]
    beam: BeamArgs,
    /// The product is PREFIX-image.fits [default: outputs/ and the residual's name without -residual]
    #[arg(short, long, value_name = "PREFIX", help_heading = "Input and output")]
    output: Option<String>,
    #[command(flatten)]
    work: WorkArgs,
}

/// Restores an image.
pub(super) fn restore(args: &RestoreArgs, matches: &ArgMatches, command: &str) -> Result<(), Failure> {
    let config = args.work.load(matches)?;
    beam::check(&config.restore)?;
    let is_given = matches!(config.restore.beam, BeamChoice::Given(_));
    if args.psf.is_some() && is_given && !config.restore.asks_for_fit() {
        return Err(Failure::useless("--psf", "it is there to fit the beam, which --beam-shape gives"));
    }
    if args.psf.is_none() && config.restore.residual_scale == ResidualScale::Jvm {
        return Err(Failure::missing("--psf", "--residual-scale jvm"));
    }
    let model = match (&args.model, &args.components) {
        (Some(image), _) => ModelFile::Image(image),
        (None, list) => ModelFile::List(list.as_deref().unwrap_or_default()),
    };
    let files = Restoring { model, residual: &args.residual, psf: args.psf.as_deref() };
    let plan = RestorePlan::new(config, files)?;
    let prefix = prefix(args)?;
    let image = product::<Restored>(&plan, &prefix, args.work.overwrite)?;
    let model = args.components.as_ref().map(|_| product::<Model>(&plan, &prefix, args.work.overwrite)).transpose()?;
    let written: Vec<PathBuf> =
        [Some(image.path()), model.as_ref().map(FitsTarget::path)].into_iter().flatten().map(PathBuf::from).collect();
    let products = RestoredProducts { image, model };
    let progress = args.work.progress();
    plan.model.notes().iter().for_each(|note| progress.note(&format!("warning: {note}")));
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
    for (plane, done) in compute(&plan, products, command, &tools)?.iter().enumerate() {
        progress.note(&line(plane, done));
    }
    written.iter().for_each(|path| progress.note(&format!("wrote {}", path.display())));
    Ok(())
}

/// Begins a product.
fn product<K: Kind>(plan: &RestorePlan, prefix: &str, overwrite: bool) -> Result<FitsTarget<K>, Failure> {
    let path = PathBuf::from(format!("{prefix}-{}.fits", K::NAME));
    if plan.contains(&path) {
        return Err(FitsError::IsInput { path }.into());
    }
    check_product(&path, overwrite)?;
    Ok(FitsTarget::create(&path, &plan.residual.0, overwrite)?)
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
