//! mi_http: `POST /mi` with JSON.
//!
//! A request without an id, any other method than POST and a body of more than 8,000 bytes are never answered, and the connection stays
//! open; another type of content closes it. Assumed: other paths are answered with 404.

use super::{Carrier, answer};
use crate::simulators::opensips::core::Shared;
use bytes::{Buf, BytesMut};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections at the same time; more are closed.
const CONNECTIONS: usize = 256;

/// Where nothing is answered, the connection is held so long, if its client does.
const HELD: Duration = Duration::from_secs(300);

const LARGEST_HEAD: usize = 16 << 10;
const LARGEST_BODY: usize = 8000;

/// Accepts connections and answers them.
pub(in super::super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTIONS => {
                    connections.spawn(converse(stream, shared.clone()));
                }
                _ => {}
            }
        }
    }
}

async fn converse(mut stream: TcpStream, shared: Arc<Shared>) {
    // An error is a client that has gone.
    let _ = Connection { stream: &mut stream, shared: &shared, buffer: BytesMut::new() }.serve().await;
}

struct Connection<'a> {
    stream: &'a mut TcpStream,
    shared: &'a Shared,
    buffer: BytesMut,
}

/// What of a request's head matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Head {
    is_post: bool,
    is_mi: bool,
    is_json: bool,
    /// Of the body, in bytes.
    length: Option<usize>,
}

impl Connection<'_> {
    async fn serve(&mut self) -> io::Result<()> {
        while let Some(head) = self.head().await? {
            match head {
                Head { is_post: false, .. } => return self.hang().await,
                Head { is_json: false, .. } => return Ok(()),
                Head { length: Some(length @ ..=LARGEST_BODY), .. } => {
                    if !self.exchange(length, head.is_mi).await? {
                        return Ok(());
                    }
                }
                _ => return self.hang().await,
            }
        }
        Ok(())
    }

    /// Answers one request; says whether another may follow.
    async fn exchange(&mut self, length: usize, is_mi: bool) -> io::Result<bool> {
        while self.buffer.len() < length {
            self.read().await?;
        }
        let body = self.buffer.split_to(length);
        if !is_mi {
            self.write("404 Not Found", b"").await?;
            return Ok(true);
        }
        match answer(self.shared, &body, Carrier::Http) {
            None => self.hang().await.map(|()| false),
            Some(answer) => {
                sleep(answer.after).await;
                if answer.is_garbage {
                    self.stream.write_all(&answer.bytes).await?;
                    return Ok(false);
                }
                self.write("200 OK", &answer.bytes).await.map(|()| true)
            }
        }
    }

    async fn write(&mut self, status: &str, body: &[u8]) -> io::Result<()> {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nConnection: Keep-Alive\r\nContent-Length: {length}\r\nContent-Type: application/json\r\n\r\n"
        );
        self.stream.write_all(&[head.as_bytes(), body].concat()).await
    }

    /// `None`: the client has closed.
    async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                let head = Head::parse(&self.buffer[..end]);
                self.buffer.advance(end + 4);
                return Ok(Some(head));
            }
            if self.buffer.len() > LARGEST_HEAD {
                return Ok(None);
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Says nothing more, until the client leaves.
    async fn hang(&mut self) -> io::Result<()> {
        self.shared.count(|counts| counts.unreadable += 1);
        let leaves = async {
            loop {
                self.buffer.clear();
                self.read().await?;
            }
        };
        timeout(HELD, leaves).await.unwrap_or(Ok(()))
    }
}

impl Head {
    fn parse(head: &[u8]) -> Head {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let mut parsed = Head {
            is_post: words.next() == Some("POST"),
            is_mi: words.next().is_some_and(|path| path == "/mi" || path.starts_with("/mi/")),
            ..Head::default()
        };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => parsed.length = value.trim().parse().ok(),
                "content-type" => {
                    let kind = value.split(';').next().unwrap_or_default().trim();
                    parsed.is_json = kind.eq_ignore_ascii_case("application/json");
                }
                _ => {}
            }
        }
        parsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_head_says() {
        let check = |head: &str, is_post, is_mi, is_json, length| {
            let parsed = Head::parse(head.replace('|', "\r\n").as_bytes());
            assert_eq!(parsed, Head { is_post, is_mi, is_json, length }, "{head}");
        };
        check(
            "POST /mi HTTP/1.1|Content-Type: application/json|Content-Length: 12",
            true,
            true,
            true,
            Some(12),
        );
        check("POST /mi HTTP/1.1|content-type:Application/JSON; charset=utf-8", true, true, true, None);
        check("GET /mi HTTP/1.1|Content-Type: application/json", false, true, true, None);
        check("POST /json HTTP/1.1|Content-Type: text/plain|Content-Length: -1", true, false, false, None);
        check("", false, false, false, None);
    }
}
