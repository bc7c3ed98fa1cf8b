//! Sending over TCP: objects of JSON one behind the other, over a connection that we keep up.

use super::lane::{Lane, Parcel};
use super::sending::note;
use crate::failpoints;
use crate::sockets;
use crate::supervision::Backoff;
use crate::telemetry::Seldom;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Distance of the attempts to connect.
const RETRY: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(10) };
/// A connection is there within this time.
const CONNECT: Duration = Duration::from_secs(5);
/// What the kernel holds for a subscriber that does not read, in bytes.
const SEND_BUFFER: usize = 256 << 10;
/// Bytes that are written at once.
const BATCH: usize = 64 << 10;

/// Sends what waits in the lane. What was being written when a connection ended is written to the next one once more.
pub async fn send(lane: &Lane, to: SocketAddr, away: &Seldom) {
    let (mut in_hand, mut attempt) = (Vec::new(), 0);
    while !(in_hand.is_empty() && lane.is_over()) {
        let error = match connect(to).await {
            Ok(mut stream) => {
                attempt = 0;
                match serve(lane, &mut stream, &mut in_hand).await {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        if let Some(so_far) = away.count() {
            tracing::warn!(%to, %error, so_far, "connection to a subscriber lost: connecting again");
        }
        sleep(RETRY.delay(attempt)).await;
        attempt += 1;
    }
}

async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = timeout(CONNECT, TcpStream::connect(to)).await.map_err(|_| ErrorKind::TimedOut)??;
    sockets::keep(&stream)?;
    socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER)?;
    Ok(stream)
}

/// Writes until the lane is closed and empty; an error says that the connection has ended.
async fn serve(lane: &Lane, stream: &mut TcpStream, in_hand: &mut Vec<Parcel>) -> io::Result<()> {
    let (mut read, mut write) = stream.split();
    let mut answers = vec![0; 4 << 10];
    loop {
        let writing = write_all(lane, &mut write, in_hand);
        tokio::pin!(writing);
        loop {
            tokio::select! {
                // An end of the connection counts before anything is written into it.
                biased;
                // Answers of a reliable mode that we have not asked for mean nothing.
                read = read.read(&mut answers) => match read? {
                    0 => return Err(ErrorKind::ConnectionReset.into()),
                    _ => continue,
                },
                done = &mut writing => match done? {
                    true => break,
                    false => return Ok(()),
                },
            }
        }
    }
}

/// Writes what is in hand, or else what comes next; false: nothing more comes.
async fn write_all(
    lane: &Lane,
    write: &mut (impl AsyncWriteExt + Unpin),
    in_hand: &mut Vec<Parcel>,
) -> io::Result<bool> {
    if in_hand.is_empty() {
        let Some(first) = lane.next().await else { return Ok(false) };
        in_hand.push(first);
    }
    let mut batch = Vec::new();
    in_hand.iter().for_each(|parcel| batch.extend_from_slice(&parcel.bytes));
    while batch.len() < BATCH
        && let Some(parcel) = lane.take()
    {
        batch.extend_from_slice(&parcel.bytes);
        in_hand.push(parcel);
    }
    failpoints::pass("evi.send.before").await;
    write.write_all(&batch).await?;
    failpoints::pass("evi.send.after").await;
    in_hand.drain(..).for_each(|parcel| note(&parcel, None));
    lane.put_down();
    Ok(true)
}
