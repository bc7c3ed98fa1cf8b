//! What the gateway answers.
//!
//! ```text
//! 500 <S:Fault><faultcode>S:Server</faultcode><faultstring>This is a server fault</faultstring><detail>
//!       <Cai3gFault><faultcode>4006</faultcode><faultreason><reasonText>External error.</reasonText></faultreason>
//!         <details><IMSFault><errorcode>13004</errorcode><errormessage>ASSOCIATION ALREADY DEFINED</errormessage>
//! ```
//!
//! Prefixes and namespaces differ from one release to the next and any part of a fault can be missing, so parts are found
//! by their local names, wherever they are.

use super::MAX_BODY;
use crate::wire::Secret;
use crate::wire::mask_secrets;
use crate::wire::xml::{Element, Fallback, Tree, decode};

/// What a response means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done; the answer to a login holds the session.
    Success { session_id: Option<Secret> },
    /// The gateway, or what is behind it, refuses.
    Fault(Fault),
    /// No SOAP, or not as CAI3G has it: whether it was done is unknown.
    NotUnderstood { reason: String },
}

/// A SOAP fault. Texts are at most 500 characters long and empty where they are missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error("fault {} ({reason}), detail {} ({message}): {faultstring}", shown(.code), shown(.detail_code))]
pub struct Fault {
    /// `Cai3gFault/faultcode`: 4006 external error, 3014 login failure, …
    pub code: Option<u32>,
    pub reason: String,
    /// `errorcode` or `respCode` of the system behind: 13004 association already defined, …
    pub detail_code: Option<u32>,
    pub message: String,
    pub faultstring: String,
}

fn shown(code: &Option<u32>) -> String {
    code.map_or_else(|| "-".to_owned(), |code| code.to_string())
}

/// Reads a response. 200 with any SOAP body is success, a fault is one whatever the status.
pub fn parse_answer(status: u16, body: &[u8]) -> Answer {
    if body.len() > MAX_BODY {
        return not_understood(status, &format!("{} bytes", body.len()), "");
    }
    // A text with replaced letters will do: nothing but codes is acted on.
    let text = decode(body, Fallback::Utf8).text;
    let tree = match Tree::parse(&text, MAX_BODY) {
        Ok(tree) => tree,
        Err(error) => return not_understood(status, &error.to_string(), &text),
    };
    let body = match tree.root() {
        root if root.name() == "Envelope" => root.children().find(|element| element.name() == "Body"),
        _ => None,
    };
    let Some(body) = body else { return not_understood(status, "no SOAP body", &text) };
    match body.children().find(|element| element.name() == "Fault") {
        Some(element) => Answer::Fault(fault(element)),
        None if status == 200 => {
            Answer::Success { session_id: text_of(body, &["sessionId"]).map(Secret::new) }
        }
        None => not_understood(status, "a SOAP body without a fault", &text),
    }
}

fn fault(fault: Element<'_>) -> Fault {
    let detail = fault.descendants().find(|element| element.name() == "Cai3gFault").unwrap_or(fault);
    let details = fault.descendants().find(|element| element.name() == "details").unwrap_or(fault);
    Fault {
        code: code_of(detail, &["faultcode"]).or_else(|| code_of(fault, &["faultcode"])),
        reason: text_of(detail, &["reasonText"])
            .or_else(|| text_of(detail, &["faultreason"]))
            .unwrap_or_default(),
        detail_code: code_of(details, &["errorcode", "respCode"]),
        message: text_of(details, &["errormessage", "respMessage"]).unwrap_or_default(),
        faultstring: text_of(fault, &["faultstring"]).unwrap_or_default(),
    }
}

/// The first number in an element of one of these names (in any case); `S:Server` is none.
fn code_of(within: Element<'_>, names: &[&str]) -> Option<u32> {
    named(within, names).find_map(|element| element.text().trim().parse().ok())
}

/// The first text that is not blank in an element of one of these names.
fn text_of(within: Element<'_>, names: &[&str]) -> Option<String> {
    let texts = named(within, names).map(|element| element.text().trim());
    texts.filter(|text| !text.is_empty()).map(|text| harmless(text, 500)).next()
}

fn named<'a>(within: Element<'a>, names: &[&str]) -> impl Iterator<Item = Element<'a>> {
    within.descendants().filter(|element| names.iter().any(|name| element.name().eq_ignore_ascii_case(name)))
}

fn not_understood(status: u16, what: &str, text: &str) -> Answer {
    let quote = quote(text);
    let quoted = if quote.is_empty() { String::new() } else { format!("; it begins {quote:?}") };
    Answer::NotUnderstood { reason: format!("HTTP {status} not understood: {what}{quoted}") }
}

/// At most 120 characters, without secrets and up to a session id.
fn quote(text: &str) -> String {
    let masked = mask_secrets(text);
    let session = masked.to_ascii_lowercase().find("sessionid").unwrap_or(masked.len());
    harmless(&masked[..session], 120)
}

/// One line without control characters.
fn harmless(text: &str, max: usize) -> String {
    let characters = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    characters.take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cai3g::server;
    use proptest::prelude::*;

    fn show(status: u16, body: &[u8]) -> String {
        match parse_answer(status, body) {
            Answer::Success { session_id } => format!("success {}", session_id.unwrap_or_default().expose()),
            Answer::Fault(fault) => fault.to_string(),
            Answer::NotUnderstood { reason } => reason,
        }
    }

    fn check(status: u16, body: &str, expected: &str) {
        assert_eq!(show(status, body.as_bytes()), expected, "{body}");
    }

    fn in_body(body: &str) -> String {
        format!(
            "<s:Envelope xmlns:s='x'><s:Header><i:SessionId>h</i:SessionId></s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )
    }

    #[test]
    fn a_body_without_a_fault_is_success() {
        check(200, &server::login_response(&Secret::new("6fa1")), "success 6fa1");
        check(200, &in_body("<CreateResponse xmlns='y'><MOId/></CreateResponse>"), "success ");
        check(200, &in_body(""), "success ");
        check(200, "<Envelope><Body/></Envelope>", "success ");
        check(
            200,
            &in_body("<x:LoginResponse><x:sessionId> a&amp;b </x:sessionId></x:LoginResponse>"),
            "success a&b",
        );
    }

    #[test]
    fn any_part_of_a_fault_may_be_missing() {
        let whole = "fault 4006 (External error.), detail 13004 (ASSOCIATION ALREADY DEFINED): This is a server fault";
        let fault = server::fault(4006, Some(13004), "ASSOCIATION ALREADY DEFINED");
        check(500, &fault, whole);
        check(200, &fault, whole);
        check(400, &fault.replace("errorcode", "respCode").replace("C:Cai3gFault", "q:Cai3gFault"), whole);
        check(
            500,
            &server::fault(3014, None, ""),
            "fault 3014 (External error.), detail - (): This is a server fault",
        );
        check(500, &in_body("<Fault/>"), "fault - (), detail - (): ");
        check(
            500,
            &in_body("<s:Fault><faultcode>s:Server</faultcode><faultstring>no</faultstring></s:Fault>"),
            "fault - (), detail - (): no",
        );
        check(
            500,
            &in_body("<Fault><detail><Cai3gFault><faultcode>x</faultcode></Cai3gFault></detail></Fault>"),
            "fault - (), detail - (): ",
        );
        check(
            500,
            &in_body("<Fault><detail><faultcode> 4006 </faultcode></detail></Fault>"),
            "fault 4006 (), detail - (): ",
        );
        check(
            500,
            &in_body("<Fault><details><respcode>35256</respcode></details></Fault>"),
            "fault - (), detail 35256 (): ",
        );
        check(
            500,
            &in_body("<Fault><errorcode>99999999999</errorcode></Fault>"),
            "fault - (), detail - (): ",
        );
    }

    #[test]
    fn texts_are_read_as_their_encoding_says() {
        let fault = in_body("<Fault><faultstring>søren</faultstring></Fault>");
        let expected = "fault - (), detail - (): søren";
        check(500, &fault, expected);
        let latin1 = crate::wire::ocir::write::encode_latin1(&format!(
            "<?xml version='1.0' encoding='ISO-8859-1'?>{fault}"
        ));
        assert_eq!(show(500, &latin1), expected);
    }

    #[test]
    fn nonsense_is_quoted_harmlessly() {
        let start = "HTTP 200 not understood: ";
        check(200, "", &format!("{start}there is no element"));
        check(
            200,
            "scripted\r\nstatus",
            &format!(
                "{start}not well-formed at byte 0: text outside the document element; it begins \"scripted  status\""
            ),
        );
        check(200, "<html/>", &format!("{start}no SOAP body; it begins \"<html/>\""));
        check(
            503,
            "<Envelope><Body/></Envelope>",
            "HTTP 503 not understood: a SOAP body without a fault; it begins \"<Envelope><Body/></Envelope>\"",
        );
        check(
            200,
            "<Envelope><Body><sessionId>6fa1</ses",
            &format!(
                "{start}not well-formed at byte 31: a tag without its end; it begins \"<Envelope><Body><\""
            ),
        );
        check(
            200,
            "<a><password>x",
            &format!(
                "{start}the document ends at byte 14 with 2 elements open; it begins \"<a><password>***\""
            ),
        );
        check(
            200,
            "<!DOCTYPE a>",
            &format!("{start}DOCTYPE at byte 0 is refused; it begins \"<!DOCTYPE a>\""),
        );
        assert!(show(200, "<a>".repeat(99).as_bytes()).contains("nest deeper"));
        assert_eq!(show(200, &vec![b'a'; MAX_BODY + 1]), format!("{start}1048577 bytes"));
        assert!(show(200, "x".repeat(9999).as_bytes()).len() < 250);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(status in any::<u16>(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(show(status, &bytes).len() < 1000);
        }

        #[test]
        fn a_cut_answer_is_never_a_success(at in 0_usize..2000) {
            let body = server::success(&server::Operation::Logout { session: Secret::new("s") }, None);
            let cut = at % body.len();
            let is_not_understood = matches!(parse_answer(200, &body.as_bytes()[..cut]), Answer::NotUnderstood { .. });
            prop_assert!(is_not_understood);
        }
    }
}
