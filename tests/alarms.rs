//! Alarms of a running daemon: raised and cleared as events of the topic `alarm`, each once, whatever restarts in between.

mod support;

use serde_json::Value;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, set_phone};
use support::http;
use support::peers::Peers;

/// Name, change and object of all alarms, in their order.
fn alarms(site: &Site) -> Vec<(String, String, Value)> {
    // The daemon may be making it still.
    if !site.directory.path().join("events.db").exists() {
        return Vec::new();
    }
    let database = site.database();
    let sql = "select name, payload from em_topic_log where topic = 'alarm' order by sequence";
    let Ok(mut statement) = database.prepare(sql) else { return Vec::new() };
    let row = |row: &rusqlite::Row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let rows: Vec<_> = statement.query_map([], row).expect("rows").collect::<Result<_, _>>().expect("rows");
    let parse = |(name, payload): (String, String)| {
        let mut payload: Value = serde_json::from_str(&payload).expect("JSON");
        (name, payload["change"].as_str().expect("a change").to_owned(), payload["entity"].take())
    };
    rows.into_iter().map(parse).collect()
}

/// Waits until there are so many; the last of them.
#[track_caller]
fn wait(site: &Site, count: usize) -> (String, String, Value) {
    let alarm = eventually(&format!("there are {count} alarms"), || alarms(site).get(count - 1).cloned());
    assert_eq!(alarms(site).len(), count);
    alarm
}

/// A server that takes connections and says nothing.
fn listen(address: Option<SocketAddr>) -> TcpListener {
    let address = address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
    eventually("the address is free", || TcpListener::bind(address).ok())
}

fn config(address: SocketAddr) -> String {
    format!("[event_management]\n{}", server("as1", address))
}

fn server(name: &str, address: SocketAddr) -> String {
    format!("[[broadworks]]\nname = \"{name}\"\naddress = \"{address}\"\n")
}

#[test]
fn a_lost_connection_is_an_alarm_until_it_is_back_and_a_restart_changes_nothing() {
    let (down, other) = (listen(None), listen(None));
    let address = down.local_addr().expect("an address");
    drop(down);
    let as2 = server("as2", other.local_addr().expect("an address"));
    let site = Site::new(&(config(address) + &as2));
    let daemon = site.start();
    let (name, change, raised) = wait(&site, 1);
    assert_eq!((name.as_str(), change.as_str()), ("connection_lost", "created"));
    assert_eq!(raised["alarmedObject"], serde_json::json!({"id": "as1", "@referredType": "connection"}));
    assert_eq!((&raised["state"], &raised["perceivedSeverity"]), (&"raised".into(), &"major".into()));

    daemon.kill();
    drop(other);
    let daemon = site.start();
    // Neither is there from the start on: when the other one is raised, this one would have been as well.
    let (_, change, second) = wait(&site, 2);
    assert_eq!((change.as_str(), &second["alarmedObject"]["id"]), ("created", &"as2".into()));
    daemon.kill();

    let server = listen(Some(address));
    let daemon = site.start();
    let (name, change, cleared) = wait(&site, 3);
    assert_eq!((name.as_str(), change.as_str()), ("connection_lost", "deleted"));
    assert_eq!((&cleared["id"], &cleared["alarmRaisedTime"]), (&raised["id"], &raised["alarmRaisedTime"]));
    assert!(cleared["alarmClearedTime"].is_string() && cleared["state"] == "cleared");

    drop(server);
    daemon.logged(&["alarm cleared", "as1"]);
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn a_gateway_that_is_left_alone_is_an_alarm_until_it_is_back() {
    let peers = Peers::start();
    let site = Site::new(&peers.config("[event_management]\n"));
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    peers.ema.refuse(true).expect("refused");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    let (name, change, raised) = wait(&site, 1);
    assert_eq!((name.as_str(), change.as_str()), ("breaker_open", "created"));
    let host = serde_json::json!({"id": peers.ema.addr().to_string(), "@referredType": "host"});
    assert_eq!((&raised["alarmedObject"], &raised["perceivedSeverity"]), (&host, &"major".into()));
    assert_eq!(daemon.metric("eventmanager_breaker_open", "system=\"ema\""), 1.0);

    peers.ema.refuse(false).expect("listening again");
    let (name, change, cleared) = wait(&site, 2);
    assert_eq!((name.as_str(), change.as_str()), ("breaker_open", "deleted"));
    assert_eq!((&cleared["id"], &cleared["state"]), (&raised["id"], &"cleared".into()));
    assert_eq!(cleared["alarmedObject"], host);
    site.wait_ended(1);
    assert_eq!(site.count(&["completed"]), 1);
}

#[test]
fn without_event_management_there_are_no_alarms() {
    let server = listen(None);
    let address = server.local_addr().expect("an address");
    drop(server);
    let site = Site::new(&config(address).replace("[event_management]\n", ""));
    let daemon = site.start();
    let tree = http::get(daemon.http, "/api/v1/tree", "").body;
    assert!(!tree.contains("\"alarms\"") && !tree.contains("\"consumer\""), "{tree}");
}

/// Has the command line act.
fn act(daemon: &Daemon, verb: &str, event: &str, more: &[&str]) {
    let acted = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args(["events", verb, event, "--yes", "--url", &format!("http://{}", daemon.http)])
        .args(more)
        .output()
        .expect("it runs");
    assert!(acted.status.success(), "{}", String::from_utf8_lossy(&acted.stderr));
}

#[test]
fn a_failed_event_is_an_alarm_until_it_is_carried_out_or_resolved() {
    let peers = Peers::start();
    let site = Site::new(&peers.config("[event_management]\n"));
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    for (number, user) in [(1, "anna@tele.gl"), (2, "bent@tele.gl")] {
        peers.broadworks.send(&set_phone(number, user, "321044"));
        let (name, change, entity) = wait(&site, number as usize);
        assert_eq!((name.as_str(), change.as_str()), ("event_failed", "created"));
        assert!(entity["specificProblem"].as_str().expect("text").starts_with("UserModifyRequest failed: "));
    }
    let ids: Vec<Value> = alarms(&site).into_iter().map(|(_, _, entity)| entity["id"].clone()).collect();
    // One fails again, which is the same alarm still.
    act(&daemon, "retry", "1", &["--force"]);
    eventually("it has failed again", || (site.count(&["failed"]) == 2).then_some(()));
    peers.broadworks.send(&add(3, "anna@tele.gl"));
    eventually("there is somebody", || (site.count(&["completed"]) == 1).then_some(()));
    assert_eq!(alarms(&site).len(), 2);

    act(&daemon, "retry", "1", &["--force"]);
    let (name, change, entity) = wait(&site, 3);
    assert_eq!((name.as_str(), change.as_str(), &entity["id"]), ("event_failed", "deleted", &ids[0]));
    act(&daemon, "resolve", "2", &["--reason", "not wanted"]);
    let (_, change, entity) = wait(&site, 4);
    assert_eq!((change.as_str(), &entity["id"], &entity["state"]), ("deleted", &ids[1], &"cleared".into()));
}
