//! What must be true when nothing is under way any more, whatever has happened to the daemon before.

use super::Around;
use super::order;
use crate::support::daemon::{Daemon, PATIENCE, eventually};
use eventmanager::plan::{Subscriber, UserType};
use eventmanager::wire::Secret;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// What is wrong with one part.
type Check = fn(&Around) -> Vec<String>;

/// Compares everything; says what is wrong with all of it at once.
#[track_caller]
pub fn check(around: &Around, daemon: &Daemon) {
    settle(around);
    let mut wrong = around.life.wrong();
    let checks: [(&str, Check); 11] = [
        ("events", events),
        ("HSS, ENUM, mail and srd_user", portal),
        ("order at the HSS", order::check),
        ("posted", posted),
        ("hubs", hubs),
        ("scripts", scripts),
        ("OpenSIPS", opensips),
        ("EVI", subscriber),
        ("EVAPI", consumer),
        ("NATS", bus),
        ("registrations", registrations),
    ];
    for (part, check) in checks {
        wrong.extend(check(around).into_iter().map(|what| format!("{part}: {what}")));
    }
    assert!(
        wrong.is_empty(),
        "seed {}: {wrong:#?}\n{}\n{}",
        around.seed,
        lost(daemon),
        last_lines(&daemon.log())
    );
    around.fleet.settle(daemon);
}

/// What the daemon says of what it has not kept.
fn lost(daemon: &Daemon) -> String {
    let metrics = daemon.get("/metrics").1;
    let parts = ["dropped", "duplicates", "lost", "refused", "gaps"];
    let is_one = |line: &&str| !line.starts_with('#') && parts.iter().any(|part| line.contains(part));
    metrics.lines().filter(is_one).filter(|line| !line.ends_with(" 0")).collect::<Vec<_>>().join("\n")
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// Everybody is connected, has had something that is the last of all, and nothing is under way.
#[track_caller]
fn settle(around: &Around) {
    let connections = ["as1", "k1", "sbc", "pbx0", "pbx1", "nats", "nats_consume"].map(str::to_owned);
    for connection in connections.into_iter().chain([around.registry.name()]) {
        eventually(&format!("{connection} is up"), || around.life.is_connected(&connection).then_some(()));
    }
    let base = &around.base;
    let stored = |source: &str, n: u64| {
        let sql = format!("select count(*) from em_event where source = '{source}' and event like '%{n}%'");
        base.count(&sql).is_some_and(|count| count > 0)
    };
    let n = eventually("a script is connected", || around.kamailio.send());
    eventually("the last event of a script is stored", || stored("k1", n).then_some(()));
    let n = eventually("OpenSIPS has a subscriber", || around.sbc.raise());
    eventually("the last event of OpenSIPS is stored", || stored("sbc", n).then_some(()));
    around.bus.feed();
    eventually("nothing is pending", || {
        (base.count("select count(*) from em_event where status = 'pending'") == Some(0)).then_some(())
    });
    eventually("all that was fed in is acknowledged", || around.bus.is_taken_in().then_some(()));
    follow(
        around,
        "hubs",
        || around.hubs.followed.iter().map(|(_, to)| newest(to) as u64).sum(),
        || {
            let topics = around.hubs.followed.iter().map(|(topic, _)| log_of(around, topic).len() as u64);
            topics.sum()
        },
    );
    follow(around, "NATS", || around.bus.published_count(), || published(around).len() as u64);
    let got = || around.subscriber.got().into_iter().collect::<BTreeSet<u64>>().len() as u64;
    follow(around, "EVI", got, || log_of(around, "kamailio").len() as u64);
    eventually("the peer knows us", || (around.registry.hubs().len() == 1).then_some(()));
}

/// Waits until a follower has come as far as it should, for as long as it comes any further.
#[track_caller]
fn follow(around: &Around, who: &str, come: impl Fn() -> u64, wanted: impl Fn() -> u64) {
    let (wanted, mut last, mut since) = (wanted(), come(), Instant::now());
    while last < wanted && since.elapsed() < PATIENCE / 3 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let now = come();
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    // What is missing is told by the check that follows.
    if last < wanted {
        around.life.tell_wrong(format!("{who} has come to {last} of {wanted}"));
    }
}

fn newest(receiver: &super::receiver::Receiver) -> i64 {
    receiver.latest().map_or(0, |request| request.sequence())
}

/// The ids of the events of a topic, in the order of the log.
fn log_of(around: &Around, topic: &str) -> Vec<String> {
    around.base.column(&format!("select uuid from em_topic_log where topic = '{topic}' order by sequence"))
}

/// What stands in a field `n` of these texts.
fn numbers(texts: &[String]) -> Vec<u64> {
    let n = |text: &String| {
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let n = &value["n"];
        n.as_u64().or_else(|| n.as_str()?.parse().ok()).expect("a number")
    };
    texts.iter().map(n).collect()
}

fn is_rising(numbers: &[u64]) -> bool {
    numbers.windows(2).all(|pair| pair[0] < pair[1])
}

/// Every event has ended, in one attempt, as it should, and is handed on once.
fn events(around: &Around) -> Vec<String> {
    let reason = "select reason from em_journal where uuid = em_event.uuid order by attempt desc limit 1";
    let sql = &format!(
        "select notification_id, status, coalesce(({reason}), note, ''), uuid from em_event where source = 'as1' order by id"
    );
    let rows: Vec<Vec<String>> = around
        .base
        .events(sql)
        .into_iter()
        .map(|row| row.into_iter().map(Option::unwrap_or_default).collect())
        .collect();
    let completes = around.portal.completes();
    let mut wrong = Vec::new();
    if rows.len() != completes.len() {
        wrong.push(format!("{} rows of {} documents", rows.len(), completes.len()));
    }
    for (number, (row, completes)) in (1..).zip(rows.iter().zip(completes)) {
        let expected = if completes { "completed" } else { "ignored" };
        if row[0] != format!("write{number}") || row[1] != expected {
            wrong.push(format!("document {number} should be {expected}, and there is {row:?}"));
        }
    }
    let again = around.base.events("select uuid, attempt from em_journal where attempt > 1");
    wrong.extend(again.iter().map(|row| format!("attempted again: {row:?}")));
    let handed_on: BTreeSet<String> = log_of(around, "broadworks").into_iter().collect();
    let ended: BTreeSet<String> = rows.iter().map(|row| row[3].clone()).collect();
    let apart: Vec<&String> = handed_on.symmetric_difference(&ended).collect();
    if !apart.is_empty() {
        wrong.push(format!("ended and not handed on, or the other way round: {apart:?}"));
    }
    wrong
}

/// HSS, ENUM, mail server and `srd_user` hold what the portal has asked for.
fn portal(around: &Around) -> Vec<String> {
    let (core, mail, rows) = (around.peers.ema.state(), around.peers.surgemail.state(), subscribers(around));
    let mut wrong = Vec::new();
    around.portal.with_traffic(|traffic| {
        wrong.extend(traffic.wrong_passwords(&core).into_iter().map(|user| format!("password of {user}")));
        let (core, expected) = (core.without_passwords(), traffic.expected_state());
        if core != expected {
            wrong.push(format!("the core holds otherwise than it should: {}", other_lines(&core, &expected)));
        }
        if mail != traffic.expected_mail() {
            wrong.push(format!("mail is {mail:?} and should be {:?}", traffic.expected_mail()));
        }
        if rows != traffic.expected_subscribers() {
            let show = |rows: &[Subscriber]| rows.iter().map(|row| format!("{row:?}\n")).collect::<String>();
            let (rows, expected) = (show(&rows), show(&traffic.expected_subscribers()));
            wrong.push(format!("srd_user: {}", other_lines(&rows, &expected)));
        }
    });
    wrong
}

/// The lines that one of two texts alone has.
fn other_lines(are: impl ToString, should_be: impl ToString) -> String {
    let (are, should_be) = (are.to_string(), should_be.to_string());
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<String>>();
    let (are, should_be) = (lines(&are), lines(&should_be));
    format!(
        "has {:?}, lacks {:?}",
        are.difference(&should_be).collect::<Vec<_>>(),
        should_be.difference(&are).collect::<Vec<_>>()
    )
}

/// The rows of `srd_user`, by user id.
fn subscribers(around: &Around) -> Vec<Subscriber> {
    let sql = "select id, group_id, sipurl, user_type, phonecontext, association_id, e164, vmail_user,
                vmail_password, blf_user from srd_user";
    let row = |row: Vec<Option<String>>| {
        let mut columns = row.into_iter();
        let mut next = || columns.next().flatten();
        Subscriber {
            user_id: next().unwrap_or_default(),
            group_id: next(),
            public_identity: next().unwrap_or_default(),
            user_type: UserType::parse(&next().unwrap_or_default()).expect("a user type"),
            phone_context: next(),
            association_id: next().unwrap_or_default(),
            phone: next(),
            mail_account: next(),
            mail_password: next().map(Secret::new),
            blf_list: next(),
        }
    };
    let mut rows: Vec<Subscriber> = around.base.subscribers(sql).into_iter().map(row).collect();
    rows.sort_by(|a, b| a.user_id.cmp(&b.user_id));
    rows
}

/// What was posted and answered is in the log, once and in the order in which it was posted.
fn posted(around: &Around) -> Vec<String> {
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

/// Every receiver has every event of its topic in order; what came twice has the same id.
fn hubs(around: &Around) -> Vec<String> {
    let mut wrong = Vec::new();
    for (topic, receiver) in &around.hubs.followed {
        match super::hubs::ids(&receiver.received()) {
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

/// What scripts have sent is stored once at most and in order, all of the last connection; every question is answered once at most.
fn scripts(around: &Around) -> Vec<String> {
    let mut wrong = Vec::new();
    let stored = numbers(&around.base.column("select event from em_event where source = 'k1' order by id"));
    let log = "select payload from em_topic_log where topic = 'kamailio' order by sequence";
    let handed_on = numbers(&around.base.column(log));
    let sent = around.kamailio.sent();
    let (events, questions) = around.kamailio.of_last_connection();
    for (what, numbers) in [("stored", &stored), ("handed on", &handed_on)] {
        let known: BTreeSet<u64> = numbers.iter().copied().collect();
        if !is_rising(numbers) || !known.is_subset(&sent) {
            wrong.push(format!("{what}, twice or out of order: {numbers:?}"));
        }
        let missing: Vec<u64> = events.iter().copied().filter(|n| !known.contains(n)).collect();
        if !missing.is_empty() {
            wrong.push(format!("not {what} of the last connection: {missing:?}"));
        }
    }
    let answered = around.kamailio.answered();
    let often: BTreeMap<&u64, &u64> = answered.iter().filter(|(_, times)| **times > 1).collect();
    let never: Vec<&u64> = questions.iter().filter(|n| !answered.contains_key(n)).collect();
    if !often.is_empty() || !never.is_empty() {
        wrong.push(format!("answered more than once: {often:?}, never: {never:?}"));
    }
    wrong
}

/// What OpenSIPS has raised is stored and handed on once at most, in order.
fn opensips(around: &Around) -> Vec<String> {
    let text = "select payload from em_topic_log where topic = 'opensips' order by sequence";
    let handed_on = numbers(&around.base.column(text));
    let stored = around.base.count("select count(*) from em_event where source = 'sbc'").unwrap_or_default();
    let mut wrong = Vec::new();
    if !is_rising(&handed_on) || handed_on.last().is_none_or(|last| *last > around.sbc.last()) {
        wrong.push(format!("twice or out of order: {handed_on:?}"));
    }
    if stored == 0 || stored > around.sbc.last() {
        wrong.push(format!("{stored} are stored of {}", around.sbc.last()));
    }
    wrong
}

/// A subscriber has got every event, and no other.
fn subscriber(around: &Around) -> Vec<String> {
    let log = "select payload from em_topic_log where topic = 'kamailio' order by sequence";
    let log: BTreeSet<u64> = numbers(&around.base.column(log)).into_iter().collect();
    let got: BTreeSet<u64> = around.subscriber.got().into_iter().collect();
    let missing: Vec<&u64> = log.difference(&got).collect();
    let alien: Vec<&u64> = got.difference(&log).collect();
    if missing.is_empty() && alien.is_empty() {
        return Vec::new();
    }
    vec![format!("missing: {missing:?}, never handed on: {alien:?}")]
}

/// Over each connection a consumer gets a part of the log, in order and each event once.
fn consumer(around: &Around) -> Vec<String> {
    let rows = around.base.events("select sequence, uuid from em_topic_log");
    let log: BTreeSet<(i64, String)> = rows
        .into_iter()
        .filter_map(|row| {
            let mut columns = row.into_iter().flatten();
            Some((columns.next()?.parse().ok()?, columns.next()?))
        })
        .collect();
    let is_right = |frames: &super::programs::Frames| {
        frames.windows(2).all(|pair| pair[0].0 < pair[1].0) && frames.iter().all(|frame| log.contains(frame))
    };
    let connections = around.consumer.connections();
    let frames: usize = connections.iter().map(Vec::len).sum();
    let mut wrong: Vec<String> = connections
        .iter()
        .filter(|frames| !is_right(frames))
        .map(|frames| format!("twice, out of order or not in the log: {frames:?}"))
        .collect();
    if frames == 0 {
        wrong.push("nothing was ever sent".to_owned());
    }
    wrong
}

/// Ids of what is to be published, in order: everything but what has come from there.
fn published(around: &Around) -> Vec<String> {
    around.base.column("select uuid from em_topic_log where source <> 'nats' order by sequence")
}

/// Everything is published once and in order, and what was fed in is in the log once.
fn bus(around: &Around) -> Vec<String> {
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

/// We are registered at the peer once, and know it.
fn registrations(around: &Around) -> Vec<String> {
    let hubs = around.registry.hubs();
    let known = eventually("the registration is stored", || {
        let known = around.base.column("select hub from em_registration order by hub");
        let is_it = hubs.iter().map(|hub| hub.id.clone()).eq(known.iter().cloned());
        is_it.then_some(known)
    });
    if known.len() == 1 { Vec::new() } else { vec![format!("at the peer: {hubs:?}")] }
}
