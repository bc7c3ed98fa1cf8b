//! A page that shows events: a reader of the API's stream, which is cut off now and then and comes back with the id of the last message.
//!
//! The stream tells what changes. What there is stands in the lists, which are read at the begin and where the stream says so.

use super::life::Life;
use crate::support::stream::{Events, Message};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// After so many messages its connection is cut.
const MESSAGES: usize = 12;

/// The status of each event, by its number.
pub type Lines = BTreeMap<i64, String>;

pub struct Watcher {
    shown: Arc<Mutex<Lines>>,
}

impl Watcher {
    /// One that reads for as long as the test's process lives.
    pub fn start(life: &Life) -> Watcher {
        let shown: Arc<Mutex<Lines>> = Arc::default();
        let mut page = Page { life: life.clone(), shown: Arc::clone(&shown), last: None };
        std::thread::spawn(move || {
            loop {
                page.read();
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Watcher { shown }
    }

    /// What it shows.
    pub fn shown(&self) -> Lines {
        self.shown.lock().expect("a lock").clone()
    }
}

/// The last message of a connection.
struct Last {
    id: String,
    /// The life of the daemon in which it came.
    life: u64,
}

struct Page {
    life: Life,
    shown: Arc<Mutex<Lines>>,
    last: Option<Last>,
}

impl Page {
    /// Reads over one connection, until that ends or is cut.
    fn read(&mut self) {
        let Some((number, address)) = self.life.now() else { return };
        let header = self.last.as_ref().map(|last| format!("Last-Event-ID: {}\r\n", last.id));
        let opened = Events::try_open_with(address, "", &header.unwrap_or_default());
        let Some(mut events) = opened.ok().filter(|events| events.head.starts_with("HTTP/1.0 200")) else {
            return;
        };
        let before = self.last.take();
        let goes_on = before.as_ref().is_some_and(|last| last.life == number);
        let is_lost = before.is_some() && !goes_on;
        let mut last = before.filter(|_| goes_on).map(|last| last.id);
        for at in 0..MESSAGES {
            let Some(message) = events.next() else { break };
            if (message.kind == "reset") != (at == 0 && is_lost) {
                self.life.tell_wrong(format!("stream: {} came first in life {number}", message.kind));
            }
            if let Some(last) = &last
                && !follows(last, &message)
            {
                self.life.tell_wrong(format!("stream: {message:?} came behind {last}"));
            }
            let is_due =
                at == 0 && !goes_on || message.data["skipped"].as_u64().is_some_and(|skipped| skipped > 0);
            if is_due && self.read_lists().is_none() {
                // To be read by the next connection, as at the begin.
                return;
            }
            if message.kind == "events" {
                self.show(lines(&message.data));
            }
            last = Some(message.id);
        }
        self.last = last.map(|id| Last { id, life: number });
    }

    /// Reads the lists, the newest first, as far as there may be something that is not known.
    fn read_lists(&self) -> Option<()> {
        let from = self.oldest_open();
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = self.life.ask("GET", &format!("/api/v1/events?limit=500{cursor}"), "")?;
            // Cut off by a kill it is no JSON.
            let page: Value = serde_json::from_str(&answer.body).ok().filter(|_| answer.status == 200)?;
            all.extend(lines(&page));
            let is_enough = all.last().is_some_and(|(id, _)| *id <= from);
            match page["next"].as_str() {
                Some(next) if !is_enough => cursor = format!("&cursor={next}"),
                _ => break,
            }
        }
        self.show(all);
        Some(())
    }

    /// The oldest event that may still change, or the newest of all.
    fn oldest_open(&self) -> i64 {
        let shown = self.shown.lock().expect("a lock");
        let is_open = |status: &str| matches!(status, "pending" | "failed");
        let open = shown.iter().find(|(_, status)| is_open(status));
        open.or_else(|| shown.last_key_value()).map_or(0, |(id, _)| *id)
    }

    /// Shows lines. What is new comes behind everything that was shown before: nothing has been left out.
    fn show(&self, lines: Vec<(i64, String)>) {
        let mut shown = self.shown.lock().expect("a lock");
        let newest = shown.last_key_value().map_or(0, |(id, _)| *id);
        let is_late = |id: &i64| *id < newest && !shown.contains_key(id);
        let late: Vec<i64> = lines.iter().map(|(id, _)| *id).filter(is_late).collect();
        if !late.is_empty() {
            self.life.tell_wrong(format!("stream: {late:?} are shown behind {newest}"));
        }
        shown.extend(lines);
    }
}

/// Whether a message comes right behind another one. What is told first has the id of what came before it.
fn follows(last: &str, message: &Message) -> bool {
    let position = |id: &str| {
        let (boot, number) = id.rsplit_once('-')?;
        Some((boot.to_owned(), number.parse::<u64>().ok()?))
    };
    let (Some((boot, last)), Some((same, number))) = (position(last), position(&message.id)) else {
        return false;
    };
    boot == same && (number == last + 1 || number == last && message.kind != "events")
}

/// The events of a message or a list: number and status.
fn lines(data: &Value) -> Vec<(i64, String)> {
    let events = data["events"].as_array().map_or(&[][..], Vec::as_slice);
    let line = |line: &Value| Some((line["id"].as_i64()?, line["status"].as_str()?.to_owned()));
    events.iter().map(|event| line(event).expect("number and status")).collect()
}
