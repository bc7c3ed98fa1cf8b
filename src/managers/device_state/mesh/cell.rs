//! What one server says of one key, and what it has of it.

use std::num::NonZeroU8;
use std::time::{Duration, Instant};

/// Values written to a server whose events may still come, at most; of more the oldest are forgotten.
const ECHOES: usize = 7;

/// A value of an entry, in a byte: the entry knows which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(NonZeroU8);

impl Token {
    /// The value at this place of its entry's; `None` where there can be no such place.
    pub fn at(index: usize) -> Option<Token> {
        let place = u8::try_from(index).ok()?.checked_add(1)?;
        NonZeroU8::new(place).map(Token)
    }

    /// Its place.
    pub fn index(self) -> usize {
        usize::from(self.0.get()) - 1
    }
}

/// Microseconds since the mesh began: a third of the room that instants would take in each cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct At(u64);

impl At {
    /// When `now` is, for a mesh that `began` then.
    pub fn new(began: Instant, now: Instant) -> At {
        At(u64::try_from(now.saturating_duration_since(began).as_micros()).unwrap_or(u64::MAX))
    }

    /// How long ago it was.
    pub fn until(self, now: At) -> Duration {
        Duration::from_micros(now.0.saturating_sub(self.0))
    }

    /// Since the mesh began.
    pub fn since_begin(self) -> Duration {
        Duration::from_micros(self.0)
    }
}

/// See the module. A server has its say under the key's own name, and is told what others say under the mirrored one.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// What it says of its own device, as far as it may have a say.
    pub origin: Option<Token>,
    /// What it has of the others, as it was listed, heard or confirmed last; `None` where nobody knows.
    pub known: Option<Token>,
    /// What is being written to it.
    pub flight: Option<Token>,
    /// What it was told last and has confirmed.
    pub told: Option<Token>,
    /// Not written again, for a reason that the server's table has: until something else is to be written, or it has been listed.
    pub held: Option<Token>,
    /// How often it was told the same once more since it was listed.
    pub repeats: u8,
    /// It stands in the queue.
    pub queued: bool,
    /// What is in flight is not what is wanted any more.
    pub again: bool,
    /// Somebody else has set it while something was in flight: what it has afterwards nobody knows.
    pub spoiled: bool,
    /// It was seen to have another value than we believed.
    pub diverged: bool,
    pub echoes: Echoes,
    /// When it began to say this.
    pub said_at: At,
    /// For how many milliseconds since it has been heard to say so: it may have said something else in between.
    pub said_for: u32,
    /// When it was told this.
    pub told_at: At,
    /// When what is queued, or to be written after what is in flight, was heard.
    pub pending_since: At,
}

impl Cell {
    /// The tokens that stand here.
    pub fn tokens(&self) -> impl Iterator<Item = Token> + '_ {
        let own = [self.origin, self.known, self.flight, self.told, self.held];
        own.into_iter().flatten().chain(self.echoes.iter())
    }

    /// Whether this, as the server has it now, comes of what was written to it.
    pub fn is_echo(&mut self, token: Token) -> bool {
        let is_latest = if self.flight.is_some() { self.flight } else { self.known } == Some(token);
        self.echoes.take(token) || is_latest
    }

    /// When it was last heard to say what it says, a millisecond too late at most.
    pub fn heard_at(&self) -> At {
        At(self.said_at.0.saturating_add(u64::from(self.said_for) * 1_000))
    }

    /// It was heard to say once more what it says.
    pub fn say_again(&mut self, now: At) {
        let millis = now.0.saturating_sub(self.said_at.0).div_ceil(1_000);
        self.said_for = u32::try_from(millis).unwrap_or(u32::MAX);
    }

    /// Whether something of it is under way.
    pub fn is_pending(&self) -> bool {
        self.queued || self.flight.is_some()
    }
}

/// What was written to a server and may come back as its events, in order.
#[derive(Debug, Clone, Default)]
pub struct Echoes([Option<Token>; ECHOES]);

impl Echoes {
    /// This is being written.
    pub fn expect(&mut self, token: Token) {
        if self.0[ECHOES - 1].is_some() {
            self.0.rotate_left(1);
            self.0[ECHOES - 1] = None;
        }
        if let Some(free) = self.0.iter_mut().find(|place| place.is_none()) {
            *free = Some(token);
        }
    }

    /// Whether this is one of them. Those before it come no more: they were one with it, or made no event.
    pub fn take(&mut self, token: Token) -> bool {
        let Some(at) = self.0.iter().position(|place| *place == Some(token)) else { return false };
        self.0.rotate_left(at + 1);
        self.0[ECHOES - at - 1..].fill(None);
        true
    }

    /// What was expected last was not written after all.
    pub fn retract(&mut self) {
        if let Some(last) = self.0.iter_mut().rev().find(|place| place.is_some()) {
            *last = None;
        }
    }

    /// Nothing is expected any more.
    pub fn clear(&mut self) {
        *self = Echoes::default();
    }

    fn iter(&self) -> impl Iterator<Item = Token> + '_ {
        self.0.iter().copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(index: usize) -> Token {
        Token::at(index).expect("a token")
    }

    #[test]
    fn tokens_are_places() {
        assert_eq!((token(0).index(), token(254).index()), (0, 254));
        assert_eq!((Token::at(255), Token::at(1000)), (None, None));
        assert!(size_of::<Cell>() <= 48, "{}: there are many cells", size_of::<Cell>());
    }

    #[test]
    fn echoes_come_in_order_and_those_before_come_no_more() {
        let mut echoes = Echoes::default();
        for index in [1, 2, 1, 3] {
            echoes.expect(token(index));
        }
        assert!(!echoes.take(token(4)));
        assert!(echoes.take(token(1)), "the first of them");
        assert!(echoes.take(token(1)), "the second: 2 made no event");
        assert!(!echoes.take(token(2)));
        assert!(echoes.take(token(3)));
        assert!(!echoes.take(token(3)));
    }

    #[test]
    fn of_more_echoes_than_fit_the_oldest_are_forgotten() {
        let mut echoes = Echoes::default();
        (0..ECHOES + 2).for_each(|index| echoes.expect(token(index)));
        assert!(!echoes.take(token(1)) && echoes.take(token(2)) && echoes.take(token(ECHOES + 1)));
        assert_eq!(echoes.iter().count(), 0);
    }

    #[test]
    fn what_was_not_written_makes_no_echo() {
        let mut echoes = Echoes::default();
        [1, 2].into_iter().for_each(|index| echoes.expect(token(index)));
        echoes.retract();
        assert!(!echoes.take(token(2)) && echoes.take(token(1)));
    }
}
