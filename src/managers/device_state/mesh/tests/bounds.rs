//! What a server invents takes bounded memory, and what is gone takes none.

use super::*;
use crate::managers::device_state::mesh::peer::{MOST_PRESENTITIES, MOST_SAID};
use crate::managers::device_state::mesh::view::Filter;
use DeviceState::*;

#[test]
fn names_without_end_are_refused_and_counted_and_leave_room_for_others() {
    let mut world = World::new(3);
    let session = world.servers[0].session.expect("a connection");
    for thousand in 0..200 {
        let changes = (0..1000).map(|n| Change::device(format!("SIP/{thousand}-{n}"), InUse));
        world.mesh.heard("a", session, &changes.collect::<Vec<_>>(), world.now);
    }
    assert_eq!(world.mesh.entries(), MOST_SAID);
    assert_eq!(world.stats(0).rejected[Unwritable::Full as usize], 200_000 - MOST_SAID as u64);
    world.own(1, "SIP/1", Busy);
    world.hear(1);
    assert_eq!(world.mesh.entries(), MOST_SAID + 1);
    // Its own custom devices take no more.
    let custom = (0..200_000).map(|n| Change::device(format!("Custom:{n}"), InUse)).collect();
    let listed = Listed {
        since: Vec::new(),
        peer: "a".into(),
        session,
        asked: world.now,
        devices: Ok(Vec::into(custom)),
        presences: Ok(Vec::new().into()),
    };
    world.wait(1);
    world.mesh.listed(&Listed { asked: world.now, ..listed }, world.now);
    world.settle();
    assert_eq!(world.mesh.entries(), 1, "what it lists no more is gone: nobody had been told");
}

#[test]
fn presentities_without_end_leave_room_for_devices() {
    let mut world = World::new(2);
    let session = world.servers[0].session.expect("a connection");
    let said = |n| Change::presence(format!("CustomPresence:{n}"), Presence::plain(PresenceState::Away));
    let changes: Vec<_> = (0..MOST_PRESENTITIES + 500).map(said).collect();
    world.mesh.heard("a", session, &changes, world.now);
    assert_eq!(world.mesh.entries(), MOST_PRESENTITIES);
    assert_eq!(world.stats(0).rejected[Unwritable::Full as usize], 500);
    world.own(1, "SIP/1", Busy);
    world.hear(1);
    assert_eq!(world.mesh.entries(), MOST_PRESENTITIES + 1);
}

#[test]
fn of_each_key_is_shown_what_all_say_together() {
    let mut world = World::new(3);
    world.own(0, "SIP/1", Ringing);
    world.own(1, "SIP/1", InUse);
    world.settle();
    let page = world.mesh.page(&Filter::default(), None, 10);
    assert_eq!(page.keys[0].aggregate, Some(Value::Device(RingInUse)));
    assert_eq!(page.keys[0].origins.len(), 2);
}

#[test]
fn what_nobody_says_or_holds_is_freed() {
    let mut world = World::new(2);
    for round in 0..10 {
        world.servers[0].own.clear();
        (0..100).for_each(|n| world.own(0, &format!("SIP/{round}-{n}"), InUse));
        world.settle();
        world.list(0);
        world.settle();
        assert_eq!((world.mesh.entries(), world.mesh.entries.end() <= 200), (100, true));
    }
}

#[test]
fn a_hundred_thousand_keys_are_shown_in_pages_that_look_at_few() {
    let mut world = World::new(1);
    let session = world.servers[0].session.expect("a connection");
    let changes: Vec<_> = (0..100_000).map(|n| Change::device(format!("SIP/{n:06}"), InUse)).collect();
    world.mesh.heard("a", session, &changes, world.now);
    let filter = view::Filter { name: Some(b"099999".to_vec()), ..Default::default() };
    let (mut after, mut pages, mut found) = (None, 0, 0);
    loop {
        let page = world.mesh.page(&filter, after.as_ref(), 100);
        (pages, found, after) = (pages + 1, found + page.keys.len(), page.next);
        if after.is_none() {
            break;
        }
    }
    assert_eq!((pages, found), (20, 1), "5000 are looked at for each");
}
