//! HTTP as we ask others over it.

use std::time::Duration;

/// A host that takes longer than this to accept a connection is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

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

/// An error with its causes, outermost first.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
