//! A way to the database that can go silent: nothing is closed, and nothing gets through until it is heard again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A proxy in front of one address; it ends with the test.
pub struct Way {
    pub address: SocketAddr,
    is_silent: Arc<AtomicBool>,
}

impl Way {
    pub fn to(target: SocketAddr) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let is_silent = Arc::new(AtomicBool::new(false));
        let silent = Arc::clone(&is_silent);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let silent = Arc::clone(&silent);
                std::thread::spawn(move || {
                    wait_heard(&silent);
                    let Ok(server) = TcpStream::connect(target) else { return };
                    // Else each small piece waits for the answer to the one before, which no network does.
                    for stream in [&client, &server] {
                        stream.set_nodelay(true).expect("a socket");
                    }
                    for (from, to) in [(&client, &server), (&server, &client)] {
                        let (from, to) =
                            (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                        let silent = Arc::clone(&silent);
                        std::thread::spawn(move || carry(from, to, &silent));
                    }
                });
            }
        });
        Way { address, is_silent }
    }

    /// What is sent from now on, and what was on its way, waits.
    pub fn go_silent(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
    }

    /// Everything that has waited arrives.
    pub fn be_heard(&self) {
        self.is_silent.store(false, Ordering::SeqCst);
    }
}

fn wait_heard(silent: &AtomicBool) {
    while silent.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, silent: &AtomicBool) {
    let mut buffer = [0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).unwrap_or(0);
        wait_heard(silent);
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            // Either side has gone; the other one is told.
            let _ = to.shutdown(std::net::Shutdown::Write);
            return;
        }
    }
}
