//! `eventmanager status`: how the daemon is, as a table or as JSON.

use super::client::ClientOptions;
use super::pause::by_whom;
use super::say;
use super::source::Source;
use super::text::{age, lasting, list, plain, tidy};
use super::tree;
use anyhow::ensure;
use clap::Args;
use serde_json::Value;
use std::process::ExitCode;

/// Options of `status`.
#[derive(Debug, Args)]
pub struct Options {
    /// With every actor of the supervision tree: its state, its restarts and how it last ended
    #[arg(long)]
    tree: bool,
    /// As the daemon's /api/v1/status says it; with --tree its /api/v1/tree as "tree"
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Prints the status; exit code 0 where the daemon answers, whatever it says, or the store was read instead.
pub fn status(options: &Options) -> anyhow::Result<ExitCode> {
    let source = Source::new(&options.daemon)?;
    let mut status = source.status()?;
    let is_down = status["up"] == false;
    ensure!(is_down || status["version"].is_string(), "what answers is no eventmanager: it says no version");
    let tree = if options.tree { source.tree()? } else { Value::Null };
    if options.json && options.tree {
        status["tree"] = tree;
        say(&format!("{status:#}\n"));
    } else if options.json {
        say(&format!("{status:#}\n"));
    } else if is_down {
        say(&down(&tidy(&status)));
    } else {
        say(&(table(&tidy(&status)) + &tree::text(&tree)));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the store alone tells, and the room that it has: where that is none it may be why the daemon is down.
fn down(status: &Value) -> String {
    let disks = list(&status["disks"]).iter().map(|disk| format!("disk         {}\n", room(disk)));
    let disks: String = disks.collect();
    format!(
        "node         {}, DOWN\n{disks}events       {}\n",
        plain(&status["node"]),
        events(&status["events"])
    )
}

fn table(status: &Value) -> String {
    let mut text = String::new();
    let mut line = |title: &str, rest: String| {
        text += format!("{title:<13}{rest}").trim_end();
        text.push('\n');
    };
    let up = lasting(status["uptime_seconds"].as_u64().unwrap_or_default());
    line("node", format!("{}, eventmanager {}, up {up}", plain(&status["node"]), plain(&status["version"])));
    line("store", store(&status["store"]));
    line("intake", plain(&status["intake"]));
    for disk in list(&status["disks"]) {
        line("disk", room(disk));
    }
    titled("connections", list(&status["connections"]), connection, &mut line);
    titled("systems", list(&status["systems"]), system, &mut line);
    if status["hosts"].is_array() {
        titled("hosts", list(&status["hosts"]), host, &mut line);
    }
    line("backlog", backlog(&status["backlog"]));
    line("events", events(&status["events"]));
    line("restarts", plain(&status["restarts"]));
    text
}

/// A line for each item, with the title in front of the first; `none` where there is none.
fn titled(title: &str, items: &[Value], describe: fn(&Value) -> String, line: &mut impl FnMut(&str, String)) {
    if items.is_empty() {
        line(title, "none".to_owned());
    }
    for (index, item) in items.iter().enumerate() {
        line(if index == 0 { title } else { "" }, describe(item));
    }
}

fn store(store: &Value) -> String {
    let database = |name: &str| match (&store[name]["up"], &store[name]["reason"]) {
        (Value::Bool(true), _) => format!("{name} up"),
        (_, reason) => format!("{name} DOWN ({})", plain(reason)),
    };
    format!("{}, {}", database("events"), database("subscribers"))
}

fn room(disk: &Value) -> String {
    let mebibytes = disk["free_bytes"].as_u64().unwrap_or_default() >> 20;
    let low = if disk["low"] == true { "LOW: " } else { "" };
    format!("{low}{mebibytes} MiB free at {}", plain(&disk["path"]))
}

fn connection(link: &Value) -> String {
    let state = if link["up"] == true { "up" } else { "DOWN" };
    let reason = link["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!(
        "{:<12} {state:<5} {} for {}{reason}",
        plain(&link["name"]),
        plain(&link["address"]),
        age(&link["since"])
    )
}

fn system(system: &Value) -> String {
    let state = match (system["state"].as_str(), system["configured"] == true) {
        (Some("paused"), _) => format!("PAUSED {}", by_whom(&system["paused"])),
        (_, false) => "not configured".to_owned(),
        (Some("running"), true) => "running".to_owned(),
        (_, true) => "not known yet whether it is paused: the store has not been read".to_owned(),
    };
    format!("{:<12} {state}", plain(&system["system"]))
}

fn host(host: &Value) -> String {
    let breaker = match host["breaker"].as_str() {
        Some("closed") => "asked".to_owned(),
        Some("half_open") => format!("probed, away for {}", age(&host["failing_since"])),
        Some("open") => format!("LEFT ALONE for {}", age(&host["failing_since"])),
        _ => "-".to_owned(),
    };
    let reason = host["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    let sessions = match host["sessions"].as_u64() {
        Some(sessions) => format!(", {sessions} sessions"),
        None => String::new(),
    };
    let (system, role) = (plain(&host["system"]), plain(&host["role"]));
    format!("{system:<12} {role:<9} {} {breaker}{sessions}{reason}", plain(&host["host"]))
}

fn backlog(backlog: &Value) -> String {
    if backlog.is_null() {
        return "-".to_owned();
    }
    let waiting = list(&backlog["waiting"]).iter();
    let waiting: String =
        waiting.map(|party| format!(", {} wait for {}", plain(&party[1]), plain(&party[0]))).collect();
    let more = if backlog["more_in_store"] == true { ", more in the store" } else { "" };
    format!(
        "{} unfinished, {} running{waiting}{more}",
        plain(&backlog["unfinished"]),
        plain(&backlog["running"])
    )
}

fn events(events: &Value) -> String {
    if events.is_null() {
        return "not known: the store does not answer".to_owned();
    }
    let counted =
        ["pending", "failed", "completed", "ignored"].map(|word| format!("{} {word}", plain(&events[word])));
    let oldest = events["oldest_pending_seconds"].as_u64();
    let oldest = oldest.map(|age| format!(", the oldest pending for {}", lasting(age))).unwrap_or_default();
    let left = match events["left_pending"].as_u64() {
        None | Some(0) => String::new(),
        Some(left) => format!(", {left} left pending by the Erlang release"),
    };
    format!("{}{oldest}{left}", counted.join(", "))
}
