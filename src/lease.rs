//! Until when this daemon may act, where several share one database (`[cluster]`).
//!
//! The active one writes a beat into the database again and again. It may act for the time of the lease from the moment
//! *before* a beat was sent; the others take its place no sooner than that time, and a margin, after they have *seen* the
//! beat, which is later. So the old one always knows that its time is over before there is a new one. Both measure with
//! `CLOCK_BOOTTIME`, which goes on while a host sleeps: one that wakes up knows how long it was away.
//!
//! Here is the arithmetic of both sides, and [`Lease`], at which everybody looks right before something leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// The part of a lease that clocks may differ in while it lasts; far more than clocks do.
const MARGIN: u32 = 10;

/// A moment of the clock that goes on while the host sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    pub fn now() -> Moment {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        // Since the host was started: never before that.
        let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
        Moment(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    pub fn after(self, time: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long ago another was; nothing where it is still to come.
    pub fn since(self, other: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(other.0))
    }
}

/// How long whoever stands by waits after it has seen a beat.
pub fn patience(lease: Duration) -> Duration {
    lease + lease / MARGIN
}

/// How often the active one beats: two beats may be lost.
pub fn beat_every(lease: Duration) -> Duration {
    lease / 3
}

/// How often whoever stands by looks.
pub fn look_every(lease: Duration) -> Duration {
    (lease / 10).clamp(Duration::from_millis(100), Duration::from_millis(500))
}

/// What whoever stands by has seen of the active one, and since when that has not changed.
#[derive(Debug, Default)]
pub struct Sight<T>(Option<(T, Moment)>);

impl<T: PartialEq> Sight<T> {
    /// Takes note of what is seen at `now`; says for how long it has been so.
    pub fn see(&mut self, what: T, now: Moment) -> Duration {
        match &self.0 {
            Some((before, since)) if *before == what => now.since(*since),
            _ => {
                self.0 = Some((what, now));
                Duration::ZERO
            }
        }
    }

    /// Whoever could not look for a while does not know how long it has been so.
    pub fn forget(&mut self) {
        self.0 = None;
    }
}

/// Whether this daemon may act. Clones look at the same lease.
#[derive(Debug, Clone, Default)]
pub struct Lease(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    /// This process, among all that ever held one.
    holder: Uuid,
    /// The lease ends then; 0: there is none.
    until: AtomicU64,
    /// Of the latest lease that was held.
    epoch: watch::Sender<Option<i64>>,
    /// The largest epoch that was met in a database, and is not ours.
    met: AtomicI64,
    /// Somebody has found that another may have it.
    doubted: Notify,
}

impl Lease {
    /// Of a daemon that is the only one: it may always act.
    pub fn unlimited() -> Lease {
        Lease(None)
    }

    /// Of one among several, which does not hold it yet.
    pub fn waiting() -> Lease {
        Lease(Some(Arc::new(Shared {
            holder: Uuid::now_v7(),
            until: AtomicU64::new(0),
            epoch: watch::Sender::new(None),
            met: AtomicI64::new(0),
            doubted: Notify::new(),
        })))
    }

    /// By which name this process holds it; of one that is the only one, nobody's.
    pub fn holder(&self) -> Uuid {
        self.0.as_ref().map_or(Uuid::nil(), |shared| shared.holder)
    }

    /// Whether something may leave now. Costs a look at the clock.
    pub fn is_valid(&self) -> bool {
        self.0.as_ref().is_none_or(|shared| shared.until.load(Ordering::Acquire) > Moment::now().0)
    }

    /// Whether something may leave now for `to`, a word of ours for the metrics; what may not is counted.
    pub fn allows(&self, to: &'static str) -> bool {
        let is_valid = self.is_valid();
        if !is_valid {
            metrics::counter!("eventmanager_cluster_refused_total", "what" => to).increment(1);
        }
        is_valid
    }

    /// What is left of it; `None` for a daemon that is the only one.
    pub fn left(&self) -> Option<Duration> {
        let shared = self.0.as_ref()?;
        Some(Moment(shared.until.load(Ordering::Acquire)).since(Moment::now()))
    }

    /// Whether there are others beside this daemon.
    pub fn is_shared(&self) -> bool {
        self.0.is_some()
    }

    /// The number of the latest lease that was held here; each is larger than all before it, wherever they were held.
    pub fn epoch(&self) -> Option<i64> {
        *self.0.as_ref()?.epoch.borrow()
    }

    /// It is held from now on.
    pub fn hold(&self, epoch: i64, until: Moment) {
        if let Some(shared) = &self.0 {
            shared.until.store(until.0, Ordering::Release);
            shared.epoch.send_replace(Some(epoch));
        }
    }

    /// It lasts longer.
    pub fn extend(&self, until: Moment) {
        if let Some(shared) = &self.0 {
            shared.until.fetch_max(until.0, Ordering::AcqRel);
        }
    }

    /// It is over at once.
    pub fn end(&self) {
        if let Some(shared) = &self.0 {
            shared.until.store(0, Ordering::Release);
        }
    }

    /// A database says that another has it, under the epoch `met`: it is over until the database of the events has been asked.
    pub fn doubt(&self, met: i64) {
        self.end();
        if let Some(shared) = &self.0 {
            shared.met.fetch_max(met, Ordering::AcqRel);
            shared.doubted.notify_one();
        }
    }

    /// Resolves when it has been doubted since this was last asked.
    pub async fn doubted(&self) {
        match &self.0 {
            Some(shared) => shared.doubted.notified().await,
            None => std::future::pending().await,
        }
    }

    /// The largest epoch that was met beside ours.
    pub fn met(&self) -> i64 {
        self.0.as_ref().map_or(0, |shared| shared.met.load(Ordering::Acquire))
    }

    /// Resolves when it is held for the first time.
    pub fn held(&self) -> impl Future<Output = ()> + Send + use<> {
        let epoch = self.0.as_ref().map(|shared| shared.epoch.subscribe());
        async move {
            if let Some(mut epoch) = epoch
                && epoch.wait_for(Option::is_some).await.is_err()
            {
                // Nobody is left who could hold it.
                std::future::pending().await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(3);

    fn at(millis: u64) -> Moment {
        Moment(millis * 1_000_000)
    }

    #[test]
    fn the_old_one_is_over_before_there_is_a_new_one() {
        // Beats are sent, committed and seen with whatever delays; clocks may differ by some hundredths.
        for (sent, committed, seen) in [(0, 0, 0), (0, 900, 901), (0, 1, 500), (100, 2900, 2901)] {
            assert!(sent <= committed && committed <= seen);
            let old_ends = at(sent).after(LEASE);
            let mut sight = Sight::default();
            assert_eq!(sight.see("beat", at(seen)), Duration::ZERO);
            let mut now = seen;
            while sight.see("beat", at(now)) < patience(LEASE) {
                now += 10;
            }
            assert!(at(now) >= old_ends.after(LEASE / 20), "{sent} {seen}: taken at {now}");
        }
    }

    #[test]
    fn whatever_moves_is_alive() {
        let mut sight = Sight::default();
        for beat in 0..100 {
            let now = at(beat * 1000);
            assert_eq!(sight.see(beat, now), Duration::ZERO);
            assert_eq!(sight.see(beat, at(beat * 1000 + 900)), Duration::from_millis(900));
        }
        sight.forget();
        assert_eq!(sight.see(99, at(200_000)), Duration::ZERO, "it could not look for a while");
    }

    #[test]
    fn an_active_one_that_loses_two_beats_keeps_its_lease() {
        assert!(beat_every(LEASE) * 3 <= LEASE);
        for (lease, every) in [(1, 100), (3, 300), (30, 500)] {
            assert_eq!(look_every(Duration::from_secs(lease)), Duration::from_millis(every));
        }
        // A take-over within five seconds of the last sign of life.
        let worst = patience(LEASE) + 2 * look_every(LEASE);
        assert!(worst < Duration::from_secs(4), "{worst:?}");
    }

    #[test]
    fn a_lease_lasts_until_its_end_and_one_that_is_alone_for_ever() {
        assert!(Lease::unlimited().is_valid() && Lease::unlimited().epoch().is_none());
        let lease = Lease::waiting();
        assert!(!lease.is_valid() && lease.is_shared());
        lease.hold(7, Moment::now().after(Duration::from_secs(60)));
        assert!(lease.is_valid() && lease.epoch() == Some(7));
        lease.end();
        assert!(!lease.is_valid() && lease.epoch() == Some(7));
        lease.extend(Moment::now().after(Duration::from_secs(60)));
        lease.extend(Moment::now());
        assert!(lease.is_valid(), "a late answer to an earlier beat takes nothing away");
        lease.hold(8, Moment::now());
        assert!(!lease.allows("test"));
    }

    #[actix_rt::test]
    async fn a_lease_that_is_doubted_is_over_until_it_is_held_again() {
        let lease = Lease::waiting();
        assert_ne!(lease.holder(), Lease::waiting().holder());
        lease.hold(4, Moment::now().after(Duration::from_secs(60)));
        lease.doubt(9);
        lease.doubt(7);
        lease.doubted().await;
        assert!(!lease.is_valid() && lease.met() == 9);
        lease.hold(10, Moment::now().after(Duration::from_secs(60)));
        assert!(lease.is_valid());
    }

    #[actix_rt::test]
    async fn who_waits_for_it_goes_on_when_it_is_held() {
        Lease::unlimited().held().await;
        let lease = Lease::waiting();
        let held = lease.held();
        lease.hold(1, Moment::now());
        held.await;
    }
}
