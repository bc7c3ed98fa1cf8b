//! The other end of the connection.

use crate::cli::complain;
use anyhow::Context;
use futures_util::FutureExt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::time::timeout;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a peer that has everything may take to close the connection.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// Who calls whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Connect where something listens, listen where nothing does.
    AsItIs,
    Listen,
    Connect,
}

/// A connection to the peer at `to`.
pub async fn meet(to: &str, manner: Manner) -> anyhow::Result<TcpStream> {
    let addresses = lookup_host(to).await.with_context(|| format!("{to:?} is not HOST:PORT"))?;
    let addresses: Vec<SocketAddr> = addresses.collect();
    if manner == Manner::Listen {
        return listen(&addresses, to).await;
    }
    match timeout(CONNECT_LIMIT, TcpStream::connect(addresses.as_slice())).await {
        Ok(Ok(socket)) => {
            complain(&format!("connected to {to}, which listens: sending\n"));
            // Documents shall leave as they are written.
            let _ = socket.set_nodelay(true);
            Ok(socket)
        }
        Ok(Err(error)) if manner == Manner::AsItIs && error.kind() == io::ErrorKind::ConnectionRefused => {
            listen(&addresses, to).await.context("nothing listens there, and listening failed too")
        }
        Ok(Err(error)) => Err(error).with_context(|| format!("cannot connect to {to}")),
        Err(_) => anyhow::bail!("cannot connect to {to}: no answer within {CONNECT_LIMIT:?}"),
    }
}

/// The first client; those after it find the port closed.
async fn listen(addresses: &[SocketAddr], to: &str) -> anyhow::Result<TcpStream> {
    let failed = || format!("cannot listen at {to}");
    let listener = TcpListener::bind(addresses).await.with_context(failed)?;
    complain(&format!("listening at {}, waiting for a client\n", listener.local_addr()?));
    let (socket, client) = listener.accept().await.with_context(failed)?;
    complain(&format!("{client} connected: sending\n"));
    let _ = socket.set_nodelay(true);
    Ok(socket)
}

/// Returns when the peer has closed. It has nothing to say: whatever it sends is thrown away.
pub async fn until_closed(reader: &mut OwnedReadHalf) -> io::Result<()> {
    let mut buffer = [0; 1024];
    while reader.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// The peer has closed while there was something to send.
pub fn closed_early(ended: io::Result<()>) -> anyhow::Result<()> {
    const EARLY: &str = "the peer closed the connection before everything was sent";
    ended.context(EARLY)?;
    anyhow::bail!(EARLY)
}

/// Says that nothing follows, and waits for the peer to close: then it has read everything.
pub async fn finish(mut reader: OwnedReadHalf, mut writer: OwnedWriteHalf) -> anyhow::Result<()> {
    // What has arrived meanwhile is noticed when the runtime has had its turn.
    tokio::task::yield_now().await;
    if let Some(ended) = until_closed(&mut reader).now_or_never() {
        return closed_early(ended);
    }
    const BROKEN: &str = "the peer closed the connection before it had read everything";
    writer.shutdown().await.context(BROKEN)?;
    match timeout(CLOSE_LIMIT, until_closed(&mut reader)).await {
        Ok(closed) => {
            closed.context(BROKEN)?;
            // A peer that was gone already answers the last bytes with a reset.
            reader.as_ref().take_error().context(BROKEN)?.map_or(Ok(()), |error| Err(error).context(BROKEN))
        }
        Err(_) => {
            complain(&format!(
                "everything is sent; the peer keeps the connection open longer than {CLOSE_LIMIT:?}\n"
            ));
            Ok(())
        }
    }
}
