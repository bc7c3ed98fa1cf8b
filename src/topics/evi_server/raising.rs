//! Events that programs raise over our EVI: events of a source of their own, handed on like those of others.

use super::changing::tell;
use super::failures::{bad, refused, store_away};
use super::server::Server;
use crate::config::{EVI_SOURCE, is_evi_name};
use crate::event::{NewEvent, Status};
use crate::store::StoreError;
use crate::topics::hand_on::json_in_ascii;
use crate::topics::{TopicEvent, Wanted};
use crate::wire::evi::{Param, Value};
use crate::wire::mask_secrets;
use crate::wire::mi::Failure;
use serde_json::Value as Json;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// Bytes of its parameters as JSON, at most: as much as comes in a datagram.
const LARGEST: usize = 64 << 10;

impl Server {
    /// Hands an event on, under the topics of the routes that want it and under one of its own.
    pub(super) async fn raise(
        self: &Rc<Self>,
        name: &str,
        params: &[Param],
        actor: Option<&str>,
    ) -> Result<(), Failure> {
        if !is_evi_name(name) {
            return Err(bad("event", "it is not E_ and capitals, digits and \"_\"".to_owned()));
        }
        let payload = json_in_ascii(&payload(name, params));
        if payload.len() > LARGEST {
            return Err(bad("params", format!("{} bytes as JSON, allowed are {LARGEST}", payload.len())));
        }
        self.check_store()?;
        let act = actor.map(|actor| self.act(actor, "raise", name, mask_secrets(&payload)));
        let (stored, handed_on) = self.events(name, params, payload.into());
        let (server, name) = (Rc::clone(self), name.to_owned());
        let work = async move {
            metrics::counter!("eventmanager_events_received_total", "source" => EVI_SOURCE).increment(1);
            let done = act.clone();
            if let Some(act) = act {
                server.store.record_act(act, None).await.map_err(not_stored)?;
            }
            let appended = server.store.append_and_hand_on(stored, handed_on).await.map_err(not_stored)?;
            if let Some(reason) = appended.into_iter().find_map(|event| event.rejected) {
                return Err(refused(&format!("The database refuses it: {reason}")));
            }
            server.known.borrow_mut().was_raised(&name);
            done.iter().for_each(tell);
            Ok(())
        };
        self.begin(work).await
    }

    /// Its row among all events, where a route wants that, and those of the topic log.
    fn events(&self, name: &str, params: &[Param], payload: Arc<str>) -> (Vec<NewEvent>, Vec<TopicEvent>) {
        let field = |field: &str| {
            let param = params.iter().find(|param| param.name.as_deref() == Some(field))?;
            text(&param.value)
        };
        let Wanted { mut topics, store } = Wanted::by(&self.whole.get().routes, EVI_SOURCE, name, field);
        topics.insert(EVI_SOURCE.to_owned());
        let (uuid, received) = (Uuid::now_v7(), SystemTime::now());
        let (source, name): (Arc<str>, Arc<str>) = (EVI_SOURCE.into(), name.into());
        let stored = store.then(|| NewEvent {
            uuid,
            source: Arc::clone(&source),
            notification_id: None,
            command_index: 0,
            user_id: String::new(),
            command: name.to_string(),
            document: Arc::clone(&payload),
            status: Status::Ignored,
            note: Some("stored by a route".to_owned()),
            about: Vec::new(),
            duplicate_of: None,
            received,
        });
        let handed_on = topics.into_iter().map(|topic| TopicEvent {
            uuid,
            topic,
            source: Arc::clone(&source),
            name: Arc::clone(&name),
            at: received,
            payload: Arc::clone(&payload),
            form: crate::event::Form::Fields,
        });
        (stored.into_iter().collect(), handed_on.collect())
    }
}

fn not_stored(error: StoreError) -> Failure {
    match error {
        StoreError::Rejected(reason) => refused(&format!("The database refuses it: {reason}")),
        StoreError::Closed => store_away("it is being stopped"),
    }
}

/// The event as JSON: parameters of one name are a list, those without a name are that of the empty one.
fn payload(name: &str, params: &[Param]) -> String {
    let mut members: Vec<(&str, Vec<Json>)> = Vec::new();
    if params.iter().all(|param| param.name.as_deref() != Some("event")) {
        members.push(("event", vec![name.into()]));
    }
    for param in params {
        let key = param.name.as_deref().unwrap_or_default();
        let value = json(&param.value);
        match members.iter_mut().find(|(other, _)| *other == key) {
            Some((_, values)) => values.push(value),
            None => members.push((key, vec![value])),
        }
    }
    let member = |(key, mut values): (&str, Vec<Json>)| {
        let value = if values.len() == 1 { values.remove(0) } else { texts(values) };
        format!("{}:{value}", Json::from(key))
    };
    format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(","))
}

/// Several values of one name come back as several only where they are texts.
fn texts(values: Vec<Json>) -> Json {
    let text = |value: Json| match value {
        Json::String(text) => Json::String(text),
        Json::Null => Json::String(String::new()),
        other => Json::String(other.to_string()),
    };
    values.into_iter().map(text).collect()
}

fn json(value: &Value) -> Json {
    match value {
        Value::Integer(integer) => (*integer).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Null => Json::Null,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Integer(integer) => Some(integer.to_string()),
        Value::Text(text) => Some(text.clone()),
        Value::Null => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_the_members_of_an_object() {
        let param = |name: &str, value| Param { name: (!name.is_empty()).then(|| name.to_owned()), value };
        let text = |text: &str| Value::Text(text.to_owned());
        let check = |params: &[Param], expected: &str| assert_eq!(payload("E_A", params), expected);
        check(&[], r#"{"event":"E_A"}"#);
        check(
            &[
                param("z", text("é\"")),
                param("a", Value::Integer(-1)),
                param("z", Value::Integer(2)),
                param("n", Value::Null),
            ],
            r#"{"event":"E_A","z":["é\"","2"],"a":-1,"n":null}"#,
        );
        check(&[param("", text("x")), param("", text("y"))], r#"{"event":"E_A","":["x","y"]}"#);
        check(&[param("event", text("other"))], r#"{"event":"other"}"#);
    }
}
