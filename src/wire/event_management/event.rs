//! An event as it is posted: an `Event_Create`.

use super::BodyError;
use super::body::{Type, object};
use serde_json::{Map, Value};

/// The members that the specification gives a type. None is required, `event` is anything, and others may stand beside them.
const TYPES: [(&str, Type); 17] = [
    ("@type", Type::Text),
    ("@baseType", Type::Text),
    ("@schemaLocation", Type::Text),
    ("analyticCharacteristic", Type::Objects),
    ("correlationId", Type::Text),
    ("description", Type::Text),
    ("domain", Type::Text),
    ("eventId", Type::Text),
    ("eventTime", Type::Time),
    ("eventType", Type::Text),
    ("priority", Type::Text),
    ("relatedParty", Type::Objects),
    ("reportingSystem", Type::Object),
    ("source", Type::Object),
    ("timeOccurred", Type::Time),
    // As TMF688 itself has misspelt it.
    ("timeOcurred", Type::Time),
    ("title", Type::Text),
];

/// Reads an event that somebody posts. Members that stand twice, are of a wrong type or too deep are errors that name them; of those
/// with a type null is as good as absent.
pub fn event_create(body: &[u8]) -> Result<Map<String, Value>, BodyError> {
    object(body, &TYPES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn refused(body: &str) -> String {
        event_create(body.as_bytes()).expect_err(body).to_string()
    }

    #[test]
    fn numbers_stay_what_they_are_to_the_last_digit() {
        for number in [
            "4125412.8817000003",
            "10788763.975000001",
            "0.30000000000000004",
            "1772366400.123456",
            "-0.0",
            "1e-7",
        ] {
            let body = format!("{{\"event\":{{\"price\":{number}}}}}");
            let event = event_create(body.as_bytes()).expect("an event");
            assert_eq!(Value::Object(event).to_string(), body);
        }
    }

    #[test]
    fn what_an_event_may_be() {
        let check = |body: &str, expected: Value| {
            assert_eq!(event_create(body.as_bytes()).map(Value::Object), Ok(expected), "{body}");
        };
        check("{}", json!({}));
        check(r#" {"eventId":"7","event":1} "#, json!({"eventId": "7", "event": 1}));
        check(r#"{"event":null,"own":null}"#, json!({"event": null, "own": null}));
        check(r#"{"title":null,"source":null}"#, json!({}));
        check(
            r#"{"timeOcurred":"2026-03-01T12:00:00.5+02:00"}"#,
            json!({"timeOcurred": "2026-03-01T12:00:00.5+02:00"}),
        );
        check(
            r#"{"relatedParty":[],"analyticCharacteristic":[{"name":"a","value":[1]}]}"#,
            json!({"relatedParty": [], "analyticCharacteristic": [{"name": "a", "value": [1]}]}),
        );
        check(
            r#"{"source":{"id":"a"},"vendor":{"any":["thing"]}}"#,
            json!({"source": {"id": "a"}, "vendor": {"any": ["thing"]}}),
        );
    }

    #[test]
    fn an_error_names_the_place() {
        let check = |body: &str, expected: &str| assert_eq!(refused(body), expected, "{body}");
        check("", "the body is no JSON: EOF while parsing a value at line 1 column 0");
        check("[]", "the body is a list, and not an object");
        check("null", "the body is null, and not an object");
        check(
            r#"{"event":{"a":1,"a":2}}"#,
            "the body is no JSON: \"a\" stands in it twice at line 1 column 22",
        );
        check(r#"{"priority":1}"#, "priority is a number, and not a text");
        check(r#"{"eventTime":"yesterday"}"#, "eventTime is no time such as 2026-03-01T12:00:00Z (RFC 3339)");
        check(r#"{"timeOccurred":5}"#, "timeOccurred is a number, and not a text");
        check(r#"{"source":"me"}"#, "source is a text, and not an object");
        check(r#"{"relatedParty":{}}"#, "relatedParty is an object, and not a list");
        check(
            r#"{"analyticCharacteristic":[{},"x"]}"#,
            "analyticCharacteristic[1] is a text, and not an object",
        );
    }

    #[test]
    fn what_is_too_deep_is_refused_with_its_path() {
        let nested = |levels: usize| format!(r#"{{"event":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
        assert!(event_create(nested(63).as_bytes()).is_ok());
        let reason = refused(&nested(64));
        assert_eq!(reason, format!("event{} stands deeper than 64 levels", "[0]".repeat(63)));
        let odd = format!(r#"{{"event":{{"a b":{}{}}}}}"#, "[".repeat(63), "]".repeat(63));
        assert!(refused(&odd).starts_with("event.\"a b\"[0]"));
        // Deeper than the reader of JSON goes.
        assert!(refused(&nested(200_000)).contains("recursion limit"));
    }

    #[test]
    fn an_event_that_is_cut_is_refused_at_every_byte() {
        let body = br#"{"eventId":"7","eventTime":"2026-03-01T12:00:00Z","event":{"a":[1,null,"\u00e6"]}}"#;
        for end in 0..body.len() {
            assert!(event_create(&body[..end]).is_err(), "{end}");
        }
        assert!(event_create(body).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_bytes_come_there_is_an_answer(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = event_create(&body);
        }
    }
}
