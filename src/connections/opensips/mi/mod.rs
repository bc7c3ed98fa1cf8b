//! Asking the Management Interface of an OpenSIPS, over whichever transport, in whichever of its two languages.
//!
//! Each request has a socket of its own, so that an answer that comes late is nobody's. All that is asked can be asked twice; over
//! datagrams, which may be lost, it is.

mod datagram;
mod fifo;
mod http;
mod reply_file;

use crate::config::{MiAddress, MiFormat, Opensips};
use crate::wire::mi::{NotAReply, Reply, Request, json, text};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of a reply: a list of many thousand subscribers has as many.
const LARGEST: usize = 4 << 20;

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    #[error("no answer from {address} within {after:?}")]
    Silent { address: String, after: Duration },
    #[error("{address}: {reason}")]
    Unreachable { address: String, reason: String },
    #[error("{address}: {reason}")]
    NotAReply { address: String, reason: NotAReply },
}

/// Asks one OpenSIPS.
pub struct Client {
    server: Arc<Opensips>,
    pub format: MiFormat,
    /// Of the next request.
    id: Cell<u64>,
}

/// A request as it is sent, and how what comes back is read.
struct Question<'a> {
    request: &'a Request,
    format: MiFormat,
    id: u64,
    until: Instant,
}

impl Question<'_> {
    fn bytes(&self) -> Vec<u8> {
        match self.format {
            MiFormat::Text => text::request(self.request, None),
            MiFormat::Json => json::request(self.request, self.id),
        }
    }

    /// Of a FIFO; its reply is written to the FIFO of this name.
    fn bytes_for_fifo(&self, reply: &str) -> Vec<u8> {
        match self.format {
            MiFormat::Text => text::request(self.request, Some(reply)),
            MiFormat::Json => {
                let json = json::request(self.request, self.id);
                [b":", reply.as_bytes(), b":", &json, b"\n"].concat()
            }
        }
    }

    /// Whether nothing of its reply is missing, for sure.
    fn is_whole(&self, bytes: &[u8]) -> bool {
        match self.format {
            MiFormat::Text => bytes.ends_with(b"\n\n"),
            MiFormat::Json => bytes.ends_with(b"}") && self.read(bytes).is_ok(),
        }
    }

    fn read(&self, bytes: &[u8]) -> Result<Reply, NotAReply> {
        match self.format {
            MiFormat::Text => text::parse_reply(bytes, self.request),
            MiFormat::Json => json::parse_reply(bytes, self.request, self.id),
        }
    }
}

/// Why a transport brings no reply.
enum NoReply {
    Silent,
    Failed(String),
    Unreadable(NotAReply),
}

impl From<std::io::Error> for NoReply {
    fn from(error: std::io::Error) -> NoReply {
        NoReply::Failed(error.to_string())
    }
}

impl Client {
    /// A client for this language.
    pub fn new(server: &Arc<Opensips>, format: MiFormat) -> Client {
        // Answers to requests of an earlier client are not mistaken for ours.
        Client { server: Arc::clone(server), format, id: Cell::new(fastrand::u64(1..1 << 40)) }
    }

    /// A client for the language that the configuration names, or that the server turns out to speak.
    pub async fn find(server: &Arc<Opensips>) -> Result<Client, Unanswered> {
        let client = |format| Client::new(server, format);
        match (server.mi_format, &server.mi) {
            (Some(format), _) => Ok(client(format)),
            (None, MiAddress::Http(_)) => Ok(client(MiFormat::Json)),
            (None, _) => {
                let text = client(MiFormat::Text);
                let answer = text.ask_within(&Request::Version, server.request_timeout / 3).await;
                if text_is_spoken(&answer) {
                    return Ok(text);
                }
                let json = client(MiFormat::Json);
                match json.ask(&Request::Version).await {
                    Ok(_) => Ok(json),
                    // It is slow with answers, and this is one to what it does not understand.
                    Err(Unanswered::NotAReply { reason: NotAReply::Plain(_), .. }) if is_silent(&answer) => {
                        Ok(text)
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// What it answers, be it a refusal.
    pub async fn ask(&self, request: &Request) -> Result<Reply, Unanswered> {
        self.ask_within(request, self.server.request_timeout).await
    }

    /// The same, with another patience than the configured one.
    pub async fn ask_within(&self, request: &Request, patience: Duration) -> Result<Reply, Unanswered> {
        let id = self.id.get();
        self.id.set(id + 1);
        let question = Question { request, format: self.format, id, until: Instant::now() + patience };
        let server = &self.server;
        let reply = match &server.mi {
            MiAddress::Udp(address) => datagram::ask_udp(address, &question).await,
            MiAddress::Unix(path) => datagram::ask_unix(path, &server.reply_dir, &question).await,
            MiAddress::Fifo(path) => fifo::ask(path, &server.reply_dir, &question).await,
            MiAddress::Http(url) => http::ask(url, &question).await,
        };
        let address = server.mi.to_string();
        reply.map_err(|why| match why {
            NoReply::Silent => Unanswered::Silent { address, after: patience },
            NoReply::Failed(reason) => Unanswered::Unreachable { address, reason },
            NoReply::Unreadable(reason) => Unanswered::NotAReply { address, reason },
        })
    }
}

/// A server of JSON answers text with a text as well: that it could not be parsed. Over a FIFO it says nothing.
fn text_is_spoken(answer: &Result<Reply, Unanswered>) -> bool {
    match answer {
        Ok(Reply::Failed(failure)) => failure.code == 500,
        Ok(_) => true,
        Err(_) => false,
    }
}

fn is_silent(answer: &Result<Reply, Unanswered>) -> bool {
    matches!(answer, Err(Unanswered::Silent { .. }))
}
