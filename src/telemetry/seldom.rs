//! What a peer can bring about without end must not fill the log.

use std::cell::Cell;

/// So many are told each.
const EACH: u64 = 100;

/// Counts, and says which are told: all of the first, then ever fewer.
#[derive(Debug, Default)]
pub struct Seldom(Cell<u64>);

impl Seldom {
    /// Counts one more; how many there are by now, where this one is told.
    pub fn count(&self) -> Option<u64> {
        let count = self.0.get() + 1;
        self.0.set(count);
        (count <= EACH || count.is_power_of_two()).then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_told_and_then_ever_fewer() {
        let seldom = Seldom::default();
        let told: Vec<u64> = (0..1_000_000).filter_map(|_| seldom.count()).collect();
        assert_eq!(told[..100], (1..=100).collect::<Vec<u64>>());
        assert_eq!(told[100..103], [128, 256, 512]);
        assert!(told.len() < 120);
    }
}
