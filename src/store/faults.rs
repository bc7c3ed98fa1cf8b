//! What failed events have in common: their reasons with numbers, names and the like taken out.
//!
//! ```text
//! step 2 of 5, create ENUM tel:+299321044 to sip:anna@tele.gl: fault from 10.0.0.7:8080: fault 4006 (External error.), …
//! create ENUM … to …: fault from …: fault 4006 (External error.), …
//! ```

use super::errors::ReadError;
use super::events::LATEST_ATTEMPT;
use super::reader::{Reader, Row};
use super::records::EventFilter;
use super::walks::{Range, Walk};
use crate::event::Status;
use crate::plan::System;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

/// Failed rows that are looked at, at most, and how many at a time.
const LOOKED_AT: u32 = 20_000;
const WINDOW: u32 = 1_000;
/// Looking ends after so long in any case.
const PATIENCE: Duration = Duration::from_secs(1);
/// Events of a group that are named.
const SAMPLE: usize = 5;
/// Commands of a group that are named.
const COMMANDS: usize = 20;
/// Characters of what failures have in common.
const LONGEST: usize = 300;
/// The number behind one of these says what went wrong, not to whom.
const BEFORE_CODES: [&str; 5] = ["fault", "detail", "status", "code", "error"];

/// What went wrong, whoever it happened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The same for all failures that have the same text.
    pub key: String,
    /// The reason of an event without what belongs to that event alone.
    pub reason: String,
    /// The system that was asked, where one was.
    pub system: Option<System>,
}

/// The failed events with the same fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultGroup {
    pub fault: Fault,
    pub count: u64,
    /// When the first of them was received, and the latest.
    pub first: SystemTime,
    pub latest: SystemTime,
    /// Their commands, by name.
    pub commands: Vec<String>,
    /// Ids of some, the latest first.
    pub sample: Vec<i64>,
}

/// The latest failures by fault, the most frequent first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    pub groups: Vec<FaultGroup>,
    /// Failed events that were looked at, the latest ones.
    pub looked_at: u64,
    /// Whether these were all.
    pub complete: bool,
}

impl Fault {
    /// The fault of a failed event with this reason.
    pub fn of(reason: &str) -> Fault {
        let (system, rest) = match step(reason) {
            Some((before, request)) => (Some(system_of(request)), format!("{before}{request}")),
            None => (None, reason.to_owned()),
        };
        let reason = generalised(&rest);
        let digest = Sha256::digest(&reason);
        let key = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Fault { key, reason, system }
    }
}

/// What stands before and behind `step 2 of 5, `.
fn step(reason: &str) -> Option<(&str, &str)> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (before, behind) = reason.split_once("step ")?;
    let (number, behind) = behind.split_once(" of ")?;
    let (steps, request) = behind.split_once(", ")?;
    (is_number(number) && is_number(steps)).then_some((before, request))
}

/// By the words with which requests show themselves.
fn system_of(request: &str) -> System {
    match request.split(' ').nth(1) {
        Some("ENUM") => System::Enum,
        Some("mail") => System::Mail,
        _ => System::Hss,
    }
}

/// The text with `…` for every word that is somebody's or some number.
fn generalised(text: &str) -> String {
    let text = without_quotes(text);
    let mut words: Vec<String> = Vec::new();
    let mut is_code = false;
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '+' && c != '/');
        let code = is_code && bare.bytes().all(|byte| byte.is_ascii_digit());
        is_code = BEFORE_CODES.contains(&bare.to_ascii_lowercase().as_str());
        if code || bare.is_empty() || !is_particular(bare) {
            words.push(word.to_owned());
            continue;
        }
        let (open, close) = word.split_once(bare).unwrap_or(("", ""));
        let hidden = format!("{open}…{close}");
        if hidden != "…" || words.last().is_none_or(|last| last != "…") {
            words.push(hidden);
        }
    }
    words.join(" ").chars().take(LONGEST).collect()
}

/// A number, an address, a name of a host or a domain.
fn is_particular(word: &str) -> bool {
    let inner = |c: char| word.trim_matches(c).contains(c);
    word.contains('@') || word.bytes().any(|byte| byte.is_ascii_digit()) || inner('.') || inner(':')
}

/// What stands in double quotes is somebody's.
fn without_quotes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut quoted = false;
    let mut escaped = false;
    for c in text.chars() {
        match c {
            '"' if !escaped => {
                if !quoted {
                    plain.push('…');
                }
                quoted = !quoted;
            }
            _ if !quoted => plain.push(c),
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    plain
}

impl Reader {
    /// The latest failures, by fault.
    pub async fn faults(&self, since: Option<SystemTime>) -> Result<Faults, ReadError> {
        let began = Instant::now();
        let filter = EventFilter { since, statuses: vec![Status::Failed], ..EventFilter::default() };
        let conditions = self.conditions(&filter).await?;
        let all = Range { low: i64::MIN, high: i64::MAX };
        let mut gathered = Gathered::default();
        let Some(mut range) = self.narrowed(&conditions, all).await? else {
            return Ok(gathered.faults(true));
        };
        let path = self.choose(&conditions, range, true).await?;
        loop {
            let limit = WINDOW as usize;
            let walk = Walk {
                path,
                conditions: &conditions,
                range,
                newest_first: true,
                rows: WINDOW,
                limit,
                sizes: false,
            };
            let window = self.window(walk).await?;
            let ids: Vec<i64> = window.matching.iter().map(|(id, _)| *id).collect();
            self.failures(&ids).await?.into_iter().for_each(|failure| gathered.add(failure));
            let (Some(last), true) = (window.last, window.walked == WINDOW) else {
                return Ok(gathered.faults(true));
            };
            if gathered.looked_at >= u64::from(LOOKED_AT) || began.elapsed() > PATIENCE {
                return Ok(gathered.faults(false));
            }
            range.high = last.saturating_sub(1);
        }
    }

    /// The failures of these events, the latest first.
    async fn failures(&self, ids: &[i64]) -> Result<Vec<Failure>, ReadError> {
        let sql = format!(
            "select cast(e.id as bigint), cast(e.command as text),
                coalesce(cast(j.reason as text), cast(e.note as text)), {received}
             from em_event e {LATEST_ATTEMPT} where {condition} order by e.id desc",
            received = self.dialect().micros("e.inserted"),
            condition = self.dialect().among("e.id", "$1"),
        );
        let rows = self.rows_planned(sql, vec![self.dialect().list(ids)]).await?;
        Ok(rows.into_iter().map(failure).collect())
    }
}

struct Failure {
    id: i64,
    command: String,
    reason: String,
    received: SystemTime,
}

fn failure(mut row: Row) -> Failure {
    Failure {
        id: row.int(0).unwrap_or_default(),
        command: row.text(1).unwrap_or_default(),
        reason: row.text(2).unwrap_or_default(),
        received: row.time(3),
    }
}

#[derive(Default)]
struct Gathered {
    groups: HashMap<String, FaultGroup>,
    looked_at: u64,
}

impl Gathered {
    fn add(&mut self, failure: Failure) {
        self.looked_at += 1;
        let Failure { id, command, reason, received } = failure;
        let fault = Fault::of(&reason);
        let group = self.groups.entry(fault.key.clone()).or_insert_with(|| FaultGroup {
            fault,
            count: 0,
            first: received,
            latest: received,
            commands: Vec::new(),
            sample: Vec::new(),
        });
        group.count += 1;
        group.first = group.first.min(received);
        group.latest = group.latest.max(received);
        if group.commands.len() < COMMANDS && !group.commands.contains(&command) {
            group.commands.push(command);
        }
        if group.sample.len() < SAMPLE {
            group.sample.push(id);
        }
    }

    fn faults(self, complete: bool) -> Faults {
        let mut groups: Vec<FaultGroup> = self.groups.into_values().collect();
        groups.iter_mut().for_each(|group| group.commands.sort_unstable());
        groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.fault.key.cmp(&b.fault.key)));
        Faults { groups, looked_at: self.looked_at, complete }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_one_event_alone_is_taken_out() {
        let check = |reason: &str, expected: &str, system: Option<System>| {
            let fault = Fault::of(reason);
            assert_eq!((fault.reason.as_str(), fault.system), (expected, system), "{reason}");
        };
        check(
            "step 2 of 5, create ENUM tel:+299321044 to sip:anna@tele.gl: fault from 10.0.0.7:8080: fault 4006 (External error.), detail 13004 (NO): This is a server fault",
            "create ENUM … to …: fault from …: fault 4006 (External error.), detail 13004 (NO): This is a server fault",
            Some(System::Enum),
        );
        check(
            "step 1 of 3, create association of anna@ims.tele.gl: fault from h:8080: fault 4006 (), detail - (): x",
            "create association of …: fault from …: fault 4006 (), detail - (): x",
            Some(System::Hss),
        );
        check(
            "step 1 of 1, create mail account nivi@x.gl: HTTP status 500 from 127.0.0.2:7026",
            "create mail account …: HTTP status 500 from …",
            Some(System::Mail),
        );
        check("subscriber \"an\\\"na\" is not known", "subscriber … is not known", None);
        check("userId is missing", "userId is missing", None);
        check("step by step, of course", "step by step, of course", None);
        check("", "", None);
        let member = "1 of 2 members failed: anna@tele.gl: step 1 of 2, delete association a1b2: no";
        check(member, "… of … members failed: …: delete association …: no", Some(System::Hss));
    }

    #[test]
    fn the_same_fault_has_the_same_key_and_another_another() {
        let of = |reason: &str| Fault::of(reason).key;
        let first = of("step 2 of 5, create ENUM tel:+299321044 to sip:a@x: fault 4006");
        assert_eq!(first, of("step 1 of 3, create ENUM tel:+299321055 to sip:b@y: fault 4006"));
        assert_ne!(first, of("step 1 of 3, create ENUM tel:+299321055 to sip:b@y: fault 4007"));
        assert_eq!(first.len(), 16);
    }
}
