//! From a change of one server until the last of eight others is told, at a thousand changes a second.

use crate::fleet::Fleet;
use crate::row::Row;
use eventmanager::simulators::asterisk::AsteriskOptions;
use eventmanager::states::DeviceState;
use std::collections::HashMap;
use std::time::{Duration, Instant};

const CHANGES: u32 = 10_000;
const DISTANCE: Duration = Duration::from_millis(1);

/// Prints how long changes took.
pub fn print() {
    let fleet =
        Fleet::with(9, &AsteriskOptions { journal: 1_000_000, ..AsteriskOptions::default() }, |_| None);
    let site = fleet.site("");
    let daemon = site.start();
    fleet.wait_connected(&daemon, 0..9);
    let began = Instant::now();
    let mut changed = HashMap::new();
    for number in 0..CHANGES {
        let due = began + DISTANCE * number;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let device = format!("SIP/{number}");
        changed.insert(format!("DEVICE_STATE(Custom:{device})").into_bytes(), Instant::now());
        fleet.peers[0].set_device(device, DeviceState::InUse);
    }
    fleet.settle(&daemon);
    let mut told: HashMap<Vec<u8>, Instant> = HashMap::new();
    for line in fleet.peers[1..].iter().flat_map(|peer| peer.journal()) {
        let last = told.entry(line.variable).or_insert(line.at);
        *last = line.at.max(*last);
    }
    let mut times: Vec<Duration> =
        changed.iter().map(|(device, at)| told[device].duration_since(*at)).collect();
    times.sort();
    let millis = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    let (p50, p99, longest) = (millis(0.5), millis(0.99), millis(1.0));
    let what = "a change until the last of eight is told, at 1,000 changes/s";
    Row::new(what, format!("p50 {p50:.2} ms, p99 {p99:.2} ms, longest {longest:.2} ms"))
        .budget("p99 ≤ 2 ms", p99 <= 2.0)
        .print();
}
