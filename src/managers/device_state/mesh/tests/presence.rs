//! Presence is the same everywhere.

use super::*;
use PresenceState::*;

const ANNA: &str = "CustomPresence:anna";

fn world_with(count: usize, presence: PresenceState) -> World {
    let mut world = World::new(count);
    world.presence(0, ANNA, Presence::plain(presence));
    world.settle();
    world
}

#[track_caller]
fn check(world: &World, expected: PresenceState) {
    for server in world.servers.iter().filter(|server| server.session.is_some()) {
        assert_eq!(server.presence.get(ANNA).map(|it| it.state), Some(expected), "{:?}", world.servers);
    }
}

#[test]
fn the_latest_change_wins_with_its_texts_and_echoes_are_none() {
    let mut world = world_with(3, Away);
    assert_eq!(world.written(), 2);
    world.presence(1, ANNA, away("at lunch"));
    assert_eq!(world.settle(), 2);
    assert_eq!(world.servers[2].presence[ANNA], away("at lunch"));
    world.presence(0, ANNA, Presence::plain(Dnd));
    world.settle();
    check(&world, Dnd);
    world.check_rest();
}

#[test]
fn echoes_of_several_writes_in_a_row_change_nothing() {
    let mut world = World::new(2);
    for state in [Away, Dnd, Away, Chat] {
        world.presence(0, ANNA, Presence::plain(state));
        world.hear(0);
        world.write();
        world.carry_out(1);
        let Some(Said::Told(entry, outcome)) =
            world.servers[1].outbox.iter().rev().find(|it| matches!(it, Said::Told(..))).cloned()
        else {
            panic!("it was written")
        };
        let session = world.servers[1].session.expect("a connection");
        world.mesh.told("b", session, vec![(entry, outcome)], world.now, drop);
    }
    world.servers[1].outbox.retain(|said| matches!(said, Said::Heard(_)));
    assert_eq!(world.servers[1].outbox.len(), 4);
    assert_eq!(world.settle(), 0);
    check(&world, Chat);
    world.check_rest();
}

#[test]
fn two_who_change_at_once_end_with_one_value() {
    let mut world = world_with(3, Away);
    for _ in 0..20 {
        world.presence(0, ANNA, Presence::plain(Dnd));
        world.presence(1, ANNA, Presence::plain(Chat));
        world.settle();
        world.presence(1, ANNA, Presence::plain(Away));
        world.presence(0, ANNA, Presence::plain(Chat));
        world.settle();
    }
    world.check_rest();
}

#[test]
fn an_old_value_that_is_set_anew_while_it_is_awaited_as_an_echo_is_found_by_a_listing() {
    let mut world = world_with(2, Away);
    // The events of three writes become one, and those of the last two are awaited for ever.
    for state in [Dnd, Chat, Dnd] {
        world.presence(0, ANNA, Presence::plain(state));
        world.hear(0);
        world.write();
        world.carry_out(1);
        world.servers[1].outbox.retain(|said| matches!(said, Said::Told(..)));
        world.hear(1);
    }
    let session = world.servers[1].session.expect("a connection");
    world.mesh.heard("b", session, &[Change::presence(ANNA, Presence::plain(Dnd))], world.now);
    world.presence(1, ANNA, Presence::plain(Chat));
    world.settle();
    check_doubt(&mut world);
    world.list(1);
    world.settle();
    check(&world, Chat);
    world.check_rest();
}

/// After some seconds the second server is to be listed, once.
fn check_doubt(world: &mut World) {
    world.wait(1);
    assert!(world.mesh.due(world.now).is_empty());
    world.wait(5);
    assert_eq!(world.mesh.due(world.now), ["b".into()]);
    assert!(world.mesh.due(world.now).is_empty());
}

#[test]
fn two_who_change_in_turns_are_told_the_same_again_and_again() {
    let mut world = World::new(2);
    for _ in 0..10 {
        world.presence(0, ANNA, Presence::plain(Away));
        world.settle();
        check(&world, Away);
        world.presence(1, ANNA, Presence::plain(Dnd));
        world.settle();
        check(&world, Dnd);
    }
}

#[test]
fn of_a_first_listing_what_is_set_counts_where_nobody_has_said_anything() {
    let mut world = World::apart(3);
    world.servers[0].presence.insert(ANNA.to_owned(), Presence::plain(NotSet));
    world.servers[1].presence.insert(ANNA.to_owned(), Presence::plain(Dnd));
    world.servers[2].presence.insert(ANNA.to_owned(), Presence::plain(Chat));
    (0..3).for_each(|at| world.connect(at));
    world.settle();
    check(&world, Dnd);
    world.check_rest();
}

#[test]
fn what_was_changed_while_a_server_was_away_wins_unless_the_others_have_changed() {
    let mut world = world_with(3, Away);
    world.lose(1, 0);
    world.presence(1, ANNA, Presence::plain(Dnd));
    world.connect(1);
    world.settle();
    check(&world, Dnd);
    world.lose(1, 0);
    world.presence(1, ANNA, Presence::plain(Chat));
    world.presence(0, ANNA, Presence::plain(Available));
    world.settle();
    world.connect(1);
    world.settle();
    check(&world, Available);
    world.lose(1, 0);
    world.servers[1].presence.clear();
    world.connect(1);
    world.settle();
    check(&world, Available);
    world.check_rest();
}

#[test]
fn presentities_that_cannot_be_set_are_counted_and_left() {
    let mut world = World::new(2);
    world.presence(0, "PJSIP:300", Presence::plain(Dnd));
    world.presence(0, "CustomPresence:x\r\ny", Presence::plain(Dnd));
    assert_eq!((world.settle(), world.mesh.entries()), (0, 0));
    let rejected = world.stats(0).rejected;
    let count = |reason: Unwritable| rejected[reason as usize];
    assert_eq!((count(Unwritable::NotCustom), count(Unwritable::ForbiddenByte)), (1, 1));
}

#[test]
fn a_text_that_cannot_be_set_is_told_to_nobody_and_the_next_one_is() {
    let mut world = world_with(2, Away);
    world.presence(0, ANNA, away("\0"));
    assert_eq!(world.settle(), 0);
    world.presence(0, ANNA, away(&"x".repeat(100_000)));
    assert_eq!(world.settle(), 0);
    assert_eq!(world.stats(0).rejected[Unwritable::Text as usize], 2);
    world.presence(0, ANNA, away("back soon"));
    world.settle();
    world.check_rest();
}

#[test]
fn presence_is_left_alone_where_it_is_not_mirrored() {
    let mut world = world_with(2, Away);
    world.mesh.set_rules(DeviceStates { presence: false, ..DeviceStates::default() }, world.now);
    world.presence(0, ANNA, Presence::plain(Dnd));
    assert_eq!((world.settle(), world.mesh.entries()), (0, 0));
    assert!(world.mesh.set_rules(DeviceStates::default(), world.now), "all are to be listed");
    world.list(0);
    world.settle();
    check(&world, Dnd);
}

#[test]
fn a_value_outlives_the_server_that_has_said_it() {
    let mut world = world_with(3, Away);
    world.mesh.left("a", world.now);
    world.servers[0].session = None;
    assert!(world.mesh.joined(&config("z"), world.now), "in its place");
    let page = world.mesh.page(&view::Filter::default(), None, 10);
    assert!(page.keys[0].origins.is_empty(), "not by the one in its place: {page:?}");
    world.servers[1].presence.clear();
    world.list(1);
    world.settle();
    check(&world, Away);
}

#[test]
fn what_is_set_to_nothing_everywhere_is_kept_no_more() {
    let mut world = world_with(2, Away);
    world.presence(1, ANNA, Presence::plain(NotSet));
    world.settle();
    check(&world, NotSet);
    assert_eq!(world.mesh.entries(), 0);
    world.check_rest();
}

#[test]
fn a_value_that_was_written_to_a_server_without_lists_and_set_anew_by_its_user_is_told_to_the_others() {
    let mut world = World::new(2);
    world.servers[1].lists_nothing = true;
    world.presence(0, ANNA, Presence::plain(Available));
    world.settle();
    world.lose(1, 0);
    world.connect(1);
    assert_eq!(world.settle(), 1, "it has that already: no event comes of it");
    world.presence(1, ANNA, Presence::plain(Dnd));
    world.settle();
    check(&world, Dnd);
    world.presence(1, ANNA, Presence::plain(Available));
    world.settle();
    world.wait(6);
    world.settle();
    check(&world, Available);
    world.wait(6);
    assert_eq!(world.settle(), 0);
}
