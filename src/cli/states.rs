//! `eventmanager states`: what is mirrored between Asterisks, and how it is with each of them.

use super::client::{Client, ClientOptions, Refused};
use super::paging::gather;
use super::say;
use super::table::{Cell, Table};
use super::text::{self, plain, short_moment};
use anyhow::ensure;
use clap::{Args, Subcommand, ValueEnum};
use form_urlencoded::Serializer;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Keys of a page that is asked for, at most.
const PAGE: usize = 500;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum States {
    /// List devices and presentities with what is said of them
    List(List),
    /// Show a device or presentity: who says what, and what each Asterisk should have, has and was told; exit code 1 if there is none
    Show(Show),
    /// Show how it is with each Asterisk: what waits for it, what it does not take, and how far it is behind
    Peers(Peers),
}

/// Options of `states list`.
#[derive(Debug, Args)]
pub struct List {
    /// Stands somewhere in the name
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Those that this [[asterisk]] has a say on, or is told of
    #[arg(long, value_name = "NAME")]
    peer: Option<String>,
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Those of which an Asterisk was seen to have another value than it was told, or does not take one
    #[arg(long)]
    diverged: bool,
    /// So many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// As the daemon's /api/v1/states says it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// What a state is about.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Device,
    Presence,
}

/// Options of `states show`.
#[derive(Debug, Args)]
pub struct Show {
    /// As Asterisk has it: SIP/100, CustomPresence:300
    #[arg(value_name = "NAME")]
    name: String,
    /// As the daemon's /api/v1/states says it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Options of `states peers`.
#[derive(Debug, Args)]
pub struct Peers {
    /// As the daemon's /api/v1/states/peers says it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

impl States {
    /// Does it.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            States::List(options) => list(options),
            States::Show(options) => show(options),
            States::Peers(options) => peers(options),
        }
    }
}

fn list(options: &List) -> anyhow::Result<ExitCode> {
    let client = options.daemon.client()?;
    let ask = |room, cursor: &Value| page(&client, &query(options, room, cursor));
    Ok(gather("states", options.limit, ask)?.show(options.json, keys))
}

fn query(options: &List, room: usize, cursor: &Value) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("limit", &room.min(PAGE).to_string());
    let kind = options.kind.map(|kind| match kind {
        Kind::Device => "device",
        Kind::Presence => "presence",
    });
    let diverged = options.diverged.then_some("true");
    let given = [
        ("name", options.name.as_deref()),
        ("peer", options.peer.as_deref()),
        ("kind", kind),
        ("diverged", diverged),
        ("cursor", cursor.as_str()),
    ];
    given.into_iter().filter_map(|(name, value)| Some((name, value?))).for_each(|(name, value)| {
        query.append_pair(name, value);
    });
    query.finish()
}

fn page(client: &Client, query: &str) -> anyhow::Result<Value> {
    let page = client.get(&format!("/api/v1/states?{query}"))?;
    ensure!(page["states"].is_array(), "what answers is no eventmanager: it names no states");
    Ok(page)
}

const KEYS: &[&str] = &["KIND", "NAME", "ORIGINS", "NOT AS IT SHOULD BE"];

fn keys(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "no such state\n".to_owned();
    }
    let cells = |row: &Value| {
        let origins: Vec<String> = text::list(&row["origins"]).iter().map(origin).collect();
        let wrong: Vec<String> = text::list(&row["peers"]).iter().filter_map(wrong).collect();
        let wrong = match row["unwritable"].as_str() {
            Some(reason) => format!("told to nobody: {}", text::line(reason)),
            None => wrong.join(", "),
        };
        [plain(&row["kind"]), plain(&row["name"]), origins.join(", "), wrong].map(Cell::from).to_vec()
    };
    Table::whole(KEYS).part(&rows.iter().map(cells).collect::<Vec<_>>())
}

fn origin(origin: &Value) -> String {
    format!("{} {}", plain(&origin["peer"]), value(&origin["value"]))
}

/// A state with its texts.
fn value(value: &Value) -> String {
    let texts = [&value["state"], &value["subtype"], &value["message"]];
    let shown: Vec<String> = texts.into_iter().filter(|text| !text.is_null()).map(plain).collect();
    if shown.is_empty() { "-".to_owned() } else { shown.join(" ") }
}

/// What is not as it should be with a key on an Asterisk, in few words; `None` where everything is.
fn wrong(peer: &Value) -> Option<String> {
    let what = match (peer["refused"].as_str(), peer["diverged"].as_bool(), peer["pending"].as_bool()) {
        (Some(reason), _, _) => format!("not written ({})", text::line(reason)),
        (None, Some(true), _) => format!("has {}", value(&peer["has"])),
        (None, _, Some(true)) => "pending".to_owned(),
        _ => return None,
    };
    Some(format!("{}: {what}", plain(&peer["peer"])))
}

fn show(options: &Show) -> anyhow::Result<ExitCode> {
    let query = Serializer::new(String::new()).append_pair("exact", &options.name).finish();
    let page = page(&options.daemon.client()?, &query)?;
    let rows = text::list(&page["states"]);
    if rows.is_empty() {
        let message = format!("no Asterisk says or was told anything of {}", text::line(&options.name));
        return Err(Refused::missing(message).into());
    }
    say(&match options.json {
        true => format!("{:#}\n", json!({"states": rows})),
        false => rows.iter().map(key).collect::<Vec<_>>().join("\n"),
    });
    Ok(ExitCode::SUCCESS)
}

const TOLD: &[&str] = &["ASTERISK", "SHOULD HAVE", "HAS", "TOLD", "AT", ""];

fn key(row: &Value) -> String {
    let mut shown = format!("{} {}\n", plain(&row["kind"]), plain(&row["name"]));
    if let Some(reason) = row["unwritable"].as_str() {
        shown += &format!("told to nobody: {}\n", text::line(reason));
    }
    for said in text::list(&row["origins"]) {
        shown += &format!("{}, since {}\n", origin(said), text::moment(&said["since"]));
    }
    if !row["aggregate"].is_null() {
        shown += &format!("together {}\n", value(&row["aggregate"]));
    }
    let cells = |peer: &Value| {
        let note = wrong(peer).and_then(|it| it.split_once(": ").map(|(_, what)| what.to_owned()));
        let values = ["wanted", "has", "told"].map(|key| value(&peer[key]));
        let [wanted, has, told] = values;
        let at = short_moment(&peer["told_at"]);
        [plain(&peer["peer"]), wanted, has, told, at, note.unwrap_or_default()].map(Cell::from).to_vec()
    };
    let peers: Vec<Vec<Cell>> = text::list(&row["peers"]).iter().map(cells).collect();
    shown + &Table::whole(TOLD).part(&peers)
}

const PEERS: &[&str] =
    &["ASTERISK", "STATE", "KEYS", "QUEUE", "IN FLIGHT", "LAG", "DIVERGED", "REJECTED", "RESYNCS", ""];

fn peers(options: &Peers) -> anyhow::Result<ExitCode> {
    let answer = options.daemon.client()?.get("/api/v1/states/peers")?;
    ensure!(answer["peers"].is_array(), "what answers is no eventmanager: it names no Asterisks");
    if options.json {
        say(&format!("{answer:#}\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<Cell>> = text::list(&answer["peers"]).iter().map(peer).collect();
    say(&match rows.is_empty() {
        true => "no Asterisk\n".to_owned(),
        false => Table::whole(PEERS).part(&rows),
    });
    Ok(ExitCode::SUCCESS)
}

fn peer(peer: &Value) -> Vec<Cell> {
    let state = if peer["up"] == true { "up" } else { "DOWN" };
    let rejected = peer["rejected"].as_object().map(|counts| counts.values().filter_map(Value::as_u64).sum());
    let lag = peer["lag_seconds"].as_f64().unwrap_or_default();
    let missing = ["devices_missing", "presences_missing"].map(|key| peer[key].as_str());
    let missing =
        missing.into_iter().flatten().next().map(|reason| format!("no lists: {}", text::line(reason)));
    let cells = [
        plain(&peer["peer"]),
        state.to_owned(),
        plain(&peer["entries"]),
        plain(&peer["queue"]),
        plain(&peer["in_flight"]),
        format!("{lag:.1} s"),
        plain(&peer["divergence"]),
        rejected.unwrap_or(0).to_string(),
        plain(&peer["resyncs"]),
        missing.unwrap_or_default(),
    ];
    cells.map(Cell::from).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> Value {
        json!({
            "kind": "device", "name": "SIP/1", "unwritable": null,
            "origins": [{"peer": "a", "value": {"state": "INUSE"}, "since": 1_772_366_430.5}],
            "peers": [
                {"peer": "a", "wanted": null, "has": null, "told": null, "told_at": null, "pending": false,
                 "refused": null, "diverged": false},
                {"peer": "b", "wanted": {"state": "INUSE"}, "has": {"state": "BUSY"}, "told": {"state": "INUSE"},
                 "told_at": 1_772_366_430.5, "pending": false, "refused": null, "diverged": true},
                {"peer": "c", "wanted": {"state": "INUSE"}, "has": null, "told": null, "told_at": null,
                 "pending": false, "refused": "no\u{1b}[2J", "diverged": false},
            ],
        })
    }

    #[test]
    fn a_key_is_one_line_with_what_is_not_as_it_should_be() {
        let expected = "KIND    NAME   ORIGINS  NOT AS IT SHOULD BE\n\
                        device  SIP/1  a INUSE  b: has BUSY, c: not written (no [2J)\n";
        assert_eq!(keys(&[given()]), expected);
        let presence = json!({"state": "away", "message": "at lunch"});
        assert_eq!((value(&presence), value(&Value::Null)), ("away at lunch".to_owned(), "-".to_owned()));
    }

    #[test]
    fn a_key_is_shown_with_what_each_asterisk_has() {
        let shown = key(&given());
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[..2], ["device SIP/1", "a INUSE, since 2026-03-01 12:00:30"]);
        assert!(lines[4].starts_with("b ") && lines[4].ends_with("03-01 12:00  has BUSY"), "{shown}");
    }
}
