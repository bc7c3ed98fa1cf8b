//! A panic in any actor is contained, counted and made good: no event is lost, and none is done twice.

mod support;

use eventmanager::simulators::script::{Action, Rule};
use eventmanager::simulators::traffic::{Traffic, TrafficOptions};
use eventmanager::supervision::Exit;
use std::time::Duration;
use support::daemon::{Site, eventually};
use support::documents::{Profile, add, service_add, set_phone};
use support::inside::Inside;
use support::peers::Peers;

const LANES: usize = 4;
/// Peers, and a site with few lanes, so that a crash of one of them is likely to meet an event.
fn site() -> (Peers, Site) {
    let peers = Peers::start();
    let config =
        peers.config("").replace("[processing]\n", &format!("[processing]\nconcurrency = {LANES}\n"));
    (peers, Site::new(&config))
}

/// A stream of documents, and what must have become of it.
struct Stream {
    traffic: Traffic,
    sent: u64,
}

impl Stream {
    fn new(seed: u64) -> Stream {
        let options = TrafficOptions { users: 30, ..TrafficOptions::default() };
        Stream { traffic: Traffic::new(seed, options), sent: 0 }
    }

    fn send(&mut self, peers: &Peers, documents: usize) {
        for message in self.traffic.by_ref().take(documents) {
            peers.broadworks.send(&message.document);
            self.sent += 1;
        }
    }

    /// Every event has ended as it should, none is missing, and all that the peers and we hold is as asked.
    #[track_caller]
    fn check(&self, peers: &Peers, site: &Site) {
        site.wait_ended(self.sent);
        let events = site.events();
        let failed: Vec<_> = events.iter().filter(|row| row.status == "failed").collect();
        assert!(failed.is_empty(), "{failed:?}");
        assert_eq!(events.len() as u64, self.sent, "a row for every document");
        peers.check(&self.traffic, site);
    }
}

/// The restarts that `/metrics` counts of the actor at a path.
fn counted(daemon: &Inside, path: &str) -> f64 {
    support::http::metric(daemon.http, "eventmanager_actor_restarts_total", &format!("{path}\""))
}

#[test]
fn a_panic_in_any_actor_under_load_loses_no_event_and_is_counted() {
    let (peers, site) = site();
    peers.ema.set_latency(Duration::from_millis(4));
    let daemon = Inside::start(&site);
    let (mut workers, _) = daemon.paths();
    // What stood in the buffers of its connection would be lost with it: OCI-R has no acknowledgement.
    workers.retain(|path| path != "connections/as1");
    let managers = ["managers/ema", "managers/hss", "managers/enum", "managers/mail"];
    for kind in ["store/events", "store/sweeper"].into_iter().chain(managers) {
        assert!(workers.iter().any(|path| path == kind), "{kind} is none of {workers:?}");
    }
    for kind in ["processors/", "routing/lanes/lane-", "routing/router", "connections/intake", "api"] {
        assert!(workers.iter().any(|path| path.starts_with(kind)), "{kind} is none of {workers:?}");
    }
    let mut stream = Stream::new(11);
    let before: Vec<f64> = workers.iter().map(|path| counted(&daemon, path)).collect();
    for _ in 0..2 {
        for path in &workers {
            stream.send(&peers, 12);
            eventually("events run", || (site.count(&["pending"]) > 0).then_some(()));
            daemon.crash(path);
        }
    }
    stream.check(&peers, &site);
    for (path, before) in workers.iter().zip(before) {
        assert!(daemon.actor(path).expect("an actor").restarts >= 2, "{path}");
        assert!(counted(&daemon, path) - before >= 2.0, "{path} is not counted");
    }
    assert_eq!(daemon.get("/healthz").status, 200);
    assert_eq!(daemon.get("/readyz").status, 200);
    assert_eq!(daemon.stop(), Exit::Normal);
}

#[test]
fn a_panic_in_any_supervisor_under_load_loses_no_event() {
    let (peers, site) = site();
    peers.ema.set_latency(Duration::from_millis(4));
    let daemon = Inside::start(&site);
    let (_, mut supervisors) = daemon.paths();
    supervisors.retain(|path| path != "connections");
    assert_eq!(supervisors.len(), 6, "{supervisors:?}");
    let mut stream = Stream::new(12);
    for path in &supervisors {
        stream.send(&peers, 20);
        eventually("events run", || (site.count(&["pending"]) > 0).then_some(()));
        daemon.crash(path);
    }
    stream.check(&peers, &site);
    daemon.crash("connections");
    stream.send(&peers, 20);
    stream.check(&peers, &site);
    assert_eq!(daemon.stop(), Exit::Normal);
}

#[test]
fn a_connection_that_panics_is_made_anew_and_takes_what_comes_then() {
    let (peers, site) = site();
    let daemon = Inside::start(&site);
    let mut stream = Stream::new(13);
    for round in 1..=3 {
        stream.send(&peers, 20);
        stream.check(&peers, &site);
        daemon.crash("connections/as1");
        eventually("it is connected anew", || (peers.broadworks.connections() > round).then_some(()));
    }
    stream.send(&peers, 20);
    stream.check(&peers, &site);
}

#[test]
fn a_router_that_panics_while_lanes_run_does_nothing_twice() {
    let (peers, site) = site();
    peers.ema.set_latency(Duration::from_millis(150));
    let daemon = Inside::start(&site);
    for round in 0..3u64 {
        let before = peers.ema.counts().hss;
        for number in 0..6 {
            let user = format!("user{round}.{number}@tele.gl");
            peers.broadworks.send(&add(1, &user));
            peers.broadworks.send(&set_phone(2, &user, &format!("3210{round}{number}")));
        }
        eventually("every lane has a request under way", || {
            (peers.ema.counts().hss >= before + LANES as u64).then_some(())
        });
        daemon.crash("routing/router");
        site.wait_ended(12 * (round + 1));
    }
    assert_eq!(site.count(&["failed"]), 0, "{:?}", site.events());
    assert_eq!(peers.ema.holds().0, 18);
    assert_eq!(peers.ema.created_twice().applied_again, 0);
    // The tree says why the lanes were started anew: one for all.
    assert!(daemon.actor("routing/lanes").expect("lanes").restarts >= 3);
}

#[test]
fn a_lane_that_panics_in_mid_request_repeats_only_its_own_event() {
    let (peers, site) = site();
    peers.ema.set_latency(Duration::from_millis(300));
    let daemon = Inside::start(&site);
    for user in 0..LANES {
        peers.broadworks.send(&add(user as u64, &format!("user{user}@tele.gl")));
    }
    eventually("every lane has a request under way", || {
        (peers.ema.counts().hss == LANES as u64).then_some(())
    });
    daemon.crash("routing/lanes/lane-1");
    site.wait_ended(LANES as u64);
    assert_eq!(site.count(&["completed"]), LANES as u64, "{:?}", site.events());
    assert_eq!(peers.ema.holds().0, LANES);
    let twice = peers.ema.created_twice();
    assert_eq!((twice.refused, twice.applied_again), (1, 0), "one request was asked again");
}

#[test]
fn an_event_over_which_lanes_panic_again_and_again_fails_and_the_others_end() {
    let (peers, site) = site();
    peers.ema.script(vec![Rule::new(Action::Hang).contains("poison@tele.gl")]);
    let daemon = Inside::start(&site);
    peers.broadworks.send(&add(1, "poison@tele.gl"));
    // Idle lanes are taken in the order of their numbers, the last to be freed first.
    for attempt in 1..=3 {
        eventually("it is under way", || (peers.ema.counts().unanswered >= attempt).then_some(()));
        daemon.crash("routing/lanes/lane-1");
    }
    peers.broadworks.send(&add(2, "anna@tele.gl"));
    site.wait_ended(2);
    let events = site.events();
    assert_eq!((events[0].status.as_str(), events[1].status.as_str()), ("failed", "completed"));
    assert!(events[0].reason.contains("actors failed over it 3 times"), "{}", events[0].reason);
    let counted = r#"eventmanager_events_total{command="UserAddRequest",status="failed"} 1"#;
    assert!(daemon.get("/metrics").body.contains(counted), "it is counted as any other");
}

#[test]
fn a_crash_over_an_event_that_was_put_back_is_the_first_of_its_attempt() {
    let (peers, site) = site();
    peers.ema.script(vec![Rule::new(Action::Hang).contains("poison@tele.gl")]);
    let daemon = Inside::start(&site);
    // A command of its own: other tests count what became of theirs.
    let hunt_group = service_add(1, "HuntGroup", "KNI-014", "poison@tele.gl", Profile::default());
    peers.broadworks.send(&hunt_group);
    for attempt in 1..=3 {
        eventually("it is under way", || (peers.ema.counts().unanswered >= attempt).then_some(()));
        daemon.crash("routing/lanes/lane-1");
    }
    site.wait_ended(1);
    assert_eq!(site.count(&["failed"]), 1);
    peers.ema.script(Vec::new());
    let database = site.database();
    assert_eq!(database.execute("update em_event set status = 'pending'", ()), Ok(1));
    // Nothing of its new attempt can be stored before the crash.
    database.execute_batch("begin immediate").expect("the database is held");
    daemon.crash("routing/router");
    eventually("it is run", || {
        let status = daemon.get("/api/v1/status").json();
        (status["backlog"]["running"] == 1).then_some(())
    });
    daemon.crash("routing/lanes/lane-1");
    database.execute_batch("rollback").expect("the database is free");
    site.wait_ended(1);
    assert_eq!(site.count(&["completed"]), 1, "{:?}", site.events());
    let first: String = database
        .query_row("select reason from em_journal where attempt = 1", [], |row| row.get(0))
        .expect("its first attempt");
    assert!(first.contains("actors failed over it 3 times"), "{first}");
}

#[test]
fn an_intake_that_panics_with_a_delivery_in_flight_stores_it_once() {
    let (peers, site) = site();
    let daemon = Inside::start(&site);
    let mut stream = Stream::new(14);
    stream.send(&peers, 10);
    stream.check(&peers, &site);
    for _ in 0..3 {
        let database = site.database();
        database.execute_batch("begin immediate").expect("the database is held");
        stream.send(&peers, 50);
        eventually("they are read", || (peers.broadworks.sent() >= stream.sent).then_some(()));
        daemon.crash("connections/intake");
        stream.send(&peers, 50);
        database.execute_batch("rollback").expect("the database is free");
        stream.check(&peers, &site);
    }
}

#[test]
fn a_writer_that_panics_with_a_batch_in_hand_commits_it_once() {
    let (peers, site) = site();
    let daemon = Inside::start(&site);
    let mut stream = Stream::new(15);
    stream.send(&peers, 10);
    stream.check(&peers, &site);
    for _ in 0..3 {
        let database = site.database();
        database.execute_batch("begin immediate").expect("the database is held");
        stream.send(&peers, 50);
        eventually("they are read", || (peers.broadworks.sent() >= stream.sent).then_some(()));
        let held = std::thread::spawn(move || {
            // Longer than the crash needs to arrive, shorter than the writer's patience with a locked database.
            std::thread::sleep(Duration::from_millis(300));
            database.execute_batch("rollback").expect("the database is free");
        });
        daemon.crash("store/events");
        held.join().expect("released");
        stream.check(&peers, &site);
    }
    assert_eq!(daemon.stop(), Exit::Normal);
}

/// While nothing is in flight: of a session whose login is cut short nobody ever knows.
#[test]
fn a_gateway_that_panics_hands_its_sessions_back_all_the_same() {
    let (peers, site) = site();
    let daemon = Inside::start(&site);
    for round in 0..3 {
        for user in 0..8 {
            peers.broadworks.send(&add(user, &format!("user{round}.{user}@tele.gl")));
        }
        site.wait_ended(8 * (round + 1));
        daemon.crash("managers/ema");
    }
    peers.broadworks.send(&add(99, "anna@tele.gl"));
    site.wait_ended(25);
    assert_eq!(site.count(&["completed"]), 25);
    assert_eq!(daemon.stop(), Exit::Normal);
    assert!(peers.ema.open_sessions().is_empty(), "{:?}", peers.ema.open_sessions());
}
