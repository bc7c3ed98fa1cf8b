//! Events of the module.

use super::headers::read;
use super::{Headers, JsonError};
use bytes::Bytes;

/// An event: the first of its headers is `Event`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event(Headers);

impl Event {
    /// Reads a message.
    pub fn read(frames: &[Bytes]) -> Result<Event, JsonError> {
        let [frame] = frames else { return Err(JsonError::Frames(frames.len())) };
        let headers: Headers = read(frame)?;
        if !headers.begin_with("Event") {
            return Err(JsonError::NoEvent);
        }
        if !headers.are_texts() {
            return Err(JsonError::Json("a value that is no text".to_owned()));
        }
        Ok(Event(headers))
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        self.0.iter().next().map_or("", |(_, name)| name)
    }

    /// The first value of this name, in whatever case it is written.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// All headers, `Event` first.
    pub fn headers(&self) -> &Headers {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(json: &[u8]) -> Result<Event, JsonError> {
        Event::read(&[Bytes::copy_from_slice(json)])
    }

    /// Its headers as `name=value`.
    #[track_caller]
    fn check(json: &str, expected: &str) {
        let event = event(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
        let shown: Vec<String> =
            event.headers().iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown.join(" "), expected, "{json}");
    }

    #[test]
    fn headers_are_read_in_their_order_and_twice_where_they_stand_twice() {
        check(
            r#"{"Event":"DeviceStateChange","Privilege":"call,all","Device":"SIP/100","State":"INUSE"}"#,
            "Event=DeviceStateChange Privilege=call,all Device=SIP/100 State=INUSE",
        );
        check(r#" {"Event": "LoadZmq"} "#, "Event=LoadZmq");
        check(
            r#"{"Event":"X","ChanVariable":"b=1","A":"","ChanVariable":"a=2"}"#,
            "Event=X ChanVariable=b=1 A= ChanVariable=a=2",
        );
        check(r#"{"event":"X","M":"\"\\\u00e9é\n"}"#, "event=X M=\"\\éé\n");
        let event = event(br#"{"Event":"X","Device":"SIP/1","device":"SIP/2"}"#).expect("an event");
        assert_eq!((event.name(), event.get("DEVICE"), event.get("State")), ("X", Some("SIP/1"), None));
    }

    #[test]
    fn what_is_no_event_is_one_error() {
        let check = |json: &[u8], label: &str| {
            let error = event(json).expect_err("no event");
            assert_eq!(error.label(), label, "{error}");
        };
        for json in [
            "",
            "[]",
            "null",
            "1",
            "\"Event\"",
            r#"{"Event":1}"#,
            r#"{"Event":"X","A":null}"#,
            r#"{"Event":"X","A":["b"]}"#,
        ] {
            check(json.as_bytes(), "json");
        }
        for json in [
            r#"{"Event":"X""#,
            r#"{"Event":"X"} {}"#,
            r#"{"Event":"X","A":{"b":"c"}}"#,
            "{\"Event\":\"a\nb\"}",
        ] {
            check(json.as_bytes(), "json");
        }
        check(b"{\"Event\":\"\xff\xfe\"}", "json");
        check("[".repeat(1_000_000).as_bytes(), "json");
        check(format!("{{\"Event\":{}", "{\"a\":".repeat(500_000)).as_bytes(), "json");
        check(b"{}", "kind");
        check(br#"{"Privilege":"call,all","Event":"X"}"#, "kind");
        check(&vec![b'x'; 10_000_000], "oversize");
        check(format!("{{\"Event\":\"X\"{}}}", ",\"a\":\"\"".repeat(100_000)).as_bytes(), "json");
        let frame = || Bytes::from_static(br#"{"Event":"X"}"#);
        assert_eq!(Event::read(&[frame(), frame()]), Err(JsonError::Frames(2)));
        assert_eq!(Event::read(&[]), Err(JsonError::Frames(0)));
    }

    proptest! {
        #[test]
        fn rubbish_ends_without_a_panic(
            parts in prop::collection::vec(
                prop::sample::select(vec!["{", "}", "[", "]", "\"Event\"", ":", "\"a\"", ",", "1", "null", "\\", "\"", "é"]),
                0..14,
            ),
            byte: u8,
        ) {
            let mut json = parts.concat().into_bytes();
            let _ = event(&json);
            json.push(byte);
            let _ = event(&json);
        }
    }
}
