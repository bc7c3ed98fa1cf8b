//! An event as others know events: a JSON object of named values.
//!
//! ```text
//! E_X  a=1  (unnamed) x  a=null  event=y   {"event":["E_X","y"],"a":["1",""],"2":"x"}
//! ```

use super::{Event, Param, Value};
use serde_json::Value as Json;
use std::collections::HashMap;

impl Event {
    /// Its name as `event`, and its parameters in their order; one without a name goes by its place, from 1. Of a name that comes again
    /// there is a list of texts, so that a parameter called `event` stands behind the name and not in its place.
    pub fn to_object(&self) -> String {
        let mut members: Vec<(String, Vec<Json>)> = Vec::with_capacity(self.params.len() + 1);
        let mut places: HashMap<String, usize> = HashMap::new();
        let own = ("event".to_owned(), Json::from(self.name.as_str()));
        let params = self.params.iter().enumerate().map(|(at, param)| (key(at, param), json(&param.value)));
        for (name, value) in std::iter::once(own).chain(params) {
            let place = *places.entry(name.clone()).or_insert(members.len());
            match members.get_mut(place) {
                Some((_, values)) => values.push(value),
                None => members.push((name, vec![value])),
            }
        }
        let member = |(name, mut values): (String, Vec<Json>)| {
            let value = if values.len() == 1 { values.remove(0) } else { texts(values) };
            format!("{}:{value}", Json::from(name))
        };
        format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(","))
    }

    /// The first parameter of this name as text; one without a name goes by its place, from 1. `None`: there is none, or it is null.
    pub fn field(&self, name: &str) -> Option<String> {
        let named = self.params.iter().find(|param| param.name.as_deref() == Some(name));
        let place = || name.parse::<usize>().ok()?.checked_sub(1);
        let found = named.or_else(|| self.params.get(place()?).filter(|param| param.name.is_none()))?;
        match &found.value {
            Value::Integer(number) => Some(number.to_string()),
            Value::Text(text) => Some(text.clone()),
            Value::Null => None,
        }
    }
}

fn key(at: usize, param: &Param) -> String {
    param.name.clone().unwrap_or_else(|| (at + 1).to_string())
}

fn json(value: &Value) -> Json {
    match value {
        Value::Integer(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Null => Json::Null,
    }
}

fn texts(values: Vec<Json>) -> Json {
    let text = |value: Json| match value {
        Json::String(text) => Json::String(text),
        Json::Null => Json::String(String::new()),
        other => Json::String(other.to_string()),
    };
    values.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(params: &[(Option<&str>, Value)]) -> Event {
        let param = |(name, value): &(Option<&str>, Value)| Param {
            name: name.map(str::to_owned),
            value: value.clone(),
        };
        let params = params.iter().map(param).collect();
        Event { name: "E_X".to_owned(), params, is_ambiguous: false }
    }

    fn of(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn it_is_an_object_of_its_parameters_in_order() {
        let check = |params: &[(Option<&str>, Value)], expected: &str| {
            assert_eq!(event(params).to_object(), expected);
        };
        check(&[], r#"{"event":"E_X"}"#);
        check(
            &[
                (Some("zebra"), of("a \"quoted\"")),
                (Some("number"), Value::Integer(-7)),
                (Some("again"), of("1")),
                (None, of("by place")),
                (Some("again"), Value::Null),
                (Some("again"), Value::Integer(2)),
                (Some("none"), Value::Null),
            ],
            r#"{"event":"E_X","zebra":"a \"quoted\"","number":-7,"again":["1","","2"],"4":"by place","none":null}"#,
        );
        check(&[(None, of("x")), (None, of("y"))], r#"{"event":"E_X","1":"x","2":"y"}"#);
    }

    #[test]
    fn no_parameter_takes_the_place_of_the_name() {
        let forged =
            event(&[(Some("a"), of("b")), (Some("event"), of("forged")), (Some("event"), of("more"))]);
        assert_eq!(forged.to_object(), r#"{"event":["E_X","forged","more"],"a":"b"}"#);
    }

    #[test]
    fn its_fields_are_known_by_name_or_place() {
        let event = event(&[
            (Some("number"), Value::Integer(-7)),
            (Some("again"), of("1")),
            (Some("again"), of("2")),
            (None, of("by place")),
            (Some("null"), Value::Null),
        ]);
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(event.field(name).as_deref(), expected, "{name}");
        };
        check("number", Some("-7"));
        check("again", Some("1"));
        check("4", Some("by place"));
        for none in ["1", "0", "5", "null", "none", ""] {
            check(none, None);
        }
    }
}
