//! Nothing goes round in circles.

use super::*;
use DeviceState::*;

/// Servers that may have a say on custom devices too.
fn open(count: usize) -> World {
    let mut world = World::new(count);
    for name in world.names.clone() {
        world.mesh.joined(&including(&name, &["*"], &["nobody"]), world.now);
    }
    world
}

#[test]
fn a_mirrored_name_is_never_mirrored_again_whatever_is_included() {
    let mut world = open(3);
    world.own(0, "SIP/1", InUse);
    world.own(1, "door", InUse);
    world.settle();
    world.custom(2, "Custom:SIP/1", Busy);
    world.custom(2, "Custom:SIP/77", Busy);
    world.custom(2, "Custom:Custom:gate", Busy);
    world.settle();
    world.servers[2].custom.retain(|name, _| name == "Custom:SIP/1" || name == "Custom:door");
    world.check_rest();
    world.check("SIP/1", &[None, Some(InUse), Some(InUse)]);
}

#[test]
fn a_custom_device_that_is_included_is_mirrored_until_it_turns_out_to_be_a_mirror() {
    let mut world = open(3);
    world.custom(2, "Custom:gate", InUse);
    world.settle();
    assert_eq!(world.has(0, "Custom:gate"), Some(InUse));
    world.own(0, "gate", Busy);
    world.settle();
    assert_eq!(world.has(0, "Custom:gate"), Some(Invalid));
    world.check("gate", &[None, Some(Busy), Some(Busy)]);
    assert_eq!(world.mesh.entries(), 1);
    world.list(2);
    assert_eq!(world.settle(), 0);
}

#[test]
fn what_was_taken_back_is_nobodys_own_device() {
    let mut world = open(2);
    world.own(0, "door", InUse);
    world.settle();
    world.servers[0].own.clear();
    world.list(0);
    assert_eq!(world.settle(), 1);
    assert_eq!(world.mesh.entries(), 0);
    world.list(1);
    assert_eq!((world.settle(), world.mesh.entries()), (0, 0));
}

#[test]
fn who_sets_a_mirrored_name_is_set_right_and_has_no_say() {
    let mut world = World::new(3);
    world.own(0, "SIP/1", InUse);
    world.settle();
    world.custom(1, "Custom:SIP/1", NotInUse);
    world.hear(1);
    assert_eq!(world.diverged(1), 1);
    assert_eq!(world.settle(), 1);
    world.check_rest();
}

#[test]
fn who_sets_a_mirrored_name_while_it_is_being_written_is_set_right_too() {
    let mut world = World::new(2);
    world.own(0, "SIP/1", InUse);
    world.hear(0);
    world.write();
    world.carry_out(1);
    world.custom(1, "Custom:SIP/1", NotInUse);
    // The answer comes after the events.
    world.servers[1].outbox.rotate_left(1);
    world.settle();
    world.check("SIP/1", &[None, Some(InUse)]);
    world.check_rest();
}

#[test]
fn two_who_write_the_same_name_do_not_make_each_other_write_for_ever() {
    let mut world = World::new(2);
    world.own(0, "SIP/1", InUse);
    world.settle();
    let mut written = 0;
    for _ in 0..100 {
        world.custom(1, "Custom:SIP/1", NotInUse);
        written += world.settle();
    }
    assert_eq!(written, usize::from(REPEATS));
    assert_eq!(world.diverged(1), 1, "it is shown");
    assert_eq!(world.stats(1).rejected[Unwritable::Contested as usize], 1);
    let page = world.mesh.page(&view::Filter { diverged: true, ..Default::default() }, None, 10);
    assert!(
        page.keys[0].peers[1].refused.as_ref().is_some_and(|it| it.contains("somebody else")),
        "{page:?}"
    );
    // Something new is told all the same, and a listing begins anew.
    world.own(0, "SIP/1", Busy);
    assert_eq!(world.settle(), 1);
    world.custom(1, "Custom:SIP/1", NotInUse);
    world.settle();
    world.list(1);
    world.settle();
    world.check_rest();
}

#[test]
fn another_broker_between_the_same_servers_makes_no_storm() {
    let mut world = World::new(3);
    for round in 0..50 {
        let state = DeviceState::ALL[2 + round % 7];
        for origin in 0..2 {
            world.own(origin, "SIP/1", state);
            // The other one writes what each server says to all others, whatever others say.
            for other in (0..3).filter(|&other| other != origin) {
                world.custom(other, "Custom:SIP/1", state);
            }
        }
        world.settle();
    }
    assert!(world.written() <= 50 * 3 * (usize::from(REPEATS) + 2), "{}", world.written());
    (0..3).for_each(|at| world.list(at));
    world.settle();
    world.check_rest();
}

#[test]
fn echoes_that_come_late_are_no_divergence() {
    let mut world = World::new(2);
    for state in [InUse, NotInUse, InUse, Busy] {
        world.own(0, "SIP/1", state);
        world.hear(0);
        world.write();
        world.carry_out(1);
        // The answer comes, the event of it stays behind.
        let session = world.servers[1].session.expect("a connection");
        let told = world.servers[1].outbox.iter().position(|said| matches!(said, Said::Told(..)));
        let told = told.and_then(|at| world.servers[1].outbox.remove(at));
        let Some(Said::Told(entry, outcome)) = told else { panic!("{told:?}") };
        world.mesh.told("b", session, vec![(entry, outcome)], world.now, drop);
    }
    let before = world.written();
    while world.hear(1) {
        assert_eq!(world.diverged(1), 0);
    }
    world.settle();
    assert_eq!(world.written(), before);
    world.check_rest();
}
