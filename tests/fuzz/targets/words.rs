//! Small languages: patterns and templates of rules, times and lengths of arguments, and what a terminal is shown.

use super::Target;
use super::source::{Source, seed};
use eventmanager::api::times::Moment;
use eventmanager::cli::{text, units};
use eventmanager::matching::{Conditions, Pattern, Template, Text};
use serde_json::Value;
use std::time::{Duration, SystemTime};

pub fn targets() -> Vec<Target> {
    let target = |name, run, seeds, words| Target { name, run, seeds, words, longest: 4 << 10 };
    vec![
        target(
            "patterns",
            patterns,
            || vec![seed(&["CGR_*|!x", "CGR_ASK"], &[]), seed(&["!*te*st*", "a test"], &[])],
            &["*", "|", "!", "**"],
        ),
        target(
            "templates",
            templates,
            || vec![seed(&[r#"{"a":"{from}","b":["{{x}}",1]}"#, "{from}@x", "\",\"a"], &[])],
            &["{", "}", "{{", "{from}"],
        ),
        target(
            "times",
            times,
            || {
                [
                    "20s",
                    "300ms",
                    "2026-03-01",
                    "2026-03-01 12:00",
                    "2026-03-01T12:00:30Z",
                    "3d",
                    "1772366400.5",
                ]
                .map(|text| seed(&[text], &[]))
                .into()
            },
            &["-", "T", "Z", "9999", ":60", "ms", "d"],
        ),
        target(
            "terminal",
            terminal,
            || vec!["\u{1b}[31mred\u{1b}[0m \u{202e}\u{85}\r\n\t{\"a\":1}".into()],
            &["\u{1b}[", "m", "\u{202e}", "\u{9b}"],
        ),
    ]
}

fn patterns(data: &[u8]) {
    let mut source = Source::new(data);
    let (pattern, text) = (source.text(), source.text());
    let Ok(parsed) = Pattern::parse(&pattern) else { return };
    assert_eq!(parsed.to_string(), pattern);
    assert_eq!(Pattern::parse(&parsed.to_string()).as_ref(), Ok(&parsed));
    let (negated, choices) = match pattern.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, pattern.as_str()),
    };
    if pattern.len() * text.len() < 100_000 {
        let is_meant = choices.split('|').any(|choice| fits(choice.as_bytes(), text.as_bytes()));
        assert_eq!(parsed.means(Some(&text)), is_meant != negated, "{pattern:?} and {text:?}");
    }
    assert_eq!(parsed.means(None), negated);
    let conditions = Conditions::new([("a".to_owned(), parsed.clone())].into());
    assert_eq!(conditions.hold(|_| Some(text.clone())), parsed.means(Some(&text)));
}

/// What `*` means, in the plainest way: which ends of the text each beginning of the pattern reaches.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for &sign in pattern {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match sign {
                b'*' => reached[at] || (at > 0 && next[at - 1]),
                _ => at > 0 && reached[at - 1] && text[at - 1] == sign,
            };
        }
        reached = next;
    }
    reached[text.len()]
}

/// Whatever a field holds, it stays within its string.
fn templates(data: &[u8]) {
    let mut source = Source::new(data);
    let (template, text, value) = (source.text(), source.text(), source.text());
    if let Ok(template) = Template::parse(&template) {
        assert_eq!(Template::parse(template.as_written()), Ok(template.clone()));
        let filled: Value = serde_json::from_str(&template.fill(|_| Some(value.clone()))).expect("JSON");
        let plain: Value = serde_json::from_str(&template.fill(|_| None)).expect("JSON");
        assert_eq!(shape(&filled), shape(&plain));
        assert!(template.fields().iter().all(|field| !field.is_empty()));
    }
    if let Ok(text) = Text::parse(&text) {
        let fields = text.fields().count();
        let filled = text.fill(&|_| Some(value.clone()));
        let empty = text.fill(&|_| None);
        assert_eq!(filled.len(), empty.len() + fields * value.len());
    }
}

/// What it is without its texts.
fn shape(value: &Value) -> Value {
    match value {
        Value::String(_) => Value::from(""),
        Value::Array(list) => list.iter().map(shape).collect(),
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), shape(value))).collect(),
        other => other.clone(),
    }
}

fn times(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(duration) = units::duration(&text) {
        let again = units::duration(&format!("{}ms", duration.as_millis()));
        assert_eq!(again, Ok(duration), "{text:?}");
    }
    for reason in [units::duration(&text).err(), units::moment(&text).err(), units::loopback(&text).err()]
        .into_iter()
        .flatten()
    {
        assert!(!reason.is_empty() && !reason.contains(['\n', '\r', '\u{1b}']), "{reason:?}");
    }
    if let Ok(address) = units::loopback(&text) {
        assert!(address.ip().is_loopback());
    }
    let _ = units::moment(&text);
    let written = Value::from(text.as_ref());
    for value in [serde_json::from_value::<Moment>(written), serde_json::from_str::<Moment>(&text)]
        .into_iter()
        .flatten()
    {
        let since = value.0.duration_since(SystemTime::UNIX_EPOCH).expect("not before 1970");
        assert!(since <= Duration::from_secs(253_402_300_799));
    }
}

/// Nothing that is shown moves or colours anything but what we colour ourselves.
fn terminal(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let shown = text::visible(&text);
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\u{1b}');
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!shown.contains(is_control) && !shown.contains(turns), "{shown:?}");
    for (at, _) in shown.match_indices('\u{1b}') {
        let code = shown[at..].strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m'));
        assert!(
            code.is_some_and(|(code, _)| code.len() <= 2 && code.bytes().all(|byte| byte.is_ascii_digit()))
        );
    }
    assert_eq!(text::visible(&shown), shown, "twice is once");
    let line = text::line(&text);
    assert!(!line.contains(char::is_control), "{line:?}");
    if let Ok(value) = serde_json::from_str::<Value>(&text) {
        let tidy = text::tidy(&value).to_string();
        assert!(!tidy.contains(char::is_control) || value == text::tidy(&value), "{tidy:?}");
        let _ = (text::moment(&value), text::short_moment(&value), text::age(&value), text::plain(&value));
    }
}
