//! The management interface: a request becomes an answer here, whatever carries both.
//!
//! What is answered where the description of the protocol is silent is taken from OpenSIPS' source: that an event which is not published is a bad
//! parameter to who subscribes, and "Event not registered" to who raises it; 480 where nobody has subscribed to what is raised.

pub(super) mod datagram;
pub(super) mod fifo;
pub(super) mod http;

use super::core::{Core, METHODS, Outcome, Shared};
use super::misbehaviour::Misbehaviour;
use super::version::Language;
use crate::wire::mi::{Failure, NOT_PUBLISHED, Reply, Request, json, text};
use bytes::Bytes;
use serde_json::Value;
use std::time::Duration;

const NO_JSON: i32 = json::PARSE_ERROR.0;
const NOT_REGISTERED: (i32, &str) = (404, "Event not registered");
const NOBODY_IS_TOLD: (i32, &str) = (480, "Temporarily Unavailable");
const BROKEN: (i32, &str) = (500, "Internal server error");

/// What carries a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    Datagram,
    Fifo,
    Http,
}

/// What is answered, and when.
pub(super) struct Answer {
    pub after: Duration,
    pub bytes: Vec<u8>,
    /// No answer of this interface, nor of what carries it.
    pub is_garbage: bool,
}

/// A request that was read, as far as it could be.
struct Asked {
    request: Result<Request, Failure>,
    /// Of JSON.
    id: Option<Value>,
}

/// Does what is asked; `None` where nothing is answered.
pub(super) fn answer(shared: &Shared, request: &[u8], carrier: Carrier) -> Option<Answer> {
    let language = shared.options.version.language();
    let asked = Asked::read(language, request);
    let mut core = shared.core();
    if asked.request.is_err() {
        core.counts.unreadable += 1;
    }
    let outcome = asked.request.as_ref().map_or(Outcome::Broken, |request| core.carry_out(request));
    let reply = |id: Option<&Value>| match language {
        Language::Text => Some(asked.in_text(&outcome, shared)),
        Language::Json => asked.in_json(&outcome, id, shared, carrier),
    };
    let honest = reply(asked.id.as_ref());
    let answer = misbehave(&mut core, honest, language, || reply(Some(&Value::from(999_999_999))))?;
    core.counts.answers += 1;
    Some(answer)
}

/// What is said in place of an honest answer.
fn misbehave(
    core: &mut Core,
    honest: Option<Vec<u8>>,
    language: Language,
    of_nobody: impl Fn() -> Option<Vec<u8>>,
) -> Option<Answer> {
    let before = std::mem::replace(&mut core.answer_before, honest.clone());
    let honest = honest?;
    let mut after = Duration::ZERO;
    let bytes = match &core.misbehaviour {
        Misbehaviour::None | Misbehaviour::Failing | Misbehaviour::Truncating { .. } => honest,
        Misbehaviour::Silent => return None,
        Misbehaviour::Late(time) => {
            after = *time;
            honest
        }
        Misbehaviour::Plain if language == Language::Json => json::PARSE_ERROR_IN_TEXT.into(),
        Misbehaviour::WrongId if language == Language::Json => of_nobody()?,
        Misbehaviour::Plain | Misbehaviour::WrongId => honest,
        Misbehaviour::OfAnother => before?,
        Misbehaviour::Garbage(bytes) => Bytes::clone(bytes).to_vec(),
    };
    Some(Answer { after, bytes, is_garbage: matches!(core.misbehaviour, Misbehaviour::Garbage(_)) })
}

impl Asked {
    fn read(language: Language, bytes: &[u8]) -> Asked {
        match language {
            Language::Text => {
                let request = text::parse_request(bytes).map(|received| received.request);
                Asked { request, id: None }
            }
            Language::Json => match json::parse_request(bytes) {
                Ok(received) => Asked { request: Ok(received.request), id: received.id },
                Err(refused) => Asked { request: Err(refused.failure), id: refused.id },
            },
        }
    }

    fn in_text(&self, outcome: &Outcome, shared: &Shared) -> Vec<u8> {
        if *outcome == Outcome::Methods {
            let lines: String = METHODS.iter().map(|method| format!(":: {method}\n")).collect();
            return format!("200 OK\n{lines}\n").into_bytes();
        }
        let request = self.request.as_ref().unwrap_or(&Request::Version);
        text::reply(&self.reply(outcome, shared), request)
    }

    fn in_json(
        &self,
        outcome: &Outcome,
        id: Option<&Value>,
        shared: &Shared,
        carrier: Carrier,
    ) -> Option<Vec<u8>> {
        let code = self.request.as_ref().err().map(|failure| failure.code);
        let id = match (code, carrier) {
            (Some(NO_JSON), Carrier::Datagram) => return Some(json::PARSE_ERROR_IN_TEXT.into()),
            (Some(NO_JSON), Carrier::Fifo) => return None,
            (Some(NO_JSON), Carrier::Http) => &Value::Null,
            // A notification, which is done and not answered.
            _ => id?,
        };
        if *outcome == Outcome::Methods {
            let methods = serde_json::json!(METHODS);
            return Some(format!(r#"{{"jsonrpc":"2.0","result":{methods},"id":{id}}}"#).into_bytes());
        }
        let request = self.request.as_ref().unwrap_or(&Request::Version);
        Some(json::reply(&self.reply(outcome, shared), request, id))
    }

    fn reply(&self, outcome: &Outcome, shared: &Shared) -> Reply {
        if let Err(failure) = &self.request {
            return Reply::Failed(failure.clone());
        }
        let version = shared.options.version;
        let failure = match (outcome, version.language()) {
            (Outcome::Version, _) => {
                return Reply::Version(format!("OpenSIPS ({version} (x86_64/linux))"));
            }
            (Outcome::Reply(reply), _) => return reply.clone(),
            (Outcome::BadParameter, Language::Text) => text::BAD_PARAMETER.into(),
            (Outcome::BadParameter, Language::Json) => json::BAD_PARAMETER.into(),
            (Outcome::WrongParameters, Language::Text) => text::WRONG_COUNT.into(),
            (Outcome::WrongParameters, Language::Json) => json::invalid("Named parameters do not match"),
            (Outcome::NotPublished, _) => NOT_PUBLISHED.into(),
            (Outcome::NoSubscriber, _) => json::NO_SUBSCRIBER.into(),
            (Outcome::NotRegistered, _) => NOT_REGISTERED.into(),
            (Outcome::NobodyIsTold, _) => NOBODY_IS_TOLD.into(),
            (Outcome::NoSuchMethod, Language::Text) => text::UNKNOWN_COMMAND.into(),
            (Outcome::NoSuchMethod, Language::Json) => json::UNKNOWN_METHOD.into(),
            (Outcome::Methods | Outcome::Broken, _) => BROKEN.into(),
        };
        Reply::Failed(failure)
    }
}
