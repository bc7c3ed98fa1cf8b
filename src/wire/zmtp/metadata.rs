//! What a peer says of itself in READY: names and values.

use super::error::shown;
use super::{SocketType, ZmtpError};
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Names, at most; peers have two or three.
const PROPERTIES: usize = 32;
/// Bytes of an identity, at most.
const IDENTITY: usize = 255;

/// What is of use to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    pub socket_type: SocketType,
    /// What a ROUTER would know it by; empty as a rule.
    pub identity: Bytes,
}

impl Metadata {
    /// Reads what stands behind the name of the command. Names are not told apart by case; unknown ones are passed over.
    pub(super) fn read(mut bytes: Bytes) -> Result<Metadata, ZmtpError> {
        let (mut socket_type, mut identity) = (None, Bytes::new());
        for _ in 0..PROPERTIES {
            if bytes.is_empty() {
                return Ok(Metadata { socket_type: socket_type.ok_or(ZmtpError::NoSocketType)?, identity });
            }
            let (name, value) = property(&mut bytes)?;
            if name.eq_ignore_ascii_case(b"Socket-Type") {
                let known = SocketType::of(&value).ok_or_else(|| ZmtpError::SocketType(shown(&value)))?;
                socket_type = socket_type.or(Some(known));
            } else if name.eq_ignore_ascii_case(b"Identity") {
                if value.len() > IDENTITY {
                    return Err(ZmtpError::BadMetadata);
                }
                identity = value;
            }
        }
        Err(ZmtpError::ManyProperties)
    }
}

fn property(bytes: &mut Bytes) -> Result<(Bytes, Bytes), ZmtpError> {
    let short = |_| ZmtpError::BadMetadata;
    let length = usize::from(bytes.try_get_u8().map_err(short)?);
    let name = part(bytes, length)?;
    let length = bytes.try_get_u32().map_err(short)?;
    let value = part(bytes, usize::try_from(length).map_err(|_| ZmtpError::BadMetadata)?)?;
    if name.is_empty() { Err(ZmtpError::BadMetadata) } else { Ok((name, value)) }
}

fn part(bytes: &mut Bytes, length: usize) -> Result<Bytes, ZmtpError> {
    if length > bytes.len() { Err(ZmtpError::BadMetadata) } else { Ok(bytes.split_to(length)) }
}

/// Appends a property. Names and values are ours, and short.
pub(super) fn write(name: &str, value: &[u8], bytes: &mut BytesMut) {
    bytes.put_u8(name.len() as u8);
    bytes.put_slice(name.as_bytes());
    bytes.put_u32(value.len() as u32);
    bytes.put_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(properties: &[(&str, &[u8])]) -> Bytes {
        let mut bytes = BytesMut::new();
        properties.iter().for_each(|(name, value)| write(name, value, &mut bytes));
        bytes.freeze()
    }

    #[test]
    fn type_and_identity_are_found_among_others() {
        let bytes = metadata(&[("X-Other", b"\xff"), ("socket-TYPE", b"DEALER"), ("Identity", b"a\0b")]);
        let read = Metadata::read(bytes.clone()).expect("metadata");
        assert_eq!(read, Metadata { socket_type: SocketType::Dealer, identity: Bytes::from_static(b"a\0b") });
        for length in 0..bytes.len() {
            // It may end where a property does; without a type it is of no use.
            let cut = Metadata::read(bytes.slice(..length));
            let whole = length == bytes.len() - (1 + 8 + 4 + 3);
            assert_eq!(cut.is_ok(), whole, "{length}: {cut:?}");
        }
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        let check = |bytes: Bytes, expected: ZmtpError| assert_eq!(Metadata::read(bytes), Err(expected));
        check(Bytes::new(), ZmtpError::NoSocketType);
        check(metadata(&[("Identity", b"x")]), ZmtpError::NoSocketType);
        check(metadata(&[("Socket-Type", b"sub\n")]), ZmtpError::SocketType(r"sub\n".to_owned()));
        check(metadata(&[("", b"x")]), ZmtpError::BadMetadata);
        check(Bytes::from_static(b"\x01x\xff\xff\xff\xffx"), ZmtpError::BadMetadata);
        check(metadata(&[("Socket-Type", b"SUB"), ("Identity", &[0; 256])]), ZmtpError::BadMetadata);
        check(metadata(&[("x", &b""[..]); 100]), ZmtpError::ManyProperties);
    }
}
