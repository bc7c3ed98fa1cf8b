//! Events of application servers are handed on as they end, by the rules of the configuration.

mod support;

use eventmanager::simulators::script::{Action, Rule};
use serde_json::Value;
use std::process::Command;
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, report, set_phone};
use support::peers::Peers;

const ROUTES: &str = "[[route]]\nsource = \"as*\"\nevent = \"User*\"\nto = [\"users\"]\n\
    [[route]]\nwhen = { status = \"failed\" }\nto = [\"failures\"]\n[[route]]\nevent = \"GroupAddRequest\"\nto = [\"groups\"]\n";

fn start(more: &str) -> (Peers, Site, Daemon) {
    let peers = Peers::start();
    let site = Site::new(&format!("{}{more}", peers.config("")));
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    (peers, site, daemon)
}

/// Topic and fields of the rows of the topic log.
fn handed_on(site: &Site) -> Vec<(String, Value)> {
    let database = site.database();
    let sql = "select topic, payload from em_topic_log order by sequence";
    let mut statement = database.prepare(sql).expect("a statement");
    let row = |row: &rusqlite::Row| Ok((row.get(0)?, row.get::<_, String>(1)?));
    let rows = statement.query_map([], row).expect("rows").collect::<Result<Vec<_>, _>>().expect("rows");
    rows.into_iter().map(|(topic, text)| (topic, serde_json::from_str(&text).expect("JSON"))).collect()
}

/// Waits for so many rows; topic, event, status and user of each.
#[track_caller]
fn wait(site: &Site, rows: usize) -> Vec<[String; 4]> {
    let handed_on = eventually(&format!("{rows} rows"), || {
        let rows_there = handed_on(site);
        (rows_there.len() >= rows).then_some(rows_there)
    });
    let field = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let row = |(topic, event): (String, Value)| {
        [topic, field(&event, "event"), field(&event, "status"), field(&event, "user")]
    };
    handed_on.into_iter().map(row).collect()
}

#[test]
fn an_event_is_handed_on_when_it_has_ended_and_a_retry_hands_it_on_once_more() {
    let (peers, site, daemon) = start(ROUTES);
    peers.ema.script(vec![Rule::new(Action::Hang)]);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    eventually("it is under way", || (site.count(&["pending"]) == 1).then_some(()));
    assert_eq!(handed_on(&site), []);
    peers.ema.script(Vec::new());
    assert_eq!(wait(&site, 1), [["users", "UserAddRequest", "completed", "anna@tele.gl"]]);
    // One that fails, and one with nothing to do.
    peers.broadworks.send(&set_phone(2, "nobody@tele.gl", "321044"));
    peers.broadworks.send(&report(3, "GroupAddRequest", "<groupId>g</groupId>"));
    let mut rows = wait(&site, 4);
    rows[1..].sort();
    let failed = |topic: &str| [topic, "UserModifyRequest", "failed", "nobody@tele.gl"].map(str::to_owned);
    let ignored = ["groups", "GroupAddRequest", "ignored", ""].map(str::to_owned);
    assert_eq!(rows[1..], [failed("failures"), ignored, failed("users")]);
    let (_, failure) = handed_on(&site).into_iter().find(|(topic, _)| topic == "failures").expect("a row");
    assert_eq!((&failure["attempt"], &failure["given_by"]), (&1.into(), &"admin@tele.gl".into()));
    assert!(failure["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{failure}");
    // Its subscriber comes, and it is retried.
    peers.broadworks.send(&add(4, "nobody@tele.gl"));
    wait(&site, 5);
    let retried = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args(["events", "retry", "2", "--force", "--yes", "--url", &format!("http://{}", daemon.http)])
        .output()
        .expect("it runs");
    assert!(retried.status.success(), "{}", String::from_utf8_lossy(&retried.stderr));
    assert_eq!(wait(&site, 6)[5], ["users", "UserModifyRequest", "completed", "nobody@tele.gl"]);
    assert_eq!(handed_on(&site)[5].1["attempt"], 2);
    let counted = |topic: &str| daemon.metric("eventmanager_handed_on_total", &format!("topic=\"{topic}\""));
    assert_eq!((counted("users"), counted("failures"), counted("groups")), (4.0, 1.0, 1.0));
}

#[test]
fn a_daemon_that_is_killed_hands_every_event_on_once() {
    let (peers, site, mut daemon) = start(ROUTES);
    for number in 0..60 {
        peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
        if number % 20 == 10 {
            eventually("some have ended", || (!handed_on(&site).is_empty()).then_some(()));
            daemon.kill();
            daemon = site.start();
            // What is sent to nobody is lost.
            eventually("it is connected", || {
                (daemon.metric("eventmanager_connection_up", "") == 1.0).then_some(())
            });
        }
    }
    eventually("the last has ended", || {
        let users: Vec<_> = wait(&site, 0).into_iter().map(|[_, _, _, user]| user).collect();
        (users.iter().any(|user| user == "user59@tele.gl") && site.count(&["pending"]) == 0).then_some(())
    });
    // In one transaction: there is a row for each event that has ended, and for no other.
    let mut users: Vec<String> = wait(&site, 0).into_iter().map(|[_, _, _, user]| user).collect();
    let rows = users.len();
    users.sort();
    users.dedup();
    assert_eq!((users.len(), rows), (site.count(&["completed"]) as usize, rows));
    drop(daemon);
}

#[test]
fn what_was_changed_is_handed_on_as_it_is_now_and_without_its_passwords() {
    let rules = "[[route]]\nsource = \"as1\"\nwhen = { change = \"*\" }\nto = [\"broadworks\"]\n";
    let (peers, site, _daemon) = start(rules);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    peers.broadworks.send(&set_phone(3, "nobody@tele.gl", "321045"));
    peers.broadworks.send(&report(4, "UserDeleteRequest", "<userId>anna@tele.gl</userId>"));
    wait(&site, 3);
    eventually("the one that fails has failed", || (site.count(&["failed"]) == 1).then_some(()));
    let changes: Vec<(String, String, String)> = handed_on(&site)
        .into_iter()
        .map(|(_, event)| {
            assert!(!event.to_string().contains("assword"), "{event}");
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&event["change"]), text(&event["entity"]["id"]), text(&event["entity"]["phone"]))
        })
        .collect();
    let expected = [("created", ""), ("updated", "321044"), ("deleted", "321044")];
    let expected = expected.map(|(change, phone)| (change.into(), "anna@tele.gl".into(), phone.into()));
    assert_eq!(changes, expected);
}
