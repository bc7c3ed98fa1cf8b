//! The least that a client of EVAPI can do: a thread that reads, and knows where a frame ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// What is read at once, as by the daemon.
const READ: usize = 64 << 10;

/// Counts frames, and looks at nothing in them.
#[derive(Default)]
struct Frames {
    count: u64,
    length: usize,
    /// Bytes of the frame that are still to come, with its comma.
    left: usize,
}

impl Frames {
    fn take(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let part = self.left.min(bytes.len());
                (self.left, bytes) = (self.left - part, &bytes[part..]);
                self.count += u64::from(self.left == 0);
                continue;
            }
            match first {
                b':' => (self.left, self.length) = (self.length + 1, 0),
                digit => self.length = self.length * 10 + usize::from(digit - b'0'),
            }
            bytes = rest;
        }
    }
}

/// Reads so many frames; when the last of them had come.
pub fn count(address: &str, frames: u64) -> JoinHandle<Instant> {
    let mut stream = connect(address);
    thread::spawn(move || {
        let (mut taken, mut buffer) = (Frames::default(), vec![0; READ]);
        while taken.count < frames {
            let size = stream.read(&mut buffer).expect("the stream goes on");
            assert_ne!(size, 0, "the peer hangs up");
            taken.take(&buffer[..size]);
        }
        Instant::now()
    })
}

/// Answers every question at once, until the peer ends the connection. One question at a time: a read has the whole of it.
pub fn answer(address: &str) -> JoinHandle<()> {
    let mut stream = connect(address);
    thread::spawn(move || {
        let mut buffer = vec![0; READ];
        // A reset is an end as well.
        while let Ok(size) = stream.read(&mut buffer)
            && size > 0
        {
            let text = std::str::from_utf8(&buffer[..size]).expect("UTF-8");
            let field = |name: &str| {
                let (_, rest) = text.split_once(name).expect("a question");
                rest[3..].split('"').next().expect("a value")
            };
            let (index, label) = (field("tr_index"), field("tr_label"));
            let reply = format!(
                r#"{{"cmd":"reply","tr_index":"{index}","tr_label":"{label}","code":"202","reason":"bare"}}"#
            );
            let frame = format!("{}:{reply},", reply.len());
            stream.write_all(frame.as_bytes()).expect("sent");
        }
    })
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connected");
    stream.set_nodelay(true).expect("no delay");
    stream
}
