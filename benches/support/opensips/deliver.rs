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
/// Of a bare sender, and of ours at each pace that it is tried at.
const EVENTS: u64 = 10_000;
/// Events a second that an OpenSIPS sends, one after the other until something is dropped.
const PACES: [f64; 5] = [2_000.0, 4_000.0, 6_000.0, 8_000.0, 10_000.0];
const ROOM: usize = 32 << 20;

/// Prints what is delivered in a second at the highest pace at which nothing is dropped, beside what a sender does that has nothing else to
/// do.
pub fn print() {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    if setsockopt(&socket, sockopt::RcvBufForce, &ROOM).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &ROOM).expect("set");
    }
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("set");
    let port = socket.local_addr().expect("an address").port();
    let (read, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let _end = End(&stop);
        scope.spawn(|| {
            let mut buffer = vec![0; 64 << 10];
            while !stop.load(Ordering::Relaxed) {
                if socket.recv(&mut buffer).is_ok() {
                    read.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let bare = bare(port, &read);
        let all_come = PACES.iter().map_while(|pace| ours(port, &read, *pace));
        let ours = all_come.fold(0.0, f64::max);
        let what = format!("delivered to {SUBSCRIBERS} subscribers over UDP, with none dropped");
        Row::new(what, format!("{ours:.0} events/s"))
            .budget("≥ 50000", ours >= 50_000.0)
            .of(ours / bare, "a sender that knows nothing")
            .print();
    });
}

/// Ends the reader, also after a panic: the scope would wait for it.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
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
    let took = began.elapsed();
    // The last of them are still to be read.
    std::thread::sleep(Duration::from_millis(200));
    (read.load(Ordering::Relaxed) - before) as f64 / took.as_secs_f64()
}

/// Events of an OpenSIPS that a route hands on: read, stored, and then delivered. How many in a second, up to the last; `None` where one
/// was dropped.
fn ours(port: u16, read: &AtomicU64, pace: f64) -> Option<f64> {
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
    let long = Duration::from_secs_f64(EVENTS as f64 / pace);
    let all = send(trial.listens_at(), &event("JSON"), long, Some(pace)) * SUBSCRIBERS;
    let mut last = (0, Instant::now());
    let come = eventually("what is delivered has come", || {
        let come = read.load(Ordering::Relaxed) - before;
        if come != last.0 {
            last = (come, Instant::now());
        }
        // What has not come by then was dropped, by us or by the kernel.
        (come == all || come > 0 && last.1.elapsed() > Duration::from_secs(1)).then_some(come)
    });
    println!("{pace:.0} events a second for {SUBSCRIBERS} each: {come} of {all} have come");
    (come == all).then(|| all as f64 / (last.1 - began).as_secs_f64())
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
