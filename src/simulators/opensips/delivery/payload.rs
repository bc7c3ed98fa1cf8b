//! An event as bytes.

use crate::simulators::opensips::version::Payload;
use crate::wire::evi::{Event, Format, Value};

/// As a datagram.
pub(in super::super) fn datagram(event: &Event, payload: Payload) -> Vec<u8> {
    match payload {
        Payload::Text => unsigned(event).to_bytes(Format::Text),
        Payload::JsonWithNullId | Payload::Json => object(event, payload, None),
    }
}

/// As an object of JSON, whose id comes first. `id`: of reliable mode.
pub(super) fn object(event: &Event, payload: Payload, id: Option<u64>) -> Vec<u8> {
    let mut object = event.to_bytes(Format::Json);
    let is_null = payload == Payload::JsonWithNullId;
    if is_null && event.params.is_empty() && object.pop() == Some(b'}') {
        object.extend_from_slice(br#","params":{}}"#);
    }
    let id = id.map(|id| id.to_string()).or_else(|| is_null.then(|| "null".to_owned()));
    match id {
        Some(id) => [format!(r#"{{"id":{id},"#).as_bytes(), &object[1..]].concat(),
        None => object,
    }
}

/// In text an integer below zero is one of 64 bits without a sign.
fn unsigned(event: &Event) -> Event {
    let mut event = event.clone();
    for param in &mut event.params {
        match param.value {
            Value::Integer(number) if number < 0 => {
                param.value = Value::Text(number.cast_unsigned().to_string());
            }
            _ => {}
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::evi::Param;

    fn event(params: &[(&str, Value)]) -> Event {
        let param = |(name, value): &(&str, Value)| Param {
            name: (!name.is_empty()).then(|| (*name).to_owned()),
            value: value.clone(),
        };
        Event { name: "E_X".to_owned(), params: params.iter().map(param).collect(), is_ambiguous: false }
    }

    #[test]
    fn the_forms_of_a_datagram() {
        let check = |params: &[(&str, Value)], payload, expected: &str| {
            assert_eq!(String::from_utf8(datagram(&event(params), payload)).unwrap(), expected);
        };
        let text = |text: &str| Value::Text(text.to_owned());
        check(&[], Payload::Text, "E_X\n\n");
        check(&[("a", text("b"))], Payload::Text, "E_X\na::b\n\n");
        check(&[("", text("th\"r\\e")), ("", Value::Integer(2))], Payload::Text, "E_X\nth\"r\\e\n2\n\n");
        check(&[("", text("a \"q\"\nb"))], Payload::Text, "E_X\n\"a \\\"q\\\"\nb\"\n\n");
        check(&[("n", Value::Integer(-2))], Payload::Text, "E_X\nn::18446744073709551614\n\n");
        check(&[], Payload::Json, r#"{"jsonrpc":"2.0","method":"E_X"}"#);
        check(
            &[("a", text("b")), ("n", Value::Integer(-2)), ("z", Value::Null)],
            Payload::Json,
            r#"{"jsonrpc":"2.0","method":"E_X","params":{"a":"b","n":-2,"z":null}}"#,
        );
        check(&[("", text("b"))], Payload::Json, r#"{"jsonrpc":"2.0","method":"E_X","params":["b"]}"#);
        check(&[], Payload::JsonWithNullId, r#"{"id":null,"jsonrpc":"2.0","method":"E_X","params":{}}"#);
        check(
            &[("a", text("b"))],
            Payload::JsonWithNullId,
            r#"{"id":null,"jsonrpc":"2.0","method":"E_X","params":{"a":"b"}}"#,
        );
    }

    #[test]
    fn the_ids_of_reliable_mode() {
        let written = |payload| String::from_utf8(object(&event(&[]), payload, Some(7))).unwrap();
        assert_eq!(written(Payload::Json), r#"{"id":7,"jsonrpc":"2.0","method":"E_X"}"#);
        assert!(written(Payload::JsonWithNullId).starts_with(r#"{"id":7,"jsonrpc""#));
    }
}
