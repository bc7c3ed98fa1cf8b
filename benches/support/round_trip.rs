//! What a question over loopback and its answer take where nothing is done in between.

use crate::row::Row;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const TRIPS: u32 = 3_000;
const DISTANCE: Duration = Duration::from_millis(1);

/// Prints how long they take between two threads, a thousand a second.
pub fn print() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.set_nodelay(true).expect("a socket");
        let mut message = [0; 64];
        while stream.read_exact(&mut message).is_ok() {
            stream.write_all(&message).expect("written");
        }
    });
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_nodelay(true).expect("a socket");
    let began = Instant::now();
    let mut times: Vec<Duration> = (0..TRIPS)
        .map(|number| {
            thread::sleep((began + DISTANCE * number).saturating_duration_since(Instant::now()));
            let (asked, mut message) = (Instant::now(), [1; 64]);
            stream.write_all(&message).expect("written");
            stream.read_exact(&mut message).expect("an answer");
            asked.elapsed()
        })
        .collect();
    drop(stream);
    answering.join().expect("it ends with the connection");
    times.sort();
    let millis = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    let took =
        format!("p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms", millis(0.5), millis(0.99), millis(1.0));
    Row::new("a bare round trip over loopback, at 1,000/s", took).print();
}
