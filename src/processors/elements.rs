//! Elements that several commands share: ids, group, phone, identity.

use super::attributes::Rules;
use super::{Inputs, Refusal};
use crate::plan::Subscriber;
use crate::wire::ocir::Command;
use crate::wire::{Field, Secret};

pub const USER_ID: &str = "userId";
pub const GROUP_ID: &str = "groupId";

/// The text of an element that the command cannot do without.
pub fn required<'c>(command: &'c Command, path: &'static str) -> Result<&'c str, Refusal> {
    match command.field(path) {
        Field::Absent | Field::Nil | Field::Value("") => Err(Refusal::Missing(path)),
        Field::Value(text) if text.trim().is_empty() => Err(Refusal::Blank(path)),
        Field::Value(text) => Ok(text),
    }
}

/// A password that the command cannot do without. It may be of blanks: nobody but its owner judges it.
pub fn required_secret(command: &Command, path: &'static str) -> Result<Secret, Refusal> {
    match command.field(path) {
        Field::Absent | Field::Nil | Field::Value("") => Err(Refusal::Missing(path)),
        Field::Value(text) => Ok(Secret::new(text)),
    }
}

/// The row of the subscriber that the command cannot do without.
pub fn known<'a>(inputs: &Inputs<'a>, user_id: &str) -> Result<&'a Subscriber, Refusal> {
    inputs.subscriber.ok_or_else(|| Refusal::Unknown(user_id.to_owned()))
}

/// Refuses to add what is there already.
pub fn not_known(inputs: &Inputs, user_id: &str) -> Result<(), Refusal> {
    match inputs.subscriber {
        None => Ok(()),
        Some(_) => Err(Refusal::Exists(user_id.to_owned())),
    }
}

/// The group of the document; an empty element counts as absent.
pub fn group(command: &Command) -> Result<Option<String>, Refusal> {
    match command.field(GROUP_ID) {
        Field::Absent | Field::Nil | Field::Value("") => Ok(None),
        Field::Value(text) if text.trim().is_empty() => Err(Refusal::Blank(GROUP_ID)),
        Field::Value(text) => Ok(Some(text.to_owned())),
    }
}

/// The phone at `path`; an empty element counts as absent.
pub fn phone(command: &Command, path: &'static str, rules: &Rules) -> Result<Field<String>, Refusal> {
    match command.field(path) {
        Field::Value("") | Field::Absent => Ok(Field::Absent),
        Field::Nil => Ok(Field::Nil),
        Field::Value(text) => rules.phone(text).map(Field::Value).map_err(Refusal::Invalid),
    }
}

/// The phone at `path` as a name of a subject: one that cannot be read stands as it is written.
pub fn phone_name(command: &Command, path: &'static str, rules: &Rules) -> Option<String> {
    let text = command.field(path).value()?;
    Some(rules.phone(text).unwrap_or_else(|_| text.to_owned()))
}

/// The public identity at `path`; removing it falls back to the default identity, the user id. `None` leaves it.
pub fn identity(command: &Command, path: &'static str, user_id: &str) -> Result<Option<String>, Refusal> {
    match command.field(path) {
        Field::Absent => Ok(None),
        Field::Nil => Ok(Some(user_id.to_owned())),
        Field::Value(text) if without_scheme(text).trim().is_empty() => Err(Refusal::Blank(path)),
        Field::Value(text) => Ok(Some(without_scheme(text).to_owned())),
    }
}

/// The SRD holds identities without their scheme.
pub fn without_scheme(uri: &str) -> &str {
    uri.strip_prefix("sip:").unwrap_or(uri)
}

/// The context of the subscriber's row, or the default where the row has none.
pub fn current_context(inputs: &Inputs) -> String {
    let of_row = inputs.subscriber.and_then(|subscriber| subscriber.phone_context.clone());
    of_row.unwrap_or_else(|| inputs.rules.default_phone_context())
}
