//! Outages, through the real program: every one ends without a hand on it once the other side is back.
//!
//! EMA, mail server and both databases go away, alone and together, for a while or again and again, while events arrive
//! steadily; some of them take the daemon with them. What must hold afterwards is the same each time, see [`after`].
//!
//! An outage lasts a second. `OUTAGE_SECONDS` in the environment stretches each of them, as `./tests/run --long` does:
//!
//! ```text
//! OUTAGE_SECONDS=60 cargo test --test outages
//! ```

#[path = "../support/mod.rs"]
mod support;

mod after;
mod flapping;
mod kills;
mod load;
mod long_rows;
mod mailboxes;
mod reference;
mod signs;
mod table;
mod while_away;
mod world;

use std::time::Duration;

/// How long whoever is away stays away.
fn outage() -> Duration {
    let seconds = std::env::var("OUTAGE_SECONDS").ok();
    let seconds =
        seconds.map_or(1, |seconds| seconds.parse().expect("OUTAGE_SECONDS is a number of seconds"));
    Duration::from_secs(seconds)
}
