//! What is printed: every difference as it is found, for people a line, for programs an element of one JSON document; and
//! the counts at the end.

use super::judge::{Found, Judgement, is_pending};
use super::pairing::Seen;
use super::subscribers::Column;
use crate::cli::progress::Progress;
use crate::cli::say;
use crate::cli::text::line;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// After so many events the bar says how far it has come.
const REACHED: u64 = 500;

/// What has been counted of the events.
#[derive(Debug, Default, Serialize)]
struct Events {
    paired: u64,
    same_status: u64,
    different_status: u64,
    only_there: u64,
    only_here: u64,
    /// How many of the differences are meant to be.
    known: u64,
    /// Too young to say.
    under_way: u64,
    pending_there: u64,
    pending_here: u64,
}

/// What has been counted of the subscribers.
#[derive(Debug, Default, Serialize)]
struct Subscribers {
    same: u64,
    different: u64,
    only_there: u64,
    only_here: u64,
}

/// Prints as it goes.
pub struct Report {
    json: bool,
    /// An element of the list has been printed already.
    listed: bool,
    events: Events,
    subscribers: Subscribers,
    bar: Progress,
}

impl Report {
    pub fn new(json: bool) -> Report {
        Report {
            json,
            listed: false,
            events: Events::default(),
            subscribers: Subscribers::default(),
            bar: Progress::endless("compared"),
        }
    }

    /// Events received since are compared.
    pub fn begin(&mut self, since: SystemTime) {
        match self.json {
            true => self.say(&format!("{{\"since\":{},\"events\":[", json!(rfc3339(since)))),
            false => self.say(&format!("Events received since {}\n", plain(since))),
        }
    }

    /// Counts what was found, and prints it where it differs.
    pub fn event(&mut self, found: Found, judgement: Judgement) {
        self.count(found, judgement);
        self.bar.add(1);
        if self.bar.is_shown() && self.bar.position().is_multiple_of(REACHED) {
            let (Found::Both { here: event, .. } | Found::There(event) | Found::Here(event)) = found;
            self.bar.say(format!("events, up to {}", plain(event.received)));
        }
        let known = match judgement {
            Judgement::Same | Judgement::UnderWay => return,
            Judgement::Known(why) => Some(why),
            Judgement::Different => None,
        };
        let (kind, any, there, here) = match found {
            Found::Both { there, here } => ("status", here, Some(there), Some(here)),
            Found::There(there) => ("only_there", there, Some(there), None),
            Found::Here(here) => ("only_here", here, None, Some(here)),
        };
        if self.json {
            self.element(&json!({
                "kind": kind, "user": any.user_id, "command": any.command, "known": known,
                "there": there.map(side), "here": here.map(side),
            }));
            return;
        }
        let there =
            there.map_or("nothing".into(), |event| format!("{} (id {})", line(&event.status), event.id));
        let here = here.map_or("nothing".into(), |event| {
            let reason = event.reason.as_ref().map_or(String::new(), |reason| format!(": {}", line(reason)));
            format!("{} (id {}){reason}", line(&event.status), event.id)
        });
        let known = known.map_or(String::new(), |known| format!("  [known: {known}]"));
        self.say(&format!(
            "  {}  {:24} {:30} there {there}, here {here}{known}\n",
            plain(any.received),
            line(&any.command),
            line(&any.user_id)
        ));
    }

    fn count(&mut self, found: Found, judgement: Judgement) {
        let counts = &mut self.events;
        match judgement {
            Judgement::Known(_) => counts.known += 1,
            Judgement::UnderWay => counts.under_way += 1,
            Judgement::Same | Judgement::Different => {}
        }
        let (there, here) = match found {
            Found::Both { there, here } => {
                counts.paired += 1;
                match judgement {
                    Judgement::Same => counts.same_status += 1,
                    Judgement::UnderWay => {}
                    Judgement::Known(_) | Judgement::Different => counts.different_status += 1,
                }
                (Some(there), Some(here))
            }
            Found::There(there) => (Some(there), None),
            Found::Here(here) => (None, Some(here)),
        };
        if judgement != Judgement::UnderWay {
            counts.only_there += u64::from(here.is_none());
            counts.only_here += u64::from(there.is_none());
        }
        counts.pending_there += u64::from(there.is_some_and(is_pending));
        counts.pending_here += u64::from(here.is_some_and(is_pending));
    }

    /// All events are told.
    pub fn subscribers_follow(&mut self) {
        self.listed = false;
        self.bar.say("and on to the subscribers".to_owned());
        self.say(if self.json { "],\"subscribers\":[" } else { "Subscribers\n" });
    }

    /// Says something to people.
    pub fn note(&self, text: &str) {
        if !self.json {
            self.say(&format!("  {text}\n"));
        }
    }

    /// A subscriber that only one side has.
    pub fn subscriber_only(&mut self, id: &str, is_there: bool) {
        self.bar.add(1);
        let (counter, kind, words) = match is_there {
            true => (&mut self.subscribers.only_there, "only_there", "only there"),
            false => (&mut self.subscribers.only_here, "only_here", "only here"),
        };
        *counter += 1;
        match self.json {
            true => self.element(&json!({"kind": kind, "id": id})),
            false => self.say(&format!("  {:30} {words}\n", line(id))),
        }
    }

    /// A subscriber that both have, with the columns that differ.
    pub fn subscriber_both(&mut self, id: &str, columns: &[Column]) {
        self.bar.add(1);
        if columns.is_empty() {
            self.subscribers.same += 1;
            return;
        }
        self.subscribers.different += 1;
        if self.json {
            let values = |column: &Column| match &column.values {
                Some([there, here]) => json!({"there": there, "here": here}),
                None => json!("differs"),
            };
            let columns: serde_json::Map<_, _> =
                columns.iter().map(|column| (column.name.to_owned(), values(column))).collect();
            self.element(&json!({"kind": "columns", "id": id, "columns": columns}));
            return;
        }
        let shown =
            |value: &Option<String>| value.as_ref().map_or("nothing".into(), |text| format!("{text:?}"));
        let told = columns.iter().map(|column| match &column.values {
            Some([there, here]) => format!("{} there {}, here {}", column.name, shown(there), shown(here)),
            None => format!("{} differs", column.name),
        });
        self.say(&format!("  {:30} {}\n", line(id), told.collect::<Vec<_>>().join("; ")));
    }

    /// Prints the counts; gives the number of differences that are not known.
    pub fn end(self) -> u64 {
        let Report { events, subscribers, .. } = &self;
        let differences = events.different_status + events.only_there + events.only_here - events.known
            + subscribers.different
            + subscribers.only_there
            + subscribers.only_here;
        if self.json {
            let counts = json!({"events": events, "subscribers": subscribers, "differences": differences});
            self.say(&format!("],\"counts\":{counts}}}\n"));
            return differences;
        }
        self.say(&format!(
            "Events: {} paired, {} with the same status, {} with another; {} only there, {} only here; {} of the \
             differences are known;\n  {} under way, {} pending there, {} pending here\n\
             Subscribers: {} the same, {} different, {} only there, {} only here\n{}\n",
            events.paired,
            events.same_status,
            events.different_status,
            events.only_there,
            events.only_here,
            events.known,
            events.under_way,
            events.pending_there,
            events.pending_here,
            subscribers.same,
            subscribers.different,
            subscribers.only_there,
            subscribers.only_here,
            match differences {
                0 => "no difference that is not known".to_owned(),
                count => format!("{count} differences"),
            },
        ));
        differences
    }

    /// Prints while the bar is out of the way.
    fn say(&self, text: &str) {
        self.bar.aside(|| say(text));
    }

    fn element(&mut self, value: &Value) {
        let comma = if std::mem::replace(&mut self.listed, true) { "," } else { "" };
        self.say(&format!("{comma}{value}"));
    }
}

fn side(event: &Seen) -> Value {
    json!({
        "id": event.id, "received": rfc3339(event.received), "status": event.status,
        "reason": event.reason, "command_index": event.command_index,
    })
}

fn rfc3339(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_default()
}

fn plain(time: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    OffsetDateTime::from(time).format(format).unwrap_or_default()
}
