//! Lists that are not all there: what they say counts where it is newer, and nothing is taken back for what they do not say.

use super::*;
use crate::managers::device_state::messages::Inventory;
use DeviceState::*;

impl World {
    /// A server lists these of all that it has, as of `asked`, and says that there are others.
    fn list_some(&mut self, at: usize, asked: Instant, (devices, presences): (Vec<Change>, Vec<Change>)) {
        let Some(session) = self.servers[at].session else { return };
        let some = |items| Ok(Inventory { items, flaw: Some("a wrong count".to_owned()) });
        let (peer, since) = (self.names[at].as_str().into(), Vec::new());
        let listed =
            Listed { peer, session, asked, devices: some(devices), presences: some(presences), since };
        self.mesh.listed(&listed, self.now);
    }
}

#[test]
fn a_list_that_is_not_complete_undoes_nothing_that_is_newer() {
    let mut world = World::new(2);
    let asked = world.now;
    world.wait(1);
    world.own(0, "SIP/1", Busy);
    world.presence(1, "CustomPresence:1", away("new"));
    world.settle();
    let presences = vec![Change::presence("CustomPresence:1", away("old"))];
    world.list_some(0, asked, (vec![Change::device("SIP/1", InUse)], presences));
    assert_eq!(world.settle(), 0);
    world.check("SIP/1", &[None, Some(Busy)]);
    world.check_rest();
}

#[test]
fn a_server_that_comes_back_with_an_old_presence_has_the_new_one_though_its_list_is_not_complete() {
    let mut world = World::new(2);
    world.presence(0, "CustomPresence:1", away("old"));
    world.settle();
    world.lose(1, 0);
    world.presence(0, "CustomPresence:1", away("new"));
    world.settle();
    world.servers[1].session = Some(Session::new());
    let presences = vec![Change::presence("CustomPresence:1", away("old"))];
    world.list_some(1, world.now, (Vec::new(), presences));
    world.settle();
    assert_eq!(world.servers[0].presence["CustomPresence:1"], away("new"));
    world.check_rest();
}

#[test]
fn what_a_list_that_is_not_complete_lacks_is_not_withdrawn_and_told_anew_after_a_connect() {
    let mut world = World::new(2);
    for (at, device) in [(0, "SIP/1"), (1, "SIP/2")] {
        world.own(at, device, InUse);
    }
    world.settle();
    world.list_some(1, world.now + Duration::from_secs(1), (Vec::new(), Vec::new()));
    assert_eq!(world.settle(), 1, "it may have been started anew");
    world.lose(1, 0);
    world.forget(1);
    world.servers[1].session = Some(Session::new());
    world.list_some(1, world.now, (Vec::new(), Vec::new()));
    world.settle();
    world.check("SIP/1", &[None, Some(InUse)]);
    world.check("SIP/2", &[Some(InUse), None]);
    world.check_rest();
}

/// When a server is listed next, in seconds.
fn next_list(world: &mut World) -> u64 {
    let is_due = |_: &u64| {
        world.wait(1);
        !world.mesh.due(world.now).is_empty()
    };
    (1..10_000).find(is_due).expect("it is due")
}

#[test]
fn both_lists_that_have_failed_this_time_are_asked_for_again_and_again_at_growing_distances() {
    let mut world = World::new(1);
    let fail = |world: &mut World| world.list_some(0, world.now, (Vec::new(), Vec::new()));
    fail(&mut world);
    assert!(world.mesh.peers(world.now)[0].devices_missing.is_some());
    let mut distances = Vec::new();
    for _ in 0..4 {
        distances.push(next_list(&mut world));
        fail(&mut world);
    }
    assert_eq!(distances, [120, 240, 480, 600]);
    world.list(0);
    assert_eq!(next_list(&mut world), 600);
    fail(&mut world);
    assert_eq!(next_list(&mut world), 120, "from the begin");
}

#[test]
fn a_server_that_refuses_something_is_listed_and_told_again_at_growing_distances() {
    let mut world = World::new(2);
    world.servers[1].refuses = true;
    world.own(0, "SIP/1", InUse);
    world.settle();
    let mut distances = Vec::new();
    for _ in 0..2 {
        distances.push(next_list(&mut world));
        world.list(1);
        assert_eq!(world.settle(), 1, "it is told again");
    }
    assert_eq!(distances, [120, 240]);
}

#[test]
fn a_server_without_lists_that_refuses_something_is_told_it_again_at_growing_distances() {
    let mut world = World::new(2);
    world.servers[1].lists_nothing = true;
    world.list(1);
    world.servers[1].refuses = true;
    world.own(0, "SIP/1", InUse);
    world.settle();
    let mut told_after = |seconds: u64| {
        world.wait(seconds - 1);
        let before = world.settle();
        world.wait(1);
        (before, world.settle())
    };
    assert_eq!([120, 240, 480].map(&mut told_after), [(0, 1); 3]);
    world.servers[1].refuses = false;
    world.wait(600);
    world.settle();
    world.check("SIP/1", &[None, Some(InUse)]);
}

#[test]
fn what_is_refused_is_told_again_however_much_it_is() {
    let mut world = World::new(2);
    world.servers[1].lists_nothing = true;
    world.list(1);
    world.servers[1].refuses = true;
    let session = world.servers[0].session.expect("a connection");
    let changes: Vec<_> = (0..10_100).map(|n| Change::device(format!("SIP/{n}"), InUse)).collect();
    world.mesh.heard("a", session, &changes, world.now);
    assert_eq!(world.settle(), 10_100);
    world.servers[1].refuses = false;
    world.wait(120);
    assert_eq!(world.settle(), 10_100);
    world.wait(3600);
    assert_eq!(world.settle(), 0);
    assert!(world.mesh.peers.iter().flatten().all(|peer| (peer.held, peer.reasons.len()) == (0, 0)));
}

#[test]
fn a_key_that_was_refused_and_is_gone_is_not_refused_any_more() {
    let mut world = World::new(2);
    world.servers[1].refuses = true;
    world.own(0, "SIP/1", InUse);
    world.settle();
    let held = |world: &World| world.mesh.peers[1].as_ref().map(|peer| (peer.held, peer.reasons.len()));
    assert_eq!(held(&world), Some((1, 1)));
    world.servers[0].own.clear();
    world.list(0);
    world.settle();
    assert_eq!((held(&world), world.mesh.entries()), (Some((0, 0)), 0));
}
