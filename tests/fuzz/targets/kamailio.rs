//! Payloads of Kamailio's EVAPI: events of scripts, and commands of those who read ours.

use super::source::Source;
use super::{Target, samples};
use bytes::Bytes;
use eventmanager::topics::evapi_server::command;
use eventmanager::wire::evapi::Event;
use eventmanager::wire::json;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

pub fn targets() -> Vec<Target> {
    let target =
        |name, run, seeds| Target { name, run, seeds, words: samples::JSON_WORDS, longest: 16 << 10 };
    vec![
        target("evapi_event", event, || {
            samples::objects().into_iter().chain(samples::script_events()).collect()
        }),
        target("evapi_command", command, samples::evapi_commands),
        target("json", json, samples::objects),
    ]
}

fn event(data: &[u8]) {
    let payload = Bytes::copy_from_slice(data);
    let Ok(event) = Event::parse(payload.clone()) else {
        // What is an object is read.
        assert!(serde_json::from_slice::<Map<String, Value>>(data).is_err(), "an object was refused");
        return;
    };
    let fields = event.fields();
    if let Ok(Value::Object(members)) = serde_json::from_slice(data)
        && event.duplicates.is_empty()
    {
        assert_eq!(fields, members, "both readers");
    }
    let json = event.to_json(&payload);
    assert!(serde_json::from_str::<IgnoredAny>(&json).is_ok(), "{json:?}");
    let all: Vec<String> = fields.keys().cloned().collect();
    for key in &all {
        let _ = (event.text(key), event.is_doubtful(key));
    }
    let _ = (event.first_text(&all), event.has_several(&all));
    // What is small to send takes a bounded part of the memory.
    assert!(event.weight() <= 1_000 + 300 * data.len(), "{} bytes", event.weight());
}

fn command(data: &[u8]) {
    match command::read(data) {
        Ok(command::Command::Tag(Some(tag))) => assert!((1..=255).contains(&tag.len())),
        Ok(command::Command::Subscribe(patterns)) => assert!(patterns.len() <= 100),
        Ok(command) => assert!(!command.label().is_empty()),
        Err(error) => assert!(!error.label().is_empty() && error.to_string().len() < 2_000),
    }
}

fn json(data: &[u8]) {
    let mut source = Source::new(data);
    let is_text = source.flag();
    let bytes = source.rest();
    let plain = serde_json::from_slice::<Value>(bytes);
    match json::unique(bytes) {
        Ok(value) => assert_eq!(plain.ok().as_ref(), Some(&value)),
        // Only a member that stands twice is an error of ours.
        Err(error) => assert!(plain.is_err() || error.to_string().contains("stands in it twice"), "{error}"),
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let (true, Ok(flagged)) = (is_text, json::flagged(text)) {
        if flagged.again.is_empty() {
            assert_eq!(serde_json::from_str(text).ok(), Some(flagged.value.clone()));
        }
        if let Value::Object(members) = &flagged.value {
            assert_eq!(members.len(), flagged.names.len());
        }
    }
}
