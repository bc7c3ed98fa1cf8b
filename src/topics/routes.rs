//! What the `[[route]]` rules say about an event.

use crate::config::Route;
use std::collections::BTreeSet;

/// What becomes of one event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The topics under which it is handed on.
    pub topics: BTreeSet<String>,
    /// Whether it is stored among all events; those of application servers are in any case.
    pub store: bool,
}

impl Wanted {
    /// What all rules that want the event want together. `name` is what its sender calls it, `field` gives its fields as text.
    pub fn by(routes: &[Route], source: &str, name: &str, field: impl Fn(&str) -> Option<String>) -> Wanted {
        let mut wanted = Wanted::default();
        for route in routes {
            let Route { source: sources, event, when, to, store } = route;
            if sources.means(Some(source)) && event.means(Some(name)) && when.hold(&field) {
                wanted.topics.extend(to.iter().cloned());
                wanted.store |= store;
            }
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::{Conditions, Pattern};

    fn route(source: &str, event: &str, status: &str, to: &[&str], store: bool) -> Route {
        let pattern = |text: &str| Pattern::parse(text).expect("a pattern");
        let when = Conditions::new([("status".to_owned(), pattern(status))].into());
        let to = to.iter().map(|topic| (*topic).to_owned()).collect();
        Route { source: pattern(source), event: pattern(event), when, to, store }
    }

    #[test]
    fn all_rules_that_want_an_event_count() {
        let routes = [
            route("k1", "call_*", "*", &["calls", "all"], false),
            route("*", "*", "failed", &["failures", "all"], false),
            route("k2", "*", "*", &[], true),
        ];
        let check = |source: &str, name: &str, status: &str, topics: &[&str], store: bool| {
            let field = |field: &str| (field == "status").then(|| status.to_owned());
            let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
            assert_eq!(Wanted::by(&routes, source, name, field), Wanted { topics, store }, "{source} {name}");
        };
        check("k1", "call_start", "x", &["all", "calls"], false);
        check("k1", "call_start", "failed", &["all", "calls", "failures"], false);
        check("k2", "call_start", "failed", &["all", "failures"], true);
        check("k3", "call_start", "x", &[], false);
    }
}
