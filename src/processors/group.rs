//! Groups: deleting one deletes all its members.

use super::attributes::Rules;
use super::draft::Draft;
use super::elements::*;
use super::subject::Subject;
use super::{Decision, Inputs, Refusal};
use crate::plan::Plan;
use crate::wire::ocir::Command;

/// The whole group.
pub fn subject(command: &Command, _: &Rules) -> Subject {
    let whole_group = command.field(GROUP_ID).value().map(str::to_owned);
    Subject { whole_group, ..Subject::default() }
}

/// GroupDeleteRequest: every member goes as by its own deletion. A member whose row cannot be read fails the event
/// after the others are done.
pub fn delete(inputs: &Inputs) -> Result<Decision, Refusal> {
    required(inputs.command, GROUP_ID)?;
    let mut plan = Plan::default();
    for member in inputs.members {
        match member {
            Ok(member) => {
                plan.add_member(&member.user_id, Draft::deletion(inputs.rules, member.clone()));
            }
            Err(error) => plan.unplanned.push(error.clone()),
        }
    }
    Ok(Decision::Run(plan))
}
