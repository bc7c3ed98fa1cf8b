//! Messages as an Asterisk writes them, for who plays one.

use super::escape::escape;

/// What Asterisk sends first, once.
pub const BANNER_LINE: &[u8] = b"Asterisk Call Manager/13.0.0\r\n";

/// A header. The value goes out as it is, line ends and all.
pub fn header(out: &mut Vec<u8>, name: &str, value: impl AsRef<[u8]>) {
    for part in [name.as_bytes(), b": ", value.as_ref(), b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// A header whose value is escaped as C does.
pub fn escaped_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    escape(value, out);
    out.extend_from_slice(b"\r\n");
}

/// The empty line that ends a message.
pub fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_its_headers_and_an_empty_line() {
        let mut out = Vec::new();
        header(&mut out, "Event", "X");
        header(&mut out, "Raw", b"\xff\r\nForged: 1");
        escaped_header(&mut out, "Message", b"a\r\nb");
        end(&mut out);
        assert_eq!(out, b"Event: X\r\nRaw: \xff\r\nForged: 1\r\nMessage: a\\r\\nb\r\n\r\n");
    }
}
