//! Users: add, modify (type, identity, phone, phone context), delete.

use super::attributes::{Rules, association_id};
use super::draft::Draft;
use super::subject::Subject;
use super::{Decision, Inputs, Refusal, required};
use crate::plan::{Subscriber, UserType};
use crate::wire::Field;
use crate::wire::ocir::Command;

const USER_ID: &str = "userId";
const GROUP_ID: &str = "groupId";
const PHONE: &str = "phoneNumber";
const CITY: &str = "address/stateOrProvince";
/// The profile page always sends this element; what else it sends (the city) counts only with it.
const FIRST_NAME: &str = "callingLineIdFirstName";
const ENDPOINT: &str = "endpoint";
const ACCESS: &str = "endpoint/accessDeviceEndpoint";
const ACCESS_LINE_PORT: &str = "endpoint/accessDeviceEndpoint/linePort";
const TRUNK: &str = "endpoint/trunkAddressing";
const TRUNK_LINE_PORT: &str = "endpoint/trunkAddressing/trunkGroupDeviceEndpoint/linePort";

/// The user, its default identity, and the phone and line ports in the document.
pub fn subject(command: &Command, rules: &Rules) -> Subject {
    let mut subject = Subject::default();
    if let Field::Value(user) = command.field(USER_ID) {
        subject.users.push(user.to_owned());
        // The identity that a user has by default, and falls back to.
        subject.identities.push(user.to_owned());
    }
    if let Field::Value(phone) = command.field(PHONE) {
        subject.phones.push(rules.phone(phone).unwrap_or_else(|_| phone.to_owned()));
    }
    for path in [ACCESS_LINE_PORT, TRUNK_LINE_PORT] {
        if let Field::Value(line_port) = command.field(path) {
            subject.identities.push(without_scheme(line_port).to_owned());
        }
    }
    subject
}

/// UserAddRequest: Create Association, insert the row.
pub fn create(inputs: &Inputs) -> Result<Decision, Refusal> {
    let user_id = required(inputs.command, USER_ID)?;
    if inputs.subscriber.is_some() {
        return Err(Refusal::Exists(user_id.to_owned()));
    }
    let (phone_context, warning) = match stated_context(inputs.command, inputs.rules) {
        Some(stated) => stated,
        None => inputs.rules.phone_context(Field::Absent),
    };
    let subscriber = Subscriber {
        group_id: group(inputs.command)?,
        phone_context: Some(phone_context.clone()),
        ..new_user(user_id)
    };
    let mut draft = Draft::new(inputs.rules, subscriber, phone_context);
    draft.create(Some(inputs.new_password.clone()));
    warning.into_iter().for_each(|warning| draft.warn(warning));
    Ok(Decision::Run(draft.finish()))
}

/// UserModifyRequest: type, identity, phone and context in this order, each against what the one before leaves.
pub fn modify(inputs: &Inputs) -> Result<Decision, Refusal> {
    let command = inputs.command;
    let user_id = required(command, USER_ID)?;
    let phone = phone(command, inputs.rules)?;
    let endpoint = endpoint(command, user_id)?;
    let stated_context = stated_context(command, inputs.rules);
    if phone.is_absent() && endpoint == Endpoint::Absent && stated_context.is_none() {
        return Ok(Decision::Ignore("it carries no phone, endpoint or phone context".into()));
    }
    let subscriber = inputs.subscriber.ok_or_else(|| Refusal::Unknown(user_id.to_owned()))?;
    let is_stated = stated_context.is_some();
    let (phone_context, warning) = stated_context.unwrap_or_else(|| (current_context(inputs), None));
    if phone.is_absent()
        && endpoint == Endpoint::Absent
        && subscriber.phone_context.as_ref() == Some(&phone_context)
    {
        return Ok(Decision::Ignore("its phone context is the subscriber's already".into()));
    }

    let mut draft = Draft::new(inputs.rules, subscriber.clone(), phone_context);
    if let Some(user_type) = endpoint.user_type(subscriber.user_type) {
        draft.set_type(user_type, inputs.new_password);
    }
    if let Some(identity) = endpoint.identity(user_id) {
        draft.set_identity(identity);
    }
    match phone {
        Field::Absent => {}
        Field::Nil => draft.set_phone(None),
        Field::Value(phone) => draft.set_phone(Some(phone)),
    }
    if is_stated {
        draft.set_phone_context();
    }
    warning.into_iter().for_each(|warning| draft.warn(warning));
    Ok(Decision::Run(draft.finish()))
}

/// UserDeleteRequest: everything of the user goes; of one we do not know, the association.
pub fn delete(inputs: &Inputs) -> Result<Decision, Refusal> {
    let user_id = required(inputs.command, USER_ID)?;
    let subscriber = inputs.subscriber.cloned().unwrap_or_else(|| new_user(user_id));
    let orphan = subscriber.mail_account.clone();
    let mut draft = Draft::new(inputs.rules, subscriber, current_context(inputs));
    draft.delete();
    if let Some(account) = orphan {
        draft.warn(format!("mail account {account} is not deleted: mail is not provisioned"));
    }
    Ok(Decision::Run(draft.finish()))
}

/// A user as it begins: with its default identity and nothing else.
fn new_user(user_id: &str) -> Subscriber {
    Subscriber {
        user_id: user_id.to_owned(),
        group_id: None,
        public_identity: user_id.to_owned(),
        user_type: UserType::User,
        phone_context: None,
        association_id: association_id(user_id),
        phone: None,
        mail_account: None,
        mail_password: None,
        blf_list: None,
    }
}

/// The group of the document; an empty element counts as absent.
fn group(command: &Command) -> Result<Option<String>, Refusal> {
    match command.field(GROUP_ID) {
        Field::Absent | Field::Nil | Field::Value("") => Ok(None),
        Field::Value(text) if text.trim().is_empty() => Err(Refusal::Blank(GROUP_ID)),
        Field::Value(text) => Ok(Some(text.to_owned())),
    }
}

/// The phone of the document; an empty element counts as absent.
fn phone(command: &Command, rules: &Rules) -> Result<Field<String>, Refusal> {
    match command.field(PHONE) {
        Field::Value("") | Field::Absent => Ok(Field::Absent),
        Field::Nil => Ok(Field::Nil),
        Field::Value(text) => rules.phone(text).map(Field::Value).map_err(Refusal::Invalid),
    }
}

/// The phone context that the document states, with its warning; `None` where it says nothing about it.
fn stated_context(command: &Command, rules: &Rules) -> Option<(String, Option<String>)> {
    if command.field(FIRST_NAME).is_absent() {
        return None;
    }
    Some(rules.phone_context(command.field(CITY)))
}

/// The context of the subscriber's row, or the default where the row has none.
fn current_context(inputs: &Inputs) -> String {
    let of_row = inputs.subscriber.and_then(|subscriber| subscriber.phone_context.clone());
    of_row.unwrap_or_else(|| inputs.rules.numbering.default_phone_context.clone())
}

/// What a UserModifyRequest says about how the user is reached.
#[derive(Debug, PartialEq)]
enum Endpoint {
    /// Nothing: type and identity stay.
    Absent,
    /// Removed: a plain user with its default identity.
    Nil,
    /// A device of its own, with the identity of its line port where it names one.
    Access(Option<String>),
    /// A trunk group, likewise.
    Trunk(Option<String>),
}

impl Endpoint {
    /// The type that follows; `None` leaves it. A pilot stays pilot whatever the endpoint.
    fn user_type(&self, current: UserType) -> Option<UserType> {
        match self {
            _ if current == UserType::Pilot => None,
            Endpoint::Absent => None,
            Endpoint::Nil | Endpoint::Access(_) => Some(UserType::User),
            Endpoint::Trunk(_) => Some(UserType::Trunk),
        }
    }

    /// The identity that follows; `None` leaves it.
    fn identity(self, user_id: &str) -> Option<String> {
        match self {
            Endpoint::Absent => None,
            Endpoint::Nil => Some(user_id.to_owned()),
            Endpoint::Access(identity) | Endpoint::Trunk(identity) => identity,
        }
    }
}

fn endpoint(command: &Command, user_id: &str) -> Result<Endpoint, Refusal> {
    if command.field(ENDPOINT) == Field::Nil {
        return Ok(Endpoint::Nil);
    }
    match (command.field(TRUNK), command.field(ACCESS)) {
        (Field::Value(_), _) => Ok(Endpoint::Trunk(line_port(command, TRUNK_LINE_PORT, user_id)?)),
        (_, Field::Value(_)) => Ok(Endpoint::Access(line_port(command, ACCESS_LINE_PORT, user_id)?)),
        // The one kind of endpoint is removed and no other given.
        (Field::Nil, _) | (_, Field::Nil) => Ok(Endpoint::Nil),
        (Field::Absent, Field::Absent) => Ok(Endpoint::Absent),
    }
}

/// The identity that a line port gives; removing the line port falls back to the default identity.
fn line_port(command: &Command, path: &'static str, user_id: &str) -> Result<Option<String>, Refusal> {
    match command.field(path) {
        Field::Absent => Ok(None),
        Field::Nil => Ok(Some(user_id.to_owned())),
        Field::Value(text) if text.trim().is_empty() => Err(Refusal::Blank(path)),
        Field::Value(text) => Ok(Some(without_scheme(text).to_owned())),
    }
}

/// The SRD holds identities without their scheme.
fn without_scheme(uri: &str) -> &str {
    uri.strip_prefix("sip:").unwrap_or(uri)
}
