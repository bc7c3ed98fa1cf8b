//! The management interface of the simulated OpenSIPS, over every transport and in both of its languages.

use crate::mi_client::{Opensips, json};
use crate::support::daemon::eventually;
use eventmanager::simulators::opensips::Version;
use std::io::Read;

const OK: &str = r#"{"jsonrpc":"2.0","result":"OK","id":1}"#;

/// A request of so many bytes.
fn padded(request: &str, length: usize) -> String {
    let (front, end) = request.split_at(request.len() - 1);
    format!("{front}{}{end}", " ".repeat(length - request.len()))
}

/// Asks the same over every transport of text.
#[track_caller]
fn text(opensips: &Opensips, request: &str, expected: &str) {
    assert_eq!(opensips.udp().ask(request), expected, "UDP: {request:?}");
    assert_eq!(opensips.unix().ask(request), expected, "unix: {request:?}");
    let (command, arguments) = request.split_once(":\n").unwrap();
    let request = format!("{command}:rep24\n{arguments}\n");
    assert_eq!(opensips.fifo().ask("rep24", &request), expected, "FIFO: {request:?}");
}

/// Asks the same over every transport of JSON.
#[track_caller]
fn in_json(opensips: &Opensips, request: &str, expected: &str) {
    assert_eq!(opensips.udp().ask(request), expected, "UDP: {request}");
    assert_eq!(opensips.unix().ask(request), expected, "unix: {request}");
    assert_eq!(opensips.fifo().ask("rep24", &format!(":rep24:{request}")), expected, "FIFO: {request}");
    assert_eq!(opensips.http().ask(request), expected, "HTTP: {request}");
}

#[test]
fn text_is_answered_over_every_transport() {
    let opensips = Opensips::start(Version::V2_4);
    text(&opensips, ":event_subscribe:\nE_TEST\nudp:127.0.0.1:9011\n1800\n", "200 OK\n\n");
    assert_eq!(opensips.subscribed(), ["udp:127.0.0.1:9011"]);
    text(&opensips, ":event_subscribe:\nE_TEST\nudp:127.0.0.1:9011\n60\n", "200 OK\n\n");
    let listed = "200 OK\nEvent:: E_TEST id=9\n\tSubscriber::  socket=udp:127.0.0.1:9011 expire=60\n\n";
    text(&opensips, ":subscribers_list:\nE_TEST\n", listed);
    text(&opensips, ":subscribers_list:\nE_TEST\nudp:127.0.0.1:9011\n", listed);
    text(&opensips, ":subscribers_list:\n", listed);
    text(&opensips, ":subscribers_list:\nE_NONE\n", "404 Event not published\n\n");
    text(&opensips, ":event_subscribe:\nE_NONE\nudp:127.0.0.1:9011\n60\n", "400 Bad parameter\n\n");
    text(&opensips, ":event_subscribe:\nE_TEST\nudp:127.0.0.1\n60\n", "400 Bad parameter\n\n");
    text(
        &opensips,
        ":event_subscribe:\nE_TEST\nudp:127.0.0.1:9\n9\ntext\n",
        "400 Too few or too many arguments\n\n",
    );
    text(&opensips, ":event_subscribe:\nE_TEST\n", "400 Too few or too many arguments\n\n");
    text(&opensips, ":no_such_command:\n", "500 command not available\n");
    assert_eq!((opensips.server.asked("event_subscribe"), opensips.server.http()), (15, None));
}

#[test]
fn text_tells_version_and_events_and_methods() {
    let opensips = Opensips::start(Version::V2_4);
    let ask = |request| opensips.udp().ask(request);
    assert!(ask(":version:\n").contains("OpenSIPS (2.4.11 (x86_64/linux))"));
    let events = ask(":events_list:\n");
    assert!(events.starts_with("200 OK\nEvent:: E_0 id=0\n"), "{events}");
    assert!(events.ends_with("Event:: E_TEST id=9\n\n"), "{events}");
    assert!(ask(":which:\n").starts_with("200 OK\n:: version\n:: which\n"));
    assert_eq!(ask(":raise_event:\nE_NONE\n"), "404 Event not registered\n\n");
    assert_eq!(ask(":raise_event:\nE_TEST\n"), "480 Temporarily Unavailable\n\n");
}

#[test]
fn json_is_answered_over_every_transport() {
    let opensips = Opensips::start(Version::V3_6);
    let subscribe = |expire| {
        json(
            "event_subscribe",
            &format!(r#"{{"event":"E_TEST","socket":"udp:127.0.0.1:9001","expire":{expire}}}"#),
        )
    };
    in_json(&opensips, &subscribe(3600), OK);
    assert_eq!(opensips.subscribed(), ["udp:127.0.0.1:9001"]);
    in_json(&opensips, &subscribe(60), OK);
    let one = r#"{"socket":"udp:127.0.0.1:9001","expire":60,"ttl":60}"#;
    let listed = |result: String| format!(r#"{{"jsonrpc":"2.0","result":{result},"id":1}}"#);
    in_json(
        &opensips,
        &json("subscribers_list", r#"{"event":"E_TEST","socket":"udp:127.0.0.1:9001"}"#),
        &listed(format!(r#"{{"Event":{{"name":"E_TEST","id":9,"Subscriber":{one}}}}}"#)),
    );
    let all = format!(r#"{{"name":"E_TEST","id":9,"Subscribers":[{one}]}}"#);
    in_json(
        &opensips,
        &json("subscribers_list", r#"{"event":"E_TEST"}"#),
        &listed(format!(r#"{{"Event":{all}}}"#)),
    );
    in_json(
        &opensips,
        &json("subscribers_list", r#"{"event":"E_1"}"#),
        &listed(r#"{"Event":{}}"#.to_owned()),
    );
    in_json(
        &opensips,
        r#"{"jsonrpc":"2.0","method":"subscribers_list","id":1}"#,
        &listed(format!(r#"{{"Events":[{all}]}}"#)),
    );
}

#[test]
fn json_says_what_is_wrong() {
    let opensips = Opensips::start(Version::V3_6);
    let check = |method: &str, params: &str, code: i32, message: &str| {
        let answer = opensips.udp().ask(&json(method, params));
        let expected = format!(r#""error":{{"code":{code},"message":"{message}""#);
        assert!(answer.contains(&expected), "{method} {params}: {answer}");
        assert!(answer.ends_with(r#""id":1}"#), "{answer}");
    };
    check(
        "event_subscribe",
        r#"{"event":"E_NONE","socket":"udp:127.0.0.1:9001"}"#,
        400,
        "Bad parameter value",
    );
    check("event_subscribe", r#"{"event":"E_TEST","socket":"udp:127.0.0.1"}"#, 400, "Bad parameter value");
    check(
        "event_subscribe",
        r#"{"event":"E_TEST","socket":"udp:127.0.0.1:9","format":"json"}"#,
        -32602,
        "Invalid params",
    );
    check("event_subscribe", r#"{"event":"E_TEST"}"#, -32602, "Invalid params");
    check("subscribers_list", r#"{"event":"E_NONE"}"#, 404, "Event not published");
    check(
        "subscribers_list",
        r#"{"event":"E_TEST","socket":"udp:127.0.0.1:9"}"#,
        404,
        "Subscriber does not exist",
    );
    check("raise_event", r#"{"event":"E_NONE"}"#, 404, "Event not registered");
    check("raise_event", r#"{"event":"E_TEST"}"#, 480, "Temporarily Unavailable");
    check("no_such_method", "{}", -32601, "Method not found");
    let invalid = opensips.udp().ask(r#"{"id":1}"#);
    assert!(invalid.contains(r#""code":-32600"#), "{invalid}");
}

#[test]
fn json_tells_version_and_events_and_methods() {
    let opensips = Opensips::start(Version::V3_0);
    let ask = |method: &str| opensips.udp().ask(&json(method, "{}"));
    assert!(ask("version").contains(r#""OpenSIPS (3.0.4 (x86_64/linux))""#));
    let events = ask("events_list");
    assert!(events.starts_with(r#"{"jsonrpc":"2.0","result":{"Events":[{"name":"E_0","id":0},"#), "{events}");
    assert!(events.ends_with(r#"{"name":"E_TEST","id":9}]},"id":1}"#), "{events}");
    assert!(ask("which").starts_with(r#"{"jsonrpc":"2.0","result":["version","which","#));
}

#[test]
fn what_has_no_id_is_done_and_not_answered() {
    let opensips = Opensips::start(Version::V3_6);
    let udp = opensips.udp();
    udp.send(r#"{"jsonrpc":"2.0","method":"event_subscribe","params":["E_TEST","udp:127.0.0.1:9001"]}"#);
    udp.send(r#"{"jsonrpc":"2.0","method":"no_such_method"}"#);
    assert!(udp.ask(&json("events_list", "{}")).contains("E_TEST"));
    assert_eq!(opensips.subscribed(), ["udp:127.0.0.1:9001"]);
    let fifo = opensips.fifo();
    let mut unanswered = fifo.reply("rep1");
    fifo.write(r#":rep1:{"jsonrpc":"2.0","method":"version"}"#);
    fifo.ask("rep2", &format!(":rep2:{}", json("version", "{}")));
    assert_eq!(unanswered.read(&mut [0]).expect("nobody writes"), 0);
    assert_eq!(opensips.server.asked("version"), 2);
}

#[test]
fn what_is_no_json_is_answered_in_plain_text_over_datagrams() {
    let opensips = Opensips::start(Version::V3_6);
    for request in ["{", "nonsense", ":events_list:\n", r#"{"jsonrpc":"2.0","#] {
        assert!(opensips.udp().ask(request).starts_with("400 Parse_error"), "{request}");
        assert!(opensips.unix().ask(request).starts_with("400 Parse_error"), "{request}");
    }
    let answer = opensips.http().ask("nonsense");
    assert!(answer.contains("-32700"), "{answer}");
    assert_eq!(opensips.server.counts().unreadable, 9);
}

#[test]
fn a_fifo_answers_bare_names_after_a_blank_line() {
    let opensips = Opensips::start(Version::V2_4);
    let fifo = opensips.fifo();
    let mut unanswered = fifo.reply("rep.1");
    fifo.write(":version:rep.1\n\n");
    fifo.write(&format!(":version:{}\n\n", opensips.directory.path().join("rep.1").display()));
    fifo.write(":version:nobody_has_made_it\n\n");
    assert!(fifo.ask("rep2", ":version:rep2\n\n").starts_with("200 OK\n"));
    assert_eq!(unanswered.read(&mut [0]).expect("nobody writes"), 0);
    assert_eq!(opensips.server.asked("version"), 1);
    let mut early = fifo.reply("early");
    fifo.write(":subscribers_list:early\nE_TEST\n");
    let mut late = fifo.reply("late");
    // The blank line of this request ends that one, of which it has become a part.
    fifo.write(":version:late\n\n");
    let mut answer = String::new();
    eventually("the answer", || {
        let _ = early.read_to_string(&mut answer);
        (!answer.is_empty()).then_some(())
    });
    assert!(!answer.starts_with("200 OK"), "{answer}");
    assert_eq!(late.read(&mut [0]).expect("nobody writes"), 0);
}

#[test]
fn a_request_that_is_too_long_for_a_fifo_is_not_answered() {
    let opensips = Opensips::start(Version::V3_6);
    let fifo = opensips.fifo();
    let request = |length: usize| padded(&format!(":rep1:{}", json("events_list", "{}")), length);
    assert_eq!((request(4097).len(), request(4096).len()), (4097, 4096));
    let mut unanswered = fifo.reply("rep1");
    fifo.write(&request(4097));
    eventually("it is thrown away", || (opensips.server.counts().unreadable == 1).then_some(()));
    assert_eq!(unanswered.read(&mut [0]).expect("nobody writes"), 0);
    assert!(fifo.ask("rep1", &request(4096)).contains("E_TEST"));
}

#[test]
fn http_hangs_where_opensips_does() {
    let opensips = Opensips::start(Version::V3_6);
    let body = |length: usize| padded(&json("events_list", "{}"), length);
    let mut hanging = [opensips.http(), opensips.http(), opensips.http()];
    hanging[0].post("/mi", "application/json", r#"{"jsonrpc":"2.0","method":"version"}"#);
    hanging[1].post("/mi", "application/json", &body(8001));
    std::io::Write::write_all(&mut hanging[2].0, b"GET /mi HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    eventually("all of them hang", || (opensips.server.counts().unreadable == 3).then_some(()));
    hanging.iter_mut().for_each(|http| http.hangs());
    let mut other = opensips.http();
    other.post("/mi", "text/plain", &body(100));
    other.ended();
    let mut usual = opensips.http();
    assert!(usual.ask(&body(8000)).contains("E_TEST"));
    assert!(usual.ask(&body(100)).contains("E_TEST"));
    usual.post("/other", "application/json", &body(100));
    assert!(usual.answer().0.starts_with("HTTP/1.1 404"));
}
