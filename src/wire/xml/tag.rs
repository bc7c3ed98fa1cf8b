//! A start tag and its attributes.
//!
//! ```text
//! <phoneNumber xsi:nil="true"/>       local() is "phoneNumber", is_nil() is true
//! ```

use super::escape::attribute_value;
use super::{XmlError, local};
use std::borrow::Cow;

/// A start tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// Name and attributes, without the angle brackets.
    pub content: &'a str,
    pub name_len: usize,
    /// Where `content` begins.
    pub at: usize,
}

impl<'a> Tag<'a> {
    /// The name without its prefix.
    pub fn local(&self) -> &'a str {
        local(&self.content[..self.name_len])
    }

    /// The value of the first attribute of that local name, whatever its prefix.
    pub fn attribute(&self, name: &str) -> Result<Option<Cow<'a, str>>, XmlError> {
        let mut found = None;
        let mut rest = self.content[self.name_len..].trim_ascii();
        while !rest.is_empty() {
            let reason = "an attribute without quotes or value";
            let malformed = XmlError::NotWellFormed { at: self.at, reason };
            let (key, raw, after) = split_attribute(rest).ok_or(malformed)?;
            if found.is_none() && local(key) == name {
                found = Some(attribute_value(raw, self.at)?);
            } else if raw.contains('&') {
                attribute_value(raw, self.at)?;
            }
            rest = after;
        }
        Ok(found)
    }

    /// Whether there are attributes at all.
    pub fn has_attributes(&self) -> bool {
        self.content.len() > self.name_len
    }

    /// `xsi:nil="true"` or `"1"`, under any prefix.
    pub fn is_nil(&self) -> Result<bool, XmlError> {
        Ok(self.has_attributes() && self.attribute("nil")?.is_some_and(|v| matches!(v.trim(), "true" | "1")))
    }
}

/// The name and raw value of the first attribute, and what follows them.
fn split_attribute(text: &str) -> Option<(&str, &str, &str)> {
    let equals = memchr::memchr(b'=', text.as_bytes())?;
    let value = text[equals + 1..].trim_ascii_start();
    let quote = *value.as_bytes().first().filter(|quote| matches!(quote, b'"' | b'\''))?;
    let end = 1 + memchr::memchr(quote, &value.as_bytes()[1..])?;
    let key = text[..equals].trim_ascii_end();
    let is_name =
        !key.is_empty() && !key.bytes().any(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'<'));
    is_name.then(|| (key, &value[1..end], value[end + 1..].trim_ascii_start()))
}
