//! Acts on all events that a filter finds: shown first, then asked, then done, through `/api/v1/bulk`.

use super::acts::{Act, Which, unasked};
use super::rows::EventTable;
use crate::cli::client::Client;
use crate::cli::progress::Progress;
use crate::cli::text::{list, plain};
use crate::cli::{NOT_FOUND, REFUSED, complain, foreseen::counted, say, terminal};
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often the daemon is asked how far it is.
const PERIOD: Duration = Duration::from_millis(200);

/// Shows what the filter finds, asks unless `--yes` was said, does it, and tells what came of it.
pub fn run(act: &Act, which: &Which) -> anyhow::Result<ExitCode> {
    let mut filter = which.filter.clone();
    if filter.status.is_empty() {
        filter.status.push("failed".to_owned());
    }
    let mut body = act.body.clone();
    body.insert("act".into(), act.word.into());
    body.insert("filter".into(), filter.json().into());
    let set = act.client.post("/api/v1/bulk", &Value::Object(body))?;
    let bulk = Bulk::of(act.client, &set)?;
    let set = bulk.gathered(set)?;
    let count = set["count"].as_u64().unwrap_or_default();
    if count == 0 {
        complain("no such events\n");
        return Ok(ExitCode::from(NOT_FOUND));
    }
    preview(act.word, &set);
    if !which.yes {
        if !terminal::can_ask() {
            bulk.cancel()?;
            complain("nothing was done: --yes is needed where nobody can be asked\n");
            return Ok(unasked());
        }
        if !terminal::confirm(&format!("{} {}?", act.word, counted(count as usize, "event"))) {
            bulk.cancel()?;
            complain("nothing was done\n");
            return Ok(ExitCode::FAILURE);
        }
    }
    let end = bulk.run(count)?;
    if which.json {
        say(&format!("{end:#}\n"));
    } else {
        say(&summary(act.word, &end));
    }
    Ok(code(&end))
}

/// What would be done, on standard error.
fn preview(word: &str, set: &Value) {
    let count = set["count"].as_u64().unwrap_or_default() as usize;
    let cut = if set["truncated"] == true { ", the first of more: a set has no more" } else { "" };
    complain(&format!("{word}: {}{cut}\n", counted(count, "event")));
    let samples = list(&set["samples"]);
    complain(&EventTable::new().part(samples));
    if count > samples.len() {
        complain(&format!("and {} more\n", count - samples.len()));
    }
}

fn summary(word: &str, end: &Value) -> String {
    let number = |key: &str| end[key].as_u64().unwrap_or_default();
    let (count, done, refused) = (number("count"), number("done"), number("refused"));
    let past = if word == "retry" { "retried" } else { "resolved" };
    let mut text = format!("{done} of {} {past}", counted(count as usize, "event"));
    if refused > 0 {
        text += &format!(", {refused} left alone");
    }
    if end["state"] != "done" {
        text += &format!("; the rest not: {}", plain(&end["state"]));
    }
    text.push('\n');
    let told = list(&end["refusals"]);
    for refusal in told {
        text += &format!("  event {}: {}\n", plain(&refusal["id"]), plain(&refusal["reason"]));
    }
    if refused > told.len() as u64 && !told.is_empty() {
        text += &format!("  and {} more\n", refused - told.len() as u64);
    }
    text
}

fn code(end: &Value) -> ExitCode {
    match (end["state"] == "done", end["refused"].as_u64()) {
        (false, _) => ExitCode::FAILURE,
        (true, None | Some(0)) => ExitCode::SUCCESS,
        (true, _) => ExitCode::from(REFUSED),
    }
}

/// A frozen set of events that the daemon holds for us. One that is not run expires by itself.
struct Bulk<'a> {
    client: &'a Client,
    path: String,
}

impl Bulk<'_> {
    fn of<'a>(client: &'a Client, set: &Value) -> anyhow::Result<Bulk<'a>> {
        let id = set["bulk"].as_str().and_then(|id| uuid::Uuid::try_parse(id).ok());
        let id = id.context("what answers is no eventmanager: it names no set of events")?;
        Ok(Bulk { client, path: format!("/api/v1/bulk/{id}") })
    }

    /// The set when it is complete.
    fn gathered(&self, mut set: Value) -> anyhow::Result<Value> {
        let progress = Progress::endless("events found");
        while set["state"] == "gathering" {
            progress.at(set["count"].as_u64().unwrap_or_default());
            self.client.wait(async { tokio::time::sleep(PERIOD).await });
            set = self.client.get(&self.path)?;
        }
        match set["state"].as_str() {
            Some("prepared") => Ok(set),
            _ => bail!(
                "the events could not be gathered: {}",
                plain(set.get("failure").unwrap_or(&set["state"]))
            ),
        }
    }

    /// Has it done; how it ended. Whoever interrupts cancels the rest.
    fn run(&self, count: u64) -> anyhow::Result<Value> {
        let progress = Progress::of(count, "events");
        let mut interrupt = self.client.wait(async { signal(SignalKind::interrupt()) })?;
        let mut set = self.client.post(&format!("{}/run", self.path), &json!({}))?;
        loop {
            let number = |key: &str| set[key].as_u64().unwrap_or_default();
            progress.at(number("done") + number("refused"));
            if set["state"] != "running" {
                return Ok(set);
            }
            let interrupted = async { tokio::time::timeout(PERIOD, interrupt.recv()).await.is_ok() };
            if self.client.wait(interrupted) {
                self.cancel()?;
            }
            set = self.client.get(&self.path)?;
        }
    }

    fn cancel(&self) -> anyhow::Result<Value> {
        self.client.post(&format!("{}/cancel", self.path), &json!({}))
    }
}
