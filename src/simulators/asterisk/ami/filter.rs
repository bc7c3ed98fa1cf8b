//! Which events a session is told: the action Filter.
//!
//! A pattern is searched in the text of the whole event, line ends included. `!` before it has events that match left out; of patterns
//! without it one must match, if there are any.
//!
//! Asterisk takes POSIX regular expressions. These are known here: text, `.`, `.*`, `^` and `$` as begin and end of the whole event, and
//! `\` before a letter that is meant as it is. Everything else is refused, as Asterisk refuses what is no expression.

/// What a session has asked for.
#[derive(Debug, Default)]
pub(super) struct Filters {
    wanted: Vec<Pattern>,
    unwanted: Vec<Pattern>,
}

/// A pattern that is none, or one that is not known here.
#[derive(Debug, PartialEq)]
pub(super) struct BadPattern;

impl Filters {
    /// Adds what a header `Filter` says.
    pub fn add(&mut self, text: &[u8]) -> Result<(), BadPattern> {
        match text.strip_prefix(b"!") {
            Some(text) => self.unwanted.push(Pattern::parse(text)?),
            None => self.wanted.push(Pattern::parse(text)?),
        }
        Ok(())
    }

    /// Whether an event is told.
    pub fn pass(&self, event: &[u8]) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.is_in(event));
        (self.wanted.is_empty() || any(&self.wanted)) && !any(&self.unwanted)
    }
}

/// Pieces with `.*` between them.
#[derive(Debug)]
struct Pattern {
    pieces: Vec<Vec<Letter>>,
    at_begin: bool,
    at_end: bool,
}

#[derive(Debug, Clone, Copy)]
enum Letter {
    This(u8),
    Any,
}

impl Pattern {
    fn parse(text: &[u8]) -> Result<Pattern, BadPattern> {
        let (at_begin, text) = text.strip_prefix(b"^").map_or((false, text), |text| (true, text));
        let mut pattern = Pattern { pieces: Vec::new(), at_begin, at_end: false };
        let mut piece = Vec::new();
        let mut letters = text.iter().copied().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                b'\\' => piece.push(Letter::This(letters.next().ok_or(BadPattern)?)),
                b'.' if letters.next_if_eq(&b'*').is_some() => {
                    pattern.pieces.push(std::mem::take(&mut piece))
                }
                b'.' => piece.push(Letter::Any),
                b'$' if letters.peek().is_none() => pattern.at_end = true,
                b'^' | b'$' | b'*' | b'+' | b'?' | b'(' | b')' | b'[' | b'{' | b'|' => {
                    return Err(BadPattern);
                }
                _ => piece.push(Letter::This(letter)),
            }
        }
        pattern.pieces.push(piece);
        Ok(pattern)
    }

    fn is_in(&self, text: &[u8]) -> bool {
        let Some((last, before)) = self.pieces.split_last() else { return true };
        let mut from = 0;
        for (number, piece) in before.iter().enumerate() {
            let fixed = self.at_begin && number == 0;
            match find(piece, text, from, fixed) {
                Some(end) => from = end,
                None => return false,
            }
        }
        let fixed = self.at_begin && before.is_empty();
        if !self.at_end {
            return find(last, text, from, fixed).is_some();
        }
        let start =
            text.len().checked_sub(last.len()).filter(|&start| start >= from && (!fixed || start == 0));
        start.is_some_and(|start| is_at(last, text, start))
    }
}

/// Where the first occurrence of `piece` behind `from` ends; of a `fixed` one where it begins there.
fn find(piece: &[Letter], text: &[u8], from: usize, fixed: bool) -> Option<usize> {
    let last = text.len().checked_sub(piece.len())?;
    let mut starts = from..=if fixed { from.min(last) } else { last };
    starts.find(|&start| is_at(piece, text, start)).map(|start| start + piece.len())
}

fn is_at(piece: &[Letter], text: &[u8], start: usize) -> bool {
    let fits = |(letter, &byte): (&Letter, &u8)| match letter {
        Letter::This(this) => *this == byte,
        Letter::Any => true,
    };
    text.len() - start >= piece.len() && piece.iter().zip(&text[start..]).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &[u8] =
        b"Event: DeviceStateChange\r\nPrivilege: call,all\r\nDevice: SIP/100\r\nState: INUSE\r\n\r\n";

    #[track_caller]
    fn check(filters: &[&str], passes: bool) {
        let mut all = Filters::default();
        for filter in filters {
            all.add(filter.as_bytes()).expect("a pattern");
        }
        assert_eq!(all.pass(EVENT), passes, "{filters:?}");
    }

    #[test]
    fn patterns_are_searched_in_the_whole_event() {
        check(&[], true);
        check(&[""], true);
        check(&["Event: DeviceStateChange"], true);
        check(&["Event: PresenceStateChange"], false);
        check(&["Event: PresenceStateChange", "Event: Device"], true);
        check(&["!Event: DeviceStateChange"], false);
        check(&["!Event: PresenceStatus"], true);
        check(&["Event: Device", "!SIP/100"], false);
        check(&["^Event: Device.*SIP/1..\r"], true);
        check(&["^Device: "], false);
        check(&["^.*Device: SIP"], true);
        check(&["State: INUSE.*$"], true);
        check(&["State: INUSE\r\n\r\n$"], true);
        check(&["^State: INUSE\r\n\r\n$"], false);
        check(&["State: INUSE$"], false);
        check(&["INUSE.*DeviceState"], false);
        check(&["SIP\\/100", "x"], true);
        check(&["SIP\\.100"], false);
        check(&[&"x".repeat(500)], false);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for pattern in ["(a|b)", "a*", "[ab", "a\\", "a^b", "a$b", "!a+"] {
            assert_eq!(Filters::default().add(pattern.as_bytes()), Err(BadPattern), "{pattern}");
        }
    }
}
