//! The clock of one OpenSIPS, which counts whole seconds and can be put forward.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Counts seconds as OpenSIPS does: what was done within the same one was done at the same time.
pub(super) struct Clock {
    /// `None`: it stands still.
    start: Option<Instant>,
    /// Of the second in which it was started, what had passed.
    begun: Duration,
    advanced_millis: AtomicU64,
}

impl Clock {
    /// A clock that runs along with the system's; or stands still at the beginning of a second.
    pub fn new(is_still: bool) -> Clock {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let begun = Duration::from_nanos(u64::from(now.subsec_nanos()));
        let (start, begun) = if is_still { (None, Duration::ZERO) } else { (Some(Instant::now()), begun) };
        Clock { start, begun, advanced_millis: AtomicU64::new(0) }
    }

    /// Seconds since the one in which it was started.
    pub fn now(&self) -> u64 {
        let run = self.start.map_or(Duration::ZERO, |start| start.elapsed());
        let advanced = Duration::from_millis(self.advanced_millis.load(Ordering::Relaxed));
        (self.begun + run + advanced).as_secs()
    }

    /// It is so much later.
    pub fn advance(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.advanced_millis.fetch_add(millis, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_still_clock_moves_by_hand_alone() {
        let clock = Clock::new(true);
        assert_eq!(clock.now(), 0);
        clock.advance(Duration::from_millis(999));
        assert_eq!(clock.now(), 0);
        clock.advance(Duration::from_millis(1));
        assert_eq!(clock.now(), 1);
        clock.advance(Duration::from_secs(3600));
        assert_eq!(clock.now(), 3601);
    }
}
