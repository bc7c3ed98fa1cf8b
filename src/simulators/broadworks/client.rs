//! One connected client: writes to it what comes, until either side ends.

use super::documents;
use bytes::Bytes;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

/// Something to write.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub bytes: Bytes,
    segments: usize,
    pause: Duration,
    reset_after: bool,
    pub keepalive: bool,
}

impl Outgoing {
    pub fn whole(bytes: Bytes) -> Outgoing {
        Outgoing { bytes, segments: 1, pause: Duration::ZERO, reset_after: false, keepalive: false }
    }

    pub fn in_segments(bytes: Bytes, segments: usize, pause: Duration) -> Outgoing {
        Outgoing { segments: segments.max(1), pause, ..Outgoing::whole(bytes) }
    }

    pub fn then_reset(bytes: Bytes) -> Outgoing {
        Outgoing { reset_after: true, ..Outgoing::whole(bytes) }
    }

    pub fn keepalive(bytes: Bytes) -> Outgoing {
        Outgoing { keepalive: true, ..Outgoing::whole(bytes) }
    }

    /// Documents of events in it.
    pub fn documents(&self) -> u64 {
        if self.keepalive { 0 } else { documents::count(&self.bytes) }
    }
}

/// What a client's task is told.
#[derive(Debug)]
pub(super) enum Order {
    Write(Outgoing),
    /// Close after everything before it.
    Close,
}

/// How our side ends a connection.
enum End {
    Close,
    Reset,
}

/// What an ended connection leaves: what was not written to it.
pub(super) struct Ended {
    pub unsent: Vec<Outgoing>,
}

/// Writes what is ordered until the client goes away, the orders end, or the other end of `reset` is dropped. `sent` is
/// told the number of documents of every piece that was written.
pub(super) async fn serve(
    socket: TcpStream,
    mut orders: UnboundedReceiver<Order>,
    reset: oneshot::Receiver<()>,
    mut sent: impl FnMut(u64),
) -> Ended {
    // Segments shall leave as they are written.
    let _ = socket.set_nodelay(true);
    let (mut reader, mut writer) = socket.into_split();
    let mut current: Option<Outgoing> = None;
    let mut written = 0;
    let talk = async {
        while let Some(Order::Write(next)) = orders.recv().await {
            let item = current.insert(next);
            written = 0;
            write(&mut writer, item, &mut written).await?;
            sent(item.documents());
            let reset = item.reset_after;
            current = None;
            if reset {
                return Ok(End::Reset);
            }
        }
        writer.shutdown().await.map(|()| End::Close)
    };
    let end = tokio::select! {
        biased;
        _ = reset => Ok(End::Reset),
        () = until_closed(&mut reader) => Ok(End::Close),
        end = talk => end,
    };
    if matches!(end, Ok(End::Reset)) && writer.as_ref().set_zero_linger().is_ok() {
        // Dropped as it is: the half would say an orderly farewell first.
        writer.forget();
    }
    let mut unsent = Vec::new();
    if let Some(cut) = current {
        let left = documents::rest(&cut.bytes, written);
        sent(documents::count(&cut.bytes[..written]));
        unsent.push(Outgoing::whole(left));
    }
    orders.close();
    while let Ok(Order::Write(next)) = orders.try_recv() {
        unsent.push(next);
    }
    unsent.retain(|item| !item.keepalive && !item.bytes.is_empty());
    Ended { unsent }
}

async fn write(
    writer: &mut (impl AsyncWriteExt + Unpin),
    item: &Outgoing,
    written: &mut usize,
) -> io::Result<()> {
    let segment = item.bytes.len().div_ceil(item.segments).max(1);
    for (index, part) in item.bytes.chunks(segment).enumerate() {
        if index > 0 && !item.pause.is_zero() {
            tokio::time::sleep(item.pause).await;
        }
        let mut left = part;
        while !left.is_empty() {
            let count = writer.write(left).await?;
            *written += count;
            left = &left[count..];
        }
    }
    Ok(())
}

/// Clients have nothing to say: whatever they send is thrown away, and the end of it is the end of the connection.
async fn until_closed(reader: &mut (impl AsyncReadExt + Unpin)) {
    let mut buffer = [0; 1024];
    while matches!(reader.read(&mut buffer).await, Ok(count) if count > 0) {}
}
