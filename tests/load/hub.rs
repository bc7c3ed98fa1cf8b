//! A hub that takes everything, and keeps of it the numbers of the events alone.

use crate::posting::message;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub struct Hub {
    pub address: SocketAddr,
    numbers: Arc<Mutex<Vec<u64>>>,
}

impl Hub {
    /// One that takes so long for each event.
    pub fn start(pause: Duration) -> Hub {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let hub = Hub { address: listener.local_addr().expect("an address"), numbers: Arc::default() };
        let numbers = Arc::clone(&hub.numbers);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let numbers = Arc::clone(&numbers);
                std::thread::spawn(move || take(stream, pause, &numbers));
            }
        });
        hub
    }

    pub fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// The numbers of all events, in the order in which they came.
    pub fn numbers(&self) -> Vec<u64> {
        self.numbers.lock().expect("numbers").clone()
    }

    pub fn count(&self) -> u64 {
        self.numbers.lock().expect("numbers").len() as u64
    }
}

fn take(stream: TcpStream, pause: Duration, numbers: &Mutex<Vec<u64>>) {
    let mut reader = BufReader::new(stream);
    while let Some((_, body)) = message(&mut reader) {
        let event: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        numbers.lock().expect("numbers").push(event["event"]["n"].as_u64().expect("a number"));
        std::thread::sleep(pause);
        if reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
            return;
        }
    }
}
