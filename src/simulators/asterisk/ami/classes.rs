//! Classes of events and actions: what a user may read and write, and what a session wants to be told.

/// A set of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classes(u32);

/// In the order in which Asterisk names them.
const NAMES: [&str; 13] = [
    "system",
    "call",
    "log",
    "verbose",
    "command",
    "agent",
    "user",
    "config",
    "dtmf",
    "reporting",
    "cdr",
    "dialplan",
    "originate",
];

impl Classes {
    pub const NONE: Classes = Classes(0);
    pub const ALL: Classes = Classes(u32::MAX);
    pub const SYSTEM: Classes = Classes(1);
    pub const CALL: Classes = Classes(1 << 1);
    pub const COMMAND: Classes = Classes(1 << 4);
    pub const USER: Classes = Classes(1 << 6);
    pub const DIALPLAN: Classes = Classes(1 << 11);

    /// `on`, `off`, or names with commas between them; names that are none are skipped.
    pub fn parse(text: &[u8]) -> Classes {
        let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
        if is(&["on", "yes", "true", "all"]) {
            return Classes::ALL;
        }
        let named = |part: &[u8]| NAMES.iter().position(|name| part.trim_ascii() == name.as_bytes());
        let bits = text.split(|&byte| byte == b',').filter_map(named);
        Classes(bits.fold(0, |classes, bit| classes | 1 << bit))
    }

    /// Both of them.
    pub const fn and(self, other: Classes) -> Classes {
        Classes(self.0 | other.0)
    }

    /// Whether it has one of `other`, or `other` is none at all.
    pub fn allows(self, other: Classes) -> bool {
        other == Classes::NONE || self.0 & other.0 != 0
    }

    /// As the header `Privilege` has it: `call,all`.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        for (bit, name) in NAMES.iter().enumerate() {
            if self.0 & (1 << bit) != 0 {
                out.extend_from_slice(name.as_bytes());
                out.push(b',');
            }
        }
        out.extend_from_slice(b"all");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read() {
        assert_eq!(Classes::parse(b"on"), Classes::ALL);
        assert_eq!(Classes::parse(b"off"), Classes::NONE);
        assert_eq!(Classes::parse(b"call"), Classes::CALL);
        assert_eq!(Classes::parse(b"call, user,nonsense"), Classes::CALL.and(Classes::USER));
        assert!(!Classes::CALL.allows(Classes::USER) && Classes::CALL.allows(Classes::NONE));
        for (name, class) in [
            ("system", Classes::SYSTEM),
            ("command", Classes::COMMAND),
            ("user", Classes::USER),
            ("dialplan", Classes::DIALPLAN),
        ] {
            let mut written = Vec::new();
            class.write(&mut written);
            assert_eq!(written, format!("{name},all").as_bytes());
        }
    }
}
