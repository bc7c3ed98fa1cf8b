//! What the pages of services and voice portals send.

use super::{push_element, push_phone};
use crate::plan::Subscriber;
use crate::simulators::traffic::service::Kind;
use crate::wire::Field;

const OPERATOR: &str = "<serviceProviderId>Tusass-SP</serviceProviderId>";

/// The body of a Group…AddInstanceRequest; the identity where the form names one.
pub(in crate::simulators::traffic) fn add(
    kind: Kind,
    row: &Subscriber,
    phone: &Field<String>,
    identity: Option<&str>,
) -> String {
    let mut body = OPERATOR.to_owned();
    push_element(&mut body, "groupId", row.group_id.as_deref().unwrap_or_default());
    push_element(&mut body, "serviceUserId", &row.user_id);
    body.push_str("<serviceInstanceProfile>");
    push_element(&mut body, "name", "Reception & værksted");
    body.push_str(
        "<callingLineIdLastName>Reception</callingLineIdLastName>\
         <callingLineIdFirstName>Main</callingLineIdFirstName>",
    );
    push_phone(&mut body, phone);
    body.push_str("<language>English</language><timeZone>America/Godthab</timeZone>");
    push_identity(&mut body, identity);
    body.push_str("</serviceInstanceProfile>");
    body.push_str(match kind {
        Kind::HuntGroup => "<policy>Circular</policy>",
        Kind::AutoAttendant => "<type>Standard</type>",
        Kind::CallCenter => "<policy>Uniform</policy>",
        Kind::MeetMe => "<allocatedPorts><quantity>6</quantity></allocatedPorts>",
    });
    body
}

/// The body of a Group…ModifyInstanceRequest from the addresses page.
pub(in crate::simulators::traffic) fn addresses(
    user_id: &str,
    phone: &Field<String>,
    identity: Option<&str>,
) -> String {
    let mut body = format!("<serviceUserId>{user_id}</serviceUserId><serviceInstanceProfile>");
    push_phone(&mut body, phone);
    body.push_str("<sipAliasList xsi:nil=\"true\"/>");
    push_identity(&mut body, identity);
    body.push_str("</serviceInstanceProfile>");
    body
}

/// The body of a Group…ModifyInstanceRequest from the profile page, which provisions nothing.
pub(in crate::simulators::traffic) fn profile(user_id: &str) -> String {
    format!(
        "<serviceUserId>{user_id}</serviceUserId><serviceInstanceProfile><name>Vagttelefon</name>\
         <callingLineIdLastName>Vagt</callingLineIdLastName>\
         <callingLineIdFirstName>Døgn</callingLineIdFirstName></serviceInstanceProfile>"
    )
}

/// The body of a Group…DeleteInstanceRequest.
pub(in crate::simulators::traffic) fn delete(user_id: &str) -> String {
    format!("<serviceUserId>{user_id}</serviceUserId>")
}

/// The body of a GroupVoiceMessagingGroupModifyVoicePortalRequest.
pub(in crate::simulators::traffic) fn portal(portal: &Subscriber, phone: &Field<String>) -> String {
    let mut body = OPERATOR.to_owned();
    push_element(&mut body, "groupId", portal.group_id.as_deref().unwrap_or_default());
    body.push_str(
        "<serviceInstanceProfile><name>Portal</name><callingLineIdLastName>Portal</callingLineIdLastName>\
         <callingLineIdFirstName>Voice</callingLineIdFirstName>",
    );
    push_phone(&mut body, phone);
    body.push_str(
        "<language>English</language><timeZone>America/Godthab</timeZone><sipAliasList xsi:nil=\"true\"/>",
    );
    push_identity(&mut body, Some(&portal.user_id));
    body.push_str(
        "</serviceInstanceProfile><isActive>true</isActive><enableExtendedScope>false</enableExtendedScope>\
         <voicePortalExternalRoutingScope>System</voicePortalExternalRoutingScope>\
         <externalRoutingAddress xsi:nil=\"true\"/>",
    );
    body
}

fn push_identity(body: &mut String, identity: Option<&str>) {
    if let Some(identity) = identity {
        push_element(body, "publicUserIdentity", identity);
    }
}
