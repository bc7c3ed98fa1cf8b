//! What becomes of the events of an OpenSIPS: counted all, stored and handed on where a `[[route]]` wants them.

use super::queue::Arrived;
use crate::config::{Live, Route};
use crate::connections::recorder::{Recorder, Routed};
use crate::telemetry::{Seldom, count_bad_frame};
use crate::topics::Wanted;
use crate::wire::evi::{Event, NotAnEvent, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// See the module.
pub struct Routing {
    source: Arc<str>,
    routes: Live<Vec<Route>>,
    recorder: Recorder,
    received: metrics::Counter,
    bad: Seldom,
    ambiguous: Seldom,
}

impl Routing {
    /// The events of `source`.
    pub fn new(source: &str, routes: Live<Vec<Route>>, recorder: Recorder) -> Routing {
        let received = metrics::counter!("eventmanager_events_received_total", "source" => source.to_owned());
        let (bad, ambiguous) = (Seldom::default(), Seldom::default());
        Routing { source: source.into(), routes, recorder, received, bad, ambiguous }
    }

    /// Takes these, in their order.
    pub fn take(&self, arrived: &[Arrived]) {
        let routes = self.routes.get();
        for arrived in arrived {
            match Event::parse(&arrived.payload) {
                Ok(event) => self.event(&event, arrived, &routes),
                Err(error) => self.not_an_event(&arrived.payload, &error),
            }
        }
    }

    fn event(&self, event: &Event, arrived: &Arrived, routes: &[Route]) {
        self.received.increment(1);
        if event.is_ambiguous {
            self.tell_ambiguous(event);
        }
        if routes.is_empty() {
            return;
        }
        let wanted = Wanted::by(routes, &self.source, &event.name, |field| text(event, field));
        if !wanted.store && wanted.topics.is_empty() {
            return;
        }
        let routed = Routed {
            name: event.name.as_str().into(),
            received: arrived.received,
            document: &|| String::from_utf8_lossy(&arrived.payload).into(),
            payload: &|| json(event).into(),
        };
        self.recorder.record(&routed, wanted);
    }

    /// Counts it, and keeps a sample.
    fn not_an_event(&self, payload: &[u8], error: &NotAnEvent) {
        count_bad_frame(&self.source, error.label());
        if let Some(so_far) = self.bad.count() {
            tracing::warn!(connection = &*self.source, reason = %error, so_far, "opensips sent what is no event");
            self.recorder.unreadable(payload, &error.to_string());
        }
    }

    /// It is taken all the same.
    fn tell_ambiguous(&self, event: &Event) {
        count_bad_frame(&self.source, "ambiguous");
        if let Some(so_far) = self.ambiguous.count() {
            let (connection, event) = (&*self.source, &event.name);
            tracing::warn!(connection, event, so_far, "a quoted value of an event has no certain end");
        }
    }
}

/// The first parameter of this name as text; one without a name goes by its place, from 1.
fn text(event: &Event, name: &str) -> Option<String> {
    let named = event.params.iter().find(|param| param.name.as_deref() == Some(name));
    let place = || name.parse::<usize>().ok()?.checked_sub(1);
    let found = named.or_else(|| event.params.get(place()?).filter(|param| param.name.is_none()))?;
    match &found.value {
        Value::Integer(number) => Some(number.to_string()),
        Value::Text(text) => Some(text.clone()),
        Value::Null => None,
    }
}

/// A JSON object: `event`, and the parameters in their order. Of a name that comes again all values stand in a list; one without a
/// name goes by its place, from 1.
fn json(event: &Event) -> String {
    let value = |value: &Value| match value {
        Value::Integer(number) => serde_json::Value::from(*number),
        Value::Text(text) => serde_json::Value::from(text.as_str()),
        Value::Null => serde_json::Value::Null,
    };
    let mut members: Vec<(String, Vec<serde_json::Value>)> = Vec::with_capacity(event.params.len() + 1);
    let mut places: HashMap<String, usize> = HashMap::new();
    let own = ("event".to_owned(), serde_json::Value::from(event.name.as_str()));
    let params =
        event.params.iter().enumerate().map(|(at, param)| {
            (param.name.clone().unwrap_or_else(|| (at + 1).to_string()), value(&param.value))
        });
    for (name, value) in std::iter::once(own).chain(params) {
        let place = *places.entry(name.clone()).or_insert(members.len());
        match members.get_mut(place) {
            Some((_, values)) => values.push(value),
            None => members.push((name, vec![value])),
        }
    }
    let member = |(name, mut values): (String, Vec<serde_json::Value>)| {
        let value = match values.len() {
            1 => values.remove(0),
            _ => serde_json::Value::Array(values),
        };
        format!("{}:{value}", serde_json::Value::from(name))
    };
    format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::evi::Param;

    fn event(params: &[(Option<&str>, Value)]) -> Event {
        let param = |(name, value): &(Option<&str>, Value)| Param {
            name: name.map(str::to_owned),
            value: value.clone(),
        };
        let params = params.iter().map(param).collect();
        Event { name: "E_X".to_owned(), params, is_ambiguous: false }
    }

    #[test]
    fn an_event_is_an_object_of_its_parameters_in_order() {
        let of = |text: &str| Value::Text(text.to_owned());
        let event = event(&[
            (Some("zebra"), of("a \"quoted\"")),
            (Some("number"), Value::Integer(-7)),
            (Some("again"), of("1")),
            (None, of("by place")),
            (Some("again"), Value::Null),
            (Some("event"), of("forged")),
        ]);
        let expected = r#"{"event":["E_X","forged"],"zebra":"a \"quoted\"","number":-7,"again":["1",null],"4":"by place"}"#;
        assert_eq!(json(&event), expected);
        let field = |name: &str| text(&event, name);
        assert_eq!(field("number").as_deref(), Some("-7"));
        assert_eq!(field("4").as_deref(), Some("by place"));
        assert_eq!(
            (field("again").as_deref(), field("1"), field("0"), field("none")),
            (Some("1"), None, None, None)
        );
        assert_eq!(json(&super::tests::event(&[])), r#"{"event":"E_X"}"#);
    }
}
