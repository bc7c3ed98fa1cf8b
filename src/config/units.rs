//! Single texts into values: durations, sizes, names (`addresses` has the rest).
//!
//! An error reads on after the value: `"5x" is not a duration …`. It never repeats the value, which may be a secret.

use super::values::DiskLow;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Longer than any sensible setting, short enough to be added to any clock.
const LONGEST: u64 = 10 * 365 * 24 * 3_600_000;

/// `300ms`, `5s`, `15m`, `72h`, `1d`; zero too.
pub(super) fn duration_or_zero(text: &str) -> Result<Duration, String> {
    const WRONG: &str = "is not a duration such as \"300ms\", \"5s\", \"15m\", \"72h\" or \"1d\"";
    let (number, unit) = number_and_unit(text).ok_or(WRONG)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
        _ => return Err(WRONG.into()),
    };
    let total = number.checked_mul(milliseconds).filter(|total| *total <= LONGEST);
    total.map(Duration::from_millis).ok_or("is longer than ten years".into())
}

/// As [`duration_or_zero`], above zero.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match duration_or_zero(text)? {
        Duration::ZERO => Err("must be longer than nothing".into()),
        longer => Ok(longer),
    }
}

/// Bytes: `1048576`, `64KiB`, `1MiB`.
pub(super) fn size(text: &str) -> Result<usize, String> {
    const WRONG: &str = "is not a size such as 1048576, \"64KiB\" or \"1MiB\"";
    let (number, unit) = number_and_unit(text).ok_or(WRONG)?;
    let bytes = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(WRONG.into()),
    };
    let total = number.checked_mul(bytes).filter(|total| (1 << 10..=1 << 30).contains(total));
    let total = total.ok_or("is not from 1KiB to 1GiB")?;
    usize::try_from(total).map_err(|_| WRONG.into())
}

/// Room on a disk: `1GiB`, `5%`; `0` is none.
pub(super) fn disk_low(text: &str) -> Result<DiskLow, String> {
    const WRONG: &str = "is not a size such as \"1GiB\", \"500MiB\" or \"5%\"";
    let (number, unit) = number_and_unit(text).ok_or(WRONG)?;
    let shift = match unit {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        "%" => {
            let percent = u8::try_from(number).ok().filter(|percent| *percent <= 100);
            return percent.map(DiskLow::Percent).ok_or("is not from 0% to 100%".into());
        }
        _ => return Err(WRONG.into()),
    };
    number.checked_mul(1 << shift).map(DiskLow::Bytes).ok_or("is more than any disk has".into())
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

/// Any text but blank, on one line.
pub(super) fn text(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("must not be empty".into());
    }
    if text.contains(char::is_control) {
        return Err("must not hold line ends or other control characters".into());
    }
    Ok(text.into())
}

/// Basic authentication ends the name at the first colon (RFC 7617, 2).
pub(super) fn user_name(user: &str) -> Result<String, String> {
    match text(user)? {
        name if name.contains(':') => {
            Err("must not hold a colon, which ends a name in Basic authentication".into())
        }
        name => Ok(name),
    }
}

/// The name of an endpoint, which is a label of metrics and part of paths.
pub(super) fn endpoint_name(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
    if text.is_empty() || !text.bytes().all(allowed) {
        return Err("is not a name of a-z, 0-9, \"_\", \".\" and \"-\"".into());
    }
    Ok(text.into())
}

/// Tokens that nobody has chosen: what is digested where a variable is not set or a file is empty.
const NO_TOKENS: [&str; 4] = ["", "\n", "\r\n", " "];

/// The SHA-256 of a token.
pub(super) fn sha256(text: &str) -> Result<String, String> {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 64 || !text.bytes().all(hex) {
        return Err("is not the SHA-256 of a token, 64 characters of 0-9 and a-f".into());
    }
    let digest =
        |token| -> String { Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect() };
    if NO_TOKENS.iter().any(|token| digest(token) == text) {
        return Err(
            "is the SHA-256 of an empty token, which nobody may have: the variable or file that it was \
                    made of was empty"
                .into(),
        );
    }
    Ok(text.into())
}

/// A country code of E.164, without `+`.
pub(super) fn country_code(text: &str) -> Result<String, String> {
    if (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.into());
    }
    Err("is not a country code such as \"299\"".into())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fmt::Debug;

    #[track_caller]
    pub fn good<T: PartialEq + Debug>(parse: fn(&str) -> Result<T, String>, text: &str, expected: T) {
        assert_eq!(parse(text), Ok(expected), "{text}");
    }

    #[track_caller]
    pub fn bad<T: PartialEq + Debug>(parse: fn(&str) -> Result<T, String>, text: &str, expected: &str) {
        let error = parse(text).expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }

    #[test]
    fn durations_have_a_unit() {
        good(duration, "300ms", Duration::from_millis(300));
        good(duration, "5s", Duration::from_secs(5));
        good(duration, "15m", Duration::from_secs(900));
        good(duration, "72h", Duration::from_secs(72 * 3600));
        good(duration, "1d", Duration::from_secs(86_400));
        good(duration, "5 s", Duration::from_secs(5));
        good(duration_or_zero, "0s", Duration::ZERO);
        bad(duration, "0s", "longer than nothing");
        bad(duration, "", "is not a duration");
        bad(duration, "5", "is not a duration");
        bad(duration, "s", "is not a duration");
        bad(duration, "-5s", "is not a duration");
        bad(duration, "1.5s", "is not a duration");
        bad(duration, "1h30m", "is not a duration");
        bad(duration, "5 parsecs", "is not a duration");
        bad(duration, "5S", "is not a duration");
        bad(duration, "4000d", "longer than ten years");
        bad(duration, "18446744073709551615d", "longer than ten years");
        bad(duration, "18446744073709551616s", "is not a duration");
    }

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        good(size, "1048576", 1 << 20);
        good(size, "1MiB", 1 << 20);
        good(size, "64 KiB", 64 << 10);
        good(size, "1GiB", 1 << 30);
        bad(size, "1MB", "is not a size");
        bad(size, "MiB", "is not a size");
        bad(size, "-1", "is not a size");
        bad(size, "0", "is not from 1KiB");
        bad(size, "2GiB", "is not from 1KiB");
        bad(size, "18446744073709551615GiB", "is not from 1KiB");
    }

    #[test]
    fn room_is_bytes_or_a_share() {
        good(disk_low, "1GiB", DiskLow::Bytes(1 << 30));
        good(disk_low, "2 TiB", DiskLow::Bytes(2 << 40));
        good(disk_low, "5%", DiskLow::Percent(5));
        good(disk_low, "0", DiskLow::Bytes(0));
        bad(disk_low, "", "is not a size");
        bad(disk_low, "1GB", "is not a size");
        bad(disk_low, "-1", "is not a size");
        bad(disk_low, "101%", "from 0% to 100%");
        bad(disk_low, "99999999999TiB", "more than any disk");
    }

    #[test]
    fn texts_are_one_line() {
        good(text, " æ \"x\" ", " æ \"x\" ".into());
        bad(text, "", "must not be empty");
        bad(text, " \t", "must not be empty");
        bad(text, "a\n", "control characters");
        bad(text, "a\0b", "control characters");
    }

    #[test]
    fn endpoints_have_plain_names() {
        good(endpoint_name, "as-1.nuuk_b", "as-1.nuuk_b".into());
        bad(endpoint_name, "", "is not a name");
        bad(endpoint_name, "AS1", "is not a name");
        bad(endpoint_name, "as 1", "is not a name");
        bad(endpoint_name, "æ", "is not a name");
    }

    #[test]
    fn digests_and_country_codes_are_checked() {
        let digest = "0123456789abcdef".repeat(4);
        good(sha256, &digest, digest.clone());
        bad(sha256, &digest.to_uppercase(), "is not the SHA-256");
        bad(sha256, &digest[1..], "is not the SHA-256");
        // printf %s "$UNSET" | sha256sum; echo "$UNSET" | sha256sum
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let line_end = "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b";
        bad(sha256, empty, "of an empty token");
        bad(sha256, line_end, "of an empty token");
        good(country_code, "299", "299".into());
        bad(country_code, "+299", "is not a country code");
        bad(country_code, "", "is not a country code");
        bad(country_code, "2990", "is not a country code");
    }
}
