//! Netstrings: the frames of Kamailio's EVAPI in both directions.
//!
//! ```text
//! 27:{"event":"heartbeat","n":1},24:{"cmd":"tag","tag":"em"}, …
//! ^ bytes, in decimal            ^ after so many bytes a comma
//! ```
//!
//! The payload is opaque. A stream that breaks the rules cannot be understood any further: whoever reads it ends the
//! connection, since looking for the next frame would find one inside a payload.

use bytes::{Buf, Bytes, BytesMut};

/// Digits of a length, at most.
const DIGITS: usize = 10;

/// What no netstring has. Nothing of the stream behind it means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetstringError {
    /// A length begins with something else than a digit.
    #[error("{} where a length should begin", shown(*.0))]
    NoLength(u8),
    /// `05:`.
    #[error("a length with a leading zero")]
    LeadingZero,
    #[error("{} in a length", shown(*.0))]
    NoDigit(u8),
    #[error("a frame of more than {max} bytes")]
    Oversize { max: usize },
    /// Something else stands where the comma of a frame belongs.
    #[error("{} where a frame should end", shown(*.0))]
    NoEnd(u8),
}

fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("{:?}", char::from(byte)) } else { format!("byte {byte:#04x}") }
}

/// Collects bytes and yields payloads. Holds at most one frame of the largest size and what was read last: nothing is
/// allocated for a length that is only declared.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    max: usize,
    failed: Option<NetstringError>,
}

/// The beginning of a frame.
enum Head {
    /// Length of the payload, and where it begins.
    Whole { length: usize, start: usize },
    /// Not all digits have come yet.
    Partial,
}

impl Decoder {
    /// A decoder for payloads of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Decoder { buffer: BytesMut::new(), max, failed: None }
    }

    /// The buffer to read into, at its end. Call [`Decoder::next_frame`] until it has nothing before reading more.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether a frame has begun that is not whole yet.
    pub fn is_inside(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The payload of the next frame; `Ok(None)` where more bytes are needed. After an error it is the same error for
    /// ever.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, NetstringError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let frame = self.cut();
        self.failed = frame.as_ref().err().copied();
        frame
    }

    fn cut(&mut self) -> Result<Option<Bytes>, NetstringError> {
        let Head::Whole { length, start } = head(&self.buffer, self.max)? else { return Ok(None) };
        let Some(&end) = self.buffer.get(start + length) else { return Ok(None) };
        if end != b',' {
            return Err(NetstringError::NoEnd(end));
        }
        self.buffer.advance(start);
        let payload = self.buffer.split_to(length).freeze();
        self.buffer.advance(1);
        Ok(Some(payload))
    }
}

/// Reads the length. What is wrong is told as soon as it can be seen, so that it does not depend on how the stream is cut.
fn head(bytes: &[u8], max: usize) -> Result<Head, NetstringError> {
    let mut length = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b':' if at > 0 => return Ok(Head::Whole { length, start: at + 1 }),
            b'0'..=b'9' if at == 1 && bytes[0] == b'0' => return Err(NetstringError::LeadingZero),
            b'0'..=b'9' => length = length * 10 + usize::from(byte - b'0'),
            _ if at == 0 => return Err(NetstringError::NoLength(byte)),
            _ => return Err(NetstringError::NoDigit(byte)),
        }
        if length > max || at >= DIGITS {
            return Err(NetstringError::Oversize { max });
        }
    }
    Ok(Head::Partial)
}

/// Appends a frame with this payload.
pub fn encode(payload: &[u8], frames: &mut BytesMut) {
    let length = payload.len().to_string();
    frames.reserve(length.len() + payload.len() + 2);
    frames.extend_from_slice(length.as_bytes());
    frames.extend_from_slice(b":");
    frames.extend_from_slice(payload);
    frames.extend_from_slice(b",");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: usize = 1 << 20;

    /// What became of a stream: its frames, and then how it stands.
    #[derive(Debug, PartialEq)]
    struct Outcome {
        frames: Vec<Vec<u8>>,
        error: Option<NetstringError>,
        inside: bool,
    }

    fn decode<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
        let mut decoder = Decoder::new(MAX);
        let mut frames = Vec::new();
        for part in parts {
            decoder.buffer_mut().extend_from_slice(part);
            loop {
                match decoder.next_frame() {
                    Ok(Some(frame)) => frames.push(frame.to_vec()),
                    Ok(None) => break,
                    Err(error) => return Outcome { frames, error: Some(error), inside: false },
                }
            }
        }
        Outcome { frames, error: None, inside: decoder.is_inside() }
    }

    /// As a whole, cut once at every point, and byte for byte.
    #[track_caller]
    fn check(stream: &[u8], frames: &[&[u8]], error: Option<NetstringError>, inside: bool) {
        let frames = frames.iter().map(|frame| frame.to_vec()).collect();
        let expected = Outcome { frames, error, inside };
        let shown = String::from_utf8_lossy(&stream[..stream.len().min(60)]);
        for cut in 0..=stream.len().min(100) {
            let (first, second) = stream.split_at(cut);
            assert_eq!(decode([first, second]), expected, "{shown} cut at {cut}");
        }
        assert_eq!(decode(stream.chunks(1)), expected, "{shown} byte for byte");
    }

    #[test]
    fn whole_frames_come_out_whatever_they_hold() {
        let whole = |stream: &[u8], frames: &[&[u8]]| check(stream, frames, None, false);
        whole(b"", &[]);
        whole(b"0:,", &[b""]);
        whole(b"5:hello,", &[b"hello"]);
        whole(b"1:a,2:bc,", &[b"a", b"bc"]);
        whole("2:é,4:🐎,".as_bytes(), &["é".as_bytes(), "🐎".as_bytes()]);
        whole(b"5:a,:1:,", &[b"a,:1:"]);
        whole(b"8:5:hello,,", &[b"5:hello,"]);
        whole(b"3:a\0b,", &[b"a\0b"]);
        whole(b"2:\xff\xfe,", &[b"\xff\xfe"]);
        whole(b"10:0123456789,", &[b"0123456789"]);
    }

    /// The frames of the first sample in the head of a file.
    #[track_caller]
    fn check_sample(source: &str, frames: &[&str]) {
        let sample = source.lines().skip_while(|line| *line != "//! ```text").skip(1);
        let sample = sample.take_while(|line| *line != "//! ```");
        // Nothing but frames: neither the arrows of their direction nor what explains them.
        let lines = sample.map(|line| line.trim_start_matches("//! ").trim_start_matches(['→', '←', ' ']));
        let stream: String = lines.filter(|line| line.contains(":{")).collect();
        let outcome = decode([stream.trim_end_matches(" …").as_bytes()]);
        let frames = frames.iter().map(|frame| frame.as_bytes().to_vec()).collect();
        assert_eq!(outcome, Outcome { frames, error: None, inside: false }, "{stream}");
    }

    #[test]
    fn the_samples_of_the_documentation_are_frames() {
        let samples = [r#"{"event":"heartbeat","n":1}"#, r#"{"cmd":"tag","tag":"em"}"#];
        check_sample(include_str!("netstring.rs"), &samples);
        let question = r#"{"event":"AUTH_REQUEST","method":"MESSAGE","tr_index":"491","tr_label":"1820328478","from":"anna"}"#;
        let reply =
            r#"{"cmd":"reply","tr_index":"491","tr_label":"1820328478","code":"202","reason":"Accepted"}"#;
        check_sample(include_str!("evapi/mod.rs"), &[question, reply]);
    }

    #[test]
    fn of_an_unfinished_frame_nothing_comes_out() {
        for stream in ["1", "12", "5:", "5:hel", "5:hello"] {
            check(stream.as_bytes(), &[], None, true);
        }
        check(b"1:a,5:hel", &[b"a"], None, true);
    }

    #[test]
    fn what_is_no_netstring_is_told_and_nothing_behind_it_is_read() {
        use NetstringError::*;
        let bad = |stream: &[u8], frames: &[&[u8]], error| check(stream, frames, Some(error), false);
        bad(b"05:hello,", &[], LeadingZero);
        bad(b"00:,", &[], LeadingZero);
        bad(b":x,", &[], NoLength(b':'));
        bad(b"-5:hello,", &[], NoLength(b'-'));
        bad(b"+5:hello,", &[], NoLength(b'+'));
        bad(b" 5:hello,", &[], NoLength(b' '));
        bad(b"0x5:", &[], NoDigit(b'x'));
        bad(b"5 :hello,", &[], NoDigit(b' '));
        bad(b"5:helloX1:a,", &[], NoEnd(b'X'));
        bad(b"5:hel,lo", &[], NoEnd(b'o'));
        bad("1:é,".as_bytes(), &[], NoEnd("é".as_bytes()[1]));
        bad(b"1:a,\n1:b,", &[b"a"], NoLength(b'\n'));
    }

    #[test]
    fn a_length_above_the_limit_is_refused_at_once_and_costs_no_memory() {
        for stream in ["2147483648:", "4294967301:", "18446744073709551621:", "1048577:", "99999999999999"] {
            check(stream.as_bytes(), &[], Some(NetstringError::Oversize { max: MAX }), false);
        }
        let mut decoder = Decoder::new(MAX);
        decoder.buffer_mut().extend_from_slice(b"1048576:");
        assert_eq!(decoder.next_frame(), Ok(None));
        assert!(decoder.buffer_mut().capacity() < 4096);
        let largest = [b"1048576:", [b'x'; MAX].as_slice(), b","].concat();
        assert_eq!(decode([largest.as_slice()]).frames, [vec![b'x'; MAX]]);
    }

    #[test]
    fn the_error_stays() {
        let mut decoder = Decoder::new(MAX);
        decoder.buffer_mut().extend_from_slice(b"x1:a,");
        for _ in 0..2 {
            assert_eq!(decoder.next_frame(), Err(NetstringError::NoLength(b'x')));
        }
        assert_eq!(NetstringError::NoLength(0).to_string(), "byte 0x00 where a length should begin");
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded_however_it_is_cut(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
            sizes in prop::collection::vec(1usize..40, 1..20),
        ) {
            let mut stream = BytesMut::new();
            payloads.iter().for_each(|payload| encode(payload, &mut stream));
            let mut parts = Vec::new();
            let (mut rest, mut sizes) = (stream.as_ref(), sizes.iter().cycle());
            while !rest.is_empty() {
                let (part, others) = rest.split_at((*sizes.next().expect("a cycle")).min(rest.len()));
                parts.push(part);
                rest = others;
            }
            prop_assert_eq!(decode(parts), Outcome { frames: payloads, error: None, inside: false });
        }

        #[test]
        fn rubbish_ends_without_a_panic_and_the_same_however_it_is_cut(
            stream in prop::collection::vec(prop::sample::select(b"0123456789:,ax \n".as_slice()), 0..60),
        ) {
            prop_assert_eq!(decode([stream.as_slice()]), decode(stream.chunks(1)));
        }
    }
}
