//! Rounds in which every device of one server changes once, so that nothing can be left out.

use crate::fleet::Fleet;
use crate::support::daemon::PATIENCE;
use eventmanager::simulators::asterisk::AsteriskOptions;
use eventmanager::states::DeviceState;
use std::time::{Duration, Instant};

/// Between two looks at what has arrived.
const GLANCE: Duration = Duration::from_micros(500);

/// The devices of the first server of a fleet.
pub struct Devices {
    names: Vec<String>,
    round: usize,
}

/// Options of servers that write nothing down.
pub fn options() -> AsteriskOptions {
    AsteriskOptions { journal: 0, ..AsteriskOptions::default() }
}

impl Devices {
    /// So many.
    pub fn new(count: usize) -> Devices {
        Devices { names: (0..count).map(|number| format!("SIP/{number}")).collect(), round: 0 }
    }

    /// Changes all of them; how many changes a second were told to all of `receivers`.
    pub fn change(&mut self, fleet: &Fleet, receivers: &[usize]) -> f64 {
        let state = [DeviceState::InUse, DeviceState::NotInUse][self.round % 2];
        self.round += 1;
        let setvars = |peer: usize| fleet.peers[peer].counts().setvars;
        let before: Vec<u64> = receivers.iter().map(|&peer| setvars(peer)).collect();
        let began = Instant::now();
        fleet.peers[0].set_devices(self.names.iter().map(|name| (name, state)));
        let all = self.names.len() as u64;
        for (&peer, before) in receivers.iter().zip(before) {
            while setvars(peer) < before + all {
                assert!(began.elapsed() < PATIENCE, "pbx{peer} was not told everything");
                std::thread::sleep(GLANCE);
            }
        }
        self.names.len() as f64 / began.elapsed().as_secs_f64()
    }

    /// The median of some rounds, after one that only warms up.
    pub fn median(&mut self, rounds: usize, fleet: &Fleet, receivers: &[usize]) -> f64 {
        self.change(fleet, receivers);
        let mut rates: Vec<f64> = (0..rounds).map(|_| self.change(fleet, receivers)).collect();
        rates.sort_by(f64::total_cmp);
        rates[rounds / 2]
    }
}
