//! What the pages of voicemail and domains send.

use super::push_element;
use crate::wire::Secret;

/// The body of a UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest with an account of the group's mail server.
pub(in crate::simulators::traffic) fn voicemail(user_id: &str, account: &str, password: &Secret) -> String {
    let mut body = before_account(user_id);
    push_element(&mut body, "groupMailServerEmailAddress", account);
    push_element(&mut body, "groupMailServerUserId", account);
    push_element(&mut body, "groupMailServerPassword", password.expose());
    body + AFTER_ACCOUNT
}

/// The same without an account: the element is missing, or it is nil.
pub(in crate::simulators::traffic) fn no_voicemail(user_id: &str, nil: bool) -> String {
    let nothing = "<groupMailServerEmailAddress xsi:nil=\"true\"/><groupMailServerUserId xsi:nil=\"true\"/>\
                   <groupMailServerPassword xsi:nil=\"true\"/>";
    before_account(user_id) + if nil { nothing } else { "" } + AFTER_ACCOUNT
}

fn before_account(user_id: &str) -> String {
    format!("<userId>{user_id}</userId><mailServerSelection>Group Mail Server</mailServerSelection>")
}

const AFTER_ACCOUNT: &str = "<useGroupDefaultMailServerFullMailboxLimit>true\
                             </useGroupDefaultMailServerFullMailboxLimit>\
                             <personalMailServerProtocol>POP3</personalMailServerProtocol>";

/// The body of a SystemDomainAddRequest or SystemDomainDeleteRequest.
pub(in crate::simulators::traffic) fn domain(domain: &str) -> String {
    format!("<domain>{domain}</domain>")
}
