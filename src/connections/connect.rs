//! Connecting over TCP: the addresses of a name one after the other, each within its time.

use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

/// A peer that has not accepted a connection by then is not there.
const LIMIT: Duration = Duration::from_secs(5);

/// Connects to `HOST:PORT`; the error says why not. `receive_buffer` is what the kernel may hold of what comes, where that is
/// to be little.
pub(super) async fn connect(address: &str, receive_buffer: Option<usize>) -> Result<TcpStream, String> {
    let silent = |_| format!("{address}: timed out");
    let targets = tokio::time::timeout(LIMIT, tokio::net::lookup_host(address)).await.map_err(silent)?;
    let mut last = format!("{address} has no address");
    for target in targets.map_err(|error| format!("{address}: {error}"))? {
        let socket = if target.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let socket = socket.map_err(|error| error.to_string())?;
        if let Some(size) = receive_buffer {
            // Best effort: a larger buffer is no error, only more to lose.
            let _ = socket.set_recv_buffer_size(size as u32);
        }
        match tokio::time::timeout(LIMIT, socket.connect(target)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = format!("{target}: {error}"),
            Err(_) => last = format!("{target}: timed out"),
        }
    }
    Err(last)
}
