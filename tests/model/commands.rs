//! Commands as BroadWorks sends them, drawn at random over a few names, so that numbers, identities, lists and
//! accounts move between users and services.

use crate::reference::Reference;
use eventmanager::processors::reprovision;
use eventmanager::wire::ocir::{Command, Document, write};
use fastrand::Rng;

const USERS: [&str; 4] = ["u1@w.gl", "u2@w.gl", "u3@w.gl", "u4@w.gl"];
const SERVICES: [&str; 2] = ["s1@w.gl", "s2@w.gl"];
const PORTAL: &str = "portal@w.gl";
const PHONES: [&str; 3] = ["321001", "321002", "321003"];
const IDENTITIES: [&str; 2] = ["desk1@w.gl", "desk2@w.gl"];
const LISTS: [&str; 2] = ["list1@w.gl", "list2@w.gl"];
const GROUPS: [&str; 2] = ["G1", "G2"];
const ACCOUNTS: [&str; 2] = ["m1@mail.w.gl", "m2@mail.w.gl"];
const SERVICE_KINDS: [&str; 4] = ["HuntGroup", "AutoAttendant", "CallCenter", "MeetMeConferencing"];
pub const DOMAIN: &str = "mail.w.gl";
/// The core holds an association of this user and this list, which nobody here has made.
pub const STRANGER: &str = "stranger@w.gl";
pub const STRANGE_LIST: &str = "strange-list@w.gl";

/// A command as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub command_type: String,
    pub body: String,
}

impl Sent {
    /// A command with this body.
    pub fn new(command_type: &str, body: impl Into<String>) -> Sent {
        Sent { command_type: command_type.to_owned(), body: body.into() }
    }

    /// The whole document.
    pub fn document(&self, number: usize) -> String {
        write::report(&format!("write{number}"), "provadmin", "admin@w.gl", &self.command_type, &self.body)
    }

    /// The command as the daemon reads it.
    pub fn command(&self) -> Command {
        let document = Document::parse(self.document(0).as_bytes());
        document.into_command(0).expect("a document").expect("a command")
    }
}

/// Any command over the names, whether it makes sense or not.
pub fn any(rng: &mut Rng, reference: &Reference) -> Sent {
    match rng.u8(0..36) {
        0..=4 => add_user(rng),
        5..=12 => modify_user(rng),
        13..=14 => Sent::new("UserDeleteRequest", user(rng)),
        15 => password(rng),
        16 => add_trunk(rng),
        17..=18 => service(rng, "Add", true),
        19..=20 => service(rng, "Modify", false),
        21 => Sent::new(&service_type(rng, "Delete"), service_id(rng)),
        22..=23 => portal(rng),
        24..=28 => mailbox(rng),
        29..=30 => list(rng),
        31 => Sent::new("GroupDeleteRequest", element("groupId", one(rng, &GROUPS))),
        32..=33 => domain(reference),
        _ => send_again(rng),
    }
}

/// A command that the core refuses at its first step, because the thing is there and not of our making.
pub fn strange(rng: &mut Rng) -> Sent {
    if rng.bool() {
        return Sent::new("UserAddRequest17sp4", element("userId", STRANGER));
    }
    let body = user(rng) + &element("listURI", &format!("sip:{STRANGE_LIST}"));
    Sent::new("UserBusyLampFieldModifyRequest", body)
}

fn one<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    of[rng.usize(..of.len())]
}

fn element(name: &str, value: &str) -> String {
    format!("<{name}>{value}</{name}>")
}

fn nil(name: &str) -> String {
    format!("<{name} xsi:nil=\"true\"/>")
}

fn user(rng: &mut Rng) -> String {
    element("userId", one(rng, &USERS))
}

fn group(rng: &mut Rng) -> String {
    match rng.u8(0..4) {
        0 => String::new(),
        1 => element("groupId", GROUPS[1]),
        _ => element("groupId", GROUPS[0]),
    }
}

fn phone(rng: &mut Rng) -> String {
    let phone = one(rng, &PHONES);
    match rng.u8(0..10) {
        0..=2 => String::new(),
        3..=4 => nil("phoneNumber"),
        5 => "<phoneNumber/>".to_owned(),
        6 => element("phoneNumber", &format!("+299-{phone}")),
        _ => element("phoneNumber", phone),
    }
}

fn city(rng: &mut Rng) -> String {
    let city = match rng.u8(0..6) {
        0 => "<stateOrProvince>Nuuk</stateOrProvince>",
        1 => "<stateOrProvince>Qaqortoq</stateOrProvince>",
        2 => "<stateOrProvince xsi:nil=\"true\"/>",
        _ => return String::new(),
    };
    format!("<callingLineIdFirstName>Nivi</callingLineIdFirstName><address>{city}</address>")
}

fn add_user(rng: &mut Rng) -> Sent {
    Sent::new("UserAddRequest17sp4", group(rng) + &user(rng) + &city(rng))
}

fn modify_user(rng: &mut Rng) -> Sent {
    let user_id = one(rng, &USERS);
    let line_port = match rng.u8(0..5) {
        0 => String::new(),
        1 => nil("linePort"),
        2 => element("linePort", user_id),
        _ => element("linePort", one(rng, &IDENTITIES)),
    };
    let endpoint = match rng.u8(0..8) {
        0..=3 => String::new(),
        4 => nil("endpoint"),
        5..=6 => element("endpoint", &element("accessDeviceEndpoint", &format!("<x/>{line_port}"))),
        _ => {
            let device = element("trunkGroupDeviceEndpoint", &format!("<name>pbx</name>{line_port}"));
            element("endpoint", &element("trunkAddressing", &device))
        }
    };
    let body = element("userId", user_id) + &phone(rng) + &endpoint + &city(rng);
    Sent::new("UserModifyRequest17sp4", body)
}

fn password(rng: &mut Rng) -> Sent {
    let password = element("newPassword", &format!("secret-{}", rng.u8(..)));
    Sent::new("UserAuthenticationModifyRequest", user(rng) + &password)
}

fn add_trunk(rng: &mut Rng) -> Sent {
    let user_id = one(rng, &USERS);
    let line_port = if rng.bool() { user_id } else { one(rng, &IDENTITIES) };
    let pilot = element("userId", user_id) + &element("linePort", line_port);
    let password = element("sipAuthenticationPassword", &format!("trunk-{}", rng.u8(..)));
    Sent::new("GroupTrunkGroupAddInstanceRequest21", group(rng) + &element("pilotUser", &pilot) + &password)
}

fn service_type(rng: &mut Rng, act: &str) -> String {
    format!("Group{}{act}InstanceRequest20", one(rng, &SERVICE_KINDS))
}

fn service_id(rng: &mut Rng) -> String {
    element("serviceUserId", one(rng, &SERVICES))
}

fn service(rng: &mut Rng, act: &str, with_group: bool) -> Sent {
    let identity = match rng.u8(0..5) {
        0..=2 => String::new(),
        3 => nil("publicUserIdentity"),
        _ => element("publicUserIdentity", &format!("sip:{}", one(rng, &IDENTITIES))),
    };
    let profile = element("serviceInstanceProfile", &format!("<name>x</name>{}{identity}", phone(rng)));
    let group = if with_group { group(rng) } else { String::new() };
    Sent::new(&service_type(rng, act), group + &service_id(rng) + &profile)
}

fn portal(rng: &mut Rng) -> Sent {
    let profile = phone(rng) + &element("publicUserIdentity", PORTAL);
    let body = group(rng) + &element("serviceInstanceProfile", &profile);
    Sent::new("GroupVoiceMessagingGroupModifyVoicePortalRequest", body)
}

fn mailbox(rng: &mut Rng) -> Sent {
    let account = match rng.u8(0..8) {
        0 => nil("groupMailServerUserId"),
        _ => element("groupMailServerUserId", one(rng, &ACCOUNTS)),
    };
    let password = element("groupMailServerPassword", &format!("mail-{}", rng.u8(..4)));
    let command_type = "UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest";
    Sent::new(command_type, user(rng) + &account + &password)
}

fn list(rng: &mut Rng) -> Sent {
    let user_id = one(rng, &USERS);
    let list = match rng.u8(0..6) {
        0 => nil("listURI"),
        1 => element("listURI", &format!("sip:{user_id}")),
        _ => element("listURI", &format!("sip:{}", one(rng, &LISTS))),
    };
    Sent::new("UserBusyLampFieldModifyRequest", element("userId", user_id) + &list)
}

/// An operator's wish that the systems hold again what a row says.
fn send_again(rng: &mut Rng) -> Sent {
    let user_id = match rng.u8(0..4) {
        0 => one(rng, &SERVICES),
        1 => PORTAL,
        _ => one(rng, &USERS),
    };
    Sent::new(reprovision::COMMAND, element("userId", user_id))
}

/// The domain comes, or goes when nobody has an account there any more.
fn domain(reference: &Reference) -> Sent {
    let is_used = reference.rows.values().any(|row| row.mail_account.is_some());
    let is_there = reference.core.mail.contains_key(DOMAIN);
    let act = if is_there && !is_used { "SystemDomainDeleteRequest" } else { "SystemDomainAddRequest" };
    Sent::new(act, element("domain", DOMAIN))
}
