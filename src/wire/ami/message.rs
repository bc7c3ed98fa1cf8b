//! A message as it was read.

use bytes::Bytes;
use std::borrow::Cow;

/// Headers in the order in which they came; the same name may come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub(super) bytes: Bytes,
    pub(super) headers: Vec<Header>,
    /// Lines of the output of a command, in the old form (`Response: Follows`).
    pub(super) output: Vec<Span>,
    /// Lines that are no headers, which were left out.
    pub(super) skipped: usize,
}

/// A part of a message's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub name: Span,
    pub value: Span,
}

/// What the first header says. An event may have a header `Response`, which does not make it one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Response,
    Event,
    Other,
}

impl Message {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self.headers().next() {
            Some((name, _)) if name.eq_ignore_ascii_case(b"Response") => Kind::Response,
            Some((name, _)) if name.eq_ignore_ascii_case(b"Event") => Kind::Event,
            _ => Kind::Other,
        }
    }

    /// Names and values, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.iter().map(|header| (self.at(header.name), self.at(header.value)))
    }

    /// The first value of this name, in whatever case it is written.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut headers = self.headers();
        headers.find(|(it, _)| it.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The first value of this name as text; what is no UTF-8 becomes U+FFFD.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(String::from_utf8_lossy)
    }

    /// All values of this name, in order.
    pub fn values<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m [u8]> {
        let named = self.headers().filter(move |(it, _)| it.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|(_, value)| value)
    }

    /// The lines that a command has printed: in the old form those behind the headers, in the new one the headers `Output`.
    pub fn output(&self) -> impl Iterator<Item = &[u8]> {
        self.output.iter().map(|line| self.at(*line)).chain(self.values("Output"))
    }

    /// How many of its lines were no headers.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    pub(super) fn at(&self, span: Span) -> &[u8] {
        &self.bytes[span.start as usize..span.end as usize]
    }
}
