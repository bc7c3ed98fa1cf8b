//! Making a document fit to be shown, whatever it is: OCI-R, an event of a Kamailio's script, or what came of either broken.
//!
//! ```text
//! <password>s3cret</password>      {"password":"s3cret","pin":1234,"body":"{\"secret\":[1,2]}"}
//! <password>***</password>         {"password":"***","pin":"***","body":"{\"secret\":\"***\"}"}
//! ```
//!
//! What is hidden in XML is said in [`ocir::mask`](super::ocir::mask), and what in JSON in `members`. XML is looked for in the
//! strings of JSON as well, and both in what is neither: text that was cut off, or that a script has put together badly.

mod members;
pub(in crate::wire) mod names;
mod unescaped;

pub use names::is_secret_member;

use super::ocir::mask::secrets;
use serde::de::IgnoredAny;
use std::cmp::Reverse;
use std::ops::Range;
use unescaped::Unescaped;

/// The document with every secret in it replaced by `***`; all else is as it was written. JSON stays JSON.
pub fn mask_secrets(document: &str) -> String {
    if is_xml(document) {
        return hide(document, in_elements(secrets(document)).collect());
    }
    let unescaped = Unescaped::new(document);
    let is_json = serde_json::from_str::<IgnoredAny>(document).is_ok();
    let mut hidden = members::secrets(&unescaped, is_json);
    if is_json {
        // Each string for itself: an element without an end does not reach beyond its own.
        unescaped.strings().for_each(|string| elements_within(&unescaped, string, &mut hidden));
    } else {
        hidden.extend(in_elements(secrets(document)));
        elements_within(&unescaped, 0..unescaped.text.len(), &mut hidden);
    }
    hide(document, hidden)
}

/// By its ends alone: a document may be damaged in between.
fn is_xml(document: &str) -> bool {
    let document = document.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    document.starts_with('<') && document.ends_with('>')
}

/// A part of a document that is not shown.
struct Hidden {
    place: Range<usize>,
    /// How the quotes around the `***` are written that stands there instead; empty where there are none.
    quote: Range<usize>,
}

fn in_elements(places: Vec<Range<usize>>) -> impl Iterator<Item = Hidden> {
    places.into_iter().filter(|place| !place.is_empty()).map(|place| Hidden { place, quote: 0..0 })
}

/// Adds secrets of XML within a part of the text without escapes.
fn elements_within(unescaped: &Unescaped, part: Range<usize>, hidden: &mut Vec<Hidden>) {
    let found = secrets(&unescaped.text[part.clone()]).into_iter();
    let places = found.map(|found| unescaped.place(part.start + found.start..part.start + found.end));
    hidden.extend(in_elements(places.collect()));
}

fn hide(document: &str, mut hidden: Vec<Hidden>) -> String {
    hidden.sort_by_key(|Hidden { place, .. }| (place.start, Reverse(place.end)));
    let mut masked = String::with_capacity(document.len());
    let mut written = 0;
    for Hidden { place, quote } in hidden {
        // One that begins within the one before is part of it.
        if place.start >= written {
            masked.push_str(&document[written..place.start]);
            let quote = &document[quote];
            masked.extend([quote, "***", quote]);
        }
        written = written.max(place.end);
    }
    masked.push_str(&document[written..]);
    masked
}

#[cfg(test)]
mod tests;
