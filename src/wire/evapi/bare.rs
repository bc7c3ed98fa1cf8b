//! Cutting a stream of JSON objects that run together: `{"n":0}{"n":1}`.
//!
//! An object ends with the brace or bracket that closes its first one, whichever of the two it is (a parser says more of `{]`); those in
//! strings do not count. White space between objects is allowed.
//! Whatever else stands there means that the place is lost: the connection ends.

use bytes::{Buf, Bytes, BytesMut};

/// What no stream of objects has. Nothing of the stream behind it means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BareError {
    #[error("byte {0:#04x} where an object should begin")]
    NoObject(u8),
    #[error("an object of more than {max} bytes")]
    Oversize { max: usize },
}

/// Collects bytes and yields objects. Holds at most one of the largest size and what was read last.
#[derive(Debug)]
pub struct BareDecoder {
    buffer: BytesMut,
    max: usize,
    /// Everything before this byte of the buffer has been looked at.
    scanned: usize,
    /// Braces and brackets that are open.
    depth: usize,
    in_string: bool,
    /// The next byte of a string belongs to a backslash.
    escaped: bool,
    failed: Option<BareError>,
}

impl BareDecoder {
    /// A decoder for objects of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        BareDecoder {
            buffer: BytesMut::new(),
            max,
            scanned: 0,
            depth: 0,
            in_string: false,
            escaped: false,
            failed: None,
        }
    }

    /// The buffer to read into, at its end. Call [`BareDecoder::next_object`] until it has nothing before reading more.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether an object has begun that is not whole yet.
    pub fn is_inside(&self) -> bool {
        self.depth > 0
    }

    /// The next object; `Ok(None)` where more bytes are needed. After an error it is the same error for ever.
    pub fn next_object(&mut self) -> Result<Option<Bytes>, BareError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let object = self.cut();
        self.failed = object.as_ref().err().copied();
        object
    }

    fn cut(&mut self) -> Result<Option<Bytes>, BareError> {
        if self.depth == 0 {
            let blanks = self.buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.buffer.advance(blanks);
            match self.buffer.first() {
                None => return Ok(None),
                Some(b'{') => {}
                Some(&other) => return Err(BareError::NoObject(other)),
            }
        }
        let end = self.find_end();
        if end.unwrap_or(self.scanned) > self.max {
            return Err(BareError::Oversize { max: self.max });
        }
        let Some(end) = end else { return Ok(None) };
        self.scanned = 0;
        Ok(Some(self.buffer.split_to(end).freeze()))
    }

    /// Where the object that begins with the buffer ends, as far as that has come.
    fn find_end(&mut self) -> Option<usize> {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            self.scanned += 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(self.scanned);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: usize = 64;

    fn decode<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<BareError>, bool) {
        let mut decoder = BareDecoder::new(MAX);
        let mut objects = Vec::new();
        for part in parts {
            decoder.buffer_mut().extend_from_slice(part);
            loop {
                match decoder.next_object() {
                    Ok(Some(object)) => objects.push(String::from_utf8_lossy(&object).into_owned()),
                    Ok(None) => break,
                    Err(error) => return (objects, Some(error), false),
                }
            }
        }
        (objects, None, decoder.is_inside())
    }

    /// As a whole, cut once at every point, and byte for byte.
    #[track_caller]
    fn check(stream: &str, objects: &[&str], error: Option<BareError>, inside: bool) {
        let expected = (objects.iter().map(|object| object.to_string()).collect::<Vec<_>>(), error, inside);
        for cut in 0..=stream.len() {
            let (first, second) = stream.as_bytes().split_at(cut);
            assert_eq!(decode([first, second]), expected, "{stream} cut at {cut}");
        }
        assert_eq!(decode(stream.as_bytes().chunks(1)), expected, "{stream} byte for byte");
    }

    #[test]
    fn objects_that_run_together_are_cut() {
        check("", &[], None, false);
        check(r#"{"n":0}{"n":1}"#, &[r#"{"n":0}"#, r#"{"n":1}"#], None, false);
        check("{} \r\n\t{}", &["{}", "{}"], None, false);
        check(r#"{"a":{"b":[{}]}}{}"#, &[r#"{"a":{"b":[{}]}}"#, "{}"], None, false);
        check(r#"{"a":"}\"{"}{}"#, &[r#"{"a":"}\"{"}"#, "{}"], None, false);
        check(r#"{"a":"\\"}{}"#, &[r#"{"a":"\\"}"#, "{}"], None, false);
        check(r#"{"a":<null>}"#, &[r#"{"a":<null>}"#], None, false);
    }

    #[test]
    fn of_an_unfinished_object_nothing_comes_out() {
        check(r#"{"a":1"#, &[], None, true);
        check(r#"{}{"a":"}"#, &["{}"], None, true);
    }

    #[test]
    fn what_is_no_object_is_told() {
        check("x{}", &[], Some(BareError::NoObject(b'x')), false);
        check("{}}{}", &["{}"], Some(BareError::NoObject(b'}')), false);
        check("7:{}", &[], Some(BareError::NoObject(b'7')), false);
        let long = format!("{{}}{{\"a\":\"{}\"}}", "x".repeat(MAX));
        check(&long, &["{}"], Some(BareError::Oversize { max: MAX }), false);
        let just = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX - 8));
        check(&just, &[&just], None, false);
    }

    proptest! {
        #[test]
        fn rubbish_ends_without_a_panic_and_the_same_however_it_is_cut(
            stream in prop::collection::vec(prop::sample::select(b"{}[]\"\\ax ".as_slice()), 0..100),
        ) {
            prop_assert_eq!(decode([stream.as_slice()]), decode(stream.chunks(1)));
        }
    }
}
