//! Users: add, modify (type, identity, phone, phone context), delete.

use super::attributes::{Rules, new_subscriber};
use super::draft::Draft;
use super::elements::*;
use super::subject::Subject;
use super::{Decision, Inputs, Refusal};
use crate::plan::{Subscriber, UserType};
use crate::wire::Field;
use crate::wire::ocir::Command;

const PHONE: &str = "phoneNumber";
const CITY: &str = "address/stateOrProvince";
/// The profile page always sends this element; what else it sends (the city) counts only with it.
const FIRST_NAME: &str = "callingLineIdFirstName";
const ENDPOINT: &str = "endpoint";
const ACCESS: &str = "endpoint/accessDeviceEndpoint";
const ACCESS_LINE_PORT: &str = "endpoint/accessDeviceEndpoint/linePort";
const TRUNK: &str = "endpoint/trunkAddressing";
const TRUNK_LINE_PORT: &str = "endpoint/trunkAddressing/trunkGroupDeviceEndpoint/linePort";

/// The user, its default identity, its group, and the phone and line ports in the document.
pub fn subject(command: &Command, rules: &Rules) -> Subject {
    let mut subject = command.field(USER_ID).value().map(Subject::of_user).unwrap_or_default();
    subject.groups.extend(command.field(GROUP_ID).value().map(str::to_owned));
    subject.phones.extend(phone_name(command, PHONE, rules));
    let line_ports = [ACCESS_LINE_PORT, TRUNK_LINE_PORT].into_iter();
    let identities = line_ports.filter_map(|path| command.field(path).value());
    subject.identities.extend(identities.map(|line_port| without_scheme(line_port).to_owned()));
    subject
}

/// UserAddRequest: Create Association, insert the row.
pub fn create(inputs: &Inputs) -> Result<Decision, Refusal> {
    let user_id = required(inputs.command, USER_ID)?;
    not_known(inputs, user_id)?;
    let (phone_context, warning) = match stated_context(inputs.command, inputs.rules) {
        Some(stated) => stated,
        None => (inputs.rules.default_phone_context(), None),
    };
    let subscriber = Subscriber {
        group_id: group(inputs.command)?,
        phone_context: Some(phone_context.clone()),
        ..new_subscriber(user_id, UserType::User)
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
    let phone = phone(command, PHONE, inputs.rules)?;
    let endpoint = endpoint(command, user_id)?;
    let stated_context = stated_context(command, inputs.rules);
    if phone.is_absent() && endpoint == Endpoint::Absent && stated_context.is_none() {
        return Ok(Decision::Ignore("it carries no phone, endpoint or phone context".into()));
    }
    let subscriber = known(inputs, user_id)?;
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
    draft.change_phone(phone);
    if is_stated {
        draft.set_phone_context();
    }
    warning.into_iter().for_each(|warning| draft.warn(warning));
    Ok(Decision::Run(draft.finish()))
}

/// UserDeleteRequest, and the deletion of a service: everything of the user goes; of one we do not know, the
/// association.
pub fn delete(inputs: &Inputs) -> Result<Decision, Refusal> {
    delete_by(inputs, USER_ID)
}

/// The deletion of whom `path` names.
pub fn delete_by(inputs: &Inputs, path: &'static str) -> Result<Decision, Refusal> {
    let user_id = required(inputs.command, path)?;
    let subscriber = inputs.subscriber.cloned().unwrap_or_else(|| new_subscriber(user_id, UserType::User));
    Ok(Decision::Run(Draft::deletion(inputs.rules, subscriber)))
}

/// The phone context that the document states, with its warning; `None` where it says nothing about it.
fn stated_context(command: &Command, rules: &Rules) -> Option<(String, Option<String>)> {
    if command.field(FIRST_NAME).is_absent() {
        return None;
    }
    Some(rules.phone_context(command.field(CITY)))
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
        (Field::Value(_), _) => Ok(Endpoint::Trunk(identity(command, TRUNK_LINE_PORT, user_id)?)),
        (_, Field::Value(_)) => Ok(Endpoint::Access(identity(command, ACCESS_LINE_PORT, user_id)?)),
        // The one kind of endpoint is removed and no other given.
        (Field::Nil, _) | (_, Field::Nil) => Ok(Endpoint::Nil),
        (Field::Absent, Field::Absent) => Ok(Endpoint::Absent),
    }
}
