//! What goes to Asterisks, read as they do, and what is mirrored between them.

use super::Target;
use super::source::{Source, seed};
use bytes::BytesMut;
use eventmanager::states::naming::check_presentity;
use eventmanager::states::{DeviceState, NameTemplate, Presence, PresenceState};
use eventmanager::wire::ami::{self, escape};
use eventmanager::wire::manager_json;

pub fn targets() -> Vec<Target> {
    let target = |name, run, seeds| Target {
        name,
        run,
        seeds,
        words: &["\r\n", ": ", "\\", "{device}", "Custom:"],
        longest: 4 << 10,
    };
    vec![
        target("ami_written", written, || {
            vec![seed(&["Setvar", "7", "Variable", "DEVICE_STATE(Custom:SIP/100)", "Value", "INUSE"], &[])]
        }),
        target("states", states, || {
            vec![
                seed(&["Custom:{device}", "_", "SIP/100", "RINGING", "away"], &[3]),
                seed(&["Custom:x-{device}-y", "/", "Local/7@a", "INUSE", "dnd"], &[1]),
            ]
        }),
    ]
}

/// An action of any names and values is refused, or read as what it is: no value becomes a header of its own.
fn written(data: &[u8]) {
    let mut source = Source::new(data);
    let (name, id) = (source.text(), source.text());
    let mut headers = vec![
        ("Action".to_owned(), name.clone().into_bytes()),
        ("ActionID".to_owned(), id.clone().into_bytes()),
    ];
    let mut action = ami::Action::new(&name, &id);
    let mut of_module = manager_json::Action::new(&name, &id);
    while !source.is_empty() {
        let (name, value) = (source.text(), source.part());
        action = action.and_then(|action| action.header(&name, value));
        of_module = of_module.and_then(|action| action.header(&name, value));
        headers.push((name, value.to_vec()));
    }
    if let Ok(action) = action {
        let mut stream = BytesMut::new();
        action.encode(&mut stream);
        let mut decoder = ami::Decoder::new();
        decoder.buffer_mut().extend_from_slice(&stream);
        let message = decoder.next_message().expect("a message").expect("a whole one");
        let read: Vec<_> = message
            .headers()
            .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec()))
            .collect();
        assert_eq!(read, headers);
        assert!(!decoder.is_inside() && decoder.next_message() == Ok(None));
        let mut requests = ami::request::Requests::new();
        requests.buffer_mut().extend_from_slice(&stream);
        let request = requests.next_request().expect("an action");
        assert_eq!(request.lines().count(), headers.len());
        assert!(requests.next_request().is_none());
    }
    if let Ok(action) = of_module {
        let json = action.to_json();
        assert!(json.len() <= manager_json::action::LARGEST_REQUEST);
        let read: manager_json::Headers = serde_json::from_slice(&json).expect("an object");
        let read: Vec<_> =
            read.iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect();
        assert_eq!(read, headers);
    }
    for (_, value) in headers {
        let mut escaped = Vec::new();
        escape::escape(&value, &mut escaped);
        assert!(!escaped.contains(&b'\n') && !escaped.contains(&b'\r'));
        assert_eq!(ami::unescape(&escaped), value);
        assert!(ami::unescape(&value).len() <= value.len());
    }
}

fn states(data: &[u8]) {
    let mut source = Source::new(data);
    let several: Vec<DeviceState> =
        (0..source.byte() % 8).map(|_| source.one_of(&DeviceState::ALL)).collect();
    let (template, slash) = (source.text(), source.text());
    let (device, word, presence) = (source.part(), source.part(), source.part());
    if let Ok(template) = NameTemplate::parse(&template, &slash) {
        assert_eq!(NameTemplate::parse(&template.as_written(), template.slash()), Ok(template.clone()));
        if let Ok(name) = template.name(device) {
            assert!(name.starts_with(b"Custom:") && name.len() <= 7 + 72);
            assert!(!name.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
            let within = template.device_within(&name).expect("its own");
            if template.slash() == "/" {
                assert_eq!(within, device);
            }
        }
        let _ = template.has_made(device);
    }
    if let Some(state) = DeviceState::parse(word) {
        assert_eq!(DeviceState::parse(state.as_str().as_bytes()), Some(state));
    }
    let whole = DeviceState::aggregate(several.iter().copied());
    assert_eq!(whole.is_none(), several.is_empty());
    assert_eq!(whole, DeviceState::aggregate(several.iter().rev().copied()), "in whatever order");
    let _ = check_presentity(device);
    if let Some(state) = PresenceState::parse(presence) {
        let presence = Presence { state, subtype: device.to_vec(), message: word.to_vec() };
        if let Ok(setting) = presence.to_setting() {
            assert!(setting.bytes().all(|byte| byte.is_ascii_graphic()));
            assert_eq!(setting.split(',').count(), 4);
        }
    }
}
