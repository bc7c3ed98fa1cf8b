//! One database of PostgreSQL, two daemons: one acts, the other waits until it may.

mod support;

use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator};
use eventmanager::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator};
use eventmanager::simulators::script::{Action, Rule};
use std::time::Duration;
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, report, set_phone};
use support::peers::{any, config};
use support::postgres::{Cluster, execute, query};

/// A daemon's site with peers of its own, so that they show who acts.
struct Own {
    broadworks: BroadworksHandle,
    ema: EmaHandle,
    site: Site,
}

impl Own {
    /// `user` is that of the database.
    fn start(cluster: &Cluster, user: &str) -> Own {
        let broadworks = BroadworksSimulator::start(any()).expect("an application server");
        let ema = EmaSimulator::start(EmaOptions::default()).expect("an ema");
        let url = cluster.url("postgres").replace("postgres@", &format!("{user}@"));
        let config =
            config(&broadworks.addr().to_string(), &ema.url(), "") + &format!("[store]\nevents = {url:?}\n");
        Own { site: Site::new(&config), broadworks, ema }
    }

    /// Requests to HSS and ENUM that its gateway has got.
    fn requests(&self) -> u64 {
        let counts = self.ema.counts();
        counts.hss + counts.enumerations
    }
}

/// A server with two users who may do everything, and the two sites of their daemons.
fn two() -> (Cluster, Own, Own) {
    let cluster = Cluster::start();
    for user in ["one", "two"] {
        execute(&cluster.url("postgres"), &format!("create role {user} superuser login")).expect("a role");
    }
    let (one, two) = (Own::start(&cluster, "one"), Own::start(&cluster, "two"));
    (cluster, one, two)
}

#[track_caller]
fn wait_ready(daemon: &Daemon) {
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
}

#[track_caller]
fn wait_refused(daemon: &Daemon) {
    eventually("it says why it is not ready", || {
        let (status, body) = daemon.get("/readyz");
        (status == 503 && body.contains("another eventmanager uses this database")).then_some(())
    });
}

/// Status and subscriber of every event, in the order of their rows.
fn events(cluster: &Cluster) -> Vec<String> {
    let sql = "select status || ' ' || substring(event from '(anna|bo|cecilie)@') from em_event order by id";
    let rows = query(&cluster.url("postgres"), sql).unwrap_or_default();
    rows.concat().into_iter().map(|text| text.expect("a text")).collect()
}

#[track_caller]
fn wait_events(cluster: &Cluster, expected: &[&str]) {
    eventually(&format!("events are {expected:?}"), || (events(cluster) == expected).then_some(()));
}

#[test]
fn a_second_daemon_on_one_postgresql_database_waits_until_the_first_has_ended() {
    let (cluster, one, two) = two();
    let first = one.site.start();
    wait_ready(&first);
    let second = two.site.start();
    wait_refused(&second);
    two.broadworks.send(&add(1, "anna@tele.gl"));
    one.broadworks.send(&add(2, "bo@tele.gl"));
    wait_events(&cluster, &["completed bo"]);
    assert_eq!(two.requests(), 0, "the second does nothing");
    assert_eq!(first.terminate(), Some(0));
    wait_ready(&second);
    wait_events(&cluster, &["completed bo", "completed anna"]);
    // The other way round, and by force, with an event under way.
    let first = one.site.start();
    wait_refused(&first);
    two.ema.script(vec![Rule::new(Action::Hang).contains("cecilie@tele.gl")]);
    two.broadworks.send(&add(3, "cecilie@tele.gl"));
    eventually("it is under way", || (two.ema.counts().unanswered == 1).then_some(()));
    let before = one.requests();
    second.kill();
    wait_ready(&first);
    wait_events(&cluster, &["completed bo", "completed anna", "completed cecilie"]);
    assert!(
        one.requests() > before && one.ema.holds() == (2, 0),
        "what was left half done is done by the first"
    );
}

/// The daemon lives on, but its sessions end in the middle of an event, and with them its hold of the database.
#[test]
fn a_daemon_that_loses_its_database_to_another_stops_acting() {
    let (cluster, one, two) = two();
    let url = cluster.url("postgres");
    let admin = |sql: &str| execute(&url, sql).expect("done");
    let first = one.site.start();
    wait_ready(&first);
    let second = two.site.start();
    wait_refused(&second);
    // Until the database is gone; what the answer says cannot be committed then.
    one.ema.set_latency(Duration::from_secs(2));
    one.broadworks.send(&add_with_phone(1, "anna@tele.gl", "321044"));
    eventually("the first request is under way", || (one.requests() == 1).then_some(()));
    admin("alter role one nologin");
    admin("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'one'");
    wait_ready(&second);
    // It does what the first has left, and then something else about the same subscriber.
    wait_events(&cluster, &["completed anna"]);
    two.broadworks.send(&set_phone(2, "anna@tele.gl", "321045"));
    wait_events(&cluster, &["completed anna", "completed anna"]);
    admin("alter role one login");
    wait_refused(&first);
    one.broadworks.send(&add(3, "bo@tele.gl"));
    two.broadworks.send(&add(4, "cecilie@tele.gl"));
    wait_events(&cluster, &["completed anna", "completed anna", "completed cecilie"]);
    eventually("the first has its answer, and has read what came", || {
        let answered = first.metric("eventmanager_southbound_request_seconds_count", "hss");
        let read = first.metric("eventmanager_events_received_total", "");
        (answered == 1.0 && read == 2.0).then_some(())
    });
    assert_eq!(one.requests(), 1, "{:?}", one.ema.calls());
    let phone =
        || query(&url, "select e164 from srd_user where id = 'anna@tele.gl'").map(|rows| rows.concat());
    let expected = Ok(vec![Some("321045".to_owned())]);
    assert_eq!(phone(), expected);
    // It has forgotten nothing, and does what is its own as soon as it may.
    assert_eq!(second.terminate(), Some(0));
    wait_ready(&first);
    wait_events(&cluster, &["completed anna", "completed anna", "completed cecilie", "completed bo"]);
    assert_eq!(one.requests(), 2, "{:?}", one.ema.calls());
}

/// UserAddRequest of somebody with a phone: several requests.
fn add_with_phone(id: u64, user: &str, phone: &str) -> String {
    let body = format!("<groupId>g</groupId><userId>{user}</userId><phoneNumber>{phone}</phoneNumber>");
    report(id, "UserAddRequest17sp4", &body)
}
