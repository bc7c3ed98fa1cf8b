//! `order = "strict"` and `on_failure = "hold"`.

mod support;

use eventmanager::simulators::script::{Action, Rule};
use std::time::Duration;
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, drop_phone, set_phone};
use support::http;
use support::peers::Peers;

fn site(processing: &str) -> (Peers, Site) {
    let peers = Peers::start();
    let config = peers.config("").replace("[processing]\n", &format!("[processing]\n{processing}\n"));
    (peers, Site::new(&config))
}

/// A daemon whose store has been opened.
fn start(site: &Site) -> Daemon {
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    daemon
}

fn statuses(site: &Site) -> String {
    site.events().iter().map(|row| row.status.as_str()).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn wait_statuses(site: &Site, expected: &str) {
    eventually(&format!("statuses are {expected:?}"), || (statuses(site) == expected).then_some(()));
}

/// Fails the next phone given to Anna.
fn fail_once(peers: &Peers) {
    let fault = Action::Fault { code: 4006, detail_code: Some(1), style: Default::default() };
    peers.ema.script(vec![Rule::new(fault).op("Create").mo("DNS").times(1)]);
}

fn resolve(site: &Site, id: i64, status: &str) {
    let changed = site.database().execute("update em_event set status = ? where id = ?", (status, id));
    assert_eq!(changed, Ok(1));
}

#[test]
fn strict_order_runs_one_event_after_the_other() {
    let (peers, site) = site("order = \"strict\"");
    // The first is slow: side by side the others would overtake it.
    peers.ema.script(vec![Rule::delay(Duration::from_millis(300)).contains("user0@tele.gl")]);
    let _daemon = start(&site);
    for number in 0..10 {
        peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
    }
    site.wait_ended(10);
    assert_eq!(site.count(&["completed"]), 10);
    let creates: Vec<String> = peers
        .ema
        .calls()
        .into_iter()
        .filter(|call| call.operation == "Create")
        .map(|call| call.mo_id)
        .collect();
    let state = peers.ema.state();
    let users: Vec<&str> = creates.iter().map(|id| state.associations[id].private_user_id.as_str()).collect();
    let expected: Vec<String> = (0..10).map(|number| format!("user{number}@tele.gl")).collect();
    assert_eq!(users, expected);
}

#[test]
fn by_subject_a_slow_event_holds_up_nobody_else() {
    let (peers, site) = site("");
    peers.ema.script(vec![Rule::delay(Duration::from_secs(2)).contains("user0@tele.gl")]);
    let _daemon = start(&site);
    for number in 0..10 {
        peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
    }
    eventually("the others are done", || (site.count(&["completed"]) == 9).then_some(()));
    assert_eq!(site.count(&["pending"]), 1);
    site.wait_ended(10);
}

#[test]
fn a_failed_event_holds_its_subject_until_it_is_resolved() {
    let (peers, site) = site("on_failure = \"hold\"");
    let _daemon = start(&site);
    fail_once(&peers);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    peers.broadworks.send(&drop_phone(3, "anna@tele.gl"));
    peers.broadworks.send(&add(4, "bo@tele.gl"));
    wait_statuses(&site, "completed failed pending completed");
    // Whoever wants the phone waits as well; others go on.
    peers.broadworks.send(&set_phone(5, "bo@tele.gl", "321044"));
    peers.broadworks.send(&add(6, "cecilie@tele.gl"));
    wait_statuses(&site, "completed failed pending completed pending completed");
    resolve(&site, 2, "ignored");
    wait_statuses(&site, "completed ignored completed completed failed completed");
    // What Anna's half-done phone left in the HSS fails Bo's: he is held now.
    resolve(&site, 5, "ignored");
    peers.broadworks.send(&set_phone(7, "bo@tele.gl", "321055"));
    wait_statuses(&site, "completed ignored completed completed ignored completed completed");
}

#[test]
fn a_failed_event_holds_its_subject_across_a_restart() {
    let (peers, site) = site("on_failure = \"hold\"");
    let daemon = start(&site);
    fail_once(&peers);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    peers.broadworks.send(&drop_phone(3, "anna@tele.gl"));
    wait_statuses(&site, "completed failed pending");
    assert_eq!(daemon.terminate(), Some(0));
    let daemon = start(&site);
    peers.broadworks.send(&set_phone(4, "anna@tele.gl", "321055"));
    peers.broadworks.send(&add(5, "bo@tele.gl"));
    wait_statuses(&site, "completed failed pending pending completed");
    daemon.kill();
    let _daemon = start(&site);
    peers.broadworks.send(&add(6, "cecilie@tele.gl"));
    wait_statuses(&site, "completed failed pending pending completed completed");
    // Put back to be tried again: it goes on where it failed, and those that wait follow.
    resolve(&site, 2, "pending");
    wait_statuses(&site, "completed completed completed completed completed completed");
    assert_eq!(peers.ema.state().enum_records.into_keys().collect::<Vec<_>>(), ["tel:299321055"]);
}

#[test]
fn what_failed_while_failures_held_nobody_holds_nobody_later() {
    let (peers, site) = site("on_failure = \"continue\"");
    let daemon = start(&site);
    fail_once(&peers);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    wait_statuses(&site, "completed failed");
    assert_eq!(daemon.terminate(), Some(0));
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    std::fs::write(site.config(), text.replace("\"continue\"", "\"hold\"")).expect("written");
    let daemon = start(&site);
    peers.broadworks.send(&drop_phone(3, "anna@tele.gl"));
    peers.broadworks.send(&add(4, "bo@tele.gl"));
    wait_statuses(&site, "completed failed completed completed");
    // What fails from now on does, also after a restart.
    fail_once(&peers);
    peers.broadworks.send(&set_phone(5, "bo@tele.gl", "321055"));
    peers.broadworks.send(&drop_phone(6, "bo@tele.gl"));
    wait_statuses(&site, "completed failed completed completed failed pending");
    daemon.kill();
    let _daemon = start(&site);
    peers.broadworks.send(&drop_phone(7, "anna@tele.gl"));
    wait_statuses(&site, "completed failed completed completed failed pending completed");
}

#[test]
fn an_event_that_has_begun_goes_on_before_one_that_was_put_back_when_the_daemon_is_killed() {
    let (peers, site) = site("");
    let daemon = start(&site);
    fail_once(&peers);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    wait_statuses(&site, "completed failed");
    peers.ema.script(vec![Rule::new(Action::Hang).op("Create").mo("DNS")]);
    peers.broadworks.send(&set_phone(3, "anna@tele.gl", "321055"));
    eventually("it has begun", || (peers.ema.counts().unanswered == 1).then_some(()));
    let body = "{\"force\": true}";
    let head =
        "POST /api/v1/events/2/retry HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let answer = http::send(daemon.http, &format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()));
    assert_eq!(answer.status, 200, "{}", answer.body);
    daemon.kill();
    peers.ema.script(Vec::new());
    let before = peers.ema.calls().len();
    let _daemon = start(&site);
    wait_statuses(&site, "completed completed completed");
    let calls = peers.ema.calls().split_off(before);
    let first = calls.iter().find(|call| call.mo_id.contains("3210")).expect("a request about a phone");
    assert!(first.mo_id.contains("321055"), "the one that had begun goes on first: {calls:?}");
    // The one that was put back comes last, and its number is what stays.
    assert_eq!(peers.ema.state().enum_records.into_keys().collect::<Vec<_>>(), ["tel:299321044"]);
}

#[test]
fn a_number_whose_deletion_is_sent_again_is_given_to_nobody_before() {
    let (peers, site) = site("");
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    let path = site.directory.path().join("subscribers.db");
    let store = format!("[store]\nsubscribers = \"sqlite:{}\"\n", path.display());
    std::fs::write(site.config(), text + &store).expect("written");
    let daemon = start(&site);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    peers.broadworks.send(&add(3, "bo@tele.gl"));
    wait_statuses(&site, "completed completed completed");
    // Its last request is carried out, and its effect stored in the other database, but not that it was answered.
    peers.ema.script(vec![Rule::new(Action::ProcessAndHang).op("Delete").mo("DNS")]);
    peers.broadworks.send(&drop_phone(4, "anna@tele.gl"));
    eventually("it is sent", || (peers.ema.counts().unanswered == 1).then_some(()));
    daemon.kill();
    let subscribers = rusqlite::Connection::open(&path).expect("the subscribers");
    let changed = subscribers.execute("update srd_user set e164 = null where id = 'anna@tele.gl'", ());
    assert_eq!(changed, Ok(1));
    drop(subscribers);
    peers.ema.script(vec![Rule::new(Action::Status(503)).op("Delete").mo("DNS")]);
    let daemon = start(&site);
    peers.broadworks.send(&set_phone(5, "bo@tele.gl", "321044"));
    peers.broadworks.send(&add(6, "cecilie@tele.gl"));
    wait_statuses(&site, "completed completed completed pending pending completed");
    eventually("both wait", || {
        let status = http::get(daemon.http, "/api/v1/status", "").json();
        (status["backlog"]["unfinished"] == 2).then_some(())
    });
    peers.ema.script(Vec::new());
    wait_statuses(&site, "completed completed completed completed completed completed");
    assert_eq!(peers.ema.state().enum_records.into_keys().collect::<Vec<_>>(), ["tel:299321044"]);
}
