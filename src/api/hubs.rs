//! `/api/v1/hubs`: all who have registered for topics, how far each has got, and the acts that have one go on.

use super::acts::{Reason, actor, body, outcome, reason};
use super::parameters::{Limit, Parameters};
use super::problem::{Problem, bad, problem, unreadable};
use super::times::Moment;
use super::{Sources, seconds};
use crate::store::{DeadLetter, HubAttempt, HubState};
use crate::topics::hubs::Hubs;
use crate::topics::hubs::messages::{Failing, Halt, HubError, HubStatus, List, Remove, Replay, Resume, Show};
use actix::Addr;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Attempts and dead letters that are shown with a hub, at most.
const SHOWN: usize = 100;

/// Which page.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Hubs of this topic.
    #[param(value_type = String, required = false)]
    topic: Option<String>,
    /// Hubs of a page, at most.
    #[param(value_type = u64, minimum = 1, maximum = 500, default = 50)]
    limit: Limit<50, 500>,
    /// `next` of the page before.
    #[param(value_type = Uuid, required = false)]
    cursor: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Hubs)]
struct Listed {
    /// The oldest first.
    hubs: Vec<Hub>,
    /// What `cursor` must be for the page behind it; null where there is none.
    next: Option<Uuid>,
}

/// Who has registered for a topic.
#[derive(Serialize, ToSchema)]
struct Hub {
    id: Uuid,
    topic: String,
    /// Without what stands behind its `?`, which may be a secret.
    callback: String,
    query: Option<String>,
    /// The name of the token that it was registered with; empty where nobody needed one.
    owner: String,
    /// Seconds of the epoch.
    created: f64,
    /// `active` or `halted`.
    state: &'static str,
    halted: Option<Halted>,
    /// The number of the last event that it has got, or that an operator has skipped: `webhook-sequence`; 0 where there is none.
    sequence: i64,
    /// Events of its topic that it has not got, whether or not its query wants them.
    backlog: u64,
    failing: Option<FailingDelivery>,
    /// Whether events are being sent once more.
    replaying: bool,
}

/// Since when nothing is delivered, and why.
#[derive(Serialize, ToSchema)]
#[schema(as = HubHalted)]
struct Halted {
    /// Seconds of the epoch.
    since: f64,
    reason: String,
}

/// A delivery that has failed and is tried again.
#[derive(Serialize, ToSchema)]
#[schema(as = HubFailing)]
struct FailingDelivery {
    event: Uuid,
    /// Seconds of the epoch.
    since: f64,
    attempts: u32,
    next_attempt: f64,
    last: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HubShown)]
struct Shown {
    #[serde(flatten)]
    hub: Hub,
    /// Deliveries that have failed, the latest first.
    attempts: Vec<Attempt>,
    /// Events that were skipped, the latest first.
    dead_letters: Vec<Skipped>,
}

/// A delivery that has failed.
#[derive(Serialize, ToSchema)]
#[schema(as = HubAttempt)]
struct Attempt {
    event: Uuid,
    /// From 1.
    attempt: u32,
    /// Seconds of the epoch.
    at: f64,
    outcome: String,
    /// Of the answer, where there was one.
    status: Option<u16>,
    millis: u64,
    detail: Option<String>,
}

/// An event that was skipped.
#[derive(Serialize, ToSchema)]
#[schema(as = HubDeadLetter)]
struct Skipped {
    event: Uuid,
    name: String,
    source: String,
    /// When it was received, in seconds of the epoch.
    received: f64,
    /// When it was skipped.
    at: f64,
    /// By whom.
    actor: String,
    reason: String,
}

/// What is to be sent once more.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = HubReplay)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Received then or later: seconds of the epoch, RFC 3339, or a span back from now (`90s`, `15m`, `72h`, `7d`).
    #[serde(default)]
    #[schema(value_type = String, required, example = "2h", pattern = "^([0-9]{1,10}(\\.[0-9]{1,6})?|[0-9]{1,4}[smhd]|(20[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|20([02468][048]|[13579][26])-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]))$")]
    since: Option<Moment>,
    /// Received then or earlier; now where it is left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^([0-9]{1,10}(\\.[0-9]{1,6})?|[0-9]{1,4}[smhd]|(20[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|20([02468][048]|[13579][26])-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]))$")]
    until: Option<Moment>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HubReplayed)]
struct Replayed {
    id: Uuid,
    /// Events of its topic that were received in that time; it gets those of them that its query wants and that it has not posted itself.
    events: u64,
    /// Whether it is halted, so that nothing is sent before it is resumed.
    halted: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HubRemoved)]
struct Removed {
    id: Uuid,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HubStopped)]
struct Stopped {
    id: Uuid,
    halted: Halted,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HubResumed)]
struct Resumed {
    id: Uuid,
    /// Whether the event for which it stood was passed over; not where nothing waited for it.
    skipped: bool,
}

/// All who have registered for topics, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/hubs",
    params(Page),
    responses(
        (status = 200, description = "A page of hubs", body = Listed),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No Event Management is configured", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Hubs do not answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(sources: Data<Sources>, page: Parameters<Page>) -> HttpResponse {
    let Page { topic, limit, cursor } = page.0;
    let Some(hubs) = &sources.hubs else { return none_configured() };
    let mut all: Vec<HubStatus> = match outcome(hubs.send(List), "/api/v1/hubs").await {
        Ok(all) => all,
        Err(answer) => return answer,
    };
    all.sort_unstable_by_key(|status| status.hub.id);
    let is_wanted = |status: &HubStatus| {
        topic.as_ref().is_none_or(|topic| *topic == status.hub.topic)
            && cursor.is_none_or(|cursor| status.hub.id > cursor)
    };
    let mut wanted = all.into_iter().filter(is_wanted);
    let hubs: Vec<Hub> = wanted.by_ref().take(limit.get()).map(Hub::from).collect();
    let next = wanted.next().and(hubs.last()).map(|hub| hub.id);
    HttpResponse::Ok().json(Listed { hubs, next })
}

/// One of them, with the deliveries that have failed and the events that were skipped.
#[utoipa::path(
    get,
    path = "/api/v1/hubs/{id}",
    params(("id" = Uuid, Path, description = "Of the hub")),
    responses(
        (status = 200, description = "The hub", body = Shown),
        (status = 404, description = "There is no such hub, or no Event Management", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Hubs do not answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(sources: Data<Sources>, id: Path<String>) -> HttpResponse {
    match shown(&sources, &id).await {
        Ok(shown) => HttpResponse::Ok().json(shown),
        Err(answer) => answer,
    }
}

async fn shown(sources: &Sources, id: &str) -> Result<Shown, HttpResponse> {
    let (uuid, hubs) = meant(sources, id).await?;
    let status = outcome(hubs.send(Show(uuid)), "/api/v1/hubs").await?.ok_or_else(|| missing(id))?;
    let attempts = sources.store.hub_attempts(uuid, SHOWN).await.map_err(|error| unreadable(&error))?;
    let letters = sources.store.dead_letters(uuid, SHOWN).await.map_err(|error| unreadable(&error))?;
    Ok(Shown {
        hub: status.into(),
        attempts: attempts.into_iter().map(Attempt::from).collect(),
        dead_letters: letters.into_iter().map(Skipped::from).collect(),
    })
}

/// Ends a hub, whoever's it is, and whatever is being delivered to it.
#[utoipa::path(
    delete,
    path = "/api/v1/hubs/{id}",
    params(("id" = Uuid, Path, description = "Of the hub")),
    responses(
        (status = 200, description = "It is ended", body = Removed),
        (status = 403, description = "A page of another site may not act", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such hub, or no Event Management", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be written now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn remove(sources: Data<Sources>, id: Path<String>, request: HttpRequest) -> HttpResponse {
    removed(&sources, &id, &request).await.unwrap_or_else(|answer| answer)
}

async fn removed(sources: &Sources, id: &str, request: &HttpRequest) -> Result<HttpResponse, HttpResponse> {
    let (id, hubs) = meant(sources, id).await?;
    let act = hubs.send(Remove { id, owner: None, actor: actor(request) });
    outcome(act, "/api/v1/hubs").await?.map_err(|error| refused(&error))?;
    Ok(HttpResponse::Ok().json(Removed { id }))
}

/// Delivers nothing more to a hub until it is resumed; what waits for it stays in the log. `reason` stands in the alarm, too.
#[utoipa::path(
    post,
    path = "/api/v1/hubs/{id}/halt",
    params(("id" = Uuid, Path, description = "Of the hub")),
    request_body(content = Reason, description = "Why; may be left out"),
    responses(
        (status = 200, description = "It is halted", body = Stopped),
        (status = 400, description = "The body does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "A page of another site may not act", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such hub, or no Event Management", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is halted already", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be written now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn halt(
    sources: Data<Sources>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    stop(&sources, &id, &request, payload).await.unwrap_or_else(|answer| answer)
}

async fn stop(
    sources: &Sources,
    id: &str,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, HttpResponse> {
    let reason = reason(payload).await?;
    let (id, hubs) = meant(sources, id).await?;
    let act = hubs.send(Halt { id, actor: actor(request), reason });
    let (since, reason) = outcome(act, "/api/v1/hubs").await?.map_err(|error| refused(&error))?;
    Ok(HttpResponse::Ok().json(Stopped { id, halted: Halted { since: seconds(since), reason } }))
}

/// Delivers again to a hub that is halted, beginning with the event that could not be delivered.
#[utoipa::path(
    post,
    path = "/api/v1/hubs/{id}/resume",
    params(("id" = Uuid, Path, description = "Of the hub")),
    request_body(content = Reason, description = "Why; may be left out"),
    responses(
        (status = 200, description = "It goes on", body = Resumed),
        (status = 400, description = "The body does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "A page of another site may not act", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such hub, or no Event Management", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not halted", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be written now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn resume(
    sources: Data<Sources>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    go_on(&sources, &id, false, &request, payload).await.unwrap_or_else(|answer| answer)
}

/// Delivers again to a hub that is halted, beginning behind the event that could not be delivered: that is kept as a dead letter.
#[utoipa::path(
    post,
    path = "/api/v1/hubs/{id}/skip",
    params(("id" = Uuid, Path, description = "Of the hub")),
    request_body(content = Reason, description = "Why; may be left out"),
    responses(
        (status = 200, description = "It goes on", body = Resumed),
        (status = 400, description = "The body does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "A page of another site may not act", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such hub, or no Event Management", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not halted", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be written now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn skip(
    sources: Data<Sources>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    go_on(&sources, &id, true, &request, payload).await.unwrap_or_else(|answer| answer)
}

async fn go_on(
    sources: &Sources,
    id: &str,
    skip: bool,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, HttpResponse> {
    let reason = reason(payload).await?;
    let (id, hubs) = meant(sources, id).await?;
    let act = hubs.send(Resume { id, actor: actor(request), skip, reason });
    let skipped = outcome(act, "/api/v1/hubs").await?.map_err(|error| refused(&error))?;
    Ok(HttpResponse::Ok().json(Resumed { id, skipped }))
}

/// Sends the events of a topic that were received in a time to one of its hubs once more, before anything new. They have the same
/// `webhook-id` as before, no `webhook-sequence`, and `webhook-replay: true`.
#[utoipa::path(
    post,
    path = "/api/v1/hubs/{id}/replay",
    params(("id" = Uuid, Path, description = "Of the hub")),
    request_body = Wish,
    responses(
        (status = 200, description = "They are sent once more", body = Replayed),
        (status = 400, description = "The body does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "A page of another site may not act", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such hub, or no Event Management", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nothing was received in that time, or the log has it no longer", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be written now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn replay(
    sources: Data<Sources>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    again(&sources, &id, &request, payload).await.unwrap_or_else(|answer| answer)
}

async fn again(
    sources: &Sources,
    id: &str,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, HttpResponse> {
    let Wish { since, until } = body(payload).await?;
    let since =
        since.ok_or_else(|| bad("the body lacks since: the time from which events are sent again"))?.0;
    let until = until.map_or_else(SystemTime::now, |until| until.0);
    let (id, hubs) = meant(sources, id).await?;
    let act = hubs.send(Replay { id, since, until, actor: actor(request) });
    let done = outcome(act, "/api/v1/hubs").await?.map_err(|error| refused(&error))?;
    Ok(HttpResponse::Ok().json(Replayed { id, events: done.events, halted: done.is_halted }))
}

fn none_configured() -> HttpResponse {
    problem(StatusCode::NOT_FOUND, "there is no [event_management] in the configuration")
}

/// The hub that a path names, and whom to ask for it.
async fn meant<'a>(sources: &'a Sources, id: &str) -> Result<(Uuid, &'a Addr<Hubs>), HttpResponse> {
    let hubs = sources.hubs.as_ref().ok_or_else(none_configured)?;
    Ok((Uuid::parse_str(id).map_err(|_| missing(id))?, hubs))
}

fn missing(id: &str) -> HttpResponse {
    let id: String = id.chars().take(100).collect();
    problem(StatusCode::NOT_FOUND, format!("there is no hub {id:?}"))
}

fn refused(error: &HubError) -> HttpResponse {
    let status = match error {
        HubError::BadCallback(_) | HubError::BadQuery(_) => StatusCode::BAD_REQUEST,
        HubError::UnknownTopic(_) | HubError::NoSuchHub => StatusCode::NOT_FOUND,
        HubError::NotAllowed(_) => StatusCode::FORBIDDEN,
        HubError::TooMany(_)
        | HubError::TooManyOfOwner(_)
        | HubError::NotHalted
        | HubError::AlreadyHalted
        | HubError::NothingThere => StatusCode::CONFLICT,
        HubError::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    problem(status, error.to_string())
}

impl From<HubStatus> for Hub {
    fn from(status: HubStatus) -> Hub {
        let HubStatus { hub, cursor, backlog, failing } = status;
        let (state, halted) = match hub.state {
            HubState::Active => ("active", None),
            HubState::Halted { since, reason } => ("halted", Some(Halted { since: seconds(since), reason })),
        };
        Hub {
            id: hub.id,
            topic: hub.topic,
            callback: without_query(&hub.callback),
            query: hub.query,
            owner: hub.owner,
            created: seconds(hub.created),
            state,
            halted,
            sequence: cursor.number,
            backlog,
            failing: failing.map(FailingDelivery::from),
            replaying: hub.replay.is_some(),
        }
    }
}

/// Some have a token there.
fn without_query(callback: &str) -> String {
    callback.split_once('?').map_or_else(|| callback.to_owned(), |(path, _)| format!("{path}?***"))
}

impl From<Failing> for FailingDelivery {
    fn from(failing: Failing) -> FailingDelivery {
        let Failing { since, attempts, next_attempt, last, event } = failing;
        FailingDelivery { event, since: seconds(since), attempts, next_attempt: seconds(next_attempt), last }
    }
}

impl From<HubAttempt> for Attempt {
    fn from(attempt: HubAttempt) -> Attempt {
        let HubAttempt { hub: _, event, sequence: _, attempt, at, outcome, status, millis, detail } = attempt;
        Attempt { event, attempt, at: seconds(at), outcome, status, millis, detail }
    }
}

impl From<DeadLetter> for Skipped {
    fn from(letter: DeadLetter) -> Skipped {
        let DeadLetter { hub: _, logged, at, actor, reason } = letter;
        let event = logged.event;
        Skipped {
            event: event.uuid,
            name: event.name.to_string(),
            source: event.source.to_string(),
            received: seconds(event.at),
            at: seconds(at),
            actor,
            reason,
        }
    }
}
