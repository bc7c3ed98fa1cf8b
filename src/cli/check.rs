//! `eventmanager check`: what is wrong with a configuration, all of it.

use super::{complain, say};
use crate::config::{self, Config, Loaded, STATE_DIRECTORY};
use crate::store;
use std::path::Path;
use std::process::ExitCode;

/// Prints every problem with its line; exit code 1 if there is one.
pub fn check(path: &Path) -> anyhow::Result<ExitCode> {
    match config::load(path) {
        Ok(loaded) => {
            let Loaded { config, warnings } = loaded;
            for warning in warnings.list {
                complain(&format!("{}:{}\n", warnings.file, warning.into_warning()));
            }
            for remark in remarks(&config) {
                complain(&format!("warning: {remark}\n"));
            }
            for directory in store::missing_directories(&config.store) {
                complain(&format!("{}\n", on_missing(&directory)));
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

/// What is to be said of a directory that the store needs. That of the service is there once systemd has started it.
fn on_missing(directory: &Path) -> String {
    if directory == Path::new(STATE_DIRECTORY) {
        return format!(
            "note: directory {STATE_DIRECTORY} does not exist yet: the service makes it when it is started; for \
             \"eventmanager run\" by hand make it first"
        );
    }
    format!("warning: {}", missing(directory))
}

/// A directory without which nothing works.
pub fn missing(directory: &Path) -> String {
    format!("directory {} does not exist (node.data_dir or [store]): nothing is stored", directory.display())
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
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_of_the_service_is_no_reason_to_warn() {
        assert!(on_missing(Path::new(STATE_DIRECTORY)).starts_with("note: "));
        let other = on_missing(Path::new("/srv/em"));
        assert_eq!(
            other,
            "warning: directory /srv/em does not exist (node.data_dir or [store]): nothing is stored"
        );
    }
}
