//! What the pages of groups and trunks send.

use super::push_element;
use crate::simulators::traffic::person::Person;
use crate::wire::Secret;

/// The body of a GroupTrunkGroupAddInstanceRequest.
pub(in crate::simulators::traffic) fn add_trunk(pilot: &Person, password: &Secret) -> String {
    let Person { row, first_name, last_name, .. } = pilot;
    let mut body = "<serviceProviderId>Tusass-SP</serviceProviderId>".to_owned();
    push_element(&mut body, "groupId", row.group_id.as_deref().unwrap_or_default());
    body.push_str("<name>pbx-sisimiut</name><pilotUser>");
    push_element(&mut body, "userId", &row.user_id);
    body.push_str(&format!(
        "<lastName>{last_name}</lastName><firstName>{first_name}</firstName>\
         <callingLineIdLastName>{last_name}</callingLineIdLastName>\
         <callingLineIdFirstName>{first_name}</callingLineIdFirstName><password>web4711</password>\
         <language>English</language><timeZone>America/Godthab</timeZone>"
    ));
    push_element(&mut body, "linePort", &row.public_identity);
    body.push_str(
        "</pilotUser><accessDevice><deviceLevel>Group</deviceLevel><deviceName>pbx01</deviceName></accessDevice>\
         <maxActiveCalls>30</maxActiveCalls><enableBursting>false</enableBursting>\
         <requireAuthentication>true</requireAuthentication>\
         <sipAuthenticationUserName>pbx01</sipAuthenticationUserName>",
    );
    push_element(&mut body, "sipAuthenticationPassword", password.expose());
    body.push_str(
        "<trunkGroupIdentity>pbx01@voice.example.gl</trunkGroupIdentity>\
         <allowUnscreenedCalls>false</allowUnscreenedCalls>",
    );
    body
}

/// The body of a GroupDeleteRequest.
pub(in crate::simulators::traffic) fn delete(group_id: &str) -> String {
    format!("<serviceProviderId>Tusass-SP</serviceProviderId><groupId>{group_id}</groupId>")
}
