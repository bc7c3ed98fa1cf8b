//! When the daemon is killed.

use eventmanager::failpoints::POINTS;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

/// Parts of the names of failpoints that are passed once or twice in a life.
const ONCE: &[&str] = &[
    ".connect.",
    "ema.login.",
    "opensips.subscribe.",
    ".register.",
    "peer.token.",
    "evi.subscribe.",
    "evi.place.",
];
/// The same of those that are passed now and then.
const SELDOM: &[&str] =
    &["southbound.mail.", "kamailio.answer.", "kamailio.webhook.", "operator.", "nats.place."];

/// The databases of a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// Whose plan it is.
#[derive(Debug, Clone, Copy)]
pub struct Whose {
    pub kind: Kind,
    /// Whether subscribers are in a database of their own: that is so on one of the two kinds.
    pub is_split: bool,
}

impl Whose {
    /// Whether it passes a failpoint: `None`, each of the two may.
    fn passes(self, name: &str) -> Option<bool> {
        let is = |part: &str| name.starts_with(part);
        match self.kind {
            _ if is("store.subscribers.") => Some(self.is_split),
            Kind::Sqlite if is("store.sqlite.") => Some(true),
            Kind::Postgres if is("store.postgres.") => Some(true),
            // Those take two daemons: tests/cluster has them.
            _ if is("cluster.") => Some(false),
            _ if is("store.sqlite.") || is("store.postgres.") => Some(false),
            _ => None,
        }
    }
}

/// The end of one life.
#[derive(Debug, Clone)]
pub enum Kill {
    /// By itself, at a pass of a failpoint.
    At { name: &'static str, pass: u64 },
    /// So long after it began to serve.
    After(Duration),
}

/// What is printed, and given to replay it: one for all tests of a process, since they share the failpoints.
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| given("EVENTMANAGER_SEED").unwrap_or_else(|| fastrand::u64(..)))
}

/// How often something is done, which can be given.
pub fn times(usual: usize) -> usize {
    given("EVENTMANAGER_KILLS").unwrap_or(usual)
}

/// A number of the environment; what is none is no reason to go on without it.
fn given<N: FromStr>(variable: &str) -> Option<N> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().ok().unwrap_or_else(|| panic!("{variable} is {text:?}, which is no number")))
}

/// Kills at failpoints and at random, in a random order. Of the failpoints that both kinds pass each has a half in the first round, and
/// the other one in the next.
pub fn plan(whose: Whose, seed: u64, rounds: usize, at_random: usize) -> Vec<Kill> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut shared: Vec<&'static str> = Vec::new();
    let mut own: Vec<&'static str> = Vec::new();
    for point in POINTS {
        match whose.passes(point.name) {
            None => shared.push(point.name),
            Some(true) => own.push(point.name),
            Some(false) => {}
        }
    }
    // The same for both: the first half is of one, the second of the other.
    random.shuffle(&mut shared);
    let mut kills = Vec::new();
    for round in 0..rounds {
        let is_first_half = (whose.kind == Kind::Sqlite) == round.is_multiple_of(2);
        let (first, second) = shared.split_at(shared.len() / 2);
        let half = if is_first_half { first } else { second };
        let names = half.iter().chain(&own);
        kills.extend(names.map(|name| Kill::At { name, pass: random.u64(1..=most_passes(name)) }));
    }
    kills.extend((0..at_random).map(|_| Kill::After(Duration::from_millis(random.u64(0..2_500)))));
    random.shuffle(&mut kills);
    kills
}

/// Of those that are passed once or twice in a life the first pass is meant, of the others one of the first: so many are passed soon.
fn most_passes(name: &str) -> u64 {
    let is = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    match name {
        _ if is(ONCE) => 1,
        _ if is(SELDOM) => 3,
        _ if is(&["store."]) => 80,
        _ => 12,
    }
}
