//! `eventmanager replay` as a process, towards daemons, plain sockets and peers that misbehave.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use support::daemon::{PATIENCE, Site, eventually};
use support::documents::add;
use support::peers::Peers;
use tempfile::NamedTempFile;

/// A running replay.
struct Replay {
    child: Child,
    lines: Receiver<String>,
    said: String,
}

impl Replay {
    fn start(arguments: &[&str]) -> Replay {
        let mut child = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
            .arg("replay")
            .args(arguments)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (tell, lines) = channel();
        let output = BufReader::new(child.stderr.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Replay { child, lines, said: String::new() }
    }

    /// Plays a file to `to`, with further arguments.
    fn file(file: &Path, to: &str, more: &[&str]) -> Replay {
        Replay::start(&[&[file.to_str().expect("a path"), "--to", to], more].concat())
    }

    fn input(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("a pipe")
    }

    /// Waits until it says this, and gives the line.
    #[track_caller]
    fn wait_for(&mut self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("it never said {words:?}: {}", self.said));
            self.said += &format!("{line}\n");
            if line.contains(words) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().expect("kill").success());
    }

    /// Its exit code and everything it said.
    #[track_caller]
    fn end(mut self) -> (i32, String) {
        let status = eventually("the replay ends", || self.child.try_wait().expect("a child"));
        self.said.extend(self.lines.iter().map(|line| line + "\n"));
        (status.code().expect("no signal"), std::mem::take(&mut self.said))
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn recording(content: impl AsRef<[u8]>) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(content.as_ref()).expect("written");
    file
}

fn documents(count: u64) -> String {
    (0..count).map(|number| add(number, &format!("user{number}@tele.gl")) + "\n").collect()
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    (listener, address)
}

/// Everything that comes until the other side ends.
fn read_all(mut socket: TcpStream) -> Vec<u8> {
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut all = Vec::new();
    socket.read_to_end(&mut all).expect("it can be read");
    all
}

/// Connects as soon as somebody listens.
fn connect(address: &str) -> TcpStream {
    let address: SocketAddr = address.parse().expect("an address");
    eventually("somebody listens", || TcpStream::connect(address).ok())
}

/// Waits for the line that says where it listens.
fn listening_at(replay: &mut Replay) -> String {
    let line = replay.wait_for("listening at ");
    let address = line.split("listening at ").nth(1).and_then(|rest| rest.split(',').next());
    address.expect("an address").to_owned()
}

#[test]
fn a_daemon_takes_what_is_played_to_it() {
    let peers = Peers::start();
    let (held, address) = listener();
    drop(held);
    let config = support::peers::config(&address, &peers.ema.url(), "");
    let site = Site::new(&config);
    let daemon = site.start();
    let file = recording(documents(50));
    let mut replay = Replay::file(file.path(), &address, &[]);
    replay.wait_for(&format!("listening at {address}, waiting for a client"));
    replay.wait_for("connected: sending");
    let (code, said) = replay.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("sent 50 documents, "), "{said}");
    site.wait_ended(50);
    assert!(site.events().iter().all(|event| event.status == "completed"));
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn a_listening_peer_is_connected_to_and_gets_the_bytes_as_recorded() {
    let (listener, address) = listener();
    let one = add(1, "anna@tele.gl").replace("KNI-014", "Søndre");
    let latin1: Vec<u8> =
        one.chars().map(|letter| u8::try_from(u32::from(letter)).expect("Latin-1")).collect();
    let content = [&latin1[..], b"\n\n", &latin1, b"12:00:01 received\n", &latin1].concat();
    let expected = [&latin1[..], b"\n\n", &latin1, b"\r\n", &latin1, b"\r\n"].concat();
    let file = recording(&content);
    let replay = Replay::file(file.path(), &address, &[]);
    let got = read_all(listener.accept().expect("it connects").0);
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&expected));
    let (code, said) = replay.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&format!("connected to {address}")), "{said}");
    let offset = 2 * latin1.len() + 2;
    assert!(
        said.contains(&format!("at byte {offset}: 18 bytes that belong to no document: not sent")),
        "{said}"
    );
    assert!(said.contains(&format!("sent 3 documents, {} bytes", expected.len())), "{said}");

    let replay = Replay::file(file.path(), &address, &["--raw"]);
    let got = read_all(listener.accept().expect("it connects").0);
    let expected = [&latin1[..], b"\n\n", &latin1, b"\r\n12:00:01 received\n", &latin1, b"\r\n"].concat();
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&expected));
    let (code, said) = replay.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("18 bytes that belong to no document: sent"), "{said}");
}

#[test]
fn one_of_the_two_ways_can_be_asked_for() {
    let file = recording(documents(2));
    let mut replay = Replay::file(file.path(), "127.0.0.1:0", &["--listen", "--repeat", "3"]);
    let address = listening_at(&mut replay);
    let got = read_all(connect(&address));
    assert_eq!(String::from_utf8_lossy(&got), documents(2).repeat(3));
    let (code, said) = replay.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("sent 6 documents"), "{said}");

    let (code, said) = Replay::file(file.path(), &address, &["--connect"]).end();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&format!("cannot connect to {address}: ")), "{said}");

    let (_taken, address) = listener();
    let (code, said) = Replay::file(file.path(), &address, &["--listen"]).end();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&format!("cannot listen at {address}: ")), "{said}");
}

#[test]
fn standard_input_is_played_as_it_comes() {
    let (listener, address) = listener();
    let mut replay = Replay::start(&["-", "--to", &address]);
    let mut input = replay.input();
    input.write_all(documents(1).as_bytes()).expect("written");
    let (socket, _) = listener.accept().expect("it connects");
    let mut reader = BufReader::new(socket);
    reader.get_ref().set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut first = vec![0; documents(1).len()];
    reader.read_exact(&mut first).expect("it comes before the input ends");
    input.write_all(documents(1).as_bytes()).expect("written");
    drop(input);
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).expect("the rest");
    assert_eq!([first, rest].concat(), documents(1).repeat(2).as_bytes());
    drop(reader);
    assert_eq!(replay.end().0, 0);
    let (code, said) = Replay::start(&["-", "--to", &address, "--repeat", "2"]).end();
    assert_eq!((code, said.contains("standard input can be played once only")), (1, true), "{said}");
}

#[test]
fn a_rate_is_kept() {
    let (listener, address) = listener();
    let file = recording(documents(11));
    let started = Instant::now();
    let replay = Replay::file(file.path(), &address, &["--rate", "20"]);
    let got = read_all(listener.accept().expect("it connects").0);
    assert!(started.elapsed() >= Duration::from_millis(500), "{:?}", started.elapsed());
    assert_eq!(got.len(), documents(11).len());
    assert_eq!(replay.end().0, 0);
}

#[test]
fn files_that_cannot_be_played_are_told_before_anybody_waits() {
    let check = |file: &Path, expected: &str| {
        let (code, said) = Replay::file(file, "127.0.0.1:0", &["--listen"]).end();
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(expected) && !said.contains("waiting"), "{said}");
    };
    check(recording("\u{1}\u{2}rubbish\n".repeat(1000)).path(), "holds no OCI-R document");
    check(recording("").path(), "holds no OCI-R document");
    check(Path::new("/nowhere/recorded.xml"), "cannot read /nowhere/recorded.xml: No such file or directory");
    check(Path::new("/"), "cannot read /: Is a directory");
}

#[test]
fn a_document_without_its_end_is_told_and_counts_as_not_sent() {
    let (listener, address) = listener();
    let cut = &documents(1)[..100];
    let file = recording(format!("{}{cut}", documents(1)));
    let replay = Replay::file(file.path(), &address, &[]);
    assert_eq!(read_all(listener.accept().expect("it connects").0), documents(1).as_bytes());
    let (code, said) = replay.end();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("a document of 100 bytes without its end: not sent"), "{said}");
    assert!(said.contains("1 of the recording's documents were not sent"), "{said}");
}

#[test]
fn a_peer_that_closes_half_way_is_a_failure() {
    let (listener, address) = listener();
    let file = recording(documents(2000));
    let replay = Replay::file(file.path(), &address, &["--rate", "100"]);
    let (mut socket, _) = listener.accept().expect("it connects");
    socket.read_exact(&mut vec![0; documents(3).len()]).expect("some documents");
    drop(socket);
    let (code, said) = replay.end();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the peer closed the connection"), "{said}");
    assert!(said.contains("sent ") && !said.contains("sent 2000 documents"), "{said}");
}

#[test]
fn a_slow_peer_is_waited_for_and_memory_stays_small() {
    let (listener, address) = listener();
    let padding = "x".repeat(100_000);
    let document =
        add(1, "anna@tele.gl").replace("<groupId>", &format!("<lastName>{padding}</lastName><groupId>"));
    let file = recording(format!("{document}\n").repeat(500));
    let mut replay = Replay::file(file.path(), &address, &[]);
    let (mut socket, _) = listener.accept().expect("it connects");
    replay.wait_for("connected to");
    // It stands still until the progress is told, then reads slowly.
    let line = replay.wait_for("sent ");
    assert!(!line.contains("sent 500 documents"), "{line}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", replay.child.id())).expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 48 << 10, "{peak}");
    let mut read = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match socket.read(&mut buffer).expect("it can be read") {
            0 => break,
            count => read += count,
        }
    }
    assert_eq!(read, (document.len() + 1) * 500);
    drop(socket);
    let (code, said) = replay.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("sent 500 documents"), "{said}");
}

#[test]
fn an_interrupt_ends_it_with_how_far_it_came() {
    let (listener, address) = listener();
    let file = recording(documents(2000));
    let replay = Replay::file(file.path(), &address, &["--rate", "50"]);
    let (mut socket, _) = listener.accept().expect("it connects");
    socket.read_exact(&mut vec![0; documents(3).len()]).expect("some documents");
    replay.signal("-INT");
    let rest = read_all(socket);
    assert!(rest.is_empty() || rest.ends_with(b"\n"), "a document is cut");
    let (code, said) = replay.end();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("eventmanager: interrupted"), "{said}");
    assert!(said.contains("sent ") && !said.contains("sent 2000"), "{said}");

    // Also while nobody has come.
    let mut replay = Replay::file(file.path(), "127.0.0.1:0", &["--listen"]);
    listening_at(&mut replay);
    replay.signal("-TERM");
    assert_eq!(replay.end().0, 1);
}
