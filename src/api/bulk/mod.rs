//! `/api/v1/bulk`: acts on all events that match a filter. The set is frozen and shown first; nothing is done before it is
//! run.

mod wish;

use super::acts::{Nothing, actor, body};
use super::events::Summary;
use super::problem::{Problem, bad, problem};
use super::{Sources, seconds};
use crate::operators::bulk::{self, Cancel, Get, Run, State};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use wish::{BulkWish, Wish};

/// A frozen set of events, and what has become of it.
#[derive(Serialize, ToSchema)]
struct Bulk {
    bulk: Uuid,
    /// `retry` or `resolve`.
    act: &'static str,
    /// `gathering`, `prepared`, `running`, `done`, `cancelled`, or `expired`: not run in time, or not to be gathered.
    state: &'static str,
    count: usize,
    /// There are more events than a set can hold.
    truncated: bool,
    /// The first events.
    samples: Vec<Summary>,
    /// Events to which it has been done.
    done: usize,
    /// Events to which it could not be done.
    refused: usize,
    /// Why, of the first of them.
    refusals: Vec<Refused>,
    /// Who has prepared it, then who has run it.
    by: String,
    reason: Option<String>,
    /// Why it could not be gathered.
    failure: Option<String>,
    /// What it waits for before it goes on, as for a store that is away.
    waits: Option<String>,
    /// When it is forgotten, in seconds of the epoch; not before it is done.
    expires: f64,
}

#[derive(Serialize, ToSchema)]
struct Refused {
    id: i64,
    reason: String,
}

impl From<bulk::Bulk> for Bulk {
    fn from(bulk: bulk::Bulk) -> Bulk {
        let refused =
            |(id, refusal): (i64, crate::operators::Refusal)| Refused { id, reason: refusal.to_string() };
        Bulk {
            bulk: bulk.id,
            act: bulk.order.verb.as_str(),
            state: word(bulk.state),
            count: bulk.count,
            truncated: bulk.truncated,
            samples: bulk.samples.into_iter().map(Summary::from).collect(),
            done: bulk.done,
            refused: bulk.refused,
            refusals: bulk.refusals.into_iter().map(refused).collect(),
            by: bulk.order.actor,
            reason: bulk.order.reason,
            failure: bulk.failure,
            waits: bulk.waits,
            expires: seconds(bulk.expires),
        }
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Gathering => "gathering",
        State::Prepared => "prepared",
        State::Running => "running",
        State::Done => "done",
        State::Cancelled => "cancelled",
        State::Expired => "expired",
    }
}

/// Freezes the set of events that match; nothing is done to them.
#[utoipa::path(
    post,
    path = "/api/v1/bulk",
    request_body = BulkWish,
    responses(
        (status = 201, description = "The set is being gathered: ask how it stands", body = Bulk),
        (status = 400, description = "The body does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many sets are being run", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn prepare(sources: Data<Sources>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let prepared = try_prepare(&sources, &request, payload).await;
    prepared.unwrap_or_else(|answer| answer)
}

async fn try_prepare(
    sources: &Sources,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, HttpResponse> {
    let wish: Wish = body(payload).await?;
    match sources.bulks.send(wish.prepare(actor(request)).map_err(bad)?).await {
        Ok(Ok(bulk)) => Ok(HttpResponse::Created().json(Bulk::from(bulk))),
        Ok(Err(busy)) => Err(problem(StatusCode::SERVICE_UNAVAILABLE, busy.to_string())),
        Err(error) => Err(problem(StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
    }
}

/// How a set stands.
#[utoipa::path(
    get,
    path = "/api/v1/bulk/{bulk}",
    params(("bulk" = Uuid, Path, description = "Of the answer to its preparation")),
    responses(
        (status = 200, description = "The set", body = Bulk),
        (status = 400, description = "That is no uuid", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is none, or not any more", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(sources: Data<Sources>, id: Path<String>) -> HttpResponse {
    match uuid(&id) {
        Ok(id) => answer(StatusCode::OK, sources.bulks.send(Get(id)).await),
        Err(detail) => bad(detail),
    }
}

/// Does it to every event of a prepared set, oldest first.
#[utoipa::path(
    post,
    path = "/api/v1/bulk/{bulk}/run",
    params(("bulk" = Uuid, Path, description = "Of the answer to its preparation")),
    request_body = Nothing,
    responses(
        (status = 202, description = "It is running, or is what it was where it was not prepared", body = Bulk),
        (status = 400, description = "That is no uuid", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is none, or not any more", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn run(
    sources: Data<Sources>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    match asked(&id, payload).await {
        Ok(id) => answer(StatusCode::ACCEPTED, sources.bulks.send(Run { id, actor: actor(&request) }).await),
        Err(refused) => refused,
    }
}

/// Ends a set: no further event of it is acted on.
#[utoipa::path(
    post,
    path = "/api/v1/bulk/{bulk}/cancel",
    params(("bulk" = Uuid, Path, description = "Of the answer to its preparation")),
    request_body = Nothing,
    responses(
        (status = 200, description = "The set", body = Bulk),
        (status = 400, description = "That is no uuid", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is none, or not any more", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn cancel(sources: Data<Sources>, id: Path<String>, payload: Payload) -> HttpResponse {
    match asked(&id, payload).await {
        Ok(id) => answer(StatusCode::OK, sources.bulks.send(Cancel(id)).await),
        Err(refused) => refused,
    }
}

/// The set that an act without a body is about; the error is the answer.
async fn asked(id: &str, payload: Payload) -> Result<Uuid, HttpResponse> {
    let id = uuid(id).map_err(bad)?;
    body::<Nothing>(payload).await.map(|Nothing {}| id)
}

fn uuid(id: &str) -> Result<Uuid, String> {
    id.parse().map_err(|_| format!("{id:?} is not the uuid of a bulk"))
}

fn answer(status: StatusCode, bulk: Result<Option<bulk::Bulk>, actix::MailboxError>) -> HttpResponse {
    match bulk {
        Ok(Some(bulk)) => HttpResponse::build(status).json(Bulk::from(bulk)),
        Ok(None) => {
            let detail = "there is no such bulk: it was forgotten, or the daemon has been restarted since";
            problem(StatusCode::NOT_FOUND, detail)
        }
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}
