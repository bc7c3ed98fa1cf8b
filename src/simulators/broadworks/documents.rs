//! The bytes of documents: how one goes out, and where the next one begins.

use crate::wire::ocir::write;
use bytes::Bytes;
use memchr::memmem;
use std::time::SystemTime;

/// Ends every document.
pub const END: &str = "</BroadsoftOCIReportingDocument>";

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n";

/// A document as it goes out: declaration line (added where the document has none), the document, a line end;
/// ISO-8859-1.
pub fn encode(document: &str) -> Bytes {
    let declared = document.trim_start().starts_with("<?xml");
    let text = if declared { format!("{document}\n") } else { format!("{DECLARATION}{document}\n") };
    write::encode_latin1(&text).into()
}

/// The keep-alive of this moment.
pub fn server_status() -> String {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    write::server_status(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// How many documents end in `bytes`.
pub(super) fn count(bytes: &[u8]) -> u64 {
    memmem::find_iter(bytes, END).count() as u64
}

/// What is left of `bytes` of which `written` went out: the document that was cut is lost, the next ones are not.
pub(super) fn rest(bytes: &Bytes, written: usize) -> Bytes {
    let between = written == 0 || bytes[..written].trim_ascii_end().ends_with(END.as_bytes());
    let from = if between { Some(written) } else { end_of_cut(bytes, written) };
    let rest = &bytes[from.unwrap_or(bytes.len())..];
    bytes.slice_ref(rest.trim_ascii_start())
}

/// Where the document ends of which something, perhaps a part of its end tag, was written.
fn end_of_cut(bytes: &Bytes, written: usize) -> Option<usize> {
    let from = written.saturating_sub(END.len() - 1);
    memmem::find(&bytes[from..], END.as_bytes()).map(|at| from + at + END.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_loses_the_document_that_it_cuts_and_no_other() {
        let bytes = Bytes::from(format!("<a>{END}\n<b>{END}\n<c>{END}\n"));
        let one = "<a>".len() + END.len() + 1;
        for written in 0..=bytes.len() {
            let expected = &bytes[written.next_multiple_of(one).min(bytes.len())..];
            let expected =
                if written % one == one - 1 { bytes[written..].trim_ascii_start() } else { expected };
            assert_eq!(rest(&bytes, written), expected, "{written}");
        }
    }
}
