//! An event as hubs get it, and as a resource: purely of its row of the topic log.
//!
//! ```text
//! {"eventId":"0198…","correlationId":"5d1f…","domain":"broadworks","eventTime":"2026-03-01T12:00:00.000Z","timeOccurred":"2026-03-01T12:00:00.000Z",
//!  "eventType":"updated","title":"UserModifyRequest","event":{"id":"anna@example.net",…},"analyticCharacteristic":[{"name":"status","value":"completed"}],
//!  "source":{"id":"as1","name":"as1"},"reportingSystem":{"id":"em1","name":"em1"}}
//! ```

use crate::event::{Form, TopicEvent};
use crate::topics::derived;
use serde_json::{Map, Value, json};
use std::time::SystemTime;
use time::OffsetDateTime;
use time::macros::format_description;

/// What of a [`Form::Change`] has a place of its own.
const OF_CHANGE: [&str; 2] = ["change", "entity"];
/// When a posted event says that it was, the first that is there.
const TIMES: [&str; 3] = ["eventTime", "timeOccurred", "timeOcurred"];

/// What a hub gets: an `Event_Create`. `node` is our own name.
pub fn envelope(event: &TopicEvent, node: &str) -> Map<String, Value> {
    let fields = fields(event);
    let mut envelope = match event.form {
        Form::Fields => of_fields(event, fields),
        Form::Change => of_change(event, fields),
        Form::Posted { .. } => fields,
    };
    let time = TIMES.iter().find_map(|name| envelope.get(*name).filter(|time| time.is_string()).cloned());
    let time = time.unwrap_or_else(|| rfc3339(event.at).into());
    envelope.remove("timeOcurred");
    let correlation = derived::uuid(&["correlationId", &event.uuid.to_string()]);
    for (name, value) in [
        ("eventId", event.uuid.to_string().into()),
        ("correlationId", correlation.to_string().into()),
        ("domain", event.topic.as_str().into()),
        ("eventTime", time.clone()),
        ("timeOccurred", time),
    ] {
        envelope.insert(name.to_owned(), value);
    }
    envelope.entry("source").or_insert_with(|| party(&event.source));
    envelope.entry("reportingSystem").or_insert_with(|| party(node));
    envelope
}

/// The event as a resource below `base`, the path where those of Event Management begin: what was posted, or else the envelope.
pub fn resource(event: &TopicEvent, node: &str, base: &str) -> Map<String, Value> {
    let mut resource = match event.form {
        Form::Posted { .. } => fields(event),
        Form::Fields | Form::Change => envelope(event, node),
    };
    resource.insert("id".to_owned(), event.uuid.to_string().into());
    resource.insert("href".to_owned(), format!("{base}/event/{}", event.uuid).into());
    resource
}

fn of_fields(event: &TopicEvent, fields: Map<String, Value>) -> Map<String, Value> {
    object([("eventType", (*event.name).into()), ("event", fields.into())])
}

fn of_change(event: &TopicEvent, mut fields: Map<String, Value>) -> Map<String, Value> {
    let [change, entity] = OF_CHANGE.map(|name| fields.remove(name).unwrap_or_default());
    let mut envelope = object([("eventType", change), ("title", (*event.name).into()), ("event", entity)]);
    let beside = |(name, value): (String, Value)| json!({ "name": name, "value": value });
    let characteristics: Vec<Value> = fields.into_iter().map(beside).collect();
    if !characteristics.is_empty() {
        envelope.insert("analyticCharacteristic".to_owned(), characteristics.into());
    }
    envelope
}

/// The fields of the row; what somebody has written there that is no object stands for itself.
fn fields(event: &TopicEvent) -> Map<String, Value> {
    match serde_json::from_str(&event.payload) {
        Ok(Value::Object(fields)) => fields,
        Ok(other) => object([("payload", other)]),
        Err(_) => object([("payload", (*event.payload).into())]),
    }
}

fn party(name: &str) -> Value {
    json!({ "id": name, "name": name })
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// UTC with milliseconds; the epoch where it is no time that can be written.
pub(in crate::topics) fn rfc3339(time: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from(time).format(&format).unwrap_or_else(|_| "1970-01-01T00:00:00.000Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use uuid::Uuid;

    const CORRELATION: &str = "f3a3d47b-9e68-88fd-a534-7314e0a2bdd0";

    fn event(form: Form, payload: &Value) -> TopicEvent {
        TopicEvent {
            uuid: Uuid::from_u128(7),
            topic: "order".to_owned(),
            source: "as1".into(),
            name: "call_start".into(),
            at: SystemTime::UNIX_EPOCH + Duration::from_micros(1_772_366_400_123_999),
            payload: payload.to_string().into(),
            form,
        }
    }

    fn check(form: Form, payload: Value, expected: Value) {
        let mut whole = json!({
            "eventId": "00000000-0000-0000-0000-000000000007",
            "correlationId": CORRELATION,
            "domain": "order",
            "eventTime": "2026-03-01T12:00:00.123Z",
            "timeOccurred": "2026-03-01T12:00:00.123Z",
            "source": {"id": "as1", "name": "as1"},
            "reportingSystem": {"id": "em1", "name": "em1"},
        });
        let (Some(whole_members), Value::Object(expected)) = (whole.as_object_mut(), expected) else {
            unreachable!()
        };
        whole_members.extend(expected);
        assert_eq!(Value::Object(envelope(&event(form, &payload), "em1")), whole, "{payload}");
    }

    fn posted() -> Form {
        Form::Posted { origin: Some("pss".into()) }
    }

    #[test]
    fn the_fields_of_a_source_are_the_entity() {
        check(
            Form::Fields,
            json!({"from": "anna"}),
            json!({"eventType": "call_start", "event": {"from": "anna"}}),
        );
        check(
            Form::Fields,
            json!({"eventTime": "x"}),
            json!({"eventType": "call_start", "event": {"eventTime": "x"}}),
        );
        check(Form::Fields, json!([1]), json!({"eventType": "call_start", "event": {"payload": [1]}}));
    }

    #[test]
    fn of_a_change_the_entity_stands_alone_and_the_rest_beside_it() {
        check(
            Form::Change,
            json!({"change": "created", "entity": {"id": "a"}, "status": "completed", "command": "UserAddRequest"}),
            json!({
                "eventType": "created", "title": "call_start", "event": {"id": "a"},
                "analyticCharacteristic": [{"name": "command", "value": "UserAddRequest"}, {"name": "status", "value": "completed"}]
            }),
        );
        check(
            Form::Change,
            json!({"change": "deleted", "entity": {}}),
            json!({"eventType": "deleted", "title": "call_start", "event": {}}),
        );
    }

    #[test]
    fn what_was_posted_stands_but_for_what_is_ours() {
        check(posted(), json!({}), json!({}));
        check(
            posted(),
            json!({"eventId": "1", "correlationId": "2", "domain": "x", "eventType": "updated", "event": [1], "priority": "1", "vendor": 5}),
            json!({"eventType": "updated", "event": [1], "priority": "1", "vendor": 5}),
        );
        check(
            posted(),
            json!({"source": {"id": "b"}, "reportingSystem": {}}),
            json!({"source": {"id": "b"}, "reportingSystem": {}}),
        );
        let at = |time: &str| json!({"eventTime": time, "timeOccurred": time});
        check(posted(), json!({"eventTime": "a", "timeOccurred": "b", "timeOcurred": "c"}), at("a"));
        check(posted(), json!({"timeOccurred": "b", "timeOcurred": "c"}), at("b"));
        check(posted(), json!({"timeOcurred": "c"}), at("c"));
    }

    #[test]
    fn a_resource_of_what_was_posted_is_that() {
        let body = json!({"eventId": "1", "timeOcurred": "c", "id": "theirs"});
        let id = "00000000-0000-0000-0000-000000000007";
        let href = format!("/psi-api/event/v2/event/{id}");
        let resource_of = |form| Value::Object(resource(&event(form, &body), "em1", "/psi-api/event/v2"));
        assert_eq!(
            resource_of(posted()),
            json!({"eventId": "1", "timeOcurred": "c", "id": id, "href": href})
        );
        let of_ours = resource_of(Form::Fields);
        assert_eq!(
            (&of_ours["id"], &of_ours["href"], &of_ours["eventId"]),
            (&json!(id), &json!(href), &json!(id))
        );
        assert_eq!(of_ours["event"], body);
    }
}
