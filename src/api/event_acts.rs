//! `POST /api/v1/events/{id}/retry` and `/resolve`: what operators do to one event.

use super::acts::{actor, body, outcome, reason, status_of, tidy};
use super::problem::{Problem, bad, extended, problem};
use super::{Sources, event, event_plan};
use crate::operators::{ActOn, Done, Later, Order, Refusal};
use crate::preview::Foreseen;
use crate::store::Verb;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::ToSchema;

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Why: one line of at most 500 characters, for the audit.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// Also where later events about the same subscriber have completed or wait, or where that cannot be known.
    force: bool,
}

#[derive(Serialize, ToSchema)]
struct Retried {
    id: i64,
    /// `pending`.
    status: &'static str,
    /// The attempt that is to come.
    attempt: u32,
    /// As things are now: `resumes` goes on at the step that failed; `anew`: somebody has changed the subscriber or the
    /// configuration since, or nothing had been done, so that it is planned anew.
    plan: &'static str,
}

/// The body of [`resolve`], which wants a reason that says something.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes what is read as a reason that may be missing, and is then told")]
struct Resolution {
    /// Why nothing is to be done: one line of at most 500 characters, for the audit.
    #[schema(max_length = 500, pattern = "[!-~]")]
    reason: String,
}

#[derive(Serialize, ToSchema)]
struct Resolved {
    id: i64,
    /// `ignored`.
    status: &'static str,
}

/// Puts a failed event, or one that the Erlang release left pending, back to run.
#[utoipa::path(
    post,
    path = "/api/v1/events/{id}/retry",
    params(("id" = i64, Path, description = "Number of the event")),
    request_body = Retry,
    responses(
        (status = 200, description = "It is pending again", body = Retried),
        (status = 400, description = "The body or the number does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It has not failed, or `later` events have completed or wait, or that is `unknown`: then with the `plan` that it would send",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn retry(
    sources: Data<Sources>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let done = try_retry(&sources, &id, &request, payload).await;
    done.unwrap_or_else(|answer| answer)
}

async fn try_retry(
    sources: &Sources,
    id: &str,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, HttpResponse> {
    let number = event::number(id).map_err(bad)?;
    let Retry { reason, force } = body(payload).await?;
    let reason = tidy(reason).map_err(bad)?;
    let order = Order { verb: Verb::Retry, actor: actor(request), reason, force };
    let done = match carried_out(sources, number, order).await? {
        Ok(done) => done,
        Err(Refusal::Later(later)) => return Err(later_events(sources, number, later).await),
        Err(refusal) => return Err(refused(number, &refusal)),
    };
    let plan = if done.resumes { "resumes" } else { "anew" };
    let status = Verb::Retry.status().as_str();
    Ok(HttpResponse::Ok().json(Retried { id: number, status, attempt: done.attempt, plan }))
}

/// Lets a failed or pending event be: it ends ignored, with the reason.
#[utoipa::path(
    post,
    path = "/api/v1/events/{id}/resolve",
    params(("id" = i64, Path, description = "Number of the event")),
    request_body = Resolution,
    responses(
        (status = 200, description = "It is ignored", body = Resolved),
        (status = 400, description = "The reason is missing, or the number does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is neither failed nor pending", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn resolve(
    sources: Data<Sources>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let done = try_resolve(&sources, &id, &request, payload).await;
    done.unwrap_or_else(|answer| answer)
}

async fn try_resolve(
    sources: &Sources,
    id: &str,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, HttpResponse> {
    let number = event::number(id).map_err(bad)?;
    let reason = wanted(reason(payload).await?).map_err(bad)?;
    let order = Order { verb: Verb::Resolve, actor: actor(request), reason: Some(reason), force: false };
    let done = carried_out(sources, number, order).await?.map_err(|refusal| refused(number, &refusal))?;
    let status = Verb::Resolve.status().as_str();
    Ok(HttpResponse::Ok().json(Resolved { id: done.event, status }))
}

/// What has come of an order; the error is the answer where that is not known.
async fn carried_out(
    sources: &Sources,
    event: i64,
    order: Order,
) -> Result<Result<Done, Refusal>, HttpResponse> {
    outcome(sources.acts.send(ActOn { event, order }), &format!("/api/v1/events/{event}")).await
}

/// The reason without which nothing is resolved.
pub fn wanted(reason: Option<String>) -> Result<String, String> {
    reason.ok_or_else(|| "to resolve wants a reason: why is nothing to be done?".to_owned())
}

/// The answer that says why nothing has been done.
fn refused(event: i64, refusal: &Refusal) -> HttpResponse {
    problem(status_of(refusal), format!("event {event}: {refusal}"))
}

/// What the operator should know before a retry is forced: which events came later, or why that cannot be known, and what
/// it would send now.
async fn later_events(sources: &Sources, id: i64, later: Later) -> HttpResponse {
    // Where it cannot be told, what came later is told all the same.
    let plan = foreseen(sources, id).await;
    let detail = format!(
        "event {id}: {}; a retry may undo what they did: look at its plan, and force it if that is right",
        Refusal::Later(later.clone())
    );
    let mut members = Map::new();
    members.insert("later".to_owned(), json!(later.events));
    if let Some(unknown) = later.unknown {
        members.insert("unknown".to_owned(), json!(unknown.to_string()));
    }
    members.insert("plan".to_owned(), json!(plan));
    extended(StatusCode::CONFLICT, detail, members)
}

async fn foreseen(sources: &Sources, id: i64) -> Option<Foreseen> {
    let event = sources.store.event(id).await.ok().flatten()?;
    event_plan::foresee(sources.config.get(), &sources.store, &event).await.ok()
}
