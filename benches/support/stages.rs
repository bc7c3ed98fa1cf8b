//! A day at the portal: so many of each kind of command, one kind after the other.

use crate::testing::documents::{self, Profile};
use bytes::{Bytes, BytesMut};
use eventmanager::simulators::broadworks::encode;

/// The members of the group that is deleted.
const MEMBERS: u32 = 1000;
/// Commands that nobody acts on: 1.2 kB each, as they are common.
const IGNORED: u32 = 100_000;
/// Of the daemon to the mail server, at most.
const MAIL_CONNECTIONS: usize = 8;
const GROUP: &str = "KNI-700";

/// Documents of one kind, for distinct subscribers.
pub struct Stage {
    pub name: &'static str,
    pub documents: Bytes,
    pub events: u64,
    /// What is counted: events, or the members of the group.
    pub units: u32,
    /// Else it only prepares the next ones.
    pub is_measured: bool,
    /// Whether anything is sent for it.
    pub has_requests: bool,
    /// Requests under way at a time, at most, where they are fewer than elsewhere.
    pub at_once: Option<usize>,
    /// What the original did of this in a second at best, on two cores with an EMA that answered at once.
    pub original: Option<f64>,
}

impl Stage {
    fn new(name: &'static str, events: u32, document: impl Fn(u32) -> String) -> Stage {
        let mut documents = BytesMut::new();
        for number in 0..events {
            documents.extend_from_slice(&encode(&document(number)));
        }
        Stage {
            name,
            documents: documents.freeze(),
            events: events.into(),
            units: events,
            is_measured: true,
            has_requests: true,
            at_once: None,
            original: None,
        }
    }

    fn beside(self, original: f64) -> Stage {
        Stage { original: Some(original), ..self }
    }
}

/// The stages in the order in which they build on each other.
pub fn portal_day(users: u32) -> Vec<Stage> {
    let prepares = |stage: Stage| Stage { is_measured: false, ..stage };
    vec![
        Stage::new("UserAdd", users, |n| documents::add(n.into(), &user(n))).beside(44.0),
        Stage::new("set phone", users, |n| documents::set_phone(n.into(), &user(n), &phone(n))).beside(19.0),
        Stage::new("new identity with phone", users, new_identity).beside(17.0),
        Stage::new("set password", users, |n| documents::password(n.into(), &user(n), "s3cret-and-new")),
        Stage::new("delete with phone", users, |n| documents::delete(n.into(), &user(n))).beside(27.0),
        Stage::new("service add with phone", users, service),
        prepares(Stage::new("members", MEMBERS, |n| documents::add_to(n.into(), GROUP, &member(n)))),
        prepares(Stage::new("phones", MEMBERS, |n| documents::set_phone(n.into(), &member(n), &phone(n)))),
        Stage { at_once: Some(MAIL_CONNECTIONS), ..Stage::new("mail account", MEMBERS, mail_account) },
        Stage {
            units: MEMBERS,
            ..Stage::new("group deletion, members", 1, |n| documents::group_delete(n.into(), GROUP))
        },
        Stage { has_requests: false, ..Stage::new("received and ignored", IGNORED, ignored) }.beside(94.0),
    ]
}

/// What nobody acts on.
pub fn ignored(number: u32) -> String {
    let body = format!("<userId>anna@tele.gl</userId><note>{}</note>", "a few words about it ".repeat(24));
    documents::report(number.into(), "UserServiceAssignListRequest", &body)
}

fn user(number: u32) -> String {
    format!("user{number}@tele.gl")
}

fn member(number: u32) -> String {
    format!("member{number}@tele.gl")
}

fn phone(number: u32) -> String {
    (300_000 + number).to_string()
}

fn new_identity(number: u32) -> String {
    let (user, line_port) = (user(number), format!("line{number}@tele.gl"));
    let body = format!(
        "<userId>{user}</userId><endpoint><accessDeviceEndpoint><linePort>{line_port}</linePort>\
         </accessDeviceEndpoint></endpoint>"
    );
    documents::report(number.into(), "UserModifyRequest17sp4", &body)
}

fn mail_account(number: u32) -> String {
    let account = format!("member{number}@mail.tele.gl");
    documents::voicemail(number.into(), &member(number), Some((&account, "s3cret")))
}

fn service(number: u32) -> String {
    let (name, phone) = (format!("service{number}@tele.gl"), (600_000 + number).to_string());
    let profile = Profile { phone: Some(&phone), identity: None };
    documents::service_add(number.into(), "HuntGroup", "KNI-014", &name, profile)
}
