//! All paths at once: who offers what on each of them, and what each is built for.

use crate::bytes::{PROVISIONED, Pieces};
use crate::offered::{Clock, Offered};
use crate::posting::post;
use crate::rates::Path;
use crate::world::{ASTERISKS, DEVICES, HUBS, TOPIC, World};
use eventmanager::simulators::opensips::named;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

/// Who posts events at the same time: each waits for its answer.
const POSTERS: usize = 64;
/// What a busy OpenSIPS raises, in events a second. Ten times that is sent, as fast as it goes: nobody tells who sends datagrams to wait.
const BUSY: u32 = 2_000;
/// Events of an Asterisk that may wait to be read.
const BEHIND: u64 = 500_000;

/// What was offered, by paths, and for how long.
pub struct All {
    lasted: Duration,
    pub documents: Offered,
    pub frames: Offered,
    pub changes: Offered,
    pub evi: Offered,
    pub posted: Offered,
}

impl All {
    /// Offers for so long.
    pub fn offer(world: &World, duration: Duration) -> All {
        let (is_over, posted) = (&AtomicBool::new(false), &AtomicU64::new(0));
        let (since, path) = (Instant::now(), &format!("{TOPIC}/event"));
        std::thread::scope(|scope| {
            let documents = scope.spawn(|| world.broadworks.offer(Pieces::documents(), is_over));
            let frames = scope.spawn(|| world.kamailio.offer(Pieces::frames(), is_over));
            let changes = (0..ASTERISKS).map(|at| scope.spawn(move || change_states(world, at, is_over)));
            let changes = changes.collect();
            let posters =
                (0..POSTERS).map(|_| scope.spawn(|| post(world.daemon.http, path, posted, is_over)));
            let posters = posters.collect();
            let evi = scope.spawn(|| flood(world, u64::from(BUSY) * 10 * duration.as_secs()));
            std::thread::sleep(duration);
            is_over.store(true, Ordering::Relaxed);
            All {
                lasted: since.elapsed(),
                documents: documents.join().expect("documents"),
                frames: frames.join().expect("frames"),
                changes: by_all(changes),
                evi: evi.join().expect("events"),
                posted: by_all(posters),
            }
        })
    }

    /// What each path is built for, beside what it was offered and has taken.
    pub fn rates(&self, world: &World) -> [Path; 6] {
        let All { lasted, documents, frames, changes, evi, posted } = *self;
        let path = |name, budget, offered, taken| Path::new(name, budget, offered, taken, lasted);
        let changes_read = (0..ASTERISKS).map(|at| world.changes_read(at)).sum();
        [
            path("documents, stored", 30_000, documents, documents.count),
            path("documents, provisioned", 1_500, documents, documents.count).each(1.0 / PROVISIONED as f64),
            path("frames of a kamailio", 100_000, frames, frames.count),
            path("changes of states", 30_000, changes, changes_read),
            path("deliveries to hubs", 5_000, posted, posted.count).each(HUBS as f64),
            Path::new("events of an opensips", BUSY, evi, world.read("sbc"), evi.own),
        ]
    }
}

/// All phones of a server are picked up and put down again and again. It is waited for who is far behind, since a server that is simulated
/// keeps everything for whoever reads slowly.
fn change_states(world: &World, at: usize, is_over: &AtomicBool) -> Offered {
    let is_over = || is_over.load(Ordering::Relaxed);
    let mut clock = Clock::start();
    for times in 0.. {
        if is_over() {
            break;
        }
        assert_eq!(world.change_all(at, times), DEVICES as u64, "each of them is new");
        clock.count += DEVICES as u64;
        let count = clock.count;
        if count.is_multiple_of(BEHIND) {
            clock.wait(0, || {
                while count.saturating_sub(world.changes_read(at)) > BEHIND && !is_over() {
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
    }
    clock.offered()
}

fn flood(world: &World, count: u64) -> Offered {
    let since = Instant::now();
    let flood = world.opensips.flood("E_PIKE_BLOCKED", count, None, |_| named([("ip", "203.0.113.7")]));
    Offered { count: flood.expect("a flood").join().sent, own: since.elapsed() }
}

fn by_all(threads: Vec<ScopedJoinHandle<Offered>>) -> Offered {
    let offered: Vec<Offered> = threads.into_iter().map(|it| it.join().expect("offered")).collect();
    Offered::by_all(&offered)
}
