//! `[[route]]`.

use crate::config::section::Section;
use crate::config::units;
use crate::config::values::Route;
use crate::matching::{Conditions, Pattern};

pub(super) fn route(section: &Section) -> Route {
    let pattern = |key| section.value(key, Pattern::parse).unwrap_or_else(Pattern::any);
    Route {
        source: pattern("source"),
        event: pattern("event"),
        when: Conditions::new(section.entries("when", units::text, Pattern::parse)),
        store: section.flag("store").unwrap_or(false),
    }
}
