//! An event as its parameters: the members of its payload, in their order.

use crate::topics::happenings::Happening;
use crate::topics::members::{inside, key_and_value, members};
use crate::wire::evi::{Event, Param, Value};

/// The event under this name.
pub fn event(happening: &Happening, name: &str) -> Event {
    let payload = &happening.event.payload;
    let params = match inside(payload) {
        Some(inside) => params(inside, &happening.event.name),
        // No object, which can come of edited rows alone.
        None => vec![text(Some("payload".to_owned()), payload)],
    };
    Event { name: name.to_owned(), params, is_ambiguous: false }
}

fn params(inside: &str, event: &str) -> Vec<Param> {
    let mut params = Vec::new();
    for member in members(inside).into_iter().map(str::trim).filter(|member| !member.is_empty()) {
        match key_and_value(member) {
            Some((key, value)) if repeats_name(&key, value, event) => {}
            Some((key, value)) => add(&mut params, key, value, event),
            // A key with half a letter of UTF-16.
            None => params.push(text(None, member)),
        }
    }
    params
}

/// Whether this only says what the event is called.
fn repeats_name(key: &str, value: &str, event: &str) -> bool {
    is_of_name(key) && string(value).is_some_and(|value| value == event)
}

fn is_of_name(key: &str) -> bool {
    matches!(key, "event" | "Event")
}

/// A header that comes again is a list of texts: of it come as many parameters, but for the name of the event before one that is
/// called so too. What has its place as its name has none.
fn add(params: &mut Vec<Param>, key: String, value: &str, event: &str) {
    let several = value.starts_with('[').then(|| serde_json::from_str::<Vec<String>>(value).ok()).flatten();
    match several {
        Some(texts) if !texts.is_empty() => {
            let own = usize::from(is_of_name(&key) && texts[0] == event);
            let name = Some(key).filter(|key| !key.is_empty());
            params.extend(texts[own..].iter().map(|value| text(name.clone(), value)));
        }
        _ => {
            let place = (params.len() + 1).to_string();
            let name = Some(key).filter(|key| !key.is_empty() && *key != place);
            params.push(Param { name, value: single(value) });
        }
    }
}

/// Integers, texts and null are what they are, all else is the text of its JSON.
fn single(value: &str) -> Value {
    if value == "null" {
        return Value::Null;
    }
    if let Ok(integer) = value.parse() {
        return Value::Integer(integer);
    }
    Value::Text(string(value).unwrap_or_else(|| value.to_owned()))
}

fn string(value: &str) -> Option<String> {
    value.starts_with('"').then(|| serde_json::from_str(value).ok()).flatten()
}

fn text(name: Option<String>, value: &str) -> Param {
    Param { name, value: Value::Text(value.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::TopicEvent;
    use std::time::SystemTime;

    fn params_of(payload: &str) -> Vec<(String, Value)> {
        let happening = Happening {
            sequence: 1,
            topics: Vec::new(),
            event: TopicEvent {
                uuid: uuid::Uuid::nil(),
                topic: String::new(),
                source: "k1".into(),
                name: "call".into(),
                at: SystemTime::UNIX_EPOCH,
                payload: payload.into(),
                form: crate::event::Form::Fields,
            },
        };
        let event = event(&happening, "E_CALL");
        assert_eq!(event.name, "E_CALL");
        event.params.into_iter().map(|it| (it.name.unwrap_or_else(|| "-".to_owned()), it.value)).collect()
    }

    #[track_caller]
    fn check(payload: &str, expected: &[(&str, Value)]) {
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        assert_eq!(params_of(payload), expected, "{payload}");
    }

    fn is(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn members_are_parameters_in_their_order() {
        check("{}", &[]);
        check(
            r#"{"z":"a\nb","a":-7,"n":null,"z":"é\"","":"x"}"#,
            &[
                ("z", is("a\nb")),
                ("a", Value::Integer(-7)),
                ("n", Value::Null),
                ("z", is("é\"")),
                ("-", is("x")),
            ],
        );
    }

    #[test]
    fn what_has_no_place_is_the_text_of_its_json() {
        check(
            r#"{"t":true,"f":1.50e3,"big":123456789012345678901234567890,"o":{"b":1, "a":[2]},"l":[1,"x"],"e":[]}"#,
            &[
                ("t", is("true")),
                ("f", is("1.50e3")),
                ("big", is("123456789012345678901234567890")),
                ("o", is(r#"{"b":1, "a":[2]}"#)),
                ("l", is(r#"[1,"x"]"#)),
                ("e", is("[]")),
            ],
        );
        check(r#"{"h":"\ud800"}"#, &[("h", is(r#""\ud800""#))]);
        check(r#"{"\ud800":1}"#, &[("-", is(r#""\ud800":1"#))]);
    }

    #[test]
    fn a_header_that_comes_again_is_several_parameters() {
        check(r#"{"Via":["a","b"],"To":"c"}"#, &[("Via", is("a")), ("Via", is("b")), ("To", is("c"))]);
    }

    #[test]
    fn what_only_repeats_the_name_is_left_out() {
        check(r#"{"event":"call","Event":"call","a":1}"#, &[("a", Value::Integer(1))]);
        check(r#"{"event":"other","Event":7}"#, &[("event", is("other")), ("Event", Value::Integer(7))]);
    }

    #[test]
    fn behind_the_name_comes_a_parameter_that_is_called_so() {
        check(r#"{"event":["call","forged"],"a":1}"#, &[("event", is("forged")), ("a", Value::Integer(1))]);
        check(r#"{"event":["other","call"]}"#, &[("event", is("other")), ("event", is("call"))]);
        check(r#"{"a":["call","b"]}"#, &[("a", is("call")), ("a", is("b"))]);
    }

    #[test]
    fn what_has_its_place_as_its_name_has_none() {
        check(
            r#"{"event":"call","1":"x","a":["y","z"],"4":null,"4":"w","01":"v"}"#,
            &[
                ("-", is("x")),
                ("a", is("y")),
                ("a", is("z")),
                ("-", Value::Null),
                ("4", is("w")),
                ("01", is("v")),
            ],
        );
    }

    #[test]
    fn an_event_comes_back_from_its_object() {
        let param = |name: Option<&str>, value| Param { name: name.map(str::to_owned), value };
        let params = vec![
            param(None, is("x")),
            param(Some("a"), is("1")),
            param(Some("a"), is("2")),
            param(None, Value::Integer(7)),
        ];
        let event = Event { name: "call".to_owned(), params, is_ambiguous: false };
        let back: Vec<_> = params_of(&event.to_object());
        let expected = [("-", is("x")), ("a", is("1")), ("a", is("2")), ("-", Value::Integer(7))];
        assert_eq!(back, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn what_is_no_object_is_told_all_the_same() {
        for payload in ["", "[1]", "nonsense", "{} {}"] {
            check(payload, &[("payload", is(payload))]);
        }
    }
}
