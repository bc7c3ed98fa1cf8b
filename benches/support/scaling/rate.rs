//! Documents that nobody acts on, read and stored, at ever higher rates.

use super::{Curve, spent};
use crate::stages::ignored;
use crate::support::daemon::{Site, eventually};
use crate::support::ports::any;
use bytes::{Bytes, BytesMut};
use eventmanager::simulators::broadworks::{BroadworksSimulator, encode};
use std::time::{Duration, Instant};

const RATES: [u64; 5] = [100, 1_000, 5_000, 10_000, 20_000];
const LONG: Duration = Duration::from_secs(10);
/// Of these there are so many in a second.
const PARTS: u64 = 100;

pub fn print() {
    let mut curve = Curve::new("rate", "a document stored", "documents/s");
    for rate in RATES {
        let broadworks = BroadworksSimulator::start(any()).expect("an application server");
        let address = broadworks.addr();
        let site = Site::quiet(&format!("[[broadworks]]\nname = \"as1\"\naddress = \"{address}\"\n"));
        let daemon = site.start();
        eventually("it is connected", || {
            (daemon.metric("eventmanager_connection_up", "connection=\"as1\"") == 1.0).then_some(())
        });
        let (before, began) = (spent(&daemon), Instant::now());
        let parts = PARTS * LONG.as_secs();
        let each = rate / PARTS;
        for part in 0..parts {
            let due = began + LONG / parts as u32 * part as u32;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            broadworks.send_many(documents(part * each..(part + 1) * each));
        }
        let all = parts * each;
        eventually("all are stored", || (site.count(&["ignored"]) == all).then_some(()));
        curve.add(rate, spent(&daemon) - before, all);
        daemon.terminate();
    }
}

fn documents(numbers: std::ops::Range<u64>) -> Bytes {
    let mut documents = BytesMut::new();
    numbers.for_each(|number| documents.extend_from_slice(&encode(&ignored(number as u32))));
    documents.freeze()
}
