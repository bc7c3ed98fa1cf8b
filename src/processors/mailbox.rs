//! The mail account to which a user's voice messages go.

use super::attributes::Rules;
use super::draft::Draft;
use super::elements::*;
use super::subject::Subject;
use super::{Decision, Inputs, Refusal};
use crate::plan::Plan;
use crate::wire::Field;
use crate::wire::ocir::Command;
use crate::wire::surgemail::MailAccount;

const ACCOUNT: &str = "groupMailServerUserId";
const PASSWORD: &str = "groupMailServerPassword";

/// The user, and its account.
pub fn subject(command: &Command, _: &Rules) -> Subject {
    let mut subject = command.field(USER_ID).value().map(Subject::of_user).unwrap_or_default();
    command.field(ACCOUNT).value().into_iter().for_each(|account| subject.add_mail_account(account));
    subject
}

/// UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest: makes an account that the user does not have.
///
/// A password cannot be changed at the mail server: another one for the same account is a warning.
pub fn modify(inputs: &Inputs) -> Result<Decision, Refusal> {
    let command = inputs.command;
    let user_id = required(command, USER_ID)?;
    if matches!(command.field(ACCOUNT), Field::Absent | Field::Nil) {
        return Ok(Decision::Run(Plan::default()));
    }
    let Some(mail) = &inputs.rules.mail else { return Ok(Decision::no_mail()) };
    let text = required(command, ACCOUNT)?;
    let account = MailAccount::parse(text)
        .ok_or_else(|| Refusal::Invalid(format!("mail account {text:?} is not LOCALPART@DOMAIN")))?;
    let user = known(inputs, user_id)?;
    let mut draft = Draft::new(inputs.rules, user.clone(), current_context(inputs));
    // What differs in case alone is the same mailbox to most servers: to make the one and delete the other would lose it.
    if user.mail_account.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(text)) {
        let password = command.field(PASSWORD).value().filter(|password| !password.is_empty());
        let stored = user.mail_password.as_ref().map(|stored| stored.expose());
        if password.is_some() && password != stored {
            draft.warn("mail password not changed");
        }
    } else {
        draft.set_mail_account(account, required_secret(command, PASSWORD)?, mail.delete_replaced);
    }
    Ok(Decision::Run(draft.finish()))
}
