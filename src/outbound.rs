//! HTTP as we ask others over it.

use crate::lease::Lease;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
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

/// A request was not written, since another node of the cluster may send it by now.
#[derive(Debug, thiserror::Error)]
#[error("this node of the cluster does not hold the lease")]
pub struct LeaseOver;

impl LeaseOver {
    /// Whether this is why a request failed. Nothing of it has left then.
    pub fn is_cause_of(error: &reqwest::Error) -> bool {
        let error: &dyn std::error::Error = error;
        std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<LeaseOver>())
    }
}

/// A body that ends its request with [`LeaseOver`] where the lease is over when that is to be written, however long it has waited for
/// its connection. So does one without a byte.
pub fn body(bytes: impl Into<Bytes>, lease: &Lease) -> reqwest::Body {
    let bytes = bytes.into();
    match lease.is_shared() {
        true => leased(bytes, false, lease),
        false => bytes.into(),
    }
}

/// The same without a byte, of a request that says so with its `Content-Length`: a server may wait for one.
pub fn empty_body(lease: &Lease) -> reqwest::Body {
    leased(Bytes::new(), true, lease)
}

fn leased(bytes: Bytes, says_length: bool, lease: &Lease) -> reqwest::Body {
    reqwest::Body::wrap(Leased { bytes: Some(bytes), says_length, lease: lease.clone() })
}

/// The client asks it when the connection stands, and nothing has left: whether it is at its end and how long it is, which tells what the
/// head says, then for its bytes; both leave together, or neither does. One without a byte would not be asked for that. So it says that it has one
/// where the lease is over, and is asked.
struct Leased {
    bytes: Option<Bytes>,
    /// The head has its length, though there be no byte.
    says_length: bool,
    lease: Lease,
}

impl Leased {
    fn length(&self) -> u64 {
        self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)
    }
}

impl http_body::Body for Leased {
    type Data = Bytes;
    type Error = LeaseOver;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, LeaseOver>>> {
        Poll::Ready(match self.bytes.take() {
            None => None,
            // One without a byte has promised one, whatever has become of the lease since.
            Some(bytes) if !self.lease.allows("request") || bytes.is_empty() => Some(Err(LeaseOver)),
            Some(bytes) => Some(Ok(Frame::data(bytes))),
        })
    }

    fn is_end_stream(&self) -> bool {
        let is_empty = self.length() == 0;
        self.bytes.is_none() || (is_empty && !self.says_length && self.lease.is_valid())
    }

    fn size_hint(&self) -> SizeHint {
        let is_promised = self.length() == 0 && !self.lease.is_valid();
        SizeHint::with_exact(if is_promised { 1 } else { self.length() })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::Moment;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpSocket};
    use tokio::sync::mpsc;

    const LIMIT: Duration = Duration::from_secs(10);

    /// With a body, without one, and without one but with its length.
    const KINDS: [&str; 4] = ["POST", "GET", "DELETE", "SAVE"];

    fn ask(
        kind: &str,
        url: &str,
        lease: &Lease,
    ) -> impl Future<Output = Result<reqwest::Response, reqwest::Error>> + use<> {
        // As the program does before anything else.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = client(&[url], LIMIT, 1);
        let request = match kind {
            "POST" => client.post(url).body(body("late", lease)),
            "GET" => client.get(url).body(body("", lease)),
            "DELETE" => client.delete(url).body(body("", lease)),
            _ => client.post(url).body(empty_body(lease)),
        };
        request.send()
    }

    /// Whatever is written to it, of each connection that it accepts.
    fn accept(listener: TcpListener) -> mpsc::UnboundedReceiver<Vec<u8>> {
        let (tell, told) = mpsc::unbounded_channel();
        actix_rt::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let tell = tell.clone();
                actix_rt::spawn(async move {
                    let mut bytes = Vec::new();
                    // One that is reset has told what it had to tell.
                    let _ = stream.read_to_end(&mut bytes).await;
                    let _ = tell.send(bytes);
                });
            }
        });
        told
    }

    #[actix_rt::test]
    async fn a_request_that_has_waited_for_its_connection_beyond_the_lease_is_not_written() {
        for kind in KINDS {
            wait_beyond_the_lease(kind).await;
        }
    }

    async fn wait_beyond_the_lease(kind: &str) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let listener = socket.listen(1).expect("it listens");
        let address = listener.local_addr().expect("an address");
        // Until nobody else gets in.
        let mut waiting = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            waiting.push(stream);
            assert!(waiting.len() < 64, "it is never full");
        }
        let lease = Lease::waiting();
        lease.hold(1, Moment::now().after(LIMIT));
        let asking = actix_rt::spawn(ask(kind, &format!("http://{address}/"), &lease));
        tokio::task::yield_now().await;
        lease.end();
        drop(waiting);
        let mut told = accept(listener);
        let error = asking.await.expect("it ends").expect_err("it is not sent");
        assert!(LeaseOver::is_cause_of(&error), "{kind}: {error:?}");
        // Its connection stood, and nothing came over that.
        let came = tokio::time::timeout(LIMIT, told.recv()).await.expect("in time").expect("a connection");
        assert!(came.is_empty(), "{kind}: {came:?}");
        while let Ok(more) = told.try_recv() {
            assert!(more.is_empty(), "{kind}: {more:?}");
        }
    }

    #[actix_rt::test]
    async fn one_that_is_written_within_the_lease_is_whole_and_has_its_length() {
        let check = async |kind: &str, lease: &Lease, length: Option<usize>, ends: &str| {
            let came = whole(kind, lease, ends).await;
            let said = came.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            assert_eq!(said, length, "{came}");
            assert!(!came.contains("transfer-encoding"), "{came}");
        };
        let held = Lease::waiting();
        held.hold(1, Moment::now().after(LIMIT));
        for lease in [held, Lease::unlimited()] {
            check("POST", &lease, Some(4), "\r\n\r\nlate").await;
            check("GET", &lease, None, "\r\n\r\n").await;
            check("DELETE", &lease, None, "\r\n\r\n").await;
            check("SAVE", &lease, Some(0), "\r\n\r\n").await;
        }
    }

    /// A request as it comes, in small letters; it ends with this.
    async fn whole(kind: &str, lease: &Lease, ends: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("it listens");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let asking = actix_rt::spawn(ask(kind, &url, lease));
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut came = String::new();
        while !came.ends_with(ends) {
            let mut bytes = [0; 1024];
            let count = tokio::time::timeout(LIMIT, stream.read(&mut bytes)).await.expect("in time");
            came += std::str::from_utf8(&bytes[..count.expect("it reads")]).expect("text");
        }
        asking.abort();
        came.to_lowercase()
    }
}
