//! One database of PostgreSQL, two daemons: one acts, the other waits until it may.

mod support;

use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator};
use eventmanager::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator};
use eventmanager::simulators::script::{Action, Rule};
use std::collections::HashSet;
use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, report, set_phone};
use support::peers::config;
use support::ports::any;
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
        let config = config(&broadworks.addr().to_string(), &ema.url(), "") + &store(cluster, user);
        Own { site: Site::new(&config), broadworks, ema }
    }

    /// It only stores what it receives.
    fn without_gateway(self, cluster: &Cluster, user: &str) -> Own {
        let address = self.broadworks.addr().to_string();
        let config =
            format!("[[broadworks]]\nname = \"as1\"\naddress = {address:?}\n") + &store(cluster, user);
        Own { site: Site::new(&config), ..self }
    }

    /// It provisions the core of the other.
    fn with_gateway_of(self, other: &Own, cluster: &Cluster, user: &str) -> Own {
        let address = self.broadworks.addr().to_string();
        Own { site: Site::new(&(config(&address, &other.ema.url(), "") + &store(cluster, user))), ..self }
    }

    /// Requests to HSS and ENUM that its gateway has got.
    fn requests(&self) -> u64 {
        let counts = self.ema.counts();
        counts.hss + counts.enumerations
    }
}

/// The section that names the database.
fn store(cluster: &Cluster, user: &str) -> String {
    let url = cluster.url("postgres").replace("postgres@", &format!("{user}@"));
    format!("[store]\nevents = {url:?}\n")
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
/// The lock of the one daemon that has the database, as a session has it whose daemon was killed.
const LEFT_BEHIND: &str = "select pg_advisory_lock(x'6576656e746d6772'::bigint), pg_sleep(0.6)";
/// Events of a script, ten milliseconds apart.
const CALLS: usize = 60;

#[test]
fn what_comes_right_behind_a_kill_is_stored_though_the_session_of_the_dead_has_not_ended_yet() {
    let cluster = Cluster::start();
    let kamailio = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = kamailio.local_addr().expect("an address");
    let script = format!("[[kamailio]]\nname = \"k1\"\naddress = \"{address}\"\n[[route]]\nstore = true\n");
    let site = Site::new(&(script + &store(&cluster, "postgres")));
    let locked = "select count(*) from pg_locks where locktype = 'advisory' and granted";
    let url = cluster.url("postgres");
    std::thread::scope(|scope| {
        scope.spawn(|| execute(&url, LEFT_BEHIND).expect("it sleeps"));
        eventually("it is locked", || {
            (query(&url, locked) == Ok(vec![vec![Some("1".to_owned())]])).then_some(())
        });
        let daemon = site.start();
        let (mut client, _) = kamailio.accept().expect("it connects");
        for _ in 0..CALLS {
            client.write_all(br#"16:{"event":"call"},"#).expect("sent");
            std::thread::sleep(Duration::from_millis(10));
        }
        let stored = "select count(*) from em_event";
        eventually("all are stored", || {
            (query(&url, stored) == Ok(vec![vec![Some(CALLS.to_string())]])).then_some(())
        });
        assert_eq!(daemon.metric("eventmanager_left_to_other_total", ""), 0.0);
    });
}

#[test]
fn a_daemon_that_loses_its_database_to_another_stops_acting() {
    let (cluster, one, two) = two();
    let url = cluster.url("postgres");
    let first = one.site.start();
    wait_ready(&first);
    let second = two.site.start();
    wait_refused(&second);
    // Until the database is gone; what the answer says cannot be committed then.
    one.ema.set_latency(Duration::from_secs(2));
    one.broadworks.send(&add_with_phone(1, "anna@tele.gl", "321044"));
    eventually("the first request is under way", || (one.requests() == 1).then_some(()));
    throw_out(&cluster);
    wait_ready(&second);
    // It does what the first has left, and then something else about the same subscriber.
    wait_events(&cluster, &["completed anna"]);
    two.broadworks.send(&set_phone(2, "anna@tele.gl", "321045"));
    wait_events(&cluster, &["completed anna", "completed anna"]);
    let_in(&cluster);
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

/// Steps of all events as they stand in the journal.
fn steps(cluster: &Cluster) -> Vec<Vec<Option<String>>> {
    let sql = "select uuid::text, position::text, state, marked::text from em_step order by uuid, attempt, position";
    query(&cluster.url("postgres"), sql).expect("the steps")
}

/// The phone of anna as her row has it.
fn phone(cluster: &Cluster) -> Option<String> {
    let sql = "select e164 from srd_user where id = 'anna@tele.gl'";
    query(&cluster.url("postgres"), sql).expect("the row").concat().into_iter().next().flatten()
}

/// A gateway that has done what the first daemon has asked for and does not answer, a database that throws the daemon out
/// meanwhile, and a second daemon that has taken it over.
fn replaced(cluster: &Cluster, one: &Own, two: &Own) -> (Daemon, Daemon) {
    let first = one.site.start();
    wait_ready(&first);
    let second = two.site.start();
    wait_refused(&second);
    one.broadworks.send(&add(1, "bo@tele.gl"));
    wait_events(cluster, &["completed bo"]);
    let before = one.requests();
    one.ema.hold_answers(true);
    one.broadworks.send(&add_with_phone(2, "anna@tele.gl", "321044"));
    eventually("a request is under way", || (one.requests() == before + 1).then_some(()));
    throw_out(cluster);
    wait_ready(&second);
    (first, second)
}

/// The first daemon loses its database, and the second may have it.
fn throw_out(cluster: &Cluster) {
    let admin = |sql: &str| execute(&cluster.url("postgres"), sql).expect("done");
    admin("alter role one nologin");
    admin("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'one'");
}

/// The first daemon gets its answer.
#[track_caller]
fn wait_answered(first: &Daemon, one: &Own) {
    one.ema.hold_answers(false);
    eventually("it has its answer", || {
        let answered = first.metric("eventmanager_southbound_request_seconds_count", "hss");
        (answered as u64 == one.requests()).then_some(())
    });
}

fn let_in(cluster: &Cluster) {
    execute(&cluster.url("postgres"), "alter role one login").expect("done");
}

#[test]
fn a_daemon_that_was_replaced_does_not_write_over_its_successor() {
    let (cluster, one, two) = two();
    let (first, second) = replaced(&cluster, &one, &two);
    wait_events(&cluster, &["completed bo", "completed anna"]);
    two.broadworks.send(&set_phone(3, "anna@tele.gl", "321045"));
    wait_events(&cluster, &["completed bo", "completed anna", "completed anna"]);
    assert_eq!(second.terminate(), Some(0));
    assert_eq!(phone(&cluster).as_deref(), Some("321045"));
    let left = steps(&cluster);
    // What the answer says is kept until there is a database again.
    let answered = one.requests();
    wait_answered(&first, &one);
    let_in(&cluster);
    wait_ready(&first);
    // It is committed before what comes now.
    one.broadworks.send(&add(4, "cecilie@tele.gl"));
    wait_events(&cluster, &["completed bo", "completed anna", "completed anna", "completed cecilie"]);
    assert_eq!(phone(&cluster).as_deref(), Some("321045"), "the row is the successor's");
    let now = steps(&cluster);
    assert!(left.iter().all(|step| now.contains(step)), "{left:?} has become {now:?}");
    assert_eq!(one.requests(), answered + 1, "{:?}", one.ema.calls());
}

#[test]
fn an_answer_is_recorded_where_the_successor_has_not_touched_its_step() {
    let (cluster, one, two) = two();
    let two = two.without_gateway(&cluster, "two");
    let (first, second) = replaced(&cluster, &one, &two);
    two.broadworks.send(&add(3, "cecilie@tele.gl"));
    wait_events(&cluster, &["completed bo", "pending anna", "ignored cecilie"]);
    assert_eq!(second.terminate(), Some(0));
    let_in(&cluster);
    wait_ready(&first);
    // The request is still under way.
    wait_answered(&first, &one);
    wait_events(&cluster, &["completed bo", "completed anna", "ignored cecilie"]);
    let row = query(&cluster.url("postgres"), "select id from srd_user where id = 'anna@tele.gl'");
    assert_eq!(row.map(|rows| rows.len()), Ok(1), "with its change of the subscriber");
    let calls = one.ema.calls();
    let sent: Vec<_> = calls.iter().map(|call| (call.step, &call.mo_id, &call.subject)).collect();
    let about_anna: Vec<_> = sent.iter().filter(|(_, mo_id, _)| !mo_id.is_empty()).collect();
    let once: HashSet<_> = about_anna.iter().collect();
    assert_eq!(once.len(), about_anna.len(), "nothing is sent again: {sent:?}");
}

#[test]
fn a_daemon_that_was_replaced_does_first_what_its_successor_has_left() {
    let (cluster, one, two) = two();
    let two = two.with_gateway_of(&one, &cluster, "two");
    let first = one.site.start();
    wait_ready(&first);
    let second = two.site.start();
    wait_refused(&second);
    one.broadworks.send(&add_with_phone(1, "anna@tele.gl", "321044"));
    wait_events(&cluster, &["completed anna"]);
    throw_out(&cluster);
    wait_ready(&second);
    one.ema.script(vec![Rule::new(Action::Hang).contains("321046").times(1)]);
    two.broadworks.send(&set_phone(2, "anna@tele.gl", "321046"));
    eventually("it is under way", || (one.ema.counts().unanswered == 1).then_some(()));
    second.kill();
    one.broadworks.send(&set_phone(3, "anna@tele.gl", "321047"));
    let_in(&cluster);
    wait_events(&cluster, &["completed anna", "completed anna", "completed anna"]);
    assert_eq!(phone(&cluster).as_deref(), Some("321047"), "the later one is the last");
}
