//! Values out of bytes: what is read stands in front, as it came, and what is decided about it behind.
//!
//! So a seed is a document that can be read, and a mutation of its end changes how it is cut, and not what it is.

/// Ends a text among several.
pub const END: u8 = 0x1e;

/// Bytes that have not been used.
pub struct Source<'a> {
    rest: &'a [u8],
}

impl<'a> Source<'a> {
    pub fn new(rest: &'a [u8]) -> Source<'a> {
        Source { rest }
    }

    /// The last byte; 0 where there is none.
    pub fn byte(&mut self) -> u8 {
        let Some((last, rest)) = self.rest.split_last() else { return 0 };
        self.rest = rest;
        *last
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Of several one.
    pub fn one_of<T: Copy>(&mut self, several: &[T]) -> T {
        several[usize::from(self.byte()) % several.len()]
    }

    /// A number of so many bytes.
    pub fn number(&mut self, bytes: usize) -> u64 {
        (0..bytes).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// The first bytes, up to an [`END`].
    pub fn part(&mut self) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| *byte == END).unwrap_or(self.rest.len());
        let part = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        part
    }

    /// The same as text; what is no UTF-8 becomes U+FFFD.
    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(self.part()).into_owned()
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that was not used.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }
}

/// A seed of these texts, and these bytes behind them.
pub fn seed(texts: &[&str], decisions: &[u8]) -> Vec<u8> {
    let mut seed = texts.join("\u{1e}").into_bytes();
    if texts.len() > 1 {
        seed.push(END);
    }
    seed.extend_from_slice(decisions);
    seed
}
