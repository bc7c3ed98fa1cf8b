//! `eventmanager events plan`: what a stored event would send if it were run now.

use crate::cli::client::ClientOptions;
use crate::cli::source::Source;
use crate::cli::{foreseen, say};
use anyhow::ensure;
use clap::Args;
use std::process::ExitCode;

/// Options of `events plan`.
#[derive(Debug, Args)]
pub struct Options {
    /// Number of the event
    #[arg(value_name = "ID")]
    id: i64,
    /// As the API says it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Prints the plan; exit code 1 where the event would fail.
pub fn plan(options: &Options) -> anyhow::Result<ExitCode> {
    let plan = Source::new(&options.daemon)?.plan(options.id)?;
    let outcome = &plan["outcome"];
    ensure!(!outcome.is_null(), "what answers is no eventmanager: it shows no plan");
    say(&match options.json {
        true => format!("{plan:#}\n"),
        false => foreseen::text(&format!("event {}", options.id), &plan),
    });
    let unplanned = outcome["requests"]["unplanned"].as_array();
    let fails = outcome["failed"].is_string() || unplanned.is_some_and(|members| !members.is_empty());
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
