//! Events of a real Kamailio.

use crate::peer::Peer;
use crate::real::{Kamailio, Request};
use crate::support::daemon::eventually;
use crate::trial::Trial;

const ROUTES: &str =
    "[[route]]\nsource = \"k1\"\nevent = \"sip_request|load\"\nwhen = { method = \"!BYE\" }\nstore = true";

#[test]
fn events_of_every_kind_are_counted_and_those_that_a_route_wants_are_stored() {
    let kamailio = Kamailio::start(&[]);
    let trial = Trial::start_with(&kamailio.evapi(), "", ROUTES);
    for method in ["INVITE", "BYE", "REGISTER"] {
        assert!(kamailio.send(&Request::new(method)).contains("200"));
    }
    kamailio.send(&Request::new("INFO").body(r#"{"event":"hello","n":1}"#));
    trial.wait_received(4.0);
    let named = |name: &str| trial.metric("kamailio_events_total", &format!("event=\"{name}\""));
    assert_eq!((named("sip_request"), named("hello")), (3.0, 1.0));
    eventually("two are stored", || (trial.site.count(&["ignored"]) == 2).then_some(()));
    for row in trial.site.events() {
        assert_eq!((row.command.as_str(), row.reason.as_str()), ("sip_request", "stored by a route"));
    }
    // What scripts call their events takes no place among the commands.
    assert_eq!(trial.metric("events_total", "command=\"script\""), 2.0);
    assert_eq!(trial.metric("events_total", "command=\"sip_request\""), 0.0);
    let sql = "select event from em_event order by id";
    let document: String = trial.site.database().query_row(sql, [], |row| row.get(0)).expect("a row");
    assert!(document.contains(r#""method":"INVITE""#), "{document}");
}

#[test]
fn nothing_is_planned_for_an_event_of_a_script() {
    let kamailio = Kamailio::start(&[]);
    let trial = Trial::start_with(&kamailio.evapi(), "", ROUTES);
    kamailio.send(&Request::new("INVITE"));
    eventually("it is stored", || (trial.site.count(&["ignored"]) == 1).then_some(()));
    let (status, told) = trial.daemon.get("/api/v1/events/1/plan");
    assert!(status == 409 && told.contains("it is an event of k1: nothing is provisioned for it"), "{told}");
}

#[test]
fn what_a_route_hands_on_stands_in_the_topic_log() {
    let routes = "[[route]]\nevent = \"hello\"\nto = [\"greetings\", \"all\"]\n[[route]]\nto = [\"all\"]\n";
    let kamailio = Kamailio::start(&[]);
    let trial = Trial::start_with(&kamailio.evapi(), "", routes);
    eventually("it is ready", || (trial.daemon.get("/readyz").0 == 200).then_some(()));
    kamailio.send(&Request::new("INFO").body(r#"{"event":"hello","z":1,"a":"é"}"#));
    kamailio.send(&Request::new("INFO").body(r#"{"event":"other","a":"first","a":"forged","b":<null>}"#));
    let database = trial.site.database();
    let rows = || {
        let sql = "select topic || ' ' || source || ' ' || name || ' ' || payload from em_topic_log order by sequence";
        let mut statement = database.prepare(sql).expect("a statement");
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        rows.collect::<Result<Vec<_>, _>>().expect("rows")
    };
    eventually("three rows are there", || (rows().len() == 3).then_some(()));
    // As it came; but nobody downstream has to decide which of two values counts.
    let hello = r#"k1 hello {"event":"hello","z":1,"a":"é"}"#;
    let other = r#"all k1 other {"a":"first","b":null,"event":"other"}"#;
    assert_eq!(rows(), [format!("all {hello}"), format!("greetings {hello}"), other.to_owned()]);
    assert_eq!(trial.site.count(&["ignored"]), 0);
}

#[test]
fn a_request_that_is_sent_again_is_one_event() {
    let kamailio = Kamailio::start(&[]);
    let trial = Trial::start_with(&kamailio.evapi(), "", ROUTES);
    let invite = Request::new("INVITE");
    for _ in 0..3 {
        kamailio.send(&invite);
    }
    kamailio.send(&Request::new("INVITE"));
    trial.wait_received(4.0);
    eventually("two are stored", || (trial.site.count(&["ignored"]) == 2).then_some(()));
    assert_eq!(trial.metric("duplicates_total", "k1"), 2.0);
}

#[test]
fn after_a_restart_of_kamailio_its_events_come_again() {
    let mut kamailio = Kamailio::start(&[]);
    let trial = Trial::start(&kamailio.evapi(), "");
    for round in 1..=3 {
        kamailio.kill();
        eventually("it is told", || (trial.metric("connection_up", "k1") == 0.0).then_some(()));
        kamailio.start_again();
        trial.wait_connected();
        kamailio.send(&Request::new("REGISTER"));
        trial.wait_received(f64::from(round));
    }
    assert!(trial.metric("reconnects_total", "k1") >= 3.0);
    assert_eq!(trial.metric("actor_restarts_total", ""), 0.0);
}

#[test]
fn a_kamailio_that_is_killed_while_it_sends_is_read_again_each_time() {
    let mut kamailio = Kamailio::start(&[]);
    let trial = Trial::start(&kamailio.evapi(), "");
    for round in 1..=5 {
        // Some of these are on their way when it ends.
        kamailio.send(&Request::new("PUBLISH").body("20000 512"));
        kamailio.kill();
        eventually("it is told", || (trial.metric("connection_up", "k1") == 0.0).then_some(()));
        kamailio.start_again();
        trial.wait_connected();
        kamailio.send(&Request::new("INFO").body(r#"{"event":"alive"}"#));
        let alive = || trial.metric("kamailio_events_total", "event=\"alive\"") == f64::from(round);
        eventually("it is read again", || alive().then_some(()));
    }
    // What was cut off was no event, and nothing else was wrong.
    let bad = trial.metric("frames_bad_total", "k1");
    assert_eq!(trial.metric("frames_bad_total", "truncated"), bad);
    assert_eq!(trial.metric("actor_restarts_total", ""), 0.0);
}

#[test]
fn a_client_gets_what_is_for_its_tag() {
    let kamailio = Kamailio::start(&[]);
    let one = Trial::start(&kamailio.evapi(), r#"tag_command = '{"cmd":"tag","tag":"one"}'"#);
    let two = Trial::start(&kamailio.evapi(), r#"tag_command = '{"cmd":"tag","tag":"two"}'"#);
    let tagged = |trial: &Trial| trial.metric("kamailio_events_total", "event=\"to_tag\"");
    // Tags are set some time after the connection stands.
    eventually("the tag of the first is known", || {
        kamailio.send(&Request::new("NOTIFY").to("one"));
        (tagged(&one) > 0.0).then_some(())
    });
    eventually("the tag of the second is known", || {
        kamailio.send(&Request::new("NOTIFY").to("two"));
        (tagged(&two) > 0.0).then_some(())
    });
    let before = tagged(&two);
    let first = tagged(&one);
    kamailio.send(&Request::new("NOTIFY").to("one"));
    kamailio.send(&Request::new("INFO").body(r#"{"event":"last"}"#));
    eventually("the last has come", || {
        (two.metric("kamailio_events_total", "event=\"last\"") == 1.0).then_some(())
    });
    eventually("it has its own", || (tagged(&one) == first + 1.0).then_some(()));
    assert_eq!(tagged(&two), before);
}

#[test]
fn objects_that_run_together_are_read() {
    let kamailio = Kamailio::start(&["BARE"]);
    let trial = Trial::start(&kamailio.evapi(), "framing = \"none\"");
    kamailio.send(&Request::new("PUBLISH").body("50 64"));
    trial.wait_received(50.0);
    assert_eq!(trial.metric("frames_bad_total", "k1"), 0.0);
}

#[test]
fn a_heartbeat_keeps_the_connection_and_its_absence_ends_it() {
    let kamailio = Kamailio::start(&["HEARTBEAT"]);
    // One a second: without them it would be made anew in between.
    let trial = Trial::start(&kamailio.evapi(), "heartbeat_timeout = \"3s\"");
    trial.wait_received(5.0);
    let silent = Kamailio::start(&[]);
    let other = Trial::start(&silent.evapi(), "heartbeat_timeout = \"200ms\"");
    eventually("it is made anew", || (other.metric("reconnects_total", "k1") >= 2.0).then_some(()));
    other.daemon.logged(&["nothing heard for 200ms"]);
    assert_eq!(trial.metric("reconnects_total", "k1"), 0.0);
}

#[test]
fn what_is_forged_or_broken_is_counted_and_kept_and_the_rest_goes_on() {
    let kamailio = Kamailio::start(&[]);
    let trial = Trial::start(&kamailio.evapi(), "");
    let info = |body: &str| kamailio.send(&Request::new("INFO").body(body));
    info(r#"{"event":"fine","from":"x","event":"forged"}"#);
    info(r#"{"Event":"fine","from":"x","event":"forged"}"#);
    info(r#"{"event":"unset","to":<null>}"#);
    info("{\"event\":\"raw\",\"a\":\"one\ttwo\"}");
    info(r#"{"event":"broken","a":"b""c"}"#);
    info("[1]");
    info(r#"{"event":"last"}"#);
    trial.wait_received(5.0);
    let named = |name: &str| trial.metric("kamailio_events_total", &format!("event=\"{name}\""));
    assert_eq!(["fine", "forged", "unset", "raw", "last"].map(named), [2.0, 0.0, 1.0, 1.0, 1.0]);
    assert_eq!(trial.metric("kamailio_doubtful_total", "k1"), 2.0);
    let bad = |reason: &str| trial.metric("frames_bad_total", &format!("reason=\"{reason}\""));
    assert_eq!((bad("json"), bad("no_object")), (1.0, 1.0));
    eventually("they are kept", || (trial.site.count(&["failed"]) == 2).then_some(()));
    assert!(trial.site.events()[0].reason.contains("no JSON"), "{:?}", trial.site.events());
}

#[test]
fn a_daemon_that_waits_for_its_database_does_not_store_once_more_what_the_other_stores() {
    let peer = Peer::start();
    let routes = "[[route]]\nto = [\"all\"]\nstore = true\n";
    std::thread::scope(|scope| {
        let client = scope.spawn(|| peer.accept());
        let Trial { site, daemon: first } = Trial::start_with(&peer.address(), "", routes);
        let mut clients = vec![client.join().expect("a client")];
        eventually("the first is ready", || (first.get("/readyz").0 == 200).then_some(()));
        let second = site.start();
        clients.push(peer.accept());
        second.logged(&["another eventmanager uses this database"]);
        for number in 0..20 {
            clients.iter_mut().for_each(|it| it.event(&format!("{{\"event\":\"e\",\"n\":{number}}}")));
        }
        let left = || second.metric("eventmanager_left_to_other_total", "k1");
        eventually("the second has read them", || (left() == 20.0).then_some(()));
        second.logged(&["events are left to it, and lost where it does not read them"]);
        eventually("the first has stored them", || (site.count(&["ignored"]) == 20).then_some(()));
        assert_eq!(first.terminate(), Some(0));
        eventually("the second is ready", || (second.get("/readyz").0 == 200).then_some(()));
        clients[1].event(r#"{"event":"after"}"#);
        eventually("that is stored", || (site.count(&["ignored"]) == 21).then_some(()));
        second.logged(&["events were left to the daemon that had the database", "20"]);
        assert_eq!(second.metric("eventmanager_duplicates_total", "k1"), 0.0, "nothing came twice");
        let sql = "select count(*) from em_topic_log";
        let rows: i64 = site.database().query_row(sql, [], |row| row.get(0)).expect("a count");
        assert_eq!((rows, second.metric("eventmanager_dropped_total", "k1")), (21, 0.0));
    });
}

#[test]
fn kamailio_stays_alive_while_our_database_is_away() {
    let kamailio = Kamailio::start(&[]);
    let trial = Trial::start_with(&kamailio.evapi(), "", ROUTES);
    eventually("it is ready", || (trial.daemon.get("/readyz").0 == 200).then_some(()));
    let database = trial.site.database();
    database.execute_batch("begin immediate").expect("a lock");
    // More than the socket buffers of both sides hold.
    for _ in 0..10 {
        kamailio.send(&Request::new("PUBLISH").body("200 4000"));
        assert!(kamailio.is_alive());
    }
    trial.wait_received(2000.0);
    assert_eq!(trial.metric("dropped_total", "k1"), 0.0);
    database.execute_batch("rollback").expect("unlocked");
    eventually("all are stored", || (trial.site.count(&["ignored"]) == 2000).then_some(()));
}
