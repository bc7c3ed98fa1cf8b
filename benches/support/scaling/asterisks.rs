//! Changes of one Asterisk that are told to ever more others.

use super::{Curve, spent};
use crate::fleet::Fleet;
use crate::support::daemon::eventually;
use eventmanager::simulators::asterisk::AsteriskOptions;
use eventmanager::states::DeviceState;

const OTHERS: [usize; 4] = [1, 10, 50, 200];
/// So many are told at each size, all together.
const TOLD: usize = 2_000_000;
/// Devices that change at once.
const DEVICES: usize = 200;

pub fn print() {
    let mut curve = Curve::new("asterisks", "a change told to one Asterisk", "Asterisks");
    for others in OTHERS {
        let options = AsteriskOptions { journal: 0, ..AsteriskOptions::default() };
        let fleet = Fleet::with(others + 1, &options, |_| None);
        let site = fleet.site("");
        let daemon = site.start();
        fleet.wait_connected(&daemon, 0..others + 1);
        let told = || fleet.peers[1..].iter().map(|peer| peer.counts().setvars).sum::<u64>();
        let names: Vec<String> = (0..DEVICES).map(|number| format!("SIP/{number}")).collect();
        let change = |state| fleet.peers[0].set_devices(names.iter().map(|name| (name, state)));
        let rounds = TOLD / others / DEVICES;
        let (before, already) = (spent(&daemon), told());
        for round in 1..=rounds {
            change([DeviceState::NotInUse, DeviceState::InUse][round % 2]);
            let all = already + (round * DEVICES * others) as u64;
            eventually("all are told", || (told() >= all).then_some(()));
        }
        curve.add(others as u64, spent(&daemon) - before, (rounds * DEVICES * others) as u64);
        daemon.terminate();
    }
}
