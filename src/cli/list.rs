//! `deconv list`: the registries.

use super::failure::Failure;
use crate::algorithms::{ALGORITHMS, PARAMS};
use crate::diagnostics::PLOTS;

/// Prints algorithms with their parameters, and plots.
pub(super) fn list() -> Result<(), Failure> {
    let mut text = String::from("algorithms\n");
    for algorithm in ALGORITHMS {
        let flags: Vec<_> = PARAMS
            .iter()
            .filter(|param| algorithm.tables.contains(&param.table))
            .map(|param| format!("--{}", param.flag))
            .collect();
        text += &format!("  {:<10} {}\n             {}\n", algorithm.name, algorithm.summary, flags.join(" "));
    }
    text += "plots\n";
    for plot in PLOTS {
        text += &format!("  {:<12} {} ({})\n", plot.name, plot.about, plot.suffixes.join(", "));
    }
    super::say(&text)
}
