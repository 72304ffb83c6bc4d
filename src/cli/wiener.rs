//! Flags of Wiener-Hunt that only others make useful.

use clap::error::ErrorKind;
use clap::{ArgMatches, Command};

use super::args::is_given;
use crate::algorithms::PARAMS;
use crate::algorithms::wiener::{HyperChoice, RegChoice, Uncertainty};
use crate::pipeline::RunConfig;

/// Refuses what tells more of chains or samples where there are none.
///
/// # Errors
/// Names the flag, and what it needs.
pub(super) fn check(command: &mut Command, matches: &ArgMatches, config: &RunConfig) -> Result<(), clap::Error> {
    let params = &config.wiener;
    let (has_chains, has_map) = (params.hyper == HyperChoice::Gibbs, params.uncertainty == Uncertainty::Map);
    let is_matern = params.reg == RegChoice::Matern;
    let needs = [
        ("matern-nu", is_matern, "without --reg matern"),
        ("matern-length", is_matern, "without --reg matern"),
        ("gibbs-iterations", has_chains, "without --hyper gibbs"),
        ("uncertainty-samples", has_map, "without --uncertainty map"),
        (
            "uncertainty-samples",
            !params.is_circular(),
            "with --boundary circular, whose posterior is the same at every pixel",
        ),
        (
            "seed",
            has_chains || (has_map && !params.is_circular()),
            "without --hyper gibbs or samples (--uncertainty map)",
        ),
    ];
    let is_typed = |flag: &str| PARAMS.iter().any(|param| param.flag == flag && is_given(matches, param));
    match needs.iter().find(|(flag, is_used, _)| !is_used && is_typed(flag)) {
        Some((flag, _, why)) => {
            Err(command.error(ErrorKind::ArgumentConflict, format!("--{flag} has no effect {why}")))
        }
        None => Ok(()),
    }
}
