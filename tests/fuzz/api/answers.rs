//! Answers, and what they must be.

use super::requests::Request;
use serde_json::Value;
use std::fmt;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was answered.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

/// Sends bytes, and reads until the end of the connection.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // It may answer and close before it has read everything.
    let sent = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    let mut chunk = [0; 16 << 10];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&chunk[..length]),
            // What had come before counts.
            Err(_) if !answer.is_empty() => break,
            Err(error) => return Err(sent.err().unwrap_or(error)),
        }
    }
    Answer::read(&answer)
        .ok_or_else(|| std::io::Error::other(format!("{:?}", answer.escape_ascii().to_string())))
}

impl Answer {
    fn read(bytes: &[u8]) -> Option<Answer> {
        let end = memchr::memmem::find(bytes, b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
        let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head, body: bytes[end + 4..].to_vec() })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n\n{}", self.head, self.body[..self.body.len().min(2_000)].escape_ascii())
    }
}

/// What is wrong with the answer to a whole request; `None`: nothing.
pub fn judge(request: &Request, answer: &Answer) -> Option<String> {
    let wrong = |what: &str| Some(format!("{what} ({})", answer.status));
    match answer.status {
        200..400 => None,
        503 if request.may_be_away => explained(request, answer),
        500.. => wrong("the API fails"),
        // Found by the library before anything of ours is asked: a header line that is none, a body that does not come.
        400 | 408
            if answer.body.is_empty() && answer.header("content-type").is_none() && !request.is_head =>
        {
            wrong("the HTTP library refuses a whole request")
        }
        400..500 => explained(request, answer),
        _ => wrong("no status of an answer"),
    }
}

fn explained(request: &Request, answer: &Answer) -> Option<String> {
    if request.is_head {
        return (!answer.body.is_empty()).then(|| "an answer to HEAD with a body".to_owned());
    }
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return Some("an error that is no JSON".to_owned());
    };
    let said = match answer.header("content-type") {
        Some("application/problem+json") if body["status"] == answer.status => &body["detail"],
        Some(kind) if kind.starts_with("application/json") && body["@type"] == "Error" => {
            let status = answer.status.to_string();
            let is_it = body["status"] == *status && body["code"] == body["status"];
            if is_it { &body["message"] } else { &Value::Null }
        }
        // The Management Interface answers in the words of JSON-RPC.
        Some(kind) if kind.starts_with("application/json") && body["error"]["code"].is_number() => {
            &body["error"]["message"]
        }
        _ => &Value::Null,
    };
    let is_said = said.as_str().is_some_and(|said| said.len() > 5);
    (!is_said).then(|| "an error that is not explained".to_owned())
}
