//! What can be wrong with a command: its identifier, what it cannot do without, its shape, whom it names.

use super::commands::{After, COMMANDS, Unknown};
use super::support::documents::report;
use super::world::{World, both};
use bytes::Bytes;
use eventmanager::simulators::broadworks::encode;

/// An identifier's element, * being its name, and what its command then says.
const NO_IDENTIFIER: &[(&str, &str)] = &[
    ("", "is missing"),
    ("<*/>", "is missing"),
    ("<*></*>", "is missing"),
    ("<* xsi:nil=\"true\"/>", "is missing"),
    ("<* xsi:nil=\"1\">§</*>", "is missing"),
    ("<*> \t </*>", "is blank"),
    ("<*>&#13;&#10;</*>", "is blank"),
    ("<*>&#160;&#8195;</*>", "is blank"),
    ("<*><x>§</x></*>", "is missing"),
    ("<x><*>§</*></x>", "is missing"),
    ("<*/><*>§</*>", "is missing"),
];

#[test]
fn a_command_without_its_identifier_fails_with_the_name_of_the_element() {
    let mut world = World::new();
    let cases: Vec<_> =
        COMMANDS.iter().flat_map(|command| NO_IDENTIFIER.iter().map(move |case| (command, case))).collect();
    let documents: Vec<String> = cases
        .iter()
        .map(|(command, (element, _))| command.document_with(&element.replace('*', command.name())))
        .collect();
    let before = world.requests();
    for ((command, (element, reason)), ended) in cases.iter().zip(world.send(&documents)) {
        ended.check(&format!("{} {element}", command.kind), &format!("{} {reason}", command.path));
    }
    assert_eq!(world.requests(), before, "something was sent");
    world.check_alive();
}

/// Characters that XML does not allow, as references and as they are.
const FORBIDDEN: &[&str] = &[
    "a&#0;b",
    "a&#x0;b",
    "a&#1;b",
    "a&#31;b",
    "a&#xFFFE;b",
    "a&#xFFFF;b",
    "a&#xD800;b",
    "a&#x110000;b",
    "a\0b",
    "a\u{1}b",
    "a\u{1f}b",
    "a&nbsp;b",
    "a & b",
];

#[test]
fn a_character_that_xml_does_not_allow_fails_its_event_and_nothing_is_sent() {
    for mut world in both() {
        let cases: Vec<_> =
            COMMANDS.iter().flat_map(|command| FORBIDDEN.iter().map(move |text| (command, text))).collect();
        let mut documents: Vec<Bytes> =
            cases.iter().map(|(command, text)| encode(&command.document(text))).collect();
        // Latin-1 has no such character: in UTF-8, under the usual declaration.
        documents.extend(COMMANDS.iter().map(|command| command.document("a\u{fffe}b").into()));
        let before = world.requests();
        for (number, ended) in world.send_bytes(&documents).into_iter().enumerate() {
            ended.check(&format!("{:?}", cases.get(number)), "cannot be read");
        }
        assert_eq!(world.requests(), before, "something was sent");
        world.check_alive();
    }
}

/// What a command cannot do without besides its identifier, and what may be wrong with its shape: the reason, or empty.
#[rustfmt::skip]
const SHAPES: &[(&str, &str, &str)] = &[
    ("UserAuthenticationModifyRequest", "<userId>a</userId>", "newPassword is missing"),
    ("UserAuthenticationModifyRequest", "<userId>a</userId><newPassword/>", "newPassword is missing"),
    ("UserAuthenticationModifyRequest", "<userId>a</userId><newPassword xsi:nil=\"true\"/>", "newPassword is missing"),
    ("GroupTrunkGroupAddInstanceRequest", "<pilotUser><userId>a</userId><linePort>b</linePort></pilotUser>", "sipAuthenticationPassword is missing"),
    ("GroupTrunkGroupAddInstanceRequest", "<pilotUser><userId>a</userId><linePort>b</linePort></pilotUser><sipAuthenticationPassword xsi:nil=\"true\"/>", "sipAuthenticationPassword is missing"),
    ("GroupTrunkGroupAddInstanceRequest", "<pilotUser><userId>a</userId></pilotUser><sipAuthenticationPassword>p</sipAuthenticationPassword>", "pilotUser/linePort is missing"),
    ("GroupTrunkGroupAddInstanceRequest", "<pilotUser><userId>a</userId><linePort> </linePort></pilotUser><sipAuthenticationPassword>p</sipAuthenticationPassword>", "pilotUser/linePort is blank"),
    ("GroupTrunkGroupAddInstanceRequest", "<pilotUser><userId>a</userId><linePort>sip:</linePort></pilotUser><sipAuthenticationPassword>p</sipAuthenticationPassword>", "pilotUser/linePort is blank"),
    ("GroupTrunkGroupAddInstanceRequest", "<pilotUser xsi:nil=\"true\"/><sipAuthenticationPassword>p</sipAuthenticationPassword>", "pilotUser/userId is missing"),
    ("GroupTrunkGroupAddInstanceRequest", "<userId>a</userId><linePort>b</linePort><sipAuthenticationPassword>p</sipAuthenticationPassword>", "pilotUser/userId is missing"),
    ("UserAddRequest", "<groupId> </groupId><userId>a</userId>", "groupId is blank"),
    ("UserAddRequest", "<groupId xsi:nil=\"true\"/><userId>no-group</userId>", ""),
    ("UserAddRequest", "<userId>first</userId><userId>second</userId>", ""),
    ("UserModifyRequest", "<userId>first</userId><phoneNumber>1</phoneNumber><phoneNumber>2x</phoneNumber>", ""),
    ("UserModifyRequest", "<userId>first</userId><endpoint><accessDeviceEndpoint><linePort> </linePort></accessDeviceEndpoint></endpoint>", "endpoint/accessDeviceEndpoint/linePort is blank"),
    ("UserModifyRequest", "<userId>first</userId><endpoint><trunkAddressing><trunkGroupDeviceEndpoint><linePort/></trunkGroupDeviceEndpoint></trunkAddressing></endpoint>", "linePort is blank"),
    ("UserModifyRequest", "<userId>second</userId><phoneNumber>1</phoneNumber>", "subscriber \"second\" is not known"),
    ("GroupHuntGroupAddInstanceRequest", "<serviceUserId>s</serviceUserId><serviceInstanceProfile><publicUserIdentity/></serviceInstanceProfile>", "publicUserIdentity is blank"),
    ("GroupHuntGroupAddInstanceRequest", "<serviceInstanceProfile><serviceUserId>s</serviceUserId></serviceInstanceProfile>", "serviceUserId is missing"),
    ("UserBusyLampFieldModifyRequest", "<userId>first</userId><listURI> </listURI>", "listURI is blank"),
    ("GroupVoiceMessagingGroupModifyVoicePortalRequest", "<serviceInstanceProfile><publicUserIdentity>sip: </publicUserIdentity></serviceInstanceProfile>", "publicUserIdentity is blank"),
    ("GroupVoiceMessagingGroupModifyVoicePortalRequest", "<publicUserIdentity>p</publicUserIdentity>", "publicUserIdentity is missing"),
];

#[test]
fn what_a_command_lacks_is_told_and_of_elements_that_come_twice_the_first_counts() {
    let mut world = World::new();
    let documents: Vec<String> = SHAPES.iter().map(|(kind, body, _)| report(1, kind, body)).collect();
    for ((kind, body, reason), ended) in SHAPES.iter().zip(world.send(&documents)) {
        ended.check(&format!("{kind} {body}"), reason);
    }
    let rows =
        world.rows("select id, coalesce(group_id, '-'), coalesce(e164, '-') from srd_user order by id");
    let rows: Vec<String> =
        rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(rows, ["first - 1", "no-group - -"]);
    assert_eq!(world.peers.ema.holds(), (2, 1));
    world.check_alive();
}

#[test]
fn the_same_command_a_second_time_fails_where_it_adds_and_else_finds_nothing_to_do() {
    let mut world = World::new();
    for (number, command) in COMMANDS.iter().enumerate() {
        let user = format!("user{number}@tele.gl");
        let before: Vec<String> = command.before(&user).into_iter().collect();
        let document = command.document(&user);
        let ended = world.send(&[before, vec![document.clone(), document]].concat());
        let reason = if command.unknown == Unknown::Adds { "exists already" } else { "" };
        let (second, first) = ended.split_last().expect("events");
        first.iter().for_each(|ended| ended.check(&format!("{} first", command.kind), ""));
        second.check(&format!("{} second", command.kind), reason);
    }
    world.check_alive();
}

/// Per command, as section "Plans" of the protocol has it.
#[test]
fn a_command_for_somebody_unknown_fails_or_asks_the_core_as_its_plan_says() {
    let mut world = World::new();
    for (number, command) in COMMANDS.iter().enumerate() {
        let before = world.requests();
        let ended = world.send(&[command.document(&format!("nobody{number}@tele.gl"))]).remove(0);
        let after = world.requests();
        let sent = (after.0 - before.0, after.1 - before.1);
        let (reason, expected) = match command.unknown {
            Unknown::Adds | Unknown::AddsOnce => ("", (1, 0)),
            Unknown::Fails => ("is not known", (0, 0)),
            Unknown::Deletes => ("", (1, 0)),
            Unknown::Asks => ("step 1 of 1, set password of nobody", (1, 0)),
            Unknown::Nothing => ("", (0, 0)),
            Unknown::Mail => ("", (0, 1)),
        };
        ended.check(command.kind, reason);
        assert_eq!(sent, expected, "{}", command.kind);
    }
    let deleted = world.peers.ema.calls().iter().filter(|call| call.step == "Delete Association").count();
    assert_eq!(deleted, 5);
    world.check_alive();
}

#[test]
fn an_identifier_that_fits_no_column_fails_its_event_before_anything_is_sent() {
    for mut world in both() {
        for length in [256, 10_000] {
            for command in COMMANDS {
                let before = world.requests();
                let ended = world.send(&[command.document(&"x".repeat(length))]).remove(0);
                let after = world.requests();
                let sent = (after.0 - before.0, after.1 - before.1);
                let (reason, expected) = match command.unknown {
                    Unknown::Adds | Unknown::AddsOnce => ("characters do not fit column id", (0, 0)),
                    Unknown::Fails => ("is not known", (0, 0)),
                    Unknown::Deletes => ("", (1, 0)),
                    Unknown::Asks => ("step 1 of 1, set password of x", (1, 0)),
                    Unknown::Nothing => ("", (0, 0)),
                    Unknown::Mail if length < 8192 => ("", (0, 1)),
                    Unknown::Mail => ("bytes, allowed are 8192", (0, 0)),
                };
                ended.check(command.kind, reason);
                assert_eq!(sent, expected, "{} of {length}", command.kind);
            }
        }
        // As long as its column is, nothing is wrong with it; letters count, not bytes.
        for (number, letter) in ["x", "æ", "😀"].iter().enumerate() {
            for command in COMMANDS.iter().filter(|command| command.after == After::Nothing) {
                let identifier = format!("{number}{}{}", letter.repeat(230), command.kind.len());
                let ended = world.send(&[command.document(&identifier)]).remove(0);
                let exists = ended.reason.contains("exists already");
                assert!(ended.status == "completed" || exists, "{} {letter}: {ended:?}", command.kind);
            }
        }
        world.check_alive();
    }
}

/// A value of each column of a subscriber that is one character too long.
#[test]
fn every_value_that_is_too_long_for_its_column_fails_its_event_before_anything_is_sent() {
    let long = "x".repeat(256);
    let digits = "1".repeat(33);
    let mail = "UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest";
    let cases = [
        ("UserAddRequest", format!("<groupId>{long}</groupId><userId>a</userId>"), "group_id"),
        (
            "UserModifyRequest",
            format!(
                "<userId>anna</userId><endpoint><accessDeviceEndpoint><linePort>{long}</linePort></accessDeviceEndpoint></endpoint>"
            ),
            "sipurl",
        ),
        ("UserModifyRequest", format!("<userId>anna</userId><phoneNumber>{digits}</phoneNumber>"), "e164"),
        (
            mail,
            format!(
                "<userId>anna</userId><groupMailServerUserId>{long}@m.gl</groupMailServerUserId><groupMailServerPassword>p</groupMailServerPassword>"
            ),
            "vmail_user",
        ),
        (
            mail,
            format!(
                "<userId>anna</userId><groupMailServerUserId>a@m.gl</groupMailServerUserId><groupMailServerPassword>{long}</groupMailServerPassword>"
            ),
            "vmail_password",
        ),
        (
            "UserBusyLampFieldModifyRequest",
            format!("<userId>anna</userId><listURI>{long}</listURI>"),
            "blf_user",
        ),
    ];
    for mut world in both() {
        world.send(&[report(1, "UserAddRequest", "<userId>anna</userId>")])[0].check("anna", "");
        let before = world.requests();
        let documents: Vec<String> = cases.iter().map(|(kind, body, _)| report(1, kind, body)).collect();
        for ((kind, _, column), ended) in cases.iter().zip(world.send(&documents)) {
            ended.check(kind, &format!("characters do not fit column {column} of srd_user"));
            assert!(
                !ended.reason.contains("xxx"),
                "{kind}: the value itself, which may be a password, is not told"
            );
        }
        assert_eq!(world.requests(), before, "something was sent");
        world.check_alive();
    }
}
