//! What is refused, by what is said, and what that costs.

use crate::program::{ALL, Receiver, Served};
use crate::support::daemon::{Site, eventually};
use serde_json::{Value, json};
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;

/// Code and data of an error.
#[track_caller]
fn error(answer: &Value) -> (i64, String) {
    let error = &answer["error"];
    let code = error["code"].as_i64().unwrap_or_else(|| panic!("no error: {answer}"));
    (code, error["data"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn parameters_that_cannot_be_meant_are_named() {
    let served = Served::start(ALL, "max_expire = \"1h\"\nmax_subscriptions = 1");
    let socket = "udp:127.0.0.1:9001";
    let check = |params: Value, code: i64, part: &str| {
        let answer = served.json("event_subscribe", params.clone());
        let (found, data) = error(&answer);
        assert!(found == code && data.contains(part), "{params}: {answer}");
    };
    check(json!({"event": "E_TEST", "socket": "udp:127.0.0.1:0"}), 400, "socket: the port");
    check(json!({"event": "E_TEST", "socket": "udp:127.0.0.1:65536"}), 400, "socket: the port");
    check(json!({"event": "E_TEST", "socket": "nonsense"}), 400, "socket: it is none of");
    check(json!({"event": "E_TEST", "socket": "tcp:127.0.0.1:1/method"}), 400, "socket: a method");
    check(json!({"event": "E_TEST", "socket": "unix:relative"}), 400, "socket: the path");
    let long = format!("unix:/{}", "x".repeat(107));
    check(json!({"event": "E_TEST", "socket": long}), 400, "allowed are 107");
    check(json!({"event": "E_TEST", "socket": socket, "expire": 3601}), 400, "expire: 3601 is more than");
    check(json!({"event": "E_TEST", "socket": socket, "expire": -1}), -32602, "expire");
    check(json!({"event": "E_TEST", "socket": socket, "expire": 1e9}), -32602, "expire");
    check(json!({"event": "E_TEST", "socket": socket, "format": "xml"}), 400, "format: it is neither");
    check(json!({"event": "E_TEST", "socket": "tcp:127.0.0.1:1", "format": "text"}), 400, "format: text");
    check(json!({"event": "nonsense", "socket": socket}), 404, "");
    check(json!({"event": "E_TEST", "socket": socket, "expire": 0}), 404, "");
    check(json!({"event": "E_TEST"}), -32602, "");
    assert_eq!(served.text(":event_subscribe:\nE_TEST\nudp:127.0.0.1:0\n"), "400 Bad parameter\n\n");
    assert_eq!(served.text(":event_subscribe:\nE_TEST\n"), "400 Too few or too many arguments\n\n");
    assert_eq!(served.text(&format!(":event_subscribe:\nx\n{socket}\n")), "404 Event not published\n\n");
    assert_eq!(served.text(":nothing:\n"), "500 command not available\n");
    assert_eq!(error(&served.json("nothing", json!({}))).0, -32601);
    served.subscribe("E_TEST", socket, json!({}));
    check(json!({"event": "E_OTHER", "socket": socket}), 500, "");
    served.subscribe("E_TEST", socket, json!({"expire": 3600}));
    assert_eq!(served.metric("evi_requests_total", "method=\"event_subscribe\",outcome=\"failed\""), 1.0);
}

#[test]
fn only_known_events_are_published() {
    let routes =
        "[[route]]\nevent = \"call_start\"\nto = [\"calls\"]\n[[route]]\nevent = \"*\"\nstore = true\n";
    let served = Served::start(routes, "[evi.names]\n\"x\" = \"E_NAMED\"");
    let receiver = Receiver::bind();
    let known = || {
        let told = served.json("events_list", json!({}))["result"]["Events"].clone();
        let names: Vec<String> = told
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| it["name"].as_str().expect("a name").into())
            .collect();
        names
    };
    assert_eq!(known(), ["E_CALL_START", "E_NAMED"]);
    let other = json!({"event": "E_RAISED", "socket": receiver.socket()});
    assert_eq!(error(&served.json("event_subscribe", other)).0, 404);
    served.raise("E_RAISED", "");
    served.subscribe("E_RAISED", &receiver.socket(), json!({}));
    assert_eq!(known(), ["E_CALL_START", "E_NAMED", "E_RAISED"]);
    // It is known after a restart, because somebody has subscribed.
    let served = served.restarted();
    assert_eq!(served.sockets("E_RAISED"), [receiver.socket()]);
    let bad = served.json("raise_event", json!({"event": "call_start"}));
    assert_eq!(error(&bad).0, 400);
}

#[test]
fn one_socket_is_not_another_that_begins_as_it_does() {
    let served = Served::open();
    let one = "udp:127.0.0.1:9001";
    for socket in [one, "udp:127.0.0.11:9001", "udp:127.0.0.1:900", "unix:/tmp/evi-a", "unix:/tmp/evi-ab"] {
        served.subscribe("E_TEST", socket, json!({}));
    }
    assert_eq!(served.sockets("E_TEST").len(), 5);
    served.subscribe("E_TEST", "unix:/tmp/evi-a", json!({"expire": 0}));
    assert!(served.sockets("E_TEST").contains(&"unix:/tmp/evi-ab".to_owned()));
    let absent = json!({"event": "E_TEST", "socket": "udp:127.0.0.1:90"});
    assert_eq!(error(&served.json("subscribers_list", absent)).0, 404);
}

#[test]
fn subscribers_are_where_they_may_be() {
    let served = Served::start(ALL, "allowed_targets = [\"127.0.0.2\"]");
    for socket in ["udp:127.0.0.1:9001", "tcp:10.0.0.1:9001", "udp:localhost:9001", "udp:[::1]:9001"] {
        let answer = served.json("event_subscribe", json!({"event": "E_TEST", "socket": socket}));
        let (code, data) = error(&answer);
        assert!(code == 400 && data.contains("is not among evi.allowed_targets"), "{socket}: {answer}");
    }
    let unknown = json!({"event": "E_TEST", "socket": "udp:nowhere.invalid:1"});
    assert!(error(&served.json("event_subscribe", unknown)).1.contains("nowhere.invalid"));
    served.subscribe("E_TEST", "udp:127.0.0.2:9001", json!({}));
    served.subscribe("E_TEST", "unix:/tmp/evi-x", json!({}));
}

#[track_caller]
fn refuses(served: &Served, socket: &str, part: &str) {
    let answer = served.json("event_subscribe", json!({"event": "E_TEST", "socket": socket}));
    let (code, data) = error(&answer);
    assert!(code == 400 && data.contains(part), "{socket}: {answer}");
}

#[test]
fn sockets_of_the_file_system_are_in_the_folders_that_are_named() {
    let served = Served::open();
    for path in ["/dev/log", "/run/systemd/notify", "/tmp/../run/x", "/nowhere/x"] {
        refuses(&served, &format!("unix:{path}"), "evi.allowed_unix");
    }
    let served = Served::start(ALL, "allowed_unix = []");
    refuses(&served, "unix:/tmp/evi-x", "evi.allowed_unix");
}

#[test]
fn nothing_is_sent_to_a_socket_of_our_own() {
    let free = UdpSocket::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let opensips = "[[opensips]]\nname = \"sbc\"\nmi = \"udp:127.0.0.1:9\"\nadvertise = \"127.0.0.1:9\"\nevents = [\"E_TEST\"]\n";
    let sections =
        format!("{ALL}{opensips}listen = \"udp:0.0.0.0:{}\"\nallow_from = [\"127.0.0.1\"]\n", free.port());
    let served = Served::start(&sections, "");
    let ours = "listens there";
    refuses(&served, &format!("udp:{free}"), ours);
    refuses(&served, &format!("udp:127.0.0.7:{}", free.port()), ours);
    refuses(&served, &format!("udp:{}", served.udp), ours);
    let own = served.site.directory.path().join("evi.sock");
    refuses(&served, &format!("unix:{}", own.display()), ours);
    assert!(served.sockets("E_TEST").is_empty());
}

#[test]
fn who_may_not_send_gets_no_answer() {
    let served = Served::start(ALL, "allow_from = [\"127.0.0.1\"]");
    let other = UdpSocket::bind("127.0.0.2:0").expect("an address");
    other.set_read_timeout(Some(crate::program::SILENCE)).expect("a timeout");
    other.send_to(b":events_list:\n", served.udp).expect("sent");
    assert!(other.recv(&mut [0; 10]).is_err());
    let refused = "connection=\"evi\",reason=\"address\"";
    eventually("it is counted", || (served.metric("frames_bad_total", refused) == 1.0).then_some(()));
    served.daemon.logged(&["evi command refused", "peer=127.0.0.2:", "address"]);
    assert!(served.text(":events_list:\n").starts_with("200"));
}

#[test]
fn rubbish_is_answered_and_counted_and_costs_nothing_else() {
    let served = Served::open();
    for rubbish in ["{", "{\"jsonrpc\":", "[1", "{\"a\":\"\\", "[[["] {
        assert_eq!(served.text(rubbish), "400 Parse_error\n\n", "{rubbish:?}");
    }
    assert_eq!(served.text(":"), "400 Parse error\n\n");
    let request: Value = serde_json::from_str(&served.text("{}")).expect("JSON");
    assert_eq!((error(&request).0, &request["id"]), (-32600, &Value::Null));
    let nested = format!("{{\"a\":{}", "[".repeat(60_000));
    assert_eq!(served.text(&nested), "400 Parse_error\n\n");
    let counted = served.metric("frames_bad_total", "connection=\"evi\",reason=\"unreadable\"");
    assert_eq!(counted, 8.0);
    // A flood of it.
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    for number in 0..20_000_u32 {
        let _ = socket.send_to(&number.to_be_bytes(), served.udp);
    }
    let before = served.daemon.resident();
    eventually("others are answered", || served.try_ask(b":events_list:\n"));
    assert!(served.daemon.resident() < before + 20, "memory is bounded");
    let lines = served.daemon.log().lines().filter(|line| line.contains("evi command refused")).count();
    assert!((1..150).contains(&lines), "{lines} lines");
    assert_eq!(served.metric("actor_restarts_total", ""), 0.0);
}

/// What a start says, and its exit code.
fn run(evi: &str) -> (String, Option<i32>) {
    let site = Site::new(&format!("\n[evi]\n{evi}\n"));
    let mut program = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
    let output = program.args(["run", "--config"]).arg(site.config()).output().expect("it runs");
    (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
}

#[test]
fn a_start_that_cannot_listen_is_refused_by_the_key() {
    let check = |evi: &str, part: &str| {
        let (said, code) = run(evi);
        assert!(said.contains(part) && code == Some(1), "{evi}: {code:?} {said}");
    };
    check("udp = \"0.0.0.0:0\"", "evi.udp: can be reached from other hosts");
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let taken: SocketAddr = taken
        .local_addr()
        .map(|it| (it, taken))
        .map(|(it, socket)| {
            std::mem::forget(socket);
            it
        })
        .expect("an address");
    check(&format!("udp = \"{taken}\""), &format!("evi.udp {taken}"));
    check(&format!("unix = \"/{}\"", "x".repeat(108)), "evi.unix: has 109 bytes");
    check("unix = \"eventmanager.toml\"", "no socket");
    check("unix = \"nowhere/evi.sock\"", "evi.unix");
}

#[test]
fn the_file_of_the_socket_goes_with_the_daemon_and_an_old_one_is_replaced() {
    let served = Served::open();
    let path = served.site.directory.path().join("evi.sock");
    assert!(path.exists());
    let served = served.killed();
    assert!(served.unix(":events_list:\n").starts_with("200"));
    let site = served.stopped();
    assert!(!path.exists());
    drop(site);
}
