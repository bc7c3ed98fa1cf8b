//! What is told of devices.

use super::*;
use DeviceState::*;

#[test]
fn a_state_is_told_to_all_others_and_to_them_once() {
    let mut world = World::new(3);
    world.own(0, "SIP/1", InUse);
    assert_eq!(world.settle(), 2);
    world.check("SIP/1", &[None, Some(InUse), Some(InUse)]);
    world.own(0, "SIP/1", NotInUse);
    assert_eq!(world.settle(), 2);
    world.check("SIP/1", &[None, Some(NotInUse), Some(NotInUse)]);
    world.check_rest();
    assert_eq!(world.stats(0).changes, 2);
}

#[test]
fn of_the_same_device_on_two_servers_each_is_told_what_the_other_says_and_a_third_both() {
    let mut world = World::new(3);
    world.own(0, "SIP/1", Ringing);
    world.own(1, "SIP/1", InUse);
    world.settle();
    world.check("SIP/1", &[Some(InUse), Some(Ringing), Some(RingInUse)]);
    world.check_rest();
}

#[test]
fn unknown_is_never_written_and_what_a_server_has_stays() {
    let mut world = World::new(2);
    world.own(0, "SIP/1", Unknown);
    assert_eq!(world.settle(), 0);
    world.own(0, "SIP/1", InUse);
    world.own(0, "SIP/2", InUse);
    world.settle();
    world.own(0, "SIP/1", Unknown);
    assert_eq!(world.settle(), 0);
    world.check("SIP/1", &[None, Some(InUse)]);
    world.check_rest();
}

#[test]
fn a_server_that_is_lost_has_its_say_for_the_grace_and_then_invalid_is_told() {
    let mut world = World::new(3);
    world.own(0, "SIP/1", InUse);
    world.settle();
    world.lose(0, 0);
    world.wait(59);
    assert_eq!(world.settle(), 0);
    world.wait(1);
    assert_eq!(world.settle(), 2);
    world.check("SIP/1", &[None, Some(Invalid), Some(Invalid)]);
    assert_eq!(world.mesh.entries(), 0, "nobody says or holds it");
    world.connect(0);
    world.settle();
    world.check("SIP/1", &[None, Some(InUse), Some(InUse)]);
    world.check_rest();
}

#[test]
fn a_server_that_is_back_within_the_grace_makes_nobody_write() {
    let mut world = World::new(3);
    world.own(0, "SIP/1", InUse);
    world.settle();
    world.lose(0, 0);
    world.wait(59);
    world.connect(0);
    world.wait(59);
    assert_eq!(world.settle(), 0);
    world.check_rest();
}

#[test]
fn what_a_server_lists_no_more_is_withdrawn_unless_it_cannot_list() {
    let mut world = World::new(3);
    world.own(0, "SIP/1", InUse);
    world.own(1, "SIP/1", NotInUse);
    world.own(0, "SIP/2", InUse);
    world.settle();
    world.servers[0].own.clear();
    world.servers[0].lists_nothing = true;
    world.list(0);
    assert_eq!(world.settle(), 1, "nothing is known of it but what it should have");
    world.servers[0].lists_nothing = false;
    world.list(0);
    world.settle();
    world.check("SIP/1", &[Some(NotInUse), Some(Invalid), Some(NotInUse)]);
    world.check("SIP/2", &[None, Some(Invalid), Some(Invalid)]);
    world.check_rest();
}

#[test]
fn a_server_that_is_removed_is_withdrawn_at_once_and_told_nothing_more() {
    let mut world = World::new(3);
    world.own(0, "SIP/1", InUse);
    world.settle();
    world.mesh.left("a", world.now);
    world.own(1, "SIP/2", InUse);
    world.settle();
    world.check("SIP/1", &[None, Some(Invalid), Some(Invalid)]);
    world.check("SIP/2", &[None, None, Some(InUse)]);
    assert!(world.mesh.joined(&config("d"), world.now), "its place is taken by another");
    assert_eq!(world.mesh.figures(world.now).len(), 3);
}

#[test]
fn a_server_that_comes_is_told_only_what_it_does_not_have() {
    let mut world = World::apart(2);
    for n in 0..10 {
        world.servers[0].own.insert(format!("SIP/{n}"), InUse);
        world.servers[1].custom.insert(format!("Custom:SIP/{n}"), if n < 7 { InUse } else { Busy });
    }
    // Whoever comes first: what it has of the others is known when they come.
    world.connect(1);
    world.connect(0);
    assert_eq!(world.settle(), 3);
    assert_eq!(world.diverged(1), 0, "nobody had told it anything");
    world.check_rest();
}

#[test]
fn a_server_that_has_forgotten_at_its_restart_is_told_again() {
    let mut world = World::new(2);
    world.own(0, "SIP/1", InUse);
    world.own(0, "door", InUse);
    world.settle();
    world.lose(1, 0);
    world.forget(1);
    world.connect(1);
    assert_eq!(world.diverged(1), 1);
    assert_eq!(world.settle(), 1);
    world.lose(1, 0);
    world.servers[1].custom.clear();
    world.connect(1);
    assert_eq!(world.settle(), 2, "what it does not even list");
    world.check_rest();
}

#[test]
fn a_server_without_lists_is_told_everything_at_each_connect() {
    let mut world = World::new(2);
    world.own(0, "SIP/1", InUse);
    world.settle();
    world.servers[1].lists_nothing = true;
    world.list(1);
    assert_eq!(world.settle(), 1);
    world.lose(1, 0);
    world.connect(1);
    assert_eq!(world.settle(), 1);
    assert_eq!(world.mesh.peers(world.now)[1].devices_missing.as_deref(), Some("no module"));
}

#[test]
fn what_was_in_flight_when_a_connection_was_lost_is_written_if_it_did_not_arrive() {
    for carried_out in [0, 1] {
        let mut world = World::new(2);
        world.own(0, "SIP/1", InUse);
        world.hear(0);
        world.write();
        world.lose(1, carried_out);
        world.connect(1);
        assert_eq!(world.settle(), 1 - carried_out);
        world.check("SIP/1", &[None, Some(InUse)]);
        world.check_rest();
    }
}

#[test]
fn a_list_that_is_older_than_what_was_told_meanwhile_undoes_nothing() {
    let mut world = World::new(2);
    world.own(0, "SIP/1", InUse);
    world.settle();
    let (session, asked) = (world.servers[1].session.expect("a connection"), world.now);
    let devices = vec![Change::device("Custom:SIP/1", InUse), Change::device("SIP/9", InUse)];
    world.wait(1);
    world.own(0, "SIP/1", Busy);
    world.own(1, "SIP/9", Busy);
    world.settle();
    let lists = (Ok(devices), Ok(Vec::new()));
    let listed = listed("b", session, asked, lists);
    world.mesh.listed(&listed, world.now);
    assert_eq!((world.settle(), world.diverged(1)), (0, 0));
    world.check("SIP/9", &[Some(Busy), None]);
    world.check_rest();
}

#[test]
fn a_server_without_lists_is_told_everything_when_it_has_started_within_a_session_and_is_not_verified() {
    let mut world = World::new(2);
    world.servers[1].lists_nothing = true;
    world.list(1);
    world.own(0, "SIP/1", InUse);
    assert_eq!(world.settle(), 1);
    world.forget(1);
    world.list(1);
    assert_eq!(world.settle(), 1);
    world.check("SIP/1", &[None, Some(InUse)]);
    world.wait(600);
    assert_eq!(world.mesh.due(world.now), ["a".into()]);
}

#[test]
fn whichever_session_there_was_is_lost_where_its_connection_cannot_say_which() {
    let mut world = World::new(2);
    world.own(0, "SIP/1", InUse);
    world.settle();
    world.mesh.lost_any("a", world.now);
    world.servers[0].session = None;
    world.wait(3600);
    world.settle();
    world.check("SIP/1", &[None, Some(Invalid)]);
}

#[test]
fn what_was_heard_while_lists_came_holds_where_the_session_was_not_known() {
    let mut world = World::new(2);
    world.own(0, "SIP/1", DeviceState::NotInUse);
    world.settle();
    let session = Session::new();
    world.servers[0].session = Some(session);
    let devices = vec![Change::device("SIP/1", DeviceState::NotInUse)];
    let since = vec![Change::device("SIP/1", DeviceState::InUse)];
    let first = Listed { since, ..listed("a", session, world.now, (Ok(devices), Ok(Vec::new()))) };
    world.mesh.listed(&first, world.now);
    world.settle();
    world.check("SIP/1", &[None, Some(DeviceState::InUse)]);
    // Who knew the session was told as it happened, and perhaps of more since.
    world.mesh.heard("a", session, &[Change::device("SIP/1", DeviceState::Busy)], world.now);
    world.mesh.listed(&first, world.now);
    world.settle();
    world.check("SIP/1", &[None, Some(DeviceState::Busy)]);
}

#[test]
fn a_value_that_is_heard_once_more_is_newer_than_a_list_that_was_asked_for_before() {
    let mut world = World::new(2);
    world.own(0, "SIP/1", InUse);
    world.settle();
    let since = |world: &World| world.mesh.page(&view::Filter::default(), None, 1).keys[0].origins[0].since;
    let began = since(&world);
    world.wait(1);
    let (session, asked) = (world.servers[0].session.expect("a connection"), world.now);
    world.wait(1);
    // It was busy in between, which nobody was told.
    world.mesh.heard("a", session, &[Change::device("SIP/1", InUse)], world.now);
    let lists = (Ok(vec![Change::device("SIP/1", Busy)]), Ok(Vec::new()));
    world.mesh.listed(&listed("a", session, asked, lists), world.now);
    world.settle();
    world.check("SIP/1", &[None, Some(InUse)]);
    assert_eq!(since(&world), began, "it is shown since when it has been so");
    let lists = (Ok(Vec::new()), Ok(Vec::new()));
    world.mesh.listed(&listed("a", session, asked, lists), world.now);
    world.settle();
    world.check("SIP/1", &[None, Some(InUse)]);
}

#[test]
fn of_two_lists_the_one_that_was_asked_for_later_counts_though_the_first_was_not_handled_by_then() {
    let mut world = World::new(2);
    world.servers[0].session = Some(Session::new());
    let session = world.servers[0].session.expect("a connection");
    let at = |world: &World, seconds| world.now + Duration::from_secs(seconds);
    let presence = |text: &str| vec![Change::presence("CustomPresence:1", away(text))];
    let list = |asked, state, text: &str| {
        let devices = Ok(vec![Change::device("SIP/1", state), Change::device("SIP/2", state)]);
        listed("a", session, asked, (devices, Ok(presence(text))))
    };
    // The manager is busy for a while: both have come by then.
    let mut first = list(at(&world, 1), InUse, "old");
    first.since = vec![Change::device("SIP/3", Busy)];
    let second = list(at(&world, 2), NotInUse, "new");
    world.now = at(&world, 3);
    world.mesh.listed(&first, world.now);
    world.mesh.listed(&second, world.now);
    world.settle();
    world.check("SIP/1", &[None, Some(NotInUse)]);
    world.check("SIP/2", &[None, Some(NotInUse)]);
    world.check("SIP/3", &[None, None]);
    assert_eq!(world.servers[1].presence["CustomPresence:1"], away("new"));
}
