//! Answers that would be answered, that do not fit, and that many want at once.

use crate::program::{ALL, SILENCE, Served, request};
use crate::support::daemon::{PATIENCE, eventually};
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// The next datagram.
fn next(socket: &UdpSocket, wait: Duration) -> Option<String> {
    socket.set_read_timeout(Some(wait)).expect("a timeout");
    let mut buffer = vec![0; 65_536];
    let length = socket.recv(&mut buffer).ok()?;
    Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

fn refused(served: &Served, reason: &str) -> f64 {
    served.metric("frames_bad_total", &format!("connection=\"evi\",reason=\"{reason}\""))
}

#[test]
fn what_may_be_an_answer_is_not_answered() {
    let served = Served::open();
    let answers = [
        "400 Parse_error\n\n",
        "200 OK\n\n",
        "nonsense",
        "\u{1}",
        "",
        r#"{"jsonrpc":"2.0","result":"OK","id":1}"#,
        r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}"#,
        r#"[{"jsonrpc":"2.0","result":"OK","id":1}]"#,
    ];
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    for answer in answers {
        socket.send_to(answer.as_bytes(), served.udp).expect("sent");
    }
    eventually("each is counted", || (refused(&served, "unreadable") == answers.len() as f64).then_some(()));
    socket.send_to(b":events_list:\n", served.udp).expect("sent");
    assert!(next(&socket, PATIENCE).expect("an answer").starts_with("200 OK\n"));
    assert_eq!(next(&socket, SILENCE), None);
    // Of a list the requests are answered all the same.
    let list = format!("[{},{}]", answers[5], request("events_list", json!({})));
    let list: Value = serde_json::from_str(&served.text(&list)).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(1));
}

#[test]
fn an_address_that_leads_to_ourselves_is_answered_once() {
    let served = Served::open();
    let own = served.site.directory.path().join("evi.sock");
    let path = served.site.directory.path().join("mirror");
    let mirror = UnixDatagram::bind(&path).expect("a socket");
    std::fs::remove_file(&path).expect("removed");
    symlink(&own, &path).expect("a link");
    for (sent, question) in ["{", "{}", ":nothing:\n", &request("events_list", json!({}))].iter().enumerate()
    {
        mirror.send_to(question.as_bytes(), &own).expect("sent");
        eventually("our answer is refused", || {
            (refused(&served, "address") == (sent + 1) as f64).then_some(())
        });
    }
    assert_eq!(refused(&served, "unreadable"), 2.0);
}

#[test]
fn a_list_that_does_not_fit_is_answered_with_that() {
    let name = |number: usize| format!("E_{number}_{}", "X".repeat(40));
    let names: Vec<String> =
        (0..2000).map(|number| format!("\"n{number}\" = \"{}\"\n", name(number))).collect();
    let served = Served::start(ALL, &format!("[evi.names]\n{}", names.concat()));
    let message = "Too long for a datagram: ask over HTTP";
    assert_eq!(served.text(":events_list:\n"), format!("500 {message}\n\n"));
    assert_eq!(served.unix(":events_list:\n"), format!("500 {message}\n\n"));
    let answer = served.json("events_list", json!({}));
    let failure = json!({"code": 500, "message": message});
    assert_eq!((&answer["error"], &answer["id"]), (&failure, &json!(1)));
    // Of a list what fits is answered.
    let short = request("subscribers_list", json!({"event": "E_TEST"}));
    let list = format!("[{short},{}]", request("events_list", json!({})));
    let list: Value = serde_json::from_str(&served.text(&list)).expect("JSON");
    assert!(list[0]["result"].is_object() && list[1]["error"] == failure, "{list}");
    let whole = served.post(&request("events_list", json!({})), "").json();
    assert_eq!(whole["result"]["Events"].as_array().map(Vec::len), Some(2000));
}

#[test]
fn a_burst_is_carried_out_and_answered() {
    const BURST: usize = 400;
    let served = Served::open();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket2::SockRef::from(&socket).set_recv_buffer_size(8 << 20).expect("a buffer");
    for number in 0..BURST {
        let raise = format!(":raise_event:\nE_BURST\nn::{number}\n");
        socket.send_to(raise.as_bytes(), served.udp).expect("sent");
    }
    for number in 0..BURST {
        assert_eq!(next(&socket, PATIENCE).as_deref(), Some("200 OK\n\n"), "answer {number}");
    }
    assert_eq!(served.metric("events_received_total", "source=\"evi\""), BURST as f64);
}
