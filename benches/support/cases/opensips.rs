//! OpenSIPS' events, in both of its formats.

use super::{Amount, Case, copy};
use eventmanager::wire::evi::{Event, Format};
use serde::de::IgnoredAny;
use std::hint::black_box;

const TEXT: &str = "E_UL_CONTACT_INSERT\ndomain::location\naor::anna.olsen\nuri::sip:anna@192.0.2.17:5060;transport=udp\n\
    received::\nuser_agent::Yealink SIP-T46U 108.86\nexpires::3600\n\n";
const JSON: &str = "{\"jsonrpc\":\"2.0\",\"method\":\"E_UL_CONTACT_INSERT\",\"params\":{\"domain\":\"location\",\
    \"aor\":\"anna\",\"uri\":\"sip:anna@192.0.2.17:5060\",\"user_agent\":\"Yealink\",\"expires\":3600}}";

/// Reading and writing each.
pub fn cases() -> Vec<Case> {
    let event = Amount::Items(1, "events");
    let read = |sample: &'static str| {
        move || _ = black_box(Event::parse(black_box(sample.as_bytes())).expect("the sample is an event"))
    };
    let write = |sample: &'static str, format| {
        let event = Event::parse(sample.as_bytes()).expect("the sample is an event");
        assert_eq!(event.to_bytes(format), sample.as_bytes());
        move || _ = black_box(black_box(&event).to_bytes(format))
    };
    vec![
        Case::new("OpenSIPS' events of text", event, read(TEXT)).at_least(100_000.0).beside(
            "its lines copied",
            || {
                black_box(black_box(TEXT).lines().map(str::to_owned).map(black_box).count());
            },
        ),
        Case::new("OpenSIPS' events of JSON", event, read(JSON)).at_least(100_000.0).beside(
            "a bare walk of the JSON",
            || {
                _ = black_box(
                    serde_json::from_str::<IgnoredAny>(black_box(JSON)).expect("the sample is JSON"),
                );
            },
        ),
        Case::new("events to OpenSIPS' text", event, write(TEXT, Format::Text))
            .beside("a bare copy", copy(TEXT)),
        Case::new("events to OpenSIPS' JSON", event, write(JSON, Format::Json))
            .beside("a bare copy", copy(JSON)),
    ]
}
