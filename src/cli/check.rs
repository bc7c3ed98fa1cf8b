//! `eventmanager check`: what is wrong with a configuration, all of it.

use super::{complain, say};
use crate::config;
use std::path::Path;
use std::process::ExitCode;

/// Prints every problem with its line; exit code 1 if there is one.
pub fn check(path: &Path) -> anyhow::Result<ExitCode> {
    match config::load(path) {
        Ok(loaded) => {
            for warning in &loaded.warnings.list {
                complain(&format!("warning: {warning}\n"));
            }
            say(&format!("{}: ok\n", path.display()));
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            complain(&format!("{problems}\n"));
            Ok(ExitCode::FAILURE)
        }
    }
}
