//! One life of the daemon, from its start to its planned end.

use crate::plan::Kill;
use crate::support::daemon::{Daemon, Ended};
use crate::world::World;
use std::time::{Duration, Instant};

/// A failpoint that is not passed within this time is not passed.
const LIMIT: Duration = Duration::from_secs(40);

/// Starts a daemon and has it end as it is planned. Panics where it ends otherwise, or not at all.
pub fn die(world: &mut World, kill: &Kill) {
    let since = Instant::now();
    match kill {
        Kill::At { name, pass } => {
            let end = match world.start(&format!("{name}=kill@{pass}")) {
                Ok(daemon) => ended(daemon, name),
                Err(end) => end,
            };
            assert_eq!(end.failpoint(), Some(*name), "another end: {:?}\n{}", end.0, end.1);
            check_log(&end.1);
        }
        Kill::After(time) => {
            let daemon = world.start("").unwrap_or_else(|end| panic!("it ended at its start: {end:?}"));
            std::thread::sleep(*time);
            kill_well(daemon);
        }
    }
    world.gone();
    println!("{kill:?}: {:?}", since.elapsed());
}

/// Kills a daemon of which nothing has failed until then.
pub fn kill_well(daemon: Daemon) {
    let restarts = daemon.metric("eventmanager_actor_restarts_total", "");
    let log = daemon.kill_logged();
    assert_eq!(restarts, 0.0, "actors were restarted:\n{log}");
    check_log(&log);
}

/// No part of the daemon has failed, which a restart of that part would hide.
fn check_log(log: &str) {
    let tells =
        |line: &&str| ["panicked", "child exited", "supervisor gave up"].iter().any(|it| line.contains(it));
    let failed: Vec<&str> = log.lines().filter(tells).collect();
    assert!(failed.is_empty(), "{failed:#?}\n{log}");
}

fn ended(mut daemon: Daemon, name: &str) -> Ended {
    let since = Instant::now();
    loop {
        if let Some(end) = daemon.has_ended() {
            return end;
        }
        assert!(since.elapsed() < LIMIT, "{name} is not passed:\n{}", daemon.log());
        std::thread::sleep(Duration::from_millis(5));
    }
}
