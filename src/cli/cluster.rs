//! `eventmanager cluster`: which node acts, and the hand-over to another.

use super::client::{Client, ClientOptions};
use super::say;
use super::table::{Cell, Table};
use super::text::{lasting, list, plain};
use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A hand-over that is not done by then will not be: the old one goes on.
const DONE_WITHIN: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);
const NO_CLUSTER: &str = "what answers is no eventmanager: it does not say how its cluster is";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Cluster {
    /// Show which node acts and which stand by
    Status(Status),
    /// Have another node become the active one, without a gap; to be asked of the active one
    Handover(Handover),
}

/// Options of `cluster status`.
#[derive(Debug, Args)]
pub struct Status {
    /// As the daemon's /api/v1/cluster says it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Options of `cluster handover`.
#[derive(Debug, Args)]
pub struct Handover {
    /// To this node [default: one that stands by]
    #[arg(long, value_name = "NODE")]
    to: Option<String>,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not wait until it is done
    #[arg(long)]
    no_wait: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

impl Cluster {
    /// Does it.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Cluster::Status(options) => status(options),
            Cluster::Handover(options) => hand_over(options),
        }
    }
}

fn status(options: &Status) -> anyhow::Result<ExitCode> {
    let view = view(&options.daemon.client()?)?;
    say(&if options.json { format!("{view:#}\n") } else { shown(&view) });
    Ok(ExitCode::SUCCESS)
}

fn view(client: &Client) -> anyhow::Result<Value> {
    let view = client.get("/api/v1/cluster")?;
    ensure!(view["role"].is_string(), NO_CLUSTER);
    Ok(view)
}

const NODES: &[&str] = &["NODE", "STATE", "SEEN", "HTTP", "VERSION"];

fn shown(view: &Value) -> String {
    let cells = |node: &Value| {
        let seen = format!("{} ago", lasting(node["seen_millis"].as_u64().unwrap_or_default() / 1000));
        let state = if node["is_there"] == true { plain(&node["state"]) } else { "gone".to_owned() };
        let [name, http, version] = ["name", "http", "version"].map(|key| plain(&node[key]));
        [name, state, seen, http, version].map(Cell::from).to_vec()
    };
    let rows: Vec<_> = list(&view["nodes"]).iter().map(cells).collect();
    let mut text = Table::whole(NODES).part(&rows);
    text += &format!("epoch {}, active: {}", plain(&view["epoch"]), plain(&view["active"]));
    if view["let_go"] == true {
        text += " (has ended in order)";
    }
    text += "\n";
    if view["hand_over"].is_object() {
        let ready = if view["hand_over"]["ready"] == true { "is ready" } else { "is not ready yet" };
        text += &format!("handing over to {}, which {ready}\n", plain(&view["hand_over"]["to"]));
    }
    if view["hindrance"].is_string() {
        text += &format!("this node cannot become the active one: {}\n", plain(&view["hindrance"]));
    }
    if view["database"].is_string() {
        text += &format!("the database cannot be asked: {}\n", plain(&view["database"]));
    }
    text
}

fn hand_over(options: &Handover) -> anyhow::Result<ExitCode> {
    let client = options.daemon.client()?;
    let wish = json!({"to": options.to, "reason": options.reason});
    let begun = client.post("/api/v1/cluster/handover", &wish)?;
    let Some(to) = begun["to"].as_str() else { bail!(NO_CLUSTER) };
    if !options.no_wait {
        wait(&client, to)?;
    }
    say(&match (options.json, options.no_wait) {
        (true, _) => format!("{begun:#}\n"),
        (false, true) => format!("{} is asked to take over\n", plain(&begun["to"])),
        (false, false) => format!("{} is the active node\n", plain(&begun["to"])),
    });
    Ok(ExitCode::SUCCESS)
}

/// The node that was asked stands by when it is done; in between it does not answer for a moment.
fn wait(client: &Client, to: &str) -> anyhow::Result<()> {
    let until = Instant::now() + DONE_WITHIN;
    let mut was_under_way = false;
    while Instant::now() < until {
        if let Ok(view) = view(client) {
            if view["active"] == to && view["let_go"] != true {
                return Ok(());
            }
            let is_under_way = view["hand_over"].is_object() || view["role"] != "active";
            if was_under_way && !is_under_way {
                bail!("{to} was not ready in time: this node goes on");
            }
            was_under_way |= is_under_way;
        }
        std::thread::sleep(LOOK);
    }
    bail!("{to} is not the active node after {DONE_WITHIN:?}; \"cluster status\" shows how it stands")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_listed_with_what_they_are_and_nothing_that_a_terminal_obeys() {
        let view = json!({
            "role": "active", "epoch": 4, "active": "a", "let_go": false,
            "hand_over": {"to": "b", "ready": false},
            "nodes": [
                {"name": "a", "state": "active", "http": "h:1", "version": "1", "seen_millis": 5, "is_there": true},
                {"name": "b\u{1b}[2J", "state": "standby", "http": "h:2", "version": "1", "seen_millis": 90_000, "is_there": false},
            ],
        });
        let text = shown(&view);
        assert!(text.contains("a") && text.contains("active") && text.contains("gone"), "{text}");
        assert!(text.contains("1 min ago") && text.contains("epoch 4, active: a\n"), "{text}");
        assert!(text.ends_with("handing over to b, which is not ready yet\n"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
