//! Values of the daemon's answers as text for people.
//!
//! Much of them comes from outside, and a terminal obeys some of it: [`tidy`] and [`line()`] keep a text on its line, and
//! [`visible`], through which everything passes that is printed, leaves nothing that would move other letters.

use serde_json::Value;
use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::macros::format_description;

/// A value without quotes, on one line; `-` where there is none.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => line(text),
        other => other.to_string(),
    }
}

/// A text on one line, with nothing in it that a terminal obeys.
pub fn line(text: &str) -> String {
    let on_one_line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible(&on_one_line).into_owned()
}

/// An answer with each of its texts as [`line()`] has it.
pub fn tidy(value: &Value) -> Value {
    match value {
        Value::String(text) => line(text).into(),
        Value::Array(list) => list.iter().map(tidy).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (line(name), tidy(value))).collect(),
        other => other.clone(),
    }
}

/// What is printed: lines, tabs and colours as they are; other control characters, also those of eight bits, and marks
/// that turn the direction of writing as `\u202e`, which means the same in JSON.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|letter| letter == ESCAPE || is_hidden(letter)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        match is_hidden(letter) || (letter == ESCAPE && !is_colour(&text[at..])) {
            true => shown += &format!("\\u{:04x}", u32::from(letter)),
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

const ESCAPE: char = '\x1b';

fn is_hidden(letter: char) -> bool {
    let turns = matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (letter.is_control() && !matches!(letter, '\n' | '\t' | ESCAPE))
}

/// Whether it begins with a colour, as tables have them.
fn is_colour(text: &str) -> bool {
    let code = text.strip_prefix("\x1b[").and_then(|rest| rest.split_once('m'));
    code.is_some_and(|(code, _)| code.len() <= 2 && code.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The elements of a list; none where it is no list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A time in seconds of the epoch as `2026-03-01 12:00:30`, in UTC; empty where there is none.
pub fn moment(time: &Value) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let time = time.as_f64().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds as i64).ok());
    time.and_then(|time| time.format(format).ok()).unwrap_or_default()
}

/// The same as `03-01 12:00`, where there is little room.
pub fn short_moment(time: &Value) -> String {
    let whole = moment(time);
    whole.get("2026-".len().."2026-03-01 12:00".len()).unwrap_or_default().to_owned()
}

/// How long it is since a time in seconds of the epoch.
pub fn age(since: &Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let since = since.as_f64().unwrap_or_default() as u64;
    lasting(now.saturating_sub(since))
}

/// A time in seconds, in its largest units.
pub fn lasting(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A size in the largest unit of which there is one, rounded up.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (count.max(1).ilog2() / 10).min(4);
    format!("{} {}", count.div_ceil(1 << (10 * power)), UNITS[power as usize])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_size_is_told_in_the_largest_unit_of_which_there_is_one() {
        let check = |count, expected: &str| assert_eq!(bytes(count), expected);
        check(0, "0 B");
        check(1_023, "1023 B");
        check(192_512, "188 KiB");
        check(1 << 20, "1 MiB");
        check(u64::MAX, "16777216 TiB");
    }

    #[test]
    fn a_time_is_told_in_its_largest_units() {
        let check = |seconds, expected: &str| assert_eq!(lasting(seconds), expected);
        check(0, "0 s");
        check(59, "59 s");
        check(60, "1 min");
        check(3599, "59 min");
        check(3661, "1 h 1 min");
        check(90_000, "1 d 1 h");
    }

    #[test]
    fn a_moment_is_told_in_utc() {
        assert_eq!(moment(&Value::from(1_772_366_430.5)), "2026-03-01 12:00:30");
        assert_eq!(short_moment(&Value::from(1_772_366_430.5)), "03-01 12:00");
        for nothing in [Value::Null, Value::from(1e300), Value::from("1")] {
            assert_eq!((moment(&nothing), short_moment(&nothing)), (String::new(), String::new()));
        }
    }

    #[test]
    fn a_value_never_breaks_its_line_or_the_terminal() {
        assert_eq!(plain(&Value::from("a\n\u{1b}[2Jb")), "a  [2Jb");
        assert_eq!(plain(&Value::from("a\u{9b}31m\u{202e}b")), "a 31m\\u202eb");
        assert_eq!(plain(&Value::Null), "-");
        assert_eq!(plain(&Value::from(7)), "7");
        let answer = json!({"a": ["\r\n\tb", {"c\n": "\u{7f}"}], "d": 1});
        assert_eq!(tidy(&answer), json!({"a": ["   b", {"c ": " "}], "d": 1}));
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        let check = |text: &str, expected: &str| assert_eq!(visible(text), expected, "{text:?}");
        check("æ\n\tb", "æ\n\tb");
        check("\x1b[31mfailed\x1b[0m", "\x1b[31mfailed\x1b[0m");
        check("\x1b[2J\x1b]0;x\x07", "\\u001b[2J\\u001b]0;x\\u0007");
        check("\u{9b}31m\r", "\\u009b31m\\u000d");
        check("\u{200e}\u{200f}\u{202a}\u{202e}", "\\u200e\\u200f\\u202a\\u202e");
        check("\u{2066}\u{2069}\u{61c}\u{2028}", "\\u2066\\u2069\\u061c\\u2028");
        let json = json!({"id": "a\u{9b}\u{202e}"});
        assert_eq!(serde_json::from_str::<Value>(&visible(&json.to_string())).ok(), Some(json));
    }
}
