//! Events in a second: those of a Kamailio that sends them as fast as its script runs, and those of a peer that does nothing
//! but write, which shows where our own limit is.

use super::bare;
use super::ours::Ours;
use crate::real::{Kamailio, Request};
use crate::row::Row;
use crate::support::daemon::eventually;
use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

/// Turns of each, of which the median counts.
const TURNS: usize = 5;
/// What the peer writes at once.
const AT_ONCE: usize = 256 << 10;

/// How much padding events have, and how many of them a turn.
const FROM_KAMAILIO: [(usize, u64); 3] = [(64, 400_000), (512, 400_000), (8_000, 150_000)];
const FROM_A_PEER: [(usize, u64); 3] = [(64, 1_000_000), (512, 500_000), (8_000, 100_000)];

/// With a Kamailio, whose script runs as fast as it can.
pub fn print_with_kamailio() {
    let (mine, others) = (Kamailio::start(&[]), Kamailio::start(&[]));
    let ours = Ours::start(&mine.evapi(), "");
    for (size, count) in FROM_KAMAILIO {
        let request = || Request::new("PUBLISH").body(&format!("{count} {size}"));
        let of_ours = || {
            let (before, began) = (ours.received(), Instant::now());
            mine.send(&request());
            ours.wait_received(before + count) - began
        };
        let of_bare = || {
            let reader = bare::count(&others.evapi(), count);
            wait_accepted(&others);
            let began = Instant::now();
            others.send(&request());
            reader.join().expect("it read everything") - began
        };
        compare(size, count, of_ours, of_bare);
    }
    ours.check_nothing_dropped();
}

/// An answer to OPTIONS does not say so, but the client that has just connected is among those who get the next event.
fn wait_accepted(kamailio: &Kamailio) {
    eventually("kamailio is alive", || kamailio.is_alive().then_some(()));
    thread::sleep(Duration::from_millis(20));
}

/// With a peer that writes the same frames again and again: the best of the turns.
pub fn print_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address").to_string();
    let daemon = thread::scope(|scope| {
        let daemon = scope.spawn(|| listener.accept().expect("the daemon connects").0);
        (Ours::start(&address, ""), daemon.join().expect("the daemon connects"))
    });
    let (ours, mut stream) = daemon;
    for (size, count) in FROM_A_PEER {
        let mut turn = || {
            let before = ours.received();
            let began = write(&mut stream, size, count);
            ours.wait_received(before + count) - began
        };
        let best = (0..TURNS).map(|_| turn()).min().expect("some turns");
        let rate = count as f64 / best.as_secs_f64();
        Row::new(format!("events of a peer, {size} bytes of text"), format!("{rate:.0} events/s"))
            .budget("≥ 100000", rate >= 100_000.0)
            .print();
    }
    ours.check_nothing_dropped();
}

/// Writes so many events like those of the script; when it began.
fn write(stream: &mut impl Write, size: usize, count: u64) -> Instant {
    let payload = format!(r#"{{"event":"load","number":123456,"padding":"{}"}}"#, "x".repeat(size));
    let frame = format!("{}:{payload},", payload.len());
    let at_once = (AT_ONCE / frame.len()) as u64;
    let frames = frame.repeat(at_once as usize);
    let began = Instant::now();
    let mut left = count;
    while left > 0 {
        let part = left.min(at_once);
        stream.write_all(&frames.as_bytes()[..part as usize * frame.len()]).expect("written");
        left -= part;
    }
    began
}

/// Both in turns.
fn compare(
    size: usize,
    count: u64,
    mut of_ours: impl FnMut() -> Duration,
    mut of_bare: impl FnMut() -> Duration,
) {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    // The first turn only warms up.
    of_ours();
    of_bare();
    for _ in 0..TURNS {
        ours.push(of_ours());
        bare.push(of_bare());
    }
    let rate = |took: &mut Vec<Duration>| {
        took.sort();
        count as f64 / took[took.len() / 2].as_secs_f64()
    };
    let (ours, bare) = (rate(&mut ours), rate(&mut bare));
    let part = ours / bare;
    Row::new(format!("events of Kamailio, {size} bytes of text"), format!("{ours:.0} events/s"))
        .budget("≥ 100000", ours >= 100_000.0)
        .of(part, "a bare reader")
        .budget("≥ 0.9", part >= 0.9)
        .print();
}
