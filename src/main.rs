//! The `deconv` program: everything it does is in the library's [`deconv::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    deconv::cli::main()
}
