//! As many as the sender can send.

use super::sender::send;
use super::{LONG, daemon, event, settle};
use crate::row::Row;
use nix::sys::socket::{setsockopt, sockopt};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Prints what is read and parsed in a second, beside what a reader reads that only counts.
pub fn print() {
    let bare = bare();
    for format in ["text", "JSON"] {
        let trial = daemon();
        let began = Instant::now();
        let sent = send(trial.listens_at(), &event(format), LONG, None);
        let (read, lost, dropped) = settle(&trial, sent as f64);
        let rate = read / began.elapsed().as_secs_f64();
        let measured = format!("{rate:.0} events/s; of {sent} {lost} lost in the kernel, {dropped} dropped");
        Row::new(format!("OpenSIPS' events received, {format}"), measured)
            .budget("≥ 100000", rate >= 100_000.0)
            .of(rate / bare, "a reader that counts")
            .print();
    }
}

/// What a thread reads in a second that does nothing else, from a socket with as much room.
fn bare() -> f64 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let room = 4 << 20;
    if setsockopt(&socket, sockopt::RcvBufForce, &room).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &room).expect("set");
    }
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("set");
    let address = socket.local_addr().expect("an address");
    let (read, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = vec![0; 64 << 10];
            while !stop.load(Ordering::Relaxed) {
                if socket.recv(&mut buffer).is_ok() {
                    read.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let began = Instant::now();
        send(address, &event("text"), LONG, None);
        let rate = read.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        rate
    })
}
