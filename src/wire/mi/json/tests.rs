use super::super::NOT_PUBLISHED;
use super::super::samples::{listed, some_requests, some_subscribers, subscribe, subscribers};
use super::*;
use crate::wire::evi;
use proptest::prelude::*;
use serde_json::json;

/// It is written so, with the id 1, and read back.
#[track_caller]
fn check_request(asked: &Request, json: &str) {
    assert_eq!(String::from_utf8_lossy(&request(asked, 1)), json);
    let received = Received { request: asked.clone(), id: Some(json!(1)) };
    assert_eq!(parse_request(json.as_bytes()), Ok(received), "{json}");
}

#[test]
fn requests_are_written_and_read() {
    check_request(
        &subscribe(Some(60), None),
        r#"{"jsonrpc":"2.0","method":"event_subscribe","id":1,"params":{"event":"E_TEST","socket":"udp:127.0.0.1:9011","expire":60}}"#,
    );
    check_request(
        &subscribe(None, Some("text")),
        r#"{"jsonrpc":"2.0","method":"event_subscribe","id":1,"params":{"event":"E_TEST","socket":"udp:127.0.0.1:9011","format":"text"}}"#,
    );
    check_request(
        &subscribers(Some("E_TEST"), None),
        r#"{"jsonrpc":"2.0","method":"subscribers_list","id":1,"params":{"event":"E_TEST"}}"#,
    );
    check_request(&subscribers(None, None), r#"{"jsonrpc":"2.0","method":"subscribers_list","id":1}"#);
    check_request(&Request::Version, r#"{"jsonrpc":"2.0","method":"version","id":1}"#);
    check_request(&Request::Events, r#"{"jsonrpc":"2.0","method":"events_list","id":1}"#);
    check_request(&Request::Unknown("a\"b".into()), r#"{"jsonrpc":"2.0","method":"a\"b","id":1}"#);
    let param = |name: &str, value| evi::Param { name: Some(name.to_owned()), value };
    let params = vec![
        param("b", evi::Value::Integer(1)),
        param("a", evi::Value::Null),
        param("b", evi::Value::Text("x".to_owned())),
    ];
    check_request(
        &Request::Raise { event: "E_X".into(), params },
        r#"{"jsonrpc":"2.0","method":"raise_event","id":1,"params":{"event":"E_X","params":{"b":1,"a":null,"b":"x"}}}"#,
    );
    let without = Request::Raise { event: "E_X".into(), params: vec![] };
    check_request(&without, r#"{"jsonrpc":"2.0","method":"raise_event","id":1,"params":{"event":"E_X"}}"#);
}

#[test]
fn requests_are_read_in_whatever_way_they_may_be_written() {
    let check = |json: &str, request: Request, id: Option<Value>| {
        assert_eq!(parse_request(json.as_bytes()), Ok(Received { request, id }), "{json}");
    };
    let listed = r#"{"id":"a","params":["E_TEST","udp:127.0.0.1:9011","60"],"method":"event_subscribe"}"#;
    check(listed, subscribe(Some(60), None), Some(json!("a")));
    let named = r#"{"method":"event_subscribe","params":{"expire":"60","socket":"udp:127.0.0.1:9011","event":"E_TEST"}}"#;
    check(named, subscribe(Some(60), None), None);
    check(r#" {"method":"version","params":[],"id":null} "#, Request::Version, None);
    check(r#"{"method":"version","params":{}}"#, Request::Version, None);
    let raise = r#"{"method":"raise_event","params":["E_X",["a"]]}"#;
    let params = vec![evi::Param { name: None, value: evi::Value::Text("a".to_owned()) }];
    check(raise, Request::Raise { event: "E_X".into(), params }, None);
    check(r#"{"method":"uptime","params":[true,{}]}"#, Request::Unknown("uptime".into()), None);
}

#[test]
fn requests_are_refused_as_opensips_does() {
    let check = |json: &str, failure: (i32, &str), id: Option<Value>| {
        assert_eq!(parse_request(json.as_bytes()), Err(Refused { failure: failure.into(), id }), "{json}");
    };
    check(r#"{"id":1}"#, INVALID_REQUEST, Some(json!(1)));
    check(r#"{"id":1,"method":7}"#, INVALID_REQUEST, Some(json!(1)));
    check(r#"{"id":1,"method":"version","params":7}"#, INVALID_REQUEST, Some(json!(1)));
    check(r#"{"id":[],"method":"version"}"#, INVALID_REQUEST, None);
    check("[]", INVALID_REQUEST, None);
    let deep = format!(r#"{{"method":{}"#, "[".repeat(10_000));
    for json in ["", "{", "x", r#"{"method":"version"} {}"#, r#"{"id":1,"method":7"#, &deep] {
        check(json, PARSE_ERROR, None);
    }

    let check = |method: &str, params: &str, data: &str| {
        let json = format!(r#"{{"method":"{method}","params":{params},"id":1}}"#);
        let refused = Refused { failure: invalid(data), id: Some(json!(1)) };
        assert_eq!(parse_request(json.as_bytes()), Err(refused), "{json}");
    };
    let expire =
        |expire: &str, data: &str| check("event_subscribe", &format!(r#"["E","udp:h:1",{expire}]"#), data);
    expire("-1", "Negative expire value");
    expire("\"-1\"", "Negative expire value");
    for value in [
        "4294967296",
        "\"4294967296\"",
        "1e3",
        "99999999999999999999",
        "\"x\"",
        "null",
        "true",
        "[]",
        "{}",
        "\"+5\"",
        "\"\"",
    ] {
        expire(value, "Bad type for parameter 'expire'");
    }
    let (mismatch, count) = ("Named parameters do not match", "Too few or too many parameters");
    check("event_subscribe", r#"["E"]"#, count);
    check("event_subscribe", r#"["E","udp:h:1",60,"json",1]"#, count);
    check("event_subscribe", "{}", count);
    check("event_subscribe", r#"{"event":"E"}"#, mismatch);
    check("event_subscribe", r#"{"event":"E","socket":"x","other":1}"#, mismatch);
    check("event_subscribe", r#"{"event":"E","socket":"x","event":"F"}"#, mismatch);
    check("event_subscribe", r#"{"event":7,"socket":"x"}"#, "Bad type for parameter 'event'");
    check("event_subscribe", r#"{"event":"E","socket":""}"#, "Bad type for parameter 'socket'");
    check("subscribers_list", r#"{"socket":"x"}"#, mismatch);
    check("version", "[1]", count);
    check("raise_event", "[]", count);
    check("raise_event", r#"["E",7]"#, "Bad type for parameter 'params'");
}

#[test]
fn a_request_in_a_fifo_names_the_fifo_of_its_reply() {
    assert_eq!(into_fifo(b"{}", "rep24"), b":rep24:{}");
    for (bytes, name, request) in [
        (":rep24:{}", Some("rep24"), "{}"),
        ("{}", None, "{}"),
        ("::{}", None, "{}"),
        (":../x:{}", None, "{}"),
        (":a", Some("a"), ""),
        (":", None, ""),
    ] {
        assert_eq!(of_fifo(bytes.as_bytes()), (name, request.as_bytes()), "{bytes}");
    }
}

#[track_caller]
fn check_reply(answer: Reply, asked: &Request, json: &str) {
    assert_eq!(String::from_utf8_lossy(&reply(&answer, asked, &json!(1))), json);
    assert_eq!(parse_reply(json.as_bytes(), asked, 1), Ok(answer), "{json}");
}

#[test]
fn replies_are_written_and_read() {
    let asked = subscribe(None, None);
    check_reply(Reply::Done, &asked, r#"{"jsonrpc":"2.0","result":"OK","id":1}"#);
    for (failure, code, message) in [
        (BAD_PARAMETER, 400, "Bad parameter value"),
        (NOT_PUBLISHED, 404, "Event not published"),
        (NO_SUBSCRIBER, 404, "Subscriber does not exist"),
        (UNKNOWN_METHOD, -32601, "Method not found"),
        (INVALID_REQUEST, -32600, "Invalid Request"),
    ] {
        let json = format!(r#"{{"jsonrpc":"2.0","error":{{"code":{code},"message":"{message}"}},"id":1}}"#);
        check_reply(Reply::Failed(failure.into()), &asked, &json);
    }
    check_reply(
        Reply::Failed(invalid("Negative expire value")),
        &asked,
        r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"Invalid params","data":"Negative expire value"},"id":1}"#,
    );
    let version = Reply::Version("OpenSIPS (3.6.8 (x86_64/linux))".into());
    let json = r#"{"jsonrpc":"2.0","result":{"Server":"OpenSIPS (3.6.8 (x86_64/linux))"},"id":1}"#;
    check_reply(version, &Request::Version, json);
    let events = vec![EventId { name: "E_A".into(), id: 0 }, EventId { name: "E_B".into(), id: 1 }];
    let json =
        r#"{"jsonrpc":"2.0","result":{"Events":[{"name":"E_A","id":0},{"name":"E_B","id":1}]},"id":1}"#;
    check_reply(Reply::Events(events), &Request::Events, json);
}

#[test]
fn every_shape_of_a_list_is_written_and_read() {
    let with = |result: &str| format!(r#"{{"jsonrpc":"2.0","result":{result},"id":1}}"#);
    let one = || listed("E", 9, &[("udp:h:1", 60, Some(59))]);
    let of_one = subscribers(Some("E"), Some("udp:h:1"));
    let json = r#"{"Event":{"name":"E","id":9,"Subscriber":{"socket":"udp:h:1","expire":60,"ttl":59}}}"#;
    check_reply(Reply::Subscribers(vec![one()]), &of_one, &with(json));
    let of_event = subscribers(Some("E"), None);
    let json = r#"{"Event":{"name":"E","id":9,"Subscribers":[{"socket":"udp:h:1","expire":60,"ttl":59}]}}"#;
    check_reply(Reply::Subscribers(vec![one()]), &of_event, &with(json));
    check_reply(Reply::Subscribers(vec![]), &of_event, &with(r#"{"Event":{}}"#));
    let all = subscribers(None, None);
    let two = listed("F", 0, &[("unix:/a", NEVER, None), ("x", 0, None)]);
    let json = r#"{"Events":[{"name":"E","id":9,"Subscribers":[{"socket":"udp:h:1","expire":60,"ttl":59}]},{"name":"F","id":0,"Subscribers":[{"socket":"unix:/a","expire":"never"},{"socket":"x","expire":0}]}]}"#;
    check_reply(Reply::Subscribers(vec![one(), two]), &all, &with(json));
    check_reply(Reply::Subscribers(vec![]), &all, &with(r#"{"Events":[]}"#));
    let without = Reply::Subscribers(vec![listed("E", 9, &[])]);
    assert_eq!(reply(&without, &all, &json!(1)), with(r#"{"Events":[{}]}"#).into_bytes());
}

#[test]
fn what_is_missing_in_a_reply_does_no_harm() {
    let check = |result: &str, asked: &Request, expected: Vec<EventSubscribers>| {
        let json = format!(r#"{{"result":{result},"id":1}}"#);
        assert_eq!(parse_reply(json.as_bytes(), asked, 1), Ok(Reply::Subscribers(expected)), "{json}");
    };
    let (asked, all) = (subscribers(Some("E"), None), subscribers(None, None));
    let one = || vec![listed("E", 0, &[("x", NEVER, None)])];
    check(r#"{"Event":{"Subscriber":{"socket":"x"}}}"#, &asked, one());
    check(r#"{"Event":{"name":"E","Subscriber":[{"socket":"x","expire":-1,"ttl":"soon"}]}}"#, &asked, one());
    check(r#"{"Event":{"Subscriber":{"socket":"x"}}}"#, &all, vec![]);
    check(r#"{"Events":[{},7,{"name":"E","Subscribers":[{},{"socket":7},{"socket":"x"}]}]}"#, &all, one());
    let texts = vec![listed("E", 9, &[("x", 60, Some(1))])];
    check(
        r#"{"Event":{"name":"E","id":"9","Subscribers":{"socket":"x","expire":"60","ttl":"1"}}}"#,
        &asked,
        texts,
    );
    for result in ["\"OK\"", "[]", "null", "{}"] {
        let reply = parse_reply(format!(r#"{{"result":{result},"id":1}}"#).as_bytes(), &asked, 1);
        assert!(matches!(reply, Err(NotAReply::Unreadable(_))), "{result}: {reply:?}");
    }
    let failed = parse_reply(br#"{"error":"away","id":1}"#, &asked, 1);
    assert_eq!(failed, Ok(Reply::Failed((0, "away").into())));
}

#[test]
fn what_is_no_reply_to_this_request_is_told() {
    let check = |json: &str, expected: NotAReply| {
        assert_eq!(parse_reply(json.as_bytes(), &Request::Events, 1), Err(expected), "{json}");
    };
    check("400 Parse_error\n", NotAReply::Plain("400 Parse_error".to_owned()));
    check(&"é".repeat(1000), NotAReply::Plain("é".repeat(super::super::SHOWN)));
    for id in ["2", "\"1\"", "null", "-1", "1.0"] {
        check(&format!(r#"{{"result":{{"Events":[]}},"id":{id}}}"#), NotAReply::OfAnother);
    }
    check(r#"{"result":{"Events":[]}}"#, NotAReply::OfAnother);
    let error = r#"{"error":{"code":-32700,"message":"Parse error"},"id":null}"#;
    let failed = parse_reply(error.as_bytes(), &Request::Events, 1);
    assert_eq!(failed, Ok(Reply::Failed(PARSE_ERROR.into())));
    check(r#"{"error":{"code":1},"id":2}"#, NotAReply::OfAnother);
    for json in
        ["", "{", r#"{"id":1}"#, r#"{"result":[],"id":1} {}"#, &format!("{{\"a\":{}", "[".repeat(10_000))]
    {
        let reply = parse_reply(json.as_bytes(), &Request::Events, 1);
        assert!(matches!(reply, Err(NotAReply::Unreadable(_))), "{json:.50}: {reply:?}");
    }
}

proptest! {
    #[test]
    fn requests_come_back_as_they_were(asked in some_requests(), id: u64) {
        let received = parse_request(&request(&asked, id));
        prop_assert_eq!(received, Ok(Received { request: asked, id: Some(json!(id)) }));
    }

    #[test]
    fn lists_come_back_as_they_were(listed in some_subscribers(true), id: u64) {
        let answer = |listed| Reply::Subscribers(listed);
        for (asked, listed) in [
            (subscribers(None, None), listed.clone()),
            (subscribers(Some("E"), None), listed.iter().take(1).cloned().collect()),
            (subscribers(Some("E"), Some("x")), listed.into_iter().take(1).collect()),
        ] {
            let json = reply(&answer(listed.clone()), &asked, &json!(id));
            prop_assert_eq!(parse_reply(&json, &asked, id), Ok(answer(listed)));
        }
    }

    #[test]
    fn rubbish_ends_without_a_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", "\"method\":\"event_subscribe\"", "\"params\":", "\"id\":1", "\"result\":", "\"Event\":", "\"Subscribers\":",
                "\"socket\":\"x\"", ":", ",", "1", "null", "\\", "\"", "é",
            ]),
            0..14,
        ),
        bytes in prop::collection::vec(any::<u8>(), 0..20),
        asked in some_requests(),
    ) {
        for json in [format!("{{{}", parts.concat()).into_bytes(), bytes] {
            let _ = parse_request(&json);
            let _ = parse_reply(&json, &asked, 1);
            let _ = of_fifo(&json);
        }
    }
}
