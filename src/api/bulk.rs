//! `/api/v1/bulk`: acts on all events that match a filter. The set is frozen and shown first; nothing is done before it is
//! run.

use super::acts::{Nothing, actor, body, tidy};
use super::event_acts::{bad, wanted};
use super::events::{Selection, Summary};
use super::problem::{Problem, problem};
use super::{Sources, seconds};
use crate::event::Status;
use crate::operators::Order;
use crate::operators::bulk::{self, Cancel, Get, Prepare, Run, State};
use crate::store::Verb;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// What to do, and to which events.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = BulkWish)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// `retry` or `resolve`.
    #[schema(value_type = Act, required)]
    act: Option<Act>,
    /// Of each condition that is given all must hold; without a status failed events alone.
    #[schema(value_type = Option<Filter>)]
    filter: Option<Map<String, Value>>,
    /// Why: one line of at most 500 characters, for the audit. To resolve wants one.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// To retry also where later events about the same subscriber have completed or wait, or where that cannot be known.
    force: Option<bool>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[schema(as = BulkAct)]
#[serde(rename_all = "lowercase")]
enum Act {
    Retry,
    Resolve,
}

/// As the parameters of `/api/v1/events`.
#[derive(Deserialize, ToSchema)]
#[schema(as = BulkFilter)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "describes the filter of a wish")]
struct Filter {
    /// Statuses with commas between them: `failed`, `pending`.
    #[schema(pattern = "^(failed|pending)(,(failed|pending))*$")]
    status: Option<String>,
    #[schema(max_length = 255)]
    command: Option<String>,
    #[schema(max_length = 255)]
    user: Option<String>,
    /// Seconds of the epoch, RFC 3339, or a span back from now.
    #[schema(pattern = "^[1-9][0-9]{0,3}[smhd]$")]
    since: Option<String>,
    #[schema(pattern = "^[1-9][0-9]{0,3}[smhd]$")]
    until: Option<String>,
    #[schema(max_length = 255)]
    text: Option<String>,
    #[schema(max_length = 255)]
    fault: Option<String>,
}

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
    request_body = Wish,
    responses(
        (status = 201, description = "The set is being gathered: ask how it stands", body = Bulk),
        (status = 400, description = "The body does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many sets", body = Problem, content_type = "application/problem+json"),
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
    let Wish { act, filter, reason, force } = body(payload).await?;
    let mut reason = tidy(reason.as_deref()).map_err(bad)?;
    let act = act.ok_or_else(|| bad("act is missing: retry or resolve".to_owned()))?;
    let (verb, possible): (Verb, &[Status]) = match act {
        // Those that the Erlang release left pending; each of ours is refused.
        Act::Retry => (Verb::Retry, &[Status::Failed, Status::Pending]),
        Act::Resolve => (Verb::Resolve, &[Status::Failed, Status::Pending]),
    };
    if verb == Verb::Resolve {
        reason = Some(wanted(reason).map_err(bad)?);
    }
    let selection: Selection = serde_path_to_error::deserialize(Value::Object(filter.unwrap_or_default()))
        .map_err(|error| bad(format!("the body does not fit: filter.{error}")))?;
    let mut filter = selection.filter();
    if let Some(status) = filter.statuses.iter().find(|status| !possible.contains(status)) {
        return Err(bad(format!("filter.status: nothing to {} in events that are {status}", verb.as_str())));
    }
    if filter.statuses.is_empty() {
        filter.statuses = vec![Status::Failed];
    }
    let order = Order { verb, actor: actor(request), reason, force: force.unwrap_or_default() };
    match sources.bulks.send(Prepare { filter, order }).await {
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
