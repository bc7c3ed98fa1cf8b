//! An alarm as an event: what the topic `alarm` has of its raising and of its clearing.
//!
//! ```text
//! {"change":"created","entity":{"id":"5d1f…","alarmType":"connection_lost","perceivedSeverity":"major","state":"raised",
//!  "alarmedObject":{"id":"as1","@referredType":"connection"},"alarmRaisedTime":"2026-03-01T12:00:00.000Z",
//!  "specificProblem":"no connection to as1.example.net:8025"}}
//! ```

use crate::config::ALARM_SOURCE;
use crate::event::{Form, TopicEvent};
use crate::topics::derived;
use crate::topics::hand_on::json_in_ascii;
use crate::topics::hubs::rfc3339;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// The topic of all alarms; it is there wherever Event Management is.
pub const ALARM_TOPIC: &str = "alarm";

/// A connection of ours to a peer is lost.
pub const CONNECTION_LOST: &str = "connection_lost";
/// An event was not carried out.
pub const EVENT_FAILED: &str = "event_failed";
/// A subscriber of Event Management gets nothing until an operator resumes it.
pub const HUB_HALTED: &str = "hub_halted";
/// A host of the provisioning systems is not asked any more, since it does not answer.
pub const BREAKER_OPEN: &str = "breaker_open";

/// Perceived severities (X.733).
pub const CRITICAL: &str = "critical";
pub const MAJOR: &str = "major";
pub const MINOR: &str = "minor";

/// The id of an alarm: the same for whoever asks with the same values, and another for each time that it is raised.
pub fn id(kind: &str, object: &str, raised: SystemTime) -> Uuid {
    let millis = raised.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    derived::uuid(&["alarm", kind, object, &millis.to_string()])
}

/// That the alarm `uuid` is raised: by a thing called `object` of the kind `object_type`.
pub fn raised(
    kind: &str,
    object: &str,
    object_type: &str,
    severity: &str,
    problem: &str,
    at: SystemTime,
    uuid: Uuid,
) -> TopicEvent {
    let mut entity = entity(kind, (object, object_type), problem, at, uuid);
    entity["state"] = "raised".into();
    entity["perceivedSeverity"] = severity.into();
    event(kind, "created", entity, at, uuid)
}

/// That it is cleared. Other than the alarm itself the event has an id of its own.
pub fn cleared(
    kind: &str,
    object: &str,
    object_type: &str,
    problem: &str,
    at: SystemTime,
    uuid: Uuid,
    cleared_at: SystemTime,
) -> TopicEvent {
    let mut entity = entity(kind, (object, object_type), problem, at, uuid);
    entity["state"] = "cleared".into();
    entity["perceivedSeverity"] = "cleared".into();
    entity["alarmClearedTime"] = rfc3339(cleared_at).into();
    event(kind, "deleted", entity, cleared_at, derived::uuid(&["cleared", &uuid.to_string()]))
}

fn entity(
    kind: &str,
    (object, object_type): (&str, &str),
    problem: &str,
    at: SystemTime,
    uuid: Uuid,
) -> Value {
    json!({
        "id": uuid.to_string(),
        "alarmType": kind,
        "alarmedObject": { "id": object, "@referredType": object_type },
        "alarmRaisedTime": rfc3339(at),
        "specificProblem": problem,
    })
}

fn event(kind: &str, change: &str, entity: Value, at: SystemTime, uuid: Uuid) -> TopicEvent {
    let payload = json!({ "change": change, "entity": entity });
    TopicEvent {
        uuid,
        topic: ALARM_TOPIC.to_owned(),
        source: ALARM_SOURCE.into(),
        name: kind.into(),
        at,
        // In letters that every database has: it may be written together with a verdict.
        payload: json_in_ascii(&payload.to_string()).into(),
        form: Form::Change,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const AT: SystemTime = UNIX_EPOCH;
    const ID: Uuid = Uuid::from_u128(7);

    fn payload(event: &TopicEvent) -> Value {
        serde_json::from_str(&event.payload).expect("JSON")
    }

    #[test]
    fn an_alarm_is_created_and_deleted_as_one_entity() {
        let up = raised(CONNECTION_LOST, "as1", "connection", MAJOR, "no connection to \u{e9}", AT, ID);
        let later = AT + Duration::from_millis(2_500);
        let down = cleared(CONNECTION_LOST, "as1", "connection", "no connection to \u{e9}", AT, ID, later);
        let expected = json!({"change": "created", "entity": {
            "id": "00000000-0000-0000-0000-000000000007",
            "alarmType": "connection_lost",
            "perceivedSeverity": "major",
            "state": "raised",
            "alarmedObject": { "id": "as1", "@referredType": "connection" },
            "alarmRaisedTime": "1970-01-01T00:00:00.000Z",
            "specificProblem": "no connection to \u{e9}",
        }});
        assert_eq!(payload(&up), expected);
        let mut expected = expected;
        expected["change"] = "deleted".into();
        expected["entity"]["state"] = "cleared".into();
        expected["entity"]["perceivedSeverity"] = "cleared".into();
        expected["entity"]["alarmClearedTime"] = "1970-01-01T00:00:02.500Z".into();
        assert_eq!(payload(&down), expected);
        assert!(up.payload.is_ascii() && (up.at, down.at) == (AT, later));
        assert_eq!((up.topic.as_str(), &*up.name, &*up.source), ("alarm", "connection_lost", "alarm"));
    }

    #[test]
    fn raising_and_clearing_are_two_events_and_the_same_ones_again() {
        let up = || raised(BREAKER_OPEN, "ema1", "host", CRITICAL, "x", AT, ID).uuid;
        let down = || cleared(BREAKER_OPEN, "ema1", "host", "x", AT, ID, AT).uuid;
        assert_eq!((up(), down()), (ID, down()));
        assert_ne!(up(), down());
    }

    #[test]
    fn an_alarm_that_is_raised_again_is_another() {
        let id_at = |millis| id(CONNECTION_LOST, "as1", AT + Duration::from_millis(millis));
        assert_eq!(id_at(1), id_at(1));
        assert_ne!(id_at(1), id_at(2));
        assert_ne!(id(BREAKER_OPEN, "as1", AT), id(CONNECTION_LOST, "as1", AT));
    }
}
