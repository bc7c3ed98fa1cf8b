//! What all acts over HTTP have in common: a name for who did it, and a reason.

use super::access::{Caller, guard};
use super::parameters;
use super::problem::{bad, problem, wrong_method_of_act, wrong_method_of_an_end, wrong_method_of_both};
use crate::operators::Refusal;
use crate::wire::json;
use actix::MailboxError;
use actix_web::dev::HttpServiceFactory;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, Handler, HttpMessage, HttpRequest, HttpResponse, Responder, middleware, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use utoipa::ToSchema;

/// Characters of a reason, at most.
const LONGEST_REASON: usize = 500;
/// Characters of a user's name, at most.
const LONGEST_NAME: usize = 64;

/// Who asks, as the CLI says it; taken where nothing better is known.
pub const OPERATOR_HEADER: &str = "X-Operator";

/// A path that acts: POST, anything else is 405. It takes no parameters.
pub fn act<F, Args>(path: &str, handler: F) -> impl HttpServiceFactory + use<F, Args>
where
    F: Handler<Args>,
    F::Output: Responder + 'static,
    Args: FromRequest + 'static,
{
    web::resource(path.to_owned())
        .route(web::post().to(handler))
        .default_service(web::to(wrong_method_of_act))
        .wrap(middleware::from_fn(parameters::none))
        .wrap(middleware::from_fn(guard))
}

/// How an act is asked for at a path that is read as well.
#[derive(Debug, Clone, Copy)]
pub enum By {
    Post,
    /// It ends the resource.
    Delete,
}

/// A path that is read with GET and acted on. It takes no parameters.
pub fn read_and_act<R, RArgs, F, Args>(
    path: &str,
    read: R,
    by: By,
    handler: F,
) -> impl HttpServiceFactory + use<R, RArgs, F, Args>
where
    R: Handler<RArgs> + Copy,
    R::Output: Responder + 'static,
    RArgs: FromRequest + 'static,
    F: Handler<Args>,
    F::Output: Responder + 'static,
    Args: FromRequest + 'static,
{
    let (act, otherwise) = match by {
        By::Post => (web::post(), web::to(wrong_method_of_both)),
        By::Delete => (web::delete(), web::to(wrong_method_of_an_end)),
    };
    web::resource(path.to_owned())
        .route(web::get().to(read))
        .route(web::head().to(read))
        .route(act.to(handler).wrap(middleware::from_fn(guard)))
        .default_service(otherwise)
        .wrap(middleware::from_fn(parameters::none))
}

fn token(request: &HttpRequest) -> Option<String> {
    request.extensions().get::<Caller>().and_then(|caller| caller.name.clone())
}

/// Who acts: the name of the token, or `local`, with the name of the user where the CLI tells it.
pub fn actor(request: &HttpRequest) -> String {
    if let Some(name) = token(request) {
        return name;
    }
    let user = request.headers().get(OPERATOR_HEADER).and_then(|user| user.to_str().ok());
    let user: String = user.unwrap_or_default().trim().chars().take(LONGEST_NAME).collect();
    if user.is_empty() { "local".to_owned() } else { format!("local ({user})") }
}

/// The body of an act that wants nothing but a reason, if that.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why: one line of at most 500 characters, for the audit.
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// The body of an act that wants nothing: `{}`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The reason that a request gives for its act; the error is its answer.
pub async fn reason(payload: web::Payload) -> Result<Option<String>, HttpResponse> {
    let Reason { reason } = body(payload).await?;
    tidy(reason).map_err(bad)
}

/// The body of an act; an empty one is `{}`. The error is the answer to a body that is none. [`guard`] has read it
/// already.
pub async fn body<T: DeserializeOwned + Default>(body: web::Payload) -> Result<T, HttpResponse> {
    let bytes = body.to_bytes().await.map_err(|error| bad(format!("the body cannot be read: {error}")))?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    // An object, and not a list of its values.
    let not_an_object = |reason: String| bad(format!("the body is no JSON object: {reason}"));
    let body = json::unique(&bytes).map_err(|error| not_an_object(error.to_string()))?;
    if !body.is_object() {
        return Err(not_an_object("it is another value".to_owned()));
    }
    serde_path_to_error::deserialize(body).map_err(|error| bad(format!("the body does not fit: {error}")))
}

/// An act that is not done by then is answered; it is carried out all the same as soon as it can be stored.
const ACT_LIMIT: Duration = Duration::from_secs(5);

/// What an actor says of an act, as far as it says so in time; `place` is where to look otherwise.
pub async fn outcome<T>(
    act: impl Future<Output = Result<T, MailboxError>>,
    place: &str,
) -> Result<T, HttpResponse> {
    let unknown =
        |why: &str| problem(StatusCode::SERVICE_UNAVAILABLE, format!("{why}; {place} shows what stands"));
    match tokio::time::timeout(ACT_LIMIT, act).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(unknown(&format!("the act may have been carried out or not: {error}"))),
        Err(_) => {
            Err(unknown("the store does not answer: the act is carried out as soon as it can be stored"))
        }
    }
}

/// The status of the answer to an act that was not done.
pub fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Gone => StatusCode::NOT_FOUND,
        Refusal::Status(..)
        | Refusal::NothingProvisioned
        | Refusal::NotActedOn
        | Refusal::Later(_)
        | Refusal::UnderWay(_) => StatusCode::CONFLICT,
        Refusal::StoreAway(_) | Refusal::TooMany => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Unreadable(_) | Refusal::Rejected(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A reason as the audit has it; the error says that it is too long.
pub fn tidy(reason: Option<String>) -> Result<Option<String>, String> {
    reason.map_or(Ok(None), |reason| line(&reason))
}

/// One line of text, so that a table stays a table; `None` where nothing is left of it.
fn line(reason: &str) -> Result<Option<String>, String> {
    let length = reason.chars().count();
    if length > LONGEST_REASON {
        return Err(format!("the reason has {length} characters, allowed are {LONGEST_REASON}"));
    }
    let line: String = reason.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Ok(Some(line).filter(|line| !line.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_some_length() {
        let check = |reason: &str, expected: Option<&str>| {
            assert_eq!(line(reason), Ok(expected.map(str::to_owned)), "{reason:?}");
        };
        check("  ", None);
        check(" upgrade\nof the HSS\u{1b}[2J ", Some("upgrade of the HSS [2J"));
        check(&"æ".repeat(500), Some(&"æ".repeat(500)));
        assert!(line(&"æ".repeat(501)).is_err_and(|reason| reason.contains("501")));
    }
}
