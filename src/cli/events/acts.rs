//! `eventmanager events retry` and `eventmanager events resolve`: which events, and one after the other by their ids.

use super::bulk;
use super::code_of;
use super::filter::Filter;
use super::rows::EventTable;
use crate::cli::client::{Client, ClientOptions, NoDaemon, Refused};
use crate::cli::text::{list, plain};
use crate::cli::{WRONG_ARGUMENTS, complain, foreseen, say};
use clap::Args;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

/// Of the later events that stand in the way of a retry, so many are shown.
const LATER_SHOWN: usize = 10;

/// Options of `events retry`.
#[derive(Debug, Args)]
pub struct Retry {
    #[command(flatten)]
    which: Which,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Also where later events of the same subscriber have completed or wait: what they change may be changed back
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Options of `events resolve`.
#[derive(Debug, Args)]
pub struct Resolve {
    #[command(flatten)]
    which: Which,
    /// Why, for the audit and for whoever looks at the event
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    daemon: ClientOptions,
}

/// Events by their ids, or by a filter.
#[derive(Debug, Args)]
pub struct Which {
    /// Numbers of the events
    #[arg(value_name = "ID", required_unless_present_any = FILTERS, conflicts_with_all = FILTERS)]
    ids: Vec<i64>,
    #[command(flatten)]
    pub filter: Filter,
    /// With a filter: do not ask before it is done
    #[arg(long, short)]
    pub yes: bool,
    /// Print what was done as JSON
    #[arg(long)]
    pub json: bool,
}

const FILTERS: [&str; 7] = ["status", "since", "until", "command", "user", "text", "fault"];

/// What is done to an event.
pub struct Act<'a> {
    /// The word of the API: `retry`, `resolve`.
    pub word: &'static str,
    /// What has been done, for people.
    done: fn(&Value) -> String,
    /// Reason and force.
    pub body: Map<String, Value>,
    pub client: &'a Client,
}

impl Retry {
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let mut body = Map::new();
        self.reason.iter().for_each(|reason| drop(body.insert("reason".into(), reason.as_str().into())));
        if self.force {
            body.insert("force".into(), true.into());
        }
        let client = self.daemon.client()?;
        Act { word: "retry", done: retried, body, client: &client }.run(&self.which)
    }
}

impl Resolve {
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let body = Map::from_iter([("reason".to_owned(), self.reason.as_str().into())]);
        let client = self.daemon.client()?;
        Act { word: "resolve", done: resolved, body, client: &client }.run(&self.which)
    }
}

fn retried(done: &Value) -> String {
    let how = match done["plan"].as_str() {
        Some("resumes") => "goes on at the step that failed",
        Some("anew") => "is planned anew",
        _ => "is run again",
    };
    format!("event {} {how}, attempt {}", plain(&done["id"]), plain(&done["attempt"]))
}

fn resolved(done: &Value) -> String {
    format!("event {} is resolved: {}", plain(&done["id"]), plain(&done["status"]))
}

impl Act<'_> {
    fn run(&self, which: &Which) -> anyhow::Result<ExitCode> {
        let done = match which.ids.as_slice() {
            [] => bulk::run(self, which),
            ids => self.each(ids, which.json),
        };
        done.map_err(|error| match error.is::<NoDaemon>() {
            true => error.context(format!("only a running daemon can {} events", self.word)),
            false => error,
        })
    }

    /// One after the other. What is refused does not keep the next from being done.
    fn each(&self, ids: &[i64], as_json: bool) -> anyhow::Result<ExitCode> {
        let (mut done, mut refused, mut code) = (Vec::new(), Vec::new(), 0);
        for id in ids {
            let path = format!("/api/v1/events/{id}/{}", self.word);
            match self.client.post(&path, &Value::Object(self.body.clone())) {
                Ok(answer) => {
                    anyhow::ensure!(
                        answer["id"] == *id,
                        "what answers is no eventmanager: it does not say what it did"
                    );
                    if !as_json {
                        say(&format!("{}\n", (self.done)(&answer)));
                    }
                    done.push(answer);
                }
                Err(error) => {
                    let Some((answer, worse)) = error
                        .downcast_ref::<Refused>()
                        .and_then(|refused| Some((refused, code_of(refused)?)))
                    else {
                        return Err(error);
                    };
                    code = code.max(worse);
                    if !as_json {
                        self.explain(*id, answer);
                    }
                    let mut problem = answer.problem.clone();
                    problem["id"] = json!(id);
                    refused.push(problem);
                }
            }
        }
        if as_json {
            say(&format!("{:#}\n", json!({"done": done, "refused": refused})));
        }
        Ok(ExitCode::from(code))
    }

    /// Why not, and where later events stand in the way or may do so, which they are and what would be sent.
    fn explain(&self, id: i64, refused: &Refused) {
        let why = refused.detail();
        let why = why.strip_prefix(&format!("event {id}: ")).unwrap_or(why);
        complain(&format!("event {id} is left alone: {why}\n"));
        // Empty where it is not known whether there are any.
        if refused.problem["later"].is_null() {
            return;
        }
        let later = list(&refused.problem["later"]);
        let shown = later.iter().take(LATER_SHOWN).filter_map(Value::as_i64);
        let events = shown.filter_map(|later| self.client.get(&format!("/api/v1/events/{later}")).ok());
        complain(&EventTable::new().part(&events.collect::<Vec<Value>>()));
        if let Some(more) = later.len().checked_sub(LATER_SHOWN).filter(|more| *more > 0) {
            complain(&format!("and {more} more\n"));
        }
        if refused.problem["plan"].is_object() {
            complain(&foreseen::brief("it would send", &refused.problem["plan"]));
        }
        complain(&format!("eventmanager events {} {id} --force does it all the same\n", self.word));
    }
}

/// The exit code where nobody can be asked and nobody has said yes.
pub fn unasked() -> ExitCode {
    ExitCode::from(WRONG_ARGUMENTS)
}
