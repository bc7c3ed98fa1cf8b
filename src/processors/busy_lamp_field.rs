//! Busy lamp fields: the list of a user's monitored phones is a service of its own in the core.

use super::attributes::Rules;
use super::draft::Draft;
use super::elements::*;
use super::subject::Subject;
use super::{Decision, Inputs, Refusal};
use crate::plan::Plan;
use crate::wire::Field;
use crate::wire::ocir::Command;

const LIST: &str = "listURI";

/// The user, and the list in the document.
pub fn subject(command: &Command, _: &Rules) -> Subject {
    let mut subject = command.field(USER_ID).value().map(Subject::of_user).unwrap_or_default();
    subject.identities.extend(command.field(LIST).value().map(|uri| without_scheme(uri).to_owned()));
    subject
}

/// UserBusyLampFieldModifyRequest: sets, changes or removes the list. The user's own id stands for no list.
pub fn modify(inputs: &Inputs) -> Result<Decision, Refusal> {
    let user_id = required(inputs.command, USER_ID)?;
    let list = match inputs.command.field(LIST) {
        Field::Absent => return Ok(Decision::Run(Plan::default())),
        _ => identity(inputs.command, LIST, user_id)?.filter(|list| list != user_id),
    };
    let user = known(inputs, user_id)?;
    let mut draft = Draft::new(inputs.rules, user.clone(), current_context(inputs));
    draft.set_blf_list(list);
    Ok(Decision::Run(draft.finish()))
}
