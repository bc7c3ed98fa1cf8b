//! `eventmanager hubs`: who has registered for topics over Event Management, how deliveries go, and what has one go on.

use super::client::{Client, ClientOptions};
use super::foreseen::counted;
use super::paging::gather;
use super::table::{Cell, Table};
use super::text::{self, age, plain, short_moment};
use super::{WRONG_ARGUMENTS, complain, say, terminal};
use anyhow::ensure;
use clap::{Args, Subcommand};
use form_urlencoded::Serializer;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Hubs of a page that is asked for, at most.
const PAGE: usize = 500;
/// What a daemon of ours would not have left out.
const NO_HUBS: &str = "what answers is no eventmanager: it names no hubs";
const NOTHING_DONE: &str = "what answers is no eventmanager: it does not say what it did";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Hubs {
    /// List who has registered for topics, and how far each has got
    List(List),
    /// Show a hub with the deliveries that have failed and the events that were skipped
    Show(Show),
    /// Deliver nothing more to a hub until it is resumed; what waits for it stays in the log
    Halt(Act),
    /// Deliver again to a hub that is halted
    Resume(Act),
    /// Deliver again to a hub that is halted, but not the event that could not be delivered: that is kept as a dead letter
    Skip(Act),
    /// Send the events of a time to a hub once more, before anything new
    Replay(Replay),
    /// End a hub, and whatever waits for it
    Remove(Remove),
}

/// Options of `hubs list`.
#[derive(Debug, Args)]
pub struct List {
    /// Hubs of this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// So many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// As the daemon's /api/v1/hubs says it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Options of `hubs show`.
#[derive(Debug, Args)]
pub struct Show {
    /// Id of the hub
    #[arg(value_name = "ID")]
    id: String,
    /// As the daemon's /api/v1/hubs/ID says it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Options of `hubs halt`, `hubs resume` and `hubs skip`.
#[derive(Debug, Args)]
pub struct Act {
    /// Id of the hub
    #[arg(value_name = "ID")]
    id: String,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Options of `hubs replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Id of the hub
    #[arg(value_name = "ID")]
    id: String,
    /// Received then or later: 2026-03-01T12:00:00Z, or so long ago: 90s, 15m, 72h, 7d
    #[arg(long, value_name = "TIME")]
    since: String,
    /// Received then or earlier [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Options of `hubs remove`.
#[derive(Debug, Args)]
pub struct Remove {
    /// Id of the hub
    #[arg(value_name = "ID")]
    id: String,
    /// Do not ask before it is done
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

impl Hubs {
    /// Does it.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Hubs::List(options) => list(options),
            Hubs::Show(options) => show(options),
            Hubs::Halt(options) => halt(options),
            Hubs::Resume(options) => go_on(options, "resume"),
            Hubs::Skip(options) => go_on(options, "skip"),
            Hubs::Replay(options) => replay(options),
            Hubs::Remove(options) => remove(options),
        }
    }
}

fn path(id: &str, act: &str) -> String {
    format!("/api/v1/hubs/{}{act}", utf8_percent_encode(id, NON_ALPHANUMERIC))
}

fn list(options: &List) -> anyhow::Result<ExitCode> {
    let client = options.daemon.client()?;
    let topic = options.topic.as_deref();
    let rows = gather("hubs", options.limit, |room, cursor| page(&client, topic, room, cursor))?;
    Ok(rows.show(options.json, table))
}

fn page(client: &Client, topic: Option<&str>, room: usize, cursor: &Value) -> anyhow::Result<Value> {
    let mut query = Serializer::new(String::new());
    query.append_pair("limit", &room.min(PAGE).to_string());
    for (name, value) in [("topic", topic), ("cursor", cursor.as_str())] {
        value.map(|value| query.append_pair(name, value));
    }
    let page = client.get(&format!("/api/v1/hubs?{}", query.finish()))?;
    ensure!(page["hubs"].is_array(), NO_HUBS);
    Ok(page)
}

const HUBS: &[&str] = &["ID", "TOPIC", "CALLBACK", "OWNER", "STATE", "SEQUENCE", "BACKLOG", "DETAIL"];

fn table(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "nobody has registered\n".to_owned();
    }
    let cells = |hub: &Value| {
        let state = match hub["state"].as_str() {
            Some("halted") => "HALTED".to_owned(),
            _ if hub["failing"].is_object() => "failing".to_owned(),
            _ => plain(&hub["state"]),
        };
        let owner =
            hub["owner"].as_str().filter(|owner| !owner.is_empty()).map_or("-".to_owned(), text::line);
        let [id, topic, callback, sequence, backlog] =
            ["id", "topic", "callback", "sequence", "backlog"].map(|key| plain(&hub[key]));
        [id, topic, callback, owner, state, sequence, backlog, wrong(hub)].map(Cell::from).to_vec()
    };
    Table::whole(HUBS).part(&rows.iter().map(cells).collect::<Vec<_>>())
}

/// What is wrong with it, in few words.
fn wrong(hub: &Value) -> String {
    let (halted, failing) = (&hub["halted"], &hub["failing"]);
    match (halted.is_object(), failing.is_object()) {
        (true, _) => format!("for {}: {}", age(&halted["since"]), plain(&halted["reason"])),
        (false, true) => {
            let (attempts, since) = (plain(&failing["attempts"]), age(&failing["since"]));
            let again = if hub["replaying"] == true { "sending again, " } else { "" };
            format!("{again}{attempts} attempts for {since}: {}", plain(&failing["last"]))
        }
        (false, false) if hub["replaying"] == true => "sending again".to_owned(),
        (false, false) => String::new(),
    }
}

fn show(options: &Show) -> anyhow::Result<ExitCode> {
    let hub = options.daemon.client()?.get(&path(&options.id, ""))?;
    ensure!(hub["id"].is_string(), NO_HUBS);
    say(&if options.json { format!("{hub:#}\n") } else { whole(&hub) });
    Ok(ExitCode::SUCCESS)
}

const ATTEMPTS: &[&str] = &["AT", "EVENT", "ATTEMPT", "OUTCOME", "STATUS", "MS", ""];
const LETTERS: &[&str] = &["SKIPPED", "EVENT", "NAME", "SOURCE", "BY", ""];

fn whole(hub: &Value) -> String {
    let mut shown = table(std::slice::from_ref(hub));
    if !hub["query"].is_null() {
        shown += &format!("query {}\n", plain(&hub["query"]));
    }
    let rows = |name: &str, cells: &dyn Fn(&Value) -> Vec<Cell>| -> Vec<Vec<Cell>> {
        text::list(&hub[name]).iter().map(cells).collect()
    };
    let attempts = rows("attempts", &|attempt| {
        let [event, number, outcome, status, millis, detail] =
            ["event", "attempt", "outcome", "status", "millis", "detail"].map(|key| plain(&attempt[key]));
        [short_moment(&attempt["at"]), event, number, outcome, status, millis, detail]
            .map(Cell::from)
            .to_vec()
    });
    if !attempts.is_empty() {
        shown +=
            &format!("\nfailed deliveries, the latest first\n{}", Table::whole(ATTEMPTS).part(&attempts));
    }
    let letters = rows("dead_letters", &|letter| {
        let [event, name, source, actor, reason] =
            ["event", "name", "source", "actor", "reason"].map(|key| plain(&letter[key]));
        [short_moment(&letter["at"]), event, name, source, actor, reason].map(Cell::from).to_vec()
    });
    if !letters.is_empty() {
        shown += &format!("\nskipped events, the latest first\n{}", Table::whole(LETTERS).part(&letters));
    }
    shown
}

fn act(options: &Act, act: &str) -> anyhow::Result<Value> {
    let path = path(&options.id, &format!("/{act}"));
    options.daemon.client()?.post(&path, &json!({"reason": options.reason}))
}

fn halt(options: &Act) -> anyhow::Result<ExitCode> {
    let done = act(options, "halt")?;
    ensure!(done["halted"].is_object(), NOTHING_DONE);
    let (id, reason) = (plain(&done["id"]), plain(&done["halted"]["reason"]));
    say(&format!("{id} gets nothing more until it is resumed: {reason}\n"));
    Ok(ExitCode::SUCCESS)
}

fn go_on(options: &Act, word: &str) -> anyhow::Result<ExitCode> {
    let done = act(options, word)?;
    ensure!(done["skipped"].is_boolean(), NOTHING_DONE);
    let skipped = match (word, done["skipped"] == true) {
        ("skip", true) => "; the event for which it stood was skipped",
        ("skip", false) => "; nothing waited for it, so that nothing was skipped",
        _ => "",
    };
    say(&format!("{} goes on{skipped}\n", plain(&done["id"])));
    Ok(ExitCode::SUCCESS)
}

fn replay(options: &Replay) -> anyhow::Result<ExitCode> {
    let mut wish = json!({"since": options.since});
    if let Some(until) = &options.until {
        wish["until"] = until.as_str().into();
    }
    let done = options.daemon.client()?.post(&path(&options.id, "/replay"), &wish)?;
    ensure!(done["events"].is_u64(), NOTHING_DONE);
    say(&replayed(&done));
    Ok(ExitCode::SUCCESS)
}

fn replayed(done: &Value) -> String {
    let id = plain(&done["id"]);
    let events = counted(done["events"].as_u64().unwrap_or_default() as usize, "event");
    match done["halted"] == true {
        true => format!(
            "up to {events} are to be sent to {id} again, but it is halted: nothing is sent before \
             \"eventmanager hubs resume {id}\"\n"
        ),
        false => format!("up to {events} are sent to {id} again\n"),
    }
}

/// Shows the hub and asks, unless `--yes` was said: its place in the log and what waits for it are gone for good.
fn remove(options: &Remove) -> anyhow::Result<ExitCode> {
    let (client, path) = (options.daemon.client()?, path(&options.id, ""));
    if !options.yes {
        let hub = client.get(&path)?;
        ensure!(hub["id"].is_string(), NO_HUBS);
        complain(&table(std::slice::from_ref(&hub)));
        if !terminal::can_ask() {
            complain("nothing was done: --yes is needed where nobody can be asked\n");
            return Ok(ExitCode::from(WRONG_ARGUMENTS));
        }
        if !terminal::confirm("remove it, and what waits for it?") {
            complain("nothing was done\n");
            return Ok(ExitCode::FAILURE);
        }
    }
    let done = client.delete(&path)?;
    ensure!(done["id"].is_string(), NOTHING_DONE);
    say(&format!("{} is removed\n", plain(&done["id"])));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(more: &Value) -> Value {
        let mut hub = json!({
            "id": "7", "topic": "order", "callback": "https://a/\u{1b}[2J", "query": "state=done", "owner": "", "state": "active",
            "halted": null, "sequence": 5, "backlog": 2, "failing": null, "replaying": false, "attempts": [], "dead_letters": [],
        });
        for (name, value) in more.as_object().expect("an object") {
            hub[name] = value.clone();
        }
        hub
    }

    #[test]
    fn a_hub_is_a_line_that_says_what_is_wrong() {
        let check = |more: Value, expected: &str| assert_eq!(wrong(&hub(&more)), expected, "{more}");
        check(json!({}), "");
        check(json!({"replaying": true}), "sending again");
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("later").as_secs();
        check(json!({"failing": {"attempts": 3, "since": now, "last": "503"}}), "3 attempts for 0 s: 503");
        check(
            json!({"replaying": true, "failing": {"attempts": 3, "since": now, "last": "503"}}),
            "sending again, 3 attempts for 0 s: 503",
        );
        check(json!({"halted": {"since": now, "reason": "410\u{7}"}}), "for 0 s: 410 ");
        let line = table(&[hub(&json!({}))]);
        assert!(line.contains("7   order  https://a/ [2J  -      active  5"), "{line}");
        let line = table(&[hub(&json!({"failing": {"attempts": 3, "since": now, "last": "503"}}))]);
        assert!(line.contains("  failing  5"), "{line}");
        assert_eq!(table(&[]), "nobody has registered\n");
    }

    #[test]
    fn of_a_halted_hub_it_is_said_what_to_do_before_anything_is_sent_again() {
        let done = |halted: bool| replayed(&json!({"id": "7", "events": 9, "halted": halted}));
        assert_eq!(done(false), "up to 9 events are sent to 7 again\n");
        let told = done(true);
        assert!(
            told.starts_with("up to 9 events") && told.contains("\"eventmanager hubs resume 7\""),
            "{told}"
        );
    }

    #[test]
    fn a_hub_is_shown_with_what_has_failed() {
        let shown = whole(&hub(&json!({
            "attempts": [{"event": "e1", "attempt": 2, "at": 1_772_366_430.5, "outcome": "refused", "status": 500, "millis": 7, "detail": null}],
            "dead_letters": [{"event": "e2", "name": "n", "source": "s", "received": 1.0, "at": 1_772_366_430.5, "actor": "noc", "reason": "broken"}],
        })));
        assert!(shown.contains("query state=done\n"), "{shown}");
        assert!(shown.contains("03-01 12:00  e1     2        refused  500     7   -"), "{shown}");
        assert!(shown.contains("03-01 12:00  e2     n     s       noc  broken"), "{shown}");
    }
}
