//! `eventmanager subscribers`: whom the daemon knows, what has become of their events, and sending a row once more.

use super::client::{Client, ClientOptions};
use super::text::{age, plain};
use super::{complain, say};
use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

/// Subscribers of a page that is asked for, at most.
const PAGE: usize = 500;
/// So many of the latest events are shown with their steps.
const WITH_STEPS: usize = 5;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Subscribers {
    /// List subscribers by the beginning of their id, by phone, public identity or group
    List(List),
    /// Show a subscriber: its row, its latest events and their steps
    Show(Show),
    /// Send what the row of a subscriber says to HSS, ENUM and mail once more, after they have lost something: shows the
    /// plan and asks first
    Reprovision(Reprovision),
}

/// Options of `list`.
#[derive(Debug, Args)]
pub struct List {
    /// How the user id begins, or a whole phone number or public identity [default: everybody]
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// Members of this BroadWorks group alone
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// So many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// As the daemon's /api/v1/subscribers says it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Options of `show`.
#[derive(Debug, Args)]
pub struct Show {
    /// User id of the subscriber
    #[arg(value_name = "USER")]
    user: String,
    /// As the daemon's /api/v1/subscribers/USER says it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Options of `reprovision`.
#[derive(Debug, Args)]
pub struct Reprovision {
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

/// Does what the arguments say; exit code 1 where the daemon refuses, or the operator.
pub fn run(command: &Subscribers) -> anyhow::Result<ExitCode> {
    match command {
        Subscribers::List(options) => list(options),
        Subscribers::Show(options) => show(options),
        Subscribers::Reprovision(options) => reprovision(options),
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn list(options: &List) -> anyhow::Result<ExitCode> {
    let client = options.daemon.client()?;
    let (mut rows, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let limit = (options.limit - rows.len().min(options.limit)).clamp(1, PAGE);
        let mut path = format!("/api/v1/subscribers?limit={limit}");
        for (key, value) in [
            ("text", options.text.as_deref()),
            ("group", options.group.as_deref()),
            ("cursor", cursor.as_str()),
        ] {
            path += &value.map(|value| format!("&{key}={}", encoded(value))).unwrap_or_default();
        }
        let page = client.get(&path)?;
        ensure!(page["subscribers"].is_array(), "what answers is no eventmanager: it names no subscribers");
        rows.extend_from_slice(items(&page["subscribers"]));
        cursor = page["next"].clone();
        if cursor.is_null() || rows.len() >= options.limit {
            break;
        }
    }
    if options.json {
        say(&format!("{:#}\n", json!({"subscribers": rows, "next": cursor})));
        return Ok(ExitCode::SUCCESS);
    }
    say(&table(&rows));
    if !cursor.is_null() {
        complain(&format!("these are the first {}; --limit shows more\n", rows.len()));
    }
    Ok(ExitCode::SUCCESS)
}

const COLUMNS: [(&str, &str); 5] = [
    ("USER", "user"),
    ("TYPE", "type"),
    ("PHONE", "phone"),
    ("GROUP", "group"),
    ("PUBLIC IDENTITY", "public_identity"),
];

fn table(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "no such subscriber\n".to_owned();
    }
    let mut lines = vec![COLUMNS.map(|(title, _)| title.to_owned())];
    lines.extend(rows.iter().map(|row| COLUMNS.map(|(_, key)| plain(&row[key]))));
    aligned(&lines)
}

/// Columns side by side, each as wide as its widest text.
fn aligned<const N: usize>(lines: &[[String; N]]) -> String {
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}  "));
        text += cells.collect::<String>().trim_end();
        text.push('\n');
    }
    text
}

fn show(options: &Show) -> anyhow::Result<ExitCode> {
    let client = options.daemon.client()?;
    let shown = client.get(&format!("/api/v1/subscribers/{}", encoded(&options.user)))?;
    ensure!(shown["events"].is_array(), "what answers is no eventmanager: it names no events");
    if options.json {
        say(&format!("{shown:#}\n"));
        return Ok(ExitCode::SUCCESS);
    }
    say(&row(&options.user, &shown["subscriber"]));
    let events = items(&shown["events"]);
    say(&format!("\n{}\n", if events.is_empty() { "no events" } else { "events, the latest first" }));
    for (number, event) in events.iter().enumerate() {
        say(&event_line(event));
        if number < WITH_STEPS {
            say(&steps(&client, event));
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
    for warning in items(&event["warnings"]) {
        text += &format!("          warning: {}\n", plain(warning));
    }
    text
}

/// The steps of an event; of one that is gone meanwhile, none.
fn steps(client: &Client, event: &Value) -> String {
    let Ok(detail) = client.get(&format!("/api/v1/events/{}", plain(&event["id"]))) else {
        return String::new();
    };
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
    items(&detail["steps"]).iter().map(line).collect()
}

fn reprovision(options: &Reprovision) -> anyhow::Result<ExitCode> {
    let client = options.daemon.client()?;
    let path = format!("/api/v1/subscribers/{}/reprovision", encoded(&options.user));
    let planned = client.get(&path)?;
    let outcome = &planned["plan"]["outcome"];
    ensure!(outcome.is_object(), "what answers is no eventmanager: it shows no plan");
    if !options.json || !(options.yes || options.plan) {
        complain(&plan(&options.user, outcome));
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
    let requests = items(&outcome["requests"]["requests"]);
    let mut text = format!("{user}: {} requests\n", requests.len());
    for (number, request) in requests.iter().enumerate() {
        text += &format!("  {}. {}: {}\n", number + 1, plain(&request["system"]), plain(&request["summary"]));
    }
    for warning in items(&outcome["requests"]["warnings"]) {
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
