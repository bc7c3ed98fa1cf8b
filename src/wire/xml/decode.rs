//! From the bytes of a document to its text.
//!
//! ```text
//! <?xml version="1.0" encoding="ISO-8859-1"?> … 53 F8 72 65 6E …   →   … Søren …
//! ```
//!
//! ISO-8859-1 is decoded byte for byte (the label of that name means windows-1252 on the web, which would turn 0x80–0x9F
//! into other characters). Observed: senders that declare ISO-8859-1 and send UTF-8; text that is valid UTF-8 with letters
//! of more than one byte is therefore read as UTF-8, and flagged.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use memchr::memmem;

/// What the encoding is where no declaration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// OCI-R.
    Latin1,
    /// SOAP.
    Utf8,
}

/// The text of a document, without a byte order mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Complete even where `error` is set, so that it can be stored and shown.
    pub text: String,
    /// Latin-1 was declared (or is the default), but it was UTF-8.
    pub utf8_mislabelled: bool,
    /// The text is not what was sent, and must not be acted on.
    pub error: Option<EncodingError>,
}

/// Why the text of a document is uncertain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    #[error("unknown encoding {label:?}")]
    Unknown { label: String },
    #[error("declared as {label}, but its declaration is readable as ASCII")]
    Impossible { label: &'static str },
    #[error("bytes that are not {label}")]
    Undecodable { label: &'static str },
}

/// Decodes a document as its declaration says. Bytes that are not of the declared encoding become U+FFFD with an error
/// set, because an identifier with a replaced letter would provision the wrong subscriber.
pub fn decode(bytes: &[u8], fallback: Fallback) -> Decoded {
    let (bytes, fallback) = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => (rest, Fallback::Utf8),
        None => (bytes, fallback),
    };
    match declared_encoding(bytes) {
        None if fallback == Fallback::Latin1 => latin1(bytes),
        None => other(bytes, UTF_8),
        Some(b"ISO-8859-1") => latin1(bytes),
        Some(label) => match Encoding::for_label(label) {
            Some(encoding) if encoding == WINDOWS_1252 && !is_windows_1252(label) => latin1(bytes),
            Some(encoding) if encoding.is_ascii_compatible() => other(bytes, encoding),
            Some(encoding) => refused(bytes, EncodingError::Impossible { label: encoding.name() }),
            None => refused(bytes, EncodingError::Unknown { label: quote(label) }),
        },
    }
}

fn latin1(bytes: &[u8]) -> Decoded {
    let (text, utf8_mislabelled) = match str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), !text.is_ascii()),
        Err(_) => (encoding_rs::mem::decode_latin1(bytes).into_owned(), false),
    };
    Decoded { text, utf8_mislabelled, error: None }
}

fn other(bytes: &[u8], encoding: &'static Encoding) -> Decoded {
    let (text, has_errors) = encoding.decode_without_bom_handling(bytes);
    let error = has_errors.then(|| EncodingError::Undecodable { label: encoding.name() });
    Decoded { text: text.into_owned(), utf8_mislabelled: false, error }
}

fn refused(bytes: &[u8], error: EncodingError) -> Decoded {
    Decoded { error: Some(error), ..latin1(bytes) }
}

/// The encoding's label in the XML declaration, which must be the first thing (XML 1.0, 4.3.3).
fn declared_encoding(bytes: &[u8]) -> Option<&[u8]> {
    let declaration = bytes.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..memmem::find(&declaration[..declaration.len().min(256)], b"?>")?];
    let name = memmem::find(declaration, b"encoding")?;
    let value =
        declaration[name + b"encoding".len()..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first()?;
    let end = value.iter().position(|b| b == quote)?;
    matches!(quote, b'"' | b'\'').then_some(&value[..end])
}

fn is_windows_1252(label: &[u8]) -> bool {
    label.to_ascii_lowercase().ends_with(b"1252")
}

fn quote(label: &[u8]) -> String {
    label.iter().take(40).map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '.' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        bytes: &[u8],
        fallback: Fallback,
        text: &str,
        utf8_mislabelled: bool,
        error: Option<EncodingError>,
    ) {
        assert_eq!(decode(bytes, fallback), Decoded { text: text.into(), utf8_mislabelled, error });
    }

    fn declared(label: &str, body: &[u8]) -> Vec<u8> {
        [format!("<?xml version='1.0' encoding = '{label}'?>").as_bytes(), body].concat()
    }

    fn check_declared(label: &str, body: &[u8], text: &str, mislabelled: bool, error: Option<EncodingError>) {
        let declaration = format!("<?xml version='1.0' encoding = '{label}'?>");
        check(&declared(label, body), Fallback::Latin1, &(declaration + text), mislabelled, error);
    }

    #[test]
    fn the_default_holds_without_a_declaration() {
        check(b"", Fallback::Latin1, "", false, None);
        check(b"S\xF8ren", Fallback::Latin1, "Søren", false, None);
        check("Søren".as_bytes(), Fallback::Latin1, "Søren", true, None);
        check("Søren".as_bytes(), Fallback::Utf8, "Søren", false, None);
        check(b"\xEF\xBB\xBF<a/>", Fallback::Latin1, "<a/>", false, None);
        let error = Some(EncodingError::Undecodable { label: "UTF-8" });
        check(b"S\xF8ren", Fallback::Utf8, "S\u{fffd}ren", false, error);
    }

    #[test]
    fn a_declaration_is_followed() {
        check_declared("ISO-8859-1", b"\xE6\xF8\xE5\xC6\xD8\xC5", "æøåÆØÅ", false, None);
        check_declared("iso-8859-1", b"\x80\x9F", "\u{80}\u{9f}", false, None);
        check_declared("latin1", b"\xE6\0", "æ\0", false, None);
        check_declared("US-ASCII", b"\xE6", "æ", false, None);
        check_declared("ISO-8859-1", "æøå".as_bytes(), "æøå", true, None);
        check_declared("windows-1252", b"\x80", "€", false, None);
        check_declared("utf-8", "æøå".as_bytes(), "æøå", false, None);
        check_declared("ISO-8859-5", b"\xD6", "ж", false, None);
        let error = Some(EncodingError::Undecodable { label: "UTF-8" });
        check_declared("UTF-8", b"\xE6", "\u{fffd}", false, error);
        let error = Some(EncodingError::Impossible { label: "UTF-16LE" });
        check_declared("UTF-16", b"<a/>", "<a/>", false, error);
        let error = Some(EncodingError::Unknown { label: "KLINGON".into() });
        check_declared("KLINGON", b"\xE6", "æ", false, error);
    }

    #[test]
    fn a_broken_declaration_is_no_declaration() {
        for document in
            ["<?xml", "<?xml ?>", "<?xml encoding?>", "<?xml encoding=UTF-8?>", "<?xml encoding=\"UTF-8?>"]
        {
            check(document.as_bytes(), Fallback::Latin1, document, false, None);
        }
    }
}
