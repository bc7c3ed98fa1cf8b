//! What one subscriber wants.

use super::ZmqError;
use crate::wire::zmtp::Subscription;
use bytes::Bytes;

/// Prefixes, at most, and bytes of them.
const MOST: usize = 10_000;
const BYTES: usize = 256 << 10;

/// Prefixes, each as often as it was asked for: so often it is to be cancelled.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    prefixes: Vec<(Bytes, usize)>,
    bytes: usize,
}

impl Subscriptions {
    /// Whether it wants a message whose first frame this is.
    pub fn want(&self, frame: &[u8]) -> bool {
        self.prefixes.iter().any(|(prefix, _)| frame.starts_with(prefix))
    }

    /// All that it wants.
    pub fn prefixes(&self) -> Vec<Bytes> {
        self.prefixes.iter().map(|(prefix, _)| prefix.clone()).collect()
    }

    /// Takes a change. To cancel what is not there changes nothing.
    pub fn change(&mut self, change: &Subscription) -> Result<(), ZmqError> {
        let (Subscription::Add(prefix) | Subscription::Remove(prefix)) = change;
        let known = self.prefixes.iter().position(|(it, _)| it == prefix);
        match (change, known) {
            (Subscription::Add(_), Some(known)) => self.prefixes[known].1 += 1,
            (Subscription::Add(_), None) => {
                self.bytes += prefix.len();
                if self.prefixes.len() == MOST || self.bytes > BYTES {
                    return Err(ZmqError::Flood("subscriptions"));
                }
                // What is kept of it must not keep all that was read with it.
                self.prefixes.push((Bytes::copy_from_slice(prefix), 1));
            }
            (Subscription::Remove(_), Some(known)) => {
                self.prefixes[known].1 -= 1;
                if self.prefixes[known].1 == 0 {
                    self.bytes -= prefix.len();
                    self.prefixes.swap_remove(known);
                }
            }
            (Subscription::Remove(_), None) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(prefix: &str) -> Subscription {
        Subscription::Add(Bytes::copy_from_slice(prefix.as_bytes()))
    }

    fn remove(prefix: &str) -> Subscription {
        Subscription::Remove(Bytes::copy_from_slice(prefix.as_bytes()))
    }

    #[test]
    fn a_prefix_is_wanted_until_it_is_cancelled_as_often_as_it_was_asked_for() {
        let mut wanted = Subscriptions::default();
        assert!(!wanted.want(b"") && !wanted.want(b"{"));
        for change in [add("[*]"), add("[S1]"), add("[*]"), remove("none"), remove("[*]")] {
            wanted.change(&change).expect("room");
        }
        assert!(wanted.want(b"[*]") && wanted.want(b"[S1]x") && !wanted.want(b"[S") && !wanted.want(b"[S2]"));
        wanted.change(&remove("[*]")).expect("it is there");
        assert!(!wanted.want(b"[*]"));
        wanted.change(&add("")).expect("room");
        assert!(wanted.want(b"") && wanted.want(b"anything"));
    }

    #[test]
    fn nobody_subscribes_without_end() {
        let flood = |prefix: &dyn Fn(usize) -> String| {
            let mut wanted = Subscriptions::default();
            (0..100_000).find(|number| wanted.change(&add(&prefix(*number))).is_err())
        };
        assert_eq!(flood(&|number| number.to_string()), Some(MOST));
        assert_eq!(flood(&|number| format!("{number:04096}")), Some(BYTES / 4096));
        assert_eq!(flood(&|_| "the same".to_owned()), None);
    }
}
