//! What it costs the others that one server is away and another is stopped.

use super::rounds::{Devices, options};
use crate::fleet::Fleet;
use crate::row::Row;
use eventmanager::simulators::asterisk::{Ending, Misbehaviour};

const DEVICES: usize = 10_000;
/// Of each, one after the other.
const TURNS: usize = 21;

/// Prints the rate to six others, alone and beside two that take nothing.
pub fn print() {
    let six: Vec<usize> = (1..7).collect();
    let alone = Fleet::with(7, &options(), |_| None);
    let beside = Fleet::with(9, &options(), |_| None);
    let sites = [alone.site(""), beside.site("")];
    let daemons = [sites[0].start(), sites[1].start()];
    alone.wait_connected(&daemons[0], 0..7);
    beside.wait_connected(&daemons[1], 0..9);
    beside.peers[7].stop(Ending::Reset).expect("it stops");
    beside.peers[8].misbehave(Misbehaviour::Frozen);
    let mut devices = [Devices::new(DEVICES), Devices::new(DEVICES)];
    let mut rates = [Vec::new(), Vec::new()];
    for turn in 0..=TURNS {
        for (at, fleet) in [&alone, &beside].into_iter().enumerate() {
            let rate = devices[at].change(fleet, &six);
            // The first only warms up.
            if turn > 0 {
                rates[at].push(rate);
            }
        }
    }
    let [alone, beside] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[TURNS / 2]
    });
    let part = beside / alone;
    Row::new("states to six, one away and one stopped beside them", format!("{beside:.0} changes/s"))
        .of(part, "the six alone")
        .budget("≥ 0.95", part >= 0.95)
        .print();
}
