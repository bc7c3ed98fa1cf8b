//! `subscribers show`: a row, the latest events about it, and the steps of the very latest.

use crate::cli::client::ClientOptions;
use crate::cli::say;
use crate::cli::source::Source;
use crate::cli::text::{age, line, list, plain, tidy};
use anyhow::ensure;
use clap::Args;
use serde_json::Value;
use std::process::ExitCode;

/// So many of the latest events are shown with their steps.
const WITH_STEPS: usize = 5;

/// Options of `show`.
#[derive(Debug, Args)]
pub struct Options {
    /// User id of the subscriber
    #[arg(value_name = "USER")]
    user: String,
    /// As the daemon's /api/v1/subscribers/USER says it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Prints it.
pub fn show(options: &Options) -> anyhow::Result<ExitCode> {
    let source = Source::new(&options.daemon)?;
    let shown = source.subscriber(&options.user)?;
    ensure!(shown["events"].is_array(), "what answers is no eventmanager: it names no events");
    if options.json {
        say(&format!("{shown:#}\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let shown = tidy(&shown);
    say(&row(&line(&options.user), &shown["subscriber"]));
    let events = list(&shown["events"]);
    say(&format!("\n{}\n", if events.is_empty() { "no events" } else { "events, the latest first" }));
    for (number, event) in events.iter().enumerate() {
        say(&event_line(event));
        if number < WITH_STEPS {
            say(&steps(&source, event));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(user: &str, row: &Value) -> String {
    if row.is_null() {
        return format!("{user} has no row: it is no subscriber, or not any more\n");
    }
    const LINES: [(&str, &str); 9] = [
        ("user", "user"),
        ("type", "type"),
        ("public identity", "public_identity"),
        ("phone", "phone"),
        ("phone context", "phone_context"),
        ("group", "group"),
        ("association", "association"),
        ("mail account", "mail_user"),
        ("phone list", "blf_user"),
    ];
    let mut text: String =
        LINES.iter().map(|(title, key)| format!("{title:<16} {}\n", plain(&row[*key]))).collect();
    for (title, key) in [("created", "created"), ("changed", "updated")] {
        if row[key].is_number() {
            text += &format!("{title:<16} {} ago\n", age(&row[key]));
        }
    }
    if let Some(problem) = row["problem"].as_str() {
        text += &format!("{:<16} this row cannot be read, so its events fail: {problem}\n", "PROBLEM");
    }
    text
}

fn event_line(event: &Value) -> String {
    let reason =
        event["reason"].as_str().map(|_| format!(": {}", plain(&event["reason"]))).unwrap_or_default();
    let mut text = format!(
        "{:>8}  {:<9}  {} by {}, {} ago{reason}\n",
        plain(&event["id"]),
        plain(&event["status"]),
        plain(&event["command"]),
        plain(&event["user"]),
        age(&event["received"]),
    );
    for warning in list(&event["warnings"]) {
        text += &format!("          warning: {}\n", plain(warning));
    }
    text
}

/// The steps of an event; of one that is gone meanwhile, none.
fn steps(source: &Source, event: &Value) -> String {
    let Some(Ok(detail)) = event["id"].as_i64().map(|id| source.event(id)) else {
        return String::new();
    };
    let detail = tidy(&detail);
    let line = |step: &Value| {
        let answer =
            step["answer"].as_str().map(|_| format!(": {}", plain(&step["answer"]))).unwrap_or_default();
        let state = step["state"].as_str().unwrap_or("not sent");
        format!(
            "          {:>2}. {:<9} {} {}{answer}\n",
            plain(&step["position"]),
            state,
            plain(&step["system"]),
            plain(&step["request"])
        )
    };
    list(&detail["steps"]).iter().map(line).collect()
}
