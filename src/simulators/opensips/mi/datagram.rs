//! mi_datagram: a request and its answer are a datagram each, over UDP or a unix socket.

use super::{Answer, Carrier, answer};
use crate::simulators::opensips::core::Shared;
use std::sync::Arc;
use tokio::net::{UdpSocket, UnixDatagram};
use tokio::time::sleep;

/// No datagram is longer.
const LARGEST: usize = 64 << 10;

/// Answers over UDP, one request after the other.
pub(in super::super) async fn serve_udp(socket: UdpSocket, shared: Arc<Shared>) {
    let mut buffer = vec![0; LARGEST];
    loop {
        // An error belongs to an answer that could not be delivered.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(answer) = answer_later(&shared, &buffer[..length]).await {
            // Who has asked may have gone.
            let _ = socket.send_to(&answer.bytes, from).await;
        }
    }
}

/// Answers over a unix socket. Who has no path of its own cannot be answered.
pub(in super::super) async fn serve_unix(socket: UnixDatagram, shared: Arc<Shared>) {
    let mut buffer = vec![0; LARGEST];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let answer = answer_later(&shared, &buffer[..length]).await;
        if let (Some(answer), Some(path)) = (answer, from.as_pathname()) {
            // Not waited for: one who does not read would hold up all others.
            let _ = socket.try_send_to(&answer.bytes, path);
        }
    }
}

async fn answer_later(shared: &Shared, request: &[u8]) -> Option<Answer> {
    let answer = answer(shared, request, Carrier::Datagram)?;
    sleep(answer.after).await;
    Some(answer)
}
