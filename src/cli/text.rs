//! Values of the daemon's answers as text for people.

use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::macros::format_description;

/// A value without quotes, on one line; `-` where there is none.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        other => other.to_string(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(plain(&Value::Null), "-");
        assert_eq!(plain(&Value::from(7)), "7");
    }
}
