//! The faults, and what is done with a peer for each of them.

use crate::neighbour::Neighbour;
use crate::support::daemon::{Daemon, PATIENCE, eventually};
use crate::support::proxy::{Fault, Proxy};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A fault of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub name: &'static str,
    pub to_peer: Fault,
    pub from_peer: Fault,
    /// Nobody listens either.
    pub is_refused: bool,
}

const fn row(name: &'static str, to_peer: Fault, from_peer: Fault) -> Row {
    Row { name, to_peer, from_peer, is_refused: false }
}

const LATE: Fault = Fault::Late(Duration::from_millis(30));
const SLOW: Fault = Fault::Slow(20_000);

pub const ROWS: &[Row] = &[
    row("every byte is a segment", Fault::Bytes, Fault::Bytes),
    row("everything is late", LATE, LATE),
    row("everything is slow", SLOW, SLOW),
    Row { is_refused: true, ..row("nobody listens", Fault::Pass, Fault::Pass) },
    row("a request is reset half way", Fault::Reset(30), Fault::Pass),
    row("an answer is reset half way", Fault::Pass, Fault::Reset(20)),
    row("an answer is lost", Fault::Pass, Fault::Reset(0)),
    row("requests are swallowed", Fault::Swallow, Fault::Pass),
    row("answers are swallowed", Fault::Pass, Fault::Swallow),
    row("everything is swallowed", Fault::Swallow, Fault::Swallow),
    row("a request is closed half way", Fault::Close(30), Fault::Pass),
    row("an answer is closed half way", Fault::Pass, Fault::Close(20)),
    row("answers are rubbish", Fault::Pass, Fault::Garbage),
];

/// What servers fear of their clients.
pub const RUBBISH: &Row = &row("requests are rubbish", Fault::Garbage, Fault::Pass);

impl Row {
    /// Nothing is lost: it only takes longer.
    pub fn is_harmless(&self) -> bool {
        let is_harmless =
            |fault| matches!(fault, Fault::Pass | Fault::Bytes | Fault::Late(_) | Fault::Slow(_));
        !self.is_refused && is_harmless(self.to_peer) && is_harmless(self.from_peer)
    }

    /// What comes from the peer meets nothing.
    pub fn is_of_requests(&self) -> bool {
        !self.is_refused && self.from_peer == Fault::Pass
    }

    /// Neither side is told that there is no connection any more.
    pub fn is_silent(&self) -> bool {
        self.to_peer == Fault::Swallow || self.from_peer == Fault::Swallow
    }
}

/// A daemon, and the proxy between it and a peer.
pub struct Between {
    pub daemon: Daemon,
    pub proxy: Proxy,
    /// Whoever else is served; `None` where nobody can be.
    pub neighbour: Option<Neighbour>,
}

/// A peer of a daemon behind a proxy, and what goes over the connection.
pub trait Trial {
    fn between(&mut self) -> &mut Between;
    /// Gives the daemon and the peer a little to say to each other; also waits a little, so that it may be called again and again.
    fn load(&mut self);
    /// How many ends and failures of the peer's connection were counted so far.
    fn ends(&self) -> f64;
    /// Of which words any stands in the log with an end; none where it is nobody's news but the peer's.
    fn told(&self) -> &'static [&'static str];
    /// Whether this fault must be noticed.
    fn notices(&self, row: &Row) -> bool {
        !row.is_harmless()
    }
    /// Waits until everything is as it would be had there been no fault; `row` is what was.
    fn check(&mut self, row: &Row);
}

/// A fault lasts at least so long.
const LASTS: Duration = Duration::from_millis(300);
/// What a daemon may need of memory for it, in KiB.
const MEMORY: u64 = 48 << 10;

/// Everything passes.
const NONE: Row = row("nothing", Fault::Pass, Fault::Pass);

/// So many rows of a table at the same time: most of it is waiting.
const WORKERS: usize = 3;

/// A daemon and a peer for each of these faults.
pub fn check<T: Trial>(rows: impl Iterator<Item = &'static Row> + Send, start: impl Fn() -> T + Sync) {
    let rows = Mutex::new(rows);
    let work = || {
        loop {
            let next = rows.lock().expect("rows").next();
            let Some(row) = next else { return };
            let since = Instant::now();
            strike(row, &mut start());
            println!("{}: {:?}", row.name, since.elapsed());
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().for_each(|worker| {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        });
    });
}

/// Who takes long to notice is not buried meanwhile.
pub fn be_patient(since: Instant) {
    if since.elapsed() > Duration::from_secs(3) {
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Everything passes, and is done.
pub fn works(trial: &mut impl Trial) {
    eventually("it is ready", || (trial.between().daemon.get("/readyz").0 == 200).then_some(()));
    (0..3).for_each(|_| trial.load());
    trial.check(&NONE);
}

fn strike(row: &Row, trial: &mut impl Trial) {
    let Between { daemon, neighbour, .. } = trial.between();
    if let Some(neighbour) = neighbour {
        neighbour.register(daemon);
    }
    works(trial);
    let (ends, memory) = (trial.ends(), trial.between().daemon.memory("VmHWM"));
    let before = trial.between().daemon.log().len();
    trial.between().proxy.set(row.to_peer, row.from_peer);
    if row.is_refused {
        trial.between().proxy.refuse();
    }
    let since = Instant::now();
    loop {
        trial.load();
        be_patient(since);
        let has_struck = row.is_refused || trial.between().proxy.struck() > 0;
        let is_noticed = !trial.notices(row) || trial.ends() > ends;
        if has_struck && is_noticed && since.elapsed() > LASTS {
            break;
        }
        let mut log = || trial.between().daemon.log();
        assert!(
            since.elapsed() < PATIENCE,
            "{}: met {has_struck}, noticed {is_noticed}\n{}",
            row.name,
            log()
        );
    }
    let Between { daemon, neighbour, .. } = trial.between();
    if let Some(neighbour) = neighbour {
        neighbour.is_served(daemon);
    }
    trial.between().proxy.pass();
    trial.between().proxy.listen();
    (0..3).for_each(|_| trial.load());
    trial.check(row);
    if trial.notices(row) {
        let log = trial.between().daemon.log();
        let told = trial.told();
        let is_told = told.is_empty() || told.iter().any(|words| log[before..].contains(words));
        assert!(is_told, "{}: its end is not told:\n{log}", row.name);
    } else if row.is_harmless() {
        let log = trial.between().daemon.log();
        assert_eq!(trial.ends(), ends, "{}: {log}", row.name);
    }
    let grown = trial.between().daemon.memory("VmHWM") - memory;
    assert!(grown < MEMORY, "{}: {grown} KiB more than {memory}", row.name);
}
