//! Which events there are: to others nobody can subscribe.

use super::naming::evi_name;
use crate::config::{Config, Evi, is_evi_name};
use std::collections::{BTreeMap, BTreeSet};

/// Names that are kept of what has come: a script may make up ever new ones.
const CAME: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Known {
    configured: BTreeSet<String>,
    /// A rule hands on whatever there is.
    is_open: bool,
    /// Since the start.
    came: BTreeSet<String>,
    /// Every name that was told has a number.
    ids: BTreeMap<String, u32>,
}

impl Known {
    /// Takes a configuration; what has come stays known.
    pub fn configure(&mut self, evi: &Evi, config: &Config) {
        let handing_on = || config.routes.iter().filter(|route| !route.to.is_empty());
        let choices = handing_on().flat_map(|route| route.event.choices().unwrap_or_default());
        let exact = choices.filter(|choice| !choice.contains('*')).map(|choice| evi_name(&evi.names, choice));
        let opensips = config.opensips.iter().flat_map(|server| server.events.iter());
        let subscribed = opensips.map(|event| evi_name(&evi.names, event));
        let named = evi.names.iter().map(|entry| entry.name.clone());
        self.configured = named.chain(exact).chain(subscribed).collect();
        self.is_open = handing_on().any(|route| match route.event.choices() {
            Some(choices) => choices.iter().any(|choice| choice.contains('*')),
            None => true,
        });
    }

    /// An event has come, or was raised.
    pub fn has_come(&mut self, name: &str) {
        if self.came.len() < CAME && !self.came.contains(name) {
            self.came.insert(name.to_owned());
        }
    }

    /// Whether somebody can subscribe to it.
    pub fn is_known(&self, name: &str) -> bool {
        self.configured.contains(name) || self.came.contains(name) || (self.is_open && is_evi_name(name))
    }

    /// All that there are, those of `subscribed` included, in the order of the alphabet.
    pub fn all<'a>(&'a self, subscribed: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let known = self.configured.iter().chain(&self.came).map(String::as_str);
        known.chain(subscribed).collect()
    }

    /// The number by which it is told, the same as long as we run.
    pub fn id(&mut self, name: &str) -> u32 {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        if self.ids.len() < 2 * CAME {
            self.ids.insert(name.to_owned(), id);
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EviName, Route, Surroundings, parse_toml};
    use crate::matching::{Conditions, Pattern};
    use std::path::Path;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).expect("a pattern")
    }

    fn route(event: &str, to: &[&str]) -> Route {
        let to = to.iter().map(|topic| (*topic).to_owned()).collect();
        let when = Conditions::new(BTreeMap::new());
        Route { source: Pattern::any(), event: pattern(event), when, to, store: false }
    }

    fn known(routes: &[Route]) -> Known {
        let names = vec![EviName { event: pattern("User*"), name: "E_BW_USER".to_owned() }];
        let opensips = "[[opensips]]\nname = 'o1'\nmi = 'udp:o1:8888'\nlisten = 'udp:127.0.0.1:9001'\nevents = ['E_OF_OPENSIPS']";
        let loaded = parse_toml(opensips, "a.toml", &Surroundings::of_process(Path::new(".")));
        let mut config = loaded.unwrap_or_else(|problems| panic!("{problems}")).config;
        config.routes = routes.to_vec();
        let mut known = Known::default();
        known.configure(&Evi { names, ..Evi::default() }, &config);
        known
    }

    #[test]
    fn what_is_named_or_handed_on_is_known() {
        let mut known = known(&[route("call_start|UserAdd", &["calls"]), route("stored", &[])]);
        let check =
            |known: &Known, name: &str, expected: bool| assert_eq!(known.is_known(name), expected, "{name}");
        check(&known, "E_BW_USER", true);
        check(&known, "E_CALL_START", true);
        check(&known, "E_OF_OPENSIPS", true);
        check(&known, "E_STORED", false);
        check(&known, "E_RAISED", false);
        known.has_come("E_RAISED");
        check(&known, "E_RAISED", true);
        let all: Vec<&str> = known.all(["E_SUBSCRIBED"].into_iter()).into_iter().collect();
        assert_eq!(all, ["E_BW_USER", "E_CALL_START", "E_OF_OPENSIPS", "E_RAISED", "E_SUBSCRIBED"]);
    }

    #[test]
    fn where_anything_is_handed_on_every_name_is_known() {
        for open in ["*", "call_*", "!call", "x|y*"] {
            let known = known(&[route(open, &["a"])]);
            assert!(known.is_known("E_WHATEVER") && !known.is_known("whatever"), "{open}");
        }
        assert!(!known(&[route("*", &[])]).is_known("E_WHATEVER"));
    }

    #[test]
    fn ever_new_names_end_somewhere() {
        let mut known = known(&[]);
        (0..CAME + 10).for_each(|number| known.has_come(&format!("E_{number}")));
        assert_eq!(known.all(std::iter::empty()).len(), CAME + 2);
        assert_eq!((known.id("E_A"), known.id("E_B"), known.id("E_A")), (0, 1, 0));
    }
}
