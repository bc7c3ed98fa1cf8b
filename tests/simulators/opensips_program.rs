//! `eventmanager simulate opensips`.

use crate::mi_client::{UdpReceiver, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A program that is killed with its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_program_says_where_it_is_and_raises_what_is_published() {
    let command = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args(["simulate", "opensips", "--udp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--rate", "200"])
        .args(["--events", "E_PIKE_BLOCKED,E_OTHER"])
        .stdout(Stdio::piped())
        .spawn();
    let mut program = Program(command.unwrap());
    let mut line = String::new();
    BufReader::new(program.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let places = line.strip_prefix("simulated OpenSIPS 3.6.8 at udp:").expect(&line);
    let (udp, http) = places.trim_end().split_once(", http://").expect(&line);
    assert!(http.ends_with("/mi"), "{line}");
    let receiver = UdpReceiver::new();
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let params = format!(r#"{{"event":"E_PIKE_BLOCKED","socket":"{}"}}"#, receiver.socket());
    let request = json("event_subscribe", &params);
    client.send_to(request.as_bytes(), udp).unwrap();
    for _ in 0..3 {
        let event = receiver.next();
        assert!(
            event.starts_with(r#"{"jsonrpc":"2.0","method":"E_PIKE_BLOCKED","params":{"ip":"192.0.2."#),
            "{event}"
        );
    }
}

#[test]
fn a_program_of_text_has_no_http() {
    let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args([
            "simulate",
            "opensips",
            "--udp",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
            "--version",
            "2.4.11",
        ])
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("--http"), "{error}");
}
