//! What is written to a socket as fast as it takes it.

use crate::support::documents::{add, report};
use eventmanager::simulators::broadworks::encode;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// One document of so many is carried out; the others are stored alone.
pub const PROVISIONED: u64 = 100;
/// Documents, or frames, of a piece.
const PIECE: u64 = 50;

/// A peer that writes to whoever connects.
pub struct Bytes {
    pub address: SocketAddr,
    listener: TcpListener,
}

impl Bytes {
    pub fn new() -> Bytes {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Bytes { address: listener.local_addr().expect("an address"), listener }
    }

    /// Writes pieces until it is over; how many things that were, and how long it had to wait for the other side. What is made has the
    /// number of its first.
    pub fn offer(&self, make: impl Fn(u64, u64) -> Vec<u8>, is_over: &AtomicBool) -> (u64, Duration) {
        let (mut stream, _) = self.listener.accept().expect("a client");
        let (mut count, mut waited) = (0, Duration::ZERO);
        while !is_over.load(Ordering::Relaxed) {
            let piece = make(count, PIECE);
            let since = Instant::now();
            stream.write_all(&piece).expect("the other side stays");
            waited += since.elapsed();
            count += PIECE;
        }
        // The connection stays: its end is not what is tested.
        std::mem::forget(stream);
        (count, waited)
    }
}

/// Documents of an application server.
pub fn documents(first: u64, count: u64) -> Vec<u8> {
    let document = |number: u64| match number % PROVISIONED {
        0 => add(number + 1, &format!("user{number}@tele.gl")),
        _ => report(number + 1, "GroupAddRequest", "<groupId>g</groupId>"),
    };
    (first..first + count).flat_map(|number| encode(&document(number))).collect()
}

/// Frames of a Kamailio.
pub fn frames(_: u64, count: u64) -> Vec<u8> {
    let payload = format!(r#"{{"event":"CALL","from":"anna","to":"{}"}}"#, "b".repeat(60));
    format!("{}:{payload},", payload.len()).repeat(count as usize).into_bytes()
}
