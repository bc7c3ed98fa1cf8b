//! Why a command was not carried out, as OpenSIPS says it, with more to those who can read it.

use crate::wire::mi::json::{BAD_PARAMETER, NO_SUBSCRIBER, UNKNOWN_METHOD};
use crate::wire::mi::{Failure, NOT_PUBLISHED, text};

/// A parameter that cannot be meant.
pub fn bad(parameter: &str, reason: String) -> Failure {
    Failure { data: Some(format!("{parameter}: {reason}")), ..BAD_PARAMETER.into() }
}

/// Nobody hands out such an event.
pub fn unpublished() -> Failure {
    let why = "no [[route]] with \"to\" and no [evi.names] names it, and it has not come yet";
    Failure { data: Some(why.to_owned()), ..NOT_PUBLISHED.into() }
}

/// There is no such subscription.
pub fn absent() -> Failure {
    NO_SUBSCRIBER.into()
}

/// It cannot be done as things stand.
pub fn refused(reason: &str) -> Failure {
    Failure { code: 500, message: reason.to_owned(), data: None }
}

/// The database cannot be written now.
pub fn store_away(reason: &str) -> Failure {
    Failure { code: 503, message: "Store not available".to_owned(), data: Some(reason.to_owned()) }
}

/// It was not done in time; what was begun goes on.
pub fn too_late() -> Failure {
    let why = "subscribers_list shows what stands";
    Failure { code: 503, message: "Not done in time".to_owned(), data: Some(why.to_owned()) }
}

/// What is to be answered does not fit into a datagram.
pub fn too_long() -> Failure {
    refused("Too long for a datagram: ask over HTTP")
}

/// There is no such command.
pub fn no_method() -> Failure {
    UNKNOWN_METHOD.into()
}

/// As the language of OpenSIPS 1 and 2 has it.
pub fn in_text(failure: Failure) -> Failure {
    match failure.code {
        code if code == UNKNOWN_METHOD.0 => text::UNKNOWN_COMMAND.into(),
        code if code == BAD_PARAMETER.0 => text::BAD_PARAMETER.into(),
        _ => Failure { data: None, ..failure },
    }
}
