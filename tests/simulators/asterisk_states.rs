//! The states of a simulated Asterisk: how they are set, told, listed and forgotten.

use crate::ami_client::{Ami, quiet, start};
use eventmanager::simulators::asterisk::{AsteriskOptions, Ending, Outcome};
use eventmanager::states::DeviceState::{Busy, InUse, NotInUse};
use eventmanager::states::{Presence, PresenceState};
use std::io::ErrorKind;
use std::net::TcpStream;

#[test]
fn a_device_that_is_set_is_told_once() {
    let server = start(quiet());
    let mut setter = Ami::log_in(&server, "off");
    let mut listener = Ami::log_in(&server, "call");
    for (value, message) in [
        ("INUSE", "Variable Set"),
        ("INUSE", "Variable Set"),
        ("UNKNOWN", "Variable not set"),
        ("RINGINUSE", "Variable Set"),
    ] {
        setter.set("DEVICE_STATE(Custom:SIP/100)", value, message);
    }
    for state in ["INUSE", "RINGINUSE"] {
        listener.read(&format!(
            "Event: DeviceStateChange|Privilege: call,all|Device: Custom:SIP/100|State: {state}"
        ));
    }
    listener.nothing_comes();
    let counts = server.counts();
    assert_eq!((counts.setvars, counts.changed, counts.refused, counts.events), (4, 2, 1, 2));
    assert_eq!(server.setvars_of("Custom:SIP/100"), 3);
    let outcomes: Vec<_> = server.journal().into_iter().map(|line| line.outcome).collect();
    assert_eq!(outcomes, [Outcome::Changed, Outcome::Same, Outcome::Refused, Outcome::Changed]);
    assert_eq!(server.journal()[2].value, b"UNKNOWN");
}

#[test]
fn presence_is_told_escaped_and_by_hints_as_it_is() {
    let server = start(AsteriskOptions { has_hints: true, ..quiet() });
    let mut setter = Ami::log_in(&server, "off");
    let mut listener = Ami::log_in(&server, "call");
    // A quote, a backslash, CRLF and the begin of another event.
    setter.set("PRESENCE_STATE(CustomPresence:300)", "away,c3Vi,Ilwi,e", "Variable Set");
    let change = "Event: PresenceStateChange|Privilege: call,all|Presentity: CustomPresence:300|Status: away|Subtype: sub|Message: ";
    let hint = "Event: PresenceStatus|Privilege: call,all|Exten: 300|Context: default|Hint: CustomPresence:300|Status: away|Subtype: sub|Message: ";
    listener.read(&format!(r#"{change}\"\\\""#));
    listener.read(&format!(r#"{hint}"\""#));
    let forging = Presence {
        state: PresenceState::Away,
        subtype: b"sub".to_vec(),
        message: b"x\r\n\r\nEvent: Forged".to_vec(),
    };
    assert!(server.set_presence("CustomPresence:300", forging.clone()));
    listener.read(&format!(r"{change}x\r\n\r\nEvent: Forged"));
    listener.read(&format!("{hint}x"));
    listener.read("Event: Forged");
    listener.nothing_comes();
    assert_eq!(server.presences()["CustomPresence:300"], forging);
}

#[test]
fn lists_have_what_asterisk_keeps_with_live_events_between() {
    let server = start(AsteriskOptions { events_within_lists: true, ..quiet() });
    assert_eq!(server.set_devices([("SIP/100", InUse), ("SIP/101", Busy), ("Local/1@x", InUse)]), 3);
    server.set_presence("300", Presence::plain(PresenceState::Dnd));
    let mut ami = Ami::log_in(&server, "off");
    ami.expect(
        "Action: DeviceStateList|ActionID: 5",
        "Response: Success|ActionID: 5|EventList: start|Message: Device State Changes will follow",
    );
    for (device, state) in [("SIP/100", "INUSE"), ("SIP/101", "BUSY")] {
        assert!(ami.next().unwrap().starts_with("Event: Unheard|"));
        ami.read(&format!("Event: DeviceStateChange|ActionID: 5|Device: {device}|State: {state}"));
    }
    ami.read("Event: DeviceStateListComplete|ActionID: 5|EventList: Complete|ListItems: 2");
    ami.expect(
        "Action: PresenceStateList|ActionID: 6",
        "Response: Success|ActionID: 6|EventList: start|Message: Presence State Changes will follow",
    );
    assert!(ami.next().unwrap().starts_with("Event: Unheard|"));
    ami.read("Event: PresenceStateChange|ActionID: 6|Presentity: CustomPresence:300|Status: dnd|Subtype: |Message: ");
    ami.read("Event: PresenceStateListComplete|ActionID: 6|EventList: Complete|ListItems: 1");
    ami.nothing_comes();
}

#[test]
fn without_their_modules_there_are_neither_lists_nor_events() {
    let server = start(AsteriskOptions { has_devices: false, has_presences: false, ..quiet() });
    let mut ami = Ami::log_in(&server, "on");
    for list in ["DeviceStateList", "PresenceStateList"] {
        ami.send(&format!("Action: {list}|ActionID: 5"));
        let answer = ami.next().unwrap();
        assert!(
            answer.starts_with("Response: Error|ActionID: 5|Message: Invalid/unknown command"),
            "{answer}"
        );
    }
    server.set_device("SIP/100", InUse);
    ami.set("PRESENCE_STATE(CustomPresence:300)", "away", "Variable Set");
    ami.nothing_comes();
}

#[test]
fn a_restart_forgets_what_was_set_under_a_name_with_a_slash() {
    let server = start(quiet());
    let mut ami = Ami::log_in(&server, "on");
    ami.expect("Action: Events|EventMask: system", "Response: Success|Events: On");
    for device in ["SIP/100", "lamp"] {
        ami.set(&format!("DEVICE_STATE(Custom:{device})"), "INUSE", "Variable Set");
    }
    server.set_device("SIP/100", InUse);
    server.stop(Ending::Shutdown).unwrap();
    ami.read("Event: Shutdown|Privilege: system,all|Shutdown: Cleanly|Restart: False");
    ami.ended();
    let refused = TcpStream::connect(server.addr()).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    server.set_device("SIP/100", Busy);
    server.start().unwrap();
    let devices: Vec<_> = server.devices().into_iter().collect();
    assert_eq!(devices, [("Custom:lamp".to_owned(), InUse), ("SIP/100".to_owned(), Busy)]);
    let mut ami = Ami::log_in(&server, "off");
    ami.set("DEVICE_STATE(Custom:SIP/100)", "INUSE", "Variable Set");
    assert_eq!(server.counts().changed, 3, "the same value again is a change");
    server.restart(Ending::Quiet).unwrap();
    ami.ended();
    assert_eq!(server.counts().sessions, 0);
    Ami::log_in(&server, "on").nothing_comes();
}

#[test]
fn very_many_devices_are_told_in_order() {
    const DEVICES: usize = 20_000;
    let server = start(quiet());
    let mut ami = Ami::log_in(&server, "call");
    let devices = |state| (0..DEVICES).map(move |number| (format!("SIP/{number}"), state));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(server.set_devices(devices(InUse)), DEVICES);
            assert_eq!(server.set_devices(devices(NotInUse)), DEVICES);
        });
        for state in ["INUSE", "NOT_INUSE"] {
            for number in 0..DEVICES {
                ami.read(&format!(
                    "Event: DeviceStateChange|Privilege: call,all|Device: SIP/{number}|State: {state}"
                ));
            }
        }
    });
    ami.nothing_comes();
    assert_eq!(server.counts().cut, 0);
}
