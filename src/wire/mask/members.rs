//! Secrets in JSON: the values of members whose names say that they are.
//!
//! A scanner over colons, not a parser: a script that puts variables between quotes as they are writes what is no JSON, and
//! that must be masked all the same. Where in doubt more is masked:
//!
//! | written | masked |
//! |---|---|
//! | a string, list or object without an end | up to the end |
//! | a string with quotes in it that are not escaped | up to a quote behind which JSON goes on |
//! | a value without quotes | up to a bracket, or to a comma behind which JSON goes on |
//! | a name without quotes, as of a header in a text | up to the end of its line, at most |
//!
//! In a text that is JSON as a whole nothing reaches beyond the string that it is in.

use super::Hidden;
use super::names::{is_part, is_secret_member};
use super::unescaped::Unescaped;
use memchr::memchr_iter;
use std::ops::Range;

/// Every value whose name is that of a secret, `***` in quotes for each.
pub fn secrets(unescaped: &Unescaped, is_json: bool) -> Vec<Hidden> {
    let scan = Scan { unescaped, text: &unescaped.text, is_json };
    let (mut found, mut end) = (Vec::new(), 0);
    for colon in memchr_iter(b':', scan.text.as_bytes()) {
        // What stands within the value before is masked already, and is not looked through again.
        let Some(name) = (colon >= end).then(|| scan.secret_name(colon)).flatten() else { continue };
        let (value, is_string) = scan.value(colon + 1, &name);
        end = value.end;
        if is_string || !value.is_empty() {
            let quote = name.quote.filter(|_| !is_string).map_or(0..0, |at| unescaped.place(at..at + 1));
            found.push(Hidden { place: unescaped.place(value), quote });
        }
    }
    found
}

struct Scan<'a> {
    unescaped: &'a Unescaped<'a>,
    text: &'a str,
    is_json: bool,
}

struct Name {
    /// Within how many strings it is.
    level: u32,
    /// Where the quote is that ends it.
    quote: Option<usize>,
}

impl Scan<'_> {
    /// The name before a colon, where it is that of a secret.
    fn secret_name(&self, colon: usize) -> Option<Name> {
        let before = self.text[..colon].trim_end();
        if let Some(inside) = before.strip_suffix('"') {
            let end = self.quote_from(inside.len());
            let quotes = &self.unescaped.quotes;
            let level = quotes[end].level;
            let start = quotes[..end].iter().rfind(|quote| quote.level <= level);
            let name = &inside[start.map_or(0, |quote| quote.at + 1)..];
            return is_secret_member(name).then_some(Name { level, quote: Some(inside.len()) });
        }
        let before = before.strip_suffix('\'').unwrap_or(before);
        let name = before.char_indices().rev().take_while(|(_, c)| is_part(*c) && *c != ':').last();
        let is_secret = name.is_some_and(|(start, _)| is_secret_member(&before[start..]));
        // No member of JSON, and so it stands in a string.
        is_secret.then_some(Name { level: u32::from(self.is_json), quote: None })
    }

    /// The value from there on, without its quotes, and whether it has them.
    fn value(&self, from: usize, name: &Name) -> (Range<usize>, bool) {
        let start = self.text.len() - self.text[from..].trim_start().len();
        let end = match self.text.as_bytes().get(start) {
            Some(b'"') => {
                let quote = self.quote_from(start);
                if self.closes(quote, name.level) {
                    return (start..start, false);
                }
                return (start + 1..self.string_end(quote), true);
            }
            Some(b'{' | b'[') => self.container_end(start, name.level),
            _ => self.bare_end(start, name),
        };
        (start..start + self.text[start..end].trim_end().len(), false)
    }

    /// The first quote from there on, by its number.
    fn quote_from(&self, at: usize) -> usize {
        self.unescaped.quotes.partition_point(|quote| quote.at < at)
    }

    /// Whether a quote ends a string around what is within so many.
    fn closes(&self, quote: usize, level: u32) -> bool {
        self.unescaped.quotes[quote].level < level && (self.is_json || self.goes_on_behind(quote))
    }

    /// Where the string ends that a quote begins.
    fn string_end(&self, start: usize) -> usize {
        let quotes = &self.unescaped.quotes;
        let level = quotes[start].level;
        let is_end =
            |at: &usize| self.closes(*at, level) || (quotes[*at].level == level && self.goes_on_behind(*at));
        (start + 1..quotes.len()).find(is_end).map_or(self.text.len(), |end| quotes[end].at)
    }

    /// Whether what stands behind a quote is what stands behind a value: else it is one that nobody has escaped.
    fn goes_on_behind(&self, quote: usize) -> bool {
        let quotes = &self.unescaped.quotes;
        let behind = quotes[quote].at + 1;
        let rest = self.text[behind..].trim_start();
        match rest.chars().next() {
            None | Some('}' | ']') => true,
            Some(',') => is_separator(rest),
            Some('"') => quotes[quote + 1].level < quotes[quote].level,
            Some(_) => false,
        }
    }

    /// Where a list or an object ends that begins there.
    fn container_end(&self, start: usize, level: u32) -> usize {
        let (mut at, mut depth) = (start, 0_usize);
        while let Some(len) = self.text[at..].find(['{', '[', '}', ']', '"']) {
            at += len;
            match self.text.as_bytes()[at] {
                b'"' => match self.behind_string(at, level) {
                    Ok(behind) => at = behind,
                    Err(end) => return end,
                },
                b'{' | b'[' => (at, depth) = (at + 1, depth + 1),
                _ if depth <= 1 => return at + 1,
                _ => (at, depth) = (at + 1, depth - 1),
            }
        }
        self.text.len()
    }

    /// Where a value ends that has neither quotes nor brackets.
    fn bare_end(&self, start: usize, name: &Name) -> usize {
        let mut at = start;
        while let Some(len) = self.text[at..].find([',', '}', ']', '"', '\r', '\n']) {
            at += len;
            match self.text.as_bytes()[at] {
                b'"' => match self.behind_string(at, name.level) {
                    Ok(behind) => at = behind,
                    Err(end) => return end,
                },
                b',' if !is_separator(&self.text[at..]) => at += 1,
                b'\r' | b'\n' if name.quote.is_some() => at += 1,
                _ => return at,
            }
        }
        self.text.len()
    }

    /// Behind the string that begins there. The error: where what is within so many strings ends before that.
    fn behind_string(&self, at: usize, level: u32) -> Result<usize, usize> {
        let quotes = &self.unescaped.quotes;
        let start = self.quote_from(at);
        let is_end = |other: &usize| quotes[*other].level <= quotes[start].level;
        let end = (start + 1..quotes.len()).find(is_end);
        match (self.closes(start, level), end) {
            (true, _) => Err(at),
            (false, None) => Err(self.text.len()),
            (false, Some(end)) if self.closes(end, level) => Err(quotes[end].at),
            (false, Some(end)) => Ok(quotes[end].at + 1),
        }
    }
}

/// Whether a comma stands between members.
fn is_separator(from_comma: &str) -> bool {
    matches!(from_comma[1..].trim_start().chars().next(), None | Some('"' | '\'' | '}' | ']'))
}
