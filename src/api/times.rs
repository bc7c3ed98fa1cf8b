//! Times in a query: seconds of the epoch, RFC 3339, or a span back from now.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The last second that both databases can write.
const LATEST: f64 = 253_402_300_799.0;

/// A moment that a caller names: `1772366400.5`, `2026-03-01T12:00:00Z`, `72h`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment(pub SystemTime);

impl Moment {
    fn parse(text: &str) -> Result<Moment, String> {
        let is_number =
            text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if let (true, Ok(seconds)) = (is_number, text.parse::<f64>()) {
            return Moment::of_epoch(seconds);
        }
        if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
            return Moment::of_epoch(time.unix_timestamp_nanos() as f64 / 1e9);
        }
        let span = span(text).ok_or(
            "no time: neither seconds of the epoch nor 2026-03-01T12:00:00Z nor a span such as 90s, 15m, 72h or 7d",
        )?;
        let begin = SystemTime::now().checked_sub(span).filter(|time| *time >= SystemTime::UNIX_EPOCH);
        begin.map(Moment).ok_or_else(|| "longer ago than 1970".to_owned())
    }

    fn of_epoch(seconds: f64) -> Result<Moment, String> {
        // In this form what is not a number is refused as well.
        if !(0.0..=LATEST).contains(&seconds) {
            return Err("a time before 1970 or after 9999".to_owned());
        }
        Ok(Moment(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds)))
    }
}

fn span(text: &str) -> Option<Duration> {
    let end = text.find(|letter: char| !letter.is_ascii_digit())?;
    let number: u64 = text[..end].parse().ok()?;
    let seconds = match &text[end..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

/// As it stands in a query (text) or in JSON (text or a number).
struct Text;

impl Visitor<'_> for Text {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a time")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
        Moment::parse(text).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Moment, E> {
        Moment::of_epoch(seconds).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Moment, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Moment, E> {
        self.visit_f64(seconds as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_three_ways() {
        let at = |seconds: f64| Ok(Moment(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds)));
        let check = |text: &str, expected: Result<Moment, &str>| {
            assert_eq!(Moment::parse(text), expected.map_err(str::to_owned), "{text}");
        };
        check("0", at(0.0));
        check("1772366400.5", at(1_772_366_400.5));
        check("2026-03-01T12:00:00Z", at(1_772_366_400.0));
        check("2026-03-01T14:00:00+02:00", at(1_772_366_400.0));
        let far = Err("a time before 1970 or after 9999");
        for text in ["-1", "253402300800", "1969-12-31T23:59:59Z"] {
            check(text, far);
        }
        check("99999d", Err("longer ago than 1970"));
        for text in ["", "x", "5x", ".", "1e3", "NaN", "inf", "2026-03-01", "99999999999999999999d", "h"] {
            assert!(Moment::parse(text).is_err_and(|reason| reason.starts_with("no time")), "{text}");
        }
        let ago = |text: &str| Moment::parse(text).unwrap().0.elapsed().unwrap().as_secs();
        assert_eq!((ago("90s"), ago("15m"), ago("72h"), ago("7d")), (90, 900, 259_200, 604_800));
    }

    #[test]
    fn json_may_have_a_number() {
        let moment: Moment = serde_json::from_str("1772366400").unwrap();
        assert_eq!(serde_json::from_str::<Moment>("\"2026-03-01T12:00:00Z\"").unwrap(), moment);
        assert_eq!(serde_json::from_str::<Moment>("1772366400.0").unwrap(), moment);
        assert!(serde_json::from_str::<Moment>("-1").is_err());
        assert!(serde_json::from_str::<Moment>("null").is_err());
    }
}
