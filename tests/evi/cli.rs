//! The commands: what an operator does by hand.

use crate::program::{Receiver, Served};
use crate::support::daemon::eventually;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn evi(served: &Served, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
    command.arg("evi").args(arguments).args(["--url", &format!("http://{}", served.daemon.http)]);
    command
}

/// What it prints, and what it complains of, and whether it went well.
fn run(served: &Served, arguments: &[&str]) -> (String, String, bool) {
    let output = evi(served, arguments).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.success())
}

#[test]
fn a_program_is_subscribed_listed_and_unsubscribed_by_hand() {
    let served = Served::open();
    let receiver = Receiver::bind();
    let socket = receiver.socket();
    let subscribe = ["subscribe", "E_ALARM", &socket, "--expire", "90", "--format", "text"];
    let (said, _, well) = run(&served, &subscribe);
    assert!(well && said == format!("subscribed {socket} to E_ALARM\n"), "{said}");
    assert_eq!(run(&served, &["raise", "E_ALARM", "level=high", "=x", "a=b=c"]).0, "raised E_ALARM\n");
    assert_eq!(receiver.next(), "E_ALARM\nlevel::high\nx\na::b=c\n\n");
    let line = eventually("it is told as sent", || {
        let listed = run(&served, &["list"]).0;
        let line = listed.lines().find(|line| line.contains(&socket)).map(str::to_owned);
        line.filter(|line| line.split_whitespace().nth(5) == Some("1"))
    });
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!((words[0], words[2], words[3], words[6], words[7]), ("E_ALARM", "text", "90", "0", "0"));
    let told: Value = serde_json::from_str(&run(&served, &["list", "--json"]).0).expect("JSON");
    assert_eq!(told["events"][0]["name"], "E_ALARM");
    assert_eq!(told["subscriptions"][0]["Subscribers"][0]["socket"], socket);
    assert!(run(&served, &["unsubscribe", "E_ALARM", &socket]).2);
    let (_, complaint, well) = run(&served, &["unsubscribe", "E_ALARM", &socket]);
    assert!(!well && complaint.contains("404 Subscriber does not exist"), "{complaint}");
    let (_, complaint, well) = run(&served, &["subscribe", "E_ALARM", "nonsense"]);
    assert!(!well && complaint.contains("socket: it is none of"), "{complaint}");
}

#[test]
fn events_are_shown_as_they_come_until_it_is_interrupted() {
    let served = Served::open();
    let shown = |arguments: &[&str]| {
        let mut child =
            evi(&served, arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        eventually("it has subscribed", || (served.sockets("E_ALARM").len() == 1).then_some(()));
        (child, lines)
    };
    let (mut child, mut lines) = shown(&["subscribe", "E_ALARM", "--expire", "3"]);
    served.raise("E_ALARM", "level::high\nhost::db1\n");
    let line = lines.next().expect("a line").expect("text");
    assert_eq!(line, "E_ALARM level=high host=db1");
    // It lives longer than its subscription would.
    let stored = || served.json("subscribers_list", json!({"event": "E_ALARM"})).to_string();
    let before = stored();
    eventually("its time goes on", || (stored() != before).then_some(()));
    eventually("it is renewed", || stored().contains("\"ttl\":3").then_some(()));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
    assert!(child.wait().expect("it ends").success());
    assert!(served.sockets("E_ALARM").is_empty());
    let (mut child, mut lines) = shown(&["subscribe", "E_ALARM", "--once", "--json"]);
    served.raise("E_ALARM", "n::1\n");
    let line = lines.next().expect("a line").expect("text");
    assert_eq!(line, r#"{"jsonrpc":"2.0","method":"E_ALARM","params":{"n":"1"}}"#);
    assert!(child.wait().expect("it ends").success());
    assert!(served.sockets("E_ALARM").is_empty());
}
