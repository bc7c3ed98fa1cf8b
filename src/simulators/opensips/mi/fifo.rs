//! mi_fifo: requests are written into a FIFO, and each names the FIFO that its answer goes to.
//!
//! ```text
//! text   :event_subscribe:rep24\nE_TEST\nudp:127.0.0.1:9011\n1800\n\n      a blank line ends a request
//! JSON   :rep24:{"jsonrpc":"2.0","method":"events_list","id":1}
//! ```
//!
//! A name with a dot or a slash is none. Nothing is done for who names no FIFO, or one that nobody reads. Of a request longer than 4,096
//! bytes the rest is thrown away, and what is left of it can never be answered. Assumed: nor can JSON that cannot be parsed.

use super::{Carrier, answer};
use crate::simulators::opensips::core::Shared;
use crate::simulators::opensips::version::Language;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};
use tokio::time::{sleep, timeout};

/// The longest request.
const LARGEST: usize = 4096;

/// How often and after which time it tries again to open a FIFO that nobody reads yet.
const RETRIES: u32 = 4;
const RETRY: Duration = Duration::from_millis(80);

/// Who reads an answer takes no longer than this.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// Makes the FIFO anew, and opens it so that it does not end with its writers.
pub(in super::super) fn open(path: &Path) -> io::Result<Receiver> {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    if path.symlink_metadata().is_ok_and(|file| file.file_type().is_fifo()) {
        std::fs::remove_file(path)?;
    }
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP, 0)?;
    OpenOptions::new().read_write(true).open_receiver(path)
}

/// Answers one request after the other.
pub(in super::super) async fn serve(mut fifo: Receiver, shared: Arc<Shared>) {
    let language = shared.options.version.language();
    let mut requests = Requests::default();
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length) = fifo.read(&mut buffer).await {
        requests.bytes.extend_from_slice(&buffer[..length]);
        loop {
            let next = match language {
                Language::Text => requests.next_text(),
                Language::Json => requests.next_json(),
            };
            match next {
                Next::Request(request) => serve_one(&shared, &request).await,
                Next::Nonsense => shared.count(|counts| counts.unreadable += 1),
                Next::Incomplete => break,
            }
        }
    }
}

async fn serve_one(shared: &Shared, request: &Request) {
    let Some(mut reply) = open_reply(&shared.options.reply_dir, &request.reply).await else { return };
    let Some(answer) = answer(shared, &request.bytes, Carrier::Fifo) else { return };
    sleep(answer.after).await;
    // Who has asked may have gone.
    let _ = timeout(WRITE_TIMEOUT, reply.write_all(&answer.bytes)).await;
}

/// Opens a FIFO of the reply directory: no other file, and no link to one.
async fn open_reply(directory: &Path, name: &str) -> Option<Sender> {
    let path = directory.join(name);
    let file = path.symlink_metadata().ok()?;
    if !file.file_type().is_fifo() || file.nlink() > 1 {
        return None;
    }
    for _ in 0..RETRIES {
        if let Ok(reply) = OpenOptions::new().open_sender(&path) {
            return Some(reply);
        }
        sleep(RETRY).await;
    }
    OpenOptions::new().open_sender(&path).ok()
}

#[derive(Debug, PartialEq, Eq)]
struct Request {
    /// The bare name of a FIFO.
    reply: String,
    bytes: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Request(Request),
    /// Something that is not answered.
    Nonsense,
    Incomplete,
}

/// What was written into the FIFO and is not done yet.
#[derive(Default)]
struct Requests {
    bytes: Vec<u8>,
}

impl Requests {
    /// The lines up to a blank one. Those of a request that was not ended belong to the next one.
    fn next_text(&mut self) -> Next {
        let mut at = 0;
        while let Some(length) = memchr::memchr(b'\n', &self.bytes[at..]) {
            let line = self.bytes[at..at + length].trim_ascii();
            let is_blank = line.is_empty();
            at += length + 1;
            if is_blank {
                let bytes: Vec<u8> = self.bytes.drain(..at).collect();
                return named_text(bytes);
            }
        }
        if self.bytes.len() > LARGEST {
            self.bytes.clear();
            return Next::Nonsense;
        }
        Next::Incomplete
    }

    /// A name between colons, and one value of JSON.
    fn next_json(&mut self) -> Next {
        let blank = self.bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.bytes.drain(..blank);
        let is_cut = self.bytes.len() > LARGEST;
        let readable = &self.bytes[..self.bytes.len().min(LARGEST)];
        let Some(first) = readable.first() else { return Next::Incomplete };
        if *first != b':' {
            return self.give_up(true);
        }
        let rest = &readable[1..];
        let Some(name_end) = memchr::memchr(b':', rest) else { return self.give_up(is_cut) };
        let body = &rest[name_end + 1..];
        let mut values = serde_json::Deserializer::from_slice(body).into_iter::<serde::de::IgnoredAny>();
        match values.next() {
            Some(Ok(_)) => {
                let length = values.byte_offset();
                let request = named(rest[..name_end].to_vec(), body[..length].to_vec());
                self.bytes.drain(..1 + name_end + 1 + length);
                request
            }
            Some(Err(error)) if !error.is_eof() => self.give_up(true),
            _ => self.give_up(is_cut),
        }
    }

    fn give_up(&mut self, is_hopeless: bool) -> Next {
        if !is_hopeless {
            return Next::Incomplete;
        }
        self.bytes.clear();
        Next::Nonsense
    }
}

fn named_text(bytes: Vec<u8>) -> Next {
    if bytes.len() > LARGEST {
        return Next::Nonsense;
    }
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    let name = line.strip_prefix(b":").and_then(|line| line.splitn(2, |byte| *byte == b':').nth(1));
    match name.map(<[u8]>::to_vec) {
        Some(name) => named(name, bytes),
        None => Next::Nonsense,
    }
}

fn named(name: Vec<u8>, bytes: Vec<u8>) -> Next {
    let is_bare = !name.is_empty() && !name.iter().any(|byte| b"./\\\0".contains(byte));
    match String::from_utf8(name) {
        Ok(reply) if is_bare => Next::Request(Request { reply, bytes }),
        _ => Next::Nonsense,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(language: Language, written: &[&[u8]]) -> Vec<Next> {
        let mut requests = Requests::default();
        let mut all = Vec::new();
        for bytes in written {
            requests.bytes.extend_from_slice(bytes);
            loop {
                let next = match language {
                    Language::Text => requests.next_text(),
                    Language::Json => requests.next_json(),
                };
                if next == Next::Incomplete {
                    break;
                }
                all.push(next);
            }
        }
        all
    }

    fn request(reply: &str, bytes: &str) -> Next {
        Next::Request(Request { reply: reply.to_owned(), bytes: bytes.as_bytes().to_vec() })
    }

    #[test]
    fn text_ends_with_a_blank_line() {
        let check = |written: &[&[u8]], expected: &[Next]| {
            assert_eq!(all(Language::Text, written), expected, "{written:?}");
        };
        check(&[b":version:rep\n\n"], &[request("rep", ":version:rep\n\n")]);
        check(&[b":a:r\nx", b"\n", b"\n:b:s\n\n"], &[request("r", ":a:r\nx\n\n"), request("s", ":b:s\n\n")]);
        check(&[b":a:r\nx\n"], &[]);
        check(&[b":a:r\nx\n", b":b:s\ny\n\n"], &[request("r", ":a:r\nx\n:b:s\ny\n\n")]);
        for name in ["", "a.b", "/tmp/a", "a\\b", "../a"] {
            check(&[format!(":a:{name}\n\n").as_bytes()], &[Next::Nonsense]);
        }
        check(&[b"a\n\n"], &[Next::Nonsense]);
        check(&[b"\n:a:r\n\n"], &[Next::Nonsense, request("r", ":a:r\n\n")]);
    }

    #[test]
    fn json_follows_a_name() {
        let check = |written: &[&[u8]], expected: &[Next]| {
            assert_eq!(all(Language::Json, written), expected, "{written:?}");
        };
        check(&[b":r:{\"id\":1}"], &[request("r", "{\"id\":1}")]);
        check(&[b":r:{\"id\"", b":1}\n:s:{}"], &[request("r", "{\"id\":1}"), request("s", "{}")]);
        check(&[b":", b"r", b":", b"{}"], &[request("r", "{}")]);
        check(&[b":r:{]:s:{}", b":t:{}"], &[Next::Nonsense, request("t", "{}")]);
        check(&[b"{\"id\":1}", b":t:{}"], &[Next::Nonsense, request("t", "{}")]);
        check(&[b":a.b:{}:t:{}"], &[Next::Nonsense, request("t", "{}")]);
    }

    #[test]
    fn a_request_of_more_than_4096_bytes_is_cut() {
        let json = |length: usize| format!(":r:\"{}\"", "x".repeat(length - 5)).into_bytes();
        assert!(matches!(all(Language::Json, &[&json(4096)])[..], [Next::Request(_)]));
        assert_eq!(all(Language::Json, &[&json(4097), b":s:{}"]), [Next::Nonsense, request("s", "{}")]);
        let text = |length: usize| format!(":a:r\n{}\n\n", "x".repeat(length - 7)).into_bytes();
        assert!(matches!(all(Language::Text, &[&text(4096)])[..], [Next::Request(_)]));
        assert_eq!(
            all(Language::Text, &[&text(4097), b":a:s\n\n"]),
            [Next::Nonsense, request("s", ":a:s\n\n")]
        );
        assert_eq!(all(Language::Text, &[&[b'x'; 5000]]), [Next::Nonsense]);
    }
}
