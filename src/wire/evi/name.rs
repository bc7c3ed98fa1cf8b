//! What may be a name, of an event or of a parameter.

use std::borrow::Cow;

/// Bytes, at most.
const LONGEST: usize = 255;

/// Whether this can be one.
pub fn is_name(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && !has_control(text)
}

fn has_control(text: &str) -> bool {
    // Without an early end, so that it is done with many bytes at a time: anything but plain ASCII.
    let is_special = text.bytes().fold(false, |special, byte| special | !(0x20..0x7f).contains(&byte));
    is_special && text.chars().any(char::is_control)
}

/// The name as it is written, with `_` for what it must not have: control characters, and those that `is_forbidden`.
pub fn written(name: &str, is_forbidden: impl Fn(usize, char) -> bool) -> Cow<'_, str> {
    if is_name(name) && !name.char_indices().any(|(at, letter)| is_forbidden(at, letter)) {
        return Cow::Borrowed(name);
    }
    let kept = &name[..name.floor_char_boundary(LONGEST)];
    let letter = |(at, letter): (usize, char)| {
        if letter.is_control() || is_forbidden(at, letter) { '_' } else { letter }
    };
    let name: String = kept.char_indices().map(letter).collect();
    Cow::Owned(if name.is_empty() { "_".to_owned() } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_what_is_none() {
        for name in ["E_X", "a b", "é", "\u{fffd}", &"x".repeat(LONGEST)] {
            assert!(is_name(name), "{name:?}");
            assert_eq!(written(name, |_, _| false), name);
        }
        for name in ["", "a\nb", "\0", "a\u{7f}", "\u{85}", &"x".repeat(LONGEST + 1)] {
            assert!(!is_name(name), "{name:?}");
            assert!(is_name(&written(name, |_, _| false)), "{name:?}");
        }
    }

    #[test]
    fn what_a_name_must_not_have_is_written_otherwise() {
        assert_eq!(written("a\nb:", |_, letter| letter == ':'), "a_b_");
        assert_eq!(written("", |_, _| false), "_");
        assert_eq!(written(&"é".repeat(200), |_, _| false), "é".repeat(127));
    }
}
