//! `subscribers reprovision`: shows what a row would send, asks, and has it sent.

use crate::cli::client::ClientOptions;
use crate::cli::text::{line, list, plain, tidy};
use crate::cli::{complain, say};
use anyhow::{bail, ensure};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

/// Options of `reprovision`.
#[derive(Debug, Args)]
pub struct Options {
    /// User id of the subscriber
    #[arg(value_name = "USER")]
    user: String,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Show the plan and send nothing
    #[arg(long)]
    plan: bool,
    /// Do not ask
    #[arg(long, conflicts_with = "plan")]
    yes: bool,
    /// Plan and event as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Exit code 1 where the daemon refuses, or the operator.
pub fn reprovision(options: &Options) -> anyhow::Result<ExitCode> {
    let client = options.daemon.client()?;
    let encoded = utf8_percent_encode(&options.user, NON_ALPHANUMERIC);
    let path = format!("/api/v1/subscribers/{}/reprovision", encoded);
    let planned = client.get(&path)?;
    let outcome = &tidy(&planned["plan"]["outcome"]);
    ensure!(outcome.is_object(), "what answers is no eventmanager: it shows no plan");
    if !options.json || !(options.yes || options.plan) {
        complain(&plan(&line(&options.user), outcome));
    }
    if !outcome["requests"].is_object() {
        bail!("nothing can be sent");
    }
    if options.plan {
        if options.json {
            say(&format!("{planned:#}\n"));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !options.yes && !is_confirmed()? {
        complain("nothing is sent\n");
        return Ok(ExitCode::FAILURE);
    }
    let wish = json!({"reason": options.reason, "digest": planned["digest"]});
    let done = client.post(&path, &wish)?;
    ensure!(done["id"].is_number(), "what answers is no eventmanager: it names no event");
    say(&match options.json {
        true => {
            format!("{:#}\n", json!({"plan": planned["plan"], "digest": planned["digest"], "id": done["id"]}))
        }
        false => format!("event {} does it\n", plain(&done["id"])),
    });
    Ok(ExitCode::SUCCESS)
}

fn plan(user: &str, outcome: &Value) -> String {
    if let Some(reason) = outcome["failed"].as_str().or(outcome["ignored"].as_str()) {
        return format!("{user}: {reason}\n");
    }
    let requests = list(&outcome["requests"]["requests"]);
    let mut text = format!("{user}: {} requests\n", requests.len());
    for (number, request) in requests.iter().enumerate() {
        text += &format!("  {}. {}: {}\n", number + 1, plain(&request["system"]), plain(&request["summary"]));
    }
    for warning in list(&outcome["requests"]["warnings"]) {
        text += &format!("  warning: {}\n", plain(warning));
    }
    text
}

/// Asks whoever sits at the terminal.
fn is_confirmed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody is there to say whether this is right: --yes says it");
    }
    complain("send this? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
