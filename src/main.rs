//! The `eventmanager` command: reads its arguments and prints, once, what went wrong.

use eventmanager::cli::{Cli, complain};
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::read().run() {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("eventmanager: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}
