//! The JSON format.
//!
//! ```text
//! {"jsonrpc":"2.0","method":"E_X"}
//! {"jsonrpc":"2.0","method":"E_X","params":{"a":1,"a":"b","":null}}      two of one name, and one without
//! {"jsonrpc":"2.0","method":"E_X","params":["a","b"],"id":7}             none with a name; over TCP, to be answered
//! ```

use super::name::{is_name, written};
use super::{Call, CallError, Event, NotAnEvent, Param, Value};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;
use std::fmt;

/// One object of the stream over TCP; [`crate::wire::evapi::BareDecoder`] cuts them.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub event: Event,
    /// What is to be answered, in reliable mode: a text or a number. `null` of OpenSIPS 3.1.0 is none.
    pub id: Option<Json>,
}

impl Message {
    /// Reads an object.
    pub fn parse(object: &[u8]) -> Result<Message, NotAnEvent> {
        let call = Call::<Params>::parse(&String::from_utf8_lossy(object))?;
        if !is_name(&call.method) {
            return Err(NotAnEvent::Shape(
                "a name that is empty, too long or has control characters".to_owned(),
            ));
        }
        // It would not be answered as it was asked.
        if call.id.as_ref().is_some_and(Json::is_f64) {
            return Err(NotAnEvent::Shape("an id that is no integer of 64 bits".to_owned()));
        }
        let params = call.params.map(|params| params.0).unwrap_or_default();
        Ok(Message { event: Event { name: call.method, params, is_ambiguous: false }, id: call.id })
    }

    /// As an object.
    pub fn to_bytes(&self) -> Vec<u8> {
        write(&self.event, self.id.as_ref())
    }
}

impl From<CallError> for NotAnEvent {
    fn from(error: CallError) -> NotAnEvent {
        match error {
            CallError::Json(what) => NotAnEvent::Json(what),
            CallError::Shape(what) => NotAnEvent::Shape(what),
        }
    }
}

/// The answer to a message with this id.
pub fn acknowledge(id: &Json) -> Vec<u8> {
    let mut json = br#"{"jsonrpc":"2.0","result":"OK","id":"#.to_vec();
    write_json(id, &mut json);
    json.push(b'}');
    json
}

/// The event as an object, with an id if it is to be answered.
pub fn write(event: &Event, id: Option<&Json>) -> Vec<u8> {
    let mut json = Vec::with_capacity(96 + 32 * event.params.len());
    json.extend_from_slice(br#"{"jsonrpc":"2.0","method":"#);
    write_json(&written(&event.name, |_, _| false), &mut json);
    if !event.params.is_empty() {
        json.extend_from_slice(br#","params":"#);
        write_values(&event.params, &mut json);
    }
    if let Some(id) = id {
        json.extend_from_slice(br#","id":"#);
        write_json(id, &mut json);
    }
    json.push(b'}');
    json
}

/// Writes a value.
pub fn write_json(value: &(impl serde::Serialize + ?Sized), json: &mut Vec<u8>) {
    serde_json::to_writer(json, value).expect("texts and plain values are JSON, and memory takes them");
}

/// Writes parameters: a list where none has a name, else an object.
pub fn write_values(params: &[Param], json: &mut Vec<u8>) {
    let is_list = params.iter().all(|param| param.name.as_deref().is_none_or(str::is_empty));
    json.push(if is_list { b'[' } else { b'{' });
    for (at, param) in params.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        if !is_list {
            match param.name.as_deref() {
                None | Some("") => json.extend_from_slice(b"\"\""),
                Some(name) => write_json(&written(name, |_, _| false), json),
            }
            json.push(b':');
        }
        match &param.value {
            Value::Integer(number) => write_json(number, json),
            Value::Text(text) => write_json(text, json),
            Value::Null => json.extend_from_slice(b"null"),
        }
    }
    json.push(if is_list { b']' } else { b'}' });
}

/// Parameters, in their order.
pub struct Params(pub Vec<Param>);

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Params, D::Error> {
        deserializer.deserialize_any(ListOrObject).map(Params)
    }
}

/// The next name of an object; an empty one is none.
fn next_name<'de, A: MapAccess<'de>>(members: &mut A) -> Result<Option<Option<String>>, A::Error> {
    let Some(name) = members.next_key::<String>()? else { return Ok(None) };
    match name.is_empty() || is_name(&name) {
        true => Ok(Some(Some(name).filter(|name| !name.is_empty()))),
        false => Err(A::Error::custom("a parameter whose name is too long or has control characters")),
    }
}

/// Reads parameters, with or without names.
pub struct ListOrObject;

impl<'de> Visitor<'de> for ListOrObject {
    type Value = Vec<Param>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Param>, A::Error> {
        let mut params = Vec::with_capacity(8);
        while let Some(value) = list.next_element()? {
            params.push(Param { name: None, value });
        }
        Ok(params)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Vec<Param>, A::Error> {
        let mut params = Vec::with_capacity(8);
        while let Some(name) = next_name(&mut members)? {
            params.push(Param { name, value: members.next_value()? });
        }
        Ok(params)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[track_caller]
    fn check(payload: impl AsRef<[u8]>, name: &str, params: &[(&str, Value)]) {
        let payload = String::from_utf8_lossy(payload.as_ref());
        let read = Event::parse(payload.as_bytes()).unwrap_or_else(|error| panic!("{payload}: {error}"));
        let param = |(name, value): &(&str, Value)| Param {
            name: (!name.is_empty()).then(|| name.to_string()),
            value: value.clone(),
        };
        let params = params.iter().map(param).collect();
        assert_eq!(read, Event { name: name.to_owned(), params, is_ambiguous: false }, "{payload}");
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn what_opensips_sends_is_read() {
        check(r#"{"jsonrpc":"2.0","method":"E_X"}"#, "E_X", &[]);
        check(r#"{"jsonrpc":"2.0","method":"E_X","params":{}}"#, "E_X", &[]);
        check(
            r#"{"jsonrpc":"2.0","method":"E_X","params":{"b":"1","a":-2,"b":null},"id":null}"#,
            "E_X",
            &[("b", text("1")), ("a", Value::Integer(-2)), ("b", Value::Null)],
        );
        check(r#"{"method":"E_X","params":["a",1]}"#, "E_X", &[("", text("a")), ("", Value::Integer(1))]);
        check(r#"{"method":"E_X","params":{"":"a","":"b"}}"#, "E_X", &[("", text("a")), ("", text("b"))]);
        check(b"{\"method\":\"E_X\",\"params\":[\"\xff\"]}", "E_X", &[("", text("\u{fffd}"))]);
        check(
            r#"{"params":[true,1.5,{"b":[]}],"x":[{}],"method":"E_X"}"#,
            "E_X",
            &[("", text("true")), ("", text("1.5")), ("", text(r#"{"b":[]}"#))],
        );
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let check = |payload: &str, label: &str| {
            let error = Event::parse(payload.as_bytes()).expect_err(payload);
            assert_eq!(error.label(), label, "{payload:.80}: {error}");
            assert!(!error.to_string().contains("hush"), "{error}");
        };
        let with = |params: &str| format!(r#"{{"jsonrpc":"2.0","method":"E_X","params":{params}}}"#);
        for params in ["7", "\"hush\"", "null", "true", "-1.5", r#"{"a\nhush":1}"#] {
            check(&with(params), "shape");
        }
        for payload in [
            "{}",
            r#"{"method":""}"#,
            r#"{"method":7}"#,
            r#"{"method":"a\nb"}"#,
            r#"{"method":["hush"]}"#,
            r#"{"method":"a","method":"b"}"#,
            r#"{"method":"a","params":[],"params":[]}"#,
            r#"{"method":"a","id":{}}"#,
            r#"{"method":"a","id":18446744073709551616}"#,
            r#"{"jsonrpc":"2.0","result":"OK","id":1}"#,
        ] {
            check(payload, "shape");
        }
        let deep = "[".repeat(10_000);
        for params in [r#"["\ud800"]"#, "[1e400]", &deep, &format!("{deep}{}", "]".repeat(10_000))] {
            check(&with(params), "json");
            check(&with(&format!("[],\"x\":{params}")), "json");
        }
        let whole = with(r#"{"a":"é","b":[1]}"#);
        for end in (1..whole.len()).filter(|&end| whole.is_char_boundary(end)) {
            check(&whole[..end], "json");
        }
        check(&format!("{whole}{whole}"), "json");
        assert_eq!(Message::parse(b"[1]").map_err(|error| error.label()), Err("shape"));
        assert_eq!(Message::parse(b"").map_err(|error| error.label()), Err("json"));
    }

    #[test]
    fn what_is_to_be_answered_has_an_id() {
        let check = |id: &str, expected: Option<Json>| {
            let message = Message::parse(format!(r#"{{"method":"E_X","id":{id}}}"#).as_bytes());
            assert_eq!(message.expect("a message").id, expected, "{id}");
        };
        check("null", None);
        check("7", Some(json!(7)));
        check("\"a\"", Some(json!("a")));
        assert_eq!(acknowledge(&json!(7)), br#"{"jsonrpc":"2.0","result":"OK","id":7}"#);
        assert_eq!(acknowledge(&json!("\"")), br#"{"jsonrpc":"2.0","result":"OK","id":"\""}"#);
    }

    #[test]
    fn events_are_written_as_opensips_does() {
        for json in [
            r#"{"jsonrpc":"2.0","method":"E_X"}"#,
            r#"{"jsonrpc":"2.0","method":"E_X","params":{"a":"b","a":-1,"c":null}}"#,
            r#"{"jsonrpc":"2.0","method":"E_X","params":["a",1]}"#,
            r#"{"jsonrpc":"2.0","method":"E_X","params":{"":"a\n","b":1}}"#,
        ] {
            let event = Event::parse(json.as_bytes()).expect("an event");
            assert_eq!(String::from_utf8_lossy(&event.to_bytes(Format::Json)), json);
        }
        let message = Message::parse(br#"{"jsonrpc":"2.0","method":"E_X","id":7}"#).expect("a message");
        assert_eq!(message.to_bytes(), br#"{"jsonrpc":"2.0","method":"E_X","id":7}"#);
        let param = Param { name: Some("a\nb".to_owned()), value: Value::Null };
        let event = Event { name: String::new(), params: vec![param], is_ambiguous: false };
        assert_eq!(event.to_bytes(Format::Json), br#"{"jsonrpc":"2.0","method":"_","params":{"a_b":null}}"#);
    }

    fn values() -> impl Strategy<Value = Value> {
        let text = prop::collection::vec(any::<char>(), 0..8);
        prop_oneof![
            any::<i64>().prop_map(Value::Integer),
            text.prop_map(|text| Value::Text(text.into_iter().collect())),
            Just(Value::Null),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(
            name in "[ -~é]{1,20}",
            params in prop::collection::vec((prop::option::of("[ -~é]{1,5}"), values()), 0..6),
        ) {
            let params = params.into_iter().map(|(name, value)| Param { name, value }).collect();
            let event = Event { name, params, is_ambiguous: false };
            prop_assert_eq!(Event::parse(&event.to_bytes(Format::Json)), Ok(event));
        }

        #[test]
        fn rubbish_ends_without_a_panic(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "{", "}", "[", "]", "\"method\"", "\"params\"", "\"id\"", ":", "\"a\"", ",", "1", "null", "\\", "\"", "é",
                ]),
                0..14,
            ),
            byte: u8,
        ) {
            let mut json = format!("{{{}", parts.concat()).into_bytes();
            let _ = Event::parse(&json);
            json.push(byte);
            let _ = Message::parse(&json);
        }
    }
}
