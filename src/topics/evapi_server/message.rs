//! An event as clients get it: its own fields as they are, and behind them what we know of it.
//!
//! ```text
//! 215:{"event":"call_start","from":"anna","eventmanager":{"id":"0197…","sequence":17,"topics":["calls"],"source":"k1",
//!      "time":"2026-03-01T12:00:00Z"}},
//! ```
//!
//! Consumers of Kamailio's EVAPI often look at the bytes of a frame, so the text of the fields is never written anew.

use crate::topics::TopicEvent;
use crate::topics::happenings::Happening;
use crate::topics::members::{inside, members};
use crate::wire::netstring;
use bytes::{Bytes, BytesMut};
use serde::Serialize;
use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The member that we add.
const OURS: &str = "eventmanager";

/// The frame of an event; with `envelope` it says what we know of it.
pub fn frame(happening: &Happening, envelope: bool) -> Bytes {
    let payload = &happening.event.payload;
    let mut frame = BytesMut::new();
    if envelope {
        netstring::encode(enveloped(happening).as_bytes(), &mut frame);
    } else {
        netstring::encode(payload.as_bytes(), &mut frame);
    }
    frame.freeze()
}

/// The frame of what is said to one client.
pub fn frame_of(message: &serde_json::Value) -> Bytes {
    let mut frame = BytesMut::new();
    netstring::encode(message.to_string().as_bytes(), &mut frame);
    frame.freeze()
}

#[derive(Serialize)]
struct Envelope<'a> {
    id: uuid::Uuid,
    sequence: i64,
    topics: &'a [String],
    source: &'a str,
    time: String,
}

fn enveloped(happening: &Happening) -> String {
    let Happening { sequence, topics, event } = happening;
    let envelope = Envelope {
        id: event.uuid,
        sequence: *sequence,
        topics,
        source: &event.source,
        time: rfc3339(event.at),
    };
    let envelope = serde_json::to_string(&envelope).expect("texts and numbers are JSON");
    let own = own_fields(&event.payload).unwrap_or_else(|| instead(event));
    let comma = if own.is_empty() { "" } else { "," };
    format!("{{{own}{comma}\"{OURS}\":{envelope}}}")
}

/// Empty for what has no such form: years beyond 9999, say.
fn rfc3339(time: SystemTime) -> String {
    let nanoseconds = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_nanos()),
        Err(before) => i128::try_from(before.duration().as_nanos()).map(|nanoseconds| -nanoseconds),
    };
    let time = nanoseconds.ok().and_then(|it| OffsetDateTime::from_unix_timestamp_nanos(it).ok());
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

/// What is between the braces of an object, without a member that is called as ours; `None` where it is no object.
fn own_fields(payload: &str) -> Option<String> {
    let inside = inside(payload)?;
    // A key may be written with escapes.
    if !inside.contains(OURS) && !inside.contains("\\u") {
        return Some(inside.trim().to_owned());
    }
    let others: Vec<&str> = members(inside).into_iter().filter(|member| !is_ours(member)).collect();
    Some(others.join(",").trim().to_owned())
}

fn is_ours(member: &str) -> bool {
    let key = serde_json::Deserializer::from_str(member).into_iter::<String>().next();
    key.is_some_and(|key| key.is_ok_and(|key| key == OURS))
}

/// The fields of an event whose payload is no object, which can come of edited rows alone.
fn instead(event: &TopicEvent) -> String {
    let text = |text: &str| serde_json::Value::from(text);
    format!("\"event\":{},\"payload\":{}", text(&event.name), text(&event.payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::time::Duration;
    use uuid::Uuid;

    const ENVELOPE: &str = r#""eventmanager":{"id":"00000000-0000-0000-0000-000000000007","sequence":3,"topics":["calls"],"source":"k1","time":"1970-01-01T00:00:01.5Z"}"#;

    fn event(uuid: u128, topic: &str, payload: &str) -> TopicEvent {
        TopicEvent {
            uuid: Uuid::from_u128(uuid),
            topic: topic.to_owned(),
            source: "k1".into(),
            name: "call".into(),
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(1500),
            payload: payload.into(),
            form: crate::event::Form::Fields,
        }
    }

    fn happening(payload: &str) -> Happening {
        Happening { sequence: 3, topics: vec!["calls".to_owned()], event: event(7, "calls", payload) }
    }

    /// What comes before our member, the comma included.
    #[track_caller]
    fn check(payload: &str, own: &str) {
        let written = enveloped(&happening(payload));
        assert_eq!(written, format!("{{{own}{ENVELOPE}}}"), "{payload}");
        let read: Value = serde_json::from_str(&written).expect("JSON");
        assert_eq!(read["eventmanager"]["sequence"], 3);
    }

    #[test]
    fn own_fields_stay_as_they_are_and_ours_comes_last() {
        check("{}", "");
        check(" { } ", "");
        check(r#"{"event":"a"}"#, r#""event":"a","#);
        check(
            "{\"b\" : 1.50e3,\n \"a\":[ 1,{}],\"a\":\"é\"}\n",
            "\"b\" : 1.50e3,\n \"a\":[ 1,{}],\"a\":\"é\",",
        );
        check(r#"{"n":123456789012345678901234567890}"#, r#""n":123456789012345678901234567890,"#);
    }

    #[test]
    fn a_field_of_our_name_gives_way() {
        check(r#"{"eventmanager":{"id":"forged"}}"#, "");
        check(r#"{"a":1,"eventmanager":"x,y","b":"}"}"#, r#""a":1,"b":"}","#);
        check(r#"{"event\u006danager":[1,2],"b":2}"#, r#""b":2,"#);
        check(r#"{ "eventmanager" :1, "eventmanager":2}"#, "");
        // Not the name of a member of the event.
        check(
            r#"{"a":"eventmanager","b":{"eventmanager":1}}"#,
            r#""a":"eventmanager","b":{"eventmanager":1},"#,
        );
        check(r#"{"a\\\"":",\u0041","b":"\\"}"#, r#""a\\\"":",\u0041","b":"\\","#);
    }

    #[test]
    fn what_is_no_object_is_still_told() {
        for payload in ["", "[1]", "{\"a\":}", "{} {}", "nonsense \"quoted\"", "{", "}"] {
            let read: Value = serde_json::from_str(&enveloped(&happening(payload))).expect("JSON");
            let own = json!({"event": read["event"], "payload": read["payload"]});
            assert_eq!(own, json!({"event": "call", "payload": payload}));
        }
    }

    #[test]
    fn without_the_envelope_a_frame_is_the_payload() {
        assert_eq!(frame(&happening(" {\"a\": 1}\n"), false), " {\"a\": 1}\n".replacen(' ', "10: ", 1) + ",");
        let whole = frame(&happening("{}"), true);
        assert_eq!(whole, format!("{}:{{{ENVELOPE}}},", ENVELOPE.len() + 2));
    }

    #[test]
    fn no_time_is_too_far_away() {
        let (epoch, second) = (SystemTime::UNIX_EPOCH, Duration::from_secs(1));
        assert_eq!(rfc3339(epoch - second), "1969-12-31T23:59:59Z");
        assert_eq!(rfc3339(epoch + Duration::from_secs(253_402_300_799)), "9999-12-31T23:59:59Z");
        assert_eq!(rfc3339(epoch + Duration::from_secs(1 << 60)), "");
    }
}
