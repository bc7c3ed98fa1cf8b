//! Whatever happens in whatever order: at rest every server has exactly what all others say.

use super::*;
use fastrand::Rng;

const SERVERS: usize = 8;
const ACTS: usize = 600;

/// One sequence of a seed.
fn run(seed: u64) {
    let (mut rng, mut world) = (Rng::with_seed(seed), World::new(SERVERS));
    for server in &mut world.servers {
        server.hides_custom = rng.bool();
    }
    for _ in 0..ACTS {
        act(&mut world, &mut rng);
    }
    for at in 0..SERVERS {
        world.servers[at].refuses = false;
        match world.servers[at].session {
            Some(_) => world.list(at),
            None => world.connect(at),
        }
    }
    world.settle();
    // What somebody has set while nobody could hear it is found by the next listing.
    (0..SERVERS).for_each(|at| world.list(at));
    world.settle();
    world.check_rest();
}

fn act(world: &mut World, rng: &mut Rng) {
    let at = rng.usize(..SERVERS);
    let device = ["SIP/1", "SIP/2", "PJSIP/a/b", "door", "IAX2/x"][rng.usize(..5)];
    let presentity = ["CustomPresence:1", "CustomPresence:2"][rng.usize(..2)];
    match rng.usize(..100) {
        0..40 => world.own(at, device, DeviceState::ALL[rng.usize(..9)]),
        40..48 => world.presence(at, presentity, away(["", "a", "b"][rng.usize(..3)])),
        48..50 => world.custom(at, &format!("Custom:{device}"), DeviceState::ALL[rng.usize(..9)]),
        50..75 => {
            world.write();
            for _ in 0..rng.usize(..20) {
                world.carry_out(rng.usize(..SERVERS));
                world.hear(rng.usize(..SERVERS));
            }
        }
        75..80 => world.lose(at, rng.usize(..3)),
        80..90 if world.servers[at].session.is_none() => {
            if rng.bool() {
                world.forget(at);
            }
            if rng.u8(..4) == 0 {
                world.servers[at].own.remove(device);
            }
            world.connect(at);
        }
        90..93 => world.servers[at].refuses = rng.u8(..3) == 0,
        93..95 => world.wait(rng.u64(..40)),
        95 => {
            let name = world.names[at].clone();
            world.lose(at, 0);
            world.mesh.left(&name, world.now);
            world.mesh.joined(&config(&name), world.now);
        }
        _ => drop(world.settle()),
    }
}

/// One sequence of a seed in which nothing fails, so that nothing has to be listed for it to come right.
fn run_undisturbed(seed: u64) {
    let (mut rng, mut world) = (Rng::with_seed(seed), World::new(SERVERS));
    for _ in 0..ACTS {
        let (at, name) = (rng.usize(..SERVERS), ["SIP/1", "SIP/2", "door"][rng.usize(..3)]);
        match rng.usize(..10) {
            0..5 => world.own(at, name, DeviceState::ALL[rng.usize(..9)]),
            5 => world.write(),
            6..8 => drop((0..rng.usize(..9)).map(|_| world.carry_out(rng.usize(..SERVERS))).max()),
            _ => drop((0..rng.usize(..9)).map(|_| world.hear(rng.usize(..SERVERS))).max()),
        }
    }
    world.settle();
    let unneeded = world.stats(0).rejected.iter().sum::<u64>();
    assert_eq!(unneeded, 0, "nobody contests anything");
    world.check_rest();
}

#[test]
fn where_nothing_fails_nothing_has_to_be_listed() {
    (0..100).for_each(run_undisturbed);
}

#[test]
fn at_rest_every_server_has_what_all_others_say() {
    (0..60).for_each(run);
}
