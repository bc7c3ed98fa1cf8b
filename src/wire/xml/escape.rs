//! Writing text and attributes, and reading the references in attributes.
//!
//! ```text
//! Bær & "søn"   →   text: Bær &amp; "søn"   attribute: Bær &amp; &quot;søn&quot;
//! ```
//!
//! A character that XML 1.0 does not allow is written as U+FFFD: what is read can never hold one, so it can only come
//! from hand-edited tables, and the peer then refuses a value that is visibly wrong. White space that a reader would
//! normalise (CR in text; tab, LF and CR in attributes) is written as a reference and survives.

use super::{XmlError, is_allowed};
use std::borrow::Cow;
use std::fmt::Write;

/// Appends `text` as character data.
pub fn push_text(out: &mut String, text: &str) {
    push(out, text, |c| matches!(c, '<' | '>' | '&' | '\r'));
}

/// Appends `value` as the inside of a double-quoted attribute.
pub fn push_attribute(out: &mut String, value: &str) {
    push(out, value, |c| matches!(c, '<' | '>' | '&' | '"' | '\t' | '\n' | '\r'));
}

fn push(out: &mut String, text: &str, is_special: impl Fn(char) -> bool) {
    let mut rest = text;
    while let Some(at) = rest.find(|c| is_special(c) || !is_allowed(c)) {
        out.push_str(&rest[..at]);
        let character = rest[at..].chars().next().expect("find gave the position of a character");
        push_special(out, character);
        rest = &rest[at + character.len_utf8()..];
    }
    out.push_str(rest);
}

fn push_special(out: &mut String, character: char) {
    match character {
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '&' => out.push_str("&amp;"),
        '"' => out.push_str("&quot;"),
        c if is_allowed(c) => write!(out, "&#{};", u32::from(c)).expect("writing to a String does not fail"),
        _ => out.push('\u{fffd}'),
    }
}

/// The character of a reference, given without `&` and `;`. `at` is its position, for the error.
pub fn resolve(reference: &str, at: usize) -> Result<char, XmlError> {
    match reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => match reference.strip_prefix('#') {
            Some(number) => character(number).ok_or(XmlError::InvalidReference { at }),
            None => Err(XmlError::UnknownEntity { at }),
        },
    }
}

fn character(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let code = is_number.then(|| u32::from_str_radix(digits, radix).ok()).flatten()?;
    char::from_u32(code).filter(|c| is_allowed(*c))
}

/// The value of an attribute from its raw text: references decoded, line ends and tabs read as spaces (XML 1.0, 3.3.3).
pub fn attribute_value(raw: &str, at: usize) -> Result<Cow<'_, str>, XmlError> {
    if !raw.bytes().any(|b| matches!(b, b'&' | b'\t' | b'\r' | b'\n')) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut value = String::with_capacity(raw.len());
    let spaced = raw.replace("\r\n", " ");
    let mut rest = spaced.as_str();
    while let Some(found) = rest.find(['&', '\t', '\r', '\n']) {
        value.push_str(&rest[..found]);
        rest = &rest[found..];
        if !rest.starts_with('&') {
            value.push(' ');
            rest = &rest[1..];
            continue;
        }
        let end = rest
            .find(';')
            .ok_or(XmlError::NotWellFormed { at, reason: "a reference without its semicolon" })?;
        value.push(resolve(&rest[1..end], at)?);
        rest = &rest[end + 1..];
    }
    value.push_str(rest);
    Ok(Cow::Owned(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, text: &str, attribute: &str) {
        let (mut as_text, mut as_attribute) = (String::new(), String::new());
        push_text(&mut as_text, value);
        push_attribute(&mut as_attribute, value);
        assert_eq!((as_text.as_str(), as_attribute.as_str()), (text, attribute));
    }

    #[test]
    fn text_and_attributes_are_escaped() {
        check("", "", "");
        check("Bær", "Bær", "Bær");
        check("a<b>&\"'", "a&lt;b&gt;&amp;\"'", "a&lt;b&gt;&amp;&quot;'");
        check("]]>", "]]&gt;", "]]&gt;");
        check("\t\r\n", "\t&#13;\n", "&#9;&#13;&#10;");
        check("a\0b\u{1f}\u{ffff}", "a\u{fffd}b\u{fffd}\u{fffd}", "a\u{fffd}b\u{fffd}\u{fffd}");
    }

    #[test]
    fn references_are_the_five_and_characters() {
        for (reference, expected) in [
            ("lt", Ok('<')),
            ("apos", Ok('\'')),
            ("#230", Ok('æ')),
            ("#xE6", Ok('æ')),
            ("#x1F600", Ok('😀')),
            ("nbsp", Err(XmlError::UnknownEntity { at: 7 })),
            ("", Err(XmlError::UnknownEntity { at: 7 })),
            ("#", Err(XmlError::InvalidReference { at: 7 })),
            ("#0", Err(XmlError::InvalidReference { at: 7 })),
            ("#+65", Err(XmlError::InvalidReference { at: 7 })),
            ("#xD800", Err(XmlError::InvalidReference { at: 7 })),
            ("#99999999999", Err(XmlError::InvalidReference { at: 7 })),
        ] {
            assert_eq!(resolve(reference, 7), expected, "{reference}");
        }
    }

    #[test]
    fn attribute_values_are_decoded() {
        for (raw, expected) in [
            ("plain", "plain"),
            ("a&amp;b", "a&b"),
            ("a\tb\r\nc", "a b c"),
            ("&#10;&#x9;", "\n\t"),
            ("&lt;x&gt;", "<x>"),
        ] {
            assert_eq!(attribute_value(raw, 0).as_deref(), Ok(expected));
        }
        assert!(attribute_value("a&b", 0).is_err());
        assert!(attribute_value("a&b;", 0).is_err());
    }
}
