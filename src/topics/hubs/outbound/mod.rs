//! Requests to a peer: one [`Outbound`] for each configured host.
//!
//! Before each request its name is looked up, all its addresses are checked ([`guard`]), and only to these it is connected. Where tokens are
//! got is configured, so that it may be private; what nobody could mean ([`guard::check_configured`]) is not connected to there either. There are no
//! redirects and no proxies. At most 64 KiB of an answer are read. What an error says names the host and the reason, and never a secret
//! or the rest of a URL.

mod auth;
mod client;
mod resolving;
mod tls;

pub use client::Outbound;
pub use resolving::{Lookup, Resolving};

use crate::wire::event_management::Callback;
pub use crate::wire::event_management::guard;
use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderMap;
use std::net::IpAddr;
use std::time::Duration;

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// To connect.
    pub connect: Duration,
    /// From the lookup to the end of the answer.
    pub total: Duration,
}

/// What is asked. It has no `Authorization`: that is the peer's.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub method: Method,
    pub url: &'a Callback,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// How long it wants to be left alone, as it has said it.
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
    /// False where there was more of it than is read, or its end did not come.
    pub is_whole: bool,
    /// `Location`, which nobody follows.
    pub location: Option<String>,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("{host}: {reason}")]
    NotAllowed { host: String, reason: &'static str },
    #[error("{host} cannot be resolved: {reason}")]
    Unresolved { host: String, reason: String },
    #[error("{host}: {address} is {what}, where nothing is sent")]
    Address { host: String, address: IpAddr, what: &'static str },
    #[error("{host}: no token: {reason}")]
    NoToken { host: String, reason: String },
    #[error("{host}: no connection: {reason}")]
    NoConnection { host: String, reason: String },
    #[error("{host}: no answer within {within:?}")]
    Late { host: String, within: Duration },
    #[error("{host}: {reason}")]
    Failed { host: String, reason: String },
}
