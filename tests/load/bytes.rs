//! What is written to a socket as fast as it takes it: encoded once, so that nothing but numbers is to be made.

use crate::offered::{Clock, Offered};
use crate::support::documents::{add, report};
use eventmanager::simulators::broadworks::encode;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};

/// One document of so many is carried out; the others are stored alone. So what is built for 30,000 documents a second is offered the 1,500
/// that it can carry out.
pub const PROVISIONED: u64 = 20;
/// Documents, or frames, of a piece.
const PIECE: u64 = 40;
/// Where the numbers of documents begin, so that all of them have as many digits.
const FIRST: u64 = 1_000_000_000;

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

    /// Writes pieces until it is over.
    pub fn offer(&self, mut pieces: Pieces, is_over: &AtomicBool) -> Offered {
        let (mut stream, _) = self.listener.accept().expect("a client");
        let mut clock = Clock::start();
        while !is_over.load(Ordering::Relaxed) {
            let piece = pieces.next(clock.count);
            clock.wait(PIECE, || stream.write_all(piece)).expect("the other side stays");
        }
        // The connection stays: its end is not what is tested.
        std::mem::forget(stream);
        clock.offered()
    }
}

/// What is written, encoded once.
pub struct Pieces {
    bytes: Vec<u8>,
    /// Where numbers stand in it, and how much more than the piece's first each of them is.
    numbers: Vec<(usize, u64)>,
}

impl Pieces {
    /// Documents of an application server.
    pub fn documents() -> Pieces {
        let mut pieces = Pieces { bytes: Vec::new(), numbers: Vec::new() };
        for more in 0..PIECE {
            let number = FIRST + more;
            let document = match more % PROVISIONED {
                0 => add(number, &format!("user{number}@tele.gl")),
                _ => report(number, "GroupAddRequest", "<groupId>g</groupId>"),
            };
            let (at, document, digits) = (pieces.bytes.len(), encode(&document), number.to_string());
            let places = memchr::memmem::find_iter(&document, &digits);
            pieces.numbers.extend(places.map(|place| (at + place, more)));
            pieces.bytes.extend_from_slice(&document);
        }
        pieces
    }

    /// Frames of a Kamailio.
    pub fn frames() -> Pieces {
        let payload = format!(r#"{{"event":"CALL","from":"anna","to":"{}"}}"#, "b".repeat(60));
        let frames = format!("{}:{payload},", payload.len()).repeat(PIECE as usize);
        Pieces { bytes: frames.into_bytes(), numbers: Vec::new() }
    }

    /// The piece of which the first thing has this number.
    fn next(&mut self, first: u64) -> &[u8] {
        for (place, more) in &self.numbers {
            let digits = (FIRST + first + more).to_string();
            self.bytes[*place..place + digits.len()].copy_from_slice(digits.as_bytes());
        }
        &self.bytes
    }
}
