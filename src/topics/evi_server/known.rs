//! Which events there are: to others nobody can subscribe.

use super::naming::evi_name;
use crate::config::{Config, EVI_SOURCE, Evi, is_evi_name};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Names that are kept of what has come: a script may make up ever new ones.
const CAME: usize = 10_000;
/// Names that are kept of what programs have raised: they keep no other name out.
const RAISED: usize = 1_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Known {
    configured: BTreeSet<String>,
    /// A rule hands on whatever there is.
    is_open: bool,
    /// By itself, since the start.
    came: Names,
    raised: Names,
    /// Every name that was told has a number.
    ids: BTreeMap<String, u32>,
    next_id: u32,
}

/// The latest names.
#[derive(Debug, Default)]
struct Names {
    names: BTreeSet<String>,
    /// As they came.
    order: VecDeque<String>,
    is_full: bool,
}

impl Names {
    /// One more, in the place of the oldest where there are `most`.
    fn put(&mut self, name: &str, most: usize) {
        if self.names.contains(name) {
            return;
        }
        while self.order.len() >= most
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
            if !std::mem::replace(&mut self.is_full, true) {
                tracing::warn!(kept = most, "more names of events than are kept: the oldest are forgotten");
            }
        }
        self.names.insert(name.to_owned());
        self.order.push_back(name.to_owned());
    }
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

    /// An event of this source has come; one whose name was forgotten is known again.
    pub fn has_come(&mut self, name: &str, source: &str) {
        match source {
            EVI_SOURCE => self.was_raised(name),
            _ => self.came.put(name, CAME),
        }
    }

    /// A program has raised an event.
    pub fn was_raised(&mut self, name: &str) {
        self.raised.put(name, RAISED);
    }

    /// Whether somebody can subscribe to it.
    pub fn is_known(&self, name: &str) -> bool {
        self.is_named(name) || (self.is_open && is_evi_name(name))
    }

    fn is_named(&self, name: &str) -> bool {
        self.configured.contains(name) || self.came.names.contains(name) || self.raised.names.contains(name)
    }

    /// All that there are, those of `subscribed` included, in the order of the alphabet.
    pub fn all<'a>(&'a self, subscribed: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let known = self.configured.iter().chain(&self.came.names).chain(&self.raised.names);
        known.map(String::as_str).chain(subscribed).collect()
    }

    /// The number by which it is told: the same as long as its name is known, and that of no other.
    pub fn id(&mut self, name: &str) -> u32 {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        if self.ids.len() >= 2 * CAME {
            let mut ids = std::mem::take(&mut self.ids);
            ids.retain(|name, _| self.is_named(name));
            self.ids = ids;
        }
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        self.ids.insert(name.to_owned(), id);
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
        known.was_raised("E_RAISED");
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
        (0..CAME + 10).for_each(|number| known.has_come(&format!("E_{number}"), "k1"));
        assert_eq!(known.all(std::iter::empty()).len(), CAME + 2);
        assert!(!known.is_known("E_9") && known.is_known("E_10"), "the oldest go");
        known.has_come("E_9", "k1");
        assert!(known.is_known("E_9") && !known.is_known("E_10"), "and come again");
    }

    #[test]
    fn what_is_raised_keeps_no_other_name_out() {
        let mut known = known(&[]);
        known.has_come("E_OWN", "k1");
        (0..2 * CAME).for_each(|number| known.has_come(&format!("E_{number}"), EVI_SOURCE));
        known.has_come("E_LATER", "k1");
        assert!(known.is_known("E_OWN") && known.is_known("E_LATER"));
        assert!(!known.is_known("E_0") && known.is_known(&format!("E_{}", 2 * CAME - 1)));
        assert_eq!(known.all(std::iter::empty()).len(), RAISED + 2 + 2);
    }

    #[test]
    fn no_two_names_have_one_number() {
        let mut known = known(&[]);
        assert_eq!((known.id("E_BW_USER"), known.id("E_B"), known.id("E_BW_USER")), (0, 1, 0));
        let ids: BTreeSet<u32> = (0..3 * CAME).map(|number| known.id(&format!("E_{number}"))).collect();
        assert_eq!((ids.len(), known.id("E_BW_USER")), (3 * CAME, 0));
        assert!(known.ids.len() <= 2 * CAME);
    }
}
