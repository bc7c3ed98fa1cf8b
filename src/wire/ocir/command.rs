//! One command of a document: what an event is made of.
//!
//! ```text
//! <command xsi:type="UserModifyRequest17sp4"><userId>u</userId><phoneNumber xsi:nil="true"/>
//!   <endpoint><accessDeviceEndpoint><linePort>u@d</linePort>…
//! type UserModifyRequest, version 17sp4; field("phoneNumber") is Nil
//! ```

use super::document::{RequestError, quote, skip, text as element_text};
use crate::wire::Field;
use crate::wire::xml::{Element, Step, Tree, Walker, XmlError, local};
use std::borrow::Cow;
use std::sync::Arc;

/// A command, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its position among all commands of the whole document, from 0.
    pub index: usize,
    report: Arc<str>,
    user_id: Arc<str>,
    type_name: String,
    version_at: usize,
    body: Tree,
}

impl Command {
    /// The id of the report, `write264`.
    pub fn report_id(&self) -> &str {
        &self.report
    }

    /// Who gave the command: the userId of the inner document, or of the report where that is missing.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The type up to its first digit, in its exact case: `UserAddRequest`.
    pub fn command_type(&self) -> &str {
        &self.type_name[..self.version_at]
    }

    /// The rest of the type: `17sp4`, often empty.
    pub fn version(&self) -> &str {
        &self.type_name[self.version_at..]
    }

    /// What the command says of a path of element names such as `address/stateOrProvince`. The first of repeated
    /// elements counts. An element with elements below has the value `""`: it is there, and not nil.
    pub fn field(&self, path: &str) -> Field<&str> {
        self.body.root().find(path).map_or(Field::Absent, |element| element.field())
    }

    /// The same of every element at the path, in document order.
    pub fn fields<'a>(&'a self, path: &'a str) -> impl Iterator<Item = Field<&'a str>> {
        self.body.root().all(path).map(|element| element.field())
    }

    /// Whether there is an element at the path, nil or not.
    pub fn has(&self, path: &str) -> bool {
        self.body.root().find(path).is_some()
    }

    /// Every element of the command, in document order.
    pub fn elements(&self) -> impl Iterator<Item = Element<'_>> {
        self.body.root().descendants()
    }
}

/// The commands of an inner document. `first_index` is how many commands the document had before.
pub(super) fn parse_request(
    text: &str,
    report_id: &Arc<str>,
    outer_user: &Arc<str>,
    first_index: usize,
) -> Result<Vec<Command>, RequestError> {
    let mut walker = Walker::new(text, usize::MAX)?;
    let Step::Open(root) = walker.next()? else { return Err(XmlError::Empty.into()) };
    if root.local() != "BroadsoftDocument" {
        return Err(RequestError::WrongRoot { root: quote(root.local()) });
    }
    let mut user_id = Cow::Borrowed("");
    let mut commands = Vec::with_capacity(1);
    loop {
        match walker.next()? {
            Step::Open(tag) if tag.local() == "command" => {
                let type_name = tag.attribute("type")?.ok_or(RequestError::Untyped { at: tag.at })?;
                commands.push(Command {
                    index: first_index + commands.len(),
                    report: report_id.clone(),
                    user_id: outer_user.clone(),
                    version_at: version_at(local(&type_name)),
                    type_name: local(&type_name).to_owned(),
                    body: Tree::below(&mut walker, tag)?,
                });
            }
            Step::Open(tag) if tag.local() == "userId" && user_id.is_empty() => {
                user_id = element_text(&mut walker)??;
            }
            Step::Open(_) => skip(&mut walker)?,
            Step::End => break,
            Step::Text(_) | Step::Character(_) | Step::Close => {}
        }
    }
    if !user_id.trim().is_empty() {
        let user_id: Arc<str> = user_id.into();
        commands.iter_mut().for_each(|command| command.user_id = user_id.clone());
    }
    Ok(commands)
}

fn version_at(type_name: &str) -> usize {
    type_name.find(|c: char| c.is_ascii_digit()).unwrap_or(type_name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(inner: &str) -> Result<Vec<Command>, RequestError> {
        parse_request(
            &format!("<BroadsoftDocument protocol='OCI' xmlns='C'>{inner}</BroadsoftDocument>"),
            &"id".into(),
            &"outer".into(),
            0,
        )
    }

    /// Index, user, type and version of every command, or the error.
    fn check(inner: &str, expected: &str) {
        let shown = match parse(inner) {
            Ok(commands) => commands
                .iter()
                .map(|c| format!("{} {} {}/{};", c.index, c.user_id(), c.command_type(), c.version()))
                .collect(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{inner}");
    }

    fn check_field(body: &str, path: &str, expected: Field<&str>) {
        let commands =
            parse(&format!("<command xsi:type='C'>{body}</command>")).expect("the body is well-formed");
        assert_eq!(commands[0].field(path), expected, "{path} of {body}");
        assert_eq!(commands[0].has(path), expected != Field::Absent);
    }

    #[test]
    fn commands_have_a_user_a_type_and_a_version() {
        check("", "");
        check("<userId>u</userId><command xsi:type='UserAddRequest17sp4'/>", "0 u UserAddRequest/17sp4;");
        check(
            "<command xsi:type='UserDeleteRequest'/><userId xmlns=''>u</userId>",
            "0 u UserDeleteRequest/;",
        );
        check("<command x:type='c:UserAddRequestX'/>", "0 outer UserAddRequestX/;");
        check("<userId> </userId><command type='userAddRequest22'/>", "0 outer userAddRequest/22;");
        check("<command xsi:type='A'/><other/><command xsi:type='B1'/>", "0 outer A/;1 outer B/1;");
        check("<command/>", "a command without a type at byte 45 of the request");
        check(
            "<command xsi:type='A'>",
            "the request cannot be read: not well-formed at byte 66: an end tag of another element",
        );
    }

    #[test]
    fn fields_are_absent_nil_or_text() {
        check_field("", "userId", Field::Absent);
        check_field("<userId>u</userId><userId>v</userId>", "userId", Field::Value("u"));
        check_field("<phoneNumber xsi:nil='true'/>", "phoneNumber", Field::Nil);
        check_field("<phoneNumber i:nil='1'></phoneNumber>", "phoneNumber", Field::Nil);
        check_field("<phoneNumber xsi:nil='false'/>", "phoneNumber", Field::Value(""));
        check_field("<a>\t x\n</a>", "a", Field::Value("\t x\n"));
        check_field(
            "<newPassword>a&lt;b&amp;c&quot;d</newPassword>",
            "newPassword",
            Field::Value("a<b&c\"d"),
        );
        let endpoint =
            "<endpoint> <accessDeviceEndpoint><linePort>u@d</linePort></accessDeviceEndpoint></endpoint>";
        check_field(endpoint, "endpoint/accessDeviceEndpoint/linePort", Field::Value("u@d"));
        check_field(endpoint, "endpoint", Field::Value(""));
        check_field(endpoint, "linePort", Field::Absent);
        check_field("<endpoint xsi:nil='true'/>", "endpoint/accessDeviceEndpoint/linePort", Field::Absent);
    }

    #[test]
    fn repeated_elements_are_all_there() {
        let commands =
            parse("<command xsi:type='C'><a><b>1</b></a><a><b>2</b><b xsi:nil='1'/></a></command>");
        let commands = commands.expect("the body is well-formed");
        let all: Vec<_> = commands[0].fields("a/b").collect();
        assert_eq!(all, [Field::Value("1"), Field::Value("2"), Field::Nil]);
        assert_eq!(commands[0].elements().map(|e| e.name()).collect::<String>(), "ababb");
    }
}
