//! What has come in by itself: posted events, those of scripts and of OpenSIPS.

use super::Around;
use std::collections::{BTreeMap, BTreeSet};

/// What was posted and answered is in the log, once and in the order in which it was posted.
pub fn posted(around: &Around) -> Vec<String> {
    let sql = "select payload from em_topic_log where topic = 'order' order by sequence";
    let event = |text: String| {
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        value["event"]["n"].as_u64().expect("a number")
    };
    let numbers: Vec<u64> = around.base.column(sql).into_iter().map(event).collect();
    let expected: Vec<u64> = (0..around.hubs.posted()).collect();
    if numbers == expected {
        Vec::new()
    } else {
        vec![format!("{} were posted: {numbers:?}", expected.len())]
    }
}

/// What stands in a field `n` of these texts, or of their parameters.
pub fn numbers(texts: &[String]) -> Vec<u64> {
    let n = |text: &String| {
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let n = value.get("n").unwrap_or(&value["params"]["n"]);
        n.as_u64().or_else(|| n.as_str()?.parse().ok()).unwrap_or_else(|| panic!("no number is in {text}"))
    };
    texts.iter().map(n).collect()
}

/// Ids by their numbers.
type Ids = BTreeMap<u64, String>;

/// What was read of a source, where it was to be.
struct Read {
    stored: Ids,
    handed_on: Ids,
}

/// What is stored of a source and what is in the log of its topic; each in its order and once.
fn read(around: &Around, source: &str, topic: &str, wrong: &mut Vec<String>) -> Read {
    let others = around.base.column(&format!(
        "select distinct status from em_event where source = '{source}' and status <> 'ignored'"
    ));
    if !others.is_empty() {
        wrong
            .push(format!("a route has them stored and nothing is done about them, yet some are {others:?}"));
    }
    let stored = format!("select uuid, event from em_event where source = '{source}' order by id");
    let logged = format!("select uuid, payload from em_topic_log where topic = '{topic}' order by sequence");
    let [stored, handed_on] = [("stored", stored), ("handed on", logged)].map(|(what, sql)| {
        let rows = around.base.events(&sql).into_iter().map(|row| row.into_iter().flatten().collect());
        let (uuids, texts): (Vec<String>, Vec<String>) =
            rows.filter_map(|row: Vec<String>| <[String; 2]>::try_from(row).ok()).map(Into::into).unzip();
        let numbers = numbers(&texts);
        if !numbers.is_sorted_by(|before, next| before < next) {
            wrong.push(format!("{what}, twice or out of order: {numbers:?}"));
        }
        numbers.into_iter().zip(uuids).collect()
    });
    Read { stored, handed_on }
}

impl Read {
    /// Whether all that one life could read was stored and handed on under one id. What was being written when it was killed may be
    /// in one of the two alone: the last, in their order.
    fn wrong_with(&self, life: &[u64], is_last: bool) -> Option<String> {
        let is_whole = |n: &u64| self.stored.get(n).is_some_and(|id| self.handed_on.get(n) == Some(id));
        let is_known = |n: &u64| self.stored.contains_key(n) || self.handed_on.contains_key(n);
        let last = life.iter().copied().filter(is_whole).max();
        let halves: Vec<u64> = life.iter().copied().filter(|n| is_known(n) && !is_whole(n)).collect();
        let is_wrong = halves.iter().any(|n| is_last || Some(*n) < last);
        is_wrong.then(|| format!("stored or handed on alone, and later ones were both: {halves:?}"))
    }
}

/// Of what scripts have sent over a connection the first are stored and handed on, so many as have been read; of the last connection
/// all. Every question is answered once at most.
pub fn scripts(around: &Around) -> Vec<String> {
    let mut wrong = Vec::new();
    let read = read(around, "k1", "kamailio", &mut wrong);
    let connections = around.kamailio.sent();
    let sent: BTreeSet<u64> = connections.iter().flatten().copied().collect();
    for (at, life) in (1..).zip(&connections) {
        let is_last = at == connections.len();
        wrong.extend(read.wrong_with(life, is_last).map(|what| format!("connection {at}: {what}")));
        for (what, ids) in [("stored", &read.stored), ("handed on", &read.handed_on)] {
            let first = life.iter().take_while(|n| ids.contains_key(n)).count();
            if (is_last && first < life.len()) || life[first..].iter().any(|n| ids.contains_key(n)) {
                let missing: Vec<&u64> = life.iter().filter(|n| !ids.contains_key(n)).collect();
                wrong.push(format!("connection {at} of {}, not {what}: {missing:?}", connections.len()));
            }
        }
    }
    let never: Vec<&u64> =
        read.stored.keys().chain(read.handed_on.keys()).filter(|n| !sent.contains(n)).collect();
    if !never.is_empty() {
        wrong.push(format!("there, and never sent: {never:?}"));
    }
    let (answered, questions) = (around.kamailio.answered(), around.kamailio.asked_last());
    let often: BTreeMap<&u64, &u64> = answered.iter().filter(|(_, times)| **times > 1).collect();
    let never: Vec<&u64> = questions.iter().filter(|n| !answered.contains_key(n)).collect();
    if !often.is_empty() || !never.is_empty() {
        wrong.push(format!("answered more than once: {often:?}, never: {never:?}"));
    }
    wrong
}

/// What OpenSIPS has raised is stored and handed on once at most, in order. Datagrams may be lost before that.
pub fn opensips(around: &Around) -> Vec<String> {
    let mut wrong = Vec::new();
    let read = read(around, "sbc", "opensips", &mut wrong);
    let (lives, last) = (around.sbc.lives(), around.sbc.last());
    for (at, life) in (1..).zip(&lives) {
        let life: Vec<u64> = life.clone().collect();
        wrong.extend(read.wrong_with(&life, at == lives.len()).map(|what| format!("life {at}: {what}")));
    }
    if read.stored.keys().last().is_none_or(|stored| *stored > last) {
        wrong.push(format!("{last} were raised, and stored are {:?}", read.stored.keys()));
    }
    wrong
}
