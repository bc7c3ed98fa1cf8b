//! From one server to eight others, over AMI.

use super::bare;
use super::rounds::{Devices, options};
use crate::fleet::Fleet;

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
    println!(
        "states from one to eight, AMI        {ours:>8.0} changes/s   {:.2} of {least:.0}, a relay that knows nothing",
        ours / least
    );
}
