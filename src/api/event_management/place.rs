//! Which path is which: purely, so that who may ask and what is answered go by the same.

use crate::api::Sources;
use crate::config::{BASE_PATHS, EventManagement};
use actix_web::dev::ServiceRequest;
use actix_web::web::Data;

/// A request for Event Management.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Below {
    /// The base path by which it came.
    pub base: String,
    /// The path behind it: empty, or with a slash at its beginning.
    pub rest: String,
}

impl Below {
    /// Whether a request is one, as it is routed; `None` as well where none is configured.
    pub fn of(request: &ServiceRequest) -> Option<Below> {
        let sources = request.app_data::<Data<Sources>>()?;
        let config = sources.config.get();
        Below::a_base_of(config.event_management.as_ref()?, request.match_info().as_str())
    }

    /// By the longest base path that there is.
    fn a_base_of(settings: &EventManagement, path: &str) -> Option<Below> {
        let bases = BASE_PATHS.into_iter().chain([settings.base_path.as_str()]);
        let below = bases.filter_map(|base| {
            let rest = path.strip_prefix(base)?;
            (rest.is_empty() || rest.starts_with('/')).then_some((base, rest))
        });
        let (base, rest) = below.max_by_key(|(base, _)| base.len())?;
        Some(Below { base: base.to_owned(), rest: rest.to_owned() })
    }
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Topics,
    Topic(String),
    Hubs(String),
    /// Also without its topic.
    Hub(Option<String>, String),
    Events(String),
    Event(String),
}

impl Place {
    /// Of the path behind a base path; `None`: there is nothing.
    pub fn of(rest: &str) -> Option<Place> {
        let names: Vec<&str> = rest.strip_prefix('/')?.split('/').collect();
        if names.iter().any(|name| name.is_empty()) {
            return None;
        }
        let own = |name: &str| name.to_owned();
        match names[..] {
            ["topic"] => Some(Place::Topics),
            ["topic", topic] => Some(Place::Topic(own(topic))),
            ["topic", topic, "hub"] => Some(Place::Hubs(own(topic))),
            ["topic", topic, "hub", id] => Some(Place::Hub(Some(own(topic)), own(id))),
            ["topic", topic, "event"] => Some(Place::Events(own(topic))),
            ["hub", id] => Some(Place::Hub(None, own(id))),
            ["event", id] => Some(Place::Event(own(id))),
            _ => None,
        }
    }

    /// The methods that it has.
    pub fn allowed(&self) -> &'static str {
        match self {
            Place::Topics | Place::Topic(_) | Place::Event(_) => "GET, HEAD",
            Place::Hubs(_) | Place::Events(_) => "GET, HEAD, POST",
            Place::Hub(..) => "GET, HEAD, DELETE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_a_base_path_is_found_by_the_longest() {
        let check = |base_path: &str, path: &str, expected: Option<(&str, &str)>| {
            let settings = EventManagement { base_path: base_path.to_owned(), ..EventManagement::default() };
            let below = Below::a_base_of(&settings, path);
            let below = below.as_ref().map(|below| (below.base.as_str(), below.rest.as_str()));
            assert_eq!(below, expected, "{base_path} {path}");
        };
        for base in BASE_PATHS {
            check("/own", &format!("{base}/topic"), Some((base, "/topic")));
            check("/own", base, Some((base, "")));
        }
        check("/own", "/own/topic/order", Some(("/own", "/topic/order")));
        check("/own", "/owner/topic", None);
        check("/own", "/event/v22", None);
        check("/own", "/event/1", None);
        check("/own", "/", None);
        check("/event", "/event/v2/topic", Some(("/event/v2", "/topic")));
        check("/event", "/event/x", Some(("/event", "/x")));
    }

    #[test]
    fn a_path_names_one_thing() {
        let check = |rest: &str, expected: Option<Place>, allowed: &str| {
            let place = Place::of(rest);
            assert_eq!(place.as_ref().map(Place::allowed), expected.is_some().then_some(allowed), "{rest}");
            assert_eq!(place, expected, "{rest}");
        };
        let own = |name: &str| name.to_owned();
        check("/topic", Some(Place::Topics), "GET, HEAD");
        check("/topic/order", Some(Place::Topic(own("order"))), "GET, HEAD");
        check("/topic/order/hub", Some(Place::Hubs(own("order"))), "GET, HEAD, POST");
        check("/topic/order/hub/7", Some(Place::Hub(Some(own("order")), own("7"))), "GET, HEAD, DELETE");
        check("/topic/order/event", Some(Place::Events(own("order"))), "GET, HEAD, POST");
        check("/hub/7", Some(Place::Hub(None, own("7"))), "GET, HEAD, DELETE");
        check("/event/7", Some(Place::Event(own("7"))), "GET, HEAD");
        for nothing in [
            "",
            "/",
            "/topic/",
            "/topics",
            "//topic",
            "/topic//hub",
            "/hub",
            "/event",
            "/topic/a/b",
            "/topic/a/event/7",
            "/hub/7/x",
        ] {
            check(nothing, None, "");
        }
    }
}
