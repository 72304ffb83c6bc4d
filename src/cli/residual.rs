//! `deconv residual`: what a model leaves of a dirty image.

use std::path::PathBuf;

use clap::{ArgMatches, Args};

use super::args;
use super::beam::beam;
use super::failure::Failure;
use super::given::{Told, WorkArgs, check_product};
use super::interrupt;
use super::psf_grid::GridArgs;
use super::run::prefix;
use super::scheduler::scheduler;
use crate::graph::Callback;
use crate::io::{FitsError, FitsTarget, manage_heap};
use crate::pipeline::{Plan, ResidualOutcome, Tools, residual as compute};
use crate::units::{Kind as _, Residual};

// The about text stands on the command.
#[derive(Debug, Args)]
#[allow(clippy::doc_markdown)] // the text of --help, where backticks would be seen
pub(super) struct ResidualArgs {
    /// Dirty image or cube, as d.fits, d.fits[SCI] or d.fits[SCI][1:512,1:512]
    #[arg(long, value_name = "FITS", required = true, help_heading = "Input and output")]
    dirty: String,
    /// PSF: one plane for all, or one per plane of the dirty cube
    #[arg(
        long,
        value_name = "FITS",
        default_value = "",
        hide_default_value = true,
        required_unless_present_any = ["psf_grid", "config"],
        help_heading = "Input and output"
    )]
    psf: String,
    #[command(flatten)]
    grid: GridArgs,
    /// Model [Jy/pixel] on the grid of the dirty image, one plane for each of its planes; or a list of components (.txt of WSClean, .csv)
    #[arg(long, value_name = "FITS", required = true, help_heading = "Input and output")]
    model: String,
    /// The product is PREFIX-residual.fits [default: outputs/ and the dirty image's name]
    #[arg(short, long, value_name = "PREFIX", help_heading = "Input and output")]
    output: Option<String>,
    /// What the PSF's peak divides: dirty image and PSF (pair), or the PSF alone (psf-only)
    #[arg(long, value_name = "WHAT", value_parser = ["pair", "psf-only"], help_heading = "Input and output")]
    psf_scale: Option<String>,
    /// Beam told in the header: fit, circular, a width (8asec), or widths and position angle (8asec,6asec,30deg)
    #[arg(long, value_name = "BEAM", value_parser = beam, help_heading = "Input and output")]
    beam_shape: Option<String>,
    #[command(flatten)]
    work: WorkArgs,
}

/// Computes the residual of a model.
pub(super) fn residual(args: &ResidualArgs, matches: &ArgMatches, command: &str) -> Result<(), Failure> {
    let mut flags = args::flags(matches);
    flags.insert("algorithm".to_owned(), "clean".into());
    let clean = flags.entry("clean").or_insert_with(|| toml::Table::new().into());
    if let Some(clean) = clean.as_table_mut() {
        clean.insert("continue".to_owned(), args.model.clone().into());
        clean.insert("mask".to_owned(), "".into());
    }
    let config = args.work.load_with(flags)?;
    args.grid.check(&mut crate::cli::command(), &config).unwrap_or_else(|error| error.exit());
    let plan = Plan::new(config, &args.dirty, &args.psf)?;
    let prefix = prefix(args.output.as_deref(), &args.dirty)?;
    let path = PathBuf::from(format!("{prefix}-{}.fits", Residual::NAME));
    if plan.inputs.contains(&path) {
        return Err(FitsError::IsInput { path }.into());
    }
    check_product(&path, args.work.overwrite)?;
    manage_heap(plan.is_tight());
    let product = FitsTarget::create(&path, &plan.inputs.dirty.0, args.work.overwrite)?;
    let progress = args.work.progress();
    plan.warnings.iter().for_each(|warning| progress.note(&format!("warning: {warning}")));
    let tasks = scheduler(&plan, &prefix, None)?;
    let callbacks: [&dyn Callback; 1] = [&progress];
    let told = Told(&progress);
    let cancel = interrupt::cancel_on_signals();
    let tools = Tools { scheduler: &*tasks, callbacks: &callbacks, cancel, watch: &told };
    for plane in compute(&plan, product, command, &tools)? {
        progress.note(&line(&plane));
    }
    progress.note(&format!("wrote {}", path.display()));
    Ok(())
}

/// What is told of a plane.
fn line(plane: &ResidualOutcome) -> String {
    let ResidualOutcome { label, flux_jy, rms, sigma, peak, is_blank } = plane;
    if *is_blank {
        return format!("{label}: blank");
    }
    format!("{label}: model {flux_jy:.4} Jy, residual rms {rms:.3e}, noise {sigma:.3e}, peak {peak:.3e} Jy/beam")
}
