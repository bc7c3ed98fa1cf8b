//! Through ZeroMQ modules, beside a relay written with pyzmq, and what the Asterisk broker did once on two such cores.

use super::python::Relay;
use super::rounds::{Devices, options};
use crate::fleet::Fleet;
use crate::row::Row;
use eventmanager::simulators::asterisk::ZmqOptions;

const DEVICES: usize = 10_000;
const ROUNDS: usize = 5;
/// Servers, and changes that the broker mirrors between so many in a second, at best.
const BROKER: [(usize, f64); 3] = [(2, 8_200.0), (4, 1_700.0), (8, 940.0)];

/// Prints a line for each number of servers.
pub fn print() {
    for (servers, broker) in BROKER {
        let others: Vec<usize> = (1..servers).collect();
        let fleet = Fleet::with(servers, &options(), |_| Some(ZmqOptions::default()));
        let relay = Relay::start(&fleet);
        let python = Devices::new(DEVICES).median(ROUNDS, &fleet, &others);
        drop((relay, fleet));
        let fleet = Fleet::with(servers, &options(), |_| Some(ZmqOptions::default()));
        let site = fleet.site("");
        let daemon = site.start();
        fleet.wait_connected(&daemon, 0..servers);
        let ours = Devices::new(DEVICES).median(ROUNDS, &fleet, &others);
        Row::new(format!("states between {servers} servers, ZeroMQ"), format!("{ours:.0} changes/s"))
            .of(ours / python, "a relay of pyzmq")
            .of(ours / broker, "what the Asterisk broker did")
            .print();
    }
}
