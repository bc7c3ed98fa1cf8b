//! Phones as people type them, for every command that carries one.

use super::commands::After;
use super::support::documents::report;
use super::world::World;

/// Commands: § is the subscriber, ¤ the phone.
#[rustfmt::skip]
const COMMANDS: &[(&str, &str, After)] = &[
    ("UserModifyRequest", "<userId>§</userId><phoneNumber>¤</phoneNumber>", After::User),
    ("GroupHuntGroupAddInstanceRequest", SERVICE, After::Nothing),
    ("GroupAutoAttendantAddInstanceRequest", SERVICE, After::Nothing),
    ("GroupCallCenterAddInstanceRequest", SERVICE, After::Nothing),
    ("GroupMeetMeConferencingAddInstanceRequest", SERVICE, After::Nothing),
    ("GroupHuntGroupModifyInstanceRequest", SERVICE, After::Service),
    ("GroupAutoAttendantModifyInstanceRequest", SERVICE, After::Service),
    ("GroupCallCenterModifyInstanceRequest", SERVICE, After::Service),
    ("GroupMeetMeConferencingModifyInstanceRequest", SERVICE, After::Service),
    ("GroupVoiceMessagingGroupModifyVoicePortalRequest", "<serviceInstanceProfile><phoneNumber>¤</phoneNumber><publicUserIdentity>§</publicUserIdentity></serviceInstanceProfile>", After::Nothing),
];
const SERVICE: &str = "<serviceUserId>§</serviceUserId><serviceInstanceProfile><phoneNumber>¤</phoneNumber></serviceInstanceProfile>";

/// Phones that are none, and why.
#[rustfmt::skip]
const NONE: &[(&str, &str)] = &[
    ("12a4", "phone number \"12a4\" is neither digits nor +299- and digits"),
    ("+299-", "phone number \"+299-\" is neither"),
    ("+299-+299-1", "is neither"),
    ("+299321044", "is neither"),
    ("+45-321044", "is neither"),
    ("-", "is neither"),
    (" ", "is neither"),
    (" 321044", "is neither"),
    ("321044&#10;", "is neither"),
    ("32 10 44", "is neither"),
    ("&lt;1&gt;", "is neither"),
    ("&#1635;&#1634;&#1633;", "is neither"),
    ("&#65298;", "is neither"),
    ("æ", "is neither"),
    (KILOBYTE, "do not fit column e164"),
];
const KILOBYTE: &str = match std::str::from_utf8(&[b'1'; 1024]) {
    Ok(digits) => digits,
    Err(_) => unreachable!(),
};

#[test]
fn what_is_no_phone_fails_its_event_before_anything_is_sent() {
    let mut world = World::new();
    for (number, (kind, body, after)) in COMMANDS.iter().enumerate() {
        let subscriber = format!("s{number}");
        world.send(&before(*after, &subscriber)).iter().for_each(|ended| ended.check(kind, ""));
        let document =
            |(phone, _): &(&str, &str)| report(1, kind, &body.replace('§', &subscriber).replace('¤', phone));
        let documents: Vec<String> = NONE.iter().map(document).collect();
        let before = world.requests();
        for ((phone, reason), ended) in NONE.iter().zip(world.send(&documents)) {
            ended.check(&format!("{kind} {phone:.40}"), reason);
        }
        assert_eq!(world.requests(), before, "{kind}: something was sent");
    }
    world.check_alive();
}

#[test]
fn a_phone_with_the_countrys_prefix_or_as_long_as_its_column_is_provisioned() {
    let mut world = World::new();
    for (number, (kind, body, after)) in COMMANDS.iter().enumerate() {
        let subscriber = format!("s{number}");
        let longest = format!("{number:032}");
        for (phone, held) in [(format!("+299-{number}"), number.to_string()), (longest.clone(), longest)] {
            // A service that adds cannot do so twice.
            let subscriber = format!("{subscriber}-{}", held.len());
            let document = report(1, kind, &body.replace('§', &subscriber).replace('¤', &phone));
            let ended = world.send(&[before(*after, &subscriber), vec![document]].concat());
            ended.iter().for_each(|ended| ended.check(&format!("{kind} {phone}"), ""));
            let state = world.peers.ema.state();
            let record = state.enum_records.get(&format!("tel:299{held}"));
            assert_eq!(record, Some(&format!("sip:{subscriber}")), "{kind}");
            let rows = world.rows(&format!("select e164 from srd_user where id = '{subscriber}'"));
            assert_eq!(rows, [[Some(held)]], "{kind}");
        }
    }
    world.check_alive();
}

fn before(after: After, subscriber: &str) -> Vec<String> {
    let (kind, name) = match after {
        After::Nothing => return Vec::new(),
        After::User => ("UserAddRequest", "userId"),
        After::Service => ("GroupHuntGroupAddInstanceRequest", "serviceUserId"),
    };
    vec![report(1, kind, &format!("<{name}>{subscriber}</{name}>"))]
}
