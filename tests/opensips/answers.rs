//! Answers of a Management Interface that are none, or say what is not so.

use crate::scripted::{Scripted, well};
use crate::support::daemon::eventually;
use crate::trial::Trial;
use serde_json::{Value, json};

fn keys(mi: &Scripted, more: &str) -> String {
    let socket = "listen = \"udp:127.0.0.1:0\"\nadvertise = \"127.0.0.1:9001\"\nevents = [\"E_X\"]";
    format!("mi = \"udp:{}\"\n{socket}\nrequest_timeout = \"600ms\"\n{more}", mi.address)
}

#[test]
fn what_is_spoken_is_found_out_and_a_request_that_is_lost_is_sent_again() {
    let mut lost = 0;
    let mi = Scripted::start(move |request| {
        lost += 1;
        if lost % 2 == 1 { Vec::new() } else { vec![well(request)] }
    });
    let trial = Trial::subscribed(&keys(&mi, ""), "");
    trial.daemon.logged(&["subscribed to opensips", "Json"]);
    let asked = mi.asked("event_subscribe");
    assert_eq!(asked[0], asked[1], "the same once more");
    let params = json!({"event": "E_X", "socket": "udp:127.0.0.1:9001", "expire": 1800});
    assert_eq!(asked[0]["params"], params);
}

#[test]
fn the_answer_to_another_request_is_not_taken_for_ours() {
    let mi = Scripted::start(|request| {
        let mut other = request.clone();
        other["id"] = json!(request["id"].as_u64().expect("a number") + 1_000);
        let refused =
            json!({"jsonrpc": "2.0", "error": {"code": 404, "message": "other"}, "id": other["id"]});
        vec![well(&other), refused.to_string(), well(request)]
    });
    let trial = Trial::subscribed(&keys(&mi, "mi_format = \"json\""), "");
    assert!(!trial.daemon.log().contains("refuses"));
}

#[test]
fn text_where_json_is_due_is_told_and_survived() {
    let mut answers = 0;
    let mi = Scripted::start(move |request| {
        answers += 1;
        match answers {
            1 => vec!["400 Parse_error\n\n".to_owned()],
            2 => vec!["{\"jsonrpc\":\"2.0\",".to_owned()],
            3 => vec![String::new()],
            4 => vec![json!({"jsonrpc": "2.0", "id": request["id"], "result": [[["deep"]]]}).to_string()],
            _ => vec![well(request)],
        }
    });
    let trial = Trial::subscribed(&keys(&mi, "mi_format = \"json\""), "");
    trial.daemon.logged(&["not connected to opensips", "400 Parse_error"]);
}

#[test]
fn an_ok_that_is_not_true_is_found_out() {
    let mi = Scripted::start(|request| {
        // As where another socket begins alike.
        vec![well(request).replace("127.0.0.1:9001", "127.0.0.11:9001")]
    });
    let trial = Trial::start(&keys(&mi, "mi_format = \"json\""), "");
    trial.daemon.logged(&["opensips has answered OK and not subscribed us", "E_X"]);
    trial.daemon.logged(&["none of the events could be subscribed to"]);
    assert!(!trial.is_up());
}

#[test]
fn one_whose_time_is_over_is_not_held_though_it_is_listed() {
    let mi = Scripted::start(|request| vec![well(request).replace("\"ttl\":60", "\"ttl\":0")]);
    let trial = Trial::start(&keys(&mi, "mi_format = \"json\""), "");
    trial.daemon.logged(&["none of the events could be subscribed to"]);
    assert!(!trial.is_up());
}

#[test]
fn an_event_that_is_not_published_is_asked_for_again_beside_the_others() {
    let refused: fn(&Value) -> String = |request| {
        let error = json!({"code": 400, "message": "Bad parameter value"});
        json!({"jsonrpc": "2.0", "error": error, "id": request["id"]}).to_string()
    };
    let mi = Scripted::start(move |request| match request["params"]["event"].as_str() {
        Some("E_UNKNOWN") => vec![refused(request)],
        _ => vec![well(request)],
    });
    let keys = keys(&mi, "verify = \"200ms\"").replace("[\"E_X\"]", "[\"E_UNKNOWN\", \"E_X\"]");
    let trial = Trial::subscribed(&keys, "");
    trial.daemon.logged(&["opensips refuses a subscription", "E_UNKNOWN", "400 Bad parameter value"]);
    let unknown =
        || mi.asked("event_subscribe").iter().filter(|it| it["params"]["event"] == "E_UNKNOWN").count();
    eventually("it is asked for again", || (unknown() > 3).then_some(()));
    assert!(trial.is_up());
    let count = |state: &str| trial.metric("subscriptions", &format!("state=\"{state}\""));
    assert_eq!((count("held"), count("missing")), (1.0, 1.0));
}

#[test]
fn at_the_end_of_the_daemon_subscriptions_end() {
    let mi = Scripted::start(|request| vec![well(request)]);
    let trial = Trial::subscribed(&keys(&mi, ""), "");
    assert_eq!(trial.daemon.terminate(), Some(0));
    let last = mi.asked("event_subscribe").pop().expect("asked");
    assert_eq!(last["params"]["expire"], 0);
}

#[test]
fn a_server_that_says_nothing_any_more_is_given_up_and_asked_again() {
    let mut answers = 0;
    let mi = Scripted::start(move |request| {
        answers += 1;
        if (10..20).contains(&answers) { Vec::new() } else { vec![well(request)] }
    });
    let trial = Trial::subscribed(&keys(&mi, "verify = \"50ms\""), "");
    trial.daemon.logged(&["not connected to opensips", "no answer from"]);
    trial.wait_up();
    assert!(trial.metric("reconnects_total", "connection=\"sbc\"") >= 1.0);
}

#[test]
fn a_list_that_is_not_shown_is_told_and_the_subscription_believed() {
    let mi = Scripted::start(|request| match request["method"].as_str() {
        Some("subscribers_list") => {
            let error = json!({"code": -32601, "message": "x".repeat(10_000)});
            vec![json!({"jsonrpc": "2.0", "error": error, "id": request["id"]}).to_string()]
        }
        _ => vec![well(request)],
    });
    let trial = Trial::subscribed(&keys(&mi, "mi_format = \"json\"\nverify = \"100ms\""), "");
    let line = trial.daemon.logged(&["does not show whether our subscription is there", "xxx"]);
    assert!(line.len() < 1_000, "{} letters of a peer in the log", line.len());
    let count = |state: &str| trial.metric("subscriptions", &format!("state=\"{state}\""));
    assert_eq!((count("held"), count("unverified"), count("missing")), (0.0, 1.0, 0.0));
}

#[test]
fn what_speaks_text_slowly_is_understood() {
    let mi = Scripted::raw(|request| match request {
        // As one that is too slow with it.
        [b':', b'v', ..] => Vec::new(),
        [b'{', ..] => vec!["400 Parse error\n\n".to_owned()],
        [b':', b'e', ..] => vec!["200 OK\n\n".to_owned()],
        _ => {
            let ours = "\tSubscriber::  socket=udp:127.0.0.1:9001 expire=60\n";
            vec![format!("200 OK\nEvent:: E_X id=1\n{ours}\n")]
        }
    });
    let trial = Trial::subscribed(&keys(&mi, ""), "");
    trial.daemon.logged(&["subscribed to opensips", "Text"]);
}
