//! Trunk groups: the pilot user, which registers for all of them.

use super::attributes::{Rules, new_subscriber};
use super::draft::Draft;
use super::elements::*;
use super::subject::Subject;
use super::{Decision, Inputs, Refusal};
use crate::plan::{Subscriber, UserType};
use crate::wire::ocir::Command;

const PILOT: &str = "pilotUser/userId";
const LINE_PORT: &str = "pilotUser/linePort";
const PASSWORD: &str = "sipAuthenticationPassword";

/// The pilot, its group and its line port.
pub fn subject(command: &Command, _: &Rules) -> Subject {
    let mut subject = command.field(PILOT).value().map(Subject::of_user).unwrap_or_default();
    subject.groups.extend(command.field(GROUP_ID).value().map(str::to_owned));
    subject.identities.extend(command.field(LINE_PORT).value().map(|line| without_scheme(line).to_owned()));
    subject
}

/// GroupTrunkGroupAddInstanceRequest: Create Association of the pilot with the trunk's password, insert the row.
pub fn create(inputs: &Inputs) -> Result<Decision, Refusal> {
    let command = inputs.command;
    let user_id = required(command, PILOT)?;
    required(command, LINE_PORT)?;
    let identity = identity(command, LINE_PORT, user_id)?;
    let password = required_secret(command, PASSWORD)?;
    not_known(inputs, user_id)?;
    let phone_context = inputs.rules.default_phone_context();
    let pilot = new_subscriber(user_id, UserType::Pilot);
    let subscriber = Subscriber {
        group_id: group(command)?,
        public_identity: identity.unwrap_or_else(|| user_id.to_owned()),
        phone_context: Some(phone_context.clone()),
        ..pilot
    };
    let mut draft = Draft::new(inputs.rules, subscriber, phone_context);
    draft.create(Some(password));
    Ok(Decision::Run(draft.finish()))
}
