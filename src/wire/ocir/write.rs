//! Documents as an application server sends them, for simulators, the demo and benches.

use super::ROOT;
use crate::wire::xml::escape::{push_attribute, push_text};

const DECLARATION: &str = r#"<?xml version="1.0" encoding="ISO-8859-1"?>"#;
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// A report of one command, without a line end. `body_xml` is put inside the command as it is, so it must be well-formed.
pub fn report(id: &str, outer_user: &str, inner_user: &str, command_type: &str, body_xml: &str) -> String {
    let mut inner = String::with_capacity(body_xml.len() + 320);
    inner.push_str(DECLARATION);
    inner.push_str(r#"<BroadsoftDocument protocol="OCI" xmlns="C"><userId xmlns="">"#);
    push_text(&mut inner, inner_user);
    inner.push_str(r#"</userId><command xsi:type=""#);
    push_attribute(&mut inner, command_type);
    inner.push_str(&format!(r#"" xmlns="" xmlns:xsi="{XSI}">"#));
    inner.push_str(body_xml);
    inner.push_str("</command></BroadsoftDocument>");

    let mut body = String::with_capacity(inner.len() + 160);
    for (name, text) in [("id", id), ("userId", outer_user), ("loginType", "System")] {
        body.push_str(&format!("<{name}>"));
        push_text(&mut body, text);
        body.push_str(&format!("</{name}>"));
    }
    // "]]>" inside would end the section, so it is divided over two.
    body.push_str(&format!("<request><![CDATA[{}]]></request>", inner.replace("]]>", "]]]]><![CDATA[>")));
    document("OCIReportingReportNotification", &body)
}

/// The keep-alive, with the server's time in milliseconds.
pub fn server_status(time: u64) -> String {
    document("OCIReportingServerStatusNotification", &format!("<time>{time}</time>"))
}

fn document(notification: &str, body: &str) -> String {
    format!(
        "{DECLARATION}\n<{ROOT} protocol=\"OCIReporting\" xmlns:xsi=\"{XSI}\">\
         <command xsi:type=\"{notification}\">{body}</command></{ROOT}>"
    )
}

/// The bytes of ISO-8859-1; letters that it has not become character references, which are decoded in the end although
/// they stand inside a CDATA section, because the section's text is XML again.
pub fn encode_latin1(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u8::try_from(character) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend_from_slice(format!("&#{};", u32::from(character)).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Field;
    use crate::wire::ocir::{Document, Notification};
    use proptest::prelude::*;

    #[test]
    fn a_status_is_a_keep_alive() {
        let document = Document::parse(server_status(1_792_000_000_000).as_bytes());
        assert_eq!(document.content, Ok(vec![Notification::ServerStatus]));
    }

    #[test]
    fn letters_beyond_latin_1_become_references() {
        assert_eq!(encode_latin1("æ€"), b"\xE6&#8364;");
        let document = report("1", "a", "b", "C", "<n>€ ø ]]&gt;<![CDATA[]]></n>");
        let document = Document::parse(&encode_latin1(&document));
        let command = document.commands().next().expect("the document has a command");
        assert_eq!(command.field("n"), Field::Value("€ ø ]]>"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            id in "[a-z0-9]{1,9}", outer in "[ -~æøå]{1,20}", inner in "[!-~æøå]{1,20}", value in "[ -~æøå\n]{0,40}",
        ) {
            let mut body = String::from("<v>");
            push_text(&mut body, &value);
            body.push_str("</v>");
            let sent = encode_latin1(&report(&id, &outer, &inner, "UserAddRequest17sp4", &body));
            let document = Document::parse(&sent);
            let command = document.commands().next().expect("the document has a command");
            prop_assert_eq!((command.report_id(), command.user_id()), (id.as_str(), inner.as_str()));
            prop_assert_eq!((command.command_type(), command.version()), ("UserAddRequest", "17sp4"));
            prop_assert_eq!(command.field("v"), Field::Value(value.as_str()));
        }
    }
}
