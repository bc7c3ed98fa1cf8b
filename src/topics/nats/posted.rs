//! A message that others have published, as an event that was posted.

use super::SOURCE;
use crate::config::{NatsConsume, Route};
use crate::topics::{KnownBy, Posted, TopicEvent, derived};
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::Message;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// What one without a type is called.
const NAME: &str = "posted";

/// The event that a message is, under the topic of what is fed in and under those that the rules want it under; else a word for what is
/// wrong with it.
pub(super) fn posted(
    message: &Message,
    consume: &NatsConsume,
    routes: &[Route],
    at: SystemTime,
) -> Result<Vec<TopicEvent>, &'static str> {
    let id = message.headers.as_ref().and_then(|headers| headers.get(NATS_MESSAGE_ID));
    let sequence = message.info().map_err(|_| "not_of_a_stream")?.stream_sequence;
    let uuid = uuid(id.map(|id| id.as_str()), &consume.stream, sequence);
    events(&message.payload, uuid, (&consume.topic, routes), at)
}

fn events(
    body: &[u8],
    uuid: Uuid,
    (topic, routes): (&str, &[Route]),
    at: SystemTime,
) -> Result<Vec<TopicEvent>, &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "not_utf8")?;
    let members: Map<String, Value> = serde_json::from_str(text).map_err(|_| "no_json_object")?;
    let (known_by, origin) = (KnownBy::Id(uuid), Some(SOURCE.into()));
    let posted = Posted { topic, members, known_by, nameless: NAME, source: SOURCE, origin, at };
    let (first, others) = posted.events(routes);
    // As it was written: what was read has no room for every number.
    let payload: Arc<str> = text.into();
    let all = std::iter::once(first).chain(others);
    Ok(all.map(|event| TopicEvent { payload: Arc::clone(&payload), ..event }).collect())
}

/// Stable: by the id that its publisher gave it, which may be a uuid of an event of ours elsewhere; else by its place.
fn uuid(id: Option<&str>, stream: &str, sequence: u64) -> Uuid {
    match id {
        Some(id) => Uuid::try_parse(id).unwrap_or_else(|_| derived::uuid(&[SOURCE, stream, "id", id])),
        None => derived::uuid(&[SOURCE, stream, "sequence", &sequence.to_string()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Form;
    use crate::matching::{Conditions, Pattern};

    #[test]
    fn rules_want_it_under_further_topics_as_it_was_written() {
        let pattern = |text: &str| Pattern::parse(text).expect("a pattern");
        let route = |source: &str, event: &str, to: &str| Route {
            source: pattern(source),
            event: pattern(event),
            when: Conditions::new([("state".to_owned(), pattern("pending"))].into()),
            to: vec![to.to_owned()],
            store: false,
        };
        let routes = [route("nats", "created", "work"), route("as*", "*", "users"), route("*", "*", "order")];
        let body =
            r#"{"eventType":"created", "event":{"state":"pending","n":123456789012345678901234567890}}"#;
        let read = |body: &str| {
            events(body.as_bytes(), Uuid::nil(), ("order", &routes), SystemTime::UNIX_EPOCH).expect(body)
        };
        let seen: Vec<TopicEvent> = read(body);
        let topics: Vec<&str> = seen.iter().map(|event| event.topic.as_str()).collect();
        assert_eq!(topics, ["order", "work"]);
        assert!(seen.iter().all(|event| &*event.payload == body && event.uuid.is_nil()), "{seen:?}");
        assert_eq!(read(&body.replace("pending", "done")).len(), 1);
    }

    #[test]
    fn an_object_is_an_event_and_nothing_else_is() {
        let read = |body: &[u8]| {
            let events = events(body, Uuid::nil(), ("order", &[]), SystemTime::UNIX_EPOCH)?;
            Ok::<_, &str>(events.into_iter().next().expect("an event"))
        };
        let check = |body: &str, name: &str| {
            let event = read(body.as_bytes()).expect(body);
            assert_eq!((&*event.name, &*event.payload, event.topic.as_str()), (name, body, "order"));
            assert_eq!(event.form, Form::Posted { origin: Some("nats".into()) });
        };
        check(r#"{"eventType":"created","event":{"id":"1"}}"#, "created");
        check(r#" { "eventType" : 7 } "#, "posted");
        check("{}", "posted");
        for body in ["", "[]", "7", "null", "\"a\"", "{", "{} {}", "{\"a\":}"] {
            assert_eq!(read(body.as_bytes()).map_err(|_| ()), Err(()), "{body}");
        }
        assert_eq!(read(b"{\"a\":\"\xff\"}"), Err("not_utf8"));
        let deep = format!("{}{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
        assert_eq!(read(deep.as_bytes()), Err("no_json_object"));
    }

    #[test]
    fn what_comes_again_has_the_same_uuid() {
        let id = "019ca9f4-8c00-7000-8000-000000000001";
        assert_eq!(uuid(Some(id), "IN", 1), Uuid::parse_str(id).expect("a uuid"));
        assert_eq!(uuid(Some("order-7"), "IN", 1), uuid(Some("order-7"), "IN", 2));
        assert_eq!(uuid(None, "IN", 1), uuid(None, "IN", 1));
        let different =
            [uuid(None, "IN", 1), uuid(None, "IN", 2), uuid(None, "OUT", 1), uuid(Some("1"), "IN", 1)];
        let distinct: std::collections::BTreeSet<Uuid> = different.into_iter().collect();
        assert_eq!(distinct.len(), different.len());
    }
}
