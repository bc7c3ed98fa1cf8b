//! The `eventmanager` command: reads its arguments and prints, once, what went wrong.

use eventmanager::cli::{Cli, complain};
use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Over weeks of mixed load the heap of the C library keeps pages that hold little; this one gives them back.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match Cli::read().run() {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("eventmanager: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}
