//! How much was offered, by whom each thing is ready before the last one is taken: it is the other side alone that is waited for.

use std::time::{Duration, Instant};

/// What was offered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offered {
    pub count: u64,
    /// What this took who offered it, without the time in which it waited for the other side.
    pub own: Duration,
}

impl Offered {
    /// How many a second could have been taken.
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.own.as_secs_f64()
    }

    /// What several have offered at the same time.
    pub fn by_all(of: &[Offered]) -> Offered {
        let own: Duration = of.iter().map(|one| one.own).sum();
        Offered { count: of.iter().map(|one| one.count).sum(), own: own / of.len() as u32 }
    }
}

/// Counts, and tells waiting from work.
pub struct Clock {
    since: Instant,
    waited: Duration,
    pub count: u64,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { since: Instant::now(), waited: Duration::ZERO, count: 0 }
    }

    /// So many are taken when this is done.
    pub fn wait<T>(&mut self, count: u64, taking: impl FnOnce() -> T) -> T {
        let since = Instant::now();
        let taken = taking();
        self.waited += since.elapsed();
        self.count += count;
        taken
    }

    /// What was counted.
    pub fn offered(self) -> Offered {
        Offered { count: self.count, own: self.since.elapsed().saturating_sub(self.waited) }
    }
}
