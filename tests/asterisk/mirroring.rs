//! What the manager of states is told, and has written.

use crate::manager::{Mirrored, Said, config, write};
use crate::peer::Peer;
use crate::support::daemon::eventually;
use eventmanager::config::AsteriskTransport;
use eventmanager::managers::device_state::messages::{Inventory, Outcome};
use eventmanager::simulators::asterisk::{
    AsteriskHandle, AsteriskOptions, AsteriskSimulator, Ending, FullyBooted, Lie, Misbehaviour,
};
use eventmanager::states::{Change, DeviceState, Presence, PresenceState};

fn asterisk(options: AsteriskOptions) -> AsteriskHandle {
    AsteriskSimulator::start(options).expect("an asterisk")
}

fn presence() -> Presence {
    Presence { state: PresenceState::Away, subtype: b"sub".to_vec(), message: b"a\r\nb \"c\" \\".to_vec() }
}

fn sorted(changes: Result<Inventory, String>) -> Vec<String> {
    let mut shown: Vec<String> =
        changes.expect("a list").items.iter().map(|it| format!("{} {:?}", it.key, it.value)).collect();
    shown.sort();
    shown
}

#[test]
fn what_a_server_holds_is_listed_and_then_what_changes_is_told() {
    for events_within_lists in [false, true] {
        let asterisk = asterisk(AsteriskOptions { events_within_lists, ..Default::default() });
        asterisk.set_devices([("SIP/1", DeviceState::InUse), ("Custom:lamp", DeviceState::Ringing)]);
        asterisk.set_presence("CustomPresence:300", presence());
        let mirrored = Mirrored::start(asterisk.addr());
        let (_, devices, presences) = mirrored.listing(0);
        assert_eq!(sorted(devices), ["Custom:lamp Device(Ringing)", "SIP/1 Device(InUse)"]);
        assert_eq!(presences, Ok(vec![Change::presence("CustomPresence:300", presence())].into()));
        asterisk.set_device("SIP/2", DeviceState::Busy);
        asterisk.set_device("SIP/1", DeviceState::NotInUse);
        // Our own writes come back so, and are not wanted.
        asterisk.set_device("Custom:lamp", DeviceState::Busy);
        asterisk.set_presence("CustomPresence:301", presence());
        let last = Change::presence("CustomPresence:301", presence());
        eventually("all is heard", || mirrored.heard().contains(&last).then_some(()));
        let expected = [
            Change::device("SIP/2", DeviceState::Busy),
            Change::device("SIP/1", DeviceState::NotInUse),
            last,
        ];
        assert_eq!(mirrored.heard(), expected, "{events_within_lists}");
        assert_eq!(mirrored.listings(), 1, "what is fully booted at the login needs no second list");
    }
}

#[test]
fn names_are_bytes() {
    let asterisk = asterisk(AsteriskOptions::default());
    asterisk.set_device(b"SIP/\xff\xfe", DeviceState::InUse);
    let mirrored = Mirrored::start(asterisk.addr());
    let expected = Change::device(b"SIP/\xff\xfe", DeviceState::InUse);
    assert_eq!(mirrored.listing(0).1, Ok(vec![expected].into()));
}

#[test]
fn a_server_that_boots_later_is_listed_again() {
    let asterisk = asterisk(AsteriskOptions { fully_booted: FullyBooted::Never, ..Default::default() });
    let mirrored = Mirrored::start(asterisk.addr());
    let (first, ..) = mirrored.listing(0);
    asterisk.set_device("SIP/1", DeviceState::InUse);
    asterisk.fully_boot();
    let (second, devices, _) = mirrored.listing(1);
    assert_eq!((second == first, sorted(devices)), (true, vec!["SIP/1 Device(InUse)".to_owned()]));
    mirrored.list();
    assert!(mirrored.listing(2).0 == first);
}

#[test]
fn a_server_without_lists_is_written_to_all_the_same() {
    let asterisk =
        asterisk(AsteriskOptions { has_presences: false, has_devices: false, ..Default::default() });
    let mirrored = Mirrored::start(asterisk.addr());
    let (session, devices, presences) = mirrored.listing(0);
    for list in [devices, presences] {
        let reason = list.expect_err("no list");
        assert!(reason.contains("Invalid/unknown command"), "{reason}");
    }
    mirrored.tell(session, vec![write(7, "SIP/1", DeviceState::InUse)]);
    eventually("it is told", || (mirrored.outcomes() == [(7, Outcome::Set)]).then_some(()));
    assert_eq!(asterisk.device("Custom:SIP/1"), Some(DeviceState::InUse));
}

#[test]
fn a_list_whose_count_is_wrong_is_asked_for_twice() {
    let asterisk = asterisk(AsteriskOptions::default());
    asterisk.set_device("SIP/1", DeviceState::InUse);
    asterisk.misbehave(Misbehaviour::Lying(Lie::WrongCount));
    let mirrored = Mirrored::start(asterisk.addr());
    // What it says counts, and nothing is taken back for what it does not say.
    let Inventory { items, flaw } = mirrored.listing(0).1.expect("a list");
    assert_eq!(items, [Change::device("SIP/1", DeviceState::InUse)]);
    assert_eq!(flaw.as_deref(), Some("its list has another count than it says"));
    // Login (two), five filters and one that leaves out, and two lists, twice.
    assert_eq!(asterisk.counts().actions, 2 + 7 + 4);
}

#[test]
fn thousands_of_writes_are_answered_in_their_order() {
    let asterisk = asterisk(AsteriskOptions::default());
    let mirrored = Mirrored::start(asterisk.addr());
    let (session, ..) = mirrored.listing(0);
    for batch in 0..20 {
        let entries = batch * 256..(batch + 1) * 256;
        let state = |entry: u32| DeviceState::ALL[(entry % 9) as usize];
        mirrored.tell(session, entries.map(|n| write(n, &format!("SIP/{n}"), state(n))).collect());
    }
    let outcomes = eventually("all are told", || Some(mirrored.outcomes()).filter(|it| it.len() == 20 * 256));
    for (expected, (entry, outcome)) in (0..).zip(outcomes) {
        assert_eq!(entry, expected);
        let is_unknown = DeviceState::ALL[(entry % 9) as usize] == DeviceState::Unknown;
        assert_eq!(outcome == Outcome::Set, !is_unknown, "{entry}: {outcome:?}");
    }
    assert_eq!(asterisk.device("Custom:SIP/2"), Some(DeviceState::Unavailable));
    let messages = mirrored.said(|said| said.iter().filter(|it| matches!(it, Said::Told(_))).count());
    assert!(messages < 2_000, "{messages} messages for what came in few reads");
}

#[test]
fn what_would_inject_headers_is_refused_and_never_sent() {
    let asterisk = asterisk(AsteriskOptions::default());
    let mirrored = Mirrored::start(asterisk.addr());
    let (session, ..) = mirrored.listing(0);
    let evil = write(1, "x\r\nAction: Command\r\nCommand: core stop now", DeviceState::InUse);
    mirrored.tell(session, vec![evil, write(2, "SIP/1", DeviceState::InUse)]);
    let outcomes = eventually("both are told", || Some(mirrored.outcomes()).filter(|it| it.len() == 2));
    assert!(
        matches!(&outcomes[0], (1, Outcome::Refused(reason)) if reason.contains("Variable")),
        "{outcomes:?}"
    );
    assert_eq!(outcomes[1], (2, Outcome::Set));
    assert_eq!(asterisk.counts().setvars, 1);
}

#[test]
fn a_session_that_has_ended_is_told_and_what_was_meant_for_it_is_not_written() {
    let asterisk = asterisk(AsteriskOptions::default());
    let mirrored = Mirrored::start(asterisk.addr());
    let (first, ..) = mirrored.listing(0);
    asterisk.restart(Ending::Shutdown).expect("restarted");
    let (second, ..) = mirrored.listing(1);
    assert!(first != second);
    let order: Vec<_> = mirrored
        .said(|said| said.iter().map(|it| (matches!(it, Said::Lost(_)), it.session() == first)).collect());
    assert_eq!(order, [(false, true), (true, true), (false, false)]);
    mirrored.tell(first, vec![write(1, "SIP/1", DeviceState::InUse)]);
    mirrored.tell(second, vec![write(2, "SIP/2", DeviceState::InUse)]);
    eventually("it is told", || (mirrored.outcomes() == [(2, Outcome::Set)]).then_some(()));
    assert_eq!(asterisk.device("Custom:SIP/1"), None);
}

#[test]
fn while_the_manager_is_busy_the_latest_of_each_key_waits_and_the_server_is_read_on() {
    let asterisk = asterisk(AsteriskOptions::default());
    let mirrored = Mirrored::start(asterisk.addr());
    let _ = mirrored.listing(0);
    mirrored.set_busy(true);
    asterisk.set_device("SIP/first", DeviceState::InUse);
    eventually("it is busy with it", || (mirrored.heard().len() == 1).then_some(()));
    // Far more than sockets hold: who does not read is cut off.
    for turn in 0..400 {
        let state = [DeviceState::InUse, DeviceState::NotInUse][turn % 2];
        asterisk.set_devices((0..250).map(|n| (format!("SIP/{n}"), state)));
    }
    asterisk.set_device("SIP/last", DeviceState::Busy);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Nothing more is said meanwhile.
            assert_eq!(mirrored.heard().len(), 1);
            mirrored.set_busy(false);
        });
    });
    let last = Change::device("SIP/last", DeviceState::Busy);
    eventually("the last is heard", || mirrored.heard().contains(&last).then_some(()));
    let heard = mirrored.heard();
    assert!(heard.len() < 100_000, "{}", heard.len());
    for n in 0..250 {
        let name = format!("SIP/{n}");
        let latest = heard.iter().rfind(|it| it.key.to_string() == name).expect("heard");
        assert_eq!(*latest, Change::device(&name, DeviceState::NotInUse));
    }
    assert_eq!((asterisk.counts().cut, asterisk.counts().logins), (0, 1));
}

#[test]
fn a_peer_that_answers_other_ids_completes_nothing_and_is_left() {
    let asterisk = asterisk(AsteriskOptions::default());
    let mut config = config(asterisk.addr());
    config.request_timeout = std::time::Duration::from_millis(500);
    let mirrored = Mirrored::of(config);
    let (session, ..) = mirrored.listing(0);
    for lie in [Lie::UnknownIds, Lie::NoIds] {
        let logins = asterisk.counts().logins;
        asterisk.misbehave(Misbehaviour::Lying(lie));
        let (session, before) =
            mirrored.said(|said| (said.last().map_or(session, Said::session), said.len()));
        mirrored.tell(session, vec![write(1, "SIP/1", DeviceState::InUse)]);
        mirrored.wait("it is left", |said| {
            said[before..].iter().find(|it| matches!(it, Said::Lost(_))).map(drop)
        });
        assert_eq!(mirrored.outcomes(), [], "{lie:?}");
        asterisk.misbehave(Misbehaviour::None);
        eventually("it is connected anew", || (asterisk.counts().logins > logins).then_some(()));
        mirrored.wait("a new session is listed", |said| {
            matches!(said.last(), Some(Said::Listed(_))).then_some(())
        });
    }
}

#[test]
fn answers_that_come_twice_or_with_more_in_them_count_once() {
    for lie in [Lie::Twice, Lie::MoreHeaders] {
        let asterisk = asterisk(AsteriskOptions::default());
        asterisk.set_device("SIP/1", DeviceState::InUse);
        asterisk.misbehave(Misbehaviour::Lying(lie));
        let mirrored = Mirrored::start(asterisk.addr());
        let (session, devices, _) = mirrored.listing(0);
        assert_eq!(sorted(devices), ["SIP/1 Device(InUse)"], "{lie:?}");
        mirrored.tell(session, (0..100).map(|n| write(n, &format!("SIP/{n}"), DeviceState::InUse)).collect());
        let outcomes = eventually("all are told", || Some(mirrored.outcomes()).filter(|it| it.len() >= 100));
        let expected: Vec<_> = (0..100).map(|n| (n, Outcome::Set)).collect();
        assert_eq!(outcomes, expected, "{lie:?}");
        assert_eq!(mirrored.heard(), [], "what stands in a response is no event");
    }
}

#[test]
fn answers_in_another_order_and_odd_events_are_understood() {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let mut client = peer.log_in();
            let devices = client.next_of("DeviceStateList");
            let presences = client.next_of("PresenceStateList");
            client.answer(&presences, "Error", "Message: Invalid/unknown command\r\n");
            client.answer(&devices, "Success", "EventList: start\r\n");
            let id = devices.get("ActionID").to_owned();
            let event = |text: &str| format!("{text}\r\n\r\n").into_bytes();
            client.send(&event("Event: DeviceStateChange\r\nDevice: SIP/9\r\nState: Inuse"));
            client.send(&event(&format!("Event: UserEvent\r\nActionID: {id}\r\nX: y")));
            client.send(&event(&format!(
                "Event: DeviceStateChange\r\nActionID: {id}\r\nDevice:SIP/1\r\nState:busy"
            )));
            client.send(&event(&format!(
                "Event: DeviceStateListComplete\r\nEventList: Complete\r\nListItems: 1\r\nActionID: {id}"
            )));
            client.send(&event("Event: DeviceStateChange\r\nDevice: SIP/8\r\nState: NEWSTATE"));
            client.send(&event("Event: DeviceStateChange\r\nState: INUSE"));
            client.send(&event("Event: OriginateResponse\r\nResponse: Success\r\nActionID: a2"));
            client.send(b"Event: DeviceStateChange\nDevice: SIP/7\nState: RINGING\n\n");
            let first = client.next_of("Setvar");
            let second = client.next_of("Setvar");
            client.answer(&second, "Error", "Message: Variable not set\r\n");
            client.answer(&first, "Success", "");
            client
        });
        let mut config = config(peer.address());
        if let AsteriskTransport::Ami(ami) = &mut config.transport {
            ami.login = eventmanager::config::AmiLogin::Plain;
        }
        let mirrored = Mirrored::of(config);
        let (session, devices, presences) = mirrored.listing(0);
        assert_eq!(devices, Ok(vec![Change::device("SIP/1", DeviceState::Busy)].into()));
        assert_eq!(presences, Err("Invalid/unknown command".to_owned()));
        let heard = || mirrored.heard().iter().map(|it| it.key.to_string()).collect::<Vec<_>>();
        eventually("the last is heard", || (heard().last()? == "SIP/7").then_some(()));
        assert_eq!(heard(), ["SIP/9", "SIP/7"]);
        mirrored.tell(session, vec![write(1, "a", DeviceState::InUse), write(2, "b", DeviceState::InUse)]);
        eventually("both are told", || (mirrored.outcomes().len() == 2).then_some(()));
        let refused = Outcome::Refused("Variable not set".to_owned());
        assert_eq!(mirrored.outcomes(), [(2, refused), (1, Outcome::Set)]);
        drop(server.join().expect("a peer"));
    });
}
