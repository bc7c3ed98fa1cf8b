//! Asking the daemon over HTTP, as plainly as a script would.

use super::daemon::PATIENCE;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What it answers.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The value of a header line.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// `GET path` with header lines, each ending in CRLF. HTTP/1.0, as old scripts ask: the answer must do without chunks.
#[track_caller]
pub fn get(address: SocketAddr, path: &str, headers: &str) -> Answer {
    send(address, &format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{headers}\r\n"))
}

/// Any request, as it is on the wire.
#[track_caller]
pub fn send(address: SocketAddr, request: &str) -> Answer {
    exchange(address, request).expect("an answer")
}

/// The same, where there may be nobody to answer.
pub fn exchange(address: SocketAddr, request: &str) -> std::io::Result<Answer> {
    exchange_within(PATIENCE, address, request)
}

/// The same for whoever waits no longer than so for each piece of the answer.
pub fn exchange_within(limit: Duration, address: SocketAddr, request: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let parts = answer.split_once("\r\n\r\n");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let ((head, body), status) =
        parts.zip(status).ok_or_else(|| std::io::Error::other(format!("no HTTP answer: {answer:?}")))?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// The value of a metric, all its labelled series with `labels` in their text together.
#[track_caller]
pub fn metric(address: SocketAddr, name: &str, labels: &str) -> f64 {
    let text = get(address, "/metrics", "").body;
    let lines = text.lines().filter(|line| !line.starts_with('#') && line.contains(labels));
    let series = lines.filter(|line| line.split(['{', ' ']).next() == Some(name));
    series.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}
