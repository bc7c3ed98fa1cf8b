//! What the pages of users send.

use super::{push_element, push_phone};
use crate::simulators::traffic::person::Person;
use crate::wire::{Field, Secret};
use std::fmt::Write;

/// The endpoint part of a UserModifyRequest.
#[derive(Debug, Clone, Copy)]
pub(in crate::simulators::traffic) enum Endpoint<'a> {
    /// `xsi:nil`: no device.
    Removed,
    /// A device of the user's own, with its line port.
    Device(&'a str),
    /// A line of a trunk, with its line port.
    Trunk(&'a str),
}

/// The body of a UserAddRequest.
pub(in crate::simulators::traffic) fn add(person: &Person) -> String {
    let Person { first_name, last_name, .. } = person;
    let user_id = &person.row.user_id;
    let group_id = person.row.group_id.as_deref().unwrap_or_default();
    let city = city(person);
    format!(
        "<serviceProviderId>Tusass-SP</serviceProviderId><groupId>{group_id}</groupId><userId>{user_id}</userId>\
         <lastName>{last_name}</lastName><firstName>{first_name}</firstName>\
         <callingLineIdLastName>{last_name}</callingLineIdLastName>\
         <callingLineIdFirstName>{first_name}</callingLineIdFirstName>\
         <password>s3cret09</password><language>English</language><timeZone>America/Godthab</timeZone>\
         <address>{city}<country>Greenland</country></address>"
    )
}

/// The body of a UserDeleteRequest.
pub(in crate::simulators::traffic) fn delete(user_id: &str) -> String {
    format!("<userId>{user_id}</userId>")
}

/// The body of a UserModifyRequest as the addresses page sends it.
pub(in crate::simulators::traffic) fn addresses(
    user_id: &str,
    phone: &Field<String>,
    endpoint: Option<Endpoint>,
) -> String {
    let mut body = format!("<userId>{user_id}</userId>");
    push_phone(&mut body, phone);
    body.push_str("<sipAliasList xsi:nil=\"true\"/>");
    match endpoint {
        None => {}
        Some(Endpoint::Removed) => body.push_str("<endpoint xsi:nil=\"true\"/>"),
        Some(Endpoint::Device(port)) => write!(
            body,
            "<endpoint><accessDeviceEndpoint><accessDevice><deviceLevel>Group</deviceLevel>\
             <deviceName>yealink-t46</deviceName></accessDevice><linePort>{port}</linePort>\
             <contactList xsi:nil=\"true\"/></accessDeviceEndpoint></endpoint>"
        )
        .expect("writing to a string cannot fail"),
        Some(Endpoint::Trunk(port)) => write!(
            body,
            "<endpoint><trunkAddressing><trunkGroupDeviceEndpoint><name>pbx-sisimiut</name>\
             <linePort>{port}</linePort><contactList xsi:nil=\"true\"/></trunkGroupDeviceEndpoint>\
             <enterpriseTrunkName xsi:nil=\"true\"/><alternateTrunkIdentity xsi:nil=\"true\"/>\
             </trunkAddressing></endpoint>"
        )
        .expect("writing to a string cannot fail"),
    }
    body
}

/// The body of a UserModifyRequest as the profile page sends it, with names and city.
pub(in crate::simulators::traffic) fn profile(person: &Person) -> String {
    let Person { first_name, last_name, .. } = person;
    let user_id = &person.row.user_id;
    let city = city(person);
    format!(
        "<userId>{user_id}</userId><lastName>{last_name}</lastName><firstName>{first_name}</firstName>\
         <callingLineIdLastName>{last_name}</callingLineIdLastName>\
         <callingLineIdFirstName>{first_name}</callingLineIdFirstName><nameDialingName xsi:nil=\"true\"/>\
         <department xsi:type=\"GroupDepartmentKey\" xsi:nil=\"true\"/><title>Drift &amp; Salg</title>\
         <language>English</language><timeZone>America/Godthab</timeZone><emailAddress xsi:nil=\"true\"/>\
         <address><addressLine1 xsi:nil=\"true\"/><addressLine2 xsi:nil=\"true\"/><city xsi:nil=\"true\"/>{city}\
         <zipOrPostalCode xsi:nil=\"true\"/><country xsi:nil=\"true\"/></address>"
    )
}

/// The body of a UserAuthenticationModifyRequest.
pub(in crate::simulators::traffic) fn password(user_id: &str, password: &Secret) -> String {
    let mut body = format!("<userId>{user_id}</userId><userName>{user_id}</userName>");
    push_element(&mut body, "newPassword", password.expose());
    body
}

/// The body of a UserBusyLampFieldModifyRequest.
pub(in crate::simulators::traffic) fn busy_lamps(user_id: &str, list: &Field<String>) -> String {
    let mut body = format!("<userId>{user_id}</userId>");
    match list {
        Field::Absent => {}
        Field::Nil => body.push_str("<listURI xsi:nil=\"true\"/>"),
        Field::Value(list) => push_element(&mut body, "listURI", list),
    }
    body.push_str(
        "<monitoredUserIdList><userId>desk1@voice.example.gl</userId><userId>desk2@voice.example.gl</userId>\
         </monitoredUserIdList><enableCallParkNotification>false</enableCallParkNotification>",
    );
    body
}

/// Types and bodies of commands that provision nothing.
pub(in crate::simulators::traffic) fn ignored(number: usize, user_id: &str) -> (&'static str, String) {
    let commands = [
        ("UserDoNotDisturbModifyRequest", "<isActive>true</isActive><ringSplash>false</ringSplash>"),
        (
            "UserCallForwardingAlwaysModifyRequest",
            "<isActive>true</isActive><forwardToPhoneNumber>321000</forwardToPhoneNumber>",
        ),
        ("UserThirdPartyVoiceMailSupportModifyRequest13mp16", "<isActive>false</isActive>"),
        (
            "UserServiceAssignListRequest",
            "<serviceName>Call Waiting</serviceName><serviceName>Mobilitet på rejse</serviceName>",
        ),
    ];
    let (command, values) = commands[number % commands.len()];
    (command, format!("<userId>{user_id}</userId>{values}"))
}

fn city(person: &Person) -> String {
    match &person.city {
        Some(city) => format!("<stateOrProvince>{city}</stateOrProvince>"),
        None => "<stateOrProvince xsi:nil=\"true\"/>".to_owned(),
    }
}
