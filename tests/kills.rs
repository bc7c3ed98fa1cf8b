//! Nothing is lost and nothing is done twice, whenever the process is killed.

mod support;

use eventmanager::simulators::ema::Outcome;
use eventmanager::simulators::traffic::{Traffic, TrafficOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, set_phone};
use support::peers::Peers;
use support::steps::{Looks, PLANS, STEPS, Steps};

const KILLS: u64 = 50;
const DOCUMENTS: u64 = 20;

/// Looks at what its journal holds, while there is no daemon.
fn look(looks: &mut Looks, site: &Site, peers: &Peers) {
    let database = site.database();
    let mut statement = database.prepare(STEPS).expect("a statement");
    let row = |row: &rusqlite::Row| Ok((row.get(0)?, row.get::<_, u32>(1)? as usize, row.get(2)?));
    let rows = statement.query_map([], row).expect("rows").map(|row| row.expect("a row"));
    looks.look(&peers.ema, rows);
}

/// The gateway was asked for each step in its order, and again only for one that a look has found without an answer.
#[track_caller]
fn check_steps(looks: &Looks, site: &Site, peers: &Peers) {
    let database = site.database();
    let mut statement = database.prepare(PLANS).expect("a statement");
    let row = |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?));
    let plans = statement.query_map([], row).expect("rows").map(|row| row.expect("a row"));
    let wrong = Steps::new(plans, &peers.ema.calls(), looks, &[]).wrong();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let (twice, open) = (peers.ema.created_twice(), looks.open());
    assert!(twice.refused <= open, "{twice:?}, and {open} steps were without an answer at a kill");
}

/// Returns as soon as the gateway is asked for so many things more, or nothing is left to be done.
fn ask_on(peers: &Peers, site: &Site, more: u64) {
    let before = peers.ema.counts();
    eventually("the gateway is asked", || {
        let counts = peers.ema.counts();
        let asked = counts.hss + counts.enumerations - before.hss - before.enumerations;
        (asked >= more || site.count(&["pending"]) == 0).then_some(())
    });
}

/// Kills the daemon fifty times while it provisions, each time at another moment, and compares what came of it with
/// what the portal asked for: an event lost, a step left out or done twice, or two events out of order would show.
#[test]
fn a_daemon_killed_fifty_times_ends_every_event_and_creates_nothing_twice() {
    let peers = Peers::start();
    peers.ema.set_latency(Duration::from_millis(3));
    let site = Site::new(&peers.config(""));
    let mut traffic = Traffic::new(3, TrafficOptions { users: 60, ..TrafficOptions::default() });
    let mut sent = 0;
    let (mut interrupted, mut looks) = (0, Looks::default());
    for kill in 0..KILLS {
        let daemon = site.start();
        for message in traffic.by_ref().take(DOCUMENTS as usize) {
            peers.broadworks.send(&message.document);
        }
        sent += DOCUMENTS;
        // What was sent is on disk: OCI-R has no acknowledgement, so only what we have read can be asked of us.
        support::daemon::eventually("what was sent is stored", || {
            (site.count(&["pending", "completed", "failed", "ignored"]) >= sent).then_some(())
        });
        ask_on(&peers, &site, 1 + kill % 25);
        daemon.kill();
        look(&mut looks, &site, &peers);
        interrupted += u64::from(site.count(&["pending"]) > 0);
    }
    assert!(interrupted > KILLS / 2, "only {interrupted} kills met an event under way");
    let _daemon = site.start();
    site.wait_ended(sent);
    assert_eq!(site.count(&["failed"]), 0, "{:?}", site.events().iter().find(|row| row.status == "failed"));
    assert_eq!(site.events().len() as u64, sent);
    peers.check(&traffic, &site);
    check_steps(&looks, &site, &peers);
}

/// What is handed on with the verdict cannot be read: what was answered is recorded meanwhile, and is not done once more after a kill.
#[test]
fn an_event_of_which_all_is_answered_and_nothing_decided_yet_is_not_run_again_after_a_kill() {
    let peers = Peers::start();
    let site = Site::quiet("");
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    let apart = site.directory.path().join("subscribers.db");
    let store = format!("\n[store]\nsubscribers = \"sqlite:{}\"\n", apart.display());
    let route = "\n[[route]]\nsource = \"as1\"\nto = [\"users\"]\n";
    std::fs::write(site.config(), text + &peers.config("") + &store + route).expect("written");
    // The first two are for its keys and its plan. More would be if it came before the tables are there, or before it is
    // known what is paused.
    let daemon = site.start_with_orders("store.subscribers.read.before=unavailable@3-").expect("it serves");
    eventually("it is ready and knows what is paused", || {
        let is_ready = daemon.get("/readyz").0 == 200;
        (is_ready && !daemon.get("/api/v1/systems").1.contains(r#""state":"unknown""#)).then_some(())
    });
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    eventually("it is stored", || (site.count(&["pending"]) == 1).then_some(()));
    eventually("all steps are recorded as done", || {
        let sql = "select count(*), count(*) filter (where state = 'done') from em_step";
        let counts: (i64, i64) =
            site.database().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).ok()?;
        (counts.0 > 0 && counts.0 == counts.1).then_some(())
    });
    assert_eq!(site.count(&["pending"]), 1);
    daemon.kill();
    let asked = peers.ema.counts().hss;
    let _daemon = site.start();
    site.wait_ended(1);
    assert_eq!(site.count(&["completed"]), 1, "{:?}", site.events());
    assert_eq!(peers.ema.counts().hss, asked, "nothing is asked again");
    let sql = "select count(*) from em_topic_log where topic = 'users'";
    let handed_on: i64 = site.database().query_row(sql, [], |row| row.get(0)).expect("a count");
    assert_eq!(handed_on, 1);
}

/// Kills that land while documents come in without a pause.
const INTAKE_KILLS: usize = 10;
const USERS: u64 = 12;
/// So many documents are on their way at most.
const AHEAD: u64 = 300;

fn user(number: u64) -> String {
    format!("user{}@tele.gl", number % USERS)
}

/// The phone that the document of this number gives.
fn phone(number: u64) -> String {
    format!("{}", 300_000 + number)
}

/// A stored document: its row, and the number that it was sent with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stored {
    id: i64,
    uuid: String,
    number: u64,
}

/// The documents that give phones, in the order of their rows, from behind a row on.
fn stored(site: &Site, after: i64) -> Vec<Stored> {
    let database = site.database();
    let sql = "select id, uuid, notification_id from em_event where id > ?1 and command like 'UserModify%' order by id";
    let mut statement = database.prepare(sql).expect("a statement");
    let row = |row: &rusqlite::Row| {
        let notification: String = row.get(2)?;
        let number = notification.trim_start_matches("write").parse().expect("a number");
        Ok(Stored { id: row.get(0)?, uuid: row.get(1)?, number })
    };
    statement.query_map([after], row).expect("rows").collect::<Result<_, _>>().expect("rows")
}

/// Row and uuid of whatever the API tells of the latest events.
fn told(daemon: &Daemon) -> Vec<(i64, String)> {
    let (status, body) = daemon.get("/api/v1/events?limit=500");
    assert_eq!(status, 200, "{body}");
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let events = body["events"].as_array().expect("events");
    let pair = |event: &serde_json::Value| Some((event["id"].as_i64()?, event["uuid"].as_str()?.to_owned()));
    events.iter().map(|event| pair(event).expect("id and uuid")).collect()
}

/// What one life of the daemon is sent.
struct Stream<'a> {
    peers: &'a Peers,
    /// The number of the last document.
    sent: &'a AtomicU64,
    /// The last that is known to be stored; those before this life count as such.
    stored: AtomicU64,
    is_going: AtomicBool,
}

impl Stream<'_> {
    /// Sends document after document in small bursts.
    fn run(&self) {
        while self.is_going.load(Ordering::Relaxed) {
            let ahead = self.sent.load(Ordering::Relaxed) - self.stored.load(Ordering::Relaxed);
            for _ in 0..if ahead < AHEAD { 8 } else { 0 } {
                send_next(self.peers, self.sent);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn send_next(peers: &Peers, sent: &AtomicU64) -> u64 {
    let number = sent.fetch_add(1, Ordering::Relaxed) + 1;
    peers.broadworks.send(&set_phone(number, &user(number), &phone(number)));
    number
}

/// Ends the stream when it is dropped, also by a panic.
struct Stop<'a>(&'a Stream<'a>);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.is_going.store(false, Ordering::Relaxed);
    }
}

/// OCI-R has no acknowledgement, so what was on its way at a kill may be lost; what anybody could have seen may not.
#[test]
fn a_daemon_killed_while_events_arrive_keeps_whatever_could_be_seen_as_stored() {
    let peers = Peers::start();
    let site = Site::quiet(&peers.config(""));
    let daemon = site.start();
    (0..USERS).for_each(|number| peers.broadworks.send(&add(900_000 + number, &user(number))));
    site.wait_ended(USERS);
    assert_eq!(daemon.terminate(), Some(0));
    let mut random = fastrand::Rng::with_seed(32);
    let (sent, mut seen) = (AtomicU64::new(0), BTreeSet::new());
    let (mut lives, mut looks) = (Vec::<Vec<Stored>>::new(), Looks::default());
    for _ in 0..INTAKE_KILLS {
        let last = lives.last().and_then(|life| life.last()).map_or(0, |row| row.id);
        let (count, pause) = (random.usize(1..40), Duration::from_micros(random.u64(0..3000)));
        let daemon = site.start();
        let before = AtomicU64::new(sent.load(Ordering::Relaxed));
        let stream = Stream { peers: &peers, sent: &sent, stored: before, is_going: AtomicBool::new(true) };
        std::thread::scope(|scope| {
            scope.spawn(|| stream.run());
            let _stop = Stop(&stream);
            eventually("some are stored", || {
                seen.extend(told(&daemon));
                let rows = stored(&site, last);
                let is_enough = rows.len() >= count;
                let number = rows.last().map_or(0, |row| row.number);
                stream.stored.fetch_max(number, Ordering::Relaxed);
                seen.extend(rows.into_iter().map(|row| (row.id, row.uuid)));
                is_enough.then_some(())
            });
            std::thread::sleep(pause);
            daemon.kill();
        });
        look(&mut looks, &site, &peers);
        lives.push(stored(&site, last));
    }
    let _daemon = site.start();
    let number = send_next(&peers, &sent);
    eventually("the last document is stored", || {
        stored(&site, 0).last().is_some_and(|last| last.number == number).then_some(())
    });
    let rows = stored(&site, 0);
    let before: usize = lives.iter().map(Vec::len).sum();
    lives.push(rows[before..].to_vec());
    assert_eq!(rows, lives.concat(), "rows that were there after a kill are there at the end");
    let kept: BTreeSet<_> = rows.iter().map(|row| (row.id, row.uuid.clone())).collect();
    let gone: Vec<_> =
        seen.iter().filter(|(id, _)| *id > USERS as i64).filter(|row| !kept.contains(*row)).collect();
    assert!(gone.is_empty(), "seen as stored, and gone: {gone:?}");
    check_order(&lives);
    site.wait_ended(USERS + rows.len() as u64);
    assert_eq!(site.count(&["completed"]), USERS + rows.len() as u64, "{:?}", site.events());
    check_done_once(&peers, &rows);
    check_steps(&looks, &site, &peers);
}

/// Between two kills what is stored is a run of what was sent, without holes; what is missing was on its way at a kill.
#[track_caller]
fn check_order(lives: &[Vec<Stored>]) {
    let mut lost = 0;
    for life in lives {
        let numbers: Vec<u64> = life.iter().map(|row| row.number).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "a hole, or twice: {numbers:?}");
    }
    for pair in lives.windows(2) {
        let (last, next) = (pair[0].last().expect("rows").number, pair[1].first().expect("rows").number);
        assert!(next > last, "{next} was stored after {last}, and again");
        lost += next - last - 1;
    }
    assert!(lost > 0, "no kill has met a document on its way: nothing was proved");
}

/// Every stored event has given its phone once, those of a user in the order in which they were stored.
#[track_caller]
fn check_done_once(peers: &Peers, rows: &[Stored]) {
    let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for call in peers.ema.calls() {
        if call.step == "Create ENUM" && call.outcome == Outcome::Success {
            given.entry(call.subject).or_default().push(call.mo_id);
        }
    }
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        let identity = format!("sip:{}", user(row.number));
        expected.entry(identity).or_default().push(format!("tel:299{}", phone(row.number)));
    }
    assert_eq!(given, expected);
    assert_eq!(peers.ema.created_twice().applied_again, 0);
    let held: BTreeSet<String> = peers.ema.state().enum_records.into_keys().collect();
    assert_eq!(held, expected.into_values().filter_map(|mut phones| phones.pop()).collect());
}
