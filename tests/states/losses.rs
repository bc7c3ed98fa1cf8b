//! Servers that come late, go away, or are reached by two daemons.

use crate::fleet::Fleet;
use crate::support::daemon::eventually;
use eventmanager::simulators::asterisk::{AsteriskHandle, Ending};
use eventmanager::states::DeviceState;
use std::time::{Duration, Instant};

/// What a server holds for somebody else's device.
fn mirrored(peer: &AsteriskHandle, device: &str) -> Option<DeviceState> {
    peer.device(format!("Custom:{device}")).filter(|state| *state != DeviceState::Invalid)
}

#[test]
fn a_server_that_comes_up_late_is_told_everything_within_fifteen_seconds() {
    let fleet = Fleet::start(3);
    fleet.peers[2].stop(Ending::Quiet).expect("it stops");
    for number in 0..500 {
        fleet.peers[number % 2].set_device(format!("SIP/{number}"), DeviceState::InUse);
    }
    let site = fleet.site("");
    let daemon = site.start();
    eventually("the others are told", || mirrored(&fleet.peers[0], "SIP/499").map(drop));
    // Long enough for the distances between attempts to have grown.
    std::thread::sleep(Duration::from_secs(8));
    let began = Instant::now();
    fleet.peers[2].start().expect("it starts");
    fleet.settle(&daemon);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn what_a_lost_server_said_counts_for_the_grace_and_no_longer() {
    let fleet = Fleet::start(3);
    let site = fleet.site("lost_origin_grace = \"2s\"");
    let daemon = site.start();
    fleet.peers[0].set_device("SIP/1", DeviceState::InUse);
    fleet.peers[0].set_device("SIP/2", DeviceState::Ringing);
    fleet.peers[1].set_device("SIP/2", DeviceState::InUse);
    fleet.settle(&daemon);
    assert_eq!(mirrored(&fleet.peers[2], "SIP/2"), Some(DeviceState::RingInUse));
    let setvars = fleet.peers[2].setvars_of("Custom:SIP/1");
    // One that comes back soon is not noticed.
    fleet.peers[0].restart(Ending::Shutdown).expect("it restarts");
    eventually("it is back", || (fleet.peers[0].logged_in() == 1).then_some(()));
    fleet.settle(&daemon);
    assert_eq!(fleet.peers[2].setvars_of("Custom:SIP/1"), setvars);

    fleet.peers[0].stop(Ending::Quiet).expect("it stops");
    let withdrawn = || fleet.peers[2].device("Custom:SIP/1") == Some(DeviceState::Invalid);
    eventually("its device is nobody's", || withdrawn().then_some(()));
    eventually("of two one counts", || {
        (mirrored(&fleet.peers[2], "SIP/2") == Some(DeviceState::InUse)).then_some(())
    });
    fleet.peers[0].start().expect("it starts");
    fleet.settle(&daemon);
    assert_eq!(mirrored(&fleet.peers[2], "SIP/1"), Some(DeviceState::InUse));
}

#[test]
fn two_daemons_between_the_same_servers_make_no_loop() {
    let fleet = Fleet::start(3);
    let (one, two) = (fleet.site(""), fleet.site(""));
    let (first, second) = (one.start(), two.start());
    for number in 0..50 {
        fleet.peers[number % 3].set_device(format!("SIP/{}", number % 20), DeviceState::ALL[2 + number % 7]);
    }
    fleet.settle(&first);
    fleet.settle(&second);
    let before = fleet.setvars();
    fleet.peers[0].set_device("SIP/last", DeviceState::Busy);
    eventually("both have told it", || (fleet.setvars() >= before + 4).then_some(()));
    fleet.settle(&first);
    fleet.settle(&second);
    assert_eq!(fleet.setvars(), before + 4, "two others, told by two daemons");
}
