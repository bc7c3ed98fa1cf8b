//! Slows down who guesses tokens: failures are counted for each client address.
//!
//! An address may fail [`BURST`] times at once and then once in [`EACH`]; beyond that it is not even looked at what it
//! shows. Who has an IPv6 network can use any address of it, so a /64 is one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Failures at once.
const BURST: u32 = 10;
/// So long for one more.
const EACH: Duration = Duration::from_secs(6);
/// Addresses that are remembered; beyond that the one that is forgiven soonest is forgotten.
const MOST: usize = 4096;

/// What a failure is among those of its address, so that the log tells a burst once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The first for some time.
    First,
    Further,
    /// From now on the address is refused for a while.
    Last,
}

/// Who has failed how often.
#[derive(Default)]
pub struct Limiter {
    /// When all failures of an address are forgiven: each failure moves it on by [`EACH`].
    forgiven: HashMap<IpAddr, Instant>,
}

impl Limiter {
    /// How long `address` is refused; `None` where it is not.
    pub fn refused(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let forgiven = self.forgiven.get(&network(address))?;
        let owed = forgiven.saturating_duration_since(now);
        owed.checked_sub(EACH * (BURST - 1)).filter(|wait| !wait.is_zero())
    }

    /// Counts a failure of `address`.
    pub fn fail(&mut self, address: IpAddr, now: Instant) -> Failure {
        let network = network(address);
        if !self.forgiven.contains_key(&network) {
            self.make_room(now);
        }
        let forgiven = self.forgiven.entry(network).or_insert(now);
        let first = *forgiven <= now;
        *forgiven = (*forgiven).max(now) + EACH;
        match self.refused(address, now) {
            Some(_) => Failure::Last,
            None if first => Failure::First,
            None => Failure::Further,
        }
    }

    fn make_room(&mut self, now: Instant) {
        if self.forgiven.len() < MOST {
            return;
        }
        self.forgiven.retain(|_, forgiven| *forgiven > now);
        if self.forgiven.len() < MOST {
            return;
        }
        if let Some(soonest) = self.forgiven.iter().min_by_key(|(_, at)| **at).map(|(network, _)| *network) {
            self.forgiven.remove(&soonest);
        }
    }
}

/// An IPv4 address itself, also where it comes as `::ffff:a.b.c.d`; of an IPv6 address its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn who_fails_too_often_waits_and_nobody_else_does() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        let (guesser, other) = (ip("192.0.2.1"), ip("192.0.2.2"));
        assert_eq!(limiter.fail(guesser, now), Failure::First);
        for _ in 2..BURST {
            assert_eq!(limiter.fail(guesser, now), Failure::Further);
            assert_eq!(limiter.refused(guesser, now), None);
        }
        assert_eq!(limiter.fail(guesser, now), Failure::Last);
        assert_eq!(limiter.refused(guesser, now), Some(EACH));
        assert_eq!(limiter.refused(other, now), None);
        assert_eq!(limiter.refused(guesser, now + EACH / 2), Some(EACH / 2));
        assert_eq!(limiter.refused(guesser, now + EACH), None);
        assert_eq!(limiter.fail(guesser, now + EACH), Failure::Last, "one more in each span");
        assert_eq!(limiter.fail(guesser, now + EACH * (BURST + 1)), Failure::First, "all is forgiven");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_a_mapped_ipv4_is_itself() {
        let check = |one: &str, other: &str, same: bool| {
            assert_eq!(network(ip(one)) == network(ip(other)), same, "{one} {other}");
        };
        check("2001:db8::1", "2001:db8::ffff:1:2:3", true);
        check("2001:db8::1", "2001:db8:0:1::1", false);
        check("::ffff:192.0.2.1", "192.0.2.1", true);
        check("::ffff:192.0.2.1", "::ffff:192.0.2.2", false);
        check("192.0.2.1", "192.0.2.2", false);
    }

    #[test]
    fn addresses_without_end_fill_no_memory() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        let guesser = ip("192.0.2.1");
        (0..BURST).for_each(|_| _ = limiter.fail(guesser, now));
        for number in 0..2 * MOST as u32 {
            limiter.fail(IpAddr::V4((0x0a00_0000 + number).into()), now);
        }
        assert_eq!(limiter.forgiven.len(), MOST);
        assert!(limiter.refused(guesser, now).is_some(), "who has failed most is remembered");
        limiter.fail(ip("192.0.2.3"), now + EACH * (BURST + 1));
        assert_eq!(limiter.forgiven.len(), 1);
    }
}
