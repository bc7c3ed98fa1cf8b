//! Values that Asterisk escapes as C does: those of `PresenceStateChange`.

use std::borrow::Cow;

/// The value that was meant. What is no escape, and a backslash at the end, stays as it is.
pub fn unescape(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'\\') {
        return Cow::Borrowed(value);
    }
    let mut meant = Vec::with_capacity(value.len());
    let mut rest = value.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        let escaped = match (byte, rest.peek()) {
            (b'\\', Some(b'n')) => Some(b'\n'),
            (b'\\', Some(b'r')) => Some(b'\r'),
            (b'\\', Some(b't')) => Some(b'\t'),
            (b'\\', Some(&quoted @ (b'"' | b'\\'))) => Some(quoted),
            _ => None,
        };
        if escaped.is_some() {
            rest.next();
        }
        meant.push(escaped.unwrap_or(byte));
    }
    Cow::Owned(meant)
}

/// Appends a value as Asterisk writes it.
pub fn escape(value: &[u8], out: &mut Vec<u8>) {
    for &byte in value {
        let letter = match byte {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            b'"' | b'\\' => byte,
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_escaped_is_read_and_what_was_not_stays() {
        let check = |value: &str, expected: &str| {
            assert_eq!(
                unescape(value.as_bytes()).escape_ascii().to_string(),
                expected.as_bytes().escape_ascii().to_string()
            );
        };
        check("plain", "plain");
        check(r"line1\r\nline2", "line1\r\nline2");
        check(r#"\"a\"\tb\\c"#, "\"a\"\tb\\c");
        check(r"\\n", r"\n");
        check(r"tail\", r"tail\");
        check(r"\q\", r"\q\");
    }

    #[test]
    fn what_is_escaped_is_read_as_it_was() {
        let mut out = Vec::new();
        escape(b"line1\r\nline2\t\"\\n\xff", &mut out);
        assert_eq!(out, b"line1\\r\\nline2\\t\\\"\\\\n\xff");
        for first in 0..=u8::MAX {
            for second in [b'\\', b'n', b'"', first] {
                let mut out = Vec::new();
                escape(&[first, second, first], &mut out);
                assert_eq!(*unescape(&out), [first, second, first]);
            }
        }
    }
}
