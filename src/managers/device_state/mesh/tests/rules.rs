//! Who may have a say, what can be written, and what becomes of a configuration that changes.

use super::*;
use DeviceState::*;

#[test]
fn patterns_decide_what_a_server_has_a_say_on_also_after_they_change() {
    let mut world = World::new(2);
    world.own(0, "SIP/1", InUse);
    world.own(0, "Local/1", InUse);
    world.own(0, "PJSIP/1", InUse);
    world.settle();
    world.check("Local/1", &[None, None]);
    assert!(world.mesh.joined(&including("a", &["PJSIP/*", "Local/*"], &["x"]), world.now));
    world.list(0);
    world.settle();
    world.check("SIP/1", &[None, Some(Invalid)]);
    world.check("PJSIP/1", &[None, Some(InUse)]);
    world.check("Local/1", &[None, Some(InUse)]);
    assert!(!world.mesh.joined(&including("a", &["PJSIP/*", "Local/*"], &["x"]), world.now), "as before");
}

#[test]
fn names_that_cannot_be_set_are_counted_shown_and_not_written() {
    let mut world = World::new(2);
    let long = format!("SIP/{}", "x".repeat(69));
    for name in [long.as_str(), "SIP/1\r\nAction: Originate", "SIP/\0", ""] {
        world.own(0, name, InUse);
        world.own(0, name, Busy);
    }
    assert_eq!(world.settle(), 0);
    let rejected = world.stats(0).rejected;
    let count = |reason: Unwritable| rejected[reason as usize];
    assert_eq!(
        (count(Unwritable::TooLong), count(Unwritable::ForbiddenByte), count(Unwritable::Empty)),
        (1, 2, 1)
    );
    world.own(0, &"x".repeat(60_000), InUse);
    world.settle();
    assert_eq!(world.stats(0).rejected[Unwritable::TooLong as usize], 2, "and not even kept");
    let page = world.mesh.page(&view::Filter::default(), None, 10);
    assert!(page.keys.iter().all(|key| key.unwritable.is_some()) && page.keys.len() == 4, "{page:?}");
    world.list(0);
    assert_eq!(world.settle(), 0);
}

#[test]
fn of_two_devices_with_one_name_on_other_servers_the_first_has_it_until_it_is_gone() {
    let mut world = World::new(2);
    let name = crate::states::NameTemplate::parse("Custom:{device}", "_").expect("a template");
    world.mesh.set_rules(DeviceStates { name, ..DeviceStates::default() }, world.now);
    world.own(0, "SIP/1", InUse);
    world.own(0, "SIP_1", Busy);
    assert_eq!(world.settle(), 1);
    assert_eq!(world.servers[1].custom["Custom:SIP_1"], InUse);
    assert_eq!(world.stats(0).rejected[Unwritable::SameName as usize], 1);
    world.servers[0].own.remove("SIP/1");
    world.list(0);
    world.settle();
    world.list(0);
    world.settle();
    assert_eq!(world.servers[1].custom["Custom:SIP_1"], Busy);
}

#[test]
fn a_write_that_is_refused_is_not_repeated_until_something_else_is_wanted_or_it_is_listed() {
    let mut world = World::new(2);
    world.servers[1].refuses = true;
    world.own(0, "SIP/1", InUse);
    assert_eq!(world.settle(), 1);
    world.own(1, "SIP/1", Ringing);
    assert_eq!(world.settle(), 1, "to the other server alone");
    world.own(0, "SIP/1", Busy);
    assert_eq!(world.settle(), 1, "something else");
    world.list(1);
    assert_eq!(world.settle(), 1, "once for each listing");
    assert_eq!(world.stats(1).rejected[Unwritable::Refused as usize], 3);
    let page = world.mesh.page(&view::Filter { peer: Some("b".into()), ..Default::default() }, None, 10);
    assert_eq!(page.keys[0].peers[1].refused.as_deref(), Some("no"));
    world.servers[1].refuses = false;
    world.list(1);
    world.settle();
    world.check_rest();
}

#[test]
fn under_another_template_the_old_names_are_taken_back_and_the_new_ones_told() {
    let mut world = World::new(3);
    world.own(0, "SIP/1", InUse);
    world.own(1, "SIP/1", Busy);
    world.settle();
    let name = crate::states::NameTemplate::parse("Custom:em-{device}", "_").expect("a template");
    assert!(world.mesh.set_rules(DeviceStates { name, ..DeviceStates::default() }, world.now));
    world.settle();
    world.check("SIP/1", &[Some(Invalid), Some(Invalid), Some(Invalid)]);
    let has: Vec<_> = world.servers.iter().map(|server| server.custom["Custom:em-SIP_1"]).collect();
    assert_eq!(has, [Busy, InUse, Busy]);
    assert_eq!(world.mesh.entries(), 1);
    world.own(1, "SIP/1", NotInUse);
    world.settle();
    assert_eq!(world.servers[0].custom["Custom:em-SIP_1"], NotInUse);
}

#[test]
fn changes_that_come_faster_than_they_are_written_become_one() {
    let mut world = World::new(2);
    for round in 0..100 {
        world.own(0, "SIP/1", [InUse, NotInUse][round % 2]);
        world.hear(0);
        world.write();
    }
    world.settle();
    assert_eq!(world.written(), 2, "the first, and the last");
    assert!(world.stats(1).coalesced >= 45, "{:?}", world.stats(1));
    world.check_rest();
}

#[test]
fn the_lag_of_a_server_is_the_age_of_the_oldest_change_it_has_not_confirmed() {
    let mut world = World::new(2);
    let lag = |world: &World| world.mesh.figures(world.now)[1].lag.as_secs();
    world.own(0, "SIP/1", InUse);
    world.hear(0);
    world.wait(2);
    assert_eq!(lag(&world), 2, "it waits");
    world.write();
    world.wait(3);
    assert_eq!(lag(&world), 5, "it is not confirmed");
    world.settle();
    assert_eq!(lag(&world), 0);
    world.lose(1, 0);
    world.wait(5);
    assert_eq!(lag(&world), 0, "it has everything");
    world.own(0, "SIP/1", Busy);
    world.hear(0);
    world.wait(7);
    assert_eq!(lag(&world), 7, "it is away and behind");
    world.connect(1);
    world.settle();
    assert_eq!(lag(&world), 0);
}

#[test]
fn writes_that_cannot_be_handed_over_wait_again() {
    let mut world = World::new(2);
    world.own(0, "SIP/1", InUse);
    world.hear(0);
    let (session, writes) = world.mesh.next_writes("b", world.now).expect("a write");
    world.mesh.untold("b", session, &writes, world.now);
    assert_eq!(world.settle(), 1);
    world.check_rest();
}

#[test]
fn what_belongs_to_another_session_means_nothing() {
    let mut world = World::new(2);
    world.own(0, "SIP/1", InUse);
    world.hear(0);
    world.write();
    let (old, now) = (Session::new(), world.now);
    world.mesh.told("b", old, vec![(0, Outcome::Set)], now, |_| panic!("it is not confirmed"));
    world.mesh.heard("a", old, &[Change::device("SIP/2", InUse)], now);
    world.mesh.lost("a", old, now);
    world.mesh.heard("nobody", old, &[Change::device("SIP/2", InUse)], now);
    assert_eq!((world.mesh.entries(), world.settle()), (1, 0));
    let session = world.servers[1].session.expect("a connection");
    world.mesh.told("b", session, vec![(0, Outcome::Set), (77, Outcome::Set)], now, |_| {
        panic!("nothing is in flight")
    });
    world.check_rest();
}

#[test]
fn servers_are_listed_anew_as_often_as_it_is_configured() {
    let mut world = World::new(2);
    world.wait(599);
    assert!(world.mesh.due(world.now).is_empty());
    world.wait(1);
    assert_eq!(world.mesh.due(world.now).len(), 2);
    assert!(world.mesh.due(world.now).is_empty(), "they have been asked");
    world.lose(0, 0);
    world.wait(600);
    assert_eq!(world.mesh.due(world.now).len(), 1);
}

#[test]
fn keys_are_shown_page_by_page() {
    let mut world = World::new(2);
    for n in 0..25 {
        world.own(0, &format!("SIP/{n:02}"), InUse);
    }
    world.presence(1, "CustomPresence:anna", away("lunch"));
    world.settle();
    let (mut after, mut names) = (None, Vec::new());
    loop {
        let page = world.mesh.page(&view::Filter::default(), after.as_ref(), 10);
        names.extend(page.keys.iter().map(|key| key.key.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((names.len(), names[0].as_str(), names[25].as_str()), (26, "SIP/00", "CustomPresence:anna"));
    let count = |filter: view::Filter| world.mesh.page(&filter, None, 100).keys.len();
    assert_eq!(count(view::Filter { name: Some(b"SIP/1".to_vec()), ..Default::default() }), 10);
    assert_eq!(count(view::Filter { exactly: Some(b"SIP/1".to_vec()), ..Default::default() }), 0);
    assert_eq!(count(view::Filter { exactly: Some(b"SIP/11".to_vec()), ..Default::default() }), 1);
    assert_eq!(count(view::Filter { kind: Some(Kind::Presence), ..Default::default() }), 1);
    assert_eq!(count(view::Filter { peer: Some("nobody".into()), ..Default::default() }), 0);
    assert_eq!(count(view::Filter { diverged: true, ..Default::default() }), 0);
    let page =
        world.mesh.page(&view::Filter { exactly: Some(b"SIP/11".to_vec()), ..Default::default() }, None, 1);
    let (key, b) = (&page.keys[0], &page.keys[0].peers[1]);
    assert_eq!((&*key.origins[0].peer, &key.origins[0].value), ("a", &Value::Device(InUse)));
    let told = b.told.as_ref().map(|(value, _)| value);
    assert_eq!((b.wanted.as_ref(), b.known.as_ref(), told), (told, told, Some(&Value::Device(InUse))));
    assert!(!b.pending && !b.diverged && b.refused.is_none());
}
