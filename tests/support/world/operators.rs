//! Operators, who have failed events run again, let them be in the end, and have an action run on an Asterisk now and then. The events
//! are of an application server of their own, which wishes what nobody can do.
//!
//! Each act has a number of its own, which is its reason: by that it is found in the audit.

use super::Around;
use super::life::Life;
use crate::support::documents::set_phone;
use crate::support::ports::any;
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksOptions, BroadworksSimulator};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// The name of their application server.
const SOURCE: &str = "as2";
/// An event is run again so often before it is let be.
const RETRIES: u64 = 2;
/// Behind so many acts on events comes one on an Asterisk.
const EVENTS: usize = 4;

pub struct Operators {
    broadworks: BroadworksHandle,
    acts: Mutex<Vec<Act>>,
    /// How many documents were sent.
    sent: Mutex<u64>,
}

/// What an operator has asked for.
#[derive(Debug, Clone)]
struct Act {
    /// The word in the audit, and whom or what it is done to.
    what: (&'static str, String),
    /// The status of its answer; `None`: there was none, and it may have been done.
    answer: Option<u16>,
}

impl Operators {
    pub fn start() -> Operators {
        let options = BroadworksOptions { addr: any(), queue: false, ..BroadworksOptions::default() };
        let broadworks = BroadworksSimulator::start_with(options).expect("an application server");
        Operators { broadworks, acts: Mutex::default(), sent: Mutex::default() }
    }

    pub fn config(&self) -> String {
        format!("[[broadworks]]\nname = \"{SOURCE}\"\naddress = \"{}\"\n", self.broadworks.addr())
    }

    /// Does the next thing that is to be done; true where an act was answered.
    pub fn act(&self, life: &Life) -> bool {
        let number = self.acts.lock().expect("a lock").len();
        let wish = if number % (EVENTS + 1) == EVENTS { Some(action()) } else { self.decide(life) };
        let Some((path, what, mut body)) = wish else { return false };
        body["reason"] = format!("act {number}").into();
        let answer = life.ask("POST", &path, &body.to_string()).map(|answer| answer.status);
        self.acts.lock().expect("a lock").push(Act { what, answer });
        answer == Some(200)
    }

    /// What is to become of the first event that has failed; where there is none another one is wished for.
    fn decide(&self, life: &Life) -> Option<Wish> {
        let answer = life.ask("GET", "/api/v1/events?status=failed&order=oldest&limit=1", "")?;
        let failed: Value = serde_json::from_str(&answer.body).ok().filter(|_| answer.status == 200)?;
        let Some(event) = failed["events"].get(0) else {
            self.send();
            return None;
        };
        let id = event["id"].as_i64().expect("a number");
        let verb = if event["attempt"].as_u64() <= Some(RETRIES) { "retry" } else { "resolve" };
        Some((format!("/api/v1/events/{id}/{verb}"), (verb, format!("event {id}")), json!({})))
    }

    /// Wishes for a phone for somebody who is not there.
    fn send(&self) {
        let mut sent = self.sent.lock().expect("a lock");
        *sent += 1;
        self.broadworks.send(&set_phone(*sent, &format!("nobody{}@tele.gl", *sent), "321044"));
    }
}

/// Where an act is asked for, what it is, and its body.
type Wish = (String, (&'static str, String), Value);

fn action() -> Wish {
    let object = "pbx0".to_owned();
    (format!("/api/v1/asterisk/{object}/action"), ("action", object), json!({"action": "Ping"}))
}

/// What was answered is done, once; what was refused is not; what was not answered is done once at most.
pub fn acts(around: &Around) -> Vec<String> {
    let acts = around.operators.acts.lock().expect("a lock").clone();
    let mut lines: BTreeMap<usize, Vec<(String, String)>> = BTreeMap::new();
    for row in around
        .base
        .events("select act, object, detail from em_audit where act in ('retry', 'resolve', 'action')")
    {
        let mut columns = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || columns.next().unwrap_or_default();
        let (act, object, detail) = (next(), next(), next());
        let number = detail.rsplit_once("act ").and_then(|(_, number)| number.parse().ok());
        lines.entry(number.expect("the number of an act")).or_default().push((act, object));
    }
    let mut wrong = Vec::new();
    for (number, Act { what: (act, object), answer }) in acts.iter().enumerate() {
        let done = lines.remove(&number).unwrap_or_default();
        let is_well = match answer {
            Some(200) => done.len() == 1,
            Some(400..500) => done.is_empty(),
            _ => done.len() <= 1,
        };
        if !is_well || done.iter().any(|line| line != &((*act).to_owned(), object.clone())) {
            wrong.push(format!(
                "act {number}, {act} of {object}, was answered {answer:?}, and done are {done:?}"
            ));
        }
    }
    wrong.extend(lines.iter().map(|line| format!("nobody has asked for {line:?}")));
    wrong
}

/// An event has an attempt for each time that it was put back, and is let be where somebody has said so; its alarm stands until then.
pub fn decided(around: &Around) -> Vec<String> {
    let of = |act: &str| around.base.column(&format!("select object from em_audit where act = '{act}'"));
    let (retried, resolved) = (of("retry"), of("resolve"));
    let [raised, cleared] = ["created", "deleted"].map(|change| alarms(around, change));
    let attempts = "select max(attempt) from em_journal where uuid = em_event.uuid";
    let sql = format!("select id, uuid, status, ({attempts}) from em_event where source = '{SOURCE}'");
    let mut wrong = Vec::new();
    for row in around.base.events(&sql) {
        let row: Vec<String> = row.into_iter().map(Option::unwrap_or_default).collect();
        let [id, uuid, status, attempt] = <[String; 4]>::try_from(row).expect("four columns");
        let object = format!("event {id}");
        let times = |objects: &[String]| objects.iter().filter(|it| **it == object).count();
        let is_resolved = times(&resolved) == 1;
        let expected = if is_resolved { "ignored" } else { "failed" };
        let (retries, told) = (times(&retried), (raised.contains(&uuid), cleared.contains(&uuid)));
        if status != expected
            || attempt != (1 + retries).to_string()
            || times(&resolved) > 1
            || told != (true, is_resolved)
        {
            wrong.push(format!(
                "{object} is {status} in attempt {attempt}, was retried {retries} times and should be {expected}; \
                 its alarm was raised and cleared: {told:?}"
            ));
        }
    }
    wrong
}

/// The events whose alarm was changed so.
fn alarms(around: &Around, change: &str) -> BTreeSet<String> {
    let sql = "select payload from em_topic_log where topic = 'alarm' and name = 'event_failed'";
    let payloads = around.base.column(sql).into_iter();
    let payloads = payloads.map(|text| serde_json::from_str::<Value>(&text).expect("JSON"));
    let changed = payloads.filter(|payload| payload["change"] == change);
    changed
        .map(|payload| payload["entity"]["alarmedObject"]["id"].as_str().expect("an id").to_owned())
        .collect()
}
