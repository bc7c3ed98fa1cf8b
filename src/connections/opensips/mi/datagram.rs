//! Requests in datagrams, over UDP or unix sockets.

use super::reply_file::ReplyFile;
use super::{LARGEST, NoReply, Question};
use crate::wire::mi::{NotAReply, Reply};
use rustix::fs::FileType;
use std::io;
use std::path::Path;
use tokio::net::{UdpSocket, UnixDatagram};
use tokio::time::{Instant, timeout_at};

/// A request that is not answered is sent again, so often within its time.
const ATTEMPTS: u32 = 3;
/// Of a datagram over UDP.
const LARGEST_UDP: usize = 64 << 10;

/// Asks at HOST:PORT.
pub async fn ask_udp(address: &str, question: &Question<'_>) -> Result<Reply, NoReply> {
    let targets = timeout_at(question.until, tokio::net::lookup_host(address)).await;
    let target = targets.map_err(|_| NoReply::Silent)??.next();
    let target = target.ok_or_else(|| NoReply::Failed("has no address".to_owned()))?;
    let own = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(own).await?;
    // From then on nobody else can answer, and it is told where nobody listens. What came before that waits all the same.
    socket.connect(target).await?;
    let target = socket.peer_addr()?;
    let send = async |bytes: Vec<u8>| socket.send(&bytes).await;
    let receive = async |buffer: &mut [u8]| loop {
        let (received, from) = socket.recv_from(buffer).await?;
        if from == target {
            return Ok(received);
        }
    };
    exchange(question, LARGEST_UDP, send, receive).await
}

/// Asks at the socket of this path, with one of our own in `directory`.
pub async fn ask_unix(path: &Path, directory: &Path, question: &Question<'_>) -> Result<Reply, NoReply> {
    let (file, socket) = ReplyFile::make(directory, |path| UnixDatagram::bind(path))?;
    file.let_others_write(FileType::Socket)?;
    socket.connect(path)?;
    let send = async |bytes: Vec<u8>| socket.send(&bytes).await;
    let receive = async |buffer: &mut [u8]| socket.recv(buffer).await;
    exchange(question, LARGEST, send, receive).await
}

async fn exchange(
    question: &Question<'_>,
    largest: usize,
    send: impl AsyncFn(Vec<u8>) -> io::Result<usize>,
    receive: impl AsyncFn(&mut [u8]) -> io::Result<usize>,
) -> Result<Reply, NoReply> {
    let mut buffer = vec![0; largest];
    let distance = (question.until - Instant::now()) / ATTEMPTS;
    for attempt in 0..ATTEMPTS {
        // A socket whose queue is full is one of a server that does not read.
        timeout_at(question.until, send(question.bytes())).await.map_err(|_| NoReply::Silent)??;
        let until = if attempt + 1 == ATTEMPTS { question.until } else { Instant::now() + distance };
        while let Ok(received) = timeout_at(until, receive(&mut buffer)).await {
            match question.read(&buffer[..received?]) {
                Ok(reply) => return Ok(reply),
                Err(NotAReply::OfAnother) => {}
                Err(error) => return Err(NoReply::Unreadable(error)),
            }
        }
    }
    Err(NoReply::Silent)
}
