//! `deconv list`: the registries.

use super::failure::Failure;
use crate::algorithms::{ALGORITHMS, PARAMS};
use crate::diagnostics::PLOTS;

/// Prints algorithms with their parameters, and plots.
#[allow(clippy::unnecessary_wraps)] // the jobs share one signature
pub(super) fn list() -> Result<(), Failure> {
    println!("algorithms");
    for algorithm in ALGORITHMS {
        let flags: Vec<_> = PARAMS
            .iter()
            .filter(|param| algorithm.tables.contains(&param.table))
            .map(|param| format!("--{}", param.flag))
            .collect();
        println!("  {:<10} {}\n             {}", algorithm.name, algorithm.summary, flags.join(" "));
    }
    println!("plots");
    for plot in PLOTS {
        println!("  {:<12} {} ({})", plot.name, plot.about, plot.suffixes.join(", "));
    }
    Ok(())
}
