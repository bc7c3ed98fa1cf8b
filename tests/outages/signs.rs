//! What an operator sees of an outage.

use crate::support::daemon::Daemon;
use crate::world::Party::{self, Ema, Events, Mail, Subscribers};
use crate::world::World;
use serde_json::Value;

/// Whether the daemon says that this one is away.
pub fn is_seen(party: Party, daemon: &Daemon) -> bool {
    match party {
        Ema => breaker(daemon, "ema") == 1.0,
        Mail => breaker(daemon, "mail") == 1.0,
        Events => !is_up(daemon, "events"),
        Subscribers => !is_up(daemon, "subscribers"),
    }
}

/// The breakers of a system: how many are open.
pub fn breaker(daemon: &Daemon, system: &str) -> f64 {
    daemon.metric("eventmanager_breaker_open", &format!("system=\"{system}\""))
}

fn is_up(daemon: &Daemon, database: &str) -> bool {
    readiness(daemon).1["store"][database]["up"] == true
}

/// `GET /readyz`.
pub fn readiness(daemon: &Daemon) -> (u16, Value) {
    let (status, body) = daemon.get("/readyz");
    (status, serde_json::from_str(&body).expect("JSON"))
}

/// What an operator sees: who is away, and nobody else.
#[track_caller]
pub fn the_daemon_tells(world: &World, daemon: &Daemon, away: &[Party]) {
    let is_away = |party| away.contains(&party);
    let (status, body) = readiness(daemon);
    assert_eq!(status, if is_away(Events) || is_away(Subscribers) { 503 } else { 200 }, "{body}");
    for (party, name) in [(Events, "events"), (Subscribers, "subscribers")] {
        let database = &body["store"][name];
        assert_eq!(database["up"], !is_away(party), "{body}");
        assert_eq!(database["reason"].is_string(), is_away(party), "{body}");
    }
    let intake = body["intake"].as_str().expect("a text");
    assert_eq!(intake.starts_with("closed: events cannot be stored"), is_away(Events), "{body}");
    for (party, system) in [(Ema, "ema"), (Mail, "mail")] {
        assert_eq!(breaker(daemon, system), f64::from(u8::from(is_away(party))), "{system}");
    }
    let (status, text) = daemon.get("/alivecheck");
    assert_eq!(status, if is_away(Events) { 503 } else { 200 }, "{text}");
    assert!(!is_away(Events) || text.contains("events"), "{text}");
    if !is_away(Events) {
        let (stored, ended) = world.counts().expect("counts");
        assert!(stored > ended, "of {stored} events none waits");
    }
}
