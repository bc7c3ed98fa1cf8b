//! TCP connections that last: what is set on all of them, how their readers give way, and timers that may be off.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Has what is written leave at once, and finds out within half a minute that the other side is gone.
pub fn keep(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(10));
    let keepalive = keepalive.with_interval(Duration::from_secs(5)).with_retries(3);
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Resolves then; never where there is no such moment.
pub async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Lets what has been read be handled before more is: else a socket that always has something would fill the queue. Not by way
/// of the runtime's `yield_now`, which looks for IO first.
pub async fn give_way() {
    let mut has_given_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_given_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
