//! What an answer says, without the secrets that it may quote.
//!
//! A peer may say back what it was sent, as it was or escaped once more: nothing of that may become a text of ours.

use crate::wire::Secret;
use crate::wire::{cai3g, xml};

/// The answer, with `***` for every secret in its texts.
pub(super) fn understand<'a>(
    status: u16,
    body: &[u8],
    secrets: impl IntoIterator<Item = &'a Secret>,
) -> cai3g::Answer {
    let answer = cai3g::parse_answer(status, body);
    // A success has no texts; only the session of a login, which is not to be told but kept.
    if matches!(answer, cai3g::Answer::Success { .. }) {
        return answer;
    }
    let scrubbed = secrets.into_iter().fold(body.to_vec(), scrub);
    without_secrets(answer, cai3g::parse_answer(status, &scrubbed))
}

/// The meaning of an answer as it came, with the texts of the one that was scrubbed: a short password may stand in
/// anything, codes among it.
fn without_secrets(answer: cai3g::Answer, scrubbed: cai3g::Answer) -> cai3g::Answer {
    match (answer, scrubbed) {
        (cai3g::Answer::Fault(fault), cai3g::Answer::Fault(texts)) => {
            let cai3g::Fault { code, detail_code, .. } = fault;
            cai3g::Answer::Fault(cai3g::Fault { code, detail_code, ..texts })
        }
        (cai3g::Answer::Fault(fault), _) => {
            let cai3g::Fault { code, detail_code, .. } = fault;
            cai3g::Answer::Fault(cai3g::Fault { code, detail_code, ..cai3g::Fault::default() })
        }
        (cai3g::Answer::NotUnderstood { .. }, scrubbed) => match scrubbed {
            cai3g::Answer::NotUnderstood { reason } => cai3g::Answer::NotUnderstood { reason },
            _ => cai3g::Answer::NotUnderstood { reason: "its text holds a secret".to_owned() },
        },
        (success, _) => success,
    }
}

/// The answer with every occurrence of a secret replaced, however often XML has escaped it.
fn scrub(body: Vec<u8>, secret: &Secret) -> Vec<u8> {
    let (mut rest, mut scrubbed) = (&body[..], Vec::with_capacity(body.len()));
    while let [first, after @ ..] = rest {
        match quoted(rest, secret.expose()) {
            Some(length) if length > 0 => {
                scrubbed.extend_from_slice(b"***");
                rest = &rest[length..];
            }
            _ => {
                scrubbed.push(*first);
                rest = after;
            }
        }
    }
    scrubbed
}

/// The length of a secret with which `text` begins, as it is or escaped.
fn quoted(text: &[u8], secret: &str) -> Option<usize> {
    if text.starts_with(secret.as_bytes()) {
        return Some(secret.len());
    }
    secret.chars().try_fold(0, |at, character| Some(at + written(&text[at..], character)?))
}

/// The length of a character with which `text` begins: itself, or a reference to it whose ampersand may be escaped in turn.
fn written(text: &[u8], character: char) -> Option<usize> {
    let is_itself = text.starts_with(character.encode_utf8(&mut [0; 4]).as_bytes());
    if is_itself && character != '&' {
        return Some(character.len_utf8());
    }
    let mut rest = text.strip_prefix(b"&")?;
    while let Some(after) = rest.strip_prefix(b"amp;") {
        rest = after;
    }
    let end = rest.iter().take(LONGEST_REFERENCE).position(|byte| *byte == b';');
    let name = end.and_then(|end| str::from_utf8(&rest[..end]).ok());
    let is_meant = name.is_some_and(|name| xml::escape::resolve(name, 0) == Ok(character));
    let after = if is_meant { &rest[end? + 1..] } else { rest };
    (is_meant || character == '&').then(|| text.len() - after.len())
}

/// `#x10FFFF;`
const LONGEST_REFERENCE: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_quotes_a_secret_is_told_without_it() {
        let check = |secret: &str, status: u16, body: &str, expected: &str| {
            let secret = Secret::new(secret);
            let scrubbed = scrub(body.into(), &secret);
            let answer = without_secrets(
                cai3g::parse_answer(status, body.as_bytes()),
                cai3g::parse_answer(status, &scrubbed),
            );
            let text = match answer {
                cai3g::Answer::Success { .. } => "success".to_owned(),
                cai3g::Answer::Fault(fault) => fault.to_string(),
                cai3g::Answer::NotUnderstood { reason } => reason,
            };
            assert!(text.contains(expected), "{text}");
            assert!(secret.expose().len() < 4 || !text.contains(secret.expose()), "{text}");
        };
        let fault = cai3g::server::fault(4006, Some(13004), "password hunter2 refused");
        check("hunter2", 500, &fault, "13004");
        // A password that stands in every tag does not change what the answer means.
        check("a", 500, &fault, "13004");
        check(
            "a",
            200,
            r#"<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body/></S:Envelope>"#,
            "success",
        );
        check("hunter2", 200, "oops hunter2", "***");
        check("<&>hunter", 500, &cai3g::server::fault(4006, Some(1), "<&>hunter"), "***");
        // Quoted as it was sent, which was in XML already.
        check("<&>hunter", 500, &cai3g::server::fault(4006, Some(1), "&lt;&amp;&gt;hunter"), "***");
        check(
            "it's \"2\" & 3",
            500,
            &cai3g::server::fault(4006, Some(1), "it&apos;s &quot;2&quot; &amp; 3"),
            "***",
        );
    }
}
