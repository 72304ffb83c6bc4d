//! `deconv list`: the registries.

use std::fmt::Write;

use super::failure::Failure;
use crate::algorithms::{ALGORITHMS, PARAMS};
use crate::diagnostics::PLOTS;

const TAKES: &str = "a String takes every text";

/// Prints algorithms with their parameters, and plots.
pub(super) fn list() -> Result<(), Failure> {
    let mut text = String::from("algorithms\n");
    for algorithm in ALGORITHMS {
        let flags: Vec<_> =
            PARAMS.iter().filter(|param| algorithm.reads(param)).map(|param| format!("--{}", param.flag)).collect();
        writeln!(text, "  {:<10} {}\n             {}", algorithm.name, algorithm.summary, flags.join(" "))
            .expect(TAKES);
    }
    text += "plots\n";
    for plot in PLOTS {
        writeln!(text, "  {:<12} {} ({})", plot.name, plot.about, plot.suffixes.join(", ")).expect(TAKES);
    }
    super::say(&text)
}
