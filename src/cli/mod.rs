//! The command line.

use std::process::ExitCode;

pub mod simulate;

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
