//! What is posted to Event Management, as events that are handed on.

use super::{TopicEvent, Wanted, derived};
use crate::config::Route;
use crate::event::Form;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// Characters of a name, at most.
const LONGEST_NAME: usize = 255;
/// By what it is known that two are the same, the first that is there.
const IDENTITIES: [&str; 2] = ["eventId", "correlationId"];

/// By what two events are the same one.
#[derive(Debug, Clone, Copy)]
pub enum KnownBy<'a> {
    /// What they say, of this sender; empty: nobody that we know.
    Sender(&'a str),
    /// What has brought them.
    Id(Uuid),
}

/// An event that somebody has posted.
#[derive(Debug, Clone)]
pub struct Posted<'a> {
    /// Under which it was.
    pub topic: &'a str,
    /// The `Event_Create`.
    pub members: Map<String, Value>,
    /// By what it is known that two are the same.
    pub known_by: KnownBy<'a>,
    /// What one that says no type is called.
    pub nameless: &'static str,
    /// As rules name it.
    pub source: &'a str,
    /// The configured peer that it came from; it does not get it back.
    pub origin: Option<Arc<str>>,
    pub at: SystemTime,
}

impl Posted<'_> {
    /// The event under its topic, and the same under those that the rules want it under.
    pub fn events(self, routes: &[Route]) -> (TopicEvent, Vec<TopicEvent>) {
        let name = self.name();
        let mut topics = Wanted::by(routes, self.source, &name, |field| self.field(field)).topics;
        topics.remove(self.topic);
        let first = TopicEvent {
            uuid: self.uuid(),
            topic: self.topic.to_owned(),
            source: self.source.into(),
            name: name.into(),
            at: self.at,
            payload: Value::Object(self.members).to_string().into(),
            form: Form::Posted { origin: self.origin },
        };
        let others = topics.into_iter().map(|topic| TopicEvent { topic, ..first.clone() });
        let others: Vec<TopicEvent> = others.collect();
        (first, others)
    }

    /// The same as often as it is posted, where there is something to know it by.
    fn uuid(&self) -> Uuid {
        let sender = match self.known_by {
            KnownBy::Sender(sender) => sender,
            KnownBy::Id(uuid) => return uuid,
        };
        let identity = IDENTITIES.iter().find_map(|name| {
            let text = self.members.get(*name)?.as_str()?;
            // An empty one is nobody's: two with it are two.
            (!text.trim().is_empty()).then_some((*name, text))
        });
        match identity {
            Some((name, text)) => derived::uuid(&[sender, self.topic, name, text]),
            None => Uuid::now_v7(),
        }
    }

    fn name(&self) -> String {
        let name = self.members.get("eventType").and_then(Value::as_str).unwrap_or_default().trim();
        let name: String = name
            .chars()
            .take(LONGEST_NAME)
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect();
        if name.is_empty() { self.nameless.to_owned() } else { name }
    }

    /// A field as rules ask for it: of the event, or else of its entity.
    fn field(&self, name: &str) -> Option<String> {
        let of_entity = || self.members.get("event")?.get(name);
        match self.members.get(name).or_else(of_entity)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::{Conditions, Pattern};
    use serde_json::json;

    fn posted<'a>(sender: &'a str, topic: &'a str, members: Value) -> Posted<'a> {
        let Value::Object(members) = members else { unreachable!() };
        let at = SystemTime::UNIX_EPOCH;
        let known_by = KnownBy::Sender(sender);
        Posted { topic, members, known_by, nameless: "event", source: "pss", origin: Some("pss".into()), at }
    }

    fn uuid(sender: &str, topic: &str, members: Value) -> Uuid {
        posted(sender, topic, members).events(&[]).0.uuid
    }

    #[test]
    fn what_is_posted_again_is_the_same_event() {
        let first = uuid("pss", "order", json!({"eventId": "7"}));
        let check = |sender: &str, topic: &str, members: Value, is_same: bool| {
            assert_eq!(uuid(sender, topic, members.clone()) == first, is_same, "{sender} {topic} {members}");
        };
        check("pss", "order", json!({"eventId": "7"}), true);
        check("pss", "order", json!({"eventId": "7", "correlationId": "8", "event": {}}), true);
        check("", "order", json!({"eventId": "7"}), false);
        check("other", "order", json!({"eventId": "7"}), false);
        check("pss", "inquiry", json!({"eventId": "7"}), false);
        check("pss", "order", json!({"eventId": "8"}), false);
        check("pss", "order", json!({"correlationId": "7"}), false);
        let by_correlation = || uuid("pss", "order", json!({"correlationId": "7"}));
        assert_eq!(by_correlation(), by_correlation());
        for nothing in [json!({}), json!({"eventId": ""}), json!({"eventId": " ", "correlationId": ""})] {
            assert_ne!(uuid("pss", "order", nothing.clone()), uuid("pss", "order", nothing));
        }
    }

    #[test]
    fn what_has_an_id_of_its_own_is_known_by_that() {
        let id = Uuid::from_u128(7);
        let event = Posted { known_by: KnownBy::Id(id), ..posted("", "order", json!({"eventId": "8"})) };
        assert_eq!(event.events(&[]).0.uuid, id);
    }

    #[test]
    fn an_event_is_named_by_its_type() {
        let check = |members: Value, expected: &str| {
            let (event, _) = posted("", "order", members.clone()).events(&[]);
            assert_eq!(&*event.name, expected, "{members}");
        };
        check(json!({"eventType": "updated"}), "updated");
        check(json!({"eventType": " "}), "event");
        check(json!({}), "event");
        check(json!({"eventType": "a\u{0}b\nc"}), "a b c");
        check(json!({"eventType": "é".repeat(300)}), &"é".repeat(255));
    }

    #[test]
    fn rules_want_it_under_further_topics() {
        let pattern = |text: &str| Pattern::parse(text).expect("a pattern");
        let route = |source: &str, state: &str, to: &[&str]| Route {
            source: pattern(source),
            event: pattern("*"),
            when: Conditions::new([("state".to_owned(), pattern(state))].into()),
            to: to.iter().map(|topic| (*topic).to_owned()).collect(),
            store: false,
        };
        let routes = [
            route("pss", "pending", &["order", "work"]),
            route("k1", "*", &["calls"]),
            route("pss", "done", &["done"]),
        ];
        let members = json!({"eventId": "7", "event": {"state": "pending"}});
        let (event, others) = posted("pss", "order", members.clone()).events(&routes);
        let topics: Vec<&str> = others.iter().map(|event| event.topic.as_str()).collect();
        assert_eq!((event.topic.as_str(), topics), ("order", vec!["work"]));
        assert_eq!(others[0].uuid, event.uuid);
        assert_eq!(others[0].form, Form::Posted { origin: Some("pss".into()) });
        assert_eq!(serde_json::from_str::<Value>(&others[0].payload).expect("JSON"), members);
    }
}
