//! The clean beam as flags.

use clap::{ArgMatches, Args};

use super::args::checked;
use super::failure::Failure;
use crate::pipeline::config::{BeamChoice, ResidualBeam, ResidualScale, RestoreConfig};

// The about text stands on the command: a doc comment here would replace it.
#[derive(Debug, Args)]
pub(super) struct BeamArgs {
    /// Clean beam: fit, circular, a width (8asec), or widths and position angle (8asec,6asec,30deg)
    #[arg(long, value_name = "BEAM", value_parser = beam, group = "clean-beam", help_heading = "Input and output")]
    pub beam_shape: Option<String>,
    /// Round clean beam of this full width at half maximum, in arcsec unless a unit says otherwise
    #[arg(long, value_name = "WIDTH", value_parser = size, group = "clean-beam", help_heading = "Input and output")]
    pub beam_size: Option<String>,
    /// Fit the clean beam, then make it round with the major axis of the fit
    #[arg(long, group = "clean-beam", help_heading = "Input and output")]
    pub circular_beam: bool,
    /// What multiplies the residual in the restored image: none, or jvm, the area of the clean beam over that of the PSF's main lobe [default: none]
    #[arg(long, value_name = "WHAT", value_parser = ["none", "jvm"], help_heading = "Input and output")]
    pub residual_scale: Option<String>,
    /// Beam of the residual in the restored image: keep that of the PSF, or convolve to a wider clean beam [default: keep]
    #[arg(long, value_name = "WHAT", value_parser = ["keep", "convolve"], help_heading = "Input and output")]
    pub residual_beam: Option<String>,
}

pub(super) fn beam(text: &str) -> Result<String, String> {
    let expected = "fit, circular, a width (8asec), or major and minor width and position angle (8asec,6asec,30deg)";
    checked::<BeamChoice>(text, expected)
}

/// A width with its unit.
fn size(text: &str) -> Result<String, String> {
    let with_unit = if text.trim().parse::<f64>().is_ok() { format!("{}asec", text.trim()) } else { text.to_owned() };
    match with_unit.parse::<BeamChoice>() {
        Ok(BeamChoice::Given(_)) if !text.contains(',') => Ok(with_unit),
        _ => Err("expected a width in arcsec (8), or with its unit (8asec)".to_owned()),
    }
}

/// The beam that was asked for, if any was, as the configuration has it.
pub(super) fn asked(matches: &ArgMatches) -> Option<String> {
    let text = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    let is_round = matches.try_get_one::<bool>("circular_beam").ok().flatten().copied().unwrap_or(false);
    text("beam_shape").or_else(|| text("beam_size")).or_else(|| is_round.then(|| "circular".to_owned()))
}

/// Refuses what has no effect, or two effects, on the residual.
pub(super) fn check(restore: &RestoreConfig) -> Result<(), Failure> {
    let RestoreConfig { beam, residual_scale, residual_beam } = restore;
    let is_convolved = *residual_beam == ResidualBeam::Convolve;
    if is_convolved && *residual_scale == ResidualScale::Jvm {
        let hint = "a residual that is convolved to the clean beam is in its units already: leave one of the two out";
        return Err(Failure::useless("--residual-scale jvm", hint));
    }
    if is_convolved && *beam == BeamChoice::Fit {
        let hint = "the fitted beam is that of the residual: give a wider one with --beam-shape";
        return Err(Failure::useless("--residual-beam convolve", hint));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_arcsec_unless_they_tell() {
        assert_eq!(size("8"), Ok("8asec".to_owned()));
        assert_eq!(size("20uasec"), Ok("20uasec".to_owned()));
        for wrong in ["fit", "circular", "8asec,6asec,0deg", "-1", "0", "wide"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
