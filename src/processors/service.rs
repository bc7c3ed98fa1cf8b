//! Services of a group, which are reached but do not register: hunt groups, auto attendants, call centres, conferences,
//! and the group's voice portal.

use super::attributes::{Rules, new_subscriber};
use super::draft::Draft;
use super::elements::*;
use super::subject::Subject;
use super::{Decision, Inputs, Refusal, user};
use crate::plan::{Subscriber, UserType};
use crate::wire::ocir::Command;

const SERVICE_ID: &str = "serviceUserId";
const PHONE: &str = "serviceInstanceProfile/phoneNumber";
const IDENTITY: &str = "serviceInstanceProfile/publicUserIdentity";

/// The service, its group, and the phone and identity in the document.
pub fn subject(command: &Command, rules: &Rules) -> Subject {
    let service = command.field(SERVICE_ID).value();
    about(command, rules, service.map(Subject::of_user).unwrap_or_default())
}

/// The portal, which its public identity names, its group, and the phone in the document.
pub fn portal_subject(command: &Command, rules: &Rules) -> Subject {
    let portal = command.field(IDENTITY).value().map(without_scheme);
    about(command, rules, portal.map(Subject::of_user).unwrap_or_default())
}

fn about(command: &Command, rules: &Rules, mut subject: Subject) -> Subject {
    subject.groups.extend(command.field(GROUP_ID).value().map(str::to_owned));
    subject.phones.extend(phone_name(command, PHONE, rules));
    subject.identities.extend(command.field(IDENTITY).value().map(|uri| without_scheme(uri).to_owned()));
    subject
}

/// Group…AddInstanceRequest: Create PSI Association and the phone, where it has one; the row comes with the last of these.
pub fn create(inputs: &Inputs) -> Result<Decision, Refusal> {
    let service_id = required(inputs.command, SERVICE_ID)?;
    not_known(inputs, service_id)?;
    let identity = identity(inputs.command, IDENTITY, service_id)?;
    create_as(inputs, service_id, identity.unwrap_or_else(|| service_id.to_owned()))
}

/// Group…ModifyInstanceRequest: identity and phone.
pub fn modify(inputs: &Inputs) -> Result<Decision, Refusal> {
    let command = inputs.command;
    let service_id = required(command, SERVICE_ID)?;
    let phone = phone(command, PHONE, inputs.rules)?;
    let identity = identity(command, IDENTITY, service_id)?;
    if phone.is_absent() && identity.is_none() {
        return Ok(Decision::Ignore("it carries no public identity and no phone".into()));
    }
    let service = known(inputs, service_id)?;
    let mut draft = Draft::new(inputs.rules, service.clone(), current_context(inputs));
    identity.into_iter().for_each(|identity| draft.set_identity(identity));
    draft.change_phone(phone);
    Ok(Decision::Run(draft.finish()))
}

/// Group…DeleteInstanceRequest: everything of the service goes.
pub fn delete(inputs: &Inputs) -> Result<Decision, Refusal> {
    user::delete_by(inputs, SERVICE_ID)
}

/// GroupVoiceMessagingGroupModifyVoicePortalRequest: the portal is added where it is new; then its phone.
pub fn modify_portal(inputs: &Inputs) -> Result<Decision, Refusal> {
    let portal_id = without_scheme(required(inputs.command, IDENTITY)?);
    if portal_id.trim().is_empty() {
        return Err(Refusal::Blank(IDENTITY));
    }
    let Some(portal) = inputs.subscriber else { return create_as(inputs, portal_id, portal_id.to_owned()) };
    let phone = phone(inputs.command, PHONE, inputs.rules)?;
    let mut draft = Draft::new(inputs.rules, portal.clone(), current_context(inputs));
    draft.change_phone(phone);
    Ok(Decision::Run(draft.finish()))
}

fn create_as(inputs: &Inputs, user_id: &str, public_identity: String) -> Result<Decision, Refusal> {
    let phone = phone(inputs.command, PHONE, inputs.rules)?;
    let phone_context = inputs.rules.default_phone_context();
    let service = new_subscriber(user_id, UserType::Virtual);
    let subscriber = Subscriber {
        group_id: group(inputs.command)?,
        public_identity,
        phone_context: Some(phone_context.clone()),
        ..service
    };
    let mut draft = Draft::new(inputs.rules, subscriber, phone_context);
    draft.create_service(phone.value());
    Ok(Decision::Run(draft.finish()))
}
