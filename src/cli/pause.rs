//! `eventmanager pause` and `eventmanager resume`: has the daemon stop sending to a system, or go on.

use super::client::ClientOptions;
use super::{complain, say};
use crate::cli::text::{age, plain, tidy};
use crate::plan::System;
use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Options of `pause` and `resume`.
#[derive(Debug, Args)]
pub struct Options {
    /// hss, enum or mail [default: all three]
    #[arg(value_name = "SYSTEM", value_parser = system)]
    system: Option<System>,
    /// Why, for the audit table and for who looks at the status
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    daemon: ClientOptions,
}

fn system(word: &str) -> Result<System, String> {
    System::parse(word).ok_or_else(|| "it can be hss, enum or mail".to_owned())
}

/// Pauses or resumes, as `act` says (`pause`, `resume`); exit code 1 unless it was done for every system.
pub fn set(act: &str, options: &Options) -> anyhow::Result<ExitCode> {
    let client = options.daemon.client()?;
    let systems = options.system.map_or_else(|| System::ALL.to_vec(), |system| vec![system]);
    let mut code = ExitCode::SUCCESS;
    for (index, system) in systems.iter().enumerate() {
        let path = format!("/api/v1/systems/{system}/{act}");
        match client.post(&path, &json!({"reason": options.reason})) {
            Ok(done) if done["system"] != system.as_str() => {
                bail!("what answers is no eventmanager: it does not say what it did to {system}")
            }
            Ok(done) => say(&format!("{}\n", describe(&tidy(&done)))),
            // What is wrong with the first is most likely wrong with all.
            Err(error) if index == 0 => return Err(error),
            Err(error) => {
                complain(&format!("eventmanager: {system}: {error:#}\n"));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn describe(done: &Value) -> String {
    let (system, state) = (plain(&done["system"]), plain(&done["state"]));
    match (state.as_str(), done["changed"] == true) {
        ("paused", true) => format!("{system} is paused: events that need it are stored and wait"),
        ("paused", false) => format!("{system} was paused already, {}", by_whom(&done["paused"])),
        (_, true) => format!("{system} goes on"),
        (_, false) => format!("{system} was not paused"),
    }
}

/// `by anna 5 min ago: upgrade`, of a pause as the daemon shows it.
pub fn by_whom(pause: &Value) -> String {
    let reason = pause["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("by {} {} ago{reason}", plain(&pause["by"]), age(&pause["since"]))
}
