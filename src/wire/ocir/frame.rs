//! Cutting the stream into documents.
//!
//! ```text
//! \r\n<?xml …?>\n<BroadsoftOCIReportingDocument …>…</BroadsoftOCIReportingDocument >\n\n<Broadsoft…
//!     ^ a frame                                                                    ^        ^ the next
//! ```
//!
//! A document ends at its end tag, whatever the line ends are. Only occurrences of the root's name are looked at, each
//! byte once. What stands between documents and is neither white space nor NUL, end tags without a beginning too, is
//! reported as one, before the document that follows; so is a document whose end never came because another one begins. (A name inside CDATA would be taken for a
//! tag; no command carries one.)

use super::ROOT;
use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr_iter, memmem};

/// Bytes of a declaration, of the white space behind it, and of the prefix of a tag and what ends it, at most.
const TAIL: usize = 256;
/// Bytes that are kept of an oversize document: the next one may have begun in them, of which only the tag is missing.
const KEPT: usize = 3 * TAIL;

/// Something in the stream that is not a document; the stream goes on behind it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// More than the limit; its bytes are gone.
    #[error("a document of {size} bytes, more than the {max} that are allowed")]
    Oversize { size: usize, max: usize },
    /// Bytes before a document that belong to none.
    #[error("{} bytes between documents", .bytes.len())]
    Stray { bytes: Bytes },
    /// A document that another one interrupts.
    #[error("a document of {} bytes without its end", .bytes.len())]
    Unfinished { bytes: Bytes },
}

/// Collects bytes and yields documents. Holds at most one document of the largest size and what was pushed last.
#[derive(Debug)]
pub struct Framer {
    buffer: BytesMut,
    max_document: usize,
    name: memmem::Finder<'static>,
    /// Everything before this byte of the buffer has been looked at.
    scanned: usize,
    /// A start tag has been seen: the document begins at byte 0 of the buffer.
    in_document: bool,
    /// Bytes already thrown away of an oversize document.
    skipped: usize,
}

/// An occurrence of the root's name.
enum Found {
    Start {
        tag: usize,
        after: usize,
    },
    End {
        after: usize,
    },
    Neither {
        after: usize,
    },
    /// The bytes that decide have not come yet.
    Undecided,
}

impl Framer {
    /// A framer for documents of at most `max_document` bytes.
    pub fn new(max_document: usize) -> Self {
        let name = memmem::Finder::new(ROOT);
        Framer { buffer: BytesMut::new(), max_document, name, scanned: 0, in_document: false, skipped: 0 }
    }

    /// Adds what was received. Call [`Framer::next_frame`] until it has nothing before adding more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The buffer to read into, at its end.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// How many bytes of an unfinished document were received, also those thrown away of an oversize one. White space
    /// between documents does not count.
    pub fn pending(&self) -> usize {
        match self.skipped {
            0 => self.unfinished().len(),
            skipped => skipped + self.buffer.len(),
        }
    }

    /// The bytes of an unfinished document, as far as they are kept.
    pub fn unfinished(&self) -> &[u8] {
        &self.buffer[blanks(&self.buffer)..]
    }

    /// The next document, from its declaration to its end tag; `Ok(None)` where more bytes are needed.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        loop {
            match self.find() {
                None => return self.wait(),
                Some(Found::Start { tag, after }) => {
                    self.scanned = after;
                    let start = declaration_before(&self.buffer[..tag]);
                    let interrupted = self.in_document;
                    self.in_document = true;
                    self.reject_before(start, interrupted)?;
                }
                // What began nowhere ends nowhere: it is part of what stands between two documents.
                Some(Found::End { after }) if !self.in_document => self.scanned = after,
                Some(Found::End { after }) => {
                    self.in_document = false;
                    self.scanned = 0;
                    let size = self.skipped + after;
                    if size > self.max_document {
                        self.buffer.advance(after);
                        self.skipped = 0;
                        return Err(FrameError::Oversize { size, max: self.max_document });
                    }
                    let mut frame = self.buffer.split_to(after);
                    frame.advance(blanks(&frame));
                    return Ok(Some(frame.freeze()));
                }
                Some(Found::Neither { after }) => self.scanned = after,
                Some(Found::Undecided) => return self.wait(),
            }
        }
    }

    /// The next occurrence of the name that has not been looked at.
    fn find(&mut self) -> Option<Found> {
        match self.name.find(&self.buffer[self.scanned..]) {
            Some(offset) => {
                let at = self.scanned + offset;
                self.scanned = at;
                Some(classify(&self.buffer, at))
            }
            None => {
                let rest = &self.buffer[self.scanned..];
                self.scanned = self.buffer.len() - partial_name(rest);
                None
            }
        }
    }

    /// Nothing more to yield: what is too large is thrown away but for its tail.
    fn wait(&mut self) -> Result<Option<Bytes>, FrameError> {
        if !self.in_document && self.skipped == 0 {
            let blanks = blanks(&self.buffer).min(self.scanned);
            self.buffer.advance(blanks);
            self.scanned -= blanks;
        }
        let keep = KEPT + self.buffer.len() - self.scanned;
        if self.skipped + self.buffer.len() > self.max_document + KEPT && self.buffer.len() > keep {
            let gone = self.buffer.len() - keep;
            self.buffer.advance(gone);
            self.scanned -= gone;
            self.skipped += gone;
        }
        Ok(None)
    }

    /// Reports what stands before the document that begins at `start`.
    fn reject_before(&mut self, start: usize, interrupted: bool) -> Result<(), FrameError> {
        self.scanned -= start;
        let skipped = std::mem::take(&mut self.skipped);
        let mut bytes = self.buffer.split_to(start).freeze();
        if skipped == 0 {
            // They were passed over already where the stream was cut behind them.
            bytes.advance(blanks(&bytes));
        }
        let size = skipped + bytes.len();
        match interrupted {
            false if size == 0 => Ok(()),
            _ if skipped > 0 || size > self.max_document => {
                Err(FrameError::Oversize { size, max: self.max_document })
            }
            true => Err(FrameError::Unfinished { bytes }),
            false => Err(FrameError::Stray { bytes }),
        }
    }
}

/// Whether the name at `at` is that of a start tag or an end tag, with any prefix.
fn classify(buffer: &[u8], at: usize) -> Found {
    let after = at + ROOT.len();
    let Some(next) = buffer.get(after) else { return Found::Undecided };
    let tag = match tag_start(&buffer[..at]) {
        Some(tag) if matches!(next, b'>' | b'/') || next.is_ascii_whitespace() => tag,
        _ => return Found::Neither { after },
    };
    if buffer[tag + 1] != b'/' {
        return Found::Start { tag, after };
    }
    match buffer[after..].iter().take(TAIL).position(|b| !b.is_ascii_whitespace()) {
        Some(blanks) if buffer[after + blanks] == b'>' => Found::End { after: after + blanks + 1 },
        Some(blanks) => Found::Neither { after: after + blanks },
        None if buffer.len() - after < TAIL => Found::Undecided,
        None => Found::Neither { after },
    }
}

/// Where the tag begins whose local name follows `before`: `<`, `</`, `<prefix:` or `</prefix:`.
fn tag_start(before: &[u8]) -> Option<usize> {
    let mut at = before.len();
    if before.last() == Some(&b':') {
        let window = at.saturating_sub(TAIL / 2);
        let prefix = before[window..at - 1].iter().rev().take_while(|b| !b"</> \t\r\n".contains(b)).count();
        at -= 1 + prefix;
    }
    match before[..at] {
        [.., b'<', b'/'] => Some(at - 2),
        [.., b'<'] => Some(at - 1),
        _ => None,
    }
}

/// Where the document begins whose start tag follows `before`: at its declaration, if it has one.
fn declaration_before(before: &[u8]) -> usize {
    let trimmed = before.trim_ascii_end();
    let window = trimmed.len().saturating_sub(TAIL);
    let is_declared = trimmed.ends_with(b"?>") && before.len() - trimmed.len() <= TAIL;
    // Of a document that is interrupted its own declaration may stand there, with elements behind it.
    let is_last = |offset: &usize| {
        let behind = &trimmed[window + offset + 1..];
        !memchr_iter(b'<', behind).any(|at| !matches!(behind.get(at + 1), Some(b'?' | b'!')))
    };
    let declaration = memmem::rfind(&trimmed[window..], b"<?xml").filter(|_| is_declared).filter(is_last);
    declaration.map_or(before.len(), |offset| window + offset)
}

/// How many bytes at the end may be the beginning of the name.
fn partial_name(bytes: &[u8]) -> usize {
    let mut rest = &bytes[bytes.len().saturating_sub(ROOT.len() - 1)..];
    while let Some(at) = memchr(ROOT.as_bytes()[0], rest) {
        rest = &rest[at..];
        if ROOT.as_bytes().starts_with(rest) {
            return rest.len();
        }
        rest = &rest[1..];
    }
    0
}

/// How many bytes at the beginning are white space or NUL.
fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_whitespace() || **b == 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: usize = 200;
    const ONE: &str = "<BroadsoftOCIReportingDocument a=\"1\"><x/></BroadsoftOCIReportingDocument>";

    /// What a stream gives, each item in short, when it arrives in pieces of `piece` bytes.
    fn items(stream: &[u8], piece: usize) -> Vec<String> {
        let mut framer = Framer::new(MAX);
        let mut items = Vec::new();
        for piece in stream.chunks(piece) {
            framer.push(piece);
            loop {
                match framer.next_frame() {
                    Ok(Some(frame)) => items.push(String::from_utf8_lossy(&frame).into_owned()),
                    Ok(None) => break,
                    Err(FrameError::Stray { bytes }) => items.push(format!("stray {bytes:?}")),
                    Err(FrameError::Unfinished { bytes }) => items.push(format!("unfinished {bytes:?}")),
                    Err(error) => items.push(error.to_string()),
                }
            }
            assert!(framer.buffer.len() <= MAX + KEPT + piece.len());
        }
        items.push(format!("pending {}", framer.pending()));
        items
    }

    /// The same items come out wherever the stream is cut.
    fn check(stream: &str, expected: &[&str]) {
        for cut in 1..=stream.len() {
            let mut framer = items(stream.as_bytes(), cut);
            assert_eq!(framer.pop(), expected.last().map(|s| s.to_string()));
            assert_eq!(framer, expected[..expected.len() - 1], "in pieces of {cut}: {stream}");
        }
    }

    #[test]
    fn documents_are_cut_at_their_end_tag() {
        let declared = format!("<?xml version='1.0'?>\r\n{ONE}");
        check("", &["pending 0"]);
        check(" \r\n\0", &["pending 0"]);
        check(ONE, &[ONE, "pending 0"]);
        check(&format!("{ONE}{ONE}"), &[ONE, ONE, "pending 0"]);
        check(&format!("\r\n\r\n{declared}\r\n\n{declared}\n<?xml"), &[&declared, &declared, "pending 5"]);
        let spaced = ONE.replace("ment>", "ment \r\n>");
        check(&format!("{spaced}\n{ONE}\n<Bro"), &[&spaced, ONE, "pending 4"]);
        let prefixed = "<o:BroadsoftOCIReportingDocument><x/></o:BroadsoftOCIReportingDocument>";
        check(&format!("{prefixed}{ONE}"), &[prefixed, ONE, "pending 0"]);
        // Longer than the name.
        let prefixed = prefixed.replace("o:", &format!("{}:", "o".repeat(40)));
        check(&format!("{prefixed}{ONE}"), &[&prefixed, ONE, "pending 0"]);
        let named = "<BroadsoftOCIReportingDocument>BroadsoftOCIReportingDocument &lt;/BroadsoftOCIReportingDocument>\
            </BroadsoftOCIReportingDocumentX></BroadsoftOCIReportingDocument>";
        check(named, &[named, "pending 0"]);
    }

    #[test]
    fn what_is_no_document_is_reported_and_does_not_harm_the_next() {
        check(&format!("<Other/>\n{ONE}"), &["stray b\"<Other/>\\n\"", ONE, "pending 0"]);
        check(
            &format!("{ONE}junk <?xml?>\n{ONE}"),
            &[ONE, "stray b\"junk \"", &format!("<?xml?>\n{ONE}"), "pending 0"],
        );
        let broken = "<BroadsoftOCIReportingDocument><comm";
        let expected = format!("unfinished {:?}", Bytes::from(format!("{broken}\n")));
        check(&format!("{broken}\n{ONE}"), &[&expected, ONE, "pending 0"]);
        let broken = "<BroadsoftOCIReportingDocument><![CDATA[<?xml?><a><b c='?>";
        let expected = format!("unfinished {:?}", Bytes::from(broken));
        check(&format!("{broken}{ONE}"), &[&expected, ONE, "pending 0"]);
        let end = "</BroadsoftOCIReportingDocument>";
        let expected = format!("stray {:?}", Bytes::from(format!("tail{end}\n{end} x{end}")));
        check(&format!("tail{end}\n{end} x{end}{ONE}"), &[&expected, ONE, "pending 0"]);
        check(&format!("tail{end}"), &["pending 36"]);
    }

    #[test]
    fn an_oversize_document_is_reported_with_its_size() {
        let large = ONE.replace("<x/>", &"x".repeat(3000));
        let reported = format!("a document of {} bytes, more than the {MAX} that are allowed", large.len());
        check(&format!("{large}{ONE}"), &[&reported, ONE, "pending 0"]);
        let barely = ONE.replace("<x/>", &"x".repeat(MAX - ONE.len() + 4));
        assert_eq!(barely.len(), MAX);
        check(&barely, &[&barely, "pending 0"]);
        check(&large[..2000], &["pending 2000"]);
        // What is no document is as large as it is without the white space around it, wherever that came.
        let reported = format!("a document of 300 bytes, more than the {MAX} that are allowed");
        check(&format!("{ONE}\r\n\n{}{ONE}", "x".repeat(300)), &[ONE, &reported, ONE, "pending 0"]);
        let blank = format!("x{}x", " ".repeat(298));
        check(&format!("{ONE}{blank}{ONE}"), &[ONE, &reported, ONE, "pending 0"]);
        let reported = format!("a document of 950 bytes, more than the {MAX} that are allowed");
        check(&format!("{}{ONE}", "x ".repeat(475)), &[&reported, ONE, "pending 0"]);
    }

    #[test]
    fn a_large_document_a_byte_at_a_time_takes_linear_time() {
        let mut framer = Framer::new(2 << 20);
        let document = ONE.replace("<x/>", &"<B Broadsoft ".repeat(1 << 16));
        let started = std::time::Instant::now();
        let mut frames = 0;
        for byte in document.as_bytes() {
            framer.push(std::slice::from_ref(byte));
            frames += usize::from(framer.next_frame().expect("it is not too large").is_some());
        }
        assert_eq!(frames, 1);
        // Quadratic it would take hours; this is patience with a busy machine.
        assert!(started.elapsed().as_secs() < 120, "{:?}", started.elapsed());
    }

    proptest! {
        #[test]
        fn any_stream_gives_the_same_items_in_any_pieces(
            parts in prop::collection::vec(prop_oneof![
                Just(ONE.to_owned()),
                Just("<?xml?>".to_owned()),
                Just("</BroadsoftOCIReportingDocument >".to_owned()),
                Just("<p:BroadsoftOCIReportingDocument".to_owned()),
                "[<>/ \\n:\\?a-c\u{0}\u{ff}]{0,9}",
            ], 0..12),
            blanks in 0_usize..600,
            piece in 1_usize..50,
        ) {
            let stream = parts.concat().replace('\n', &" ".repeat(blanks));
            prop_assert_eq!(items(stream.as_bytes(), piece), items(stream.as_bytes(), stream.len().max(1)));
        }

        #[test]
        fn a_document_after_any_bytes_is_found(garbage in prop::collection::vec(any::<u8>(), 0..600)) {
            let mut framer = Framer::new(MAX);
            framer.push(&garbage);
            while !matches!(framer.next_frame(), Ok(None)) {}
            framer.push(ONE.as_bytes());
            let found = std::iter::from_fn(|| match framer.next_frame() { Ok(None) => None, item => Some(item) });
            prop_assert_eq!(found.last(), Some(Ok(Some(Bytes::from_static(ONE.as_bytes())))));
        }
    }
}
