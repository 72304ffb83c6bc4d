//! The `deconv` program: everything it does is in the library's [`deconv::cli`].

use std::process::ExitCode;

use deconv::io::Heap;

#[global_allocator]
static HEAP: Heap = Heap;

fn main() -> ExitCode {
    deconv::cli::main()
}
