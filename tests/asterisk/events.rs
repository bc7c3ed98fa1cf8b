//! Events that rules want: stored, and handed on.

use crate::support::daemon::eventually;
use crate::trial::{Trial, section};
use eventmanager::simulators::asterisk::{AsteriskHandle, AsteriskOptions, AsteriskSimulator, Classes};

fn asterisk() -> AsteriskHandle {
    AsteriskSimulator::start(AsteriskOptions::default()).expect("an asterisk")
}

/// Topic, source, name and payload of every row of the topic log.
fn handed_on(trial: &Trial) -> Vec<String> {
    let database = trial.site.database();
    let sql =
        "select topic || ' ' || source || ' ' || name || ' ' || payload from em_topic_log order by sequence";
    let mut statement = database.prepare(sql).expect("a statement");
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
    rows.collect::<Result<Vec<_>, _>>().expect("rows")
}

#[test]
fn what_a_rule_wants_is_stored_and_handed_on_with_its_headers_in_order() {
    let asterisk = asterisk();
    let routes = "[[route]]\nsource = \"pbx-*\"\nevent = \"Hangup\"\nwhen = { cause = \"1*\" }\nto = [\"calls\"]\nstore = true\n\
        [[route]]\nsource = \"k1\"\nto = [\"others\"]";
    let trial = Trial::connected(asterisk.addr(), "", routes);
    trial.wait_ready();
    eventually("filters stand", || (asterisk.counts().actions >= 8).then_some(()));
    let event = |bytes: &[u8]| asterisk.tell_bytes(Classes::CALL, bytes);
    event(b"Event: Hangup\r\nZ: 1\r\nCause: 16\r\nChanVariable: a\r\nCallerIDName: \xff\"\r\nChanVariable: b\r\nSecret: s3cret\r\n\r\n");
    event(b"Event: Newchannel\r\nCause: 16\r\n\r\n");
    event(b"Event: Hangup\r\nCause: 2\r\n\r\n");
    eventually("it is stored", || (trial.site.count(&["ignored"]) == 1).then_some(()));
    eventually("it is handed on", || (handed_on(&trial).len() == 1).then_some(()));
    let json = r#"{"Event":"Hangup","Z":"1","Cause":"16","ChanVariable":["a","b"],"CallerIDName":"�\"","Secret":"s3cret"}"#;
    assert_eq!(handed_on(&trial), [format!("calls pbx-a Hangup {json}")]);
    let row = &trial.site.events()[0];
    assert_eq!((row.command.as_str(), row.reason.as_str()), ("Hangup", "stored by a route"));
    let (_, shown) = trial.daemon.get("/api/v1/events/1");
    assert!(shown.contains("ChanVariable") && shown.contains("***") && !shown.contains("s3cret"), "{shown}");
    let (status, told) = trial.daemon.get("/api/v1/events/1/plan");
    assert!(status == 409 && told.contains("it is an event of pbx-a"), "{told}");
    assert_eq!(trial.received(), 3.0, "FullyBooted, and two of the name that is wanted");
}

#[test]
fn a_reload_of_rules_asks_for_other_events() {
    let asterisk = asterisk();
    let trial = Trial::connected(asterisk.addr(), "", "");
    trial.wait_ready();
    let hangup = || asterisk.tell_bytes(Classes::CALL, b"Event: Hangup\r\n\r\n");
    hangup();
    let file = trial.site.config();
    let text = std::fs::read_to_string(&file).expect("a file");
    let with = |routes: &str| {
        std::fs::write(&file, format!("{text}{routes}")).expect("written");
        trial.daemon.signal("HUP");
    };
    with("[[route]]\nsource = \"pbx-b\"\nevent = \"Hangup\"\nstore = true\n");
    eventually("it is applied", || (trial.metric("reloads_total", "applied") == 1.0).then_some(()));
    assert_eq!(asterisk.counts().logins, 1, "a rule for others");
    with("[[route]]\nsource = \"pbx-a\"\nevent = \"Hangup\"\nstore = true\n");
    eventually("it is connected anew", || (asterisk.counts().logins == 2).then_some(()));
    eventually("its filters stand", || (asterisk.counts().actions >= 9 + 8).then_some(()));
    hangup();
    eventually("it is stored", || (trial.site.count(&["ignored"]) == 1).then_some(()));
}

#[test]
fn a_reload_begins_and_ends_connections() {
    let (first, second) = (asterisk(), asterisk());
    let trial = Trial::connected(first.addr(), "", "");
    let file = trial.site.config();
    let text = std::fs::read_to_string(&file).expect("a file");
    let other = section(second.addr(), "").replace("pbx-a", "pbx-b");
    std::fs::write(&file, format!("{text}{other}")).expect("written");
    trial.daemon.signal("HUP");
    let is_up = |name: &str| trial.metric("connection_up", &format!("connection=\"{name}\"")) == 1.0;
    eventually("the new one is connected", || is_up("pbx-b").then_some(()));
    assert_eq!((first.counts().logins, first.logged_in()), (1, 1), "the other notices nothing");
    std::fs::write(&file, text.split("[[asterisk]]").next().expect("a part").to_owned() + &other)
        .expect("written");
    trial.daemon.signal("HUP");
    eventually("the first is left", || (first.logged_in() == 0).then_some(()));
    assert!(is_up("pbx-b") && second.counts().logins == 1);
}

/// An agent of which nobody is there: neither its Asterisk nor its server.
const AGENT: &str = r#"
[[asterisk]]
name = "s1"
transport = "agent"
cmd = "127.0.0.1:1"
evt = "127.0.0.1:1"
server_pull = "127.0.0.1:1"
server_pub = "127.0.0.1:1"
"#;

#[test]
fn of_an_agent_that_is_taken_away_nobody_is_told_that_its_server_is_away() {
    let peer = asterisk();
    let trial = Trial::connected(peer.addr(), "", "");
    let file = trial.site.config();
    let text = std::fs::read_to_string(&file).expect("a file");
    let shown = || trial.daemon.get("/metrics").1.contains("eventmanager_agent_server_up{");
    assert!(!shown(), "there is no agent");
    std::fs::write(&file, format!("{text}{AGENT}")).expect("written");
    trial.daemon.signal("HUP");
    eventually("the agent is there", || shown().then_some(()));
    assert_eq!(trial.metric("agent_server_up", "connection=\"s1\""), 0.0);
    std::fs::write(&file, text).expect("written");
    trial.daemon.signal("HUP");
    eventually("it is gone", || (!shown()).then_some(()));
}
