//! Values of arguments.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

/// A time: `20` (seconds), `300ms`, `20s`, `5m`, `1h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| format!("{text:?} is no time; try 20s or 5m"))?;
    let milliseconds = match &text[digits..] {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        unit => return Err(format!("{unit:?} is no unit of time; known are ms, s, m and h")),
    };
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(|| format!("{text:?} is too long"))
}

/// A moment: `2026-03-01`, `2026-03-01 12:00`, `2026-03-01T12:00:30Z` (UTC where no zone is given), or so long ago: `2h`,
/// `3d`.
pub fn moment(text: &str) -> Result<SystemTime, String> {
    let wrong = || format!("{text:?} is no moment; try 2026-03-01, \"2026-03-01 12:00\" or 2h (ago)");
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(time.into());
    }
    let date =
        text.get(..10).and_then(|date| Date::parse(date, format_description!("[year]-[month]-[day]")).ok());
    if let Some(date) = date {
        let clock = text[10..].trim_start_matches(['T', ' ']);
        let clock = match clock.len() {
            0 if text.len() == 10 => Ok(Time::MIDNIGHT),
            5 => Time::parse(clock, format_description!("[hour]:[minute]")),
            _ => Time::parse(clock, format_description!("[hour]:[minute]:[second]")),
        };
        return clock
            .map(|clock| PrimitiveDateTime::new(date, clock).assume_utc().into())
            .map_err(|_| wrong());
    }
    let ago = match text.strip_suffix('d').map(str::parse::<u32>) {
        Some(days) => days.map(|days| Duration::from_secs(24 * 3600) * days).map_err(|_| wrong())?,
        None if text.ends_with(['s', 'm', 'h']) => duration(text)?,
        None => return Err(wrong()),
    };
    SystemTime::now().checked_sub(ago).ok_or_else(wrong)
}

/// An address that only this machine reaches.
pub fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| format!("{text:?} is no address; try 127.0.0.1:8080"))?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err("only a loopback address is open without a token".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_a_time_or_so_long_ago() {
        let check = |text: &str, expected: Option<u64>| {
            let time = moment(text).ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
            assert_eq!(time.map(|time| time.as_secs()), expected, "{text:?}");
        };
        check("1970-01-02", Some(86_400));
        check("1970-01-01 01:00", Some(3600));
        check("1970-01-01T00:00:30", Some(30));
        check("1970-01-01T02:00:00+01:00", Some(3600));
        let hour_ago = moment("1h").expect("a moment").elapsed().expect("past").as_secs();
        assert!((3600..3700).contains(&hour_ago));
        assert_eq!(moment("2d").expect("a moment").elapsed().expect("past").as_secs() / 3600, 48);
        for text in [
            "",
            "yesterday",
            "12",
            "1970-01-01 ",
            "1970-13-01",
            "1970-01-01 25:00",
            "99999999999999999999h",
            "d",
            "1970-01-0æ",
        ] {
            assert!(moment(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_time_is_seconds_or_has_a_unit() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(duration(text).ok().map(|time| time.as_millis() as u64), expected, "{text:?}");
        };
        check("20", Some(20_000));
        check("5ms", Some(5));
        check("2m", Some(120_000));
        check("", None);
        check("s", None);
        check("3 s", None);
        check("-1s", None);
        check("99999999999999999999s", None);
        check("18446744073709551615h", None);
    }
}
