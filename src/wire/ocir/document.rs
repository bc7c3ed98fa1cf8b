//! From the bytes of a frame to what they report.
//!
//! ```text
//! <command xsi:type="OCIReportingReportNotification"><id>write264</id><userId>admin</userId>
//!   <loginType>System</loginType><request><![CDATA[…]]></request></command>
//! <command xsi:type="OCIReportingReportPublicIdentityNotification">…</command>
//! ```
//!
//! A document has outer commands, here called notifications; a report has a request, which is a document of its own with
//! commands. The request comes as one or several CDATA sections or as escaped text. What is wrong inside a request is
//! the report's: its id and user stay known.

use super::ROOT;
use super::command::{Command, parse_request};
use crate::wire::xml::{self, EncodingError, Fallback, Step, Tag, Walker, XmlError, local};
use std::borrow::Cow;
use std::sync::Arc;

/// What was received, decoded, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The whole text, to be stored; complete also where the document is not understood.
    pub text: String,
    /// Declared (or taken) as ISO-8859-1 and sent as UTF-8.
    pub utf8_mislabelled: bool,
    /// Its outer commands in order.
    pub content: Result<Vec<Notification>, DocumentError>,
}

/// An outer command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// `OCIReportingReportNotification`: what somebody changed.
    Report(Report),
    /// `OCIReportingServerStatusNotification`: the keep-alive.
    ServerStatus,
    /// `OCIReportingReportPublicIdentityNotification`, which may follow a report.
    PublicIdentity,
    /// Any other, by the name of its type (empty where it has none).
    Other { name: String },
}

/// A change that the application server reports. Elements that are missing are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// `write264`; it grows.
    pub id: Arc<str>,
    pub user_id: Arc<str>,
    pub login_type: Arc<str>,
    /// The commands of the request in order.
    pub commands: Result<Vec<Command>, RequestError>,
}

/// Why a document means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    #[error("the document's text is uncertain: {0}")]
    Encoding(#[from] EncodingError),
    #[error("the document cannot be read: {0}")]
    Xml(#[from] XmlError),
    #[error("the document element is {root}, not {ROOT}")]
    WrongRoot { root: String },
}

/// Why the request of a report means nothing. Positions are bytes of the request, but for characters and references that the
/// document already cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("the report has no request")]
    Missing,
    #[error("the request cannot be read: {0}")]
    Xml(#[from] XmlError),
    #[error("the request's document element is {root}, not BroadsoftDocument")]
    WrongRoot { root: String },
    #[error("a command without a type at byte {at} of the request")]
    Untyped { at: usize },
}

impl Document {
    /// Parses one frame, or a document from a file. How large it may be is the framer's concern.
    pub fn parse(frame: &[u8]) -> Document {
        let decoded = xml::decode(frame, Fallback::Latin1);
        let content = match decoded.error {
            Some(error) => Err(error.into()),
            None => notifications(&decoded.text),
        };
        Document { text: decoded.text, utf8_mislabelled: decoded.utf8_mislabelled, content }
    }

    /// Parses a text that is decoded already, as the store holds it: its declaration no longer counts.
    pub fn from_text(text: String) -> Document {
        let content = notifications(&text);
        Document { text, utf8_mislabelled: false, content }
    }

    /// The command with this position among all commands of the document.
    pub fn into_command(self, index: u32) -> Result<Option<Command>, DocumentError> {
        let reports = self.content?.into_iter().filter_map(|notification| match notification {
            Notification::Report(report) => Some(report),
            _ => None,
        });
        Ok(reports
            .filter_map(|report| report.commands.ok())
            .flatten()
            .find(|command| command.index == index as usize))
    }

    /// All commands of all reports whose request was understood, in order.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        let reports = self.content.iter().flatten().filter_map(Notification::report);
        reports.flat_map(|report| report.commands.iter().flatten())
    }
}

impl Notification {
    /// How many commands it holds.
    pub fn commands(&self) -> usize {
        self.report().map_or(0, |report| report.commands.as_ref().map_or(0, Vec::len))
    }

    /// The report, if it is one.
    pub fn report(&self) -> Option<&Report> {
        match self {
            Notification::Report(report) => Some(report),
            _ => None,
        }
    }
}

fn notifications(text: &str) -> Result<Vec<Notification>, DocumentError> {
    let mut walker = Walker::new(text, usize::MAX)?;
    let Step::Open(root) = walker.next()? else { return Err(XmlError::Empty.into()) };
    if root.local() != ROOT {
        return Err(DocumentError::WrongRoot { root: quote(root.local()) });
    }
    let mut notifications = Vec::with_capacity(1);
    let mut commands = 0;
    loop {
        match walker.next()? {
            Step::Open(tag) if tag.local() == "command" => {
                let notification = notification(&mut walker, tag, commands)?;
                commands +=
                    notification.report().map_or(0, |report| report.commands.iter().flatten().count());
                notifications.push(notification);
            }
            Step::Open(_) => skip(&mut walker)?,
            Step::End => return Ok(notifications),
            Step::Text(_) | Step::Character(_) | Step::Close => {}
        }
    }
}

fn notification(walker: &mut Walker<'_>, tag: Tag<'_>, commands: usize) -> Result<Notification, XmlError> {
    let type_name = tag.attribute("type")?.unwrap_or_default();
    match local(&type_name) {
        "OCIReportingReportNotification" => report(walker, commands).map(Notification::Report),
        "OCIReportingServerStatusNotification" => skip(walker).map(|()| Notification::ServerStatus),
        "OCIReportingReportPublicIdentityNotification" => skip(walker).map(|()| Notification::PublicIdentity),
        other => skip(walker).map(|()| Notification::Other { name: quote(other) }),
    }
}

fn report(walker: &mut Walker<'_>, first_index: usize) -> Result<Report, XmlError> {
    let (mut id, mut user_id, mut login_type) = (Cow::Borrowed(""), Cow::Borrowed(""), Cow::Borrowed(""));
    let mut request = None;
    loop {
        match walker.next()? {
            Step::Open(tag) => match tag.local() {
                "id" => id = text(walker)??,
                "userId" => user_id = text(walker)??,
                "loginType" => login_type = text(walker)??,
                "request" => request = Some(text(walker)?),
                _ => skip(walker)?,
            },
            Step::Close => break,
            Step::Text(_) | Step::Character(_) | Step::End => {}
        }
    }
    let [id, user_id, login_type] = [id, user_id, login_type].map(|text| Arc::from(&*text));
    let commands = match request {
        Some(Ok(request)) => parse_request(&request, &id, &user_id, first_index),
        Some(Err(error)) => Err(error.into()),
        None => Err(RequestError::Missing),
    };
    Ok(Report { id, user_id, login_type, commands })
}

/// The text of the element just opened, up to its end. The inner error is one of its characters only, behind which the
/// document can be read on.
pub(super) fn text<'a>(walker: &mut Walker<'a>) -> Result<Result<Cow<'a, str>, XmlError>, XmlError> {
    let depth = walker.depth();
    let mut text = Ok(Cow::Borrowed(""));
    while walker.depth() >= depth {
        let step = walker.next();
        match (step, &mut text) {
            (Ok(Step::Text(piece)), Ok(text)) if walker.depth() == depth => *text += piece,
            (Ok(Step::Character(character)), Ok(text)) if walker.depth() == depth => {
                text.to_mut().push(character)
            }
            (Ok(_), _) => {}
            (Err(error), _) if !error.is_character() => return Err(error),
            (Err(error), Ok(_)) => text = Err(error),
            (Err(_), Err(_)) => {}
        }
    }
    Ok(text)
}

/// Passes over the rest of the element just opened.
pub(super) fn skip(walker: &mut Walker<'_>) -> Result<(), XmlError> {
    let depth = walker.depth();
    while walker.depth() >= depth {
        walker.next()?;
    }
    Ok(())
}

/// A name out of a document, fit for an error.
pub(super) fn quote(name: &str) -> String {
    name.chars().take(60).map(|c| if c.is_alphanumeric() || "_-.".contains(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INNER: &str =
        "<BroadsoftDocument><userId>in</userId><command x:type='A1'><n>Bær</n></command></BroadsoftDocument>";

    /// What a document says, in short: every notification, with the commands of reports.
    fn show(bytes: &[u8]) -> String {
        let notifications = match Document::parse(bytes).content {
            Ok(notifications) => notifications,
            Err(error) => return error.to_string(),
        };
        let mut shown = String::new();
        for notification in &notifications {
            shown += &match notification {
                Notification::ServerStatus => "status;".to_owned(),
                Notification::PublicIdentity => "identity;".to_owned(),
                Notification::Other { name } => format!("other {name};"),
                Notification::Report(Report { id, user_id, login_type, commands }) => {
                    let commands = match commands {
                        Ok(commands) => {
                            commands.iter().map(|c| format!("{} {}", c.index, c.command_type())).collect()
                        }
                        Err(error) => vec![error.to_string()],
                    };
                    format!("{id},{user_id},{login_type}[{}];", commands.join(" "))
                }
            };
        }
        shown
    }

    fn check(body: &str, expected: &str) {
        let document = format!("\r\n<?xml version='1.0'?>\n<{ROOT} xmlns:x='y'>\n{body}\n</{ROOT}>");
        assert_eq!(show(document.as_bytes()), expected, "{body}");
    }

    fn check_request(request: &str, expected: &str) {
        let head = "<id>w1</id><userId>out</userId><loginType>System</loginType>";
        let body = format!(
            "<command x:type='OCIReportingReportNotification'>{head}<request>{request}</request></command>"
        );
        check(&body, &format!("w1,out,System[{expected}];"));
    }

    #[test]
    fn notifications_are_told_apart() {
        check("", "");
        check("<command xsi:type='OCIReportingServerStatusNotification'><time>1</time></command>", "status;");
        check(
            "<command a:type='OCIReportingReportPublicIdentityNotification'/><command/>",
            "identity;other ;",
        );
        check(
            "<x:command x:type='r:OCIReportingNew'/><unknown><command/></unknown>",
            "other OCIReportingNew;",
        );
        check("<command x:type='OCIReportingReportNotification'/>", ",,[the report has no request];");
    }

    #[test]
    fn requests_are_cdata_or_escaped() {
        let escaped = INNER.replace('<', "&lt;").replace('>', "&#62;");
        let (left, right) = INNER.split_at(50);
        check_request(&format!("<![CDATA[{INNER}]]>"), "0 A");
        check_request(&format!("\n <![CDATA[<?xml version='1.0'?>{INNER}]]> "), "0 A");
        check_request(&format!("<![CDATA[{left}]]><![CDATA[{right}]]>"), "0 A");
        check_request(&escaped, "0 A");
        check_request(
            &format!("<![CDATA[{}]]>", INNER.replace("<com", "<command x:type='B'/><com")),
            "0 B 1 A",
        );
    }

    #[test]
    fn what_is_wrong_inside_does_not_hide_who_reports() {
        let not_well_formed = "the request cannot be read: not well-formed at byte";
        check_request("", "the request cannot be read: there is no element");
        check_request("<a/>", "the request cannot be read: there is no element");
        check_request("<![CDATA[<a>]]>", "the request's document element is a, not BroadsoftDocument");
        check_request(
            "<![CDATA[<BroadsoftDocument><]]>",
            &format!("{not_well_formed} 19: a tag without its end"),
        );
        check_request(
            "<![CDATA[x\0y]]>",
            "the request cannot be read: U+0000 at byte 196 is not allowed in XML",
        );
        check_request("a&nbsp;b", "the request cannot be read: unknown entity at byte 187");
        check_request("<![CDATA[<!DOCTYPE a>]]>", "the request cannot be read: DOCTYPE at byte 0 is refused");
        let deep = format!("<![CDATA[<BroadsoftDocument>{}]]>", "<a>".repeat(99));
        check_request(&deep, "the request cannot be read: elements nest deeper than 64 at byte 208");
    }

    #[test]
    fn what_is_wrong_outside_is_the_documents_error() {
        for (document, expected) in [
            ("", "the document cannot be read: there is no element"),
            ("<Other/>", "the document element is Other, not BroadsoftOCIReportingDocument"),
            ("<a&<b/>", "the document cannot be read: not well-formed at byte 0: a tag whose name is none"),
            ("<!DOCTYPE a><a/>", "the document cannot be read: DOCTYPE at byte 0 is refused"),
            (
                "<?xml version='1.0' encoding='x'?>",
                "the document's text is uncertain: unknown encoding \"x\"",
            ),
        ] {
            assert_eq!(show(document.as_bytes()), expected, "{document}");
        }
        check(
            "<command>",
            "the document cannot be read: not well-formed at byte 78: an end tag of another element",
        );
        check("&x;", "the document cannot be read: unknown entity at byte 68");
    }

    #[test]
    fn numbers_of_commands_go_on_in_the_next_report() {
        let report = format!(
            "<command x:type='OCIReportingReportNotification'><id>1</id><userId>u</userId>\
             <request><![CDATA[{INNER}]]></request></command>"
        );
        check(&format!("{report}<command x:type='Z'/>{report}"), "1,u,[0 A];other Z;1,u,[1 A];");
    }

    #[test]
    fn letters_are_the_same_from_latin_1_and_from_utf_8() {
        let text = crate::wire::ocir::write::report("1", "a", "b", "C", "<n>Bær Ørsted Åse</n>");
        let documents = [crate::wire::ocir::write::encode_latin1(&text), text.clone().into_bytes()]
            .map(|b| Document::parse(&b));
        assert_eq!(documents[0].text, text);
        assert_eq!((&documents[0].text, &documents[0].content), (&documents[1].text, &documents[1].content));
        assert_eq!(documents.map(|d| d.utf8_mislabelled), [false, true]);
    }

    #[test]
    fn a_document_of_a_mebibyte_is_read() {
        let names = "<n>x&amp;y</n>".repeat((1 << 20) / 14);
        let document =
            Document::parse(crate::wire::ocir::write::report("1", "a", "b", "C", &names).as_bytes());
        let command = document.commands().next().expect("the document has a command");
        assert_eq!(
            command.fields("n").filter(|n| *n == crate::wire::Field::Value("x&y")).count(),
            (1 << 20) / 14
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            Document::parse(&bytes);
        }

        #[test]
        fn no_damage_makes_it_panic(at in 0_usize..700, byte in any::<u8>()) {
            let mut bytes = crate::wire::ocir::write::report("1", "a", "b", "C", "<n>x&amp;y</n>").into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let document = Document::parse(&bytes);
            crate::wire::mask_secrets(&document.text);
        }
    }
}
