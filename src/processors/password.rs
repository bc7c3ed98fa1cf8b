//! SIP passwords: random ones for associations that are created without one of their own, and those that users set.

use super::attributes::{Rules, association_id};
use super::elements::{USER_ID, required, required_secret};
use super::subject::Subject;
use super::{Decision, Inputs, Refusal};
use crate::plan::{Plan, Request, Step};
use crate::wire::Secret;
use crate::wire::cai3g::HssRequest;
use crate::wire::ocir::Command;

const NEW_PASSWORD: &str = "newPassword";

const LENGTH: usize = 14;
const LETTERS: u8 = 26;

/// 14 letters a–z from the operating system's generator, as the Erlang release makes them.
pub fn random() -> Secret {
    let mut letters = String::with_capacity(LENGTH);
    while letters.len() < LENGTH {
        let mut bytes = [0; 2 * LENGTH];
        getrandom::fill(&mut bytes).expect("the operating system has a random generator");
        // Values above the largest multiple of 26 would make the first letters likelier.
        let unbiased = bytes.iter().filter(|byte| **byte < u8::MAX / LETTERS * LETTERS);
        letters.extend(unbiased.map(|byte| char::from(b'a' + byte % LETTERS)).take(LENGTH - letters.len()));
    }
    Secret::new(letters)
}

/// The user.
pub fn subject(command: &Command, _: &Rules) -> Subject {
    command.field(USER_ID).value().map(Subject::of_user).unwrap_or_default()
}

/// UserAuthenticationModifyRequest: Set password. Nothing of it is in the table of subscribers, so one that we do not
/// know is asked for all the same, and the core answers.
pub fn set(inputs: &Inputs) -> Result<Decision, Refusal> {
    let user_id = required(inputs.command, USER_ID)?;
    let password = required_secret(inputs.command, NEW_PASSWORD)?;
    let of_row = inputs.subscriber.map(|subscriber| subscriber.association_id.clone());
    let association_id = of_row.unwrap_or_else(|| association_id(user_id));
    let request = HssRequest::SetPassword { association_id, private_user_id: user_id.to_owned(), password };
    let step = Step { request: Request::Hss(request), effect: None };
    Ok(Decision::Run(Plan { steps: vec![step], ..Plan::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_fourteen_letters_and_never_the_same() {
        let (one, other) = (random(), random());
        assert_ne!(one, other);
        assert!(one.expose().len() == 14 && one.expose().bytes().all(|byte| byte.is_ascii_lowercase()));
    }
}
