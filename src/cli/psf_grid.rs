//! PSFs of several directions, for every job that sees a model through them.

use clap::Args;
use clap::Command;
use clap::error::ErrorKind;

use crate::pipeline::RunConfig;

// The about text stands on the command: a doc comment here would replace it.
#[derive(Debug, Args)]
pub(super) struct GridArgs {
    /// PSFs of several directions in the place of --psf: files with commas between them, a pattern, a folder (their headers
    /// tell the directions), or a table.csv with psf,x,y (pixels from 0) or psf,ra,dec (deg)
    #[arg(long, value_name = "FITS,...|TABLE", conflicts_with = "psf", help_heading = "Input and output")]
    pub psf_grid: Option<String>,
    /// Between these directions: nearest, bilinear (on a regular grid) or inverse-distance [default: auto, bilinear or else
    /// inverse-distance]
    #[arg(
        long,
        value_name = "HOW",
        value_parser = ["auto", "nearest", "bilinear", "inverse-distance"],
        help_heading = "Input and output"
    )]
    pub psf_weighting: Option<String>,
}

impl GridArgs {
    /// Refuses a weighting where there is nothing to weigh.
    ///
    /// # Errors
    /// Names the flag.
    pub(super) fn check(&self, command: &mut Command, config: &RunConfig) -> Result<(), clap::Error> {
        if self.psf_weighting.is_none() || !config.input.psf_grid.is_empty() {
            return Ok(());
        }
        let message = "--psf-weighting has no effect without --psf-grid";
        Err(command.error(ErrorKind::ArgumentConflict, message))
    }
}
