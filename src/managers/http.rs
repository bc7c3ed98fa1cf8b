//! HTTP as managers speak it: one client, and what an exchange means that did not come about.

use super::breaker::Breaker;
use std::time::Duration;

/// A host that takes longer than this to accept a connection is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// Why a host did not do what it was asked.
pub enum Failure {
    /// It never got there, or the host said no before doing anything: another host may be asked.
    NotTaken(String),
    /// It got there and no answer came back.
    Unanswered(String),
}

/// A client for these URLs: no redirects, no proxy, at most `idle` unused connections to each host.
pub fn client(urls: &[&str], timeout: Duration, idle: usize) -> reqwest::Client {
    let mut client = reqwest::Client::builder();
    if urls.iter().all(|url| url.starts_with("http://")) {
        // Without TLS there may be no certificates on the host, and none are needed.
        client = client.tls_certs_only([]);
    }
    client
        .connect_timeout(CONNECT_LIMIT.min(timeout))
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(idle)
        .tcp_nodelay(true)
        .no_proxy()
        .build()
        .expect("the options are constant and the TLS provider is installed at start")
}

/// What it means that no answer came; the breaker takes note. The URL, which may carry passwords, is not told.
pub fn no_answer(breaker: &Breaker, error: reqwest::Error) -> Failure {
    let not_sent = error.is_connect() || error.is_builder();
    let reason = causes(&error.without_url());
    if not_sent {
        breaker.leave_alone(&reason);
        Failure::NotTaken(format!("{}: {reason}", breaker.name()))
    } else {
        breaker.fell_silent(&reason);
        Failure::Unanswered(format!("no answer from {}: {reason}", breaker.name()))
    }
}

/// The body, cut where it grows beyond `limit` bytes; what is cut is not understood.
pub async fn read_limited(mut response: reqwest::Response, limit: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            break;
        }
    }
    Ok(body)
}

/// The failure that a status of "not now" or of a balancer stands for; the breaker takes note.
pub fn check_available(breaker: &Breaker, status: u16) -> Result<(), Failure> {
    if !matches!(status, 429 | 502 | 503 | 504) {
        return Ok(());
    }
    let reason = format!("HTTP status {status}");
    breaker.fell_silent(&reason);
    let reason = format!("{}: {reason}", breaker.name());
    // Behind a balancer that says "bad gateway" or "gateway timeout" the request may have been carried out.
    Err(match status {
        502 | 504 => Failure::Unanswered(reason),
        _ => Failure::NotTaken(reason),
    })
}

/// An error with its causes, outermost first.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
