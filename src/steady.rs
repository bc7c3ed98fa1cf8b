//! The time of day as it is when nobody sets the clock: for lives and windows that must neither end early nor hang where somebody does.
//!
//! What is stored, shown and sent has the time of the wall.

use std::time::{Instant, SystemTime};

/// See the module. It begins with the time of the wall.
#[derive(Debug, Clone, Copy)]
pub struct Steady {
    wall: SystemTime,
    began: Instant,
}

impl Steady {
    /// Goes on from now.
    pub fn start() -> Steady {
        Steady { wall: SystemTime::now(), began: Instant::now() }
    }

    /// The time.
    pub fn now(&self) -> SystemTime {
        self.at(Instant::now())
    }

    /// The time at this moment.
    pub fn at(&self, moment: Instant) -> SystemTime {
        match moment.checked_duration_since(self.began) {
            Some(passed) => self.wall + passed,
            None => self.wall.checked_sub(self.began - moment).unwrap_or(self.wall),
        }
    }

    /// A time of the wall, as far from now as it is by the wall.
    pub fn of_wall(&self, wall: SystemTime) -> SystemTime {
        let now = self.now();
        match wall.duration_since(SystemTime::now()) {
            Ok(ahead) => now.checked_add(ahead).unwrap_or(now),
            Err(error) => now.checked_sub(error.duration()).unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_goes_on_with_the_clock_that_nobody_sets() {
        let steady = Steady::start();
        let minute = Duration::from_secs(60);
        assert_eq!(steady.at(steady.began + minute), steady.wall + minute);
        assert_eq!(steady.at(steady.began), steady.wall);
        assert!(steady.now() >= steady.wall);
        let apart = |ahead: SystemTime| ahead.duration_since(steady.now()).unwrap_or_default();
        let hence = apart(steady.of_wall(SystemTime::now() + minute));
        assert!(hence <= minute && hence > minute / 2, "{hence:?}");
        assert_eq!(apart(steady.of_wall(SystemTime::now() - minute)), Duration::ZERO);
    }
}
