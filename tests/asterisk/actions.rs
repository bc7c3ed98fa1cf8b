//! Actions of operators.

use crate::peer::Peer;
use crate::support::daemon::{Daemon, eventually};
use crate::support::http::{self, Answer};
use crate::trial::Trial;
use eventmanager::simulators::asterisk::{
    AsteriskHandle, AsteriskOptions, AsteriskSimulator, Ending, Misbehaviour,
};
use eventmanager::states::DeviceState;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::process::Command;

const PLAIN: &str = "Host: 127.0.0.1\r\nContent-Type: application/json\r\n";
const ACTIONS: &str = "actions = [\"Setvar\", \"Getvar\", \"DeviceStateList\", \"UserEvent\", \"Events\"]";

fn asterisk() -> AsteriskHandle {
    AsteriskSimulator::start(AsteriskOptions::default()).expect("an asterisk")
}

fn post_with(daemon: &Daemon, name: &str, headers: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let length = body.len();
    http::send(
        daemon.http,
        &format!(
            "POST /api/v1/asterisk/{name}/action HTTP/1.0\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ),
    )
}

fn post(daemon: &Daemon, body: &Value) -> Answer {
    post_with(daemon, "pbx-a", PLAIN, body)
}

/// Who did what to what, and why, oldest first.
fn audit(daemon: &Daemon, headers: &str) -> Vec<String> {
    let acts = http::get(daemon.http, "/api/v1/audit", headers).json();
    let words = |act: &Value| {
        ["actor", "act", "object", "detail"]
            .map(|key| act[key].as_str().unwrap_or("-").to_owned())
            .join(" | ")
    };
    acts["acts"].as_array().expect("a list").iter().rev().map(words).collect()
}

#[track_caller]
fn check(answer: &Answer, status: u16, says: &str) {
    assert_eq!(answer.status, status, "{says}: {}", answer.body);
    assert!(answer.body.contains(says), "{says:?} is not in {}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{says}");
}

fn program(daemon: &Daemon, args: &[&str]) -> (Option<i32>, String) {
    let url = format!("http://{}", daemon.http);
    let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args([&["asterisk", "action"], args, &["--url", &url]].concat())
        .env("USER", "anna")
        .env_remove("SUDO_USER")
        .env_remove("EVENTMANAGER_TOKEN")
        .output()
        .expect("the program runs");
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn trial(asterisk: &AsteriskHandle, sections: &str) -> Trial {
    let trial = Trial::connected(asterisk.addr(), ACTIONS, sections);
    trial.wait_ready();
    trial
}

#[test]
fn an_action_is_answered_with_what_the_server_says_and_audited_without_its_secrets() {
    let asterisk = asterisk();
    let trial = trial(&asterisk, "");
    let headers = json!({"Variable": "DEVICE_STATE(Custom:lamp)", "Value": "INUSE", "Secret": "s3cret"});
    let answer =
        post(&trial.daemon, &json!({"action": "setvar", "headers": headers, "reason": "ticket 4711"}));
    let expected = json!({
        "connection": "pbx-a",
        "response": {"Response": "Success", "Message": "Variable Set"},
        "output": [], "events": [], "truncated": false,
    });
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!(asterisk.device("Custom:lamp"), Some(DeviceState::InUse));
    let shown = r#"local | action | pbx-a | {"Action":"setvar","Secret":"***","Value":"INUSE","Variable":"DEVICE_STATE(Custom:lamp)"}: ticket 4711"#;
    assert_eq!(audit(&trial.daemon, ""), [shown]);
    assert!(!trial.daemon.log().contains("s3cret"));
}

#[test]
fn a_list_is_answered_whole_and_an_event_with_the_id_is_no_item() {
    let asterisk = asterisk();
    asterisk.set_devices([("SIP/1", DeviceState::InUse), ("SIP/2", DeviceState::Busy)]);
    let trial = trial(&asterisk, "");
    let answer = post(&trial.daemon, &json!({"action": "DeviceStateList"})).json();
    assert_eq!(answer["response"]["EventList"], "start");
    let items = answer["events"].as_array().expect("a list");
    assert_eq!((items.len(), &items[1]["Device"], &items[2]["ListItems"]), (3, &json!("SIP/2"), &json!("2")));
    let event = post(&trial.daemon, &json!({"action": "UserEvent", "headers": {"UserEvent": "Hello"}}));
    assert_eq!((event.status, event.json()["events"].clone()), (200, json!([])));
}

#[test]
fn what_is_not_allowed_or_would_inject_headers_never_leaves() {
    let asterisk = asterisk();
    let trial = trial(&asterisk, "");
    let refused = |body: Value, status: u16, says: &str| check(&post(&trial.daemon, &body), status, says);
    eventually("filters stand", || (asterisk.counts().actions >= 7).then_some(()));
    let asked = asterisk.counts().actions;
    let list = "is not among the actions of pbx-a: Setvar, Getvar, DeviceStateList, UserEvent, Events";
    refused(json!({"action": "Originate"}), 403, list);
    refused(json!({"action": "Setvar\r\nX: y"}), 403, list);
    let evil = json!({"Variable": "x\r\nAction: Command\r\nCommand: core stop now"});
    refused(json!({"action": "Setvar", "headers": evil}), 400, "Variable has the byte 0x0d");
    refused(json!({"action": "Setvar", "headers": {"A\nB": "x"}}), 400, "has the byte 0x0a");
    refused(json!({"action": "Setvar", "headers": {"ActionID": "7"}}), 400, "not given as a header");
    refused(json!({"action": "Setvar", "headers": {"Action": "Originate"}}), 400, "not given as a header");
    refused(
        json!({"action": "Setvar", "headers": {"Value": "x".repeat(1_100)}}),
        400,
        "of which Asterisk reads",
    );
    refused(json!({"action": "Setvar", "headers": {"Value": 7}}), 400, "neither a string");
    refused(json!({"action": "Events", "headers": {"EventMask": "off"}}), 400, "the session itself");
    refused(json!({}), 400, "lacks action");
    check(&post_with(&trial.daemon, "pbx-z", PLAIN, &json!({"action": "Ping"})), 404, "there is pbx-a");
    let foreign = format!("{PLAIN}Origin: https://evil.example\r\n");
    check(&post_with(&trial.daemon, "pbx-a", &foreign, &json!({"action": "Setvar"})), 403, "another site");
    assert_eq!(audit(&trial.daemon, ""), [] as [String; 0]);
    assert_eq!(asterisk.counts().actions, asked);
}

#[test]
fn where_there_is_no_connection_or_answer_that_is_said() {
    let asterisk = asterisk();
    let trial = trial(&asterisk, "");
    asterisk.misbehave(Misbehaviour::Silent);
    check(&post(&trial.daemon, &json!({"action": "Getvar"})), 503, "no answer came in time");
    asterisk.misbehave(Misbehaviour::None);
    asterisk.stop(Ending::Quiet).expect("stopped");
    trial.wait_down();
    let audited = audit(&trial.daemon, "").len();
    check(&post(&trial.daemon, &json!({"action": "Getvar"})), 409, "pbx-a is not connected: ");
    assert_eq!((audited, audit(&trial.daemon, "").len()), (1, 1));
    let (code, said) = program(&trial.daemon, &["pbx-a", "Getvar"]);
    assert!(code == Some(1) && said.contains("pbx-a is not connected: "), "{said}");
}

#[test]
fn an_action_that_is_not_recorded_in_time_is_not_sent_and_the_audit_says_so_or_nothing() {
    let asterisk = asterisk();
    let trial = trial(&asterisk, "");
    let setvar = |value: &str| {
        let headers = json!({"Variable": "DEVICE_STATE(Custom:lamp)", "Value": value});
        post(&trial.daemon, &json!({"action": "Setvar", "headers": headers}))
    };
    let database = trial.site.database();
    database.execute_batch("begin immediate").expect("the database is held");
    // The writer has the line of the first, and waits with it; that of the second waits for the writer.
    check(
        &setvar("BUSY"),
        503,
        "nothing is sent; the audit may show it later on, and behind it that it was not sent",
    );
    check(&setvar("RINGING"), 503, "could not be recorded in time, and nothing is sent\"");
    database.execute_batch("rollback").expect("the database is free");
    eventually("it goes on", || (audit(&trial.daemon, "").len() == 2).then_some(()));
    assert_eq!(asterisk.device("Custom:lamp"), None);
    trial.wait_ready();
    assert_eq!(setvar("INUSE").status, 200);
    assert_eq!(asterisk.device("Custom:lamp"), Some(DeviceState::InUse));
    let line = |said: &str, value: &str| {
        format!(
            "local | action | pbx-a | {said}{{\"Action\":\"Setvar\",\"Value\":\"{value}\",\"Variable\":\"DEVICE_STATE(Custom:lamp)\"}}"
        )
    };
    let not_sent = "not sent, since this could not be recorded in time: ";
    assert_eq!(audit(&trial.daemon, ""), [line("", "BUSY"), line(not_sent, "BUSY"), line("", "INUSE")]);
}

#[test]
fn an_action_wants_an_operator() {
    let asterisk = asterisk();
    let token = |name: &str, role: &str, token: &str| {
        let sha256: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("[[http.token]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{sha256}\"\n")
    };
    let trial = trial(&asterisk, &(token("desk", "viewer", "look") + &token("noc", "operator", "act")));
    let body = json!({"action": "Getvar", "headers": {"Variable": "X"}});
    let run = |bearer: &str| post_with(&trial.daemon, "pbx-a", &format!("{PLAIN}{bearer}"), &body);
    check(&run(""), 401, "token");
    check(&run("Authorization: Bearer look\r\n"), 403, "operator");
    assert_eq!(run("Authorization: Bearer act\r\n").status, 200);
    assert_eq!(
        audit(&trial.daemon, "Authorization: Bearer look\r\n"),
        [r#"noc | action | pbx-a | {"Action":"Getvar","Variable":"X"}"#]
    );
}

#[test]
fn the_command_of_the_cli_says_what_the_server_answers() {
    let asterisk = asterisk();
    let trial = trial(&asterisk, "");
    let check = |args: &[&str], code: i32, says: &str| {
        let (ended, said) = program(&trial.daemon, args);
        assert_eq!(ended, Some(code), "{args:?}: {said}");
        assert!(said.contains(says), "{says:?} is not in {said}");
    };
    let variable = "Variable=DEVICE_STATE(Custom:lamp)";
    check(
        &["pbx-a", "Setvar", variable, "Value=BUSY", "--reason", "x"],
        0,
        "Message: Variable Set\nResponse: Success\n",
    );
    assert_eq!(asterisk.device("Custom:lamp"), Some(DeviceState::Busy));
    check(&["pbx-a", "Setvar", variable, "Value=UNKNOWN"], 1, "Response: Error");
    check(&["pbx-a", "Getvar", variable, "--json"], 0, "\"Value\": \"BUSY\"");
    check(&["pbx-a", "DeviceStateList"], 0, "Device: Custom:lamp\n");
    check(&["pbx-a", "Originate"], 1, "is not among the actions");
    check(&["pbx-z", "Getvar"], 1, "there is no asterisk \"pbx-z\"; there is pbx-a");
    check(&["pbx-a", "Getvar", "Variable"], 2, "is no header");
    check(&["pbx-a"], 2, "<ACTION>");
}

#[test]
fn secrets_in_what_a_server_answers_are_masked() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let mut client = peer.log_in();
            let asked = client.next_of("Command");
            let more =
                "Md5secret: s3cret\r\nSecret: s3cret\r\nOutput:   Password : s3cret\r\nOutput: Core: up\r\n";
            client.answer(&asked, "Success", more);
            client
        });
        let trial = Trial::connected(peer.address(), "login = \"plain\"\nactions = [\"Command\"]", "");
        trial.wait_ready();
        let answer =
            post(&trial.daemon, &json!({"action": "Command", "headers": {"Command": "sip show peer 1"}}));
        assert!(!answer.body.contains("s3cret"), "{}", answer.body);
        assert_eq!(answer.json()["output"], json!(["  Password : ***", "Core: up"]));
        assert_eq!(answer.json()["response"]["Secret"], "***");
        drop(server.join().expect("a peer"));
    });
}
