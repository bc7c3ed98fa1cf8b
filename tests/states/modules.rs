//! Servers that are reached through their ZeroMQ module stand in the same mesh.

use crate::fleet::Fleet;
use crate::support::daemon::eventually;
use eventmanager::simulators::asterisk::{AsteriskHandle, AsteriskOptions, Ending, ZmqOptions};
use eventmanager::states::{DeviceState, Presence, PresenceState};

/// Two over AMI, and two through their modules, one of which gives no lists.
fn mixed() -> Fleet {
    Fleet::with(4, &AsteriskOptions::default(), |number| match number {
        0 | 1 => None,
        2 => Some(ZmqOptions::default()),
        _ => Some(ZmqOptions { has_lists: false, ..ZmqOptions::default() }),
    })
}

fn mirrored(peer: &AsteriskHandle, device: &str) -> Option<DeviceState> {
    peer.device(format!("Custom:{device}"))
}

#[test]
fn modules_and_ami_stand_in_one_mesh() {
    let fleet = mixed();
    fleet.peers[0].set_device("SIP/0", DeviceState::InUse);
    fleet.peers[2].set_device("SIP/2", DeviceState::Ringing);
    let site = fleet.site("");
    let daemon = site.start();
    fleet.wait_connected(&daemon, 0..4);
    fleet.settle(&daemon);
    assert_eq!(mirrored(&fleet.peers[3], "SIP/2"), Some(DeviceState::Ringing), "what was there is told");
    for number in 0..200 {
        let peer = &fleet.peers[number % 4];
        peer.set_device(format!("SIP/{}", number % 30), DeviceState::ALL[2 + number % 7]);
    }
    fleet.peers[3].set_presence("CustomPresence:7", Presence::plain(PresenceState::Dnd));
    fleet.settle(&daemon);
    assert!(fleet.peers.iter().all(|peer| peer.presences()["CustomPresence:7"].state == PresenceState::Dnd));
}

#[test]
fn a_module_that_is_loaded_again_is_told_everything() {
    let mut fleet = mixed();
    let site = fleet.site("");
    let daemon = site.start();
    fleet.wait_connected(&daemon, 0..4);
    for number in 0..300 {
        fleet.peers[number % 2].set_device(format!("SIP/{number}"), DeviceState::Busy);
    }
    fleet.settle(&daemon);
    for at in [2, 3] {
        fleet.modules[at].as_mut().expect("a module").stop();
        fleet.peers[at].restart(Ending::Quiet).expect("it restarts");
    }
    eventually("it has forgotten", || mirrored(&fleet.peers[3], "SIP/1").is_none().then_some(()));
    fleet.peers[0].set_device("SIP/0", DeviceState::Ringing);
    fleet.modules[2].as_mut().expect("a module").start(ZmqOptions::default()).expect("it is loaded");
    let options = ZmqOptions { has_lists: false, ..ZmqOptions::default() };
    fleet.modules[3].as_mut().expect("a module").start(options).expect("it is loaded");
    fleet.settle(&daemon);
    assert_eq!(mirrored(&fleet.peers[3], "SIP/0"), Some(DeviceState::Ringing));
}

#[test]
fn a_module_that_answers_nothing_is_no_connection_and_holds_up_nobody() {
    let mut fleet = mixed();
    let silent = ZmqOptions { is_silent: true, ..ZmqOptions::default() };
    fleet.modules[3].as_mut().expect("a module").start(silent).expect("it is loaded");
    let site = fleet.site("");
    let daemon = site.start();
    fleet.wait_connected(&daemon, 0..3);
    fleet.peers[0].set_device("SIP/1", DeviceState::OnHold);
    let told = |at: usize| mirrored(&fleet.peers[at], "SIP/1") == Some(DeviceState::OnHold);
    eventually("the others are told", || (told(1) && told(2)).then_some(()));
    daemon.logged(&["not connected to asterisk", "pbx3"]);
    assert_eq!(daemon.metric("eventmanager_connection_up", "connection=\"pbx3\""), 0.0);
    fleet.modules[3].as_mut().expect("a module").start(ZmqOptions::default()).expect("it is loaded");
    fleet.settle(&daemon);
}

#[test]
fn what_would_crash_a_module_is_not_written() {
    let fleet = mixed();
    let site = fleet.site("");
    let daemon = site.start();
    fleet.wait_connected(&daemon, 0..4);
    let message = b"line one\r\nline two".to_vec();
    let presence = Presence { state: PresenceState::Away, subtype: Vec::new(), message };
    fleet.peers[0].set_presence("CustomPresence:9", presence.clone());
    eventually("ami takes it", || {
        (fleet.peers[1].presences().get("CustomPresence:9") == Some(&presence)).then_some(())
    });
    for peer in ["pbx2", "pbx3"] {
        eventually(&format!("{peer} does not"), || {
            let (_, metrics) = daemon.get("/metrics");
            let refused = |line: &&str| {
                line.contains("state_rejected_total") && line.contains(peer) && !line.ends_with(" 0")
            };
            metrics.lines().any(|line| refused(&line)).then_some(())
        });
    }
    assert!(!fleet.peers[2].presences().contains_key("CustomPresence:9"));
}
