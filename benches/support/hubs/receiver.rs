//! A receiver that does next to nothing: it takes everything, counts it, and knows when each came.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// See the module.
pub struct Receiver {
    pub address: SocketAddr,
    came: Arc<Came>,
}

#[derive(Default)]
struct Came {
    at: Mutex<Vec<Instant>>,
    grown: Condvar,
}

impl Receiver {
    /// One that answers after this time.
    pub fn start(pause: Duration) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (address, came) = (listener.local_addr().expect("an address"), Arc::<Came>::default());
        let shared = Arc::clone(&came);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let came = Arc::clone(&shared);
                // A connection that ends ends it.
                std::thread::spawn(move || drop(serve(stream, &came, pause)));
            }
        });
        Receiver { address, came }
    }

    /// None: an address at which nobody listens.
    pub fn of_nobody(address: SocketAddr) -> Receiver {
        Receiver { address, came: Arc::default() }
    }

    pub fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// How many have come.
    pub fn count(&self) -> usize {
        self.came.at.lock().expect("a lock").len()
    }

    /// When each came, as soon as there are so many.
    pub fn wait(&self, count: usize) -> Vec<Instant> {
        let at = self.came.at.lock().expect("a lock");
        self.came.grown.wait_while(at, |at| at.len() < count).expect("a lock").clone()
    }
}

fn serve(mut stream: TcpStream, came: &Came, pause: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut buffer, mut filled) = (vec![0; 64 << 10], 0);
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        // One request is under way: what is read is a part of it, or all.
        if !is_whole(&buffer[..filled]) {
            continue;
        }
        filled = 0;
        came.at.lock().expect("a lock").push(Instant::now());
        came.grown.notify_all();
        std::thread::sleep(pause);
        stream.write_all(ANSWER)?;
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return false };
    let head = bytes[..end].to_ascii_lowercase();
    let length = memchr::memmem::find(&head, b"content-length: ").map_or(0, |at| {
        let digits = head[at + 16..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |length, digit| 10 * length + usize::from(digit - b'0'))
    });
    bytes.len() >= end + 4 + length
}
