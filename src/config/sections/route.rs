//! `[[route]]`.

use crate::config::section::Section;
use crate::config::units;
use crate::config::values::Route;
use crate::matching::{Conditions, Pattern};

/// Of a topic's name.
const LONGEST: usize = 64;

pub(super) fn route(section: &Section) -> Route {
    let pattern = |key| section.value(key, Pattern::parse).unwrap_or_else(Pattern::any);
    Route {
        source: pattern("source"),
        event: pattern("event"),
        when: Conditions::new(section.entries("when", units::text, Pattern::parse)),
        to: section.list("to", topic).unwrap_or_default(),
        store: section.flag("store").unwrap_or(false),
    }
}

/// A name that fits URLs, metrics and patterns.
pub(super) fn topic(text: &str) -> Result<String, String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || text.len() > LONGEST || !text.chars().all(is_fine) {
        return Err(format!("is no topic: up to {LONGEST} letters, digits and any of \"-_.\""));
    }
    Ok(text.to_owned())
}
