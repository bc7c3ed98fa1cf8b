//! To fifty programs that have subscribed to our own interface.

use super::event;
use super::sender::send;
use crate::row::Row;
use crate::support::daemon::{Site, eventually};
use crate::trial::{Trial, nobody};
use nix::sys::socket::{setsockopt, sockopt};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SUBSCRIBERS: u64 = 50;
const EVENTS: u64 = 10_000;
const ROOM: usize = 32 << 20;

/// Prints what is delivered in a second, beside what a sender does that has nothing else to do.
pub fn print() {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    if setsockopt(&socket, sockopt::RcvBufForce, &ROOM).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &ROOM).expect("set");
    }
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("set");
    let port = socket.local_addr().expect("an address").port();
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
        let bare = bare(port, &read);
        let ours = ours(port, &read);
        stop.store(true, Ordering::Relaxed);
        Row::new(format!("delivered to {SUBSCRIBERS} subscribers over UDP"), format!("{ours:.0} events/s"))
            .budget("≥ 50000", ours >= 50_000.0)
            .of(ours / bare, "a sender that knows nothing")
            .print();
    });
}

/// Each subscriber has an address of its own, and all are one socket.
fn subscriber(number: u64, port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 1, number as u8 + 1], port))
}

fn bare(port: u16, read: &AtomicU64) -> f64 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let (event, before, began) = (event("JSON"), read.load(Ordering::Relaxed), Instant::now());
    for _ in 0..EVENTS {
        for number in 0..SUBSCRIBERS {
            socket.send_to(&event, subscriber(number, port)).expect("sent");
        }
    }
    std::thread::sleep(Duration::from_millis(200));
    (read.load(Ordering::Relaxed) - before) as f64 / (began.elapsed().as_secs_f64() - 0.2)
}

/// Events of an OpenSIPS that a rule hands on: read, stored, and then delivered.
fn ours(port: u16, read: &AtomicU64) -> f64 {
    let evi = nobody();
    let site = Site::quiet(&format!(
        "[[opensips]]\nname = \"sbc\"\nmi = \"udp:{}\"\nlisten = \"udp:127.0.0.1:0\"\nevents = [\"E_UL_CONTACT_UPDATE\"]\n\
         [[route]]\nsource = \"sbc\"\nto = [\"contacts\"]\n[evi]\nudp = \"{evi}\"\nqueue = 100000\n",
        nobody()
    ));
    let trial = Trial::at(site);
    eventually("it is ready", || (trial.daemon.get("/readyz").0 == 200).then_some(()));
    subscribe(evi, port);
    let (before, began) = (read.load(Ordering::Relaxed), Instant::now());
    let sent = send(trial.listens_at(), &event("JSON"), Duration::from_secs(5), Some(EVENTS as f64 / 5.0));
    let all = sent * SUBSCRIBERS;
    let mut last = 0;
    eventually("what is delivered has come", || {
        let come = read.load(Ordering::Relaxed) - before;
        let is_over = come == all || come > 0 && come == std::mem::replace(&mut last, come);
        std::thread::sleep(Duration::from_millis(300));
        is_over.then_some(())
    });
    let come = read.load(Ordering::Relaxed) - before;
    let dropped = trial.metric("dropped_total", "connection=\"evi\"");
    println!("of {sent} events for {SUBSCRIBERS} each {come} have come, {dropped} were dropped");
    come as f64 / began.elapsed().as_secs_f64()
}

fn subscribe(evi: SocketAddr, port: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
    let mut answer = [0; 1_024];
    for number in 0..SUBSCRIBERS {
        let address = subscriber(number, port);
        let asked = format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"event_subscribe\",\"id\":{number},\"params\":{{\"event\":\"E_UL_CONTACT_UPDATE\",\"socket\":\"udp:{address}\",\"expire\":600}}}}"
        );
        socket.send_to(asked.as_bytes(), evi).expect("sent");
        let bytes = socket.recv(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..bytes]).into_owned();
        assert!(answer.contains("\"OK\""), "{answer}");
    }
}
