//! The `deconv` program: everything it does is in the library's [`deconv::cli`].

use std::process::ExitCode;

#[global_allocator]
static HEAP: deconv::cli::Heap = deconv::cli::Heap;

fn main() -> ExitCode {
    deconv::cli::main()
}
