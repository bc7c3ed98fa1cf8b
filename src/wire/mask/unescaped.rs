//! A text without the escapes of JSON, however deep they are nested, and where each letter of it stands in the text as it was
//! written.
//!
//! ```text
//! level    0        1        2            21  10
//! written  {"body":"{\"text\":\"say \\\"no\\\"\"}"}
//! without  {"body":"{"text":"say "no""}"}
//! ```
//!
//! Every string within a string doubles the backslashes and adds one, so that the number of them before a quote says how many
//! strings the quote is within: its level. This holds in text that is no JSON as well.

use memchr::memchr2;
use std::ops::Range;

/// See the module.
pub struct Unescaped<'a> {
    written: &'a str,
    pub text: String,
    /// Those that are not written as themselves, in their order.
    escapes: Vec<Escape>,
    /// All quotes, in their order.
    pub quotes: Vec<Quote>,
}

struct Escape {
    /// In the text without escapes.
    place: Range<usize>,
    written: Range<usize>,
}

/// A quote in the text without escapes.
pub struct Quote {
    pub at: usize,
    pub level: u32,
}

impl<'a> Unescaped<'a> {
    pub fn new(written: &'a str) -> Unescaped<'a> {
        let text = String::with_capacity(written.len());
        let mut unescaped = Unescaped { written, text, escapes: Vec::new(), quotes: Vec::new() };
        let mut at = 0;
        while let Some(len) = memchr2(b'\\', b'"', &written.as_bytes()[at..]) {
            unescaped.text.push_str(&written[at..at + len]);
            at = unescaped.read(at + len);
        }
        unescaped.text.push_str(&written[at..]);
        unescaped
    }

    /// Reads backslashes, as many as there are, and the letter behind them, if it is one that they belong to; says where that
    /// ends.
    fn read(&mut self, at: usize) -> usize {
        let backslashes = self.written[at..].bytes().take_while(|byte| *byte == b'\\').count();
        let behind = at + backslashes;
        let Some((letter, len)) = letter(&self.written[behind..]) else {
            self.text.push_str(&self.written[at..behind]);
            return behind;
        };
        let (level, own) = match (letter, len) {
            ('"', 1) => quote(backslashes),
            ('"', _) => numbered_quote(backslashes),
            _ => (0, backslashes),
        };
        // The others are text before it.
        self.text.push_str(&self.written[at..behind - own]);
        let start = self.text.len();
        if letter == '"' {
            self.quotes.push(Quote { at: start, level });
        }
        self.text.push(letter);
        if own > 0 {
            let written = behind - own..behind + len;
            self.escapes.push(Escape { place: start..self.text.len(), written });
        }
        behind + len
    }

    /// Where a part of the text stands as it is written.
    pub fn place(&self, part: Range<usize>) -> Range<usize> {
        self.written_at(part.start)..self.written_at(part.end)
    }

    fn written_at(&self, at: usize) -> usize {
        let before = self.escapes.partition_point(|escape| escape.place.start < at);
        match before.checked_sub(1).map(|last| &self.escapes[last]) {
            Some(last) => last.written.end + (at - last.place.end),
            None => at,
        }
    }

    /// What stands in strings that are in no other, in text that is JSON.
    pub fn strings(&self) -> impl Iterator<Item = Range<usize>> {
        let mut quotes = self.quotes.iter().filter(|quote| quote.level == 0);
        std::iter::from_fn(move || Some(quotes.next()?.at + 1..quotes.next()?.at))
    }
}

/// The letter that backslashes before it belong to, and how long it is written.
fn letter(text: &str) -> Option<(char, usize)> {
    let letter = match text.chars().next()? {
        letter @ ('"' | '/') => letter,
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => {
            let digits =
                text.get(1..5).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
            let number = u32::from_str_radix(digits, 16).ok()?;
            // Half of a pair is no letter.
            return Some((char::from_u32(number).unwrap_or('\u{fffd}'), 5));
        }
        _ => return None,
    };
    Some((letter, 1))
}

/// The level of a quote behind so many backslashes, and how many of them are its own.
fn quote(backslashes: usize) -> (u32, usize) {
    let level = backslashes.trailing_ones();
    (level, (1 << level) - 1)
}

/// The same of a quote that is written by its number (`\u0022`), behind one backslash at least.
fn numbered_quote(backslashes: usize) -> (u32, usize) {
    // Escaped as a whole, so many times.
    let times = backslashes.trailing_zeros();
    let (backslashes, own) = (backslashes >> times, 1 << times);
    // What is left is a quote by its number behind backslashes that are escaped.
    let (level, inner) = quote((backslashes - 1) / 2);
    (times + 1 + level, own + 2 * own * inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_within_as_many_strings_as_they_were_escaped() {
        let check = |written: &str, text: &str, levels: &[u32]| {
            let unescaped = Unescaped::new(written);
            assert_eq!(unescaped.text, text, "{written}");
            let found: Vec<u32> = unescaped.quotes.iter().map(|quote| quote.level).collect();
            assert_eq!(found, levels, "{written}");
        };
        check(r#"{"a":1}"#, r#"{"a":1}"#, &[0, 0]);
        check(r#""a\\""#, r#""a\\""#, &[0, 0]);
        check(r#""\"a\"""#, r#"""a"""#, &[0, 1, 1, 0]);
        check(r#""\"a\\\\\"""#, r#"""a\\\\"""#, &[0, 1, 1, 0]);
        check(r#""\"\\\"a\\\"\"""#, r#""""a""""#, &[0, 1, 2, 2, 1, 0]);
        check(r#""\u0022\\u0022a\\\u0022\"""#, r#""""a""""#, &[0, 1, 2, 2, 1, 0]);
        check(r#"\\\\\u0022"#, r#"\\\\""#, &[1]);
        check(r#"\u0041\\u00e6\ud83d\n\/\x\u12"#, "Aæ\u{fffd}\n/\\x\\u12", &[]);
        check("\\", "\\", &[]);
    }

    #[test]
    fn whatever_is_serialised_again_has_its_level() {
        let mut written = "\"".to_owned();
        for level in 0..8 {
            let unescaped = Unescaped::new(&written);
            let quotes: Vec<u32> = unescaped.quotes.iter().map(|quote| quote.level).collect();
            assert_eq!(quotes[quotes.len() / 2], level, "{written}");
            written = serde_json::to_string(&written).expect("JSON");
        }
    }

    #[test]
    fn every_letter_is_found_where_it_is_written() {
        let written = r#"æ\u00e6"x\\\"y\\"\n!"#;
        let unescaped = Unescaped::new(written);
        let places = unescaped.text.char_indices();
        let written: Vec<&str> =
            places.map(|(at, letter)| &written[unescaped.place(at..at + letter.len_utf8())]).collect();
        assert_eq!(written, ["æ", "\\u00e6", "\"", "x", "\\\\\\\"", "y", "\\", "\\", "\"", "\\n", "!"]);
    }
}
