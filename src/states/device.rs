//! The state of a device, and what several of them are together.

/// A state, in the order in which one counts more than another where several say something about the same device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceState {
    Invalid,
    /// Asterisk cannot say. Never written: Asterisk refuses it.
    Unknown,
    Unavailable,
    NotInUse,
    OnHold,
    Ringing,
    InUse,
    Busy,
    RingInUse,
}

use DeviceState::*;

/// All of them, with the words of AMI.
const WORDS: [(DeviceState, &str); 9] = [
    (Invalid, "INVALID"),
    (Unknown, "UNKNOWN"),
    (Unavailable, "UNAVAILABLE"),
    (NotInUse, "NOT_INUSE"),
    (OnHold, "ONHOLD"),
    (Ringing, "RINGING"),
    (InUse, "INUSE"),
    (Busy, "BUSY"),
    (RingInUse, "RINGINUSE"),
];

impl DeviceState {
    /// All of them, in their order.
    pub const ALL: [DeviceState; 9] =
        [Invalid, Unknown, Unavailable, NotInUse, OnHold, Ringing, InUse, Busy, RingInUse];

    /// The state of this word, in whatever case it is written; `None` where there is none.
    pub fn parse(word: &[u8]) -> Option<DeviceState> {
        let is_it = |&&(_, it): &&(DeviceState, &str)| word.eq_ignore_ascii_case(it.as_bytes());
        WORDS.iter().find(is_it).map(|&(state, _)| state)
    }

    /// The word of AMI.
    pub fn as_str(self) -> &'static str {
        WORDS[self as usize].1
    }

    /// Whether it can be set on an Asterisk.
    pub fn is_settable(self) -> bool {
        self != Unknown
    }

    /// What several states of one device are together; `None` of none. The one that counts most, but a device that rings here while it
    /// is used, held or busy there is both.
    pub fn aggregate(states: impl IntoIterator<Item = DeviceState>) -> Option<DeviceState> {
        let (mut most, mut rings, mut is_used) = (None, false, false);
        for state in states {
            most = most.max(Some(state));
            rings |= state == Ringing;
            is_used |= matches!(state, InUse | OnHold | Busy);
        }
        if rings && is_used { Some(RingInUse) } else { most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_ami_in_any_case() {
        for (at, state) in DeviceState::ALL.into_iter().enumerate() {
            assert_eq!(DeviceState::parse(state.as_str().as_bytes()), Some(state));
            assert_eq!(WORDS[at].0, state, "the table is in the order of the states");
        }
        assert_eq!(DeviceState::parse(b"Inuse"), Some(InUse));
        for word in ["", "NEWSTATE", "IN USE", "INUSE "] {
            assert_eq!(DeviceState::parse(word.as_bytes()), None, "{word}");
        }
    }

    #[test]
    fn of_several_states_one_counts() {
        let check = |states: &[DeviceState], expected: Option<DeviceState>| {
            assert_eq!(DeviceState::aggregate(states.iter().copied()), expected, "{states:?}");
            assert_eq!(
                DeviceState::aggregate(states.iter().rev().copied()),
                expected,
                "{states:?}, reversed"
            );
        };
        check(&[], None);
        check(&[Invalid, Unknown], Some(Unknown));
        check(&[Unknown, Unavailable, NotInUse], Some(NotInUse));
        check(&[NotInUse, OnHold], Some(OnHold));
        check(&[OnHold, InUse], Some(InUse));
        check(&[InUse, Busy], Some(Busy));
        check(&[Ringing, NotInUse], Some(Ringing));
        for used in [InUse, OnHold, Busy, RingInUse] {
            check(&[Ringing, Unavailable, used], Some(RingInUse));
        }
    }
}
