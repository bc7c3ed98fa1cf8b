//! How long an agent may be silent until it counts as gone, by the distances at which it has reported how its Asterisk is.
//!
//! Nothing says how often an agent reports. It does so at each connect besides, so that some distances are too short, and misses some while it is
//! away for a while, so that others are too long: the one in the middle of the latest is neither.

use std::time::Duration;

/// The latest, of which the one in the middle counts: two of them may be wrong.
const LATEST: usize = 5;
/// So many reports may be missing.
const MISSED: u32 = 4;
/// The patience with one of which it is not known yet how often it reports.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// See the module.
#[derive(Debug, Default)]
pub struct Distances {
    latest: [Duration; LATEST],
    seen: usize,
}

impl Distances {
    /// It has reported, so long after its report before.
    pub fn add(&mut self, distance: Duration) {
        self.latest[self.seen % LATEST] = distance;
        self.seen += 1;
    }

    /// An agent of which nothing is heard for longer may be gone.
    pub fn patience(&self) -> Duration {
        if self.seen < LATEST {
            return PATIENCE;
        }
        let mut latest = self.latest;
        latest.sort_unstable();
        latest[LATEST / 2].saturating_mul(MISSED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(distances: &[u64], expected: Duration) {
        let mut seen = Distances::default();
        distances.iter().for_each(|&seconds| seen.add(Duration::from_secs(seconds)));
        assert_eq!(seen.patience(), expected, "{distances:?}");
    }

    #[test]
    fn an_agent_that_is_young_has_its_time_however_close_its_reports_are() {
        check(&[], PATIENCE);
        check(&[3], PATIENCE);
        check(&[3, 30, 30, 30], PATIENCE);
        check(&[3, 30, 30, 30, 30], Duration::from_secs(120));
    }

    #[test]
    fn some_connects_and_absences_change_nothing() {
        check(&[30, 30, 30, 30, 30, 1, 1], Duration::from_secs(120));
        check(&[30, 30, 30, 30, 30, 110, 400], Duration::from_secs(120));
        check(&[30, 110, 30, 1, 30], Duration::from_secs(120));
    }

    #[test]
    fn another_distance_is_learned() {
        check(&[30, 30, 30, 30, 30, 60, 60, 60], Duration::from_secs(240));
        check(&[60, 60, 60, 60, 60, 10, 10, 10], Duration::from_secs(40));
        check(&[u64::MAX; 5], Duration::MAX);
    }
}
