//! Cuts what a Kamailio sends into payloads, in either framing.

use crate::config::{Framing, Kamailio};
use crate::wire::evapi::{BareDecoder, BareError};
use crate::wire::netstring::{self, NetstringError};
use bytes::{Bytes, BytesMut};

/// Cuts the stream.
pub(super) enum Decoder {
    Netstring(netstring::Decoder),
    Bare(BareDecoder),
}

impl Decoder {
    /// For the framing of this server, and frames as large as it may send.
    pub fn new(server: &Kamailio) -> Decoder {
        match server.framing {
            Framing::Netstring => Decoder::Netstring(netstring::Decoder::new(server.max_frame)),
            Framing::None => Decoder::Bare(BareDecoder::new(server.max_frame)),
        }
    }

    /// The buffer to read into, at its end. Call [`Decoder::next`] until it has nothing before reading more.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        match self {
            Decoder::Netstring(decoder) => decoder.buffer_mut(),
            Decoder::Bare(decoder) => decoder.buffer_mut(),
        }
    }

    /// Whether a frame has begun that is not whole yet.
    pub fn is_inside(&self) -> bool {
        match self {
            Decoder::Netstring(decoder) => decoder.is_inside(),
            Decoder::Bare(decoder) => decoder.is_inside(),
        }
    }

    /// The next payload. The error: one word for metrics, and the reason.
    pub fn next(&mut self) -> Result<Option<Bytes>, (&'static str, String)> {
        match self {
            Decoder::Netstring(decoder) => decoder.next_frame().map_err(|error| match error {
                NetstringError::Oversize { .. } => ("oversize", error.to_string()),
                _ => ("framing", error.to_string()),
            }),
            Decoder::Bare(decoder) => decoder.next_object().map_err(|error| match error {
                BareError::Oversize { .. } => ("oversize", error.to_string()),
                BareError::NoObject(_) => ("framing", error.to_string()),
            }),
        }
    }
}
