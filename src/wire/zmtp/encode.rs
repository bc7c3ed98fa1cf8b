//! What is written. Every function appends to a stream.

use super::metadata;
use super::{COMMAND, LONG, MORE, SocketType, Subscription, Version, greeting};
use bytes::{BufMut, BytesMut};

/// Our greeting.
pub fn greeting(stream: &mut BytesMut) {
    stream.put_slice(&greeting::ours());
}

/// Ends our part of the handshake. An identity is of use to a ROUTER alone, and is not told where it is empty.
pub fn ready(socket: SocketType, identity: &[u8], stream: &mut BytesMut) {
    let mut body = BytesMut::new();
    metadata::write("Socket-Type", socket.name().as_bytes(), &mut body);
    if !identity.is_empty() {
        metadata::write("Identity", identity, &mut body);
    }
    command("READY", &[&body], stream);
}

/// Says in place of READY why not; a reason is cut to 255 bytes.
pub fn error(reason: &str, stream: &mut BytesMut) {
    let reason = &reason.as_bytes()[..reason.len().min(255)];
    command("ERROR", &[&[reason.len() as u8], reason], stream);
}

/// Asks a publisher of this version for messages, or for no more of them.
pub fn subscription(subscription: &Subscription, version: Version, stream: &mut BytesMut) {
    let (name, sign, prefix) = match subscription {
        Subscription::Add(prefix) => ("SUBSCRIBE", 1, prefix),
        Subscription::Remove(prefix) => ("CANCEL", 0, prefix),
    };
    if version.has_pings() {
        command(name, &[prefix], stream);
    } else {
        head(0, 1 + prefix.len(), stream);
        stream.put_u8(sign);
        stream.put_slice(prefix);
    }
}

/// Asks for a sign of life. `ttl` as in [`Command::Ping`](super::Command::Ping).
pub fn ping(ttl: u16, context: &[u8], stream: &mut BytesMut) {
    command("PING", &[&ttl.to_be_bytes(), context], stream);
}

/// Answers a ping with what it carried.
pub fn pong(context: &[u8], stream: &mut BytesMut) {
    command("PONG", &[context], stream);
}

/// A message of these frames. One without frames is none, and nothing is written.
pub fn message(frames: &[impl AsRef<[u8]>], stream: &mut BytesMut) {
    let last = frames.len().saturating_sub(1);
    for (number, frame) in frames.iter().enumerate() {
        let frame = frame.as_ref();
        head(if number < last { MORE } else { 0 }, frame.len(), stream);
        stream.put_slice(frame);
    }
}

fn command(name: &str, parts: &[&[u8]], stream: &mut BytesMut) {
    let length = 1 + name.len() + parts.iter().map(|part| part.len()).sum::<usize>();
    head(COMMAND, length, stream);
    stream.put_u8(name.len() as u8);
    stream.put_slice(name.as_bytes());
    parts.iter().for_each(|part| stream.put_slice(part));
}

fn head(flags: u8, length: usize, stream: &mut BytesMut) {
    stream.reserve(9 + length);
    match u8::try_from(length) {
        Ok(short) => stream.put_slice(&[flags, short]),
        Err(_) => {
            stream.put_u8(flags | LONG);
            stream.put_u64(length as u64);
        }
    }
}
