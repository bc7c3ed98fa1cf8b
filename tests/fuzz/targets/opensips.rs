//! OpenSIPS: events of its EVI, and its Management Interface from both sides.

use super::source::{Source, seed};
use super::{Target, samples};
use eventmanager::topics::evi_server::Question;
use eventmanager::topics::evi_server::target::Address;
use eventmanager::topics::members::{inside, key_and_value, members};
use eventmanager::wire::evi::{Event, Format, Message, acknowledge};
use eventmanager::wire::mi::{Request, Subscribe, json, text};
use serde::de::IgnoredAny;

pub fn targets() -> Vec<Target> {
    let target = |name, run, seeds, words| Target { name, run, seeds, words, longest: 16 << 10 };
    vec![
        target("evi_event", event, samples::evi_events, samples::EVI_WORDS),
        target("mi_request", request, samples::mi_requests, samples::EVI_WORDS),
        target("mi_reply", reply, samples::mi_replies, samples::EVI_WORDS),
        target(
            "evi_address",
            address,
            addresses,
            &["udp:", "tcp:", "unix:/", "[::1]", ":65535", "127.0.0.1"],
        ),
        target("members", taken_apart, samples::objects, samples::JSON_WORDS),
    ]
}

fn event(data: &[u8]) {
    match Event::parse(data) {
        Ok(event) => written(&event),
        Err(error) => assert!(!error.label().is_empty() && error.to_string().len() < 1_000, "{error}"),
    }
    if let Ok(message) = Message::parse(data) {
        let again = Message::parse(&message.to_bytes());
        assert_eq!(again, Ok(message.clone()));
        if let Some(id) = &message.id {
            let answer: serde_json::Value = serde_json::from_slice(&acknowledge(id)).expect("JSON");
            assert_eq!(&answer["id"], id);
        }
    }
}

fn written(event: &Event) {
    assert!((1..=255).contains(&event.name.len()) && !event.name.contains(char::is_control));
    let meant = Event { is_ambiguous: false, ..event.clone() };
    assert_eq!(Event::parse(&event.to_bytes(Format::Json)), Ok(meant), "as JSON");
    // In text some values have no place as they are: but no more parameters come of them, and the next time they stay.
    let once =
        Event::parse(&event.to_bytes(Format::Text)).unwrap_or_else(|error| panic!("{error}: {event:?}"));
    assert_eq!(once.params.len(), event.params.len(), "{event:?} became {once:?}");
    let twice =
        Event::parse(&once.to_bytes(Format::Text)).unwrap_or_else(|error| panic!("{error}: {once:?}"));
    assert_eq!((&twice.name, &twice.params), (&once.name, &once.params), "of {event:?}");
    assert!(serde_json::from_str::<IgnoredAny>(&event.to_object()).is_ok());
    for param in event.params.iter().take(20) {
        let _ = event.field(param.name.as_deref().unwrap_or("1"));
    }
}

fn request(data: &[u8]) {
    if let Ok(received) = json::parse_request(data) {
        let again = json::parse_request(&json::request(&received.request, 7));
        assert_eq!(again.map(|it| it.request), Ok(received.request));
    }
    if let Ok(received) = text::parse_request(data) {
        let plain = is_plain(&received.request);
        let again = text::parse_request(&text::request(&received.request, received.reply_fifo.as_deref()));
        assert!(!plain || again.as_ref() == Ok(&received), "{received:?} became {again:?}");
    }
    let (_, inner) = json::of_fifo(data);
    assert!(inner.len() <= data.len());
    let question = Question::of_datagram(data);
    assert!(question.requests().len() + question.unreadable() >= 1);
    let _ = question.too_long();
}

/// Whether it has nothing that the language of lines writes otherwise.
fn is_plain(request: &Request) -> bool {
    let is_plain = |text: &str| !text.contains(char::is_control);
    match request {
        Request::Subscribe(Subscribe { event, socket, format, .. }) => {
            is_plain(event) && is_plain(socket) && format.as_deref().is_none_or(is_plain)
        }
        Request::Subscribers { event, socket } => {
            [event, socket].into_iter().flatten().all(|it| is_plain(it))
        }
        Request::Unknown(method) => is_plain(method),
        // Parameters are looked at as those of events.
        Request::Raise { .. } => false,
        Request::Version | Request::Events => true,
    }
}

fn reply(data: &[u8]) {
    let mut source = Source::new(data);
    let event = source.flag().then(|| "E_X".to_owned());
    let socket = (event.is_some() && source.flag()).then(|| "udp:127.0.0.1:9".to_owned());
    let asked = match source.byte() % 4 {
        0 => Request::Version,
        1 => Request::Events,
        2 => Request::Unknown("x".to_owned()),
        _ => Request::Subscribers { event, socket },
    };
    let bytes = source.rest();
    for error in [json::parse_reply(bytes, &asked, 1).err(), text::parse_reply(bytes, &asked).err()]
        .into_iter()
        .flatten()
    {
        assert!(error.to_string().len() < 3_000, "{error}");
    }
}

fn addresses() -> Vec<Vec<u8>> {
    ["udp:127.0.0.1:9011", "tcp:[::1]:80", "unix:/run/a.sock", "udp:host.example:1"]
        .map(|it| seed(&[it], &[]))
        .into()
}

fn address(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Address::parse(&text) {
        Ok(Address::Host { host, port, .. }) => {
            assert!(port > 0 && !host.is_empty() && text.contains(&host) && host.is_ascii());
            assert!(!host.contains(['/', '@', '?', '#', '\\', ' ']));
        }
        Ok(Address::Unix(path)) => assert!(path.is_absolute() && path.as_os_str().len() <= 107),
        Err(reason) => assert!(!reason.is_empty() && reason.len() < 200),
    }
}

/// The members of an object are its text, and those that a reader of JSON finds.
fn taken_apart(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(inside) = inside(text) else { return };
    let members = members(inside);
    assert_eq!(members.join(","), inside);
    if let Ok(object) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        let read: Vec<_> = members.iter().filter_map(|member| key_and_value(member)).collect();
        for (key, value) in &read {
            assert!(object.contains_key(key));
            assert!(serde_json::from_str::<IgnoredAny>(value).is_ok(), "{value}");
        }
        assert!(read.len() >= object.len());
    }
}
