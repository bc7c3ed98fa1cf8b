//! Accounts of the kernel.

use crate::testing::daemon::Daemon;
use std::time::Duration;

/// Ticks of them in a second, which is the same on every Linux.
const TICKS: u64 = 100;

/// What a daemon has spent on its processors so far.
pub fn spent(daemon: &Daemon) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.id())).expect("a process");
    // Its name may hold spaces; after it comes the state, and time of user and kernel are the twelfth and thirteenth from there.
    let after = stat.rsplit_once(')').expect("a name").1;
    let ticks = after.split_whitespace().skip(11).take(2).map(|it| it.parse::<u64>().expect("a number"));
    Duration::from_millis(ticks.sum::<u64>() * 1000 / TICKS)
}
