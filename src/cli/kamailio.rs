//! `eventmanager kamailio send`: has the daemon send a command to the script of a Kamailio.

use super::client::ClientOptions;
use super::say;
use super::text::plain;
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::process::ExitCode;

/// What can be done with Kamailios.
#[derive(Debug, Subcommand)]
pub enum Kamailio {
    /// Send a command to the script of a Kamailio; exit code 1 unless it was written
    Send(Send),
}

/// Options of `kamailio send`.
#[derive(Debug, Args)]
pub struct Send {
    /// Name of the [[kamailio]] of the configuration
    #[arg(value_name = "NAME")]
    name: String,
    /// The command, as the script understands it: a JSON object of at most 8000 bytes
    #[arg(value_name = "JSON", allow_hyphen_values = true)]
    command: String,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

impl Kamailio {
    /// Does it.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Kamailio::Send(options) => send(options),
        }
    }
}

fn send(options: &Send) -> anyhow::Result<ExitCode> {
    let command: Value = serde_json::from_str(&options.command).context("the command is no JSON")?;
    ensure!(command.is_object(), "the command is JSON, but no object");
    // As it is written, so that the daemon sees a member that stands in it twice.
    let body =
        format!(r#"{{"command":{},"reason":{}}}"#, options.command, Value::from(options.reason.clone()));
    let path = format!("/api/v1/kamailio/{}/send", utf8_percent_encode(&options.name, NON_ALPHANUMERIC));
    let done = options.daemon.client()?.post_text(&path, body)?;
    ensure!(
        done["connection"] == options.name.as_str() && done["bytes"].is_u64(),
        "what answers is no eventmanager: it does not say what it did"
    );
    say(&match options.json {
        true => format!("{done:#}\n"),
        false => format!("written to {}: {} bytes\n", plain(&done["connection"]), plain(&done["bytes"])),
    });
    Ok(ExitCode::SUCCESS)
}
