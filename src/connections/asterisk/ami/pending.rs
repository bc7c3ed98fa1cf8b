//! Actions that are not answered yet, found by the ids that responses carry.
//!
//! Ids are a prefix of this session and a number that grows, so that those of others, and of sessions before, mean nothing. Answers come
//! in the order of the actions as a rule, and in any other all the same.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Actions from the oldest that is not answered to the latest, at most.
const MOST: usize = 100_000;

/// See the module.
pub struct Pending<T> {
    prefix: String,
    /// The number of the first in `actions`.
    first: u64,
    /// `None`: it is answered, and one before it is not. The first is never answered.
    actions: VecDeque<Option<Sent<T>>>,
    /// When the first became the first, or was heard of last.
    progress: Instant,
}

struct Sent<T> {
    at: Instant,
    action: T,
}

/// Why an id means no action of ours; the metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownId(pub &'static str);

impl<T> Pending<T> {
    /// None yet; ids begin with `prefix`.
    pub fn new(prefix: String) -> Pending<T> {
        Pending { prefix, first: 1, actions: VecDeque::new(), progress: Instant::now() }
    }

    /// What all ids begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether there is no room for more.
    pub fn is_full(&self) -> bool {
        self.actions.len() >= MOST
    }

    /// Adds an action that is about to be sent; its number.
    pub fn add(&mut self, action: T, at: Instant) -> u64 {
        let number = self.next();
        self.actions.push_back(Some(Sent { at, action }));
        number
    }

    /// The number of the action that is added next.
    pub fn next(&self) -> u64 {
        self.first + self.actions.len() as u64
    }

    /// The id of a number.
    pub fn id(&self, number: u64) -> String {
        format!("{}{number}", self.prefix)
    }

    /// The action of this id, which goes on.
    pub fn get(&mut self, id: Option<&[u8]>) -> Result<&mut T, UnknownId> {
        let place = self.place(id)?;
        if place == 0 {
            self.progress = Instant::now();
        }
        let sent = self.actions.get_mut(place).and_then(Option::as_mut);
        sent.map(|sent| &mut sent.action).ok_or(UnknownId("unknown_action_id"))
    }

    /// The action of this id, which is answered.
    pub fn take(&mut self, id: Option<&[u8]>, now: Instant) -> Result<T, UnknownId> {
        let place = self.place(id)?;
        let sent = self.actions.get_mut(place).and_then(Option::take);
        let action = sent.ok_or(UnknownId("unknown_action_id"))?.action;
        if place == 0 {
            self.advance(now);
        }
        Ok(action)
    }

    fn place(&self, id: Option<&[u8]>) -> Result<usize, UnknownId> {
        let unknown = UnknownId("unknown_action_id");
        let digits =
            id.ok_or(UnknownId("no_action_id"))?.strip_prefix(self.prefix.as_bytes()).ok_or(unknown)?;
        if digits.is_empty() || digits.len() > 18 {
            return Err(unknown);
        }
        let digit =
            |number: u64, digit: &u8| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'));
        let number = digits.iter().try_fold(0, digit).ok_or(unknown)?;
        let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        place.filter(|&place| place < self.actions.len()).ok_or(unknown)
    }

    /// The first that is not answered becomes the first.
    fn advance(&mut self, now: Instant) {
        while let Some(None) = self.actions.front() {
            self.actions.pop_front();
            self.first += 1;
        }
        self.progress = now;
    }

    /// When the first should have been answered: so long after it was sent, or after the one before it was answered. A server works
    /// off one after the other.
    pub fn deadline(&self, timeout: Duration) -> Option<Instant> {
        let first = self.actions.front()?.as_ref()?;
        Some(first.at.max(self.progress) + timeout)
    }

    /// The first that is not answered, and when it was sent.
    pub fn first(&self) -> Option<(&T, Instant)> {
        self.actions.front()?.as_ref().map(|sent| (&sent.action, sent.at))
    }

    /// Gives up the first.
    pub fn give_up_first(&mut self, now: Instant) {
        if let Some(first) = self.actions.front_mut() {
            *first = None;
            self.advance(now);
        }
    }

    /// All that are not answered, which may become others.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.actions.iter_mut().flatten().map(|sent| &mut sent.action)
    }

    /// All that will not be answered any more.
    pub fn take_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.first += self.actions.len() as u64;
        std::mem::take(&mut self.actions).into_iter().flatten().map(|sent| sent.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(actions: &[&'static str]) -> Pending<&'static str> {
        let mut pending = Pending::new("em7-".to_owned());
        let now = Instant::now();
        for action in actions {
            pending.add(*action, now);
        }
        pending
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_finds_its_action_in_whatever_order_answers_come() {
        let mut pending = pending(&["a", "b", "c"]);
        let now = Instant::now();
        let mut take = |id: &str| pending.take(Some(id.as_bytes()), now);
        assert_eq!((take("em7-2"), take("em7-3"), take("em7-1")), (Ok("b"), Ok("c"), Ok("a")));
        assert_eq!(take("em7-1"), Err(UnknownId("unknown_action_id")), "once");
        assert_eq!(pending.add("d", now), 4);
        assert_eq!(pending.take(Some(b"em7-4"), now), Ok("d"));
        assert_eq!(pending.deadline(Duration::from_secs(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_that_is_not_ours_completes_nothing() {
        let mut pending = pending(&["a"]);
        let now = Instant::now();
        for id in [
            "",
            "1",
            "em7-",
            "em7-0",
            "em7-2",
            "em7-01x",
            "em8-1",
            "em7-99999999999999999999",
            "em7--1",
            "EM7-1",
        ] {
            let taken = pending.take(Some(id.as_bytes()), now);
            assert_eq!(taken, Err(UnknownId("unknown_action_id")), "{id:?}");
        }
        assert_eq!(pending.take(None, now), Err(UnknownId("no_action_id")));
        assert_eq!(pending.take(Some(b"em7-1"), now), Ok("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_is_late_so_long_after_the_one_before_it() {
        let timeout = Duration::from_secs(5);
        let mut pending = pending(&["a", "b", "c"]);
        let began = Instant::now();
        assert_eq!(pending.deadline(timeout), Some(began + timeout));
        let later = began + Duration::from_secs(4);
        pending.take(Some(b"em7-2"), later).expect("b");
        assert_eq!(pending.deadline(timeout), Some(began + timeout), "the oldest is not answered yet");
        pending.take(Some(b"em7-1"), later).expect("a");
        assert_eq!(pending.deadline(timeout), Some(later + timeout));
        assert_eq!(pending.first().map(|(action, _)| *action), Some("c"));
        assert_eq!(pending.take_all().collect::<Vec<_>>(), ["c"]);
        assert_eq!(pending.take(Some(b"em7-3"), later), Err(UnknownId("unknown_action_id")));
        assert_eq!(pending.add("d", later), 4, "no number comes twice");
    }
}
