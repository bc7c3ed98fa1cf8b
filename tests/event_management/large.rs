//! Bodies as large as the configuration allows, several at once.

use crate::given::*;
use std::io::{Read, Write};
use std::net::TcpStream;

const ORDERS: &str = "/topic/order/event";
/// What `max_body` may be at most.
const LARGEST: usize = 16 << 20;
/// Posted at the same time.
const SENDERS: usize = 6;
/// What that may take, in MiB. A number of one digit takes sixteen times the room of its text while it is read.
const MEMORY: u64 = 1_024;

/// An event with this number, of exactly so many bytes: one long text, or as many values as go into it.
fn body(number: usize, length: usize) -> String {
    let frame = json!({"priority": number.to_string(), "event": ""}).to_string();
    let room = length - frame.len();
    let event = match number % 2 {
        0 => format!("\"{}\"", "x".repeat(room)),
        _ => format!("[{}0{}]", "0,".repeat(room / 2 - 1), " ".repeat(1 + room % 2)),
    };
    frame.replace("\"\"", &event)
}

/// The answer to what is announced as too large, which nobody waits for.
fn announced(daemon: &Daemon, headers: &str, chunks: &[usize]) -> Answer {
    let mut stream = TcpStream::connect(daemon.http).expect("connected");
    stream.set_read_timeout(Some(crate::support::daemon::PATIENCE)).expect("a timeout");
    let head = format!(
        "POST {BASE}{ORDERS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{JSON}{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    for length in chunks {
        // It may have been answered before all of it is sent.
        let _ = stream.write_all(format!("{length:x}\r\n{}\r\n", "x".repeat(*length)).as_bytes());
    }
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

#[test]
fn the_largest_bodies_at_once_are_stored_in_bounded_memory_and_larger_ones_are_refused() {
    let (_site, daemon) = start("max_body = \"16MiB\"\n");
    let before = daemon.memory("VmHWM") / 1024;
    std::thread::scope(|scope| {
        for number in 0..SENDERS {
            let (daemon, body) = (&daemon, body(number, LARGEST));
            assert_eq!(body.len(), LARGEST);
            // Who finds no room in time is told to come again.
            let post = move || {
                eventually("it is taken", || {
                    let answer = ask(daemon, "POST", ORDERS, JSON, &body);
                    assert!([201, 503].contains(&answer.status), "{}", answer.head);
                    (answer.status == 201).then_some(())
                });
            };
            scope.spawn(post);
        }
    });
    error_of(&announced(&daemon, &format!("Content-Length: {}\r\n", LARGEST + 1), &[]), 413);
    error_of(&announced(&daemon, "Transfer-Encoding: chunked\r\n", &[LARGEST, 1]), 413);
    let (mut found, mut offset) = (Vec::<usize>::new(), 0);
    while offset < SENDERS {
        let page = body_of(&get(&daemon, &format!("{ORDERS}?offset={offset}&fields=priority")), 200);
        found.extend(all(&page, "priority").iter().map(|number| number.parse::<usize>().expect("a number")));
        assert!(found.len() > offset, "{found:?}");
        offset = found.len();
    }
    found.sort_unstable();
    assert_eq!(found, (0..SENDERS).collect::<Vec<usize>>());
    let after = daemon.memory("VmHWM") / 1024;
    println!("{before} MiB before, {after} MiB at most");
    assert!(after < MEMORY, "{after} MiB");
}
