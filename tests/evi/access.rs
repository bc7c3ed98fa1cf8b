//! Who may do what over HTTP, and what the audit has of it.

use crate::program::{ALL, Receiver, Served, request};
use crate::support::daemon::Site;
use crate::support::http;
use serde_json::json;
use sha2::{Digest, Sha256};

fn token(name: &str, role: &str, text: &str) -> String {
    let sha256: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("[[http.token]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{sha256}\"\n")
}

#[test]
fn a_viewer_lists_and_an_operator_acts() {
    let tokens = token("desk", "viewer", "look") + &token("noc", "operator", "act");
    let served = Served::start(&format!("{tokens}{ALL}"), "");
    let receiver = Receiver::bind();
    let (viewer, operator) = ("Authorization: Bearer look\r\n", "Authorization: Bearer act\r\n");
    let list = request("subscribers_list", json!({}));
    let subscribe = |expire: u32| {
        request("event_subscribe", json!({"event": "E_TEST", "socket": receiver.socket(), "expire": expire}))
    };
    let raise = request("raise_event", json!({"event": "E_TEST", "params": {"password": "hunter2"}}));
    assert_eq!(served.post(&list, "").status, 401);
    assert_eq!(served.post(&list, viewer).status, 200);
    for act in [subscribe(60), raise.clone(), format!("[{list},{raise}]")] {
        assert_eq!(served.post(&act, viewer).status, 403, "{act}");
    }
    assert!(served.sockets("E_TEST").is_empty());
    for act in [subscribe(60), subscribe(90), raise, subscribe(0)] {
        assert_eq!(served.post(&act, operator).json()["result"], "OK", "{act}");
    }
    let audit = http::get(served.daemon.http, "/api/v1/audit", viewer).json();
    let lines: Vec<String> = audit["acts"]
        .as_array()
        .unwrap_or_else(|| panic!("{audit}"))
        .iter()
        .rev()
        .map(|line| format!("{} {} {}", line["actor"], line["act"], line["object"]).replace('"', ""))
        .collect();
    // A renewal says nothing new.
    assert_eq!(lines, ["noc subscribe E_TEST", "noc raise E_TEST", "noc unsubscribe E_TEST"]);
    assert!(!audit.to_string().contains("hunter2") && !served.daemon.log().contains("hunter2"), "{audit}");
}

#[test]
fn over_http_only_json_of_this_site_is_taken() {
    let served = Served::open();
    let list = request("events_list", json!({}));
    let send = |headers: &str, body: &str| {
        let head = format!("POST /mi HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}");
        http::send(served.daemon.http, &format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).status
    };
    assert_eq!(send("Content-Type: text/plain\r\n", &list), 415);
    assert_eq!(send("Content-Type: application/json\r\nOrigin: http://evil.example\r\n", &list), 403);
    assert_eq!(send("Content-Type: application/json\r\n", &"x".repeat(20_000)), 413);
    assert_eq!(http::get(served.daemon.http, "/mi", "").status, 405);
    assert_eq!(served.post("{", "").json()["error"]["code"], -32700);
    let daemon = Site::new("").start();
    let without = format!(
        "POST /mi HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{list}",
        list.len()
    );
    assert_eq!(http::send(daemon.http, &without).status, 404);
}
