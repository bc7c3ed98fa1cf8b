//! Those who follow: hubs, programs, NATS, and the peer at which we are registered.

use super::Around;
use super::arrivals::ids;
use super::oracle::log_of;
use super::programs::Frames;
use super::sources::numbers;
use super::watcher::Lines;
use crate::support::daemon::eventually;
use std::collections::{BTreeMap, BTreeSet};

/// Every receiver has every event of its topic in order; what came twice has the same id, and a reason.
pub fn hubs(around: &Around) -> Vec<String> {
    let mut wrong = Vec::new();
    for (topic, receiver) in &around.hubs.followed {
        let refused = around.hubs.refused(topic, receiver);
        match ids(&receiver.received(), around.ends() as usize, refused) {
            Err(reason) => wrong.push(format!("{topic}: {reason}")),
            Ok(ids) if ids == log_of(around, topic) => {}
            Ok(ids) => {
                wrong.push(format!("{topic}: {} of {} events", ids.len(), log_of(around, topic).len()))
            }
        }
    }
    let stored: BTreeSet<String> = around.base.column("select id from em_hub").into_iter().collect();
    if let Some(hub) = around.hubs.brief().filter(|hub| !stored.contains(hub)) {
        wrong.push(format!("the hub {hub} was answered and is not stored"));
    }
    wrong
}

/// A subscriber has got every event in the order of the log, and again only what stands behind the place that was kept before a kill.
pub fn subscriber(around: &Around) -> Vec<String> {
    let log = around
        .base
        .events("select sequence, payload from em_topic_log where topic = 'kamailio' order by sequence");
    let (sequences, payloads): (Vec<i64>, Vec<String>) = log.into_iter().filter_map(row).unzip();
    let log = numbers(&payloads);
    let places: BTreeMap<u64, usize> = log.iter().copied().zip(1..).collect();
    let (mut wrong, mut before, mut back) = (Vec::new(), 0, 0);
    for (at, n) in around.subscriber.got().into_iter().enumerate() {
        let Some(&place) = places.get(&n) else {
            wrong.push(format!("{n} was never handed on"));
            continue;
        };
        if place > before + 1 {
            wrong.push(format!("{n} comes too early: missing are {:?}", &log[before..place - 1]));
        }
        if place <= before {
            back += 1;
            let (sequence, kept) = (sequences[place - 1], around.subscriber.began(at));
            if kept.is_none_or(|kept| sequence <= kept) {
                wrong.push(format!("{n} comes again at {sequence}, and the place that was kept is {kept:?}"));
            }
        }
        before = place;
    }
    if before < log.len() {
        wrong.push(format!("at the end are missing {:?}", &log[before..]));
    }
    if back > around.ends() {
        wrong.push(format!("it goes back {back} times, and daemons have ended {} times", around.ends()));
    }
    wrong
}

fn row(row: Vec<Option<String>>) -> Option<(i64, String)> {
    let mut columns = row.into_iter().flatten();
    Some((columns.next()?.parse().ok()?, columns.next()?))
}

/// The log as a consumer gets it, each event once: sequence and id.
pub fn frames(around: &Around) -> Frames {
    let rows = around.base.events("select sequence, uuid from em_topic_log order by sequence");
    let mut seen = BTreeSet::new();
    rows.into_iter().filter_map(row).filter(|(_, id)| seen.insert(id.clone())).collect()
}

/// Over each connection a consumer gets a part of the log without holes, over the last one to its end.
pub fn consumer(around: &Around) -> Vec<String> {
    let log = frames(around);
    let places: BTreeMap<&(i64, String), usize> = log.iter().zip(0..).collect();
    let connections = around.consumer.connections();
    let mut wrong = Vec::new();
    for (number, got) in (1..).zip(&connections) {
        let at = got.first().and_then(|first| places.get(first)).copied().unwrap_or_default();
        let expected = &log[at..log.len().min(at + got.len())];
        if got != expected {
            let same = got.iter().zip(expected).take_while(|(got, expected)| got == expected).count();
            let (got, expected) = (got.get(same), expected.get(same));
            wrong.push(format!("connection {number}, event {same}: {got:?} in the place of {expected:?}"));
        }
    }
    if connections.last().and_then(|got| got.last()) != log.last() {
        wrong.push(format!("the last connection has not come to the end, {:?}", log.last()));
    }
    wrong
}

/// Ids of what is to be published, in order: everything but what has come from there.
pub fn published(around: &Around) -> Vec<String> {
    around.base.column("select uuid from em_topic_log where source <> 'nats' order by sequence")
}

/// Everything is published once and in order, and what was fed in is in the log once.
pub fn bus(around: &Around) -> Vec<String> {
    let mut wrong = Vec::new();
    let ids: Vec<String> = around.bus.published().into_iter().map(|message| message.id).collect();
    let expected = published(around);
    if ids != expected {
        let at = ids.iter().zip(&expected).take_while(|(id, expected)| id == expected).count();
        wrong.push(format!("{} of {} are published; they differ from {at} on", ids.len(), expected.len()));
    }
    let taken_in = around.base.column("select uuid from em_topic_log where source = 'nats' order by uuid");
    let mut fed = around.bus.fed();
    fed.sort();
    if taken_in != fed {
        wrong.push(format!("{} are taken in of {} that were fed in", taken_in.len(), fed.len()));
    }
    wrong
}

/// The page shows each event that there is, as it has ended.
pub fn watcher(around: &Around) -> Vec<String> {
    let (shown, there_are) = (around.watcher.shown(), stored(around));
    let differs = |id: &&i64| shown.get(id) != there_are.get(id);
    let ids: BTreeSet<&i64> = shown.keys().chain(there_are.keys()).collect();
    let wrong = ids.into_iter().filter(differs);
    wrong.map(|id| format!("shows {id} as {:?}, and it is {:?}", shown.get(id), there_are.get(id))).collect()
}

/// How many events the page shows as they are.
pub fn shown_well(around: &Around) -> u64 {
    let shown = around.watcher.shown();
    stored(around).iter().filter(|(id, status)| shown.get(id) == Some(status)).count() as u64
}

/// The status of each event.
pub fn stored(around: &Around) -> Lines {
    let rows = around.base.events("select id, status from em_event");
    rows.into_iter().filter_map(row).collect()
}

/// We are registered at the peer once, and know it.
pub fn registrations(around: &Around) -> Vec<String> {
    let hubs = around.registry.hubs();
    let known = eventually("the registration is stored", || {
        let known = around.base.column("select hub from em_registration order by hub");
        let is_it = hubs.iter().map(|hub| hub.id.clone()).eq(known.iter().cloned());
        is_it.then_some(known)
    });
    if known.len() == 1 { Vec::new() } else { vec![format!("at the peer: {hubs:?}")] }
}
