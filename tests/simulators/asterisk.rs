//! The simulated Asterisk as sessions of AMI see it.

use crate::ami_client::{Ami, quiet, start};
use eventmanager::simulators::asterisk::{AsteriskOptions, Classes, FullyBooted};
use eventmanager::states::DeviceState;
use md5::{Digest, Md5};
use std::time::{Duration, Instant};

const BOOTED: &str = "Event: FullyBooted|Privilege: system,all|Uptime: 0|LastReload: 0|Status: Fully Booted";

#[test]
fn a_login_is_plain_or_with_a_hash() {
    let server = start(AsteriskOptions::default());
    let mut plain = Ami::log_in(&server, "on");
    plain.read(BOOTED);
    let mut hashed = Ami::connect(&server);
    hashed.expect(
        "Action: Challenge|ActionID: 1",
        "Response: Error|ActionID: 1|Message: Must specify AuthType",
    );
    hashed.send("action: challenge|AuthType: MD5|ActionID: 2");
    let answer = hashed.next().unwrap();
    let challenge = answer.strip_prefix("Response: Success|ActionID: 2|Challenge: ").expect(&answer);
    let hash = Md5::new().chain_update(challenge).chain_update("amisecret").finalize();
    let key: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let login = "Action: Login|AuthType: MD5|Username: eventmanager|Events: call|ActionID: 3|Key: ";
    hashed.expect(&format!("{login}{key}"), "Response: Success|ActionID: 3|Message: Authentication accepted");
    hashed.nothing_comes();
    assert_eq!((server.counts().logins, server.logged_in()), (2, 2));
}

#[test]
fn a_login_that_is_wrong_is_told_so_late_without_its_id_and_ended() {
    let delay = Duration::from_millis(150);
    let server = start(AsteriskOptions { login_delay: delay, ..quiet() });
    for login in [
        "Username: eventmanager|Secret: wrong",
        "Username: nobody|Secret: amisecret",
        "AuthType: MD5|Username: eventmanager|Key: d41d8cd98f00b204e9800998ecf8427e",
    ] {
        let mut ami = Ami::connect(&server);
        let since = Instant::now();
        ami.expect(
            &format!("Action: Login|ActionID: 1|{login}"),
            "Response: Error|Message: Authentication failed",
        );
        assert!(since.elapsed() >= delay, "{:?}", since.elapsed());
        ami.ended();
    }
    assert_eq!((server.counts().logins, server.counts().refused_logins), (0, 3));
}

#[test]
fn nothing_is_done_before_a_login() {
    let server = start(quiet());
    let mut ami = Ami::connect(&server);
    for action in ["Setvar", "Ping", "DeviceStateList", "Nonsense"] {
        ami.expect(
            &format!("Action: {action}|ActionID: 1"),
            "Response: Error|ActionID: 1|Message: Permission denied",
        );
    }
    server.set_device("SIP/100", DeviceState::InUse);
    ami.expect("Action: Logoff", "Response: Goodbye|Message: Thanks for all the fish.");
    ami.ended();
    assert_eq!(server.counts().setvars, 0);
}

#[test]
fn a_user_who_may_log_in_once_is_refused_twice() {
    let server = start(AsteriskOptions { multiple_logins: false, ..quiet() });
    let first = Ami::log_in(&server, "on");
    let login = "Action: Login|Username: eventmanager|Secret: amisecret";
    let mut second = Ami::connect(&server);
    second.expect(login, "Response: Error|Message: Login Already In Use");
    second.ended();
    drop(first);
    crate::support::daemon::eventually("the first is gone", || (server.logged_in() == 0).then_some(()));
    Ami::log_in(&server, "on").nothing_comes();
}

#[test]
fn fully_booted_comes_with_the_login_later_or_never() {
    let server = start(AsteriskOptions { read: Classes::CALL, ..AsteriskOptions::default() });
    Ami::log_in(&server, "on").nothing_comes();
    let later = FullyBooted::After(Duration::from_millis(200));
    let server = start(AsteriskOptions { fully_booted: later, ..AsteriskOptions::default() });
    Ami::log_in(&server, "on").read(BOOTED);
    Ami::log_in(&server, "on").read(BOOTED);
    let server = start(quiet());
    let mut ami = Ami::log_in(&server, "on");
    ami.nothing_comes();
    server.fully_boot();
    ami.read(BOOTED);
}

#[test]
fn actions_are_answered_with_their_ids() {
    let server = start(quiet());
    let mut ami = Ami::log_in(&server, "off");
    ami.nothing_comes();
    ami.expect("Action: Setvar|ActionID: 1", "Response: Error|ActionID: 1|Message: No variable specified");
    ami.expect("ActionID: 2", "Response: Error|ActionID: 2|Message: Missing action in request");
    ami.expect(
        "Action: Nonsense|ActionID: 3",
        "Response: Error|ActionID: 3|Message: Invalid/unknown command: Nonsense. \
         Use Action: ListCommands to show available commands.",
    );
    ami.set("DEVICE_STATE(Custom:SIP/100)", "INUSE", "Variable Set");
    ami.expect(
        "Action: Getvar|Variable: DEVICE_STATE(Custom:SIP/100)",
        "Response: Success|Variable: DEVICE_STATE(Custom:SIP/100)|Value: INUSE",
    );
    ami.expect(
        "Action: Command|ActionID: 4|Command: core show sysinfo",
        "Response: Success|ActionID: 4|Message: Command output follows|Output: |Output: System Statistics|\
         Output:   Total RAM: 1 KiB",
    );
    ami.send("Action: Setvar|ActionID: a|Variable: X|Value: 1\r\n\r\nAction: Logoff|ActionID: b");
    ami.read("Response: Success|ActionID: a|Message: Variable Set");
    ami.read("Response: Goodbye|ActionID: b|Message: Thanks for all the fish.");
    ami.ended();
}

#[test]
fn a_user_does_what_its_classes_allow() {
    let server = start(AsteriskOptions { read: Classes::CALL, write: Classes::CALL, ..quiet() });
    let mut ami = Ami::log_in(&server, "on");
    ami.expect("Action: UserEvent|UserEvent: X", "Response: Error|Message: Permission denied");
    ami.expect("Action: Command|Command: core show version", "Response: Error|Message: Permission denied");
    ami.expect(
        "Action: Filter|Operation: Add|Filter: Event: DeviceStateChange",
        "Response: Success|Message: Success",
    );
    ami.nothing_comes();
    let server = start(AsteriskOptions { write: Classes::NONE, ..quiet() });
    Ami::log_in(&server, "on").set("X", "1", "Permission denied");
    assert_eq!(server.counts().setvars, 0);
}

#[test]
fn sessions_are_told_what_they_want() {
    let server = start(quiet());
    let event =
        |state: &str| format!("Event: DeviceStateChange|Privilege: call,all|Device: SIP/100|State: {state}");
    let mut all = Ami::log_in(&server, "on");
    let mut calls = Ami::log_in(&server, "call");
    let mut none = Ami::log_in(&server, "off");
    assert!(server.set_device("SIP/100", DeviceState::Ringing));
    assert!(!server.set_device("SIP/100", DeviceState::Ringing));
    server.flood(1);
    all.read(&event("RINGING"));
    let unheard = all.next().unwrap();
    assert!(unheard.starts_with("Event: Unheard|Privilege: dialplan,all|"), "{unheard}");
    calls.read(&event("RINGING"));
    for ami in [&mut all, &mut calls, &mut none] {
        ami.nothing_comes();
    }
    none.expect("Action: Events|EventMask: call", "Response: Success|Events: On");
    all.expect("Action: Events|EventMask: off", "Response: Success|Events: Off");
    server.set_device("SIP/100", DeviceState::Busy);
    none.read(&event("BUSY"));
    all.nothing_comes();
}

#[test]
fn filters_choose_among_events() {
    let server = start(quiet());
    let mut wants = Ami::log_in(&server, "on");
    let mut refuses = Ami::log_in(&server, "on");
    let add = |ami: &mut Ami, filter: &str, answer: &str| {
        ami.expect(&format!("Action: Filter|ActionID: 1|Operation: Add|Filter: {filter}"), answer);
    };
    let done = "Response: Success|ActionID: 1|Message: Success";
    add(&mut wants, "Event: DeviceStateChange", done);
    add(&mut wants, "!Device: Custom:", done);
    add(
        &mut refuses,
        "!^Event: DeviceStateChange.*SIP/10.\\",
        "Response: Error|ActionID: 1|Message: Filter did not compile. Check the syntax of the filter given.",
    );
    add(&mut refuses, "!^Event: DeviceStateChange.*SIP/10.", done);
    wants.expect("Action: Filter|Operation: Remove", "Response: Error|Message: Unknown operation");
    for device in ["SIP/100", "Custom:lamp", "SIP/200"] {
        server.set_device(device, DeviceState::InUse);
    }
    server.flood(1);
    let event =
        |device: &str| format!("Event: DeviceStateChange|Privilege: call,all|Device: {device}|State: INUSE");
    wants.read(&event("SIP/100"));
    wants.read(&event("SIP/200"));
    wants.nothing_comes();
    refuses.read(&event("Custom:lamp"));
    refuses.read(&event("SIP/200"));
    assert!(refuses.next().unwrap().starts_with("Event: Unheard|"));
    refuses.nothing_comes();
}

#[test]
fn a_user_event_has_the_id_of_its_action() {
    let server = start(AsteriskOptions { system_name: Some("pbx-a".to_owned()), ..quiet() });
    let mut ami = Ami::log_in(&server, "on");
    ami.send("Action: UserEvent|ActionID: 7|UserEvent: Hello|Foo: bar");
    ami.read("Event: UserEvent|Privilege: user,all|SystemName: pbx-a|UserEvent: Hello|ActionID: 7|Foo: bar");
    ami.read("Response: Success|ActionID: 7|Message: Event Sent");
}

#[test]
fn a_line_that_is_too_long_goes_on_as_a_header() {
    let server = start(quiet());
    let mut ami = Ami::log_in(&server, "off");
    let filled = |length: usize| format!("Filler: {}", "x".repeat(length - "Filler: ".len()));
    let action = "Action: Setvar|Variable: DEVICE_STATE(Custom:a)|";
    ami.expect(&format!("{action}{}|Value: INUSE", filled(1022)), "Response: Success|Message: Variable Set");
    ami.expect(
        &format!("{action}{}Value: BUSY|Value: INUSE", filled(1022)),
        "Response: Success|Message: Variable Set",
    );
    assert_eq!(server.device("Custom:a"), Some(DeviceState::Busy), "what was behind the cut");
    let many = "X: y|".repeat(126);
    ami.expect(&format!("{action}{many}Value: RINGING"), "Response: Error|Message: Variable not set");
    ami.expect(&format!("{action}{}Value: RINGING", &many[5..]), "Response: Success|Message: Variable Set");
}
