//! Values of arguments.

use std::net::SocketAddr;
use std::time::Duration;

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
