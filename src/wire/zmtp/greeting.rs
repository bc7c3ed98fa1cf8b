//! What each side says first, at once and without waiting: 64 bytes.

use super::ZmtpError;
use super::error::shown;
use std::fmt;

/// Bytes of a greeting.
pub const LENGTH: usize = 64;
const MECHANISM: std::ops::Range<usize> = 12..32;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u8,
    pub minor: u8,
}

impl Version {
    /// The one that we speak.
    pub const OURS: Version = Version { major: 3, minor: 1 };
    /// The oldest one that we understand.
    pub const LEAST: Version = Version { major: 3, minor: 0 };

    /// Whether there are pings, and commands for subscriptions.
    pub fn has_pings(self) -> bool {
        self >= Version::OURS
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Our greeting.
pub(super) fn ours() -> [u8; LENGTH] {
    let mut greeting = [0; LENGTH];
    greeting[0] = 0xff;
    // With these eight bytes versions before 3 read a frame of length 1, and find out.
    greeting[8] = 1;
    greeting[9] = 0x7f;
    greeting[10] = Version::OURS.major;
    greeting[11] = Version::OURS.minor;
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

/// The version that is spoken with a peer whose stream begins so; `Ok(None)` where more bytes are needed. What is wrong is told as soon
/// as it can be seen. A peer of a later version speaks ours.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Version>, ZmtpError> {
    match bytes.first() {
        Some(0xff) | None => {}
        Some(&first) => return Err(ZmtpError::NotZmtp(first)),
    }
    match bytes.get(9) {
        Some(byte) if byte & 1 == 0 => return Err(ZmtpError::NotZmtp(0xff)),
        _ => {}
    }
    match bytes.get(10) {
        Some(&revision) if revision < Version::LEAST.major => return Err(ZmtpError::Old(revision)),
        _ => {}
    }
    if let Some(mechanism) = bytes.get(MECHANISM) {
        let length = mechanism.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if &mechanism[..length] != b"NULL" {
            return Err(ZmtpError::Mechanism(shown(&mechanism[..length])));
        }
    }
    if bytes.len() < LENGTH {
        return Ok(None);
    }
    Ok(Some(Version { major: bytes[10], minor: bytes[11] }.min(Version::OURS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A greeting in which these bytes stand at this place.
    fn with(place: usize, bytes: &[u8]) -> [u8; LENGTH] {
        let mut greeting = ours();
        greeting[place..place + bytes.len()].copy_from_slice(bytes);
        greeting
    }

    #[test]
    fn a_greeting_is_whole_with_its_last_byte() {
        for length in 0..LENGTH {
            assert_eq!(read(&ours()[..length]), Ok(None), "{length} bytes");
        }
        assert_eq!(read(&ours()), Ok(Some(Version::OURS)));
    }

    #[test]
    fn both_versions_are_spoken_and_later_ones_speak_ours() {
        let version =
            |major, minor| read(&with(10, &[major, minor])).expect("spoken").expect("whole").to_string();
        assert_eq!(
            [version(3, 0), version(3, 1), version(3, 9), version(4, 0)],
            ["3.0", "3.1", "3.1", "3.1"]
        );
    }

    #[test]
    fn bytes_that_may_be_anything_may() {
        assert_eq!(read(&with(1, &[1, 2, 3, 4, 5, 6, 7, 8])), Ok(Some(Version::OURS)));
        assert_eq!(read(&with(32, &[1; 32])), Ok(Some(Version::OURS)));
    }

    #[test]
    fn other_peers_are_told_apart_as_soon_as_they_can_be() {
        let check = |stream: &[u8], seen: usize, text: &str| {
            for length in 0..stream.len() {
                let read = read(&stream[..length]);
                if length < seen {
                    assert_eq!(read, Ok(None), "{length} bytes: {text}");
                } else {
                    assert!(
                        read.is_err_and(|error| error.to_string().contains(text)),
                        "{length} bytes: {text}"
                    );
                }
            }
        };
        check(b"\x01\x00\x05hello", 1, "the byte 0x01");
        check(b"HTTP/1.1 400 Bad Request\r\n\r\n", 1, "the byte 0x48");
        check(b"\xff\0\0\0\0\0\0\0\x01\x00abc", 10, "no ZMTP of version 3");
        check(&with(10, &[1]), 11, "revision 1, which is older than version 3.0");
        check(&with(10, &[2]), 11, "older");
        check(&with(12, b"CURVE"), 32, "mechanism CURVE");
        check(&with(12, b"NULLX"), 32, "mechanism NULLX");
        check(&with(12, b"\x1b[2J"), 32, r"mechanism \x1b[2J");
        check(&with(12, &[0; 20]), 32, "mechanism ,");
    }
}
