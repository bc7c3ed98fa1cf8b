//! Every command that is acted on, with its identifier open.

use super::support::documents::report;
use eventmanager::wire::xml::escape::push_text;

/// Who must be there before the command, so that it has something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    Nothing,
    User,
    Service,
}

/// What becomes of the command where nobody is known by its identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It adds whom it names; a second time it fails.
    Adds,
    /// The same, and a second time there is nothing to change.
    AddsOnce,
    /// It fails before anything is sent.
    Fails,
    /// Its association is deleted all the same.
    Deletes,
    /// The core is asked, and refuses.
    Asks,
    /// There is nothing to do.
    Nothing,
    /// The mail server is asked, which takes it.
    Mail,
}

/// A command: § in its body stands for the identifier.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    pub kind: &'static str,
    /// The identifier's element, as reasons name it.
    pub path: &'static str,
    pub body: &'static str,
    pub after: After,
    pub unknown: Unknown,
}

const fn command(
    kind: &'static str,
    path: &'static str,
    body: &'static str,
    after: After,
    unknown: Unknown,
) -> Command {
    Command { kind, path, body, after, unknown }
}

const SERVICE: &str = "<serviceUserId>§</serviceUserId>";
const NEW_IDENTITY: &str = "<serviceUserId>§</serviceUserId><serviceInstanceProfile>\
    <publicUserIdentity>other-§</publicUserIdentity></serviceInstanceProfile>";
const TRUNK: &str = "<pilotUser><userId>§</userId><linePort>line-§</linePort></pilotUser>\
    <sipAuthenticationPassword>s3cret</sipAuthenticationPassword>";
const PORTAL: &str = "serviceInstanceProfile/publicUserIdentity";
const PORTAL_BODY: &str =
    "<serviceInstanceProfile><publicUserIdentity>§</publicUserIdentity></serviceInstanceProfile>";
const ENDPOINT: &str = "<userId>§</userId><endpoint><accessDeviceEndpoint><linePort>line-§</linePort>\
    </accessDeviceEndpoint></endpoint>";
const MAIL: &str = "<userId>§</userId><groupMailServerUserId>anna@m.gl</groupMailServerUserId>\
    <groupMailServerPassword>s3cret</groupMailServerPassword>";
const MAIL_COMMAND: &str = "UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest";
const PORTAL_COMMAND: &str = "GroupVoiceMessagingGroupModifyVoicePortalRequest";
const PASSWORD: &str = "<userId>§</userId><newPassword>s3cret</newPassword>";

/// All of them.
#[rustfmt::skip]
pub const COMMANDS: [Command; 23] = [
    command("UserAddRequest17sp4", "userId", "<userId>§</userId>", After::Nothing, Unknown::Adds),
    command("UserModifyRequest22", "userId", ENDPOINT, After::User, Unknown::Fails),
    command("UserDeleteRequest", "userId", "<userId>§</userId>", After::User, Unknown::Deletes),
    command("UserAuthenticationModifyRequest", "userId", PASSWORD, After::User, Unknown::Asks),
    command("GroupTrunkGroupAddInstanceRequest21", "pilotUser/userId", TRUNK, After::Nothing, Unknown::Adds),
    command("GroupHuntGroupAddInstanceRequest20", "serviceUserId", SERVICE, After::Nothing, Unknown::Adds),
    command("GroupAutoAttendantAddInstanceRequest20", "serviceUserId", SERVICE, After::Nothing, Unknown::Adds),
    command("GroupCallCenterAddInstanceRequest20", "serviceUserId", SERVICE, After::Nothing, Unknown::Adds),
    command("GroupMeetMeConferencingAddInstanceRequest20", "serviceUserId", SERVICE, After::Nothing, Unknown::Adds),
    command("GroupHuntGroupModifyInstanceRequest20", "serviceUserId", NEW_IDENTITY, After::Service, Unknown::Fails),
    command("GroupAutoAttendantModifyInstanceRequest20", "serviceUserId", NEW_IDENTITY, After::Service, Unknown::Fails),
    command("GroupCallCenterModifyInstanceRequest20", "serviceUserId", NEW_IDENTITY, After::Service, Unknown::Fails),
    command("GroupMeetMeConferencingModifyInstanceRequest20", "serviceUserId", NEW_IDENTITY, After::Service, Unknown::Fails),
    command("GroupHuntGroupDeleteInstanceRequest", "serviceUserId", SERVICE, After::Service, Unknown::Deletes),
    command("GroupAutoAttendantDeleteInstanceRequest", "serviceUserId", SERVICE, After::Service, Unknown::Deletes),
    command("GroupCallCenterDeleteInstanceRequest", "serviceUserId", SERVICE, After::Service, Unknown::Deletes),
    command("GroupMeetMeConferencingDeleteInstanceRequest", "serviceUserId", SERVICE, After::Service, Unknown::Deletes),
    command(PORTAL_COMMAND, PORTAL, PORTAL_BODY, After::Nothing, Unknown::AddsOnce),
    command(MAIL_COMMAND, "userId", MAIL, After::User, Unknown::Fails),
    command("UserBusyLampFieldModifyRequest", "userId", "<userId>§</userId><listURI>list-§</listURI>", After::User, Unknown::Fails),
    command("GroupDeleteRequest", "groupId", "<groupId>§</groupId>", After::Nothing, Unknown::Nothing),
    command("SystemDomainAddRequest", "domain", "<domain>§</domain>", After::Nothing, Unknown::Mail),
    command("SystemDomainDeleteRequest", "domain", "<domain>§</domain>", After::Nothing, Unknown::Mail),
];

impl Command {
    /// The document with this identifier, given as XML.
    pub fn document(&self, xml: &str) -> String {
        report(1, self.kind, &self.body.replace('§', xml))
    }

    /// The document with this instead of the identifier's whole element.
    pub fn document_with(&self, element: &str) -> String {
        let name = self.name();
        let whole = format!("<{name}>§</{name}>");
        report(1, self.kind, &self.body.replacen(&whole, element, 1).replace('§', "x"))
    }

    /// The name of the identifier's element.
    pub fn name(&self) -> &'static str {
        self.path.rsplit('/').next().expect("a path has a last part")
    }

    /// What makes its identifier known.
    pub fn before(&self, xml: &str) -> Option<String> {
        match self.after {
            After::Nothing => None,
            After::User => Some(report(1, "UserAddRequest", &format!("<userId>{xml}</userId>"))),
            After::Service => {
                let body = format!("<serviceUserId>{xml}</serviceUserId>");
                Some(report(1, "GroupHuntGroupAddInstanceRequest", &body))
            }
        }
    }
}

/// Text as XML has it.
pub fn xml(text: &str) -> String {
    let mut escaped = String::new();
    push_text(&mut escaped, text);
    escaped
}
