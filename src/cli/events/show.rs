//! `eventmanager events show`: everything that is known of one event.

use crate::cli::client::ClientOptions;
use crate::cli::say;
use crate::cli::source::Source;
use crate::cli::table::{Cell, Table, coloured};
use crate::cli::text::{age, list, moment, plain, tidy};
use anyhow::{Context, ensure};
use clap::Args;
use serde_json::Value;
use std::process::ExitCode;

/// Options of `events show`.
#[derive(Debug, Args)]
pub struct Options {
    /// Number of the event
    #[arg(value_name = "ID")]
    id: i64,
    /// The document alone, its secrets as ***
    #[arg(long, conflicts_with = "json")]
    document: bool,
    /// As the API says it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Prints the event.
pub fn show(options: &Options) -> anyhow::Result<ExitCode> {
    let event = Source::new(&options.daemon)?.event(options.id)?;
    ensure!(event["id"] == options.id, "what answers is no eventmanager: it shows another event");
    say(&match (options.document, options.json) {
        (true, _) => document(&event)?,
        (_, true) => format!("{event:#}\n"),
        _ => text(&tidy(&event)),
    });
    Ok(ExitCode::SUCCESS)
}

fn document(event: &Value) -> anyhow::Result<String> {
    let document =
        event["document"].as_str().context("the daemon shows no document: it is of another version")?;
    // Lines and tabs stay, but nothing that a terminal would obey.
    let safe =
        |letter: char| if letter.is_control() && !matches!(letter, '\n' | '\t') { ' ' } else { letter };
    let document: String = document.replace("\r\n", "\n").chars().map(safe).collect();
    Ok(format!("{}\n", document.trim_end()))
}

fn text(event: &Value) -> String {
    let mut text = format!("event {}: {}\n", event["id"], plain(&event["command"]));
    let mut line = |title: &str, rest: String| {
        if !rest.is_empty() && rest != "-" {
            text += &format!("  {title:<13}{rest}\n");
        }
    };
    line("status", coloured(&plain(&event["status"])));
    line("reason", plain(&event["reason"]));
    line("received", format!("{} UTC, {} ago", moment(&event["received"]), age(&event["received"])));
    line("from", from(event));
    line("given by", plain(&event["user"]));
    line("about", plain(&event["subscriber"]));
    line("attempt", plain(&event["attempt"]));
    line("uuid", plain(&event["uuid"]));
    for warning in list(&event["warnings"]) {
        line("warning", plain(warning));
    }
    for act in ["retry", "resolve"] {
        if let Some(reason) = event["acts"][act].as_str() {
            line(&format!("no {act}"), reason.to_owned());
        }
    }
    for member in list(&event["members"]) {
        let failed = if member["failed"] == true { ", failed" } else { "" };
        line(
            "member",
            format!(
                "{}: {} of {} steps done{failed}",
                plain(&member["user"]),
                member["done"],
                member["steps"]
            ),
        );
    }
    text += &steps(list(&event["steps"]));
    text + &earlier(list(&event["earlier"]))
}

fn from(event: &Value) -> String {
    match (event["source"].as_str(), event["notification_id"].as_str()) {
        (Some(source), Some(id)) => format!("{source}, notification {id}"),
        (Some(source), None) => source.to_owned(),
        (None, _) => "the Erlang release".to_owned(),
    }
}

fn steps(steps: &[Value]) -> String {
    walked(&["STEP", "SYSTEM", "STATE", "AT (UTC)", "REQUEST"], "position", steps)
}

fn earlier(steps: &[Value]) -> String {
    let text = walked(&["ATTEMPT", "SYSTEM", "STATE", "AT (UTC)", "REQUEST"], "attempt", steps);
    if text.is_empty() { text } else { format!("earlier attempts\n{text}") }
}

/// A line for each step, which begins with the number `key`; what was answered is on a line of its own, and nothing is cut.
fn walked(titles: &'static [&'static str], key: &str, steps: &[Value]) -> String {
    let row = |step: &Value| {
        let state = step["state"].as_str().map_or("not sent".to_owned(), str::to_owned);
        vec![
            Cell::from(plain(&step[key])),
            plain(&step["system"]).into(),
            Cell::status(state),
            moment(&step["at"]).into(),
            plain(&step["request"]).into(),
        ]
    };
    let rows: Vec<_> = steps.iter().map(row).collect();
    let table = Table::whole(titles).part(&rows);
    let answers = steps.iter().map(|step| step["answer"].as_str().map(|_| plain(&step["answer"])));
    let mut text = String::new();
    // The titles have no answer.
    for (line, answer) in table.lines().zip(std::iter::once(None).chain(answers)) {
        text += &format!("{line}\n");
        if let Some(answer) = answer {
            text += &format!("      {answer}\n");
        }
    }
    text
}
