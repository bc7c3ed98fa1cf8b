//! What must be true when nothing is under way any more, whatever has happened to the daemon before.

use super::Around;
use super::{agents, followers, operators, provisioned, sources};
use crate::support::daemon::{Daemon, PATIENCE, eventually};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What is waited for longer than this is told.
const SLOW: Duration = Duration::from_secs(1);

/// What is wrong with one part.
type Check = fn(&Around) -> Vec<String>;

/// Compares everything; says what is wrong with all of it at once.
#[track_caller]
pub fn check(around: &Around, daemon: &Daemon) {
    settle(around);
    let mut wrong = around.life.wrong();
    let checks: [(&str, Check); 15] = [
        ("events", provisioned::events),
        ("HSS, ENUM, mail and srd_user", provisioned::portal),
        ("steps", provisioned::steps),
        ("posted", sources::posted),
        ("scripts", sources::scripts),
        ("OpenSIPS", sources::opensips),
        ("hubs", followers::hubs),
        ("EVI", followers::subscriber),
        ("EVAPI", followers::consumer),
        ("NATS", followers::bus),
        ("registrations", followers::registrations),
        ("agents", agents::differences),
        ("stream", followers::watcher),
        ("acts", operators::acts),
        ("what operators have decided", operators::decided),
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
    let connections = ["as1", "as2", "k1", "sbc", "pbx0", "pbx1", "pbx2", "here", "nats", "nats_consume"]
        .map(str::to_owned);
    for connection in connections.into_iter().chain([around.registry.name()]) {
        settled(&format!("{connection} is up"), || around.life.is_connected(&connection).then_some(()));
    }
    let base = &around.base;
    let is_there = |source: &str, topic: &str, n: u64| {
        let stored =
            format!("select event from em_event where source = '{source}' order by id desc limit 100");
        let logged = format!(
            "select payload from em_topic_log where topic = '{topic}' order by sequence desc limit 100"
        );
        [stored, logged].iter().all(|sql| sources::numbers(&base.column(sql)).contains(&n))
    };
    let n = settled("a script is connected", || around.kamailio.send());
    settled("the last event of a script is there", || is_there("k1", "kamailio", n).then_some(()));
    let n = settled("OpenSIPS has a subscriber", || around.sbc.raise());
    settled("the last event of OpenSIPS is there", || is_there("sbc", "opensips", n).then_some(()));
    around.bus.feed();
    settled("nothing is pending", || {
        (base.count("select count(*) from em_event where status = 'pending'") == Some(0)).then_some(())
    });
    settled("all that was fed in is acknowledged", || around.bus.is_taken_in().then_some(()));
    follow(
        around,
        "hubs",
        || around.hubs.followed.iter().map(|(_, to)| newest(to) as u64).sum(),
        || {
            let topics = around.hubs.followed.iter().map(|(topic, _)| log_of(around, topic).len() as u64);
            topics.sum()
        },
    );
    follow(around, "NATS", || around.bus.published_count(), || followers::published(around).len() as u64);
    let got = || around.subscriber.got().into_iter().collect::<BTreeSet<u64>>().len() as u64;
    follow(around, "EVI", got, || log_of(around, "kamailio").len() as u64);
    let got =
        || around.consumer.connections().last().and_then(|got| got.last()).map_or(0, |last| last.0 as u64);
    let end = || followers::frames(around).last().map_or(0, |last| last.0 as u64);
    follow(around, "EVAPI", got, end);
    settled("the place of EVI is kept", || (around.evi_place() as u64 >= end()).then_some(()));
    follow(around, "the page", || followers::shown_well(around), || followers::stored(around).len() as u64);
    follow(around, "agents", || u64::from(agents::differences(around).is_empty()), || 1);
    settled("the peer knows us", || (around.registry.hubs().len() == 1).then_some(()));
}

/// As [`eventually`], and tells what takes long.
#[track_caller]
fn settled<T>(what: &str, holds: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    let value = eventually(what, holds);
    tell_slow(what, began);
    value
}

/// Whatever is slow to come to rest is seen.
fn tell_slow(what: &str, began: Instant) {
    if began.elapsed() > SLOW {
        println!("{what}: after {:?}", began.elapsed());
    }
}

/// Waits until a follower has come as far as it should, for as long as it comes any further.
#[track_caller]
fn follow(around: &Around, who: &str, come: impl Fn() -> u64, wanted: impl Fn() -> u64) {
    let began = Instant::now();
    let (wanted, mut last, mut since) = (wanted(), come(), began);
    while last < wanted && since.elapsed() < PATIENCE / 3 {
        std::thread::sleep(Duration::from_millis(50));
        let now = come();
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    tell_slow(who, began);
    // What is missing is told by the check that follows.
    if last < wanted {
        around.life.tell_wrong(format!("{who} has come to {last} of {wanted}"));
    }
}

fn newest(receiver: &super::receiver::Receiver) -> i64 {
    receiver.latest().map_or(0, |request| request.sequence())
}

/// The ids of the events of a topic, in the order of the log.
pub fn log_of(around: &Around, topic: &str) -> Vec<String> {
    around.base.column(&format!("select uuid from em_topic_log where topic = '{topic}' order by sequence"))
}
