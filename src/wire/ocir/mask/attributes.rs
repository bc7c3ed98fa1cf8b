//! Secrets in attributes: `<user newPassword="s3cret"/>`, `<newPassword value="s3cret"/>`, and whatever else looks like
//! one, such as `password=s3cret` in a text.

use super::spelling::{closing, opening, quote};
use crate::wire::mask::names::{clean, is_part, is_secret};
use memchr::memchr_iter;
use std::ops::Range;

/// Attributes of a secret element that say something of the element and nothing of the secret.
const PLAIN: [&str; 2] = ["nil", "type"];

/// Adds every value in the text whose name is that of a secret.
pub fn secret_values(text: &str, found: &mut Vec<Range<usize>>) {
    let mut end_of_word = 0;
    for equals in memchr_iter(b'=', text.as_bytes()) {
        let before = text[..equals].trim_end();
        let name = before.char_indices().rev().take_while(|(_, c)| is_part(*c)).last();
        if !name.is_some_and(|(start, _)| is_secret(&clean(&before[start..]))) {
            continue;
        }
        // The rest of a word is masked already, and is not looked through again. What is quoted is looked for even within another
        // value: a quote that somebody has left open before ends where this one begins.
        let is_quoted = quote(text[equals + 1..].trim_start()).is_some();
        if is_quoted || equals >= end_of_word {
            let value = value(text, equals + 1);
            if !is_quoted {
                end_of_word = value.end;
            }
            found.push(value);
        }
    }
}

/// Adds the values of the attributes of a secret element whose name ends at `from`; says where they end.
pub fn values_of_secret(text: &str, from: usize, found: &mut Vec<Range<usize>>) -> usize {
    let mut at = from;
    loop {
        let rest = text[at..].trim_start();
        let name_len = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(name_len);
        let Some(behind) = behind.trim_start().strip_prefix('=').filter(|_| !name.is_empty()) else {
            return at;
        };
        let value = value(text, text.len() - behind.len());
        at = value.end + text.get(value.end..).and_then(quote).unwrap_or_default();
        if !PLAIN.contains(&&*clean(name)) && !name.starts_with("xmlns") {
            found.push(value);
        }
    }
}

/// The value behind an equals sign, without its quotes. Without the last one it reaches to the end.
fn value(text: &str, from: usize) -> Range<usize> {
    let start = text.len() - text[from..].trim_start().len();
    let Some(len) = quote(&text[start..]) else { return start..end_of_word(text, start) };
    let (quote, start) = (&text[start..start + len], start + len);
    start..text[start..].find(quote).map_or(text.len(), |len| start + len)
}

/// Where white space, a bracket or a quote is.
fn end_of_word(text: &str, start: usize) -> usize {
    let ends = |(at, c): &(usize, char)| {
        let rest = &text[start + at..];
        c.is_whitespace() || opening(rest).or(closing(rest)).or(quote(rest)).is_some()
    };
    text[start..].char_indices().find(ends).map_or(text.len(), |(at, _)| start + at)
}
