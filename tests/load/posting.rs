//! Events that are posted over HTTP, over a connection that stays.

use crate::offered::{Clock, Offered};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Posts events until it is over; `next` numbers those of all who post.
pub fn post(to: SocketAddr, path: &str, next: &AtomicU64, is_over: &AtomicBool) -> Offered {
    let stream = TcpStream::connect(to).expect("it listens");
    stream.set_nodelay(true).expect("an option");
    stream.set_read_timeout(Some(crate::support::daemon::PATIENCE)).expect("an option");
    let (mut reader, mut clock) = (BufReader::new(stream), Clock::start());
    while !is_over.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed) + 1;
        let body = format!(r#"{{"event":{{"n":{number}}}}}"#);
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        clock.wait(1, || {
            let mut is_taken = || {
                reader.get_mut().write_all(request.as_bytes()).expect("the other side stays");
                let (head, _) = message(&mut reader).expect("an answer");
                assert!(head.contains(" 201 ") || head.contains(" 503 "), "{head}");
                head.contains(" 201 ")
            };
            while !is_taken() {
                std::thread::sleep(Duration::from_millis(10));
            }
        });
    }
    clock.offered()
}

/// Head and body of the next message of HTTP; `None` where no more come.
pub fn message(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}
