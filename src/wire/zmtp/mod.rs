//! ZeroMQ's protocol over TCP: ZMTP 3.0 and 3.1 (RFC 23 and 37 of ZeroMQ) with the mechanism NULL.
//!
//! ```text
//! → ff 00 00 00 00 00 00 00 01 7f 03 01 "NULL" 00 …            a greeting of 64 bytes, from both sides at once
//! → 04 19 05 "READY" 0b "Socket-Type" 00 00 00 03 "SUB"        a command, from both sides
//! ← 04 19 05 "READY" 0b "Socket-Type" 00 00 00 03 "PUB"
//! → 04 0b 09 "SUBSCRIBE" "{"                                   as 3.1 has it; in 3.0 it is the message 00 02 01 "{"
//! ← 00 14 "{\"Event\": \"LoadZmq\"}"                           a message of one frame: flags, length, body
//! ← 01 03 "[*]" 00 02 "{}"                                     one of two frames: more follows the first
//! → 04 07 04 "PING" 00 00                                      3.1: wants a sign of life
//! ← 04 05 04 "PONG"
//! ```
//!
//! A frame begins with its flags ([`MORE`], [`LONG`], [`COMMAND`]) and the length of its body, in one byte or in eight. [`decoder`] cuts
//! the stream, [`encode`] writes it; [`greeting`], [`command`] and [`metadata`] are its parts. CURVE and PLAIN are not offered: where the
//! network is not trusted, a tunnel is.

pub mod command;
pub mod decoder;
pub mod encode;
mod error;
pub mod greeting;
pub mod metadata;
mod socket_type;

pub use command::{Command, Subscription};
pub use decoder::{Decoder, Item, Message};
pub use error::ZmtpError;
pub use greeting::Version;
pub use metadata::Metadata;
pub use socket_type::SocketType;

/// Bytes of a frame's body, at most, where nobody says otherwise.
pub const LARGEST: usize = 1 << 20;
/// Frames of a message, at most. Ours have two.
pub const FRAMES: usize = 16;
/// Bytes of a command, at most: of the handshake, and of all others but subscriptions, which no decent peer makes longer either.
pub const LARGEST_COMMAND: usize = 4 << 10;

/// Another frame of the same message follows.
const MORE: u8 = 1;
/// Its length takes eight bytes.
const LONG: u8 = 2;
/// It is no message.
const COMMAND: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{Bytes, BytesMut};

    /// The bytes of a line of the sample: hexadecimal, and texts in quotes.
    fn bytes_of(line: &str) -> Vec<u8> {
        let (mut bytes, mut rest) = (Vec::new(), line.trim_start());
        while let Some(first) = rest.chars().next() {
            if first == '"' {
                let text = serde_json::Deserializer::from_str(rest).into_iter::<String>().next();
                let text = text.expect("a text").expect("a text");
                rest = &rest[serde_json::to_string(&text).expect("JSON").len()..];
                bytes.extend_from_slice(text.as_bytes());
            } else {
                let Some(Ok(byte)) = rest.get(..2).map(|digits| u8::from_str_radix(digits, 16)) else {
                    break;
                };
                bytes.push(byte);
                rest = &rest[2..];
            }
            if rest.starts_with("  ") {
                break;
            }
            rest = rest.trim_start();
        }
        bytes
    }

    #[test]
    fn the_sample_of_the_documentation_is_what_is_sent() {
        let lines = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! "));
        let lines = lines.filter_map(|line| line.strip_prefix('→').or(line.strip_prefix('←')));
        let sample: Vec<Vec<u8>> = lines.map(bytes_of).collect();
        let written = |write: &dyn Fn(&mut BytesMut)| {
            let mut stream = BytesMut::new();
            write(&mut stream);
            stream.to_vec()
        };
        let add = Subscription::Add(Bytes::from_static(b"{"));
        let expected = [
            written(&encode::greeting)[..17].to_vec(),
            written(&|stream| encode::ready(SocketType::Sub, b"", stream)),
            written(&|stream| encode::ready(SocketType::Pub, b"", stream)),
            written(&|stream| encode::subscription(&add, Version::OURS, stream)),
            written(&|stream| encode::message(&[r#"{"Event": "LoadZmq"}"#], stream)),
            written(&|stream| encode::message(&["[*]", "{}"], stream)),
            written(&|stream| encode::ping(0, b"", stream)),
            written(&|stream| encode::pong(b"", stream)),
        ];
        assert_eq!(sample, expected);
        assert!(include_str!("mod.rs").contains("in 3.0 it is the message 00 02 01 \"{\""));
        let old = Version { major: 3, minor: 0 };
        assert_eq!(written(&|stream| encode::subscription(&add, old, stream)), b"\x00\x02\x01{");
    }
}
