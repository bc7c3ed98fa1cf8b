//! The `eventmanager` command: reads its arguments and prints, once, what went wrong.

use eventmanager::cli::{Cli, complain};
use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Over weeks of mixed load the heap of the C library keeps pages that hold little; this one gives them back.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay`: how long the pages of what is freed are kept, in milliseconds. By itself that is a second, in which the
/// largest bodies that come one after the other would be held together.
const PURGE_DELAY: (mi_option_t, i64) = (15, 10);

fn main() -> ExitCode {
    let (option, milliseconds) = PURGE_DELAY;
    // SAFETY: there is no other thread yet.
    unsafe { mi_option_set_default(option, milliseconds) };
    match Cli::read().run() {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("eventmanager: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}
