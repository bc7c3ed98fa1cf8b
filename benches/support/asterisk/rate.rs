//! From one server to eight others, over AMI.

use super::bare;
use super::rounds::{Devices, options};
use crate::fleet::Fleet;
use crate::row::Row;

const DEVICES: usize = 20_000;
const ROUNDS: usize = 9;

/// Prints the rate of the daemon, and that of the least of a relay.
pub fn print() {
    let others: Vec<usize> = (1..9).collect();
    let fleet = Fleet::with(9, &options(), |_| None);
    let bare = bare::relay(&fleet.peers[0], &fleet.peers[1..]);
    let least = Devices::new(DEVICES).median(ROUNDS, &fleet, &others);
    drop((bare, fleet));
    let fleet = Fleet::with(9, &options(), |_| None);
    let site = fleet.site("");
    let daemon = site.start();
    fleet.wait_connected(&daemon, 0..9);
    let ours = Devices::new(DEVICES).median(ROUNDS, &fleet, &others);
    Row::new("states from one Asterisk to eight, AMI", format!("{ours:.0} changes/s"))
        .budget("≥ 30000", ours >= 30_000.0)
        .of(ours / least, "a relay that knows nothing")
        .print();
}
