//! `eventmanager check`: what is wrong with a configuration, all of it.

use super::{complain, say};
use crate::config::{self, Config};
use crate::store;
use std::path::Path;
use std::process::ExitCode;

/// Prints every problem with its line; exit code 1 if there is one.
pub fn check(path: &Path) -> anyhow::Result<ExitCode> {
    match config::load(path) {
        Ok(loaded) => {
            for warning in &loaded.warnings.list {
                complain(&format!("warning: {warning}\n"));
            }
            for remark in remarks(&loaded.config) {
                complain(&format!("warning: {remark}\n"));
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

/// What a configuration without an error leaves undone, which may not be meant; `run` logs the same.
pub fn remarks(config: &Config) -> Vec<String> {
    let mut remarks = Vec::new();
    if config.broadworks.is_empty() {
        remarks.push("no [[broadworks]]: nothing is received".to_owned());
    }
    if config.ema.is_none() {
        remarks.push("no [ema]: events are stored as ignored, and are not run once there is one".to_owned());
    }
    let missing = store::missing_directories(&config.store).into_iter();
    remarks.extend(missing.map(|directory| {
        format!(
            "directory {} does not exist (node.data_dir or [store]): nothing is stored",
            directory.display()
        )
    }));
    remarks
}
