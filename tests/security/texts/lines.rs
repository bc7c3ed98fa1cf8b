//! What a line of the log, and one of Prometheus, may look like.

use super::world::TEXTS;
use serde_json::Value;

/// A line of the text format begins so, and so does no other.
pub fn is_line_of_log(line: &str) -> bool {
    let Some((time, rest)) = line.split_once(' ') else { return false };
    let level = rest.trim_start().split(' ').next().unwrap_or_default();
    time.len() == 27 && time.ends_with('Z') && ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level)
}

pub fn has_control(text: &str) -> bool {
    text.chars().any(|letter| {
        letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

/// What stands outside of quotes.
fn unquoted(line: &str) -> String {
    let (mut is_quoted, mut is_escaped, mut outside) = (false, false, String::new());
    for letter in line.chars() {
        match letter {
            '"' if !is_escaped => is_quoted = !is_quoted,
            letter if !is_quoted => outside.push(letter),
            _ => {}
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    outside
}

#[track_caller]
pub fn check_log(format: &str, log: &str) {
    assert!(log.lines().count() > TEXTS.len(), "{log}");
    for line in log.split_terminator('\n') {
        assert!(!has_control(line), "{line:?}");
        if format == "json" {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
            let message = line["message"].as_str().unwrap_or_default();
            assert!(line["timestamp"].is_string() && !message.contains("forged"), "{line}");
        } else {
            assert!(is_line_of_log(line), "{line:?}");
            // What is data stands in quotes.
            let fields = unquoted(line);
            assert!(!fields.contains("level=") && !fields.contains("forged"), "{line:?}");
        }
    }
}

/// As Prometheus' format of text wants a sample.
pub fn is_sample(line: &str) -> bool {
    let Some((series, value)) = line.rsplit_once(' ') else { return false };
    let name = series.split('{').next().unwrap_or_default();
    let labels = series.strip_prefix(name).unwrap_or_default();
    let is_plain =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte));
    let are_labels = labels.is_empty() || (labels.starts_with('{') && labels.ends_with("\"}"));
    is_plain(name) && are_labels && (value.parse::<f64>().is_ok() || value == "NaN")
}
