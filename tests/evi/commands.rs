//! Every command, in every language, over every way in.

use crate::program::{ALL, Receiver, Served, request};
use crate::support::daemon::eventually;
use serde_json::{Value, json};

#[test]
fn a_program_of_the_text_era_subscribes_and_gets_events() {
    let served = Served::start("", "[evi.names]\n\"nothing\" = \"E_TEST\"");
    let receiver = Receiver::bind();
    let socket = receiver.socket();
    assert_eq!(served.text(&format!(":event_subscribe:\nE_TEST\n{socket}\n60\ntext\n")), "200 OK\n\n");
    // With an empty line at the end, and without.
    let listed = served.text(":subscribers_list:\nE_TEST\n\n");
    assert!(listed.starts_with("200 OK\nEvent:: E_TEST id="), "{listed}");
    assert!(listed.ends_with(&format!("\n\tSubscriber::  socket={socket} expire=60\n\n")), "{listed}");
    assert!(served.text(":events_list:\n").contains("Event:: E_TEST id="), "{listed}");
    served.raise("E_TEST", "attr::a b\nother::\"x\"\n7\n");
    assert_eq!(receiver.next(), "E_TEST\nattr::a b\nother::\"x\"\n7\n\n");
    assert_eq!(served.text(&format!(":event_subscribe:\nE_TEST\n{socket}\n0\n")), "200 OK\n\n");
    served.raise("E_TEST", "");
    assert!(receiver.is_silent());
    assert_eq!(served.text(":subscribers_list:\nE_TEST\n"), "200 OK\n\n");
}

#[test]
fn a_program_of_the_json_era_subscribes_and_gets_events() {
    let served = Served::start("", "[evi.names]\n\"nothing\" = \"E_TEST\"");
    let receiver = Receiver::bind();
    served.subscribe("E_TEST", &receiver.socket(), json!({"expire": 60}));
    let one = served.json("subscribers_list", json!({"event": "E_TEST", "socket": receiver.socket()}));
    let event = &one["result"]["Event"];
    assert_eq!((&event["name"], event["id"].is_u64()), (&"E_TEST".into(), true), "{one}");
    assert_eq!(event["Subscriber"]["expire"], 60);
    assert!((58..=60).contains(&event["Subscriber"]["ttl"].as_u64().expect("a ttl")), "{one}");
    let all = served.json("subscribers_list", json!({}));
    assert_eq!(all["result"]["Events"][0]["Subscribers"][0]["socket"], receiver.socket());
    let events = served.json("events_list", json!({}));
    assert_eq!(events["result"]["Events"][0]["name"], "E_TEST");
    let raised = served.json("raise_event", json!({"event": "E_TEST", "params": ["x", -1]}));
    assert_eq!(raised, json!({"jsonrpc": "2.0", "result": "OK", "id": 1}));
    let params = r#"{"event":"E_TEST","params":{"b":"é\n","a":null}}"#;
    let named = format!(r#"{{"jsonrpc":"2.0","method":"raise_event","id":1,"params":{params}}}"#);
    assert!(served.text(&named).contains("\"OK\""));
    assert_eq!(receiver.next(), r#"{"jsonrpc":"2.0","method":"E_TEST","params":["x",-1]}"#);
    assert_eq!(
        receiver.next(),
        "{\"jsonrpc\":\"2.0\",\"method\":\"E_TEST\",\"params\":{\"b\":\"é\\n\",\"a\":null}}"
    );
    served.subscribe("E_TEST", &receiver.socket(), json!({"expire": 0}));
    let none = served.json("subscribers_list", json!({"event": "E_TEST"}));
    assert_eq!(none["result"], json!({"Event": {}}));
}

#[test]
fn the_socket_of_the_file_system_understands_both_languages() {
    let served = Served::open();
    let receiver = Receiver::bind();
    let socket = receiver.socket();
    assert_eq!(served.unix(&format!(":event_subscribe:\nE_ONE\n{socket}\n60\n")), "200 OK\n\n");
    let params = json!({"event": "E_TWO", "socket": socket});
    assert_eq!(
        served.unix(&request("event_subscribe", params)),
        "{\"jsonrpc\":\"2.0\",\"result\":\"OK\",\"id\":1}"
    );
    served.unix(":raise_event:\nE_ONE\n");
    served.unix(&request("raise_event", json!({"event": "E_TWO"})));
    // Of one socket the events of several subscriptions come in their order.
    assert_eq!(receiver.next(), r#"{"jsonrpc":"2.0","method":"E_ONE"}"#);
    assert_eq!(receiver.next(), r#"{"jsonrpc":"2.0","method":"E_TWO"}"#);
}

#[test]
fn the_same_is_served_over_http_and_tells_more() {
    let served = Served::open();
    let receiver = Receiver::bind();
    let ask = |method: &str, params: Value| served.post(&request(method, params), "").json();
    let params = json!({"event": "E_TEST", "socket": receiver.socket(), "format": "text"});
    assert_eq!(ask("event_subscribe", params)["result"], "OK");
    assert_eq!(ask("raise_event", json!({"event": "E_TEST", "params": {"a": "b"}}))["result"], "OK");
    assert_eq!(receiver.next(), "E_TEST\na::b\n\n");
    let told = eventually("it is told as sent", || {
        let told = ask("subscribers_list", json!({}))["result"]["Events"][0]["Subscribers"][0].clone();
        (told["sent"] == 1).then_some(told)
    });
    assert_eq!((&told["format"], &told["queued"], &told["dropped"]), (&"text".into(), &0.into(), &0.into()));
    assert_eq!((&told["expire"], told["ttl"].is_u64()), (&3600.into(), true), "{told}");
    let answer = served.post(&request("events_list", json!({})), "");
    assert_eq!((answer.status, answer.header("Content-Type")), (200, Some("application/json")));
    assert_eq!(served.metric("evi_requests_total", "method=\"raise_event\",outcome=\"ok\""), 1.0);
    assert_eq!(served.metric("evi_sent_total", "sent"), 1.0);
    assert_eq!(served.metric("evi_subscriptions", ""), 1.0);
    assert_eq!(served.metric("events_received_total", "source=\"evi\""), 1.0);
}

#[test]
fn a_request_without_an_id_is_carried_out_and_not_answered() {
    let served = Served::open();
    let receiver = Receiver::bind();
    let notice = |method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()
    };
    let subscribe = notice("event_subscribe", json!({"event": "E_TEST", "socket": receiver.socket()}));
    assert_eq!(served.try_ask(subscribe.as_bytes()), None);
    assert_eq!(served.sockets("E_TEST"), [receiver.socket()]);
    let raised = served.post(&notice("raise_event", json!({"event": "E_TEST"})), "");
    assert_eq!((raised.status, raised.body.as_str()), (204, ""));
    receiver.next();
}

#[test]
fn a_list_of_requests_is_answered_by_a_list() {
    let served = Served::open();
    let receiver = Receiver::bind();
    let one = |id: Value, event: &str| json!({"jsonrpc": "2.0", "method": "raise_event", "id": id, "params": {"event": event}});
    let notice =
        json!({"jsonrpc": "2.0", "method": "event_subscribe", "params": ["E_TEST", receiver.socket()]});
    let list = json!([notice, one("a".into(), "E_TEST"), one(2.into(), "bad name"), 7]);
    let answers = served.post(&list.to_string(), "").json();
    let told: Vec<_> = answers.as_array().expect("a list").iter().map(|it| it["id"].clone()).collect();
    assert_eq!(told, [json!("a"), json!(2), Value::Null], "{answers}");
    assert_eq!((&answers[0]["result"], &answers[1]["error"]["code"]), (&"OK".into(), &400.into()));
    assert_eq!(answers[2]["error"]["code"], -32600);
    receiver.next();
    let answer = served.ask(json!([one(1.into(), "E_TEST")]).to_string().as_bytes());
    assert_eq!(answer, r#"[{"jsonrpc":"2.0","result":"OK","id":1}]"#);
    let refused =
        |list: Vec<Value>| served.post(&json!(list).to_string(), "").json()["error"]["code"].clone();
    assert_eq!(refused(Vec::new()), -32600);
    assert_eq!(refused(vec![json!(1); 101]), -32600);
    let notices = json!([{"jsonrpc": "2.0", "method": "events_list"}]);
    assert_eq!(served.post(&notices.to_string(), "").status, 204);
}

#[test]
fn what_is_raised_is_an_event_like_others() {
    let routes = "[[route]]\nsource = \"evi\"\nevent = \"E_ALARM\"\nwhen = { level = \"high\" }\nto = [\"alarms\"]\nstore = true\n";
    let served = Served::start(routes, "");
    served.raise("E_ALARM", "level::high\nlist::a\nlist::b\n");
    served.raise("E_ALARM", "level::low\n");
    let rows = |sql: &str| -> Vec<String> {
        let database = served.site.database();
        let mut statement = database.prepare(sql).expect("a statement");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("rows")
    };
    let log =
        "select topic || ' ' || source || ' ' || name || ' ' || payload from em_topic_log order by sequence";
    let high = r#"{"event":"E_ALARM","level":"high","list":["a","b"]}"#;
    assert_eq!(
        rows(log),
        [
            format!("alarms evi E_ALARM {high}"),
            format!("evi evi E_ALARM {high}"),
            r#"evi evi E_ALARM {"event":"E_ALARM","level":"low"}"#.to_owned()
        ]
    );
    assert_eq!(
        rows("select status || ' ' || command || ' ' || event from em_event"),
        [format!("ignored E_ALARM {high}")]
    );
}

#[test]
fn events_of_scripts_have_names_of_evi() {
    use std::io::Write;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let kamailio = format!("[[kamailio]]\nname = \"k1\"\naddress = \"{address}\"\n");
    let names = "[evi.names]\n\"call_*\" = \"E_CALL\"\n\"call_end\" = \"E_HANG_UP\"";
    let served = Served::start(&format!("{ALL}{kamailio}"), names);
    let (mut script, _) = listener.accept().expect("the daemon connects");
    let receiver = Receiver::bind();
    for event in ["E_CALL", "E_HANG_UP", "E_USER_AGENT_SEEN"] {
        served.subscribe(event, &receiver.socket(), json!({}));
    }
    for payload in [
        r#"{"event":"call_start","to":"bo","from":"anna","n":1}"#,
        r#"{"event":"call_end"}"#,
        r#"{"event":"UserAgentSeen","nested":{"b":1.50,"a":[]}}"#,
    ] {
        write!(script, "{}:{payload},", payload.len()).expect("the daemon reads");
    }
    let call = r#"{"jsonrpc":"2.0","method":"E_CALL","params":{"to":"bo","from":"anna","n":1}}"#;
    assert_eq!(receiver.next(), call);
    assert_eq!(receiver.next(), r#"{"jsonrpc":"2.0","method":"E_HANG_UP"}"#);
    let seen =
        r#"{"jsonrpc":"2.0","method":"E_USER_AGENT_SEEN","params":{"nested":"{\"b\":1.50,\"a\":[]}"}}"#;
    assert_eq!(receiver.next(), seen);
    assert!(receiver.is_silent());
}
