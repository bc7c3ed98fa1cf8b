//! What has just been handed on, and to whom.

use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Who gets what is handed on, by a number of his own.
pub type ReceiverId = u64;

/// Events, and bytes of them, that are handed on before those who write have their turn.
const EVENTS: usize = 100;
const BYTES: usize = 1 << 20;
/// Whoever got nothing for so long has no part in it; those who took nothing are tried again after it.
const LATELY: Duration = Duration::from_secs(1);

/// What is handed on before those who write have their turn.
pub struct Turn {
    events: usize,
    bytes: usize,
    /// All who got something lately.
    pub receivers: BTreeSet<ReceiverId>,
    /// They were waited for, and none of them has taken anything.
    pub is_in_vain: bool,
    /// Since when the latter two hold.
    since: Instant,
}

impl Turn {
    /// The first.
    pub fn new() -> Turn {
        Turn { events: 0, bytes: 0, receivers: BTreeSet::new(), is_in_vain: false, since: Instant::now() }
    }

    /// These got an event of so many bytes.
    pub fn add(&mut self, receivers: Vec<ReceiverId>, bytes: usize) {
        self.receivers.extend(receivers);
        self.events += 1;
        self.bytes += bytes;
    }

    /// Whether others have their turn now, before what is new fills half of a queue.
    pub fn is_over(&self, queue: usize) -> bool {
        self.events >= EVENTS.min(queue.div_ceil(2)) || self.bytes >= BYTES
    }

    /// The next one begins.
    pub fn begin_next(&mut self) {
        if self.since.elapsed() >= LATELY {
            *self = Turn::new();
        }
        (self.events, self.bytes) = (0, 0);
    }
}

/// The event that was handed on last, and to whom: a part of its rows may come later than the others.
#[derive(Default)]
pub struct Latest {
    uuid: Uuid,
    receivers: Vec<ReceiverId>,
}

impl Latest {
    /// Those of the receivers that have not got this event already.
    pub fn others(&mut self, uuid: Uuid, mut receivers: Vec<ReceiverId>) -> Vec<ReceiverId> {
        if uuid == self.uuid {
            receivers.retain(|id| !self.receivers.contains(id));
            self.receivers.extend_from_slice(&receivers);
        } else {
            (self.uuid, self.receivers) = (uuid, receivers.clone());
        }
        receivers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_goes_to_nobody_twice() {
        let (mut latest, one, two) = (Latest::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(latest.others(one, vec![1, 2]), [1, 2]);
        assert_eq!(latest.others(one, vec![1, 2, 3]), [3]);
        assert!(latest.others(one, vec![3]).is_empty());
        assert_eq!(latest.others(two, vec![1]), [1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_is_over_after_so_many_events_or_bytes_or_half_a_queue() {
        let mut turn = Turn::new();
        turn.add(vec![1], 10);
        assert!(turn.is_over(1) && turn.is_over(2) && !turn.is_over(3) && !turn.is_over(1_000));
        turn.begin_next();
        assert!(!turn.is_over(1) && turn.receivers.contains(&1));
        turn.add(vec![2], BYTES);
        assert!(turn.is_over(1_000));
        turn.begin_next();
        (0..EVENTS).for_each(|_| turn.add(vec![2], 1));
        assert!(turn.is_over(1_000_000));
        tokio::time::advance(LATELY).await;
        turn.begin_next();
        assert!(turn.receivers.is_empty());
    }
}
