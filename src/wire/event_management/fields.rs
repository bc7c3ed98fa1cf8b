//! The parameter `fields`: which members of a resource are wanted.
//!
//! ```text
//! fields=eventId,eventType    these two, id and href
//! fields=none                 id and href
//! ```

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What stays in any case.
const ALWAYS: [&str; 2] = ["id", "href"];
/// Nothing besides.
const NONE: &str = "none";

/// The members that are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// `None`: all.
    names: Option<BTreeSet<String>>,
}

impl Selection {
    /// Reads a comma list of names of members; the error says what is wrong with it.
    pub fn parse(fields: Option<&str>) -> Result<Selection, String> {
        let Some(fields) = fields else { return Ok(Selection::default()) };
        let names: BTreeSet<String> = fields.split(',').map(str::to_owned).collect();
        if names.contains("") {
            return Err("a name is empty".to_owned());
        }
        let is_name =
            |name: &str| name.chars().all(|letter| letter.is_ascii_alphanumeric() || "@_-".contains(letter));
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return Err(format!("{name:?} is not a name of a member of the resource itself"));
        }
        if names.contains(NONE) && names.len() > 1 {
            return Err("none stands alone".to_owned());
        }
        let names = if names.contains(NONE) { BTreeSet::new() } else { names };
        Ok(Selection { names: Some(names) })
    }

    /// What of a resource is wanted; `id` and `href` always are.
    pub fn of(&self, mut resource: Map<String, Value>) -> Map<String, Value> {
        if let Some(names) = &self.names {
            resource.retain(|name, _| ALWAYS.contains(&name.as_str()) || names.contains(name));
        }
        resource
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_and_href_stay_and_of_the_rest_what_is_named() {
        let check = |fields: Option<&str>, expected: Result<&[&str], &str>| {
            let resource: Map<String, Value> = ["@type", "event", "href", "id", "none", "title"]
                .map(|name| (name.to_owned(), name.into()))
                .into_iter()
                .collect();
            let names = Selection::parse(fields)
                .map(|selection| selection.of(resource).keys().cloned().collect::<Vec<_>>());
            assert_eq!(
                names.as_deref().map_err(String::as_str).map(<[String]>::to_vec),
                expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
                "{fields:?}"
            );
        };
        check(None, Ok(&["@type", "event", "href", "id", "none", "title"]));
        check(Some("none"), Ok(&["href", "id"]));
        check(Some("title"), Ok(&["href", "id", "title"]));
        check(Some("title,@type,title,id"), Ok(&["@type", "href", "id", "title"]));
        check(Some("titel"), Ok(&["href", "id"]));
        check(Some(""), Err("a name is empty"));
        check(Some("title,"), Err("a name is empty"));
        check(Some("event.id"), Err("\"event.id\" is not a name of a member of the resource itself"));
        check(Some("none,title"), Err("none stands alone"));
    }
}
