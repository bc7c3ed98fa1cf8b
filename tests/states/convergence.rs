//! Whatever happens, at rest every server holds the aggregate of all others, and nothing goes round.

use crate::fleet::Fleet;
use crate::support::daemon::eventually;
use eventmanager::simulators::asterisk::{AsteriskHandle, Ending, Misbehaviour};
use eventmanager::states::{DeviceState, Presence, PresenceState};
use std::time::Duration;

const CHANGES: usize = 10_000;
/// Of which servers share many.
const DEVICES: usize = 200;

/// What happens to the servers.
struct Fate {
    random: fastrand::Rng,
    down: Vec<bool>,
}

impl Fate {
    /// One change of a state, on whatever server: one that is down has devices too.
    fn change(&mut self, fleet: &Fleet) {
        let peer = &fleet.peers[self.random.usize(..fleet.peers.len())];
        if self.random.u8(..20) == 0 {
            return self.presence(peer);
        }
        let device = format!("SIP/{}", self.random.usize(..DEVICES));
        let state = DeviceState::ALL[self.random.usize(..DeviceState::ALL.len())];
        peer.set_device(device, state);
    }

    fn presence(&mut self, peer: &AsteriskHandle) {
        const STATES: [PresenceState; 3] = [PresenceState::Away, PresenceState::Dnd, PresenceState::Chat];
        let message = [" in, a meeting", "back\r\nsoon", ""][self.random.usize(..3)];
        let presence = Presence {
            state: STATES[self.random.usize(..3)],
            subtype: b"sub".to_vec(),
            message: message.as_bytes().to_vec(),
        };
        peer.set_presence(format!("CustomPresence:{}", self.random.usize(..20)), presence);
    }

    /// Now and then a server restarts, loses its connections, goes away, comes back, lags or does not any more.
    fn strike(&mut self, fleet: &Fleet) {
        let at = self.random.usize(..fleet.peers.len());
        let peer = &fleet.peers[at];
        let ending = [Ending::Shutdown, Ending::Quiet, Ending::Reset][self.random.usize(..3)];
        match self.random.u8(..6) {
            _ if self.down[at] => {
                peer.start().expect("it starts");
                self.down[at] = false;
            }
            0 => peer.restart(ending).expect("it restarts"),
            1 => peer.end_sessions(ending).expect("they end"),
            2 => {
                peer.stop(ending).expect("it stops");
                self.down[at] = true;
            }
            3 => peer.misbehave(Misbehaviour::Slow(Duration::from_millis(20))),
            4 => peer.misbehave(Misbehaviour::Truncating { after: 20_000 }),
            _ => peer.misbehave(Misbehaviour::None),
        }
    }

    /// Everybody is there and well.
    fn relent(&mut self, fleet: &Fleet) {
        for (peer, down) in fleet.peers.iter().zip(&mut self.down) {
            peer.misbehave(Misbehaviour::None);
            if std::mem::take(down) {
                peer.start().expect("it starts");
            }
        }
    }
}

#[test]
fn at_rest_every_asterisk_holds_the_aggregate_of_the_others() {
    let fleet = Fleet::start(8);
    let site = fleet.site("lost_origin_grace = \"10m\"");
    let daemon = site.start();
    let mut fate = Fate { random: fastrand::Rng::with_seed(6), down: vec![false; 8] };
    for change in 0..CHANGES {
        fate.change(&fleet);
        if change % 100 == 99 {
            fate.strike(&fleet);
            // They go on beside, some time.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    fate.relent(&fleet);
    fleet.settle(&daemon);
    nothing_goes_round(&fleet);

    // What is known is known: a peer that only lost its connection is told nothing again.
    let before = fleet.setvars();
    let logins = fleet.peers[0].counts().logins;
    fleet.peers[0].end_sessions(Ending::Reset).expect("they end");
    eventually("it is logged in again", || (fleet.peers[0].counts().logins > logins).then_some(()));
    fleet.wait_connected(&daemon, [0]);
    fleet.peers[0].set_device("SIP/marker", DeviceState::Busy);
    fleet.peers[1].set_device("SIP/marker2", DeviceState::Busy);
    fleet.settle(&daemon);
    assert_eq!(fleet.setvars() - before, 14, "two changes, told to seven others each");
}

/// A change that comes back would be told for ever: so many variables are set for it, and no more.
fn nothing_goes_round(fleet: &Fleet) {
    let before = fleet.setvars();
    fleet.peers[3].set_device("SIP/last", DeviceState::InUse);
    let told = || {
        let devices = fleet.peers.iter().map(AsteriskHandle::devices);
        devices.filter(|devices| devices.get("Custom:SIP/last") == Some(&DeviceState::InUse)).count()
    };
    eventually("seven are told", || (told() == 7).then_some(()));
    fleet.peers[4].set_presence("CustomPresence:last", Presence::plain(PresenceState::Away));
    let told =
        || fleet.peers.iter().filter(|peer| peer.presences().contains_key("CustomPresence:last")).count();
    eventually("all have it", || (told() == 8).then_some(()));
    assert_eq!(fleet.setvars() - before, 14);
}
