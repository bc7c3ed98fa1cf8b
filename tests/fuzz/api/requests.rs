//! Requests: whole ones of any operation, and such that are no HTTP any more.

use super::answers::Answer;
use super::description::{Description, Operation, text};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What stands as it is in a path or a query.
const RESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');
const OTHER_METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"];
const KINDS: [&str; 6] = [
    "application/json; charset=utf-8",
    "application/xml",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "*",
];
const HEADERS: [&str; 14] = [
    "Authorization: Bearer x",
    "Authorization: Basic eDp5",
    "Cookie: eventmanager_session=x; a=b",
    "Origin: http://evil.example",
    "Origin: null",
    "X-CSRF-Token: x",
    "Range: bytes=0-1",
    "If-None-Match: *",
    "Accept: text/html",
    "Accept-Encoding: gzip, br",
    "X-Forwarded-For: 10.0.0.1",
    "Upgrade: websocket",
    "Sec-Fetch-Site: cross-site",
    "Expect: x",
];
/// What broken requests are made of.
const WORDS: [&str; 22] = [
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\0",
    " ",
    ":",
    "Host: a\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: -1\r\n",
    "Content-Length: 99999999999\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "0\r\n\r\n",
    "ffffffffffffffff\r\n",
    "HTTP/1.0",
    "HTTP/2.0",
    "GET / HTTP/1.1\r\n",
    "%",
    "%00",
    "\u{e6}",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "Connection: upgrade\r\nUpgrade: h2c\r\n",
];

/// A request, and what it was meant as.
pub struct Request {
    pub bytes: Vec<u8>,
    pub is_head: bool,
    pub may_be_away: bool,
}

/// Makes requests, always the same ones of a seed.
pub struct Requests<'d> {
    description: &'d Description,
    rng: fastrand::Rng,
    /// Ids and cursors that were answered.
    known: Vec<String>,
}

impl Requests<'_> {
    pub fn new(description: &Description, seed: u64) -> Requests<'_> {
        let known = ["1", "2", "3", "hss", "mail", "as1", "alarm", "numbers", "anna@tele.gl"]
            .map(str::to_owned)
            .into();
        Requests { description, rng: fastrand::Rng::with_seed(seed), known }
    }

    /// One that HTTP allows, whatever it asks for.
    pub fn whole(&mut self) -> Request {
        let operation = self.operation();
        let method = match self.rng.u8(..16) {
            0 => OTHER_METHODS[self.rng.usize(..OTHER_METHODS.len())].to_owned(),
            _ => operation.method.clone(),
        };
        let address = format!("{}{}", self.path(&operation), self.query(&operation));
        let mut head = format!("{method} {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n");
        if self.rng.u8(..6) == 0 {
            head.push_str(HEADERS[self.rng.usize(..HEADERS.len())]);
            head.push_str("\r\n");
        }
        let body = if method == "GET" || method == "HEAD" { Vec::new() } else { self.body(&operation) };
        let kind = match self.rng.u8(..12) {
            0 => KINDS[self.rng.usize(..KINDS.len())],
            _ => "application/json",
        };
        if !body.is_empty() || method == "POST" {
            head.push_str(&format!("Content-Type: {kind}\r\n"));
        }
        let mut bytes = head.into_bytes();
        self.add_body(&body, &mut bytes);
        Request { bytes, is_head: method == "HEAD", may_be_away: operation.may_be_away }
    }

    fn add_body(&mut self, body: &[u8], bytes: &mut Vec<u8>) {
        if !body.is_empty() && self.rng.u8(..8) == 0 {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for chunk in body.chunks(self.rng.usize(1..2_000)) {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        } else {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
            bytes.extend_from_slice(body);
        }
    }

    /// One that was whole before something happened to it.
    pub fn broken(&mut self) -> Vec<u8> {
        let mut bytes = self.whole().bytes;
        for _ in 0..self.rng.usize(1..5) {
            let at = self.rng.usize(..=bytes.len().min(400));
            match self.rng.u8(..6) {
                0 => bytes.truncate(at),
                1 => _ = bytes.get_mut(at).map(|byte| *byte = self.rng.u8(..)),
                2 => _ = bytes.drain(at..at + (bytes.len() - at).min(self.rng.usize(..20))),
                3 => {
                    let part = bytes[..at].to_vec();
                    bytes.splice(at..at, part);
                }
                4 if self.rng.u8(..20) == 0 => {
                    bytes.splice(at..at, std::iter::repeat_n(b'x', 70_000));
                }
                _ => {
                    let word = WORDS[self.rng.usize(..WORDS.len())];
                    bytes.splice(at..at, word.bytes());
                }
            }
        }
        bytes
    }

    /// Remembers what can be asked for from now on.
    pub fn learn(&mut self, answer: &Answer) {
        let Ok(value) = serde_json::from_slice::<Value>(&answer.body) else { return };
        let mut found = Vec::new();
        names(&value, &mut found);
        for name in found.into_iter().filter(|name| name.len() < 200).take(5) {
            if !self.known.contains(&name) {
                match self.known.len() {
                    0..60 => self.known.push(name),
                    // The first of them stay.
                    known => self.known[self.rng.usize(9..known)] = name,
                }
            }
        }
    }

    fn operation(&mut self) -> Operation {
        let operations = &self.description.operations;
        operations[self.rng.usize(..operations.len())].clone()
    }

    fn value(&mut self) -> String {
        if self.rng.u8(..3) > 0 {
            self.known[self.rng.usize(..self.known.len())].clone()
        } else {
            text(&mut self.rng)
        }
    }

    fn path(&mut self, operation: &Operation) -> String {
        let mut path = String::new();
        for part in operation.path.split('/').skip(1) {
            path.push('/');
            match part.starts_with('{') {
                true => path.push_str(&escaped(&self.value())),
                false => path.push_str(part),
            }
        }
        match self.rng.u8(..60) {
            0 => path.push('/'),
            1 => path.push_str("/%2e%2e/%00%ff"),
            2 => path.insert(0, '/'),
            3 => path = path.replace("v1", "v%31"),
            _ => {}
        }
        path
    }

    fn query(&mut self, operation: &Operation) -> String {
        let mut pairs = Vec::new();
        for (name, schema) in &operation.parameters {
            if self.rng.u8(..3) == 0 {
                let value = match self.rng.bool() {
                    true => self.value(),
                    false => match self.description.example(schema, &mut self.rng, 0) {
                        Value::String(text) => text,
                        other => other.to_string(),
                    },
                };
                pairs.push(format!("{name}={}", escaped(&value)));
            }
        }
        match self.rng.u8(..20) {
            0 => pairs.push(format!("{}={}", escaped(&text(&mut self.rng)), escaped(&self.value()))),
            1 => pairs.extend(pairs.clone()),
            2 => pairs.push("%ff=%fe&&=&%zz".to_owned()),
            3 => pairs.push(format!("limit={}", "9".repeat(self.rng.usize(1..9_000)))),
            _ => {}
        }
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }

    fn body(&mut self, operation: &Operation) -> Vec<u8> {
        let anything = Value::Null;
        let schema = operation.body.as_ref().unwrap_or(&anything);
        let mut body = match self.rng.u8(..10) {
            0 => Vec::new(),
            1 => b"{}".to_vec(),
            2 => text(&mut self.rng).into_bytes(),
            _ => self.description.example(schema, &mut self.rng, 0).to_string().into_bytes(),
        };
        match self.rng.u8(..24) {
            0 if !body.is_empty() => body.truncate(self.rng.usize(..body.len())),
            1 if !body.is_empty() => {
                let at = self.rng.usize(..body.len());
                body[at] = self.rng.u8(..);
            }
            2 => body = "[".repeat(self.rng.usize(1..40_000)).into_bytes(),
            3 => body = format!("{{\"reason\":\"{}\"}}", "x".repeat(self.rng.usize(..100_000))).into_bytes(),
            4 => body = [body.clone(), body].concat(),
            _ => {}
        }
        body
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Texts and numbers of members that name something.
fn names(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text)
                        if ["id", "uuid", "next", "name", "bulk", "user"].contains(&name.as_str()) =>
                    {
                        found.push(text.clone())
                    }
                    Value::Number(number) if ["id", "next", "generation"].contains(&name.as_str()) => {
                        found.push(number.to_string())
                    }
                    other => names(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().take(3).for_each(|item| names(item, found)),
        _ => {}
    }
}
